import { mkdtemp, rm } from "node:fs/promises";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { FileStore } from "../../cli/disk/file-store";
import { openVhdxFile } from "../../cli/disk/files";
import type { DriveAttachment } from "../../emulator/machine-types";
import { MemoryStore } from "../../emulator/storage/block/memory-store";
import { RawDisk } from "../../emulator/storage/raw-disk";
import { createVhdx } from "../../emulator/storage/vhdx/create";
import { BootedGuest, COMPLAINTS } from "./booted-guest";
import { enterpriseLinux6 } from "./guest-names";

const MIB = 1 << 20;
const DISC = Uint8Array.from({ length: MIB / 4 }, (_, index) => (index * 7 + (index >> 11)) & 0xff);

/**
 * Loads what a kernel without Hyper-V's drivers would have; ata_piix is told to take the disks, although DMI speaks of
 * Hyper-V. Our images list their modules in order, EL6's does not.
 */
const LOAD_WITHOUT_HYPERV = (libata: string): string =>
  [
    "cd /; own='crc-t10dif sd_mod cdrom sr_mod mbcache jbd2 ext4 ata_piix'",
    "list=$(cat /etc/modules-to-load 2>/dev/null || for m in $own; do find /lib/modules -name $m.ko; done)",
    "for f in $list; do case $f in *hv_*|*hyper*|*hid*|*_fc.ko) ;; *ata_piix*) insmod $f prefer_ms_hyperv=0 ;; " +
      `*libata*) insmod $f ${libata} ;; *) insmod $f ;; esac; done; sleep 1`,
  ].join("; ");

const el6 = await enterpriseLinux6();

describe.each(["debian", ...(el6 === undefined ? [] : [el6])])("emulated IDE of %s", (name) => {
  let folder = "";
  let path = "";
  let guest: BootedGuest | undefined;
  let drives: DriveAttachment[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "hypertab-ide-"));
    path = join(folder, "disk.vhdx");
    const store = FileStore.create(path);
    await createVhdx(store, { size: 48 * MIB, type: "dynamic" });
    await store.close();
  });
  afterEach(async () => {
    guest?.turnOff();
    await guest?.machine.stopped;
    for (const { image } of drives) await image?.close();
    drives = [];
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function boot(append: string): Promise<BootedGuest> {
    const store = new MemoryStore(DISC.length);
    await store.write(0, DISC);
    drives = [
      { location: { controller: "ide", channel: 0, drive: 0 }, kind: "disk", image: await openVhdxFile(path) },
      { location: { controller: "ide", channel: 1, drive: 0 }, kind: "dvd", image: new RawDisk(store, 2048) },
    ];
    guest = await BootedGuest.boot(name, { time: "virtual", drives, append });
    await guest.ready();
    await guest.shell("dmesg -n 1");
    return guest;
  }

  async function powerOff(): Promise<void> {
    guest!.type("poweroff -f\n");
    expect(await guest!.machine.stopped).toEqual({ kind: "power-off" });
    for (const { image } of drives) await image!.close();
    drives = [];
  }

  const disks = async (): Promise<string[]> =>
    (await guest!.lines("cat /proc/partitions"))
      .map((line) => line.trim().split(/\s+/)[3] ?? "")
      .filter((disk) => /^[sh]d/.test(disk));
  /** New kernels have files for this, old ones a line in the log. */
  const transferModes = (): Promise<string> =>
    guest!.shell("cat /sys/class/ata_device/dev1.0/dma_mode || dmesg | grep 'ata1.00: configured for'");
  const complaints = async (): Promise<string[]> =>
    (await guest!.lines("dmesg")).filter(
      (line) => COMPLAINTS.test(line) || /I\/O error|Sense Key|rejecting|ata\d.*(exception|failed|error)/i.test(line),
    );

  it("gives a guest without Hyper-V's drivers its disk and its disc, by DMA and by port accesses", async () => {
    await boot("hv.nomodules");
    await guest!.shell(LOAD_WITHOUT_HYPERV(""));
    expect(await disks()).toEqual(["sda"]);
    const log = (await guest!.lines("dmesg")).join("\n");
    expect(log).toMatch(/ata1\.00: ATA-8: Virtual HD, 1\.1\.0, max MWDMA2/);
    expect(await transferModes()).toMatch(/\b(MWDMA2|XFER_MW_DMA_2)$/m);
    expect(log).toMatch(/ata2\.00: ATAPI: Virtual CD/);
    expect(guest!.machine.status().channels.filter(({ state }) => state === "open")).toEqual([]);
    await guest!.shell("mke2fs /dev/sda >/dev/null 2>&1 && mkdir -p /tmp/d && mount -t ext4 /dev/sda /tmp/d");
    await guest!.shell("dd if=/dev/urandom of=/tmp/d/file bs=64k count=8 2>/dev/null");
    const sum = await guest!.shell("sha256sum < /tmp/d/file");
    expect(sum).toMatch(/^[0-9a-f]{64} {2}-\n$/);
    expect(await guest!.shell("umount /tmp/d && sync")).not.toMatch(/busy|error/i);
    expect(await complaints()).toEqual([]);
    await powerOff();

    await boot("hv.nomodules libata.dma=0");
    await guest!.shell(LOAD_WITHOUT_HYPERV("dma=0"));
    expect(await transferModes()).not.toMatch(/DMA/);
    await guest!.shell("mkdir -p /tmp/d && mount -t ext4 /dev/sda /tmp/d");
    expect(await guest!.shell("sha256sum < /tmp/d/file")).toBe(sum);
    expect(
      await guest!.shell("dd if=/tmp/d/file of=/tmp/d/copy bs=64k 2>/dev/null; umount /tmp/d; mount /dev/sda /tmp/d"),
    ).toBe("");
    expect(await guest!.shell("sha256sum < /tmp/d/copy")).toBe(sum);
    expect(await guest!.shell("umount /tmp/d && sync")).not.toMatch(/busy|error/i);
    expect((await guest!.shell("sha256sum < /dev/sr0")).slice(0, 64)).toBe(
      createHash("sha256").update(DISC).digest("hex"),
    );
    expect(await complaints()).toEqual([]);
    expect(guest!.log).toEqual([]);
    await powerOff();
  });

  it("is for the disc only when hv_storvsc has the disk", async () => {
    await boot("");
    // Where an image does not load it by itself.
    await guest!.shell("grep -q '^ata_piix ' /proc/modules || insmod $(find /lib/modules -name ata_piix.ko); sleep 1");
    expect(await disks()).toEqual(["sda"]);
    expect((await guest!.lines("dmesg")).join("\n")).toMatch(/Hyper-V Virtual Machine detected, ATA device ignore set/);
    expect(await guest!.shell("cat /sys/block/sda/device/model")).toMatch(/^Virtual Disk/);
    expect(await guest!.shell("cat /sys/block/sr0/device/model")).toMatch(/^Virtual CD\/ROM/);
    expect((await guest!.shell("sha256sum < /dev/sr0")).slice(0, 64)).toBe(
      createHash("sha256").update(DISC).digest("hex"),
    );
    const { machine } = guest!;
    const location = { controller: "ide", channel: 1, drive: 0 } as const;
    const other = new MemoryStore(4096);
    await other.write(0, new TextEncoder().encode("other disc"));
    machine.insertDisc(location, new RawDisk(other, 2048));
    expect(await guest!.shell("dd if=/dev/sr0 bs=10 count=1 2>/dev/null")).toBe("other disc");
    expect(await complaints()).toEqual([]);
    await powerOff();
  });
});
