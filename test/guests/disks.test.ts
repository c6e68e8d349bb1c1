import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { FileStore } from "../../cli/disk/file-store";
import { openDiskFile, openVhdxFile } from "../../cli/disk/files";
import type { DriveAttachment } from "../../emulator/machine-types";
import { MemoryStore } from "../../emulator/storage/block/memory-store";
import { RawDisk } from "../../emulator/storage/raw-disk";
import { createVhdx } from "../../emulator/storage/vhdx/create";
import type { VhdxDisk } from "../../emulator/storage/vhdx/vhdx-disk";
import { BootedGuest, COMPLAINTS } from "./booted-guest";
import { enterpriseLinux6 } from "./guest-names";

const MIB = 1 << 20;

/** A disc whose first sectors say what they are; nobody has to mount it. */
function disc(text: string): RawDisk {
  const store = new MemoryStore(MIB);
  void store.write(0, new TextEncoder().encode(text));
  return new RawDisk(store, 2048);
}

/** A new disk in a file, open. */
async function newVhdx(path: string, size: number): Promise<VhdxDisk> {
  const store = FileStore.create(path);
  await createVhdx(store, { size, type: "dynamic" });
  await store.close();
  return openVhdxFile(path);
}

/** A disk whose host takes its time, each request another. */
class SlowDisk extends RawDisk {
  private turn = 0;

  constructor(
    store: MemoryStore,
    private readonly milliseconds: number,
  ) {
    super(store);
  }

  override async read(lba: number, target: Uint8Array): Promise<void> {
    await this.wait();
    await super.read(lba, target);
  }

  override async write(lba: number, source: Uint8Array): Promise<void> {
    await this.wait();
    await super.write(lba, source);
  }

  private async wait(): Promise<void> {
    const turn = this.turn++;
    if (this.milliseconds > 0 && turn % 3 !== 0) {
      await new Promise((resolve) => setTimeout(resolve, (turn % 4) * this.milliseconds));
    }
  }
}

const el6 = await enterpriseLinux6();

