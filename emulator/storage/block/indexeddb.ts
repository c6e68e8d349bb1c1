import { createStore, promisifyRequest, type UseStore } from "idb-keyval";
import { ConfigurationError } from "../../machine-types";
import { type BlockStore } from "./block-store";
import { CachedStore, type CacheOptions } from "./cached-store";
import { beginFreshLog } from "./fresh-log";
import { chunkRange, type FileRecord, IndexedDbChunks, OBJECT_STORE, transact, translated } from "./indexeddb-chunks";
import { heldLocks, holdLock } from "./ownership";

/**
 * Bytes in a chunk of a new store, by measurement: docs/disk-speed.md. From 64 KiB on Chromium keeps each value in a file
 * of its own, which costs small reads and flushes more than it gains for others.
 */
export const DEFAULT_CHUNK_SIZE = 32 * 1024;

/** Of the computer's memory, the part that the caches of all open files together may take; and its bounds, bytes. */
const CACHE_SHARE = 1 / 16;
const CACHE_LEAST = 64 << 20;
const CACHE_MOST = 512 << 20;
const GIB = 1 << 30;

/** What a page or a worker held that is gone becomes free a moment later: a reload must not find its own disks busy. */
const OWNER_PATIENCE_MS = 1000;

export interface StoredDisk {
  readonly name: string;
  /** Bytes of the file, not of what it takes in the database. */
  readonly size: number;
}

/** What `rearrange` does, all of it or nothing: first it removes, then it renames, then it leaves notes. */
export interface Rearrangement {
  readonly remove?: readonly string[];
  readonly rename?: readonly (readonly [from: string, to: string])[];
  /** As `setNote` does. */
  readonly notes?: readonly (readonly [name: string, note: unknown])[];
}

/** The files in an IndexedDB database, as block stores. One page at a time can have a file open for writing. */
export class IndexedDbFiles {
  private readonly use: UseStore;
  private freshLog: Promise<void> | undefined;
  /** Files that are open share the caches' room. */
  private openFiles = 0;
  private readonly cacheBudget = cacheBudget();

  /** `database` is the name of the IndexedDB database. */
  constructor(
    private readonly database = "hypertab-disks",
    private readonly cache: CacheOptions = {},
  ) {
    this.use = createStore(database, OBJECT_STORE);
  }

  /** The files there are, by name. */
  async list(): Promise<StoredDisk[]> {
    const records = await this.entries<FileRecord>("disk");
    return records.map(([name, { size }]) => ({ name, size }));
  }

  /** Bytes of chunks that a file has in the database; 0 when there is no such file. */
  async usedBytes(name: string): Promise<number> {
    const record = await this.record(name);
    if (!record) return 0;
    const range = chunkRange(record.id, 0, Infinity);
    const count = await translated(() => this.use("readonly", (store) => promisifyRequest(store.count(range))));
    return count * record.chunkSize;
  }

