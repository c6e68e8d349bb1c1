import { type BlockStore } from "../block/block-store";
import { COPY_UNIT } from "../disk";
import { type Progress } from "../copy-disk";
import { verify } from "./errors";
import { PAYLOAD_BLOCK_FULLY_PRESENT, PAYLOAD_BLOCK_NOT_PRESENT, PAYLOAD_BLOCK_PARTIALLY_PRESENT } from "./format";
import { openImage, type ParentResolver, openVhdx } from "./open";
import { readImage } from "./read-image";
import { VhdxDisk } from "./vhdx-disk";

const FLUSH_EVERY = 64 * COPY_UNIT;

export interface MergeFiles {
  readonly child: BlockStore;
  /** Opened for writing. */
  readonly parent: BlockStore;
  /** Finds the parent's own parent; needed only when it has one. */
  readonly resolveParent?: ParentResolver;
}

/**
 * Writes all that a differencing file holds to its parent, which then shows what the child showed and takes its place
 * in the chain: children of the child fit it. The child is not needed any more; other children of the parent no longer
 * fit. After a crash the child is still whole, and the merge can be repeated. Closes both stores. Throws VhdxError.
 */
export async function mergeVhdx({ child, parent, resolveParent }: MergeFiles, progress?: Progress): Promise<void> {
  const target = await openForMerge(parent, resolveParent).catch(async (error: unknown) => {
    await child.close();
    throw error;
  });
  try {
    const content = await readImage(child);
    const locator = content.metadata.parentLocator;
    verify(locator !== undefined, "the VHDX file is not a differencing one; there is nothing to merge");
    const guid = content.current.header.dataWriteGuid;
    // A merge that was cut off after its last step but one left the parent named like the child.
    verify(
      [...locator.linkage, guid].includes(target.image.journal.dataWriteGuid),
      "the parent was written to after the differencing file was made; the two cannot be merged",
    );
    verify(target.sectorSize === content.metadata.logicalSectorSize, "parent and child have different sector sizes");
    verify(content.metadata.virtualDiskSize >= target.size, "the disk is smaller than its parent; it cannot be merged");
    const source = new VhdxDisk(await openImage(child, content, true, target), undefined, true);
    if (source.size > target.size) await target.resize(source.size);
    await copyPresent(source, target, progress);
    await target.flush();
    await target.image.journal.setDataWriteGuid(guid);
  } finally {
    await target.close();
    await child.close();
  }
}

async function openForMerge(store: BlockStore, resolveParent?: ParentResolver): Promise<VhdxDisk> {
  const { image, parent } = await openVhdx(store, { resolveParent });
  return new VhdxDisk(image, parent, false, true);
}

async function copyPresent(source: VhdxDisk, target: VhdxDisk, progress?: Progress): Promise<void> {
  const { bat, geometry, metadata } = source.image;
  const { blockSize } = metadata;
  let unflushed = 0;
  for (let block = 0; block < geometry.payloadBlocks; block++) {
    const begin = block * blockSize;
    const length = Math.min(blockSize, source.size - begin);
    const state = bat.state(geometry.payloadEntry(block));
    if (state === PAYLOAD_BLOCK_NOT_PRESENT) continue;
    if (state === PAYLOAD_BLOCK_FULLY_PRESENT || state === PAYLOAD_BLOCK_PARTIALLY_PRESENT) {
      await copyBlock(source, target, begin, length, state === PAYLOAD_BLOCK_PARTIALLY_PRESENT);
      unflushed += length;
    } else {
      await target.writeZeros(begin / target.sectorSize, length / target.sectorSize);
    }
    if (unflushed >= FLUSH_EVERY) {
      await target.flush();
      unflushed = 0;
    }
    progress?.(begin + length, source.size);
  }
  progress?.(source.size, source.size);
}

async function copyBlock(
  source: VhdxDisk,
  target: VhdxDisk,
  begin: number,
  length: number,
  partly: boolean,
): Promise<void> {
  const { sectorSize } = source;
  const buffer = new Uint8Array(Math.min(COPY_UNIT, length));
  const end = begin + length;
  for (let at = begin; at < end;) {
    const sectors = Math.min(buffer.length, end - at) / sectorSize;
    const run = partly ? await source.image.bitmaps.run(at / sectorSize, sectors) : { present: true, sectors };
    const part = buffer.subarray(0, run.sectors * sectorSize);
    if (run.present) {
      await source.read(at / sectorSize, part);
      await target.write(at / sectorSize, part);
    }
    at += part.length;
  }
}