describe.each(["debian", ...(el6 === undefined ? [] : [el6])])("disks of %s", (name) => {
  let folder = "";
  let guest: BootedGuest | undefined;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "hypertab-disks-"));
  });
  afterEach(async () => {
    guest?.turnOff();
    await guest?.machine.stopped;
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("keep a file system and a file over a power-off, on VHDX at IDE and raw at SCSI", async () => {
    const vhdx = join(folder, `${name}.vhdx`);
    const raw = join(folder, `${name}.img`);
    await (await newVhdx(vhdx, 48 * MIB)).close();
    const store = FileStore.create(raw);
    await store.resize(24 * MIB);
    await store.commit();
    await store.close();
    const boot = async (): Promise<readonly DriveAttachment[]> => {
      const drives: DriveAttachment[] = [
        { location: { controller: "ide", channel: 0, drive: 0 }, kind: "disk", image: await openVhdxFile(vhdx) },
        { location: { controller: "scsi", lun: 3 }, kind: "disk", image: await openDiskFile(raw) },
      ];
      guest = await BootedGuest.boot(name, { time: "virtual", drives });
      await guest.ready();
      await guest.shell("dmesg -n 1");
      return drives;
    };
    const powerOff = async (drives: readonly DriveAttachment[]): Promise<void> => {
      guest!.type("poweroff -f\n");
      expect(await guest!.machine.stopped).toEqual({ kind: "power-off" });
      for (const { image } of drives) await image!.close();
    };
    /** Device names come in the order of probing; disks are told apart by size. */
    const device = async (bytes: number): Promise<string> => {
      const lines = await guest!.lines("cat /proc/partitions");
      const found = lines.map((line) => line.trim().split(/\s+/)).find((fields) => Number(fields[2]) === bytes / 1024);
      expect(found).toBeDefined();
      return `/dev/${found![3]}`;
    };

    let drives = await boot();
    expect(guest!.machine.status().channels.map((channel) => `${channel.name}: ${channel.state}`)).toEqual(
      expect.arrayContaining(["IDE Accelerator: open", "SCSI Controller: open"]),
    );
    const sums: string[] = [];
    for (const [index, size] of [48 * MIB, 24 * MIB].entries()) {
      const disk = await device(size);
      const at = `/tmp/disk${index}`;
      expect(
        await guest!.shell(`mke2fs ${disk} >/dev/null 2>&1 && mkdir -p ${at} && mount -t ext4 ${disk} ${at}`),
      ).toBe("");
      // 2 MiB that no compression or all-zero shortcut can fake.
      await guest!.shell(`dd if=/dev/urandom of=${at}/file bs=64k count=32 2>/dev/null`);
      sums.push((await guest!.shell(`sha256sum < ${at}/file`)).trim());
      expect(sums[index]).toMatch(/^[0-9a-f]{64} {2}-$/);
      expect(await guest!.shell(`umount ${at} && sync`)).not.toMatch(/busy|error/i);
    }
    await powerOff(drives);

    drives = await boot();
    for (const [index, size] of [48 * MIB, 24 * MIB].entries()) {
      await guest!.shell(`mkdir -p /tmp/d && mount -t ext4 -o ro ${await device(size)} /tmp/d`);
      expect((await guest!.shell("sha256sum < /tmp/d/file")).trim()).toBe(sums[index]);
      await guest!.shell("umount /tmp/d");
    }
    const log = await guest!.lines("dmesg");
    expect(log.filter((line) => COMPLAINTS.test(line) || /I\/O error|Sense Key|rejecting/i.test(line))).toEqual([]);
    expect(guest!.log).toEqual([]);
    await powerOff(drives);
  });

  it("come, grow and go while the guest runs; discs are changed and ejected", async () => {
    const location = { controller: "scsi", lun: 5 } as const;
    guest = await BootedGuest.boot(name, {
      time: "virtual",
      drives: [{ location: { controller: "scsi", lun: 1 }, kind: "dvd", image: disc("first disc") }],
    });
    await guest.ready();
    await guest.shell("dmesg -n 1");
    const { machine } = guest;
    expect(await guest.shell("dd if=/dev/sr0 bs=10 count=1 2>/dev/null")).toBe("first disc");
    expect(await guest.shell("cat /sys/block/sr0/size")).toBe("2048\n");
    machine.insertDisc({ controller: "scsi", lun: 1 }, disc("other disc"));
    expect(await guest.shell("dd if=/dev/sr0 bs=10 count=1 2>/dev/null")).toBe("other disc");
    const ejected: string[] = [];
    machine.on("discEjected", ({ location: { controller } }) => ejected.push(controller));
    // The driver ejects when the drive is closed; not every busybox has eject.
    await guest.shell("echo 1 > /proc/sys/dev/cdrom/autoeject; dd if=/dev/sr0 of=/dev/null bs=2048 count=1");
    expect(ejected).toEqual(["scsi"]);
    expect(await guest.shell("dd if=/dev/sr0 of=/dev/null bs=2048 count=1 2>&1")).toMatch(/No medium/i);

    const path = join(folder, `${name}-hot.vhdx`);
    const created = await newVhdx(path, 32 * MIB);
    machine.attachDrive({ location, kind: "disk", image: created });
    const waitFor = async (command: string, wanted: string): Promise<void> => {
      for (let attempt = 0; (await guest!.shell(command)) !== wanted; attempt++) {
        if (attempt === 20) throw new Error(`${command} did not become ${wanted}`);
        await guest!.shell("sleep 1");
      }
    };
    await waitFor("cat /sys/block/sda/size 2>/dev/null", `${(32 * MIB) / 512}\n`);
    // EL6's driver looks for new disks only when it is told of a change; of others it learns at the next request.
    const request = "dd if=/dev/sda of=/dev/null bs=512 count=1 skip=$RANDOM 2>/dev/null";
    await created.resize(64 * MIB);
    machine.announceResize();
    await waitFor(`${request}; cat /sys/block/sda/size`, `${(64 * MIB) / 512}\n`);
    machine.detachDrive(location);
    await waitFor(`${request}; ls /sys/block | grep sd`, "");
    await machine.drivesIdle();
    await created.close();
    expect((await guest.lines("dmesg")).filter((line) => COMPLAINTS.test(line))).toEqual([]);
  });
});

describe.skipIf(el6 === undefined)("virtual time", () => {
  it("is the same whether the host's disk is fast or slow", async () => {
    const runs: unknown[] = [];
    for (const milliseconds of [0, 4]) {
      const image = new SlowDisk(new MemoryStore(8 * MIB), milliseconds);
      const location = { controller: "scsi", lun: 0 } as const;
      const guest = await BootedGuest.boot(el6 as string, {
        time: "virtual",
        drives: [{ location, kind: "disk", image }],
      });
      const { machine } = guest;
      machine.after(5, () => {
        guest.type("dd if=/dev/zero of=/dev/sda bs=32k count=32; sync; dd if=/dev/sda bs=4k | sha256sum; uptime\n");
      });
      machine.after(7, () => guest.turnOff());
      await machine.stopped;
      const { instructions, guestSeconds } = machine.status();
      runs.push({ console: guest.console, instructions, guestSeconds });
    }
    expect((runs[0] as { console: string }).console).toMatch(/[0-9a-f]{64} {2}-/);
    expect(runs[1]).toEqual(runs[0]);
  });
});
