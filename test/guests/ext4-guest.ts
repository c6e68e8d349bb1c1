import { readFile } from "node:fs/promises";
import { joinArchives, S_IFREG, writeCpio } from "../../images/archive/cpio";
import { guestOptions } from "../../images/catalog";
import { ext4Tools } from "../../images/ext4-tools";
import { LOAD_DISK_DRIVERS } from "../bench/disk-phases";

/** What mke2fs must leave out for kernels that are older than it, by guest. */
export const MKFS_OPTIONS: Readonly<Record<string, string>> = {
  el6: "-O ^64bit,^metadata_csum",
  centos6: "-O ^64bit,^metadata_csum",
};

const SCRIPT_PATH = "/ext4.sh";
/** The kernel command line that runs the script of `ext4Overlay`, with `values` as its variables. */
export const ext4CommandLine = (values: Readonly<Record<string, number>>): string =>
  [
    "hv.nomodules",
    `hv.script=${SCRIPT_PATH}`,
    ...Object.entries(values).map(([name, value]) => `test.${name}=${value}`),
  ].join(" ");

/**
 * What the initramfs of a guest must have more to work on an ext4 file system by itself: e2fsprogs, and a script that
 * loads the drivers, finds the disk, and mounts it on /disk, then does `work`.
 */
export async function ext4Overlay(guest: string, work: string): Promise<Uint8Array> {
  const script = `export PATH=/sbin:/bin
dmesg -n 1
mkfs=0
for word in $(cat /proc/cmdline); do
  case $word in test.*) eval "\${word#test.}" ;; esac
done
${LOAD_DISK_DRIVERS}
mount_disk() {
  mount -t ext4 -o data=ordered,barrier=1 /dev/sda /disk || echo '#failed: mount#'
}
mkdir -p /disk
if [ $mkfs = 1 ]; then
  /sbin/mkfs.ext4 -q ${MKFS_OPTIONS[guest] ?? ""} /dev/sda || echo '#failed: mkfs#'
fi
mount_disk
${work}
`;
  return joinArchives([
    await readFile(await ext4Tools(guestOptions(process.env))),
    writeCpio([{ name: SCRIPT_PATH.slice(1), mode: S_IFREG | 0o755, data: new TextEncoder().encode(script) }]),
  ]);
}
