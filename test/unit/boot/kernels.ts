import { gzipSync } from "node:zlib";
import { crc32 } from "../../../emulator/crc";

// Kernels made for the tests: real formats with recognizable bytes instead of code.

export interface TestSegment {
  readonly physical: number;
  readonly virtual?: bigint;
  readonly bytes: Uint8Array;
  readonly memorySize?: number;
}

export interface TestElf {
  readonly wide: boolean;
  readonly entry: bigint;
  readonly segments: readonly TestSegment[];
  readonly type?: number;
  readonly machine?: number;
}

/** An ELF executable with the given segments, each at a 16-byte file offset behind the headers. */
export function makeElf({ wide, entry, segments, type = 2, machine = wide ? 62 : 3 }: TestElf): Uint8Array {
  const headerSize = wide ? 64 : 52;
  const entrySize = wide ? 56 : 32;
  let offset = (headerSize + entrySize * segments.length + 15) & ~15;
  const offsets = segments.map((segment) => {
    const here = offset;
    offset = (offset + segment.bytes.length + 15) & ~15;
    return here;
  });
  const file = new Uint8Array(offset);
  const view = new DataView(file.buffer);
  const word = (at: number, value: number | bigint): void =>
    wide ? view.setBigUint64(at, BigInt(value), true) : view.setUint32(at, Number(value), true);
  file.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, 1, 1]);
  view.setUint16(16, type, true);
  view.setUint16(18, machine, true);
  word(24, entry);
  word(wide ? 32 : 28, headerSize);
  view.setUint16(wide ? 54 : 42, entrySize, true);
  view.setUint16(wide ? 56 : 44, segments.length, true);
  segments.forEach((segment, index) => {
    const header = headerSize + entrySize * index;
    const [offsetAt, virtualAt, physicalAt, fileAt, memoryAt] = wide ? [8, 16, 24, 32, 40] : [4, 8, 12, 16, 20];
    view.setUint32(header, 1, true);
    word(header + offsetAt!, offsets[index]!);
    word(header + virtualAt!, segment.virtual ?? BigInt(segment.physical));
    word(header + physicalAt!, segment.physical);
    word(header + fileAt!, segment.bytes.length);
    word(header + memoryAt!, segment.memorySize ?? segment.bytes.length);
    file.set(segment.bytes, offsets[index]!);
  });
  return file;
}

export const PREFERRED = 0x100_0000;

export interface TestBzImage {
  readonly payload: Uint8Array;
  readonly version?: number;
  readonly xloadflags?: number;
  readonly initrdMax?: number;
  readonly commandLineSize?: number;
  readonly initSize?: number;
  readonly loadflags?: number;
}

/** A bzImage with one setup sector; its payload lies 0x300 bytes into the protected-mode part. */
export function makeBzImage(options: TestBzImage): Uint8Array {
  const { payload, version = 0x20f, xloadflags = 0, initrdMax = 0x7fff_ffff, commandLineSize = 2047 } = options;
  const setup = 1024;
  const paragraphs = Math.ceil((0x300 + payload.length) / 16);
  const image = new Uint8Array(setup + paragraphs * 16);
  const view = new DataView(image.buffer);
  image[0x1f1] = 1;
  view.setUint32(0x1f4, paragraphs, true);
  view.setUint16(0x1fe, 0xaa55, true);
  view.setUint16(0x200, 0x66eb, true);
  view.setUint32(0x202, 0x5372_6448, true);
  view.setUint16(0x206, version, true);
  image[0x211] = options.loadflags ?? 1;
  view.setUint32(0x22c, initrdMax, true);
  image[0x234] = 1;
  view.setUint16(0x236, xloadflags, true);
  view.setUint32(0x238, commandLineSize, true);
  view.setUint32(0x248, 0x300, true);
  view.setUint32(0x24c, payload.length, true);
  view.setBigUint64(0x258, BigInt(PREFERRED), true);
  view.setUint32(0x260, options.initSize ?? 0x20_0000, true);
  image.set(payload, setup + 0x300);
  return image;
}

const sized = (packed: Uint8Array, size: number): Uint8Array => {
  const result = new Uint8Array(packed.length + 4);
  result.set(packed);
  new DataView(result.buffer).setUint32(packed.length, size, true);
  return result;
};

export const gzipPayload = (elf: Uint8Array): Uint8Array => new Uint8Array(gzipSync(elf));

/** A zstd frame (RFC 8878) of one raw block, with its content size. */
export function zstdPayload(elf: Uint8Array): Uint8Array {
  const frame = new Uint8Array(12 + elf.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, 0xfd2f_b528, true);
  view.setUint8(4, 0xa0);
  view.setUint32(5, elf.length, true);
  const block = (elf.length << 3) | 1;
  view.setUint16(9, block & 0xffff, true);
  view.setUint8(11, block >>> 16);
  frame.set(elf, 12);
  return sized(frame, elf.length);
}

/** An LZ4 legacy frame of one block: `head` as literals, then a match that repeats its last `period` bytes. */
export function lz4Payload(head: Uint8Array, period: number, repeated: number, tail: Uint8Array): Uint8Array {
  const lengths = (value: number): number[] =>
    value < 15 ? [] : [...new Array<number>(Math.floor((value - 15) / 255)).fill(255), (value - 15) % 255];
  const nibble = (value: number): number => Math.min(value, 15);
  const block = [
    (nibble(head.length) << 4) | nibble(repeated - 4),
    ...lengths(head.length),
    ...head,
    period & 0xff,
    period >>> 8,
    ...lengths(repeated - 4),
    nibble(tail.length) << 4,
    ...lengths(tail.length),
    ...tail,
  ];
  const frame = new Uint8Array(8 + block.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, 0x184c_2102, true);
  view.setUint32(4, block.length, true);
  frame.set(block, 8);
  return sized(frame, head.length + repeated + tail.length);
}

/** An .xz stream of one LZMA2 block of uncompressed chunks, with the x86 filter if asked; the data as packed. */
export function xzPayload(filtered: Uint8Array, original: Uint8Array, x86: boolean): Uint8Array {
  const le32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
  const crcOf = (bytes: number[]): number[] => le32(crc32(Uint8Array.from(bytes)));
  const pad = (bytes: number[]): number[] => [...bytes, ...new Array<number>(-bytes.length & 3).fill(0)];
  const vli = (value: number): number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...vli(value >>> 7)]);
  const chunk = filtered.length - 1;
  const data = [1, chunk >>> 8, chunk & 0xff, ...filtered, 0];
  const filters = [...(x86 ? [4, 0] : []), 0x21, 1, 0];
  const body = pad([0, x86 ? 1 : 0, ...filters]);
  body[0] = body.length / 4;
  const header = [...body, ...crcOf(body)];
  const records = pad([0, 1, ...vli(header.length + data.length + 4), ...vli(filtered.length)]);
  const index = [...records, ...crcOf(records)];
  const flags = [0, 1];
  const footer = [...le32(index.length / 4 - 1), ...flags];
  const stream = [
    ...[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, ...flags, ...crcOf(flags)],
    ...header,
    ...pad(data),
    ...le32(crc32(original)),
    ...index,
    ...crcOf(footer),
    ...footer,
    ...[0x59, 0x5a],
  ];
  return sized(Uint8Array.from(stream), original.length);
}

export function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + (index >>> 8) * 13 + seed) & 0xff);
}
