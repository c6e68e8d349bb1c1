import { type BlockStore } from "../block/block-store";
import { BAT_ENTRY_SIZE, MIB, roundUp, SECTORS_PER_BITMAP_BLOCK } from "./format";
import { type Metadata } from "./metadata";

/** Bytes of the BAT that are kept, logged and written as one. */
export const BAT_PAGE_SIZE = 4096;
const ENTRIES_PER_PAGE = BAT_PAGE_SIZE / BAT_ENTRY_SIZE;
const READ_UNIT = MIB;

/** How blocks map to entries of the BAT: [MS-VHDX] 2.5. A chunk's payload blocks come before its bitmap block. */
export class BatGeometry {
  readonly chunkRatio: number;
  readonly payloadBlocks: number;
  /** Bitmap blocks that the entries have room for; in use with a parent only. */
  readonly bitmapBlocks: number;
  readonly entries: number;

  constructor({ blockSize, logicalSectorSize, virtualDiskSize, hasParent }: Omit<Metadata, "parentLocator">) {
    this.chunkRatio = (SECTORS_PER_BITMAP_BLOCK * logicalSectorSize) / blockSize;
    this.payloadBlocks = Math.ceil(virtualDiskSize / blockSize);
    this.bitmapBlocks = Math.ceil(this.payloadBlocks / this.chunkRatio);
    this.entries = hasParent
      ? this.bitmapBlocks * (this.chunkRatio + 1)
      : this.payloadBlocks + Math.floor((this.payloadBlocks - 1) / this.chunkRatio);
  }

  /** Bytes of a BAT region that holds the entries. */
  get regionLength(): number {
    return roundUp(this.entries * BAT_ENTRY_SIZE, MIB);
  }

  payloadEntry(block: number): number {
    return block + Math.floor(block / this.chunkRatio);
  }

  bitmapEntry(chunk: number): number {
    return chunk * (this.chunkRatio + 1) + this.chunkRatio;
  }

  /** What an entry is for. */
  meaning(entry: number): { readonly kind: "payload" | "bitmap"; readonly index: number } {
    const chunk = Math.floor(entry / (this.chunkRatio + 1));
    const within = entry % (this.chunkRatio + 1);
    if (within === this.chunkRatio) return { kind: "bitmap", index: chunk };
    return { kind: "payload", index: chunk * this.chunkRatio + within };
  }
}

/** The block allocation table in memory: its pages that are not all zeros, and which of them the file lacks. */
export class Bat {
  private readonly pages = new Map<number, Uint32Array>();
  readonly dirty = new Set<number>();

  /** Reads the pages that hold this many entries. */
  static async load(store: BlockStore, offset: number, entries: number): Promise<Bat> {
    const bat = new Bat();
    const length = roundUp(entries * BAT_ENTRY_SIZE, BAT_PAGE_SIZE);
    const buffer = new Uint8Array(Math.min(READ_UNIT, length));
    for (let at = 0; at < length; at += buffer.length) {
      const part = buffer.subarray(0, Math.min(buffer.length, length - at));
      await store.read(offset + at, part);
      for (let page = 0; page < part.length; page += BAT_PAGE_SIZE) {
        const bytes = part.slice(page, page + BAT_PAGE_SIZE);
        const words = new Uint32Array(bytes.buffer);
        if (words.some((word) => word !== 0)) bat.pages.set((at + page) / BAT_PAGE_SIZE, words);
      }
    }
    return bat;
  }

  state(entry: number): number {
    return this.low(entry) & 7;
  }

  /** Where the block lies in the file, in MiB. */
  offsetMib(entry: number): number {
    const page = this.pages.get(Math.floor(entry / ENTRIES_PER_PAGE));
    if (!page) return 0;
    const word = (entry % ENTRIES_PER_PAGE) * 2;
    return page[word + 1]! * 4096 + (page[word]! >>> 20);
  }

  set(entry: number, state: number, offsetMib: number): void {
    const index = Math.floor(entry / ENTRIES_PER_PAGE);
    this.put(entry, state, offsetMib);
    this.dirty.add(index);
  }

  /** Forgets an offset that means nothing, in memory only. */
  dropOffset(entry: number): void {
    this.put(entry, this.state(entry), 0);
  }

  /** Visits the entries that are not zero, in order, until `visit` is done with them. */
  forEachSet(entries: number, visit: (entry: number) => void): void {
    for (const index of [...this.pages.keys()].sort((a, b) => a - b)) {
      const page = this.pages.get(index)!;
      const begin = index * ENTRIES_PER_PAGE;
      for (let within = 0; within < ENTRIES_PER_PAGE && begin + within < entries; within++) {
        if (page[2 * within] !== 0 || page[2 * within + 1] !== 0) visit(begin + within);
      }
    }
  }

  /** A copy of a page's bytes. */
  pageBytes(index: number): Uint8Array {
    const page = this.pages.get(index);
    return page ? new Uint8Array(page.slice().buffer) : new Uint8Array(BAT_PAGE_SIZE);
  }

  /** The pages that are not all zeros. */
  pageIndices(): number[] {
    return [...this.pages.keys()];
  }

  private low(entry: number): number {
    const page = this.pages.get(Math.floor(entry / ENTRIES_PER_PAGE));
    return page ? page[(entry % ENTRIES_PER_PAGE) * 2]! : 0;
  }

  private put(entry: number, state: number, offsetMib: number): void {
    const index = Math.floor(entry / ENTRIES_PER_PAGE);
    let page = this.pages.get(index);
    if (!page) this.pages.set(index, (page = new Uint32Array(2 * ENTRIES_PER_PAGE)));
    const word = (entry % ENTRIES_PER_PAGE) * 2;
    page[word] = ((offsetMib % 4096) * 2 ** 20 + state) >>> 0;
    page[word + 1] = Math.floor(offsetMib / 4096);
  }
}
