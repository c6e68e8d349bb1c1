import { type BlockStore } from "../block/block-store";
import { Bat, BatGeometry } from "./bat";
import { verify } from "./errors";
import {
  BITMAP_BLOCK_SIZE,
  BAT_ENTRY_SIZE,
  HEADER_SECTION_SIZE,
  MAX_FILE_SIZE,
  METADATA_TABLE_SIZE,
  MIB,
  PAYLOAD_BLOCK_FULLY_PRESENT,
  PAYLOAD_BLOCK_NOT_PRESENT,
  PAYLOAD_BLOCK_PARTIALLY_PRESENT,
  PAYLOAD_BLOCK_UNDEFINED,
  PAYLOAD_BLOCK_UNMAPPED,
  PAYLOAD_BLOCK_UNMAPPED_V095,
  PAYLOAD_BLOCK_ZERO,
  SB_BLOCK_NOT_PRESENT,
  SB_BLOCK_PRESENT,
} from "./format";
import { type CurrentHeader, readCurrentHeader, readFileTypeIdentifier } from "./header";
import { type PendingLog, readLog, ReplayedStore } from "./log-replay";
import { type Metadata, type MetadataItem, readMetadata } from "./metadata";
import { readRegionTable, type RegionTable } from "./region-table";
import { SpaceMap } from "./space-map";

/** All that a VHDX file says about itself, checked: nothing in it points outside the file or at something else. */
export interface ImageContent {
  /** The file as it is after the replay of its log. */
  readonly store: BlockStore;
  readonly creator: string;
  readonly current: CurrentHeader;
  /** The log that waits for its replay. */
  readonly pendingLog: PendingLog | undefined;
  readonly regionTable: RegionTable;
  readonly metadata: Metadata;
  readonly items: readonly MetadataItem[];
  readonly geometry: BatGeometry;
  readonly bat: Bat;
  readonly space: SpaceMap;
}

/** Reads and checks a VHDX file without writing to it. Throws VhdxError with one line that says what is wrong. */
export async function readImage(file: BlockStore): Promise<ImageContent> {
  verify(file.size <= MAX_FILE_SIZE, `not a usable VHDX file: it has ${file.size} bytes, at most 128 TiB are possible`);
  const creator = await readFileTypeIdentifier(file);
  const current = await readCurrentHeader(file);
  const pendingLog = await readLog(file, current.header);
  const store = pendingLog ? new ReplayedStore(file, pendingLog) : file;
  const regionTable = await readRegionTable(store);
  verify(regionTable.metadata.length >= METADATA_TABLE_SIZE, "damaged VHDX file: its metadata region is too short");
  const { metadata, items } = await readMetadata(store, regionTable.metadata);
  const geometry = new BatGeometry(metadata);
  verify(
    geometry.entries * BAT_ENTRY_SIZE <= regionTable.bat.length,
    `damaged VHDX file: its BAT has no room for the ${geometry.entries} entries that the disk needs`,
  );
  const space = new SpaceMap(Math.ceil(store.size / MIB));
  claimStructures(space, current, regionTable);
  const bat = await Bat.load(store, regionTable.bat.offset, geometry.entries);
  verifyBat({ bat, geometry, metadata, space, fileSize: store.size });
  return { store, creator, current, pendingLog, regionTable, metadata, items, geometry, bat, space };
}

function claimStructures(space: SpaceMap, { header }: CurrentHeader, { regions }: RegionTable): void {
  const claim = (offset: number, length: number, name: string): void =>
    verify(space.claim(offset / MIB, length / MIB), `damaged VHDX file: its ${name} overlaps something else`);
  claim(0, HEADER_SECTION_SIZE, "header");
  claim(header.logOffset, header.logLength, "log");
  for (const { guid, offset, length } of regions) claim(offset, length, `region ${guid}`);
}

interface BatContext {
  readonly bat: Bat;
  readonly geometry: BatGeometry;
  readonly metadata: Metadata;
  readonly space: SpaceMap;
  readonly fileSize: number;
}

function verifyBat(context: BatContext): void {
  const { bat, geometry, metadata } = context;
  const reserved: number[] = [];
  bat.forEachSet(geometry.entries, (entry) => {
    const { kind, index } = geometry.meaning(entry);
    if (kind === "bitmap") {
      if (metadata.hasParent) verifyBitmapEntry(context, entry, index);
    } else if (index < geometry.payloadBlocks && verifyPayloadEntry(context, entry, index) === "reserved") {
      reserved.push(entry);
    }
  });
  // A block without content may keep its place for later; if something else lies there, it has lost it.
  for (const entry of reserved) {
    const offset = bat.offsetMib(entry);
    if (offset * MIB < HEADER_SECTION_SIZE || !context.space.claim(offset, metadata.blockSize / MIB)) {
      bat.dropOffset(entry);
    }
  }
}

function verifyBitmapEntry({ bat, space }: BatContext, entry: number, chunk: number): void {
  const state = bat.state(entry);
  if (state === SB_BLOCK_NOT_PRESENT) return bat.dropOffset(entry);
  verify(state === SB_BLOCK_PRESENT, `damaged VHDX file: sector bitmap block ${chunk} has the unknown state ${state}`);
  verify(
    space.claim(bat.offsetMib(entry), BITMAP_BLOCK_SIZE / MIB),
    `damaged VHDX file: sector bitmap block ${chunk} lies outside the file or overlaps something else`,
  );
}

function verifyPayloadEntry(context: BatContext, entry: number, block: number): "reserved" | "used" {
  const { bat, geometry, metadata, space, fileSize } = context;
  const state = bat.state(entry);
  switch (state) {
    case PAYLOAD_BLOCK_NOT_PRESENT:
      bat.dropOffset(entry);
      return "used";
    case PAYLOAD_BLOCK_UNDEFINED:
    case PAYLOAD_BLOCK_ZERO:
    case PAYLOAD_BLOCK_UNMAPPED:
    case PAYLOAD_BLOCK_UNMAPPED_V095:
      return bat.offsetMib(entry) === 0 ? "used" : "reserved";
    case PAYLOAD_BLOCK_PARTIALLY_PRESENT: {
      const bitmap = geometry.bitmapEntry(Math.floor(block / geometry.chunkRatio));
      verify(metadata.hasParent, `damaged VHDX file: block ${block} is partly in a parent, but there is none`);
      verify(
        bat.state(bitmap) === SB_BLOCK_PRESENT,
        `damaged VHDX file: block ${block} is partly in the parent, but has no sector bitmap`,
      );
      break;
    }
    case PAYLOAD_BLOCK_FULLY_PRESENT:
      break;
    default:
      verify(false, `damaged VHDX file: block ${block} has the unknown state ${state}`);
  }
  // The last block of a file may be cut where the disk ends.
  const offset = bat.offsetMib(entry);
  const needed = Math.min(metadata.blockSize, metadata.virtualDiskSize - block * metadata.blockSize);
  const length = Math.min(metadata.blockSize / MIB, space.end - offset);
  verify(
    length > 0 && offset * MIB + needed <= fileSize && space.claim(offset, length),
    `damaged VHDX file: block ${block} lies outside the file or overlaps something else`,
  );
  return "used";
}
