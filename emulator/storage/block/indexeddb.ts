import { createStore, promisifyRequest, type UseStore } from "idb-keyval";
import { ConfigurationError } from "../../machine-types";
import { type BlockStore, StorageError, StorageFullError } from "./block-store";
import { CachedStore, type CacheOptions } from "./cached-store";
import { type ChunkChange, type ChunkDatabase } from "./chunk-database";
import { beginFreshLog } from "./fresh-log";
import { holdLock } from "./ownership";

/**
 * Bytes in a chunk of a new store, measured in Chromium (`HYPERTAB_MEASURE=1 npx vitest run test/browser/storage`).
 * From 64 KiB on Chromium keeps each value in a file of its own; smaller chunks cost more requests than they save bytes.
 */
export const DEFAULT_CHUNK_SIZE = 32 * 1024;

const OBJECT_STORE = "chunks";

/** A store's description, kept under ["disk", name]; its chunks are under ["chunk", name, index]. */
interface DiskRecord {
  readonly size: number;
  readonly chunkSize: number;
}

export interface StoredDisk {
  readonly name: string;
  /** Bytes of the file, not of what it takes in the database. */
  readonly size: number;
}

/** The files in an IndexedDB database, as block stores. One page at a time can have a file open for writing. */
export class IndexedDbFiles {
  private readonly use: UseStore;
  private freshLog: Promise<void> | undefined;

  /** `database` is the name of the IndexedDB database. */
  constructor(
    private readonly database = "hypertab-disks",
    private readonly cache: CacheOptions = {},
  ) {
    this.use = createStore(database, OBJECT_STORE);
  }

  /** The files there are, by name. */
  async list(): Promise<StoredDisk[]> {
    const range = IDBKeyRange.bound(["disk"], ["disk", []]);
    const [keys, records] = await translated(() =>
      this.use("readonly", (store) =>
        Promise.all([
          promisifyRequest(store.getAllKeys(range)),
          promisifyRequest<DiskRecord[]>(store.getAll(range) as IDBRequest<DiskRecord[]>),
        ]),
      ),
    );
    return keys.map((key, index) => ({ name: String((key as string[])[1]), size: records[index]!.size }));
  }

