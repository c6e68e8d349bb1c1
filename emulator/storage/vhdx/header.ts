import { type BlockStore } from "../block/block-store";
import { checksumWithout } from "./checksum";
import { verify, VhdxError } from "./errors";
import { Fields } from "./fields";
import {
  FILE_TYPE_IDENTIFIER_OFFSET,
  FILE_TYPE_SIGNATURE,
  HEADER_OFFSETS,
  HEADER_SIGNATURE,
  HEADER_SIZE,
  KIB,
  LOG_VERSION,
  MAX_LOG_LENGTH,
  MIB,
  VHDX_VERSION,
} from "./format";

/** [MS-VHDX] 2.2.2 */
export interface Header {
  readonly sequenceNumber: bigint;
  readonly fileWriteGuid: string;
  readonly dataWriteGuid: string;
  /** All zeros when the log is empty. */
  readonly logGuid: string;
  readonly logVersion: number;
  readonly version: number;
  readonly logLength: number;
  readonly logOffset: number;
}

/** The current header, and which of the two places it has. */
export interface CurrentHeader {
  readonly header: Header;
  readonly slot: 0 | 1;
  /** How many of the two are valid. */
  readonly valid: number;
}

const CHECKSUM = 4;

/** Throws VhdxError unless the file begins as a VHDX file does ([MS-VHDX] 2.2.1). Returns the creator's name. */
export async function readFileTypeIdentifier(store: BlockStore): Promise<string> {
  verify(store.size >= MIB, "not a VHDX file: it is shorter than 1 MiB");
  const bytes = new Uint8Array(8 + 512);
  await store.read(FILE_TYPE_IDENTIFIER_OFFSET, bytes);
  verify(new Fields(bytes).ascii(0, 8) === FILE_TYPE_SIGNATURE, "not a VHDX file: it does not begin with 'vhdxfile'");
  const creator = new TextDecoder("utf-16le").decode(bytes.subarray(8)).split("\0")[0] ?? "";
  return creator.replace(/[^\x20-\x7e]/g, "?");
}

/** The 64 KiB of the file type identifier. */
export function fileTypeIdentifier(creator: string): Uint8Array {
  const fields = new Fields(new Uint8Array(64 * KIB)).putAscii(0, FILE_TYPE_SIGNATURE);
  for (let index = 0; index < Math.min(creator.length, 255); index++) {
    fields.putU16(8 + 2 * index, creator.charCodeAt(index));
  }
  return fields.bytes;
}

/** The header that is valid and has the higher sequence number. Throws VhdxError when neither can be used. */
export async function readCurrentHeader(store: BlockStore): Promise<CurrentHeader> {
  const headers: (Header | undefined)[] = [];
  for (const offset of HEADER_OFFSETS) {
    const bytes = new Uint8Array(HEADER_SIZE);
    await store.read(offset, bytes);
    headers.push(decodeHeader(bytes));
  }
  const [first, second] = headers;
  if (!first && !second) throw new VhdxError("damaged VHDX file: neither of its two headers is valid");
  const slot = !first || (second && second.sequenceNumber > first.sequenceNumber) ? 1 : 0;
  const header = (slot === 1 ? second : first)!;
  verify(header.version === VHDX_VERSION, `VHDX version ${header.version} is not known; only version 1 is`);
  return { header, slot, valid: first && second ? 2 : 1 };
}

/** Throws VhdxError when the header describes a log that cannot be. */
export function verifyLog(header: Header, fileSize: number): void {
  const { logOffset, logLength, logVersion } = header;
  verify(logVersion === LOG_VERSION, `VHDX log version ${logVersion} is not known; only version 0 is`);
  verify(logOffset >= MIB && logOffset % MIB === 0, "damaged VHDX file: its log does not lie at a multiple of 1 MiB");
  verify(logLength > 0 && logLength % MIB === 0, "damaged VHDX file: its log's length is not a multiple of 1 MiB");
  verify(logLength <= MAX_LOG_LENGTH, `the VHDX file's log has ${logLength} bytes; at most 64 MiB can be read`);
  verify(logOffset + logLength <= fileSize, "damaged VHDX file: its log ends beyond the end of the file");
}

function decodeHeader(bytes: Uint8Array): Header | undefined {
  const fields = new Fields(bytes);
  if (fields.ascii(0, 4) !== HEADER_SIGNATURE) return undefined;
  if (fields.u32(CHECKSUM) !== checksumWithout(bytes, CHECKSUM)) return undefined;
  return {
    sequenceNumber: fields.u64(8),
    fileWriteGuid: fields.guid(16),
    dataWriteGuid: fields.guid(32),
    logGuid: fields.guid(48),
    logVersion: fields.u16(64),
    version: fields.u16(66),
    logLength: fields.u32(68),
    logOffset: fields.size(72),
  };
}

/** The 4 KiB of a header with its checksum. */
export function encodeHeader(header: Header): Uint8Array {
  const fields = new Fields(new Uint8Array(HEADER_SIZE))
    .putAscii(0, HEADER_SIGNATURE)
    .putU64(8, header.sequenceNumber)
    .putGuid(16, header.fileWriteGuid)
    .putGuid(32, header.dataWriteGuid)
    .putGuid(48, header.logGuid)
    .putU16(64, header.logVersion)
    .putU16(66, header.version)
    .putU32(68, header.logLength)
    .putU64(72, header.logOffset);
  return fields.putU32(CHECKSUM, checksumWithout(fields.bytes, CHECKSUM)).bytes;
}
