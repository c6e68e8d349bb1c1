import type { Phase } from "./phases";
import { RANDOM_READS } from "./random-read-program";

/** MiB that are written and read. */
const TRANSFER_MIB = 256;
/** Of this many MiB, over and over. */
const NOISE_MIB = 8;

/** Bytes of the disk that these phases need. */
export const BENCH_DISK_SIZE = 320 << 20;

/**
 * Shell text that loads what a guest of images/ has of drivers for disks, Hyper-V's and those of IDE, and waits for the
 * first disk. A module for hardware that is not there does not load, which is as well.
 */
export const LOAD_DISK_DRIVERS = `if [ -f /etc/modules-to-load ]; then
  while read -r file; do
    case $file in
      *cdrom* | *sr_mod* | *hv_utils* | *hv_balloon* | *hv_netvsc* | *hyperv* | *hid*) ;;
      *) insmod $file 2>/dev/null ;;
    esac
  done </etc/modules-to-load
else
  for name in lib/crc-t10dif scsi/sd_mod fs/mbcache fs/jbd2/jbd2 fs/ext4/ext4 hv/hv_vmbus scsi/hv_storvsc ata/ata_piix; do
    [ -f /lib/modules/$(uname -r)/kernel/$name.ko ] || name=drivers/$name
    insmod /lib/modules/$(uname -r)/kernel/$name.ko 2>/dev/null
  done
fi
while [ ! -b /dev/sda ]; do sleep 1; done`;

/** Phases that need a disk: they run when they are named, and all of them need what the first one does before it. */
export const DISK_PHASES: readonly Phase[] = [
  {
    id: "i",
    title: `disk: write ${TRANSFER_MIB} MiB, and fsync`,
    disk: true,
    setup: `${LOAD_DISK_DRIVERS}
busybox dd if=/dev/urandom of=/tmp/noise bs=1048576 count=${NOISE_MIB} 2>/dev/null`,
    // No image could take the place of what is not zeros.
    script:
      `n=0; while [ $n -lt ${TRANSFER_MIB / NOISE_MIB} ]; do busybox cat /tmp/noise; n=$((n + 1)); done | ` +
      "busybox dd of=/dev/sda bs=1048576 conv=fsync 2>/dev/null",
  },
  {
    id: "j",
    title: `disk: read ${TRANSFER_MIB} MiB`,
    disk: true,
    setup: "echo 3 >/proc/sys/vm/drop_caches",
    script: `busybox dd if=/dev/sda of=/dev/null bs=1048576 count=${TRANSFER_MIB} 2>/dev/null`,
  },
  {
    id: "k",
    title: `disk: ${RANDOM_READS} random reads of 4 KiB`,
    disk: true,
    script: "/bench/random-read",
  },
];
