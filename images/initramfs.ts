import { gzipSync } from "node:zlib";
import { S_IFCHR, S_IFDIR, S_IFLNK, S_IFREG, writeCpio, type CpioEntry } from "./archive/cpio";
import type { KernelModule } from "./modules";

/** Applets that init and its shell need before `busybox --install`, which small builds of busybox lack. */
const APPLETS = (
  "sh mount umount mkdir mdev cat echo insmod rmmod lsmod setsid cttyhack sync ls dmesg ps cp mv rm ln touch grep sed " +
  "sleep uname date df free head tail wc find dd od hexdump kill sort cut tr vi more stty hostname ifconfig ip ping"
).split(" ");

const FOLDERS = ["bin", "dev", "etc", "proc", "root", "sbin", "sys", "tmp"];

const text = (content: string): Uint8Array => new TextEncoder().encode(content);

/** What an initramfs is made of. */
export interface InitramfsContent {
  /** A statically linked busybox. */
  readonly busybox: Uint8Array;
  /** The script that runs as /init. */
  readonly init: string;
  /** In the order of loading. */
  readonly modules: readonly KernelModule[];
}

/** What /sbin/poweroff, reboot and halt run: there is no init to ask. */
const powerScript = (action: string): string => `#!/bin/sh\nsync\nexec /bin/busybox ${action} -f\n`;

/**
 * A gzipped archive to append to an initramfs whose busybox has no init: poweroff, reboot and halt act at once there
 * too. In bin/ they become links, which Linux puts in the place of files; a file would be written over, and with it
 * all that it is a hard link of.
 */
export function powerOverlay(): Uint8Array {
  const entries: CpioEntry[] = [{ name: "sbin", mode: S_IFDIR | 0o755, data: new Uint8Array(0) }];
  for (const action of ["poweroff", "reboot", "halt"]) {
    entries.push({ name: `sbin/${action}`, mode: S_IFREG | 0o755, data: text(powerScript(action)) });
    entries.push({ name: `bin/${action}`, mode: S_IFLNK | 0o777, data: text(`../sbin/${action}`) });
  }
  return gzipSync(writeCpio(entries), { level: 9 });
}

/**
 * Builds a gzipped newc archive. /sbin/poweroff and /sbin/reboot act at once: the shell has no init to ask, and the
 * kernel runs them when Hyper-V's shutdown component asks the guest to shut down. The same content gives the same bytes.
 */
export function buildInitramfs(content: InitramfsContent): Uint8Array {
  const entries = new Map<string, CpioEntry>();
  const add = (name: string, mode: number, data: Uint8Array = new Uint8Array(0)): void => {
    const slash = name.lastIndexOf("/");
    if (slash > 0 && !entries.has(name.slice(0, slash))) add(name.slice(0, slash), S_IFDIR | 0o755);
    entries.set(name, { name, mode, data });
  };
  for (const folder of FOLDERS) add(folder, S_IFDIR | (folder === "tmp" ? 0o1777 : 0o755));
  entries.set("dev/console", {
    name: "dev/console",
    mode: S_IFCHR | 0o600,
    data: new Uint8Array(0),
    device: { major: 5, minor: 1 },
  });
  add("init", S_IFREG | 0o755, text(content.init));
  add("bin/busybox", S_IFREG | 0o755, content.busybox);
  for (const applet of APPLETS) add(`bin/${applet}`, S_IFLNK | 0o777, text("busybox"));
  for (const action of ["poweroff", "reboot", "halt"]) {
    add(`sbin/${action}`, S_IFREG | 0o755, text(powerScript(action)));
  }
  // Shells that prefer their own applets to files read these through ENV.
  add("etc/shrc", S_IFREG | 0o644, text("alias poweroff=/sbin/poweroff reboot=/sbin/reboot halt=/sbin/halt\n"));
  add("etc/modules-to-load", S_IFREG | 0o644, text(content.modules.map((module) => `/${module.path}\n`).join("")));
  for (const module of content.modules) add(module.path, S_IFREG | 0o644, module.data);
  return gzipSync(writeCpio([...entries.values()]), { level: 9 });
}
