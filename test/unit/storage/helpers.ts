import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileStore } from "../../../cli/disk/file-store";
import { type Disk } from "../../../emulator/storage/disk";
import { createVhdx, type CreateOptions } from "../../../emulator/storage/vhdx/create";
import { openVhdx, type OpenOptions, type ParentResolver } from "../../../emulator/storage/vhdx/open";
import { type VhdxDisk } from "../../../emulator/storage/vhdx/vhdx-disk";

export const MIB = 1 << 20;
export const qemuImgIsThere = existsSync("/usr/bin/qemu-img");

/** A folder of its own, gone after `use`. */
export async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "hypertab-storage-"));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export function qemuImg(...args: string[]): string {
  return execFileSync("qemu-img", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** What `qemu-img check` has to say: its exit status and all that it printed. */
export function qemuCheck(path: string, ...options: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync("qemu-img", ["check", ...options, "-f", "vhdx", path], {
    encoding: "utf8",
  });
  return { status, output: stdout + stderr };
}

export const SOUND = { status: 0, output: "No errors were found on the image.\n" };

/** The same numbers in every run (xorshift, 32 bit). */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed * 2654435761 + 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Bytes that depend on all of their position and the seed. */
export function pattern(length: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = Math.imul(seed, 2654435761) | 1;
  for (let index = 0; index < words.length; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    words[index] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}

/** Something that can be read and written with and without a promise. */
interface Now {
  read(at: number, target: Uint8Array): Promise<void>;
  write(at: number, source: Uint8Array): Promise<void>;
  readNow?(at: number, target: Uint8Array): boolean;
  writeNow?(at: number, source: Uint8Array): boolean;
}

/** Reads as devices do in real time: at once where that can be. @returns whether it could */
export async function readSoon(from: Now, at: number, target: Uint8Array): Promise<boolean> {
  if (from.readNow?.(at, target)) return true;
  await from.read(at, target);
  return false;
}

/** Writes likewise. */
export async function writeSoon(to: Now, at: number, source: Uint8Array): Promise<boolean> {
  if (to.writeNow?.(at, source)) return true;
  await to.write(at, source);
  return false;
}

export async function create(path: string, options: CreateOptions): Promise<void> {
  const store = FileStore.create(path);
  await createVhdx(store, options);
  await store.close();
}

/** Opens a file, and parents that lie in the same folder. */
export function open(path: string, options: OpenOptions = {}): Promise<VhdxDisk> {
  return openVhdx(FileStore.open(path, { readOnly: options.readOnly }), {
    resolveParent: inSameFolder(path),
    ...options,
  });
}

export function inSameFolder(path: string): ParentResolver {
  return async (locator) => {
    const parent = join(path, "..", locator.relativePath!.split("\\").at(-1)!);
    return { store: FileStore.open(parent, { readOnly: true }), resolveParent: inSameFolder(parent) };
  };
}

/** The whole disk. */
export async function contentOf(disk: Disk): Promise<Uint8Array> {
  const content = new Uint8Array(disk.size);
  await disk.read(0, content);
  return content;
}
