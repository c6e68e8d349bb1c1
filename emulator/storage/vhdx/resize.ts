import { COPY_UNIT } from "../disk";
import { isZero } from "../zeros";
import { BAT_PAGE_SIZE, BatGeometry } from "./bat";
import { type BlockReader } from "./block-reader";
import { verify, VhdxError } from "./errors";
import {
  BAT_ENTRY_SIZE,
  BAT_REGION,
  MIB,
  PAYLOAD_BLOCK_FULLY_PRESENT,
  PAYLOAD_BLOCK_NOT_PRESENT,
  PAYLOAD_BLOCK_PARTIALLY_PRESENT,
  REGION_TABLE_OFFSETS,
  roundUp,
  VIRTUAL_DISK_SIZE,
} from "./format";
import { type VhdxImage } from "./image";
import { type MetadataPage } from "./journal";
import { encodeVirtualDiskSize, verifyGeometry } from "./metadata";
import { encodeRegionTable } from "./region-table";

const PAGE_SIZE = 4096;

/**
 * Changes the disk's size, in bytes; durable when this resolves. After a crash the disk has the one size or the other.
 * Throws VhdxError, and changes nothing, when the size is not possible or would cut off data.
 */
export async function resizeImage(image: VhdxImage, reader: BlockReader, size: number): Promise<void> {
  const { metadata } = image;
  verifyGeometry({ ...metadata, virtualDiskSize: size });
  if (size === metadata.virtualDiskSize) return;
  await image.flush();
  if (size > metadata.virtualDiskSize) await grow(image, size);
  else await shrink(image, reader, size);
  await image.flush();
}

async function grow(image: VhdxImage, size: number): Promise<void> {
  const { metadata, geometry } = image;
  verify(
    image.parentSize <= metadata.virtualDiskSize,
    "the disk is smaller than its parent, so it cannot grow; merge the two first",
  );
  const larger = new BatGeometry({ ...metadata, virtualDiskSize: size });
  await clearTail(image);
  // What lies in the BAT beyond its entries means nothing so far.
  const used = roundUp(geometry.entries * BAT_ENTRY_SIZE, BAT_PAGE_SIZE);
  const needed = roundUp(larger.entries * BAT_ENTRY_SIZE, BAT_PAGE_SIZE);
  if (needed > image.regionTable.bat.length) await moveBat(image, larger);
  else await image.store.zero(image.regionTable.bat.offset + used, needed - used);
  for (let entry = geometry.entries; entry < used / BAT_ENTRY_SIZE; entry++) clearEntry(image, entry);
  if (metadata.leaveBlockAllocated) await addFixedBlocks(image, larger);
  await setSize(image, size, larger);
}

/** What lies between the disk's end and the end of its last block becomes part of the disk. */
async function clearTail({ metadata, geometry, bat, bitmaps, store }: VhdxImage): Promise<void> {
  const { blockSize, virtualDiskSize, logicalSectorSize } = metadata;
  const within = virtualDiskSize % blockSize;
  const entry = geometry.payloadEntry(geometry.payloadBlocks - 1);
  const state = bat.state(entry);
  if (within === 0) return;
  if (state === PAYLOAD_BLOCK_FULLY_PRESENT || state === PAYLOAD_BLOCK_PARTIALLY_PRESENT) {
    const begin = bat.offsetMib(entry) * MIB;
    if (begin + blockSize > store.size) await store.resize(begin + blockSize);
    await store.zero(begin + within, blockSize - within);
  }
  if (state === PAYLOAD_BLOCK_PARTIALLY_PRESENT) {
    await bitmaps.mark(virtualDiskSize / logicalSectorSize, (blockSize - within) / logicalSectorSize, false);
  }
}

function clearEntry({ bat }: VhdxImage, entry: number): void {
  if (bat.state(entry) !== 0 || bat.offsetMib(entry) !== 0) bat.set(entry, PAYLOAD_BLOCK_NOT_PRESENT, 0);
}

