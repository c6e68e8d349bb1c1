import { dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { RawDisk } from "../../emulator/storage/raw-disk";
import { type Disk } from "../../emulator/storage/disk";
import { openVhdx, type ParentResolver } from "../../emulator/storage/vhdx/open";
import { type ParentLocator } from "../../emulator/storage/vhdx/parent-locator";
import { isVhdx } from "../../emulator/storage/vhdx/read-metadata";
import { type VhdxDisk } from "../../emulator/storage/vhdx/vhdx-disk";
import { UsageError } from "../errors";
import { FileStore } from "./file-store";

/**
 * Opens a VHDX file with its parents, which are looked for where the file says they are. Throws UsageError or
 * ConfigurationError with one line that names the file.
 */
export async function openVhdxFile(path: string, { readOnly = false } = {}): Promise<VhdxDisk> {
  const store = readOnly ? FileStore.open(path, { readOnly }) : await FileStore.openOwned(path);
  return named(path, () => openVhdx(store, { resolveParent: parentsOf(path) }));
}

/** Opens a VHDX file, or else a raw image with sectors of `sectorSize` bytes; throws as openVhdxFile does. */
export async function openDiskFile(
  path: string,
  { readOnly = false, sectorSize = 512 as 512 | 2048 | 4096 } = {},
): Promise<Disk> {
  const store = readOnly ? FileStore.open(path, { readOnly }) : await FileStore.openOwned(path);
  return named(path, async () => {
    if (await isVhdx(store)) return openVhdx(store, { resolveParent: parentsOf(path) });
    try {
      return new RawDisk(store, sectorSize);
    } catch (error) {
      await store.close();
      throw error;
    }
  });
}

/** Finds the parent of a differencing file: its paths are relative to the folder that the child is in. */
export function parentsOf(child: string): ParentResolver {
  return async (locator) => {
    const path = parentPath(child, locator);
    return { store: FileStore.open(path, { readOnly: true }), resolveParent: parentsOf(path) };
  };
}

/** The path of a differencing file's parent. Throws UsageError when the file only says where it was on Windows. */
export function parentPath(child: string, { relativePath, absoluteWin32Path }: ParentLocator): string {
  if (relativePath) return resolve(dirname(child), relativePath.replaceAll("\\", sep));
  if (absoluteWin32Path && isAbsolute(absoluteWin32Path)) return absoluteWin32Path;
  throw new UsageError(`'${child}' does not say where its parent is relative to it`);
}

/** The path from a child's folder to its parent, as a parent locator has it. */
export function relativeLocation(child: string, parent: string): string {
  const path = relative(dirname(resolve(child)), resolve(parent));
  return (path.startsWith("..") ? path : `.${sep}${path}`).replaceAll(sep, "\\");
}

/** Names the file in the messages of what it cannot be used for. */
export async function named<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof Error) || error.message.includes(`'${path}'`)) throw error;
    const { name } = error;
    if (name === "ConfigurationError" || name === "UsageError") throw new UsageError(`'${path}': ${error.message}`);
    throw error;
  }
}
