// Blocks of a pcapng file (draft-ietf-opsawg-pcapng), little-endian, times in ns.

const SECTION_HEADER_BLOCK = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION_BLOCK = 1;
const INTERFACE_STATISTICS_BLOCK = 5;
const ENHANCED_PACKET_BLOCK = 6;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const LENGTH_UNKNOWN = 0xffff_ffff_ffff_ffffn;

const OPT_ENDOFOPT = 0;
const OPT_COMMENT = 1;
const SHB_USERAPPL = 4;
const IF_NAME = 2;
const IF_DESCRIPTION = 3;
const IF_TSRESOL = 9;
const EPB_FLAGS = 2;
const ISB_IFRECV = 4;

/** 10^-9 s. */
const NANOSECONDS = 9;
/** An option's length is a u16; texts that are longer are cut. */
const LONGEST_OPTION = 0xfff0;

/** A link type that the registry of link types leaves to its users' own meaning. */
export const LINKTYPE_USER0 = 147;

export interface EnhancedPacket {
  /** In the order of the interface descriptions, from 0. */
  readonly interfaceId: number;
  /** ns. */
  readonly time: number;
  readonly bytes: Uint8Array;
  /** Bytes that there were, at least as many as are kept. */
  readonly originalLength: number;
  readonly direction?: "inbound" | "outbound";
  readonly comment?: string;
}

export function sectionHeader(application: string, comment: string): Uint8Array<ArrayBuffer> {
  const body = new Body();
  body.u32(BYTE_ORDER_MAGIC);
  body.u16(1);
  body.u16(0);
  body.u64(LENGTH_UNKNOWN);
  body.text(OPT_COMMENT, comment);
  body.text(SHB_USERAPPL, application);
  return body.block(SECTION_HEADER_BLOCK);
}

/** @param snapLength bytes of a packet that are kept, at most */
export function interfaceDescription(
  linkType: number,
  snapLength: number,
  name: string,
  description: string,
): Uint8Array<ArrayBuffer> {
  const body = new Body();
  body.u16(linkType);
  body.u16(0);
  body.u32(snapLength);
  body.text(IF_NAME, name);
  body.text(IF_DESCRIPTION, description);
  body.option(IF_TSRESOL, Uint8Array.of(NANOSECONDS));
  return body.block(INTERFACE_DESCRIPTION_BLOCK);
}

export function enhancedPacket(packet: EnhancedPacket): Uint8Array<ArrayBuffer> {
  const { interfaceId, time, bytes, originalLength, direction, comment } = packet;
  const body = new Body();
  body.u32(interfaceId);
  body.time(time);
  body.u32(bytes.length);
  body.u32(originalLength);
  body.padded(bytes);
  if (comment !== undefined) body.text(OPT_COMMENT, comment);
  if (direction) body.option(EPB_FLAGS, Uint8Array.of(direction === "inbound" ? 1 : 2, 0, 0, 0));
  return body.block(ENHANCED_PACKET_BLOCK);
}

/** How many packets an interface saw, for the end of a file. */
export function interfaceStatistics(interfaceId: number, time: number, received: number): Uint8Array<ArrayBuffer> {
  const body = new Body();
  body.u32(interfaceId);
  body.time(time);
  const count = new Uint8Array(8);
  new DataView(count.buffer).setBigUint64(0, BigInt(received), true);
  body.option(ISB_IFRECV, count);
  return body.block(INTERFACE_STATISTICS_BLOCK);
}

/** Grows a block's body; options come last. */
class Body {
  private bytes = new Uint8Array(256);
  private view = new DataView(this.bytes.buffer);
  private length = 0;
  private hasOptions = false;

  u16(value: number): void {
    const at = this.room(2);
    this.view.setUint16(at, value, true);
  }
  u32(value: number): void {
    const at = this.room(4);
    this.view.setUint32(at, value >>> 0, true);
  }
  u64(value: bigint): void {
    const at = this.room(8);
    this.view.setBigUint64(at, value, true);
  }
  /** High half first, whatever the byte order. */
  time(nanoseconds: number): void {
    const time = BigInt(Math.max(0, Math.floor(nanoseconds)));
    this.u32(Number(time >> 32n));
    this.u32(Number(time & 0xffff_ffffn));
  }
  padded(bytes: Uint8Array): void {
    const at = this.room((bytes.length + 3) & ~3);
    this.bytes.set(bytes, at);
  }
  text(code: number, text: string): void {
    const bytes = new TextEncoder().encode(text);
    // A character that the cut divides is left out whole.
    let end = Math.min(bytes.length, LONGEST_OPTION);
    while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
    this.option(code, bytes.subarray(0, end));
  }
  option(code: number, value: Uint8Array): void {
    this.hasOptions = true;
    this.u16(code);
    this.u16(value.length);
    this.padded(value);
  }

  /** The whole block: type, length, body, length again. */
  block(type: number): Uint8Array<ArrayBuffer> {
    if (this.hasOptions) {
      this.u16(OPT_ENDOFOPT);
      this.u16(0);
    }
    const block = new Uint8Array(this.length + 12);
    const view = new DataView(block.buffer);
    view.setUint32(0, type, true);
    view.setUint32(4, block.length, true);
    block.set(this.bytes.subarray(0, this.length), 8);
    view.setUint32(block.length - 4, block.length, true);
    return block;
  }

  /** Makes room for so many bytes, all 0, which may replace `bytes` and `view`. @returns where they begin */
  private room(size: number): number {
    const at = this.length;
    this.length += size;
    if (this.length > this.bytes.length) {
      const bytes = new Uint8Array(2 * this.length);
      bytes.set(this.bytes);
      this.bytes = bytes;
      this.view = new DataView(bytes.buffer);
    }
    return at;
  }
}
