import { crc32c } from "../../crc";
import { checksumWithout } from "./checksum";
import { Fields } from "./fields";
import {
  DATA_DESCRIPTOR_SIGNATURE,
  DATA_SECTOR_SIGNATURE,
  LOG_DESCRIPTOR_SIZE,
  LOG_ENTRY_SIGNATURE,
  LOG_HEADER_SIZE,
  LOG_SECTOR_SIZE,
  ZERO_DESCRIPTOR_SIGNATURE,
} from "./format";

/** What a descriptor of the log does to the file: 4 KiB of content, or zeros. Offset and length in bytes. */
export interface LogUpdate {
  readonly offset: number;
  readonly length: number;
  /** Undefined for zeros. */
  readonly content: Uint8Array | undefined;
}

/** [MS-VHDX] 2.3.1.1. Lengths and offsets in bytes. */
export interface LogEntry {
  readonly entryLength: number;
  /** Where in the log the oldest entry lies that must be replayed when this one is the newest. */
  readonly tail: number;
  readonly sequenceNumber: bigint;
  readonly logGuid: string;
  readonly flushedFileOffset: number;
  readonly lastFileOffset: number;
  readonly updates: readonly LogUpdate[];
}

const CHECKSUM = 4;

/** Pages that fit an entry whose descriptors take one sector: a log of 1 MiB has room for two such entries. */
export const MAX_PAGES_PER_ENTRY = (LOG_SECTOR_SIZE - LOG_HEADER_SIZE) / LOG_DESCRIPTOR_SIZE;

function descriptorSectors(count: number): number {
  return Math.ceil((LOG_HEADER_SIZE + count * LOG_DESCRIPTOR_SIZE) / LOG_SECTOR_SIZE);
}

/** Bytes that an entry of this many pages takes in the log. */
export function entryLength(pages: number): number {
  return (descriptorSectors(pages) + pages) * LOG_SECTOR_SIZE;
}

/** The bytes of an entry that writes whole pages of 4 KiB; `page.content` must have that length. */
export function encodeLogEntry(
  header: Omit<LogEntry, "entryLength" | "updates">,
  pages: readonly { readonly offset: number; readonly content: Uint8Array }[],
): Uint8Array {
  const { sequenceNumber } = header;
  const fields = new Fields(new Uint8Array(entryLength(pages.length)))
    .putAscii(0, LOG_ENTRY_SIGNATURE)
    .putU32(8, entryLength(pages.length))
    .putU32(12, header.tail)
    .putU64(16, sequenceNumber)
    .putU32(24, pages.length)
    .putGuid(32, header.logGuid)
    .putU64(48, header.flushedFileOffset)
    .putU64(56, header.lastFileOffset);
  let sector = descriptorSectors(pages.length) * LOG_SECTOR_SIZE;
  pages.forEach(({ offset, content }, index) => {
    const at = LOG_HEADER_SIZE + index * LOG_DESCRIPTOR_SIZE;
    // The first 8 and the last 4 bytes go to the descriptor; in the sector, signature and sequence take their place.
    fields
      .putAscii(at, DATA_DESCRIPTOR_SIGNATURE)
      .putU64(at + 16, offset)
      .putU64(at + 24, sequenceNumber);
    fields.bytes.set(content.subarray(LOG_SECTOR_SIZE - 4), at + 4);
    fields.bytes.set(content.subarray(0, 8), at + 8);
    fields.bytes.set(content, sector);
    fields
      .putAscii(sector, DATA_SECTOR_SIGNATURE)
      .putU32(sector + 4, Number(sequenceNumber >> 32n))
      .putU32(sector + LOG_SECTOR_SIZE - 4, Number(sequenceNumber & 0xffff_ffffn));
    sector += LOG_SECTOR_SIZE;
  });
  return fields.putU32(CHECKSUM, checksumWithout(fields.bytes, CHECKSUM)).bytes;
}

/** The log's bytes as the ring of sectors that it is. */
export class LogRing {
  readonly sectors: number;

