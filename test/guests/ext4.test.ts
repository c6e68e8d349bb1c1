import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { FileStore } from "../../cli/disk/file-store";
import { openVhdxFile } from "../../cli/disk/files";
import { createVhdx } from "../../emulator/storage/vhdx/create";
import { guestOptions } from "../../images/catalog";
import { ext4Tools } from "../../images/ext4-tools";
import { qemuCheck, SOUND } from "../unit/storage/helpers";
import { BootedGuest, COMPLAINTS } from "./booted-guest";
import { MKFS_OPTIONS } from "./ext4-guest";
import { enterpriseLinux6 } from "./guest-names";

const MIB = 1 << 20;
const el6 = await enterpriseLinux6();

describe.each(["debian", ...(el6 === undefined ? [] : [el6])])("ext4 by %s", (name) => {
  let folder = "";
  let guest: BootedGuest | undefined;
  let tools: Uint8Array;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "hypertab-ext4-"));
    tools = new Uint8Array(await readFile(await ext4Tools(guestOptions(process.env))));
  });
  afterEach(async () => {
    guest?.turnOff();
    await guest?.machine.stopped;
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("is made by mkfs.ext4, written, and read after a reboot, and in another machine", async () => {
    const path = join(folder, `${name}.vhdx`);
    const created = FileStore.create(path);
    await createVhdx(created, { size: 64 * MIB, type: "dynamic" });
    await created.close();
    let closed: Promise<void> | undefined;
    const boot = async (): Promise<void> => {
      const image = await openVhdxFile(path);
      const location = { controller: "scsi", lun: 0 } as const;
      const drives = [{ location, kind: "disk", image }] as const;
      guest = await BootedGuest.boot(name, { time: "virtual", drives, overlay: tools });
      closed = guest.machine.stopped.then(() => image.close());
    };
    const ready = async (): Promise<void> => {
      await guest!.ready();
      await guest!.shell("dmesg -n 1");
      // No other driver has brought this disk.
      expect(await guest!.shell("readlink -f /sys/block/sda/device/../../..")).toMatch(/vmbus/i);
    };
    const readBack = async (): Promise<string> => {
      expect(await guest!.shell("mkdir -p /tmp/disk && mount -t ext4 /dev/sda /tmp/disk")).toBe("");
      return (await guest!.shell("sha256sum </tmp/disk/folder/file")).trim();
    };

    await boot();
    await ready();
    expect(await guest!.shell(`/sbin/mkfs.ext4 -q ${MKFS_OPTIONS[name] ?? ""} /dev/sda; echo $?`)).toMatch(/^0$/m);
    expect(await guest!.shell("mkdir -p /tmp/disk && mount -t ext4 /dev/sda /tmp/disk && mkdir /tmp/disk/folder")).toBe(
      "",
    );
    expect(await guest!.shell("grep /dev/sda /proc/mounts")).toMatch(/\bext4 rw/);
    // No shortcut for zeros makes these 4 MiB.
    await guest!.shell("dd if=/dev/urandom of=/tmp/disk/folder/file bs=64k count=64 2>/dev/null");
    const sum = (await guest!.shell("sha256sum </tmp/disk/folder/file")).trim();
    expect(sum).toMatch(/^[0-9a-f]{64} {2}-$/);
    await guest!.shell("sync");

    // Without unmounting: what sync promised is all that counts.
    const from = guest!.console.length;
    guest!.type("reboot -f\n");
    await guest!.expect("=== guest ready", from);
    await guest!.expect(/\/ # /, from);
    await ready();
    expect(await readBack()).toBe(sum);
    expect(await guest!.shell("umount /tmp/disk && /sbin/e2fsck -fn /dev/sda; echo $?")).toMatch(/^0$/m);
    const log = await guest!.lines("dmesg");
    expect(log.filter((line) => COMPLAINTS.test(line) || /I\/O error|EXT4-fs (error|warning)/i.test(line))).toEqual([]);
    guest!.type("poweroff -f\n");
    expect(await guest!.machine.stopped).toEqual({ kind: "power-off" });
    await closed;
    expect(qemuCheck(path)).toEqual(SOUND);

    await boot();
    await ready();
    expect(await readBack()).toBe(sum);
    expect(guest!.log).toEqual([]);
  });
});
