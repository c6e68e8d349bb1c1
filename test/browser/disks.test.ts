import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { MIB, open, pattern, qemuCheck, qemuImg, SOUND } from "../unit/storage/helpers";
import { canTestDisks, DiskTest, rawImage, virtualSize } from "./disk-setup";

describe.skipIf(!canTestDisks)("disks in the page", () => {
  const setup = new DiskTest();

  it("are made, imported, exported, resized, and deleted", async () => {
    const { folder, playground, disks } = setup;
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
    const { folder, disks } = setup;
    const { page } = setup.playground;
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
    const { folder, playground, disks } = setup;
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

  it("say in one line what is wrong and what to do", async () => {
    const { folder, playground, disks } = setup;
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
    const { server, folder, browser, playground, disks } = setup;
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
    const { folder } = setup;
    let { browser, playground, disks } = setup;
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
    await setup.openTab();
    ({ browser, playground, disks } = setup);
    await expect.poll(() => disks.files(), { timeout: 10_000 }).toEqual([]);
  });

  it("fit a telephone, and are worked by the keyboard alone", async () => {
    const { playground, disks } = setup;
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
});
