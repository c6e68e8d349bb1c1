import { type BlockStore } from "../block/block-store";
import { verify, VhdxError } from "./errors";
import { Fields } from "./fields";
import {
  FILE_PARAMETERS,
  LOGICAL_SECTOR_SIZE,
  MAX_BLOCK_SIZE,
  MAX_METADATA_ENTRIES,
  MAX_METADATA_ITEM_LENGTH,
  MAX_VIRTUAL_DISK_SIZE,
  METADATA_SIGNATURE,
  METADATA_TABLE_SIZE,
  MIN_BLOCK_SIZE,
  PARENT_LOCATOR,
  PHYSICAL_SECTOR_SIZE,
  VIRTUAL_DISK_ID,
  VIRTUAL_DISK_SIZE,
} from "./format";
import { decodeParentLocator, encodeParentLocator, type ParentLocator } from "./parent-locator";
import { type Region } from "./region-table";

/** What the known metadata items say ([MS-VHDX] 2.6.2). Sizes in bytes. */
export interface Metadata {
  readonly blockSize: number;
  /** A fixed image: no block is given back. */
  readonly leaveBlockAllocated: boolean;
  readonly hasParent: boolean;
  readonly virtualDiskSize: number;
  readonly virtualDiskId: string;
  readonly logicalSectorSize: 512 | 4096;
  readonly physicalSectorSize: 512 | 4096;
  readonly parentLocator: ParentLocator | undefined;
}

export interface MetadataItem {
  readonly id: string;
  /** From the begin of the metadata region. */
  readonly offset: number;
  readonly length: number;
  readonly isUser: boolean;
  readonly isVirtualDisk: boolean;
  readonly isRequired: boolean;
}

const HEADER_LENGTH = 32;
const ENTRY_LENGTH = 32;
const IS_USER = 1;
const IS_VIRTUAL_DISK = 2;
const IS_REQUIRED = 4;
const LEAVE_BLOCK_ALLOCATED = 1;
const HAS_PARENT = 2;

const KNOWN = new Map([
  [FILE_PARAMETERS, { name: "file parameters", length: 8 }],
  [VIRTUAL_DISK_SIZE, { name: "virtual disk size", length: 8 }],
  [VIRTUAL_DISK_ID, { name: "virtual disk ID", length: 16 }],
  [LOGICAL_SECTOR_SIZE, { name: "logical sector size", length: 4 }],
  [PHYSICAL_SECTOR_SIZE, { name: "physical sector size", length: 4 }],
  [PARENT_LOCATOR, { name: "parent locator", length: undefined }],
]);

/** Reads the metadata table and the known items. Throws VhdxError for what is damaged, or required and not known. */
export async function readMetadata(
  store: BlockStore,
  region: Region,
): Promise<{ metadata: Metadata; items: readonly MetadataItem[] }> {
  const table = new Fields(new Uint8Array(METADATA_TABLE_SIZE));
  await store.read(region.offset, table.bytes);
  const items = decodeTable(table, region);
  const read = async (id: string): Promise<Fields> => {
    const item = items.find((candidate) => candidate.id === id && !candidate.isUser);
    const known = KNOWN.get(id)!;
    if (!item) throw new VhdxError(`damaged VHDX file: its metadata has no ${known.name}`);
    verify(
      known.length === undefined || item.length === known.length,
      `damaged VHDX file: its ${known.name} has ${item.length} bytes instead of ${known.length}`,
    );
    const bytes = new Uint8Array(item.length);
    if (bytes.length > 0) await store.read(region.offset + item.offset, bytes);
    return new Fields(bytes);
  };
  const parameters = await read(FILE_PARAMETERS);
  const hasParent = (parameters.u32(4) & HAS_PARENT) !== 0;
  const metadata: Metadata = {
    blockSize: parameters.u32(0),
    leaveBlockAllocated: (parameters.u32(4) & LEAVE_BLOCK_ALLOCATED) !== 0,
    hasParent,
    virtualDiskSize: (await read(VIRTUAL_DISK_SIZE)).size(0),
    virtualDiskId: (await read(VIRTUAL_DISK_ID)).guid(0),
    logicalSectorSize: sectorSize("logical", (await read(LOGICAL_SECTOR_SIZE)).u32(0)),
    physicalSectorSize: sectorSize("physical", (await read(PHYSICAL_SECTOR_SIZE)).u32(0)),
    parentLocator: hasParent ? decodeParentLocator((await read(PARENT_LOCATOR)).bytes) : undefined,
  };
  verifyGeometry(metadata);
  return { metadata, items };
}

