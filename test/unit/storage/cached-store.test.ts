import { describe, expect, test } from "vitest";
import { BlobStore } from "../../../emulator/storage/block/blob-store";
import { StorageFullError } from "../../../emulator/storage/block/block-store";
import { CachedStore } from "../../../emulator/storage/block/cached-store";
import { type ChunkChange, type ChunkDatabase } from "../../../emulator/storage/block/chunk-database";
import { MemoryStore } from "../../../emulator/storage/block/memory-store";
import { copyStore } from "../../../emulator/storage/block/transfer";
import { fileStream, wholeBytes } from "../../../emulator/storage/image-stream";
import { checkVhdx } from "../../../emulator/storage/vhdx/check";
import { createVhdx } from "../../../emulator/storage/vhdx/create";
import { openVhdx } from "../../../emulator/storage/vhdx/open";
import { pattern, randomNumbers, readSoon, writeSoon } from "./helpers";

const CHUNK = 4096;

/** A database in memory that takes its time, keeps copies, and can be full. */
class Database implements ChunkDatabase {
  readonly chunkSize = CHUNK;
  readonly readOnly = false;
  size = 0;
  chunks = new Map<number, Uint8Array<ArrayBuffer>>();
  commits: ChunkChange[] = [];
  readonly durable: boolean[] = [];
  readonly reads: number[][] = [];
  full = false;

  async read(indices: readonly number[]): Promise<(Uint8Array<ArrayBuffer> | undefined)[]> {
    this.reads.push([...indices]);
    const now = indices.map((index) => this.chunks.get(index)?.slice());
    await new Promise((resolve) => setImmediate(resolve));
    return now;
  }

  async commit(change: ChunkChange, durable: boolean): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.full) throw new StorageFullError("full");
    if (change.removedFrom !== undefined) {
      for (const index of [...this.chunks.keys()]) if (index >= change.removedFrom) this.chunks.delete(index);
    }
    for (const index of change.removed) this.chunks.delete(index);
    for (const [index, chunk] of change.written) this.chunks.set(index, chunk.slice());
    this.size = change.size;
    this.commits.push(change);
    this.durable.push(durable);
  }

  async close(): Promise<void> {
    // Nothing to release.
  }
}

async function bytesOf(store: { size: number; read(offset: number, target: Uint8Array): Promise<void> }) {
  const bytes = new Uint8Array(store.size);
  await store.read(0, bytes);
  return bytes;
}

