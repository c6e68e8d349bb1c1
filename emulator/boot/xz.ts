import { XzReadableStream } from "xz-decompress";
import { viewOf } from "./bytes";
import { crc32 } from "../crc";
import { undoX86Filter } from "./x86-filter";

// The .xz file format 1.1.0. The library that unpacks LZMA2 does not know the x86 filter, which Linux's build uses, so
// that each block is handed to it as a stream of its own without that filter, and the filter is undone here.

const FILTER_X86 = 0x04;
const FILTER_LZMA2 = 0x21;
const HEADER_MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];
const FOOTER_MAGIC = [0x59, 0x5a];
const STREAM_HEADER_SIZE = 12;
const CHECK_CRC32 = 1;
/** Bytes of the check field, by its type. */
const CHECK_SIZES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];

/** Reads bytes and the format's variable-length integers, never past the end. */
class Reader {
  private offset = 0;
  constructor(private readonly bytes: Uint8Array) {}

  byte(): number {
    const value = this.bytes[this.offset++];
    if (value === undefined) throw new RangeError("the xz stream is truncated");
    return value;
  }

  integer(): number {
    let value = 0;
    for (let shift = 0; shift < 49; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError("an xz integer is too large");
  }

  take(length: number): Uint8Array {
    if (length > this.bytes.length - this.offset) throw new RangeError("the xz stream is truncated");
    this.offset += length;
    return this.bytes.subarray(this.offset - length, this.offset);
  }
}

function writeInteger(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 0x80; value = Math.floor(value / 128)) bytes.push((value % 128) | 0x80);
  return [...bytes, value];
}

const little = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];

const withCrc = (bytes: number[]): number[] => [...bytes, ...little(crc32(Uint8Array.from(bytes)))];

/** Zeros up to a multiple of four bytes. */
const padded = (bytes: number[]): number[] => [...bytes, ...new Array<number>(-bytes.length & 3).fill(0)];

interface Block {
  /** LZMA2's property byte: the size of its dictionary. */
  readonly dictionary: number;
  readonly x86: boolean;
  readonly compressed: Uint8Array;
  readonly size: number;
  /** CRC-32 of the unpacked block, if the stream has this kind of check. */
  readonly crc?: number;
}

/**
 * Unpacks one .xz stream of LZMA2 blocks with or without the x86 filter, whose unpacked size is known.
 * @throws if it is damaged, has other filters, or another size
 */
export async function unxz(compressed: Uint8Array, size: number): Promise<Uint8Array> {
  const blocks = readBlocks(compressed);
  const total = blocks.reduce((sum, block) => sum + block.size, 0);
  if (total !== size) throw new RangeError(`${total} bytes instead of ${size}`);
  const result = new Uint8Array(size);
  let offset = 0;
  for (const block of blocks) {
    const target = result.subarray(offset, offset + block.size);
    await unpackBlock(block, target);
    if (block.x86) undoX86Filter(target);
    if (block.crc !== undefined && crc32(target) !== block.crc) throw new RangeError("an xz block has a wrong CRC");
    offset += block.size;
  }
  return result;
}

function readBlocks(stream: Uint8Array): Block[] {
  const end = stream.length;
  const view = viewOf(stream);
  const whole =
    end >= 2 * STREAM_HEADER_SIZE &&
    HEADER_MAGIC.every((value, index) => stream[index] === value) &&
    FOOTER_MAGIC.every((value, index) => stream[end - 2 + index] === value);
  if (!whole) throw new RangeError("the xz stream has no header or footer");
  const check = stream[7]! & 0x0f;
  const checkSize = CHECK_SIZES[check]!;
  const indexSize = (view.getUint32(end - 8, true) + 1) * 4;
  const indexStart = end - STREAM_HEADER_SIZE - indexSize;
  if (indexStart < STREAM_HEADER_SIZE) throw new RangeError("the xz index lies outside the stream");

  const index = new Reader(stream.subarray(indexStart, end - STREAM_HEADER_SIZE));
  if (index.byte() !== 0) throw new RangeError("the xz index is damaged");
  const blocks: Block[] = [];
  let offset = STREAM_HEADER_SIZE;
  for (let left = index.integer(); left > 0; left--) {
    const unpadded = index.integer();
    const size = index.integer();
    if (offset + unpadded > indexStart) throw new RangeError("an xz block lies outside the stream");
    blocks.push(readBlock(stream.subarray(offset, offset + unpadded), size, check, checkSize));
    offset += (unpadded + 3) & ~3;
  }
  return blocks;
}

/** `bytes` are a block's header, data, and check; the padding between data and check is not among them. */
function readBlock(bytes: Uint8Array, size: number, check: number, checkSize: number): Block {
  const reader = new Reader(bytes);
  const headerSize = (reader.byte() + 1) * 4;
  const flags = reader.byte();
  if (flags & 0x40) reader.integer();
  if (flags & 0x80) reader.integer();
  let x86 = false;
  let dictionary: number | undefined;
  for (let left = (flags & 3) + 1; left > 0; left--) {
    const filter = reader.integer();
    const properties = reader.take(reader.integer());
    if (filter === FILTER_X86 && properties.length === 0) x86 = true;
    else if (filter === FILTER_LZMA2 && properties.length === 1) dictionary = properties[0];
    else throw new RangeError(`xz filter 0x${filter.toString(16)} is not known`);
  }
  const dataSize = bytes.length - headerSize - checkSize;
  if (dictionary === undefined || dataSize <= 0) throw new RangeError("an xz block is damaged");
  return {
    dictionary,
    x86,
    size,
    compressed: bytes.subarray(headerSize, headerSize + dataSize),
    crc: check === CHECK_CRC32 ? checkAfterPadding(bytes, headerSize + dataSize) : undefined,
  };
}

/** The check field follows the data's padding, and the block's bytes in memory go on behind their subarray. */
function checkAfterPadding(bytes: Uint8Array, dataEnd: number): number {
  const start = bytes.byteOffset + dataEnd + (-dataEnd & 3);
  return new DataView(bytes.buffer, start, 4).getUint32(0, true);
}

/** Unpacks a block's LZMA2 data, wrapped as a stream of one block without a check. */
async function unpackBlock(block: Block, target: Uint8Array): Promise<void> {
  const streamFlags = [0, 0];
  const filters = [0, FILTER_LZMA2, 1, block.dictionary];
  const headerSize = padded([0, ...filters]).length + 4;
  const header = withCrc(padded([headerSize / 4 - 1, ...filters]));
  const records = [0, 1, ...writeInteger(header.length + block.compressed.length), ...writeInteger(block.size)];
  const index = withCrc(padded(records));
  const footer = [...little(index.length / 4 - 1), ...streamFlags];
  const front = [...HEADER_MAGIC, ...withCrc(streamFlags), ...header];
  const back = [
    ...new Array<number>(-block.compressed.length & 3).fill(0),
    ...index,
    ...little(crc32(Uint8Array.from(footer))),
    ...footer,
    ...FOOTER_MAGIC,
  ];
  const pieces = [Uint8Array.from(front), block.compressed, Uint8Array.from(back)];
  const source = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
  const reader = new XzReadableStream(source).getReader();
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (length + value.length > target.length) throw new RangeError("an xz block is larger than its index says");
    target.set(value, length);
    length += value.length;
  }
  if (length !== target.length) throw new RangeError("an xz block is smaller than its index says");
}
