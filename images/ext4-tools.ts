import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { ConfigurationError } from "../emulator/machine-types";
import { withApt, type Apt } from "./apt";
import { S_IFDIR, S_IFLNK, S_IFREG, writeCpio, type CpioEntry } from "./archive/cpio";
import { readNeeded } from "./archive/elf-needed";
import { forOldKernels } from "./archive/old-kernels";
import { sha256 } from "./cache";
import type { GuestOptions } from "./types";

/** Programs of e2fsprogs, and their other names. All of them are for amd64; Debian has only e2fsck statically linked. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  mke2fs: ["mkfs.ext4"],
  e2fsck: ["fsck.ext4"],
  resize2fs: [],
};
/** Where the programs and the libraries that they need are. */
const PACKAGES = ["e2fsprogs", "libext2fs2", "libcom-err2", "libblkid1", "libuuid1", "libc6"];
/** Of these, what does system calls that Enterprise Linux 6 lacks. */
const PATCHED = ["ld-linux-x86-64.so.2", "libc.so.6"];
/** Where Debian's dynamic linker looks for libraries by itself. */
const LIBRARIES = "lib/x86_64-linux-gnu";

/**
 * An archive to append to the initramfs of a 64-bit guest: /sbin/mkfs.ext4, e2fsck and resize2fs from Debian's
 * packages, with the libraries that they need. It is built once and kept in the cache, not
 * compressed: the guest would take longer to unpack it than the host to read it.
 * @returns the archive's path
 * @throws ConfigurationError if it cannot be had, one line
 */
export async function ext4Tools({ cacheDir, log }: Pick<GuestOptions, "cacheDir" | "log">): Promise<string> {
  const recipe = sha256(JSON.stringify([3, PROGRAMS, PACKAGES])).slice(0, 16);
  const path = join(cacheDir, `ext4-tools-${recipe}.cpio`);
  const there = await readFile(path).then(
    () => true,
    () => false,
  );
  if (there) return path;
  const archive = await withApt("amd64", log, build);
  await mkdir(cacheDir, { recursive: true });
  // Another process may be building it, too; each has a whole one.
  const partial = `${path}.partial-${process.pid}`;
  await writeFile(partial, archive);
  await rename(partial, path);
  return path;
}

async function build(apt: Apt): Promise<Uint8Array> {
  const files = new Map<string, string>();
  for (const name of PACKAGES) {
    const root = await apt.unpack(name);
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      if (!entry.isDirectory()) files.set(entry.name, join(entry.parentPath, entry.name));
    }
  }
  const entries = new Map<string, CpioEntry>();
  const addFolder = (path: string): void => {
    if (path === "." || path === "" || entries.has(path)) return;
    addFolder(path.split("/").slice(0, -1).join("/"));
    entries.set(path, { name: path, mode: S_IFDIR | 0o755, data: new Uint8Array(0) });
  };
  /** Puts a file of the packages to a place in the image, and all that it needs to theirs. */
  const add = async (folder: string, name: string): Promise<void> => {
    const path = `${folder}/${name}`;
    if (entries.has(path)) return;
    const source = files.get(name);
    if (source === undefined) throw new ConfigurationError(`Debian's packages ${PACKAGES.join(", ")} lack ${name}.`);
    const original = new Uint8Array(await readFile(source));
    const data = PATCHED.includes(name) ? forOldKernels(original, name) : original;
    addFolder(folder);
    entries.set(path, { name: path, mode: S_IFREG | 0o755, data });
    const { interpreter, libraries } = readNeeded(data, name);
    if (interpreter !== undefined) await add(interpreter.split("/").slice(1, -1).join("/"), basename(interpreter));
    for (const library of libraries) await add(LIBRARIES, library);
  };
  for (const [program, others] of Object.entries(PROGRAMS)) {
    await add("sbin", program);
    for (const other of others) {
      entries.set(`sbin/${other}`, {
        name: `sbin/${other}`,
        mode: S_IFLNK | 0o777,
        data: new TextEncoder().encode(program),
      });
    }
  }
  return writeCpio([...entries.values()]);
}
