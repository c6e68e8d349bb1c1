import { type BlockStore } from "../block/block-store";
import { BatGeometry, BAT_PAGE_SIZE } from "./bat";
import { newGuid, NO_GUID } from "./fields";
import {
  BAT_ENTRY_SIZE,
  BAT_REGION,
  FILE_TYPE_IDENTIFIER_OFFSET,
  HEADER_OFFSETS,
  LOG_VERSION,
  METADATA_REGION,
  MIB,
  PAYLOAD_BLOCK_FULLY_PRESENT,
  REGION_TABLE_OFFSETS,
  TIB,
  VHDX_VERSION,
} from "./format";
import { encodeHeader, fileTypeIdentifier, type Header } from "./header";
import { encodeMetadata, type Metadata, verifyGeometry } from "./metadata";
import { encodeRegionTable } from "./region-table";
import { type VhdxDisk } from "./vhdx-disk";

export interface CreateOptions {
  /** Bytes. */
  readonly size: number;
  /** All blocks are in the file from the begin, or each comes when it is written. */
  readonly type: "fixed" | "dynamic";
  /** Bytes, a power of two from 1 MiB to 256 MiB. */
  readonly blockSize?: number;
  readonly logicalSectorSize?: 512 | 4096;
  readonly physicalSectorSize?: 512 | 4096;
  /** Names the disk to its guest; a new one unless it is given. */
  readonly virtualDiskId?: string;
}

export interface DifferencingOptions {
  /** From the folder of the new file to the parent, with backslashes. */
  readonly relativePath: string;
  readonly absoluteWin32Path?: string;
  readonly blockSize?: number;
}

const CREATOR = "Hypertab";
const LOG_OFFSET = MIB;
const LOG_LENGTH = MIB;
const METADATA_OFFSET = 2 * MIB;
const METADATA_LENGTH = MIB;
const BAT_OFFSET = 3 * MIB;

/**
 * The block size where none is asked for. Small blocks waste less of the file for file systems that write here and
 * there; from 1 TiB on the BAT would grow too large.
 */
function defaultBlockSize({ size, type }: CreateOptions): number {
  return type === "fixed" || size > TIB ? 32 * MIB : MIB;
}

/** Makes a new VHDX file in an empty store, durable when this resolves. Throws VhdxError for a size that cannot be. */
export async function createVhdx(store: BlockStore, options: CreateOptions): Promise<void> {
  const logicalSectorSize = options.logicalSectorSize ?? 512;
  await writeFile(store, {
    blockSize: options.blockSize ?? defaultBlockSize(options),
    leaveBlockAllocated: options.type === "fixed",
    hasParent: false,
    virtualDiskSize: options.size,
    virtualDiskId: options.virtualDiskId ?? newGuid(),
    logicalSectorSize,
    physicalSectorSize: options.physicalSectorSize ?? 4096,
    parentLocator: undefined,
  });
}

/**
 * Makes a differencing file, a checkpoint: it shows what the parent shows until it is written to. The parent must not
 * change from now on. Durable when this resolves.
 */
export async function createDifferencing(
  store: BlockStore,
  parent: VhdxDisk,
  { relativePath, absoluteWin32Path, blockSize = 2 * MIB }: DifferencingOptions,
): Promise<void> {
  await writeFile(store, {
    blockSize,
    leaveBlockAllocated: false,
    hasParent: true,
    virtualDiskSize: parent.size,
    // To the guest it stays the same disk.
    virtualDiskId: parent.image.metadata.virtualDiskId,
    logicalSectorSize: parent.sectorSize,
    physicalSectorSize: parent.physicalSectorSize,
    parentLocator: {
      linkage: [parent.image.journal.dataWriteGuid],
      relativePath,
      volumePath: undefined,
      absoluteWin32Path,
    },
  });
}

async function writeFile(store: BlockStore, metadata: Metadata): Promise<void> {
  verifyGeometry(metadata);
  if (store.size !== 0) throw new RangeError("a new VHDX file needs an empty store");
  const geometry = new BatGeometry(metadata);
  const payloadOffset = BAT_OFFSET + geometry.regionLength;
  const blocks = metadata.leaveBlockAllocated ? geometry.payloadBlocks : 0;
  await store.resize(payloadOffset + blocks * metadata.blockSize);

  const header: Header = {
    sequenceNumber: 1n,
    fileWriteGuid: newGuid(),
    dataWriteGuid: newGuid(),
    logGuid: NO_GUID,
    logVersion: LOG_VERSION,
    version: VHDX_VERSION,
    logLength: LOG_LENGTH,
    logOffset: LOG_OFFSET,
  };
  await store.write(HEADER_OFFSETS[0], encodeHeader(header));
  await store.write(HEADER_OFFSETS[1], encodeHeader({ ...header, sequenceNumber: 2n }));
  const regionTable = encodeRegionTable([
    { guid: BAT_REGION, offset: BAT_OFFSET, length: geometry.regionLength, required: true },
    { guid: METADATA_REGION, offset: METADATA_OFFSET, length: METADATA_LENGTH, required: true },
  ]);
  for (const offset of REGION_TABLE_OFFSETS) await store.write(offset, regionTable);
  await store.write(METADATA_OFFSET, encodeMetadata(metadata));
  if (blocks > 0) await writeFixedBat(store, geometry, payloadOffset / MIB, metadata.blockSize / MIB);

  // The file is a VHDX file only once all else is in it.
  await store.barrier();
  await store.write(FILE_TYPE_IDENTIFIER_OFFSET, fileTypeIdentifier(CREATOR));
  await store.commit();
}

async function writeFixedBat(store: BlockStore, geometry: BatGeometry, first: number, blockMib: number): Promise<void> {
  const perPage = BAT_PAGE_SIZE / BAT_ENTRY_SIZE;
  for (let begin = 0; begin < geometry.entries; begin += perPage) {
    const page = new BigUint64Array(perPage);
    for (let entry = begin; entry < Math.min(begin + perPage, geometry.entries); entry++) {
      const { kind, index } = geometry.meaning(entry);
      if (kind === "bitmap") continue;
      page[entry - begin] = (BigInt(first + index * blockMib) << 20n) | BigInt(PAYLOAD_BLOCK_FULLY_PRESENT);
    }
    await store.write(BAT_OFFSET + begin * BAT_ENTRY_SIZE, new Uint8Array(page.buffer));
  }
}
