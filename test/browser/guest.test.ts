import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkCrashedDisk, e2fsprogsIsThere } from "../guests/check-disk";
import { CRASH_WORK, CrashConsole } from "../guests/crash-guest";
import { enterpriseLinux6 } from "../guests/guest-names";
import { qemuImgIsThere, randomNumbers } from "../unit/storage/helpers";
import { BrowserGuest } from "./guest-browser";
import { KillableBrowser } from "./storage-browser";

const chromiumIsThere = existsSync(process.env["HYPERTAB_CHROMIUM"] ?? "/usr/bin/chromium");
/** HYPERTAB_GUEST_KILLS=200 for the long test. */
const KILLS = Number(process.env["HYPERTAB_GUEST_KILLS"] ?? 3);
/** A kill comes up to so many ms after the guest began to write. */
const KILL_WITHIN_MS = 2000;
const BOOT_MS = 300_000;

/** Makes a file system with a file in it, or reads the file that is there, and tells its hash. */
const KEEP_WORK = `
if [ $mkfs = 1 ]; then dd if=/dev/urandom of=/disk/file bs=64k count=64 2>/dev/null; sync; fi
echo "#sum $(sha256sum </disk/file)#"
readlink -f /sys/block/sda/device/../../.. | sed 's|.*|#device &#|'
`;

const el6 = await enterpriseLinux6();

describe.skipIf(!chromiumIsThere).each(["debian", ...(el6 === undefined ? [] : [el6])])("%s in a page", (name) => {
  let profile: string;
  let guest: BrowserGuest | undefined;
  let browser: KillableBrowser | undefined;
  beforeEach(() => {
    profile = mkdtempSync(join(tmpdir(), "hypertab-guest-profile-"));
  });
  afterEach(async () => {
    await browser?.kill().catch(() => undefined);
    browser = undefined;
    guest?.stop();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  });

  test("reads its ext4 after the browser was closed and opened again", async () => {
    guest = await BrowserGuest.serve(name, KEEP_WORK);
    const run = async (mkfs: 0 | 1): Promise<string> => {
      browser = await KillableBrowser.start(profile);
      const page = await guest!.open(browser);
      let text = "";
      let ended: string | null | undefined;
      await guest!.boot(page, { mkfs }, (console, reason) => {
        text += console;
        ended = reason ?? ended;
      });
      await expect.poll(() => ended, { timeout: BOOT_MS, interval: 100 }).toBeDefined();
      await browser.close();
      browser = undefined;
      expect(text).not.toContain("#failed");
      expect(text).toMatch(/#device .*vmbus.*#/i);
      return /#sum ([0-9a-f]{64}) /.exec(text)?.[1] ?? text.slice(-2000);
    };
    const written = await run(1);
    expect(written).toMatch(/^[0-9a-f]{64}$/);
    expect(await run(0)).toBe(written);
  });
});

describe.skipIf(!chromiumIsThere || !qemuImgIsThere || !e2fsprogsIsThere)("a browser that is killed", () => {
  test("keeps every record that its guest was told is durable", { timeout: 120_000 + KILLS * 60_000 }, async () => {
    const guest = await BrowserGuest.serve(el6 ?? "debian", CRASH_WORK);
    const profile = mkdtempSync(join(tmpdir(), "hypertab-guest-profile-"));
    const random = randomNumbers(Number(process.env["HYPERTAB_SEED"] ?? 1));
    const wrong: string[] = [];
    let last = 0;
    let total = 0;
    let kills = 0;
    try {
      // The last round only looks at the one before.
      for (let round = 1; round <= KILLS + 1; round++) {
        const note = (line: string): void => {
          wrong.push(`after kill ${round - 1}: ${line}`);
          process.stdout.write(`${wrong.at(-1)}\n`);
        };
        const browser = await KillableBrowser.start(profile);
        try {
          const page = await guest.open(browser);
          if (round > 1) {
            const disk = await guest.disk(page);
            (await checkCrashedDisk(disk, join(profile, "checked"), round - 1, last)).forEach(note);
          }
          const console = new CrashConsole();
          const end = Date.now() + BOOT_MS;
          await guest.boot(page, { mkfs: round === 1 ? 1 : 0, round, last, records: 1e6 }, (text) =>
            console.feed(text),
          );
          while (round === 1 ? console.acknowledged === 0 : console.checked === undefined) {
            if (Date.now() > end) throw new Error(`round ${round}: nothing more from the guest:\n${console.recent}`);
            await sleep(5);
          }
          if (round > 1) {
            if (console.checked !== 0) note(`e2fsck in the guest ended with ${console.checked}:\n${console.recent}`);
            console.missing(round - 1, last).forEach((record) => note(`the guest misses record ${record}`));
          }
          if (round <= KILLS) await sleep(random(KILL_WITHIN_MS));
          await browser.kill();
          console.failures.forEach(note);
          if (round <= KILLS) kills++;
          last = console.acknowledged;
          total += last;
        } catch (error) {
          await browser.kill().catch(() => undefined);
          throw error;
        }
        if (round % 5 === 0) process.stdout.write(`${round} rounds, ${total} records, ${wrong.length} wrong\n`);
      }
    } finally {
      process.stdout.write(`${kills} kills, ${total} acknowledged records, ${wrong.length} wrong\n`);
      guest.stop();
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    }
    expect(wrong).toEqual([]);
    expect(total).toBeGreaterThan(KILLS);
  });
});
