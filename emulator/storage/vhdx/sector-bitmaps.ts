import { type BlockStore } from "../block/block-store";
import { type MetadataPage } from "./journal";
import { SECTORS_PER_BITMAP_BLOCK } from "./format";

const PAGE_SIZE = 4096;
const SECTORS_PER_PAGE = PAGE_SIZE * 8;
const PAGES_PER_BLOCK = SECTORS_PER_BITMAP_BLOCK / SECTORS_PER_PAGE;
/** Clean pages that are kept: 4 MiB, which speak of 16 GiB of sectors of 512 bytes. */
const MAX_CLEAN_PAGES = 1024;

/** Where a chunk's bitmap block lies in the file, in bytes. */
export type BitmapBlockOffset = (chunk: number) => number;

/**
 * The sector bitmaps of a differencing image ([MS-VHDX] 2.4): one bit for each sector of the disk, set when the sector
 * is in this file. Only bits of chunks that have their bitmap block may be asked for.
 */
export class SectorBitmaps {
  private readonly pages = new Map<number, Uint8Array>();
  private readonly dirty = new Set<number>();

  constructor(
    private readonly store: BlockStore,
    private readonly blockOffset: BitmapBlockOffset,
  ) {}

  get dirtyPages(): number {
    return this.dirty.size;
  }

  /** How many sectors from `sector` on, at most `count`, are like the first: here, or in the parent. */
  async run(sector: number, count: number): Promise<{ readonly present: boolean; readonly sectors: number }> {
    let present: boolean | undefined;
    let sectors = 0;
    while (sectors < count) {
      const at = sector + sectors;
      const page = await this.page(Math.floor(at / SECTORS_PER_PAGE));
      const begin = at % SECTORS_PER_PAGE;
      const end = Math.min(SECTORS_PER_PAGE, begin + count - sectors);
      present ??= isSet(page, begin);
      const same = runEnd(page, begin, end, present);
      sectors += same - begin;
      if (same < end) break;
    }
    return { present: present ?? false, sectors };
  }

  /** Sets or clears the bits of sectors, in memory; `takeDirty` gives what the file lacks. */
  async mark(sector: number, count: number, present: boolean): Promise<void> {
    for (let done = 0; done < count;) {
      const index = Math.floor((sector + done) / SECTORS_PER_PAGE);
      const loaded = await this.page(index);
      const page = this.pages.get(index) ?? loaded;
      this.pages.set(index, page);
      this.dirty.add(index);
      const begin = (sector + done) % SECTORS_PER_PAGE;
      const end = Math.min(SECTORS_PER_PAGE, begin + count - done);
      fillBits(page, begin, end, present);
      done += end - begin;
    }
  }

  /** The pages that changed, as they must come to the file. */
  changes(): MetadataPage[] {
    return [...this.dirty].map((index) => ({ offset: this.offsetOf(index), content: this.pages.get(index)!.slice() }));
  }

  /** The changes are in the log. */
  settle(): void {
    this.dirty.clear();
  }

  private async page(index: number): Promise<Uint8Array> {
    const known = this.pages.get(index);
    if (known) return known;
    const bytes = new Uint8Array(PAGE_SIZE);
    await this.store.read(this.offsetOf(index), bytes);
    const meanwhile = this.pages.get(index);
    if (meanwhile) return meanwhile;
    if (this.pages.size - this.dirty.size >= MAX_CLEAN_PAGES) {
      for (const other of this.pages.keys()) {
        if (this.dirty.has(other)) continue;
        this.pages.delete(other);
        break;
      }
    }
    this.pages.set(index, bytes);
    return bytes;
  }

  private offsetOf(index: number): number {
    return this.blockOffset(Math.floor(index / PAGES_PER_BLOCK)) + (index % PAGES_PER_BLOCK) * PAGE_SIZE;
  }
}

function isSet(page: Uint8Array, bit: number): boolean {
  return (page[bit >>> 3]! & (1 << (bit & 7))) !== 0;
}

function runEnd(page: Uint8Array, begin: number, end: number, present: boolean): number {
  const whole = present ? 0xff : 0;
  let bit = begin;
  while (bit < end) {
    if ((bit & 7) === 0 && page[bit >>> 3] === whole) bit += 8;
    else if (isSet(page, bit) === present) bit++;
    else break;
  }
  return Math.min(bit, end);
}

function fillBits(page: Uint8Array, begin: number, end: number, present: boolean): void {
  for (let bit = begin; bit < end;) {
    if ((bit & 7) === 0 && end - bit >= 8) {
      page[bit >>> 3] = present ? 0xff : 0;
      bit += 8;
      continue;
    }
    if (present) page[bit >>> 3]! |= 1 << (bit & 7);
    else page[bit >>> 3]! &= ~(1 << (bit & 7));
    bit++;
  }
}
