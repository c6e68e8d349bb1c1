import { type BlockStore } from "./block/block-store";
import { MemoryStore } from "./block/memory-store";
import { type Progress } from "./copy-disk";
import { COPY_UNIT } from "./disk";
import { BAT_ENTRY_SIZE, MIB, PAYLOAD_BLOCK_FULLY_PRESENT } from "./vhdx/format";
import { createVhdx, type CreateOptions } from "./vhdx/create";
import { openVhdx } from "./vhdx/open";
import { isZero } from "./zeros";

/**
 * A part of a file, in the form that a FileSystemWritableFileStream takes: bytes for a place behind all before, or, at
 * the end, the size of the whole. What lies between is zeros.
 */
export type ImagePart =
  | { readonly type: "write"; readonly position: number; readonly data: Uint8Array<ArrayBuffer> }
  | { readonly type: "truncate"; readonly size: number };

export type ImageStream = ReadableStream<ImagePart>;

/** What an image is made of: a disk, or a view of one. It is read once, from its begin to its end. */
export interface ImageSource {
  /** Bytes. */
  readonly size: number;
  readonly sectorSize: number;
  read(lba: number, target: Uint8Array): Promise<void>;
  /** How many bytes from `offset` on, at most `length`, are alike: zeros for certain, or in need of a look. */
  extent(offset: number, length: number): Promise<{ readonly zeros: boolean; readonly length: number }>;
}

/** A file as it is. */
export function fileStream(store: BlockStore, progress?: Progress): ImageStream {
  return streamOf(pieces({ from: 0, to: store.size, read: (at, part) => store.read(at, part), progress }), store.size);
}

/** A raw image: the disk's bytes and nothing else. */
export function rawStream(source: ImageSource, progress?: Progress): ImageStream {
  return streamOf(rawParts(source, progress), source.size);
}

/**
 * A VHDX file that needs no other one. Which blocks it has is settled by the time that this resolves. Throws VhdxError
 * for options that cannot be.
 */
export async function vhdxStream(
  source: ImageSource,
  options: Omit<CreateOptions, "size">,
  progress?: Progress,
): Promise<ImageStream> {
  const head = new MemoryStore();
  await createVhdx(head, { ...options, size: source.size, type: "dynamic" });
  const { image } = await openVhdx(head, { readOnly: true });
  const { geometry } = image;
  const { blockSize } = image.metadata;
  const blocks =
    options.type === "fixed"
      ? Array.from({ length: geometry.payloadBlocks }, (_, block) => block)
      : await presentBlocks(source, blockSize);
  const begin = head.size;
  for (const [index, block] of blocks.entries()) {
    const entry = new Uint8Array(BAT_ENTRY_SIZE);
    const offsetMib = (begin + index * blockSize) / MIB;
    new DataView(entry.buffer).setBigUint64(0, (BigInt(offsetMib) << 20n) | BigInt(PAYLOAD_BLOCK_FULLY_PRESENT), true);
    await head.write(image.regionTable.bat.offset + geometry.payloadEntry(block) * BAT_ENTRY_SIZE, entry);
  }
  return streamOf(vhdxParts({ source, head, blocks, blockSize, progress }), begin + blocks.length * blockSize);
}

/** The blocks that are not zeros for certain. */
async function presentBlocks(source: ImageSource, blockSize: number): Promise<number[]> {
  const blocks: number[] = [];
  for (let at = 0; at < source.size;) {
    const { zeros, length } = await source.extent(at, source.size - at);
    if (!zeros) {
      const last = Math.floor((at + length - 1) / blockSize);
      for (let block = Math.floor(at / blockSize); block <= last; block++) {
        if (blocks.at(-1) !== block) blocks.push(block);
      }
    }
    at += length;
  }
  return blocks;
}

async function* rawParts(source: ImageSource, progress?: Progress): AsyncGenerator<ImagePart> {
  const read = (at: number, part: Uint8Array): Promise<void> => source.read(at / source.sectorSize, part);
  const report = (done: number): void => progress?.(done, source.size);
  for (let at = 0; at < source.size;) {
    const { zeros, length } = await source.extent(at, source.size - at);
    if (zeros) report(at + length);
    else yield* pieces({ from: at, to: at + length, read, progress: report });
    at += length;
  }
}

interface VhdxLayout {
  readonly source: ImageSource;
  /** All that comes before the blocks. */
  readonly head: BlockStore;
  readonly blocks: readonly number[];
  readonly blockSize: number;
  readonly progress: Progress | undefined;
}

async function* vhdxParts({ source, head, blocks, blockSize, progress }: VhdxLayout): AsyncGenerator<ImagePart> {
  yield* pieces({ from: 0, to: head.size, read: (at, part) => head.read(at, part) });
  for (const [index, block] of blocks.entries()) {
    const from = block * blockSize;
    yield* pieces({
      from,
      to: Math.min(from + blockSize, source.size),
      read: (at, part) => source.read(at / source.sectorSize, part),
      place: head.size + index * blockSize - from,
      progress: (done) => progress?.(index * blockSize + done - from, blocks.length * blockSize),
    });
  }
}

interface PieceOptions {
  readonly from: number;
  readonly to: number;
  read(at: number, part: Uint8Array): Promise<void>;
  /** Added to where the bytes were. */
  readonly place?: number;
  /** Told how far it is, and of what. */
  readonly progress?: Progress;
}

/** The bytes of a range, without long runs of zeros. */
async function* pieces({ from, to, read, place = 0, progress }: PieceOptions): AsyncGenerator<ImagePart> {
  for (let at = from; at < to;) {
    const data = new Uint8Array(Math.min(COPY_UNIT, to - at));
    await read(at, data);
    if (!isZero(data)) yield { type: "write", position: place + at, data };
    at += data.length;
    progress?.(at, to);
  }
}

/** Parts as fast as they are taken, and the size at their end. */
function streamOf(parts: AsyncGenerator<ImagePart>, size: number): ImageStream {
  return new ReadableStream<ImagePart>(
    {
      async pull(controller) {
        const { value, done } = await parts.next();
        if (!done) return controller.enqueue(value);
        controller.enqueue({ type: "truncate", size });
        controller.close();
      },
      async cancel() {
        await parts.return(undefined);
      },
    },
    { highWaterMark: 1 },
  );
}

/** The file's bytes in their order, zeros among them. */
export function wholeBytes(parts: ImageStream): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = parts.getReader();
  let at = 0;
  let next: ImagePart | undefined;
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        next ??= (await reader.read()).value;
        if (!next) return controller.close();
        const place = next.type === "write" ? next.position : next.size;
        if (at < place) {
          const zeros = new Uint8Array(Math.min(COPY_UNIT, place - at));
          at += zeros.length;
          return controller.enqueue(zeros);
        }
        if (next.type === "truncate") return controller.close();
        at += next.data.length;
        controller.enqueue(next.data);
        next = undefined;
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 1 },
  );
}
