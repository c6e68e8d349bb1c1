/** Little-endian fields of a structure in a file. Offsets are from the structure's begin, in bytes. */
export class Fields {
  private readonly view: DataView;

  constructor(readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u16(offset: number): number {
    return this.view.getUint16(offset, true);
  }
  u32(offset: number): number {
    return this.view.getUint32(offset, true);
  }
  u64(offset: number): bigint {
    return this.view.getBigUint64(offset, true);
  }
  /** A 64-bit field as a number: values above 2^53 - 1 become Infinity, which every bound refuses. */
  size(offset: number): number {
    const value = this.u64(offset);
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : Infinity;
  }
  ascii(offset: number, length: number): string {
    return String.fromCharCode(...this.bytes.subarray(offset, offset + length));
  }
  guid(offset: number): string {
    return formatGuid(this.bytes.subarray(offset, offset + 16));
  }

  putU16(offset: number, value: number): this {
    this.view.setUint16(offset, value, true);
    return this;
  }
  putU32(offset: number, value: number): this {
    this.view.setUint32(offset, value, true);
    return this;
  }
  putU64(offset: number, value: bigint | number): this {
    this.view.setBigUint64(offset, BigInt(value), true);
    return this;
  }
  putAscii(offset: number, text: string): this {
    for (let index = 0; index < text.length; index++) this.bytes[offset + index] = text.charCodeAt(index);
    return this;
  }
  putGuid(offset: number, guid: string): this {
    this.bytes.set(guidBytes(guid), offset);
    return this;
  }
}

export const NO_GUID = "00000000-0000-0000-0000-000000000000";

/** Where the bytes of a GUID's text lie in its 16 bytes: the first three fields are little-endian. */
const GUID_ORDER = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

/** 16 bytes as a GUID's lower-case text without braces. */
export function formatGuid(bytes: Uint8Array): string {
  const hex = GUID_ORDER.map((index) => bytes[index]!.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** The 16 bytes of a GUID that `formatGuid` gave. */
export function guidBytes(guid: string): Uint8Array {
  const hex = guid.replaceAll("-", "");
  const bytes = new Uint8Array(16);
  GUID_ORDER.forEach((at, index) => (bytes[at] = parseInt(hex.slice(2 * index, 2 * index + 2), 16)));
  return bytes;
}

/** A new random GUID (RFC 9562, version 4). */
export function newGuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[7] = (bytes[7]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return formatGuid(bytes);
}