  /** Makes a new, empty file, open for writing. Throws ConfigurationError when there is one of that name. */
  async create(name: string, chunkSize = DEFAULT_CHUNK_SIZE): Promise<BlockStore> {
    const release = await this.lock(name, "exclusive");
    try {
      await this.beforeWriting();
      if (await this.record(name)) throw new ConfigurationError(`there is a disk '${name}' already`);
      const record = { size: 0, chunkSize };
      await translated(() =>
        transact(this.use, true, (store) => {
          store.put(record, ["disk", name]);
        }),
      );
      return this.attach(name, record, false, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  /**
   * Opens a file. Throws ConfigurationError when there is none, StorageBusyError when another page has it open for
   * writing, or when this one wants to write and another reads.
   */
  async open(name: string, { readOnly = false } = {}): Promise<BlockStore> {
    const release = await this.lock(name, readOnly ? "shared" : "exclusive");
    try {
      const record = await this.record(name);
      if (!record) throw new ConfigurationError(`there is no disk '${name}' in this browser`);
      if (!readOnly) await this.beforeWriting();
      return this.attach(name, record, readOnly, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Deletes a file. Throws StorageBusyError when it is open anywhere. */
  async remove(name: string): Promise<void> {
    const release = await this.lock(name, "exclusive");
    try {
      await this.beforeWriting();
      await translated(() =>
        transact(this.use, true, (store) => {
          store.delete(["disk", name]);
          store.delete(chunkRange(name, 0, Infinity));
        }),
      );
    } finally {
      release();
    }
  }

  private beforeWriting(): Promise<void> {
    return (this.freshLog ??= beginFreshLog((act) => transact(this.use, true, act)));
  }

  private attach(name: string, record: DiskRecord, readOnly: boolean, release: () => void): BlockStore {
    return new CachedStore(new IndexedDbChunks(this.use, name, record, readOnly, release), this.cache);
  }

  private async record(name: string): Promise<DiskRecord | undefined> {
    const record: unknown = await translated(() =>
      this.use("readonly", (store) => promisifyRequest<unknown>(store.get(["disk", name]))),
    );
    if (record === undefined) return undefined;
    const { size, chunkSize } = record as DiskRecord;
    if (!Number.isSafeInteger(size) || size < 0 || !Number.isSafeInteger(chunkSize) || chunkSize < 512) {
      throw new ConfigurationError(`the disk '${name}' in this browser is damaged: its description makes no sense`);
    }
    return { size, chunkSize };
  }

  private lock(name: string, mode: LockMode): Promise<() => void> {
    return holdLock(`${this.database}/${name}`, mode, `the disk '${name}'`);
  }
}

class IndexedDbChunks implements ChunkDatabase {
  readonly chunkSize: number;
  size: number;

  constructor(
    private readonly use: UseStore,
    private readonly name: string,
    record: DiskRecord,
    readonly readOnly: boolean,
    private readonly release: () => void,
  ) {
    ({ chunkSize: this.chunkSize, size: this.size } = record);
  }

  async read(indices: readonly number[]): Promise<(Uint8Array<ArrayBuffer> | undefined)[]> {
    const values = await translated(() =>
      this.use("readonly", async (store) => {
        const found = new Map<number, unknown>();
        await Promise.all(runsOf(indices).map((run) => this.readRun(store, run, found)));
        return indices.map((index) => found.get(index));
      }),
    );
    return values.map((value) => {
      if (value === undefined) return undefined;
      if (value instanceof Uint8Array && value.length === this.chunkSize) return value as Uint8Array<ArrayBuffer>;
      throw new StorageError(`the disk '${this.name}' in this browser is damaged: a chunk has the wrong size`);
    });
  }

  async commit({ size, removedFrom, removed, written }: ChunkChange, durable: boolean): Promise<void> {
    await translated(() =>
      transact(this.use, durable, (store) => {
        if (removedFrom !== undefined) store.delete(chunkRange(this.name, removedFrom, Infinity));
        for (const index of removed) store.delete(["chunk", this.name, index]);
        for (const [index, chunk] of written) store.put(chunk, ["chunk", this.name, index]);
        // A transaction that changes nothing would not wait for the medium.
        const nothing = removedFrom === undefined && removed.length + written.length === 0;
        if (size !== this.size || nothing) store.put({ size, chunkSize: this.chunkSize }, ["disk", this.name]);
      }),
    );
    this.size = size;
  }

  /** Chunks that follow one another cost two requests, however many they are. */
  private async readRun(store: IDBObjectStore, run: Run, found: Map<number, unknown>): Promise<void> {
    if (run.count === 1) {
      found.set(run.first, await promisifyRequest<unknown>(store.get(["chunk", this.name, run.first])));
      return;
    }
    const range = chunkRange(this.name, run.first, run.first + run.count - 1);
    const [keys, values] = await Promise.all([
      promisifyRequest(store.getAllKeys(range)),
      promisifyRequest<unknown[]>(store.getAll(range)),
    ]);
    keys.forEach((key, at) => found.set((key as [string, string, number])[2], values[at]));
  }

  async close(): Promise<void> {
    this.release();
  }
}

interface Run {
  readonly first: number;
  readonly count: number;
}

function runsOf(indices: readonly number[]): Run[] {
  const runs: { first: number; count: number }[] = [];
  for (const index of indices) {
    const last = runs.at(-1);
    if (last && index === last.first + last.count) last.count++;
    else runs.push({ first: index, count: 1 });
  }
  return runs;
}

function chunkRange(name: string, first: number, last: number): IDBKeyRange {
  return IDBKeyRange.bound(["chunk", name, first], ["chunk", name, last]);
}

/**
 * One read-write transaction. A durable one is on the medium when this resolves: idb-keyval's own transactions leave
 * that to the browser, but its connection serves for ours.
 */
function transact(use: UseStore, durable: boolean, act: (store: IDBObjectStore) => void): Promise<void> {
  const durability = durable ? "strict" : "relaxed";
  return use("readonly", (anyStore) => {
    const transaction = anyStore.transaction.db.transaction(OBJECT_STORE, "readwrite", { durability });
    const done = promisifyRequest<unknown>(transaction as IDBTransaction);
    try {
      act(transaction.objectStore(OBJECT_STORE));
    } catch (error) {
      done.catch(() => undefined);
      transaction.abort();
      throw error;
    }
    return done.then(() => undefined);
  });
}

/** What IndexedDB throws, in our words. */
async function translated<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof StorageError || error instanceof ConfigurationError) throw error;
    const { name, message } = (error ?? {}) as Partial<DOMException>;
    if (name === "QuotaExceededError") {
      throw new StorageFullError("the browser's storage is full; delete disks, or free space on the computer's disk");
    }
    throw new StorageError(`the browser's storage failed: ${message || name || "the transaction was aborted"}`);
  }
}