  /** Makes a new, empty file, open for writing. Throws ConfigurationError when there is one of that name. */
  async create(name: string, chunkSize = DEFAULT_CHUNK_SIZE): Promise<BlockStore> {
    const release = await this.lock(name, "exclusive");
    try {
      await this.beforeWriting();
      if (await this.record(name)) throw new ConfigurationError(`there is a disk '${name}' already`);
      const record = { size: 0, chunkSize, id: crypto.randomUUID() };
      await this.transact((store) => {
        store.put(record, ["disk", name]);
      });
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
      const record = await this.existing(name);
      if (!readOnly) await this.beforeWriting();
      return this.attach(name, record, readOnly, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  /**
   * Opens a file for a look at what hardly ever changes: others may be writing to it, and go on. Throws
   * ConfigurationError when there is none.
   */
  async peek(name: string): Promise<BlockStore> {
    return this.attach(name, await this.existing(name), true, () => undefined);
  }

  /**
   * Makes this page the only one that works with a name, whatever files it opens, closes and renames for that, until the
   * returned function is called. Throws StorageBusyError when another one does.
   */
  own(name: string): Promise<() => void> {
    return holdLock(this.ownership(name), "exclusive", `the disk '${name}'`, OWNER_PATIENCE_MS);
  }

  /** The names that pages own now, this one included. */
  async owned(names: readonly string[]): Promise<ReadonlySet<string>> {
    const held = await heldLocks();
    return new Set(names.filter((name) => held.has(this.ownership(name))));
  }

  /** Deletes a file. Throws StorageBusyError when it is open anywhere. */
  async remove(name: string): Promise<void> {
    await this.rearrange({ remove: [name] });
  }

  /**
   * Removes and renames files in one durable transaction; a note stays with its name. Throws StorageBusyError when one of them is open anywhere,
   * ConfigurationError when one to be renamed is not there, or a name is taken.
   */
  async rearrange({ remove = [], rename = [], notes = [] }: Rearrangement): Promise<void> {
    const held: (() => void)[] = [];
    try {
      for (const name of new Set([...remove, ...rename.flat()])) held.push(await this.lock(name, "exclusive"));
      await this.beforeWriting();
      const records = new Map<string, FileRecord | undefined>();
      for (const name of rename.flat()) if (!remove.includes(name)) records.set(name, await this.record(name));
      const removed = await Promise.all(remove.map((name) => this.chunkOwner(name)));
      for (const name of remove) records.set(name, undefined);
      for (const [from, to] of rename) {
        if (!records.get(from)) throw noSuchDisk(from);
        if (records.get(to)) throw new ConfigurationError(`there is a disk '${to}' already`);
        records.set(to, records.get(from)).set(from, undefined);
      }
      await this.transact((store) => {
        for (const id of removed) if (id !== undefined) store.delete(chunkRange(id, 0, Infinity));
        for (const [name, record] of records) {
          if (record) store.put(record, ["disk", name]);
          else for (const kind of ["disk", "note"]) store.delete([kind, name]);
        }
        for (const [name, note] of notes) putNote(store, name, note);
      });
    } finally {
      for (const release of held) release();
    }
  }

  /** The notes that were left with files, by the file's name. A note goes with its file. */
  async notes(): Promise<ReadonlyMap<string, unknown>> {
    return new Map(await this.entries<unknown>("note"));
  }

  /** Leaves a note with a file, whoever has that open: something that can be cloned, or undefined for none. */
  async setNote(name: string, note: unknown): Promise<void> {
    await this.beforeWriting();
    await this.transact((store) => putNote(store, name, note));
  }

  private beforeWriting(): Promise<void> {
    return (this.freshLog ??= beginFreshLog((act) => transact(this.use, true, act)));
  }

  private attach(name: string, record: FileRecord, readOnly: boolean, release: () => void): BlockStore {
    this.openFiles++;
    let open = true;
    const onClose = (): void => {
      if (open) this.openFiles--;
      open = false;
      release();
    };
    const capacity = (): number => this.cacheBudget / Math.max(1, this.openFiles);
    return new CachedStore(new IndexedDbChunks(this.use, name, record, readOnly, onClose), { capacity, ...this.cache });
  }

  private async existing(name: string): Promise<FileRecord> {
    const record = await this.record(name);
    if (!record) throw noSuchDisk(name);
    return record;
  }

  private async record(name: string): Promise<FileRecord | undefined> {
    const record = await this.rawRecord(name);
    if (record === undefined) return undefined;
    if (!makesSense(record)) {
      throw new ConfigurationError(`the disk '${name}' in this browser is damaged: its description makes no sense`);
    }
    // The first files had no id: their chunks are under their names.
    const { size, chunkSize, id = name } = record;
    return { size, chunkSize, id };
  }

  /** What is there in place of a file's description: anything. */
  private async rawRecord(name: string): Promise<Partial<Record<keyof FileRecord, unknown>> | undefined> {
    const record = await translated(() =>
      this.use("readonly", (store) => promisifyRequest<unknown>(store.get(["disk", name]))),
    );
    return record === undefined ? undefined : Object(record);
  }

  /**
   * What a file's chunks are kept under. Undefined when there is no file, or its description makes so little sense that
   * chunks under its name may be another file's: they stay rather than go with it.
   */
  private async chunkOwner(name: string): Promise<string | undefined> {
    const raw = await this.rawRecord(name);
    if (typeof raw?.id === "string") return raw.id;
    return raw && makesSense(raw) ? name : undefined;
  }

  private async entries<T>(kind: string): Promise<[name: string, value: T][]> {
    const range = IDBKeyRange.bound([kind], [kind, []]);
    const [keys, values] = await translated(() =>
      this.use("readonly", (store) =>
        Promise.all([
          promisifyRequest(store.getAllKeys(range)),
          promisifyRequest<T[]>(store.getAll(range) as IDBRequest<T[]>),
        ]),
      ),
    );
    return keys.map((key, index) => [String((key as string[])[1]), values[index]!]);
  }

  private transact(act: (store: IDBObjectStore) => void): Promise<void> {
    return translated(() => transact(this.use, true, act));
  }

  private ownership(name: string): string {
    return `${this.database} owner/${name}`;
  }

  private lock(name: string, mode: LockMode): Promise<() => void> {
    return holdLock(`${this.database}/${name}`, mode, `the disk '${name}'`);
  }
}

function makesSense(
  record: Partial<Record<keyof FileRecord, unknown>>,
): record is Omit<FileRecord, "id"> & { id?: string } {
  const { size, chunkSize, id } = record;
  const sizes = Number.isSafeInteger(size) && (size as number) >= 0;
  const chunks = Number.isSafeInteger(chunkSize) && (chunkSize as number) >= 512;
  return sizes && chunks && (id === undefined || typeof id === "string");
}

function putNote(store: IDBObjectStore, name: string, note: unknown): void {
  if (note === undefined) store.delete(["note", name]);
  else store.put(note, ["note", name]);
}

/** Bytes. Browsers say roughly how much memory the computer has, and some say nothing. */
function cacheBudget(): number {
  const { deviceMemory = 0 } = (globalThis.navigator ?? {}) as { deviceMemory?: number };
  return Math.min(Math.max(deviceMemory * GIB * CACHE_SHARE, CACHE_LEAST), CACHE_MOST);
}

function noSuchDisk(name: string): ConfigurationError {
  return new ConfigurationError(`there is no disk '${name}' in this browser`);
}