function decodeTable(table: Fields, region: Region): MetadataItem[] {
  verify(table.ascii(0, 8) === METADATA_SIGNATURE, "damaged VHDX file: its metadata table has no signature");
  const count = table.u16(10);
  verify(count <= MAX_METADATA_ENTRIES, `damaged VHDX file: its metadata table has ${count} entries, at most 2047 fit`);
  const items: MetadataItem[] = [];
  for (let index = 0; index < count; index++) {
    const at = HEADER_LENGTH + index * ENTRY_LENGTH;
    const flags = table.u32(at + 24);
    const item: MetadataItem = {
      id: table.guid(at),
      offset: table.u32(at + 16),
      length: table.u32(at + 20),
      isUser: (flags & IS_USER) !== 0,
      isVirtualDisk: (flags & IS_VIRTUAL_DISK) !== 0,
      isRequired: (flags & IS_REQUIRED) !== 0,
    };
    const known = KNOWN.has(item.id) && !item.isUser;
    verify(known || !item.isRequired, `the VHDX file needs a metadata item ${item.id}, which is not known here`);
    verify(
      !items.some(({ id, isUser }) => id === item.id && isUser === item.isUser),
      `damaged VHDX file: metadata item ${item.id} is there twice`,
    );
    verify(
      item.length <= MAX_METADATA_ITEM_LENGTH &&
        (item.length === 0 || item.offset >= METADATA_TABLE_SIZE) &&
        item.offset + item.length <= region.length,
      `damaged VHDX file: metadata item ${item.id} lies outside the metadata region`,
    );
    items.push(item);
  }
  return items;
}

function sectorSize(which: string, value: number): 512 | 4096 {
  if (value === 512 || value === 4096) return value;
  throw new VhdxError(`the VHDX file's ${which} sectors have ${value} bytes; only 512 and 4096 are known`);
}

/** Throws VhdxError for a size or a block size that [MS-VHDX] 2.6.2 does not allow. */
export function verifyGeometry({
  blockSize,
  virtualDiskSize,
  logicalSectorSize,
}: Pick<Metadata, "blockSize" | "virtualDiskSize" | "logicalSectorSize">): void {
  verify(
    blockSize >= MIN_BLOCK_SIZE && blockSize <= MAX_BLOCK_SIZE && Number.isInteger(Math.log2(blockSize)),
    `a block size of ${blockSize} bytes is not possible; it must be a power of two from 1 MiB to 256 MiB`,
  );
  verify(
    virtualDiskSize > 0 && virtualDiskSize <= MAX_VIRTUAL_DISK_SIZE,
    `a disk size of ${virtualDiskSize} bytes is not possible; it must be above 0 and at most 64 TiB`,
  );
  verify(
    virtualDiskSize % logicalSectorSize === 0,
    `a disk size of ${virtualDiskSize} bytes is not possible; it must be a multiple of ${logicalSectorSize}`,
  );
}

/** A metadata region's used begin: the table and the known items, packed from 64 KiB on. */
export function encodeMetadata(metadata: Metadata): Uint8Array {
  const u32 = (value: number): Uint8Array => new Fields(new Uint8Array(4)).putU32(0, value).bytes;
  const flags = (metadata.leaveBlockAllocated ? LEAVE_BLOCK_ALLOCATED : 0) | (metadata.hasParent ? HAS_PARENT : 0);
  const contents: [id: string, flags: number, content: Uint8Array][] = [
    [FILE_PARAMETERS, IS_REQUIRED, new Fields(new Uint8Array(8)).putU32(0, metadata.blockSize).putU32(4, flags).bytes],
    [VIRTUAL_DISK_SIZE, IS_REQUIRED | IS_VIRTUAL_DISK, encodeVirtualDiskSize(metadata.virtualDiskSize)],
    [
      VIRTUAL_DISK_ID,
      IS_REQUIRED | IS_VIRTUAL_DISK,
      new Fields(new Uint8Array(16)).putGuid(0, metadata.virtualDiskId).bytes,
    ],
    [LOGICAL_SECTOR_SIZE, IS_REQUIRED | IS_VIRTUAL_DISK, u32(metadata.logicalSectorSize)],
    [PHYSICAL_SECTOR_SIZE, IS_REQUIRED | IS_VIRTUAL_DISK, u32(metadata.physicalSectorSize)],
  ];
  if (metadata.parentLocator) {
    contents.push([PARENT_LOCATOR, IS_REQUIRED, encodeParentLocator(metadata.parentLocator)]);
  }
  const total = contents.reduce((sum, [, , content]) => sum + content.length, METADATA_TABLE_SIZE);
  const fields = new Fields(new Uint8Array(total)).putAscii(0, METADATA_SIGNATURE).putU16(10, contents.length);
  let offset = METADATA_TABLE_SIZE;
  contents.forEach(([id, itemFlags, content], index) => {
    const at = HEADER_LENGTH + index * ENTRY_LENGTH;
    fields
      .putGuid(at, id)
      .putU32(at + 16, offset)
      .putU32(at + 20, content.length)
      .putU32(at + 24, itemFlags);
    fields.bytes.set(content, offset);
    offset += content.length;
  });
  return fields.bytes;
}

/** The virtual disk size item ([MS-VHDX] 2.6.2.2). */
export function encodeVirtualDiskSize(bytes: number): Uint8Array {
  return new Fields(new Uint8Array(8)).putU64(0, bytes).bytes;
}
