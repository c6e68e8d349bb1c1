import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { MIB, qemuCheck, qemuImg, SOUND } from "../unit/storage/helpers";
import { canTestDisks, DiskTest, rawImage, virtualSize } from "./disk-setup";

describe.skipIf(!canTestDisks)("disks and discs that the page keeps", () => {
  const setup = new DiskTest();

  it("go back to checkpoints, delete them, and forget them", async () => {
    const { folder, playground, disks } = setup;
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
    await expect.poll(labels).toEqual(["as imported", hostile]);
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
    const { folder, playground, disks } = setup;
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
    await expect.poll(() => row.textContent()).toContain(`${name}disc · 1 MiB · 32 KiB usedin the DVD drive`);
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
    await expect.poll(drive).toBe("DVD drive: empty");
    await page.getByRole("button", { name: `Delete: ${name}` }).press("Enter");
    await disks.answer("Delete");
    await expect.poll(() => row.count()).toBe(0);
    expect(await disks.files()).toEqual([]);
  });
});
