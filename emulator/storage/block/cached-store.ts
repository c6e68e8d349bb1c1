import { checkRange, checkWritable, type BlockStore } from "./block-store";
import { Chunk } from "./chunk";
import { type ChunkDatabase } from "./chunk-database";
import { numbers, ReadAhead } from "./read-ahead";

export interface CacheOptions {
  /**
   * Bytes that the cache may hold, or what says so from time to time; changed chunks take at most half of it. Default
   * 64 MiB.
   */
  readonly capacity?: number | (() => number);
  /** Bytes that are read before they are asked for, once reads follow one another. Default 4 MiB. */
  readonly readAhead?: number;
}

const DEFAULT_CAPACITY = 64 << 20;
/** Several of a guest's requests, so that the database is at work while the guest deals with those before. */
const DEFAULT_READ_AHEAD = 4 << 20;
/** Changed bytes, however large the cache is: a flush must not take long. */
const CHANGED_LIMIT = 64 << 20;
const LEAST_CHUNKS = 8;

/**
 * A store over a chunk database with a write-back cache of bounded size. Writes stay in memory until `commit` brings
 * all of them to the database in one transaction; when there is much of them, it begins to bring them there before.
 */
export class CachedStore implements BlockStore {
  readonly atomic = true;
  readonly sparse = true;
  /** Least recently used first. */
  private readonly chunks = new Map<number, Chunk>();
  private readonly dirty = new Set<Chunk>();
  /** Those of the commit that is under way. */
  private readonly committing = new Set<Chunk>();
  private readonly loading = new Map<number, Promise<void>>();
  private readonly chunkSize: number;
  private readonly capacityBytes: () => number;
  private readonly readAheadBytes: number;
  private bytes: number;
  private committedBytes: number;
  /** From this chunk on, what the database holds is void. */
  private removedFrom = Infinity;
  /** The same, for the commit that is under way. */
  private voidUntilCommitted = Infinity;
  /** Something was committed that only the next durable commit makes durable. */
  private loose = false;
  /** A commit that nobody waits for is under way, or the last one failed and none succeeded since. */
  private writingBehind = false;
  private lastCommit: Promise<unknown> = Promise.resolve();
  private readonly ahead = new ReadAhead();

  constructor(
    private readonly database: ChunkDatabase,
    { capacity = DEFAULT_CAPACITY, readAhead = DEFAULT_READ_AHEAD }: CacheOptions = {},
  ) {
    this.chunkSize = database.chunkSize;
    this.capacityBytes = typeof capacity === "number" ? () => capacity : capacity;
    this.readAheadBytes = readAhead;
    this.bytes = this.committedBytes = database.size;
  }

  get size(): number {
    return this.bytes;
  }

  get readOnly(): boolean {
    return this.database.readOnly;
  }

  /** In chunks. */
  private get capacity(): number {
    return Math.max(LEAST_CHUNKS, Math.floor(this.capacityBytes() / this.chunkSize));
  }

  /** Chunks that may be changed and not yet on their way to the database. */
  private get changedLimit(): number {
    return Math.min(this.capacity >>> 1, Math.max(LEAST_CHUNKS, CHANGED_LIMIT / this.chunkSize));
  }

  private get readAhead(): number {
    return Math.min(Math.floor(this.readAheadBytes / this.chunkSize), this.capacity >>> 2);
  }

  /** Bytes in memory now. */
  get cached(): number {
    return this.chunks.size * this.chunkSize;
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    checkRange(this, offset, target.length);
    // In pieces, so that one request needs no more than the cache can hold.
    const piece = (this.capacity >>> 2) * this.chunkSize;
    for (let done = 0; done < target.length; done += piece) {
      await this.readPiece(offset + done, target.subarray(done, done + piece));
    }
  }

  readNow(offset: number, target: Uint8Array): boolean {
    checkRange(this, offset, target.length);
    const [first, last] = this.chunksOf(offset, target.length);
    const chunks = this.present(numbers(first, last));
    if (!chunks) return false;
    this.fetchAhead(first, last);
    this.copyOut(chunks, offset, target);
    return true;
  }

  async write(offset: number, source: Uint8Array): Promise<void> {
    await this.put(offset, source.length, source);
  }

  writeNow(offset: number, source: Uint8Array): boolean {
    checkWritable(this);
    checkRange(this, offset, source.length);
    if (this.isFull || !this.present(this.keptIn(offset, source.length))) return false;
    if (source.length > 0) this.change(offset, source.length, source);
    return true;
  }