  constructor(readonly bytes: Uint8Array) {
    this.sectors = bytes.length / LOG_SECTOR_SIZE;
  }

  sector(index: number): Uint8Array {
    const at = (index % this.sectors) * LOG_SECTOR_SIZE;
    return this.bytes.subarray(at, at + LOG_SECTOR_SIZE);
  }
}

/**
 * The entry that begins at a sector of the log, or undefined when there is none that is valid: wrong signatures,
 * sequence numbers, lengths or checksum ([MS-VHDX] 2.3.2). `logGuid` is the header's.
 */
export function decodeLogEntry(ring: LogRing, first: number, logGuid: string): LogEntry | undefined {
  const header = new Fields(ring.sector(first));
  if (header.ascii(0, 4) !== LOG_ENTRY_SIGNATURE || header.guid(32) !== logGuid) return undefined;
  const length = header.u32(8);
  const tail = header.u32(12);
  const sequenceNumber = header.u64(16);
  const count = header.u32(24);
  if (length === 0 || length % LOG_SECTOR_SIZE !== 0 || length > ring.bytes.length) return undefined;
  if (tail % LOG_SECTOR_SIZE !== 0 || tail >= ring.bytes.length || sequenceNumber === 0n) return undefined;
  const sectors = length / LOG_SECTOR_SIZE;
  if (descriptorSectors(count) > sectors) return undefined;

  const updates: LogUpdate[] = [];
  let data = first + descriptorSectors(count);
  for (let index = 0; index < count; index++) {
    const at = LOG_HEADER_SIZE + index * LOG_DESCRIPTOR_SIZE;
    const sector = ring.sector(first + Math.floor(at / LOG_SECTOR_SIZE));
    const within = at % LOG_SECTOR_SIZE;
    const descriptor = new Fields(sector.subarray(within, within + LOG_DESCRIPTOR_SIZE));
    const isData = descriptor.ascii(0, 4) === DATA_DESCRIPTOR_SIGNATURE;
    if (isData && data >= first + sectors) return undefined;
    const update = isData ? decodeData(descriptor, ring.sector(data++)) : decodeZero(descriptor);
    if (!update || descriptor.u64(24) !== sequenceNumber) return undefined;
    updates.push(update);
  }
  if (checksumOf(ring, first, sectors) !== header.u32(CHECKSUM)) return undefined;
  return {
    entryLength: length,
    tail,
    sequenceNumber,
    logGuid,
    flushedFileOffset: header.size(48),
    lastFileOffset: header.size(56),
    updates,
  };
}

function decodeZero(descriptor: Fields): LogUpdate | undefined {
  const [length, offset] = [descriptor.size(8), descriptor.size(16)];
  if (descriptor.ascii(0, 4) !== ZERO_DESCRIPTOR_SIGNATURE) return undefined;
  if (offset % LOG_SECTOR_SIZE !== 0 || length % LOG_SECTOR_SIZE !== 0) return undefined;
  return { offset, length, content: undefined };
}

function decodeData(descriptor: Fields, bytes: Uint8Array): LogUpdate | undefined {
  const sector = new Fields(bytes);
  const offset = descriptor.size(16);
  const sequence = (BigInt(sector.u32(4)) << 32n) | BigInt(sector.u32(LOG_SECTOR_SIZE - 4));
  if (sector.ascii(0, 4) !== DATA_SECTOR_SIGNATURE || sequence !== descriptor.u64(24)) return undefined;
  if (offset % LOG_SECTOR_SIZE !== 0) return undefined;
  const content = bytes.slice();
  content.set(descriptor.bytes.subarray(8, 16), 0);
  content.set(descriptor.bytes.subarray(4, 8), LOG_SECTOR_SIZE - 4);
  return { offset, length: LOG_SECTOR_SIZE, content };
}

function checksumOf(ring: LogRing, first: number, sectors: number): number {
  const head = ring.sector(first).slice();
  head.fill(0, CHECKSUM, CHECKSUM + 4);
  let crc = crc32c(head);
  for (let index = 1; index < sectors; index++) crc = crc32c(ring.sector(first + index), crc);
  return crc;
}
