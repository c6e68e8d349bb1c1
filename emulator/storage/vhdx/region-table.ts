import { type BlockStore } from "../block/block-store";
import { checksumWithout } from "./checksum";
import { verify, VhdxError } from "./errors";
import { Fields } from "./fields";
import {
  BAT_REGION,
  MAX_REGION_ENTRIES,
  METADATA_REGION,
  MIB,
  REGION_SIGNATURE,
  REGION_TABLE_OFFSETS,
  REGION_TABLE_SIZE,
} from "./format";

/** [MS-VHDX] 2.2.3.2. Offset and length in bytes. */
export interface Region {
  readonly guid: string;
  readonly offset: number;
  readonly length: number;
  readonly required: boolean;
}

export interface RegionTable {
  readonly regions: readonly Region[];
  readonly bat: Region;
  readonly metadata: Region;
  /** Which of the two copies are valid. */
  readonly validCopies: readonly [boolean, boolean];
}

const CHECKSUM = 4;
const HEADER_LENGTH = 16;
const ENTRY_LENGTH = 32;

/** The first of the two region tables that is valid. Throws VhdxError for what cannot be used. */
export async function readRegionTable(store: BlockStore): Promise<RegionTable> {
  const tables: (Fields | undefined)[] = [];
  for (const offset of REGION_TABLE_OFFSETS) {
    const bytes = new Uint8Array(REGION_TABLE_SIZE);
    await store.read(offset, bytes);
    const fields = new Fields(bytes);
    const valid = fields.ascii(0, 4) === REGION_SIGNATURE && fields.u32(CHECKSUM) === checksumWithout(bytes, CHECKSUM);
    tables.push(valid ? fields : undefined);
  }
  const [first, second] = tables;
  const table = first ?? second;
  if (!table) throw new VhdxError("damaged VHDX file: neither of its two region tables is valid");
  const regions = decode(table, store.size);
  const find = (guid: string, name: string): Region => {
    const region = regions.find((candidate) => candidate.guid === guid);
    if (!region) throw new VhdxError(`damaged VHDX file: its region table has no ${name} region`);
    return region;
  };
  const [bat, metadata] = [find(BAT_REGION, "BAT"), find(METADATA_REGION, "metadata")];
  return { regions, bat, metadata, validCopies: [first !== undefined, second !== undefined] };
}

function decode(table: Fields, fileSize: number): Region[] {
  const count = table.u32(8);
  verify(count <= MAX_REGION_ENTRIES, `damaged VHDX file: its region table has ${count} entries, at most 2047 fit`);
  const regions: Region[] = [];
  const seen = new Set<string>();
  for (let index = 0; index < count; index++) {
    const at = HEADER_LENGTH + index * ENTRY_LENGTH;
    const region = {
      guid: table.guid(at),
      offset: table.size(at + 16),
      length: table.u32(at + 24),
      required: (table.u32(at + 28) & 1) !== 0,
    };
    const known = region.guid === BAT_REGION || region.guid === METADATA_REGION;
    verify(known || !region.required, `the VHDX file needs a region ${region.guid}, which is not known here`);
    verify(!seen.has(region.guid), `damaged VHDX file: region ${region.guid} is there twice`);
    seen.add(region.guid);
    verify(
      region.offset >= MIB && region.offset % MIB === 0 && region.length > 0 && region.length % MIB === 0,
      `damaged VHDX file: region ${region.guid} does not begin and end at a multiple of 1 MiB`,
    );
    verify(
      region.offset + region.length <= fileSize,
      `damaged VHDX file: region ${region.guid} ends beyond the end of the file`,
    );
    regions.push(region);
  }
  return regions;
}

/** The 64 KiB of a region table with its checksum. */
export function encodeRegionTable(regions: readonly Region[]): Uint8Array {
  const fields = new Fields(new Uint8Array(REGION_TABLE_SIZE)).putAscii(0, REGION_SIGNATURE).putU32(8, regions.length);
  regions.forEach(({ guid, offset, length, required }, index) => {
    const at = HEADER_LENGTH + index * ENTRY_LENGTH;
    fields
      .putGuid(at, guid)
      .putU64(at + 16, offset)
      .putU32(at + 24, length)
      .putU32(at + 28, required ? 1 : 0);
  });
  return fields.putU32(CHECKSUM, checksumWithout(fields.bytes, CHECKSUM)).bytes;
}