  async zero(offset: number, length: number): Promise<void> {
    await this.put(offset, length, undefined);
  }

  async resize(size: number): Promise<void> {
    checkWritable(this);
    if (size < this.bytes) {
      const from = Math.ceil(size / this.chunkSize);
      // What the last chunk has behind the new end must be zeros when the store grows again.
      await this.put(size, Math.min(this.bytes, from * this.chunkSize) - size, undefined);
      for (const chunk of [...this.chunks.values()]) {
        if (chunk.index < from) continue;
        this.chunks.delete(chunk.index);
        this.dirty.delete(chunk);
      }
      for (const index of [...this.loading.keys()]) if (index >= from) this.loading.delete(index);
      this.removedFrom = Math.min(this.removedFrom, from);
    }
    this.bytes = size;
  }

  async barrier(): Promise<void> {
    // Changes reach the database in transactions, each of which has all that was written before it.
  }

  commit(): Promise<void> {
    return this.commitInTurn(true);
  }

  async close(): Promise<void> {
    await this.lastCommit;
    await this.database.close();
  }

  private commitInTurn(durable: boolean): Promise<void> {
    const commit = this.lastCommit.then(() => this.commitNow(durable));
    this.lastCommit = commit.catch(() => undefined);
    return commit;
  }

  private async readPiece(offset: number, target: Uint8Array): Promise<void> {
    const [first, last] = this.chunksOf(offset, target.length);
    this.fetchAhead(first, last);
    const indices = numbers(first, last);
    this.copyOut(this.present(indices) ?? (await this.load(indices)), offset, target);
    this.evict();
  }

  private chunksOf(offset: number, length: number): [first: number, last: number] {
    return [Math.floor(offset / this.chunkSize), Math.floor((offset + length - 1) / this.chunkSize)];
  }

  private copyOut(chunks: readonly Chunk[], offset: number, target: Uint8Array): void {
    const { chunkSize } = this;
    for (const chunk of chunks) {
      const begin = chunk.index * chunkSize;
      const from = Math.max(offset, begin);
      const to = Math.min(offset + target.length, begin + chunkSize);
      if (chunk.data) target.set(chunk.data.subarray(from - begin, to - begin), from - offset);
      else target.fill(0, from - offset, to - offset);
      this.touch(chunk);
    }
  }

  /** Writes `source`, or zeros. */
  private async put(offset: number, length: number, source: Uint8Array | undefined): Promise<void> {
    checkWritable(this);
    checkRange(this, offset, length);
    if (length === 0) return;
    const kept = this.keptIn(offset, length);
    if (!this.present(kept)) await this.load(kept);
    this.change(offset, length, source);
    if (this.isFull) await this.commitInTurn(false);
  }

  /** Changed chunks take all the room that they may have. */
  private get isFull(): boolean {
    return this.dirty.size > this.changedLimit;
  }

  private isWhole(index: number, offset: number, length: number): boolean {
    const begin = index * this.chunkSize;
    return begin >= offset && Math.min(begin + this.chunkSize, this.bytes) <= offset + length;
  }

  /** The chunks of a range that keep some of their bytes when it is written: they must be there before. */
  private keptIn(offset: number, length: number): number[] {
    const [first, last] = this.chunksOf(offset, length);
    return (first === last ? [first] : [first, last]).filter((index) => !this.isWhole(index, offset, length));
  }

  /** Nothing else runs meanwhile: a transaction has the whole write, or nothing of it. */
  private change(offset: number, length: number, source: Uint8Array | undefined): void {
    const { chunkSize } = this;
    const [first, last] = this.chunksOf(offset, length);
    for (let index = first; index <= last; index++) {
      const chunk = this.chunks.get(index) ?? new Chunk(index, undefined);
      const begin = index * chunkSize;
      const from = Math.max(offset, begin);
      const to = Math.min(offset + length, begin + chunkSize);
      const part = source?.subarray(from - offset, to - offset);
      // What a chunk has behind the store's end is zeros.
      if (to - from === chunkSize || (!part && this.isWhole(index, offset, length))) chunk.replace(part);
      else chunk.change(from - begin, to - begin, part, chunkSize);
      this.loading.delete(index);
      this.dirty.add(chunk);
      this.touch(chunk);
    }
    this.evict();
    this.writeBehind();
  }

