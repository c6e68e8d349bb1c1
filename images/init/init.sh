#!/bin/sh
# The first process of a guest that images/ builds: mounts what a shell needs, loads the modules that
# /etc/modules-to-load names, in its order, and gives a shell on the console. On the kernel's command line,
# hv.nomodules leaves the modules alone; hv.script=/path runs that script instead of a shell, then powers off.
export PATH=/sbin:/bin HOME=/root TERM=linux ENV=/etc/shrc
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null || mdev -s
mkdir -p /dev/pts && mount -t devpts devpts /dev/pts
busybox --install -s /bin 2>/dev/null

uptime() {
  read -r seconds rest </proc/uptime
  echo "$seconds"
}

read -r version </proc/sys/kernel/osrelease
modules=yes
script=
for word in $(cat /proc/cmdline); do
  case "$word" in
    hv.nomodules) modules=no ;;
    hv.script=*) script=${word#hv.script=} ;;
  esac
done

# IDE's drivers are large: they are loaded where an Intel controller has a channel that firmware left on (IDETIM), as it
# does for channels with drives.
ide=no
for device in /sys/bus/pci/devices/*; do
  [ -e "$device/class" ] || continue
  read -r class <"$device/class"
  case "$class" in
    0x0101*) case "$(od -An -tx1 -j65 -N3 "$device/config")" in *" "[89a-f]*) ide=yes ;; esac ;;
  esac
done

echo "=== guest $version userspace up at $(uptime) s ==="
if [ "$modules" = yes ]; then
  while read -r file; do
    name=${file##*/}
    name=${name%.ko}
    case "$ide $name" in "no libata" | "no ata_piix") continue ;; esac
    if insmod "$file" 2>/tmp/insmod.error; then
      echo "module $name loaded"
    else
      read -r reason </tmp/insmod.error
      echo "module $name FAILED: $reason"
    fi
  done </etc/modules-to-load
fi
echo "=== guest ready at $(uptime) s ==="

if [ -n "$script" ]; then
  sh "$script"
  echo "=== script exit $? ==="
else
  setsid cttyhack sh || sh
fi
sync
poweroff -f
