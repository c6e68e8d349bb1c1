import { type BlockStore } from "../block/block-store";
import { BAT_PAGE_SIZE, type Bat, type BatGeometry } from "./bat";
import { BITMAP_BLOCK_SIZE, MIB, SB_BLOCK_PRESENT } from "./format";
import { Journal, type MetadataPage } from "./journal";
import { MAX_PAGES_PER_ENTRY } from "./log-entry";
import { type Metadata } from "./metadata";
import { type ImageContent } from "./read-image";
import { type RegionTable } from "./region-table";
import { SectorBitmaps } from "./sector-bitmaps";
import { type SpaceMap } from "./space-map";

/** Room in the file, in MiB; `fresh` room is known to be zeros. */
export interface Room {
  readonly offsetMib: number;
  readonly fresh: boolean;
}

/** One operation on a block changes fewer pages than what is left of a log entry then. */
const DIRTY_PAGES_LIMIT = MAX_PAGES_PER_ENTRY - 64;

/**
 * An open VHDX file: where its blocks are, and how changes of that become durable. Not safe for concurrent use: the
 * disk on top calls one method that changes something at a time.
 */
export class VhdxImage {
  readonly bat: Bat;
  readonly space: SpaceMap;
  readonly bitmaps: SectorBitmaps;
  readonly journal: Journal;
  metadata: Metadata;
  geometry: BatGeometry;
  regionTable: RegionTable;
  /** Set by whoever wrote something that only the next flush makes durable. */
  touched = false;
  private extraPages: MetadataPage[] = [];
  private released: { readonly offsetMib: number; readonly count: number }[] = [];
  private shrinkable = false;

  constructor(
    readonly store: BlockStore,
    readonly content: ImageContent,
    /** Bytes of the parent's disk; 0 without one. */
    readonly parentSize = 0,
  ) {
    ({ bat: this.bat, space: this.space, metadata: this.metadata, geometry: this.geometry } = content);
    this.regionTable = content.regionTable;
    this.journal = new Journal(store, content.current);
    this.bitmaps = new SectorBitmaps(store, (chunk) => this.bat.offsetMib(this.geometry.bitmapEntry(chunk)) * MIB);
  }

  get blockMib(): number {
    return this.metadata.blockSize / MIB;
  }

  /** Takes room in the file: what is free, or more at its end. Rejects with StorageError when there is none. */
  async allocate(count: number): Promise<Room> {
    const free = this.space.allocate(count);
    if (free !== undefined) return { offsetMib: free, fresh: false };
    const end = this.space.end;
    await this.store.resize((end + count) * MIB);
    return { offsetMib: this.space.append(count), fresh: true };
  }

  /** Gives back room that the file's metadata never named. */
  unallocate(room: Room, count: number): void {
    this.space.release(room.offsetMib, count);
  }

  /** Gives room back once the file's metadata no longer names it. */
  release(offsetMib: number, count: number): void {
    this.released.push({ offsetMib, count });
  }

  /** The bitmap block of a chunk is there, with all bits clear where it is new. */
  async needBitmapBlock(chunk: number): Promise<void> {
    const entry = this.geometry.bitmapEntry(chunk);
    if (this.bat.state(entry) === SB_BLOCK_PRESENT) return;
    const room = await this.allocate(BITMAP_BLOCK_SIZE / MIB);
    try {
      if (!room.fresh) await this.store.zero(room.offsetMib * MIB, BITMAP_BLOCK_SIZE);
    } catch (error) {
      this.unallocate(room, BITMAP_BLOCK_SIZE / MIB);
      throw error;
    }
    this.bat.set(entry, SB_BLOCK_PRESENT, room.offsetMib);
  }

  /** Other pages of metadata that belong to the next flush, in one step with all else. */
  addPages(pages: readonly MetadataPage[]): void {
    this.extraPages.push(...pages);
  }

  /** Between two operations: keeps what has changed small enough for one entry of the log. */
  async flushIfFull(): Promise<void> {
    if (this.bat.dirty.size + this.bitmaps.dirtyPages > DIRTY_PAGES_LIMIT) await this.flush();
  }

  /** All that was written is durable when this resolves. */
  async flush(): Promise<void> {
    const batOffset = this.regionTable.bat.offset;
    const pages = [
      ...this.bitmaps.changes(),
      ...[...this.bat.dirty].map((index) => ({
        offset: batOffset + index * BAT_PAGE_SIZE,
        content: this.bat.pageBytes(index),
      })),
      ...this.extraPages,
    ];
    if (pages.length === 0 && !this.touched) return;
    this.touched = false;
    try {
      if (pages.length === 0) return await this.store.commit();
      await this.journal.write(pages);
    } catch (error) {
      this.touched = true;
      throw error;
    }
    this.bitmaps.settle();
    this.bat.dirty.clear();
    this.extraPages = [];
    await this.settleReleased();
  }

  /** Flushes, empties the log, and cuts free room off the file's end. */
  async finish(): Promise<void> {
    await this.flush();
    await this.journal.finish();
    if (!this.shrinkable) return;
    this.shrinkable = false;
    const size = this.space.trimEnd() * MIB;
    if (size >= this.store.size) return;
    await this.store.resize(size);
    await this.store.commit();
  }

  private async settleReleased(): Promise<void> {
    const released = this.released;
    this.released = [];
    for (const { offsetMib, count } of released) {
      this.space.release(offsetMib, count);
      this.shrinkable = true;
      const length = Math.min(count * MIB, this.store.size - offsetMib * MIB);
      if (this.store.sparse) await this.store.zero(offsetMib * MIB, length);
    }
  }
}
