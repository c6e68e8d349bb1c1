import { vi } from "vitest";

type Key = string | number | readonly Key[];
type Range = { readonly lower: Key; readonly upper: Key };

/** One put (or, without a value, removal) of a transaction. */
interface Change {
  readonly key: Key;
  readonly value: unknown;
}

/** IndexedDB's order of keys, as far as numbers, strings and arrays go. */
function compare(a: Key, b: Key): number {
  const rank = (key: Key): number => (typeof key === "number" ? 0 : typeof key === "string" ? 1 : 2);
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  if (typeof a === "object" && typeof b === "object") {
    for (let index = 0; index < Math.min(a.length, b.length); index++) {
      const order = compare(a[index]!, b[index]!);
      if (order !== 0) return order;
    }
    return a.length - b.length;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}

interface Entry {
  readonly key: Key;
  readonly value: unknown;
}

/** What of IndexedDB and of Web Locks the library uses, in memory: transactions are recorded one by one. */
export class BrowserStorage {
  /** The transactions that changed something, in their order. */
  readonly transactions: Change[][] = [];
  /** By the key's JSON text. */
  private readonly entries = new Map<string, Entry>();
  private readonly locks = new Map<string, { readonly exclusive: boolean; holders: number }>();

  /** A storage as a browser finds it that was killed after so many transactions of another one. */
  static after(transactions: readonly Change[][], count: number): BrowserStorage {
    const storage = new BrowserStorage();
    for (const transaction of transactions.slice(0, count)) storage.commit(transaction);
    return storage;
  }

  /** Puts this storage in the browser's place. */
  install(): void {
    vi.stubGlobal("indexedDB", {
      open: () => answer({ transaction: (_: string, mode: string) => this.begin(mode === "readwrite") }),
    });
    vi.stubGlobal("IDBKeyRange", { bound: (lower: Key, upper: Key): Range => ({ lower, upper }) });
    vi.stubGlobal("navigator", { locks: { request: this.request.bind(this), query: this.query.bind(this) } });
  }

  /** The keys that begin so, in their order. */
  keys(kind: string): Key[] {
    return this.within({ lower: [kind], upper: [kind, []] }).map(({ key }) => key);
  }

  private commit(changes: Change[]): void {
    for (const { key, value } of changes) {
      if (value === undefined) this.entries.delete(JSON.stringify(key));
      else this.entries.set(JSON.stringify(key), { key, value });
    }
    this.transactions.push(changes);
  }

  private within({ lower, upper }: Range): Entry[] {
    const found = [...this.entries.values()].filter(({ key }) => compare(key, lower) >= 0 && compare(key, upper) <= 0);
    return found.sort((a, b) => compare(a.key, b.key));
  }

  private begin(writing: boolean): unknown {
    const changes: Change[] = [];
    const transaction: Record<string, unknown> = {
      db: { transaction: (_: string, mode: string) => this.begin(mode === "readwrite") },
      abort: () => changes.splice(0),
      objectStore: () => store,
    };
    const store = {
      transaction,
      get: (key: Key) => answer(structuredClone(this.entries.get(JSON.stringify(key))?.value)),
      getAll: (range: Range) => answer(this.within(range).map(({ value }) => structuredClone(value))),
      getAllKeys: (range: Range) => answer(this.within(range).map(({ key }) => key)),
      count: (range: Range) => answer(this.within(range).length),
      put: (value: unknown, key: Key) => changes.push({ key, value: structuredClone(value) }),
      delete: (what: Key | Range) => {
        const keys = typeof what === "object" && "lower" in what ? this.within(what).map(({ key }) => key) : [what];
        for (const key of keys) changes.push({ key, value: undefined });
      },
    };
    if (writing) {
      // What a transaction asks for is all asked for before it ends.
      setImmediate(() => {
        this.commit(changes);
        (transaction["oncomplete"] as () => void)();
      });
    }
    return transaction;
  }

  private request(
    name: string,
    { mode }: { mode: LockMode },
    use: (lock: { name: string } | null) => Promise<void> | undefined,
  ): Promise<void> {
    const held = this.locks.get(name);
    if (held && (held.exclusive || mode === "exclusive")) return Promise.resolve(use(null));
    const lock = held ?? { exclusive: mode === "exclusive", holders: 0 };
    lock.holders++;
    this.locks.set(name, lock);
    return Promise.resolve(use({ name })).finally(() => {
      if (--lock.holders === 0) this.locks.delete(name);
    });
  }

  private async query(): Promise<{ held: { name: string }[] }> {
    return { held: [...this.locks.keys()].map((name) => ({ name })) };
  }
}

/** A request that has this result a moment later. */
function answer(result: unknown): { result: unknown; onsuccess?: () => void } {
  const request: { result: unknown; onsuccess?: () => void } = { result };
  queueMicrotask(() => queueMicrotask(() => request.onsuccess?.()));
  return request;
}
