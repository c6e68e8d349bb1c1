import { statSync, unlinkSync } from "node:fs";
import { copyDisk } from "../../emulator/storage/copy-disk";
import { emptyCopy } from "../../emulator/storage/empty-copy";
import { readable } from "../../emulator/storage/size-text";
import { checkVhdx, presentBlocks, repairVhdx } from "../../emulator/storage/vhdx/check";
import { createDifferencing, createVhdx } from "../../emulator/storage/vhdx/create";
import { mergeVhdx } from "../../emulator/storage/vhdx/merge";
import { UsageError } from "../errors";
import { FileStore } from "./file-store";
import { named, openDiskFile, openVhdxFile, parentPath, parentsOf, relativeLocation } from "./files";
import { progressLine } from "./progress";

export interface NewDisk {
  readonly size: number | undefined;
  readonly type: "fixed" | "dynamic" | undefined;
  readonly blockSize: number | undefined;
  readonly sectorSize: 512 | 4096 | undefined;
}

/** Makes a new file by `fill`; when that fails, the file is gone again. */
async function newFile(path: string, fill: (store: FileStore) => Promise<void>): Promise<void> {
  const store = FileStore.create(path);
  try {
    await named(path, () => fill(store));
  } catch (error) {
    await store.close();
    unlinkSync(path);
    throw error;
  }
  await store.close();
}

export async function create(path: string, { size, type, blockSize, sectorSize }: NewDisk): Promise<void> {
  if (size === undefined) throw new UsageError("a new disk needs a size; give --size, for example --size 10G");
  await newFile(path, (store) =>
    createVhdx(store, { size, type: type ?? "dynamic", blockSize, logicalSectorSize: sectorSize }),
  );
}

export async function checkpoint(base: string, path: string, blockSize: number | undefined): Promise<void> {
  const parent = await openVhdxFile(base, { readOnly: true });
  try {
    await newFile(path, (store) =>
      createDifferencing(store, parent, { relativePath: relativeLocation(path, base), blockSize }),
    );
  } finally {
    await parent.close();
  }
}

/** A table of what a file says about itself. */
export async function info(path: string): Promise<string> {
  const store = FileStore.open(path, { readOnly: true });
  try {
    const { errors, content } = await checkVhdx(store);
    if (!content) throw new UsageError(`'${path}': ${errors.join("; ")}`);
    const { metadata, geometry, current, pendingLog, creator } = content;
    const { parentLocator } = metadata;
    const type = metadata.hasParent ? "differencing" : metadata.leaveBlockAllocated ? "fixed" : "dynamic";
    const rows: [string, string][] = [
      ["type", type],
      ["size", `${readable(metadata.virtualDiskSize)} (${metadata.virtualDiskSize} bytes)`],
      ["file", `${readable(store.size)}, ${readable(statSync(path).blocks * 512)} on the host's disk`],
      ["blocks", `${readable(metadata.blockSize)}, ${presentBlocks(content)} of ${geometry.payloadBlocks} present`],
      ["sectors", `${metadata.logicalSectorSize} bytes, physical ${metadata.physicalSectorSize}`],
      ["identifier", metadata.virtualDiskId],
      ["content", current.header.dataWriteGuid],
      ["log", pendingLog ? "waits for its replay" : "empty"],
      ["made by", creator || "unknown"],
    ];
    if (parentLocator) {
      rows.push(["parent", parentPath(path, parentLocator)], ["", `content ${parentLocator.linkage.join(" or ")}`]);
    }
    return rows.map(([name, value]) => `${name.padEnd(11)} ${value}\n`).join("");
  } finally {
    await store.close();
  }
}

/** What a check found, as lines; throws UsageError when the file has errors. */
export async function check(path: string, repair: boolean): Promise<string> {
  if (repair) {
    const store = await FileStore.openOwned(path);
    await named(path, () => repairVhdx(store, { resolveParent: parentsOf(path) }));
  }
  const store = FileStore.open(path, { readOnly: true });
  const { errors, notes, content } = await checkVhdx(store);
  await store.close();
  if (errors.length > 0) throw new UsageError(`'${path}': ${errors.join("; ")}`);
  // The chain too: that the parents are there, sound, and the right ones.
  if (content?.metadata.hasParent) await (await openVhdxFile(path, { readOnly: true })).close();
  return [`${path}: no errors\n`, ...notes.map((note) => `  ${note}\n`)].join("");
}

export async function resize(path: string, size: number | undefined): Promise<void> {
  if (size === undefined) throw new UsageError("give the new size with --size, for example --size 20G");
  const disk = await openVhdxFile(path);
  try {
    await named(path, () => disk.resize(size));
  } finally {
    await disk.close();
  }
}

export async function convert(
  from: string,
  to: string,
  { type = "dynamic", blockSize, sectorSize }: Omit<NewDisk, "size" | "type"> & { type?: "fixed" | "dynamic" | "raw" },
): Promise<void> {
  const source = await openDiskFile(from, { readOnly: true });
  try {
    await newFile(to, async (store) => {
      const target = await emptyCopy(store, source, { type, blockSize, sectorSize });
      const progress = progressLine("converting");
      try {
        await copyDisk(source, target, progress.update);
      } finally {
        progress.end();
      }
      await target.close();
    });
  } finally {
    await source.close();
  }
}

/** Merges a differencing file into its parent, and deletes it unless it is to be kept. Returns the parent's path. */
export async function merge(path: string, keep: boolean): Promise<string> {
  const child = FileStore.open(path, { readOnly: true });
  const { errors, content } = await checkVhdx(child);
  const locator = content?.metadata.parentLocator;
  if (!locator) {
    await child.close();
    throw new UsageError(`'${path}': ${errors[0] ?? "it is not a differencing file; there is nothing to merge"}`);
  }
  const parent = parentPath(path, locator);
  const progress = progressLine("merging");
  try {
    const files = { child, parent: await FileStore.openOwned(parent), resolveParent: parentsOf(parent) };
    await named(path, () => mergeVhdx(files, progress.update));
  } finally {
    progress.end();
  }
  if (!keep) unlinkSync(path);
  return parent;
}
