import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BrowserContext, Locator } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { MIB, open, pattern, qemuCheck, qemuImg, qemuImgIsThere, SOUND } from "../unit/storage/helpers";
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
    expect(await disks.facts("work")).toMatch(/^64 MiB · .* used · dynamic · 512-byte sectors$/);
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
      expect(await disks.facts(type)).toContain(` · ${type} · `);
      await disks.export(type, exported, "Raw image");
      expect(Buffer.compare(readFileSync(exported), readFileSync(raw))).toBe(0);
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

  it("are made as the user wants them", async () => {
    const { page } = playground;
    await expect.poll(() => page.locator("#new-disk-meaning").textContent()).toMatch(/^The file grows/);
    await page.getByRole("combobox", { name: "Kind" }).selectOption("Fixed");
    expect(await page.locator("#new-disk-meaning").textContent()).toMatch(/^The file has all its blocks/);
    await page.getByTestId("new-disk-more").locator("summary").press("Enter");
    await page.getByRole("combobox", { name: "Block size" }).selectOption("2 MiB");
    await page.getByRole("combobox", { name: "Sector size" }).selectOption("4096 bytes");
    await disks.create("as wanted", "8M", "Fixed");
    await expect.poll(() => disks.message()).toContain("Made the disk 'as wanted'");
    expect(await disks.facts("as wanted")).toMatch(/^8 MiB · .* used · fixed · 4096-byte sectors$/);
    const exported = join(folder, "exported.vhdx");
    await disks.export("as wanted", exported);
    const disk = await open(exported, { readOnly: true });
    expect(disk.image.metadata).toMatchObject({
      leaveBlockAllocated: true,
      blockSize: 2 * MIB,
      logicalSectorSize: 4096,
      virtualDiskSize: 8 * MIB,
    });
    await disk.close();
  });

  it.each([
    ["VHDX file", "vhdx"],
    ["Raw image", "raw"],
  ] as const)("are exported to a file that the user chooses, as a %s", async (choice, format) => {
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
    await disks.choose(choice);
    await disks.answer("Export");
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
    if (format === "vhdx") expect(qemuCheck(exported)).toEqual(SOUND);
    qemuImg("compare", "-f", "raw", "-F", format, raw, exported);
  });

  it("go back to checkpoints, delete them, and forget them", async () => {
    const raw = rawImage(join(folder, "some.raw"));
    const exported = join(folder, "exported.vhdx");
    await disks.import(raw, "data");
    await expect.poll(() => disks.facts("data"), { timeout: 30_000 }).toMatch(/^24 MiB/);
    const checkpoint = async (label: string): Promise<void> => {
      await disks.checkpoint("data", label);
      await expect.poll(() => disks.message()).toBe(`Kept what 'data' holds now as '${label}'.`);
    };
    const resize = async (mib: number): Promise<void> => {
      await disks.press("data", "Resize");
      await disks.answer("Resize", `${mib} MiB`);
      await expect.poll(() => disks.facts("data")).toMatch(new RegExp(`^${mib} MiB`));
    };
    const labels = async (): Promise<string[]> => (await disks.checkpoints("data")).map(({ label }) => label);
    await checkpoint("as imported");
    await resize(32);
    await checkpoint("larger");
    await resize(48);
    const hostile = "<b>bold</b>";
    await checkpoint(hostile);
    await resize(56);
    expect(await disks.facts("data")).toMatch(/differencing on dynamic · 512-byte sectors · 3 checkpoints$/);
    const chain = await disks.checkpoints("data");
    expect(chain.map(({ label }) => label)).toEqual(["as imported", "larger", hostile]);
    const thisYear = String(new Date().getFullYear());
    for (const { facts } of chain) expect(facts).toMatch(new RegExp(`${thisYear}.* · [\\d.]+ [KM]iB$`));
    await playground.screenshot("disks-checkpoints");

    // One in the middle goes, the others stay.
    await disks.press("larger of data", "Delete");
    await disks.answer("Delete");
    await expect.poll(() => disks.message(), { timeout: 30_000 }).toBe("Deleted the checkpoint 'larger' of 'data'.");
    expect(await labels()).toEqual(["as imported", hostile]);
    expect(await disks.files()).toHaveLength(3);
    expect(await disks.facts("data")).toMatch(/^56 MiB/);

    await disks.press(`${hostile} of data`, "Go back");
    await disks.answer("Go back");
    await expect.poll(() => disks.message()).toBe(`'data' is as it was at '${hostile}'.`);
    await expect.poll(() => disks.facts("data")).toMatch(/^48 MiB .* 2 checkpoints$/);
    // A disk of several files is exported as one.
    await disks.export("data", exported);
    expect(qemuCheck(exported)).toEqual(SOUND);
    expect(virtualSize(exported)).toBe(48 * MIB);
    qemuImg("compare", "-f", "raw", "-F", "vhdx", raw, exported);

    await disks.press("as imported of data", "Go back");
    await playground.page.keyboard.press("Escape");
    expect(await labels()).toHaveLength(2);
    await disks.press("as imported of data", "Go back");
    await disks.answer("Go back");
    await expect.poll(() => disks.facts("data")).toMatch(/^24 MiB .* 1 checkpoint$/);
    await disks.export("data", exported, "Raw image");
    expect(Buffer.compare(readFileSync(exported), readFileSync(raw))).toBe(0);

    await disks.press("data", "Merge checkpoints");
    await disks.answer("Merge");
    await expect.poll(() => disks.message(), { timeout: 30_000 }).toBe("'data' has no checkpoints any more.");
    expect(await disks.files()).toEqual(["data"]);
    await disks.export("data", exported);
    qemuImg("compare", "-f", "raw", "-F", "vhdx", raw, exported);
    await checkpoint("last");
    await disks.press("data", "Delete");
    await disks.answer("Delete");
    await expect.poll(() => disks.row("data").count()).toBe(0);
    expect(await disks.files()).toEqual([]);
  });

  it("keep a disc over a reload of the page, when the user wants that", async () => {
    const { page } = playground;
    const name = "<img src=x onerror=alert(1)> disc.iso";
    const iso = join(folder, "some.iso");
    writeFileSync(iso, Buffer.concat([Buffer.from("this is a disc"), Buffer.alloc(MIB - 14)]));
    const insert = (): Promise<void> =>
      page.getByTestId("disc-file").setInputFiles({ name, mimeType: "", buffer: readFileSync(iso) });
    const drive = (): Promise<string> => playground.text("disc");
    const reload = async (): Promise<void> => {
      await page.reload();
      await disks.open();
    };
    const row = page.getByTestId("disc-list").getByRole("listitem");
    await insert();
    await expect.poll(drive).toBe(`DVD drive: ${name}, 1 MiB, not kept`);
    await reload();
    await expect.poll(() => playground.text("storage-use")).toContain("The browser keeps");
    expect(await drive()).toBe("DVD drive: empty");

    await insert();
    await page.getByRole("button", { name: "Keep this disc" }).press("Enter");
    await expect.poll(() => disks.message()).toBe(`${name} is kept, and will be in the DVD drive at every start.`);
    expect(await row.textContent()).toContain(`${name}disc · 1 MiB · 32 KiB usedin the DVD drive`);
    await reload();
    await expect.poll(drive).toBe(`DVD drive: ${name}`);
    expect(await page.getByRole("button", { name: `Delete: ${name}` }).isDisabled()).toBe(true);
    await playground.screenshot("disks-disc");

    await page.getByRole("button", { name: "Eject" }).press("Enter");
    await expect.poll(drive).toBe("DVD drive: empty");
    await reload();
    await row.waitFor();
    expect(await drive()).toBe("DVD drive: empty");
    await page.getByRole("button", { name: `Insert: ${name}` }).press("Enter");
    await expect.poll(drive).toBe(`DVD drive: ${name}`);
    await page.getByRole("button", { name: "Eject" }).press("Enter");
    await page.getByRole("button", { name: `Delete: ${name}` }).press("Enter");
    await disks.answer("Delete");
    await expect.poll(() => row.count()).toBe(0);
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
    await page.keyboard.press("Enter");
    await expect.poll(() => disks.facts(name)).toContain("1 checkpoint");
    await press("Detach");
    await expect.poll(() => disks.place(name)).toBe("not attached");
    const goBack = disks.button(`Checkpoint 1 of ${name}`, "Go back");
    await goBack.focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Enter");
    await expect.poll(() => disks.message()).toBe(`'${name}' is as it was at 'Checkpoint 1'.`);
    expect(await goBack.evaluate((button) => button.matches(":focus"))).toBe(true);
    await page.getByTestId("new-disk-more").locator("summary").press("Enter");
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
    await disks.checkpoint("data", "before");
    await expect.poll(() => disks.message(), { timeout: 20_000 }).toContain("'before'");
    await disks.checkpoint("data");
    await expect.poll(() => disks.message(), { timeout: 20_000 }).toContain("'Checkpoint 2'");
    // And an export, while the guest goes on writing.
    const snapshot = join(folder, "snapshot.vhdx");
    await playground.type("while :; do dd if=/dev/urandom of=/tmp/d/noise bs=64k count=4 2>/dev/null; sync; done &");
    await disks.export("data", snapshot);
    await expect.poll(() => disks.message()).toBe("Exported the disk 'data'.");
    // A checkpoint that it does not write upon can go meanwhile.
    expect(await disks.button("Checkpoint 2 of data", "Delete").isDisabled()).toBe(true);
    expect(await disks.button("before of data", "Go back").isDisabled()).toBe(true);
    await disks.press("before of data", "Delete");
    await disks.answer("Delete");
    await expect.poll(() => disks.message(), { timeout: 30_000 }).toBe("Deleted the checkpoint 'before' of 'data'.");
    await playground.shell("kill $!; rm /tmp/d/noise");
    expect(qemuCheck(snapshot)).toEqual(SOUND);
    expect(virtualSize(snapshot)).toBe(48 * MIB);
    await disks.import(snapshot, "snapshot");
    await expect.poll(() => disks.message(), { timeout: 30_000 }).toBe("Imported the disk 'snapshot'.");
    await disks.press("snapshot", "Attach");
    await expect.poll(() => disks.place("snapshot")).toBe("attached: SCSI 1");
    await playground.shell("sleep 3; mkdir -p /tmp/s; mount -t ext4 /dev/sdb /tmp/s; echo $?");
    expect(await playground.shell("sha256sum < /tmp/s/file; umount /tmp/s")).toBe(written);
    await disks.press("snapshot", "Detach");
    await expect.poll(() => disks.place("snapshot")).toBe("not attached");
    await playground.shell("dd if=/dev/urandom of=/tmp/d/file bs=64k count=16 2>/dev/null; sync");
    const later = await sums();
    expect(later).not.toBe(written);
    await disks.press("data", "Resize");
    await disks.answer("Resize", "64M");
    await expect.poll(() => disks.facts("data")).toMatch(/^64 MiB .* 1 checkpoint$/);
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
    // Kept, it goes into the drive from the browser, and is there at the next start.
    await playground.page.getByTestId("disc-file").setInputFiles(iso);
    await playground.page.getByRole("button", { name: "Keep this disc" }).click();
    await expect.poll(() => disks.message()).toContain("some.iso is kept");
    await playground.page.getByRole("button", { name: "Eject" }).click();
    await expect.poll(() => disks.message()).toBe("The DVD drive is empty.");
    await playground.page.getByRole("button", { name: "Insert: some.iso" }).click();
    await expect.poll(() => disks.message()).toBe("some.iso is in the DVD drive.");
    expect(await playground.shell("sleep 3; dd if=/dev/sr0 bs=14 count=1 2>/dev/null")).toBe("this is a disc");

    await playground.page.getByTestId("turn-off").click();
    await expect.poll(() => playground.text("state")).toBe("stopped");
    // What the machine did can still be looked at.
    await statisticsOf().locator("summary").click();
    await expect.poll(() => statisticsOf().textContent()).toMatch(/interrupts\d/);
    await disks.press("Checkpoint 2 of data", "Go back");
    await disks.answer("Go back");
    await expect.poll(() => disks.facts("data")).toMatch(/^48 MiB .* 1 checkpoint$/);
    expect(await playground.text("disc")).toBe("DVD drive: some.iso");
    await playground.page.getByTestId("start").click();
    await playground.booted();
    await playground.shell("dmesg -n 1; mkdir -p /tmp/d; mount -t ext4 -o ro /dev/sda /tmp/d");
    expect(await sums()).toBe(written);
    expect(await playground.shell("dd if=/dev/sr0 bs=14 count=1 2>/dev/null")).toBe("this is a disc");
    await playground.page.getByRole("button", { name: "Eject" }).click();
    await expect.poll(() => playground.text("disc")).toBe("DVD drive: empty");
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
