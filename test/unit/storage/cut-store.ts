import { checkRange, type BlockStore } from "../../../emulator/storage/block/block-store";

const PAGE = 4096;
const SECTOR = 512;

/** A sparse store whose copies share what none of them writes. */
export class CopyStore implements BlockStore {
  readonly readOnly = false;
  readonly sparse = false;
  writes = 0;

  constructor(
    readonly atomic: boolean,
    private bytes = 0,
    private readonly pages = new Map<number, Uint8Array>(),
  ) {}

  get size(): number {
    return this.bytes;
  }

  copy(): CopyStore {
    return new CopyStore(this.atomic, this.bytes, new Map(this.pages));
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    checkRange(this, offset, target.length);
    for (let at = 0; at < target.length;) {
      const from = (offset + at) % PAGE;
      const length = Math.min(PAGE - from, target.length - at);
      const page = this.pages.get(Math.floor((offset + at) / PAGE));
      if (page) target.set(page.subarray(from, from + length), at);
      else target.fill(0, at, at + length);
      at += length;
    }
  }

  async write(offset: number, source: Uint8Array): Promise<void> {
    this.put(offset, source);
  }

  put(offset: number, source: Uint8Array): void {
    checkRange(this, offset, source.length);
    this.writes++;
    for (let at = 0; at < source.length;) {
      const from = (offset + at) % PAGE;
      const length = Math.min(PAGE - from, source.length - at);
      const index = Math.floor((offset + at) / PAGE);
      const page = this.pages.get(index)?.slice() ?? new Uint8Array(PAGE);
      page.set(source.subarray(at, at + length), from);
      this.pages.set(index, page);
      at += length;
    }
  }

  async zero(offset: number, length: number): Promise<void> {
    checkRange(this, offset, length);
    this.writes++;
    const end = offset + length;
    for (let at = offset; at < end;) {
      const stop = Math.min(end, (Math.floor(at / PAGE) + 1) * PAGE);
      const index = Math.floor(at / PAGE);
      if (this.pages.has(index)) {
        if (stop - at === PAGE) this.pages.delete(index);
        else this.put(at, new Uint8Array(stop - at));
      }
      at = stop;
    }
  }

  async resize(size: number): Promise<void> {
    this.setSize(size);
  }

  setSize(size: number): void {
    this.writes++;
    if (size < this.bytes) {
      const tail = Math.min(this.bytes, Math.ceil(size / PAGE) * PAGE);
      if (tail > size) this.put(size, new Uint8Array(tail - size));
      for (const page of [...this.pages.keys()]) if (page * PAGE >= size) this.pages.delete(page);
    }
    this.bytes = size;
  }

  async barrier(): Promise<void> {
    // In order anyway.
  }
  async commit(): Promise<void> {
    // Nothing is held back.
  }
  async close(): Promise<void> {
    // Nothing to release.
  }
}

type Operation =
  | { readonly kind: "write"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "resize"; readonly size: number }
  | { readonly kind: "barrier" };

/** Records all that is written, so that the medium can be had as a crash at any point may leave it. */
export class CutStore implements BlockStore {
  readonly readOnly = false;
  readonly sparse = false;
  readonly operations: Operation[] = [];
  private readonly before: CopyStore;

  constructor(
    private readonly now: CopyStore,
    readonly atomic: boolean,
  ) {
    this.before = now.copy();
  }

  get size(): number {
    return this.now.size;
  }

  read(offset: number, target: Uint8Array): Promise<void> {
    return this.now.read(offset, target);
  }

  async write(offset: number, source: Uint8Array): Promise<void> {
    this.writeNow(offset, source);
    await Promise.resolve();
  }

  writeNow(offset: number, source: Uint8Array): boolean {
    this.now.put(offset, source);
    this.operations.push({ kind: "write", offset, bytes: source.slice() });
    return true;
  }

  async zero(offset: number, length: number): Promise<void> {
    for (let at = 0; at < length; at += 1 << 20) {
      await this.write(offset + at, new Uint8Array(Math.min(1 << 20, length - at)));
    }
  }

  async resize(size: number): Promise<void> {
    this.now.setSize(size);
    this.operations.push({ kind: "resize", size });
  }

  async barrier(): Promise<void> {
    await Promise.resolve();
    if (!this.atomic) this.operations.push({ kind: "barrier" });
  }

  async commit(): Promise<void> {
    await Promise.resolve();
    this.operations.push({ kind: "barrier" });
  }

  async close(): Promise<void> {
    // The medium outlives it.
  }

  /**
   * The medium after a crash when so many operations had been asked for. An atomic store has all of them. A plain file
   * has those before the last barrier, and of the others whichever sectors `random` chooses; or `inOrder`, as when only
   * the program is killed and the system lives on, all but the last one, and of that one some sectors.
   */
  *media(random: (below: number) => number, { inOrder = false } = {}): Generator<CopyStore> {
    const durable = this.before.copy();
    let loose: Operation[] = [];
    yield durable.copy();
    for (const operation of this.operations) {
      if (this.atomic) {
        apply(durable, operation);
        yield durable.copy();
        continue;
      }
      if (inOrder) for (const done of loose.splice(0)) apply(durable, done);
      loose.push(operation);
      if (operation.kind === "barrier") {
        for (const done of loose) apply(durable, done);
        loose = [];
        yield durable.copy();
        continue;
      }
      const medium = durable.copy();
      for (const maybe of loose) applyTorn(medium, maybe, random);
      yield medium;
    }
  }
}

function apply(medium: CopyStore, operation: Operation): void {
  if (operation.kind === "write") medium.put(operation.offset, operation.bytes);
  else if (operation.kind === "resize") medium.setSize(operation.size);
}

function applyTorn(medium: CopyStore, operation: Operation, random: (below: number) => number): void {
  // All, nothing, or some of the sectors.
  const fate = random(3);
  if (fate === 0) return;
  if (operation.kind !== "write") return apply(medium, operation);
  const { offset, bytes } = operation;
  for (let at = 0; at < bytes.length;) {
    const stop = Math.min(bytes.length, at + SECTOR - ((offset + at) % SECTOR));
    // Without its new size, a file has no place for what lies behind the old one.
    if ((fate === 1 || random(2) === 0) && offset + stop <= medium.size) {
      medium.put(offset + at, bytes.subarray(at, stop));
    }
    at = stop;
  }
}