/** Gives the BAT a new place with room for more entries; the region tables change in one step with nothing else. */
async function moveBat(image: VhdxImage, larger: BatGeometry): Promise<void> {
  await image.flush();
  const { store, bat, regionTable } = image;
  const old = regionTable.bat;
  const length = larger.regionLength;
  const room = await image.allocate(length / MIB);
  const offset = room.offsetMib * MIB;
  if (!room.fresh) await store.zero(offset, length);
  for (const index of bat.pageIndices()) await store.write(offset + index * BAT_PAGE_SIZE, bat.pageBytes(index));

  const regions = regionTable.regions.map((region) =>
    region.guid === BAT_REGION ? { ...region, offset, length } : region,
  );
  const moved = regions.find(({ guid }) => guid === BAT_REGION)!;
  const table = encodeRegionTable(regions);
  for (const place of REGION_TABLE_OFFSETS) image.addPages(await changedPages(image, place, table));
  image.regionTable = { ...regionTable, regions, bat: moved };
  image.release(old.offset / MIB, old.length / MIB);
  await image.flush();
}

async function addFixedBlocks(image: VhdxImage, larger: BatGeometry): Promise<void> {
  for (let block = image.geometry.payloadBlocks; block < larger.payloadBlocks; block++) {
    const room = await image.allocate(image.blockMib);
    if (!room.fresh) await image.store.zero(room.offsetMib * MIB, image.metadata.blockSize);
    image.bat.set(larger.payloadEntry(block), PAYLOAD_BLOCK_FULLY_PRESENT, room.offsetMib);
    await image.flushIfFull();
  }
}

async function shrink(image: VhdxImage, reader: BlockReader, size: number): Promise<void> {
  const { metadata, geometry, bat } = image;
  verify(!metadata.hasParent, "a differencing disk cannot shrink; merge it into its parent first");
  await verifyNoData(reader, size, metadata.virtualDiskSize);
  const smaller = new BatGeometry({ ...metadata, virtualDiskSize: size });
  for (let block = smaller.payloadBlocks; block < geometry.payloadBlocks; block++) {
    const entry = geometry.payloadEntry(block);
    const kept = bat.offsetMib(entry);
    clearEntry(image, entry);
    if (kept !== 0) image.release(kept, Math.min(image.blockMib, image.space.end - kept));
    await image.flushIfFull();
  }
  await setSize(image, size, smaller);
}

/** Only zeros may be cut off. */
async function verifyNoData(reader: BlockReader, begin: number, end: number): Promise<void> {
  const buffer = new Uint8Array(COPY_UNIT);
  for (let at = begin; at < end;) {
    const { zeros, length } = await reader.extent(at, end - at);
    const part = buffer.subarray(0, zeros ? 0 : Math.min(buffer.length, length));
    if (!zeros) await reader.read(at, part);
    if (!isZero(part)) {
      throw new VhdxError(`the disk cannot shrink to ${begin} bytes: there is data behind that, near byte ${at}`);
    }
    at += zeros ? length : part.length;
  }
}

async function setSize(image: VhdxImage, size: number, geometry: BatGeometry): Promise<void> {
  const item = image.content.items.find(({ id, isUser }) => id === VIRTUAL_DISK_SIZE && !isUser)!;
  const offset = image.regionTable.metadata.offset + item.offset;
  image.addPages(await changedPages(image, offset, encodeVirtualDiskSize(size)));
  image.metadata = { ...image.metadata, virtualDiskSize: size };
  image.geometry = geometry;
}

/** The pages of the file that bytes at an offset would change. */
async function changedPages({ store }: VhdxImage, offset: number, bytes: Uint8Array): Promise<MetadataPage[]> {
  const pages: MetadataPage[] = [];
  for (let page = offset - (offset % PAGE_SIZE); page < offset + bytes.length; page += PAGE_SIZE) {
    const content = new Uint8Array(PAGE_SIZE);
    await store.read(page, content);
    const before = content.slice();
    const from = Math.max(page, offset);
    content.set(bytes.subarray(from - offset, Math.min(page + PAGE_SIZE, offset + bytes.length) - offset), from - page);
    if (content.some((byte, index) => byte !== before[index])) pages.push({ offset: page, content });
  }
  return pages;
}
