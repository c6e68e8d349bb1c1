import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { KillableBrowser, servePage } from "./storage-browser";
import { type StoragePage } from "./storage-page";

declare const storagePage: StoragePage;

const chromiumIsThere = existsSync(process.env["HYPERTAB_CHROMIUM"] ?? "/usr/bin/chromium");
/** HYPERTAB_KILLS=200 for the long test. */
const KILLS = Number(process.env["HYPERTAB_KILLS"] ?? 6);

describe.skipIf(!chromiumIsThere)("disks in IndexedDB", () => {
  let server: Awaited<ReturnType<typeof servePage>>;
  let profile: string;
  beforeAll(async () => {
    server = await servePage("browser/storage-page.ts");
    profile = mkdtempSync(join(tmpdir(), "hypertab-profile-"));
  });
  afterAll(() => {
    server.stop();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  });

  test("what was flushed outlives a killed browser", { timeout: 60_000 + KILLS * 15_000 }, async () => {
    let acknowledged = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const browser = await KillableBrowser.start(profile);
      try {
        const page = await browser.open(server.address);
        if (kill === 0) await page.evaluate(() => storagePage.create("crash", 48));
        const found = await page.evaluate((last) => storagePage.verifyRecords("crash", last), acknowledged);
        expect(found).toEqual({ missing: [], errors: [] });
        const before = acknowledged;
        await page.exposeFunction("acknowledge", (number: number) => (acknowledged = Math.max(acknowledged, number)));
        void page
          .evaluate(
            (first) =>
              storagePage.writeRecords(
                "crash",
                first,
                (globalThis as unknown as Record<string, never>)["acknowledge"]!,
              ),
            acknowledged + 1,
          )
          .catch(() => undefined);
        while (acknowledged === before) await sleep(5);
        // Another moment each time.
        await sleep(37 + ((kill * 61) % 200));
      } finally {
        await browser.kill();
      }
    }
    const browser = await KillableBrowser.start(profile);
    try {
      const page = await browser.open(server.address);
      const found = await page.evaluate((last) => storagePage.verifyRecords("crash", last), acknowledged);
      expect(found).toEqual({ missing: [], errors: [] });
      expect(acknowledged).toBeGreaterThan(KILLS * 2);
      expect(await page.evaluate(() => storagePage.list())).toEqual([{ name: "crash", size: expect.any(Number) }]);
    } finally {
      await browser.kill();
    }
  });

  test("a torn end of Chromium's own log costs nothing that was flushed", { timeout: 120_000 }, async () => {
    const torn = mkdtempSync(join(tmpdir(), "hypertab-profile-"));
    const run = async (last: number, create = false): Promise<number> => {
      const browser = await KillableBrowser.start(torn);
      try {
        const page = await browser.open(server.address);
        if (create) await page.evaluate(() => storagePage.create("torn", 48));
        const found = await page.evaluate((number) => storagePage.verifyRecords("torn", number), last);
        expect(found).toEqual({ missing: [], errors: [] });
        await page.evaluate((first) => storagePage.writeSome("torn", first, 20), last + 1);
        return last + 20;
      } finally {
        await browser.kill();
      }
    };
    try {
      const written = await run(0, true);
      const folder = join(torn, "Default/IndexedDB");
      const database = join(
        folder,
        readdirSync(folder).find((name) => name.endsWith(".leveldb"))!,
      );
      const log = readdirSync(database)
        .filter((name) => name.endsWith(".log"))
        .sort()
        .at(-1)!;
      // What a kill amid an append leaves: the begin of a record, whose content was never acknowledged.
      const begin = Buffer.from([1, 2, 3, 4, 0x00, 0x40, 1, ...Array<number>(100).fill(9)]);
      appendFileSync(join(database, log), begin);
      for (let last = written, times = 0; times < 3; times++) last = await run(last);
    } finally {
      rmSync(torn, { recursive: true, force: true, maxRetries: 5 });
    }
  });

  test("one tab owns a disk; another one is told so", { timeout: 60_000 }, async () => {
    const browser = await KillableBrowser.start(profile);
    try {
      const [first, second] = [await browser.open(server.address), await browser.open(server.address)];
      await first.evaluate(() => storagePage.create("owned", 8));
      expect(await first.evaluate(() => storagePage.hold("owned"))).toBe("open");
      expect(await second.evaluate(() => storagePage.hold("owned"))).toBe(
        "busy: the disk 'owned' is open in another tab; close it there first",
      );
      await first.close();
      await expect.poll(() => second.evaluate(() => storagePage.hold("owned"))).toBe("open");
    } finally {
      await browser.kill();
    }
  });

  /** A measurement, not a test: it is there only for who asks. */
});
