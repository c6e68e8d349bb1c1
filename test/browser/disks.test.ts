import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BrowserContext, Locator } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { MIB, pattern, qemuCheck, qemuImg, qemuImgIsThere, SOUND } from "../unit/storage/helpers";
import { DiskPanelPage } from "./disk-panel";
import { chromiumIsThere, openProfile, Playground, PlaygroundServer } from "./playground";

describe.skipIf(!chromiumIsThere || !qemuImgIsThere)("disks in the page", () => {
  let server: PlaygroundServer;
  let folder: string;
  let browser: BrowserContext;
  let playground: Playground;
  let disks: DiskPanelPage;
  beforeAll(async () => {
    server = await PlaygroundServer.start();
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "hypertab-page-disks-"));
    await openTab();
  });
  afterEach(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  /** A browser with the profile of this test, and the page in it. */
  async function openTab(query = ""): Promise<void> {
    browser = await openProfile(join(folder, "profile"));
    playground = new Playground(await browser.newPage());
    disks = new DiskPanelPage(playground.page);
    await playground.page.goto(`${server.address}${query}`);
    await disks.open();
  }

  function virtualSize(path: string): number {
    return (JSON.parse(qemuImg("info", "--output=json", "-f", "vhdx", path)) as { "virtual-size": number })[
      "virtual-size"
    ];
  }

  /** 24 MiB with gaps of zeros, as a raw image. */
  function rawImage(path: string): string {
    const content = new Uint8Array(24 * MIB);
    for (const at of [0, 3, 4, 15, 23]) content.set(pattern(MIB / 2 + 512 * at, at), at * MIB);
    writeFileSync(path, content);
    return path;
  }

  it("are made, imported, exported, resized, and deleted", async () => {
    await disks.create("work", "64M");
    await expect.poll(() => disks.message()).toContain("Made the disk 'work'");
    expect(await disks.facts("work")).toMatch(/^64 MiB, .* used$/);
    const [work, raw] = [join(folder, "work.vhdx"), rawImage(join(folder, "some.raw"))];
    await disks.export("work", work);
    expect(qemuCheck(work)).toEqual(SOUND);
    expect(virtualSize(work)).toBe(64 * MIB);

    await disks.import(raw, "from raw");
    await expect.poll(() => disks.message(), { timeout: 30_000 }).toBe("Imported the disk 'from raw'.");
    const exported = join(folder, "exported.vhdx");
    await disks.export("from raw", exported);
    expect(qemuCheck(exported)).toEqual(SOUND);
    qemuImg("compare", "-f", "raw", "-F", "vhdx", raw, exported);

    for (const type of ["dynamic", "fixed"]) {
      const theirs = join(folder, `${type}.vhdx`);
      qemuImg("convert", "-f", "raw", "-O", "vhdx", "-o", `subformat=${type}`, raw, theirs);
      await disks.import(theirs, type);
      await expect.poll(() => disks.message(), { timeout: 30_000 }).toBe(`Imported the disk '${type}'.`);
      await disks.export(type, exported);
      expect(qemuCheck(exported)).toEqual(SOUND);
      qemuImg("compare", "-f", "raw", "-F", "vhdx", raw, exported);
    }

    await disks.press("dynamic", "Resize");
    await disks.answer("Resize", "40M");
    await expect.poll(() => disks.facts("dynamic")).toMatch(/^40 MiB/);
    await disks.export("dynamic", exported);
    expect(virtualSize(exported)).toBe(40 * MIB);
    await disks.press("dynamic", "Resize");
    await disks.answer("Resize", "8M");
    await expect.poll(() => disks.message()).toMatch(/^The disk cannot shrink to 8388608 bytes: there is data behind/);

    await disks.press("work", "Delete");
    await playground.page.keyboard.press("Escape");
    expect(await disks.row("work").count()).toBe(1);
    await disks.press("work", "Delete");
    await disks.answer("Delete");
    await expect.poll(() => disks.row("work").count()).toBe(0);
    expect(await disks.files()).toEqual(["dynamic", "fixed", "from raw"]);
  });

  it("are exported to a file that the user chooses", async () => {
    const raw = rawImage(join(folder, "some.raw"));
    await disks.import(raw, "data");
    await expect.poll(() => disks.message(), { timeout: 30_000 }).toBe("Imported the disk 'data'.");
    // The same kind of handle as the dialog gives, which no test can use; its file is in the browser.
    await playground.page.evaluate(() =>
      Reflect.set(globalThis, "showSaveFilePicker", async () =>
        (await navigator.storage.getDirectory()).getFileHandle("chosen.vhdx", { create: true }),
      ),
    );
    await disks.press("data", "Export");
    await expect.poll(() => disks.message(), { timeout: 30_000 }).toBe("Exported the disk 'data'.");
    const exported = join(folder, "exported.vhdx");
    const downloading = playground.page.waitForEvent("download");
    await playground.page.evaluate(`(async () => {
      const handle = await (await navigator.storage.getDirectory()).getFileHandle("chosen.vhdx");
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await handle.getFile());
      link.download = "chosen.vhdx";
      link.click();
    })()`);
    const download = await downloading;
    await download.saveAs(exported);
    expect(qemuCheck(exported)).toEqual(SOUND);
    qemuImg("compare", "-f", "raw", "-F", "vhdx", raw, exported);
  });

  it("go back to checkpoints, and forget them", async () => {
    const raw = rawImage(join(folder, "some.raw"));
    const exported = join(folder, "exported.vhdx");
    await disks.import(raw, "data");
    await expect.poll(() => disks.facts("data"), { timeout: 30_000 }).toMatch(/^24 MiB/);
    const checkpoint = async (number: number): Promise<void> => {
      await disks.press("data", "Checkpoint");
      await expect.poll(() => disks.message()).toBe(`Kept what 'data' holds now as checkpoint ${number}.`);
    };
    const resize = async (mib: number): Promise<void> => {
      await disks.press("data", "Resize");
      await disks.answer("Resize", `${mib} MiB`);
      await expect.poll(() => disks.facts("data")).toMatch(new RegExp(`^${mib} MiB`));
    };
    await checkpoint(1);
    await resize(32);
    await checkpoint(2);
    await resize(48);
    expect(await disks.facts("data")).toMatch(/2 checkpoints$/);
    await disks.press("data", "Go back");
    await disks.answer("Go back");
    await expect.poll(() => disks.facts("data")).toMatch(/^32 MiB, .*1 checkpoint$/);
    // A disk of several files is exported as one.
    await disks.export("data", exported);
    expect(qemuCheck(exported)).toEqual(SOUND);
    expect(virtualSize(exported)).toBe(32 * MIB);
    qemuImg("compare", "-f", "raw", "-F", "vhdx", raw, exported);

    await disks.press("data", "Merge checkpoints");
    await expect.poll(() => disks.message(), { timeout: 30_000 }).toBe("'data' has no checkpoints any more.");
    expect(await disks.files()).toEqual(["data"]);
    await disks.export("data", exported);
    qemuImg("compare", "-f", "raw", "-F", "vhdx", raw, exported);
    await checkpoint(1);
    await disks.press("data", "Delete");
    await disks.answer("Delete");
    await expect.poll(() => disks.row("data").count()).toBe(0);
    expect(await disks.files()).toEqual([]);
  });

  it("say in one line what is wrong and what to do", async () => {
    const bad = join(folder, "bad");
    const cases: [content: Uint8Array | string, message: RegExp][] = [
      ["QFI\u00fb", /^The file is a qcow2 image; convert it first: qemu-img convert/],
      [new Uint8Array(1000), /^The image has 1000 bytes; it must have whole sectors of 512\.$/],
      [new Uint8Array(0), /^The image has 0 bytes; it must have whole sectors of 512\.$/],
      [`vhdxfile${"\0".repeat(2 * MIB)}`, /^Damaged VHDX file: /],
    ];
    for (const [content, message] of cases) {
      writeFileSync(bad, content, "latin1");
      await disks.import(bad, "bad");
      await expect.poll(() => disks.message()).toMatch(message);
    }
    await disks.create("big", "65T");
    await expect.poll(() => disks.message()).toMatch(/at most 64 TiB\.$/);
    await disks.create("big", "much");
    await expect.poll(() => disks.message()).toMatch(/^'much' is no size; it must be a size like 512M/);
    await disks.create("a/b", "1G");
    await expect.poll(() => disks.message()).toMatch(/no slashes.*choose another one\.$/);
    const hostile = "<img src=x onerror=alert(1)>";
    await disks.create(hostile, "1G");
    await expect.poll(() => disks.row(hostile).count()).toBe(1);
    await disks.create(hostile, "1G");
    await expect.poll(() => disks.message()).toBe(`There is a disk '${hostile}' already; choose another name.`);
    expect(await playground.page.locator("img").count()).toBe(0);
    expect(await disks.files()).toEqual([hostile]);
  });

  it("leave nothing behind when the browser has no room", async () => {
    const large = join(folder, "large.raw");
    writeFileSync(large, pattern(96 * MIB, 5));
    const session = await browser.newCDPSession(playground.page);
    const origin = new URL(server.address).origin;
    await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 40 * MIB });
    await disks.import(large, "large");
    await expect
      .poll(() => disks.message(), { timeout: 60_000 })
      .toBe("The browser's storage is full; delete disks, or free space on the computer's disk.");
    expect(await disks.files()).toEqual([]);
    await session.send("Storage.overrideQuotaForOrigin", { origin });
    await disks.import(large, "large");
    await expect.poll(() => disks.message(), { timeout: 60_000 }).toBe("Imported the disk 'large'.");
  });

  it("are not there when an import is cancelled, or its tab dies", async () => {
    const large = join(folder, "large.raw");
    // Noise, so that there is something to do for each byte.
    writeFileSync(large, pattern(192 * MIB, 5));
    const job = playground.page.getByTestId("disk-job");
    const begin = async (): Promise<void> => {
      await disks.import(large, "large");
      await expect
        .poll(() => job.textContent(), { interval: 20, timeout: 20_000 })
        .toMatch(/Importing: [1-9]\d* MiB of 192 MiB/);
      // Nothing is in the database before the first write that the cache lets go.
      await expect.poll(() => disks.files(), { interval: 20 }).toEqual([expect.stringMatching(/^temporary\//)]);
    };
    await begin();
    await job.getByRole("button", { name: "Cancel" }).click();
    await expect.poll(() => disks.message()).toBe("Cancelled; nothing has changed.");
    expect(await job.isHidden()).toBe(true);
    expect(await disks.files()).toEqual([]);

    await begin();
    await browser.close();
    await openTab();
    await expect.poll(() => disks.files(), { timeout: 10_000 }).toEqual([]);
  });

  it("fit a telephone, and are worked by the keyboard alone", async () => {
    const { page } = playground;
    await page.setViewportSize({ width: 360, height: 740 });
    const name = "a-long-name-of-a-disk-without-any-space-that-it-could-wrap";
    await disks.create(name, "48M");
    await expect.poll(() => disks.row(name).count()).toBe(1);
    const press = async (action: string): Promise<void> => {
      await disks.button(name, action).focus();
      await page.keyboard.press("Enter");
    };
    await press("Attach");
    await expect.poll(() => disks.place(name)).toBe("attached: SCSI 0");
    // The button that was pressed is gone, and the focus went to the one in its place.
    expect(await disks.button(name, "Detach").evaluate((button) => button.matches(":focus"))).toBe(true);
    await press("Checkpoint");
    await expect.poll(() => disks.facts(name)).toContain("1 checkpoint");
    await press("Delete");
    // Enter alone deletes nothing.
    await page.keyboard.press("Enter");
    expect(await disks.row(name).count()).toBe(1);
    await page.getByTestId("statistics").locator("summary").click();
    const values = page.getByTestId("statistics").getByRole("definition");
    await expect.poll(() => values.allTextContents()).toEqual(["has\u00a0not\u00a0run\u00a0yet"]);
    const outside = `[...document.querySelectorAll("body *:not(.xterm *)")].filter((element) => {
      const { left, right } = element.getBoundingClientRect();
      return right > left && (left < 0 || right > 344);
    }).map((element) => element.id || element.className || element.tagName)`;
    expect(await page.evaluate(outside)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await playground.screenshot(`disks-360-${colorScheme}`);
    }
  });

  it("keep what a guest wrote when the browser goes, and go back under it", { timeout: 600_000 }, async () => {
    const sums = async (): Promise<string> => playground.shell("sha256sum < /tmp/d/file");
    await disks.create("data", "48M");
    await expect.poll(() => disks.row("data").count()).toBe(1);
    await playground.page.getByTestId("start").click();
    await playground.booted();
    await playground.shell("dmesg -n 1");
    // Added while the guest runs.
    await disks.press("data", "Attach");
    await expect.poll(() => disks.place("data")).toBe("attached: SCSI 0");
    expect(await playground.shell("sleep 3; cat /sys/block/sda/size")).toBe(String((48 * MIB) / 512));
    expect(await playground.shell("mke2fs /dev/sda >/dev/null 2>&1; mkdir -p /tmp/d; echo $?")).toBe("0");
    expect(await playground.shell("mount -t ext4 /dev/sda /tmp/d; echo $?")).toBe("0");
    await playground.shell("dd if=/dev/urandom of=/tmp/d/file bs=64k count=32 2>/dev/null; sync; sleep 1");
    const written = await sums();
    expect(written).toMatch(/^[0-9a-f]{64} {2}-$/);
    expect(await disks.button("data", "Delete").isDisabled()).toBe(true);
    await playground.screenshot("disks-attached");

    const statisticsOf = (): Locator => playground.page.getByTestId("statistics");
    await statisticsOf().locator("summary").click();
    await expect
      .poll(() => statisticsOf().textContent())
      .toMatch(/instructions\d{1,3}(,\d{3}){2,}translated share\d+\.\d/);
    await playground.screenshot("statistics");
    await statisticsOf().locator("summary").click();

    const second = await browser.newPage();
    const secondDisks = new DiskPanelPage(second);
    await second.goto(`${server.address}?autostart=1`);
    await expect
      .poll(async () => `${await secondDisks.message()} (${await second.getByTestId("message").textContent()})`, {
        timeout: 60_000,
      })
      .toMatch(/^The disk 'data' is open in another tab; close it there first\. The machine starts without it/);
    expect(await secondDisks.place("data")).toBe("in use in another tab");
    await second.close();

    // Nobody unmounts or turns off anything.
    await browser.close();
    await openTab("?autostart=1");
    await playground.booted();
    expect(await disks.place("data")).toBe("attached: SCSI 0");
    await playground.shell("dmesg -n 1; mkdir -p /tmp/d");
    expect(await playground.shell("mount -t ext4 /dev/sda /tmp/d; echo $?")).toBe("0");
    expect(await sums()).toBe(written);

    // A checkpoint, and more room, under the running guest.
    await playground.shell("sync");
    await disks.press("data", "Checkpoint");
    await expect.poll(() => disks.message(), { timeout: 20_000 }).toContain("checkpoint 1");
    await playground.shell("dd if=/dev/urandom of=/tmp/d/file bs=64k count=16 2>/dev/null; sync");
    const later = await sums();
    expect(later).not.toBe(written);
    await disks.press("data", "Resize");
    await disks.answer("Resize", "64M");
    await expect.poll(() => disks.facts("data")).toMatch(/^64 MiB.*1 checkpoint$/);
    await playground.shell("sync; umount /tmp/d; dd if=/dev/sda of=/dev/null bs=512 count=1 skip=999 2>/dev/null");
    expect(await playground.shell("sleep 2; cat /sys/block/sda/size")).toBe(String((64 * MIB) / 512));

    // A disc comes and goes.
    const iso = join(folder, "some.iso");
    writeFileSync(iso, Buffer.concat([Buffer.from("this is a disc"), Buffer.alloc(MIB - 14)]));
    await playground.page.getByTestId("disc-file").setInputFiles(iso);
    await expect.poll(() => disks.message()).toBe("some.iso is in the DVD drive.");
    expect(await playground.shell("sleep 3; dd if=/dev/sr0 bs=14 count=1 2>/dev/null")).toBe("this is a disc");
    await playground.page.getByRole("button", { name: "Eject" }).click();
    await expect.poll(() => disks.message()).toBe("The DVD drive is empty.");
    expect(await playground.shell("dd if=/dev/sr0 of=/dev/null bs=2048 count=1 2>&1")).toMatch(/No medium/i);

    await playground.page.getByTestId("turn-off").click();
    await expect.poll(() => playground.text("state")).toBe("stopped");
    // What the machine did can still be looked at.
    await statisticsOf().locator("summary").click();
    await expect.poll(() => statisticsOf().textContent()).toMatch(/interrupts\d/);
    await disks.press("data", "Go back");
    await disks.answer("Go back");
    await expect.poll(() => disks.facts("data")).toMatch(/^48 MiB, [^,]* used$/);
    await playground.page.getByTestId("start").click();
    await playground.booted();
    await playground.shell("dmesg -n 1; mkdir -p /tmp/d; mount -t ext4 -o ro /dev/sda /tmp/d");
    expect(await sums()).toBe(written);
    await playground.shell("umount /tmp/d");
    await disks.press("data", "Detach");
    await expect.poll(() => disks.place("data")).toBe("not attached");
    // EL6 takes ten seconds of error recovery for each request to a disk that is gone, before it takes it away.
    await playground.shell("dd if=/dev/sda of=/dev/null bs=512 count=1 skip=77 2>/dev/null; sleep 2", 240);
    expect(await playground.shell("ls /sys/block | grep sd")).toBe("");
    const exported = join(folder, "exported.vhdx");
    await disks.export("data", exported);
    expect(qemuCheck(exported)).toEqual(SOUND);
  });
});
