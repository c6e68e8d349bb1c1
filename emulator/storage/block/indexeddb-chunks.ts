import { promisifyRequest, type UseStore } from "idb-keyval";
import { ConfigurationError } from "../../machine-types";
import { StorageError, StorageFullError } from "./block-store";
import { type ChunkChange, type ChunkDatabase } from "./chunk-database";

export const OBJECT_STORE = "chunks";

/** What is kept of a file under ["disk", name]. */
export interface FileRecord {
  /** Bytes of the file. */
  readonly size: number;
  readonly chunkSize: number;
  /** Its chunks are under ["chunk", id, index]: a file gets another name without a move of its chunks. */
  readonly id: string;
}

/** The chunks of one file. */
export class IndexedDbChunks implements ChunkDatabase {
  readonly chunkSize: number;
  size: number;

  private readonly id: string;

  constructor(
    private readonly use: UseStore,
    private readonly name: string,
    record: FileRecord,
    readonly readOnly: boolean,
    private readonly release: () => void,
  ) {
    ({ chunkSize: this.chunkSize, size: this.size, id: this.id } = record);
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
        if (removedFrom !== undefined) store.delete(chunkRange(this.id, removedFrom, Infinity));
        for (const index of removed) store.delete(["chunk", this.id, index]);
        for (const [index, chunk] of written) store.put(chunk, ["chunk", this.id, index]);
        // A transaction that changes nothing would not wait for the medium.
        const nothing = removedFrom === undefined && removed.length + written.length === 0;
        if (size !== this.size || nothing) store.put(this.record(size), ["disk", this.name]);
      }),
    );
    this.size = size;
  }

  /** Chunks that follow one another cost two requests, however many they are. */
  private async readRun(store: IDBObjectStore, run: Run, found: Map<number, unknown>): Promise<void> {
    if (run.count === 1) {
      found.set(run.first, await promisifyRequest<unknown>(store.get(["chunk", this.id, run.first])));
      return;
    }
    const range = chunkRange(this.id, run.first, run.first + run.count - 1);
    const [keys, values] = await Promise.all([
      promisifyRequest(store.getAllKeys(range)),
      promisifyRequest<unknown[]>(store.getAll(range)),
    ]);
    keys.forEach((key, at) => found.set((key as [string, string, number])[2], values[at]));
  }

  async close(): Promise<void> {
    this.release();
  }

  private record(size: number): FileRecord {
    return { size, chunkSize: this.chunkSize, id: this.id };
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

export function chunkRange(id: string, first: number, last: number): IDBKeyRange {
  return IDBKeyRange.bound(["chunk", id, first], ["chunk", id, last]);
}

/**
 * One read-write transaction. A durable one is on the medium when this resolves: idb-keyval's own transactions leave
 * that to the browser, but its connection serves for ours.
 */
export function transact(use: UseStore, durable: boolean, act: (store: IDBObjectStore) => void): Promise<void> {
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
export async function translated<T>(action: () => Promise<T>): Promise<T> {
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
