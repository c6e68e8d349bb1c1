import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Locator } from "playwright-core";
import { describe, expect, it } from "vitest";
import { MIB, qemuCheck, SOUND } from "../unit/storage/helpers";
import { DiskPanelPage } from "./disk-panel";
import { canTestDisks, DiskTest, virtualSize } from "./disk-setup";

describe.skipIf(!canTestDisks)("disks of the page under a guest", () => {
  const setup = new DiskTest();

  it("keep what a guest wrote when the browser goes, and go back under it", { timeout: 600_000 }, async () => {
    const { server, folder } = setup;
    let { browser, playground, disks } = setup;
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
    await setup.openTab("?autostart=1");
    ({ browser, playground, disks } = setup);
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