  /** Begins to bring changes to the database before they fill the cache, beside what goes on; a flush has less to do. */
  private writeBehind(): void {
    if (this.writingBehind || this.dirty.size <= this.changedLimit >>> 1) return;
    this.writingBehind = true;
    this.commitInTurn(false).then(
      () => (this.writingBehind = false),
      // Whoever must have it written meets the error; until then this would only fail again.
      () => undefined,
    );
  }

  private async commitNow(durable: boolean): Promise<void> {
    const { bytes: size, removedFrom } = this;
    const changed = this.dirty.size > 0 || size !== this.committedBytes || removedFrom !== Infinity;
    if (!changed && !(durable && this.loose)) return;
    const chunks = [...this.dirty];
    const removed: number[] = [];
    const written: [number, Uint8Array<ArrayBuffer>][] = [];
    for (const chunk of chunks) {
      if (chunk.data) written.push([chunk.index, chunk.data]);
      else removed.push(chunk.index);
      chunk.shared = true;
      this.committing.add(chunk);
    }
    this.dirty.clear();
    this.removedFrom = Infinity;
    this.voidUntilCommitted = removedFrom;
    try {
      const cut = removedFrom === Infinity ? undefined : removedFrom;
      await this.database.commit({ size, removedFrom: cut, removed, written }, durable);
      this.committedBytes = size;
      this.loose = !durable;
      this.writingBehind = false;
    } catch (error) {
      // Nothing is lost: it all belongs to the next commit, which may find room.
      for (const chunk of chunks) if (this.chunks.get(chunk.index) === chunk) this.dirty.add(chunk);
      this.removedFrom = Math.min(this.removedFrom, removedFrom);
      throw error;
    } finally {
      this.voidUntilCommitted = Infinity;
      this.committing.clear();
      for (const chunk of chunks) if (!this.dirty.has(chunk)) chunk.shared = false;
      this.evict();
    }
  }

  /** The chunks, when all of them are in memory. */
  private present(indices: readonly number[]): Chunk[] | undefined {
    const chunks: Chunk[] = [];
    for (const index of indices) {
      const chunk = this.chunks.get(index);
      if (!chunk) return undefined;
      chunks.push(chunk);
    }
    return chunks;
  }

  /** The chunks, read where they are missing; they are in memory at the moment that this resolves. */
  private async load(indices: readonly number[]): Promise<Chunk[]> {
    for (;;) {
      const chunks = this.present(indices);
      if (chunks) return chunks;
      this.fetch(indices);
      await Promise.all(indices.map((index) => this.loading.get(index)));
    }
  }

  /** Begins to read the chunks that are neither in memory nor on their way there. */
  private fetch(indices: readonly number[]): void {
    const missing = indices.filter((index) => !this.chunks.has(index) && !this.loading.has(index));
    const known = missing.filter((index) => index >= Math.min(this.removedFrom, this.voidUntilCommitted));
    for (const index of known) this.chunks.set(index, new Chunk(index, undefined));
    const wanted = missing.filter((index) => !this.chunks.has(index));
    if (wanted.length === 0) return;
    const batch: Promise<void> = this.database.read(wanted).then(
      (values) =>
        wanted.forEach((index, at) => {
          // A write, or a cut, may have come before.
          if (this.loading.get(index) !== batch) return;
          this.loading.delete(index);
          this.chunks.set(index, new Chunk(index, values[at]));
        }),
      (error: unknown) => {
        for (const index of wanted) if (this.loading.get(index) === batch) this.loading.delete(index);
        throw error;
      },
    );
    for (const index of wanted) this.loading.set(index, batch);
  }

  private fetchAhead(first: number, last: number): void {
    const indices = this.ahead.after(first, last, this.readAhead, Math.ceil(this.bytes / this.chunkSize));
    this.fetch(indices);
    // Whoever needs them meets the error.
    for (const index of indices) this.loading.get(index)?.catch(() => undefined);
  }

  private touch(chunk: Chunk): void {
    this.chunks.delete(chunk.index);
    this.chunks.set(chunk.index, chunk);
  }

  private evict(): void {
    const { capacity } = this;
    if (this.chunks.size <= capacity) return;
    for (const chunk of this.chunks.values()) {
      if (this.dirty.has(chunk) || this.committing.has(chunk)) continue;
      this.chunks.delete(chunk.index);
      if (this.chunks.size <= capacity) return;
    }
  }
}
