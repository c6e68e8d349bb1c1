import { checkRange, checkWritable, type BlockStore } from "./block-store";

const PAGE_SIZE = 4096;

/** A sparse store in memory; pages that were never written take no room. Nothing of it is durable. */
export class MemoryStore implements BlockStore {
  readonly atomic = true;
  readonly sparse = true;
  readonly readOnly: boolean = false;
  private readonly pages = new Map<number, Uint8Array>();
  private bytes: number;

  constructor(size = 0) {
    this.bytes = size;
  }

  /** A store with a copy of these bytes. */
  static async of(content: Uint8Array): Promise<MemoryStore> {
    const store = new MemoryStore(content.length);
    await store.write(0, content);
    return store;
  }

  get size(): number {
    return this.bytes;
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    this.readNow(offset, target);
  }

  async write(offset: number, source: Uint8Array): Promise<void> {
    this.writeNow(offset, source);
  }

  readNow(offset: number, target: Uint8Array): boolean {
    checkRange(this, offset, target.length);
    forEachPage(offset, target.length, (page, from, at, length) => {
      const content = this.pages.get(page);
      if (content) target.set(content.subarray(from, from + length), at);
      else target.fill(0, at, at + length);
    });
    return true;
  }

  writeNow(offset: number, source: Uint8Array): boolean {
    checkWritable(this);
    checkRange(this, offset, source.length);
    forEachPage(offset, source.length, (page, from, at, length) => {
      let content = this.pages.get(page);
      if (!content) this.pages.set(page, (content = new Uint8Array(PAGE_SIZE)));
      content.set(source.subarray(at, at + length), from);
    });
    return true;
  }

  async zero(offset: number, length: number): Promise<void> {
    checkWritable(this);
    checkRange(this, offset, length);
    this.clear(offset, length);
  }

  async resize(size: number): Promise<void> {
    checkWritable(this);
    if (size < this.bytes) this.clear(size, this.bytes - size);
    this.bytes = size;
  }

  async barrier(): Promise<void> {
    // Memory keeps every order.
  }

  async commit(): Promise<void> {
    // Memory is as durable as it gets.
  }

  async close(): Promise<void> {
    // There is nothing to release.
  }

  private clear(offset: number, length: number): void {
    const first = Math.floor(offset / PAGE_SIZE);
    const last = Math.floor((offset + length - 1) / PAGE_SIZE);
    const clearPage = (page: number): void => {
      const start = Math.max(offset - page * PAGE_SIZE, 0);
      const end = Math.min(offset + length - page * PAGE_SIZE, PAGE_SIZE);
      if (start === 0 && end === PAGE_SIZE) this.pages.delete(page);
      else this.pages.get(page)?.fill(0, start, end);
    };
    if (length === 0) return;
    // The range may be far larger than what is there.
    if (last - first < this.pages.size) for (let page = first; page <= last; page++) clearPage(page);
    else for (const page of [...this.pages.keys()]) if (page >= first && page <= last) clearPage(page);
  }
}

function forEachPage(
  offset: number,
  length: number,
  visit: (page: number, from: number, at: number, length: number) => void,
): void {
  for (let at = 0; at < length;) {
    const page = Math.floor((offset + at) / PAGE_SIZE);
    const from = (offset + at) % PAGE_SIZE;
    const part = Math.min(PAGE_SIZE - from, length - at);
    visit(page, from, at, part);
    at += part;
  }
}