describe("CachedStore", () => {
  test("one commit is one transaction with all that was written, and only that", async () => {
    const database = new Database();
    const store = new CachedStore(database);
    await store.resize(100 * CHUNK);
    await store.write(10, pattern(3 * CHUNK, 1));
    await store.write(50 * CHUNK + 7, pattern(10, 2));
    await store.barrier();
    expect(database.commits).toEqual([]);
    await store.commit();
    expect(database.commits.map(({ written, size }) => [written.map(([index]) => index), size])).toEqual([
      [[0, 1, 2, 3, 50], 100 * CHUNK],
    ]);
    await store.commit();
    expect(database.commits.length).toBe(1);
  });

  test.each([8, 64])("is like memory, with a cache of %i chunks, and so is what it leaves", async (chunks) => {
    const random = randomNumbers(chunks);
    const database = new Database();
    const options = { capacity: chunks * CHUNK, readAhead: 4 * CHUNK };
    let store = new CachedStore(database, options);
    const memory = new MemoryStore();
    for (const target of [store, memory]) await target.resize(90 * CHUNK);
    const atOnce = { read: 0, write: 0 };
    for (let step = 0; step < 3000; step++) {
      const offset = random(memory.size - 1);
      const length = 1 + random(Math.min(memory.size - offset, random(8) === 0 ? 40 * CHUNK : 2 * CHUNK));
      switch (random(9)) {
        case 0:
          for (const target of [store, memory]) await target.zero(offset, length);
          break;
        case 1:
          if (random(4) === 0) {
            const size = (20 + random(90)) * CHUNK - random(3) * 100;
            for (const target of [store, memory]) await target.resize(size);
          } else void store.commit();
          break;
        case 2:
          if (random(3) === 0) {
            await store.commit();
            await store.close();
            store = new CachedStore(database, options);
          }
          break;
        case 3:
        case 4: {
          const [ours, theirs] = [new Uint8Array(length), new Uint8Array(length)];
          const other = store.read(0, new Uint8Array(CHUNK));
          atOnce.read += Number(await readSoon(store, offset, ours));
          await other;
          await memory.read(offset, theirs);
          expect({ step, same: Buffer.compare(ours, theirs) === 0 }).toEqual({ step, same: true });
          break;
        }
        default:
          // Not awaited by the read that follows at the same time, elsewhere.
          atOnce.write += Number(await writeSoon(store, offset, pattern(length, step)));
          await memory.write(offset, pattern(length, step));
      }
      expect(store.cached).toBeLessThanOrEqual((chunks + 45) * CHUNK);
    }
    await store.commit();
    expect(Buffer.compare(await bytesOf(new CachedStore(database)), await bytesOf(memory))).toBe(0);
    expect(atOnce.read).toBeGreaterThan(20);
    expect(atOnce.write).toBeGreaterThan(50);
  });

  test("what is in memory is read and written at once, and nothing else is", async () => {
    const database = new Database();
    const writer = new CachedStore(database);
    await writer.resize(8 * CHUNK);
    await writer.write(0, pattern(8 * CHUNK, 1));
    await writer.commit();
    const store = new CachedStore(database);
    const target = new Uint8Array(10);
    expect(store.readNow(CHUNK - 5, target)).toBe(false);
    expect(store.writeNow(CHUNK - 5, pattern(10, 2))).toBe(false);
    // A chunk that keeps nothing of what it had need not be there.
    expect(store.writeNow(CHUNK, pattern(CHUNK, 2))).toBe(true);
    expect(store.readNow(CHUNK - 5, target)).toBe(false);
    await store.read(CHUNK - 5, target);
    expect(store.readNow(CHUNK - 5, target)).toBe(true);
    expect([...target]).toEqual([
      ...pattern(8 * CHUNK, 1).subarray(CHUNK - 5, CHUNK),
      ...pattern(CHUNK, 2).subarray(0, 5),
    ]);
    expect(() => store.readNow(8 * CHUNK, target)).toThrow(RangeError);
    expect(() => store.writeNow(-1, target)).toThrow(RangeError);
  });

  test("much that was written goes to the database before anyone waits for that", async () => {
    const database = new Database();
    const store = new CachedStore(database, { capacity: 64 * CHUNK });
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    await store.resize(100 * CHUNK);
    for (let index = 0; index < 16; index++) await store.write(index * CHUNK, pattern(CHUNK, index));
    await turn();
    await turn();
    expect(database.commits).toEqual([]);
    await store.write(16 * CHUNK, pattern(CHUNK, 16));
    await store.write(17 * CHUNK, pattern(CHUNK, 17));
    await turn();
    await turn();
    expect(database.commits.map(({ written }) => written.length)).toEqual([17]);
    expect(database.durable).toEqual([false]);
    // Without room it is tried once; then the cache fills up, and what waits for it is told.
    database.full = true;
    for (let index = 18; index < 50; index++) expect(store.writeNow(index * CHUNK, pattern(CHUNK, index))).toBe(true);
    await turn();
    await turn();
    await expect(store.write(50 * CHUNK, pattern(CHUNK, 50))).rejects.toThrow(StorageFullError);
    expect(store.writeNow(51 * CHUNK, pattern(CHUNK, 51))).toBe(false);
    database.full = false;
    await store.commit();
    expect(store.writeNow(51 * CHUNK, pattern(CHUNK, 51))).toBe(true);
    await store.commit();
    const content = await bytesOf(new CachedStore(database));
    for (let index = 0; index < 52; index++) {
      expect(Buffer.compare(content.subarray(index * CHUNK, (index + 1) * CHUNK), pattern(CHUNK, index))).toBe(0);
    }
  });

  test("what is written while a commit is under way belongs to the next one", async () => {
    const database = new Database();
    const store = new CachedStore(database);
    await store.resize(4 * CHUNK);
    await store.write(0, new Uint8Array(CHUNK).fill(1));
    const first = store.commit();
    await Promise.resolve();
    await store.write(5, new Uint8Array(3).fill(2));
    await first;
    expect(database.chunks.get(0)!.subarray(4, 9)).toEqual(new Uint8Array([1, 1, 1, 1, 1]));
    await store.commit();
    expect(database.chunks.get(0)!.subarray(4, 9)).toEqual(new Uint8Array([1, 2, 2, 2, 1]));
  });

  test("a full database loses nothing: the writes wait for room", async () => {
    const database = new Database();
    const store = new CachedStore(database);
    await store.resize(4 * CHUNK);
    await store.commit();
    await store.write(CHUNK, pattern(CHUNK, 1));
    database.full = true;
    await expect(store.commit()).rejects.toThrow(StorageFullError);
    expect(database.chunks.size).toBe(0);
    await store.write(CHUNK + 8, pattern(8, 2));
    database.full = false;
    await store.commit();
    const expected = pattern(CHUNK, 1).slice();
    expected.set(pattern(8, 2), 8);
    expect(database.chunks.get(1)).toEqual(expected);
  });

  test("under a VHDX file, one flush of the guest is one transaction", async () => {
    const database = new Database();
    const store = new CachedStore(database);
    await createVhdx(store, { size: 8 << 20, type: "dynamic" });
    const disk = await openVhdx(store);
    const before = database.commits.length;
    for (let flush = 0; flush < 10; flush++) {
      // New blocks, and blocks that are there.
      await disk.write((flush % 7) * 2048 + flush, pattern(2048, flush));
      await disk.flush();
      expect(database.commits.length).toBe(before + flush + 1);
    }
    // What the database holds now is what a crash leaves: all that was flushed.
    const survivor = await openVhdx(new CachedStore(database), { readOnly: true });
    const bytes = new Uint8Array(2048);
    for (let flush = 0; flush < 10; flush++) {
      await survivor.read((flush % 7) * 2048 + flush, bytes);
      expect({ flush, bytes }).toEqual({ flush, bytes: pattern(2048, flush) });
    }
  });

  test("under a VHDX file, a full database makes flushes fail, and the disk stays whole", async () => {
    const database = new Database();
    const store = new CachedStore(database);
    await createVhdx(store, { size: 8 << 20, type: "dynamic" });
    const disk = await openVhdx(store);
    await disk.write(0, pattern(512, 1));
    database.full = true;
    await expect(disk.flush()).rejects.toThrow(StorageFullError);
    await disk.write(2048, pattern(512, 2));
    await expect(disk.flush()).rejects.toThrow(StorageFullError);
    expect((await checkVhdx(new CachedStore(database))).errors).toEqual([]);
    database.full = false;
    await disk.flush();
    const survivor = await openVhdx(new CachedStore(database));
    const sector = new Uint8Array(512);
    for (const [lba, seed] of [
      [0, 1],
      [2048, 2],
    ] as const) {
      await survivor.read(lba, sector);
      expect(sector).toEqual(pattern(512, seed));
    }
    await survivor.close();
    expect(await checkVhdx(new CachedStore(database))).toMatchObject({ errors: [], notes: [] });
  });

  test("a file that is copied through it, or streamed, is the same", async () => {
    const database = new Database();
    const source = pattern(5 * 1024 * 1024 + 77, 3).slice();
    source.fill(0, 1 << 20, 3 << 20);
    await copyStore(new BlobStore(new Blob([source])), new CachedStore(database));
    expect(database.chunks.has(300)).toBe(false);
    const pieces: Uint8Array[] = [];
    for await (const piece of wholeBytes(fileStream(new CachedStore(database)))) pieces.push(piece);
    expect(Buffer.compare(Buffer.concat(pieces), source)).toBe(0);
  });

  test("memory stays bounded when much is written without a commit", async () => {
    const database = new Database();
    const store = new CachedStore(database, { capacity: 16 * CHUNK });
    await store.resize(1000 * CHUNK);
    for (let index = 0; index < 1000; index++) {
      await store.write(index * CHUNK, pattern(CHUNK, index));
      expect(store.cached).toBeLessThanOrEqual(17 * CHUNK);
    }
    expect(database.commits.length).toBeGreaterThan(50);
    // None of them was asked for; the next one makes them durable, even if nothing is left to be written.
    expect(database.durable).not.toContain(true);
    await store.commit();
    await store.commit();
    expect(database.durable.filter(Boolean)).toEqual([true]);
  });

  test("reads that follow one another are read ahead in few requests", async () => {
    const database = new Database();
    const writer = new CachedStore(database);
    await writer.resize(64 * CHUNK);
    await writer.write(0, pattern(64 * CHUNK, 5));
    await writer.commit();
    const store = new CachedStore(database, { readAhead: 16 * CHUNK });
    const target = new Uint8Array(CHUNK);
    for (let index = 0; index < 64; index++) {
      await store.read(index * CHUNK, target);
      expect(Buffer.compare(target, pattern(64 * CHUNK, 5).subarray(index * CHUNK, (index + 1) * CHUNK))).toBe(0);
    }
    expect(database.reads.length).toBeLessThan(14);
    expect(database.reads.flat().length).toBe(64);
  });
});
