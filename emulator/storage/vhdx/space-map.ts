/** Which MiB of the file are in use. All numbers are in MiB. */
export class SpaceMap {
  private words: Uint32Array;
  private free = 0;
  private next = 0;

  /** A file of this length with nothing in use. */
  constructor(private length: number) {
    this.words = new Uint32Array((length >>> 5) + 1);
    this.free = length;
  }

  get end(): number {
    return this.length;
  }

  get freeMib(): number {
    return this.free;
  }

  isUsed(at: number): boolean {
    return at < this.length && (this.words[at >>> 5]! & (1 << (at & 31))) !== 0;
  }

  /** Takes a range; false, and nothing is taken, when it is in use in part or ends beyond the file. */
  claim(offset: number, count: number): boolean {
    if (offset + count > this.length) return false;
    for (let at = offset; at < offset + count; at++) if (this.isUsed(at)) return false;
    for (let at = offset; at < offset + count; at++) this.words[at >>> 5]! |= 1 << (at & 31);
    this.free -= count;
    return true;
  }

  release(offset: number, count: number): void {
    for (let at = offset; at < offset + count; at++) {
      if (!this.isUsed(at)) continue;
      this.words[at >>> 5]! &= ~(1 << (at & 31));
      this.free++;
    }
  }

  /** Takes the next free range of this length, or none. */
  allocate(count: number): number | undefined {
    if (this.free < count) return undefined;
    const found = this.search(count, this.next, this.length) ?? this.search(count, 0, this.length);
    if (found === undefined) return undefined;
    this.claim(found, count);
    this.next = found + count;
    return found;
  }

  /** Adds room at the end, in use from the begin. Returns where it begins. */
  append(count: number): number {
    const offset = this.length;
    this.length += count;
    const needed = (this.length >>> 5) + 1;
    if (needed > this.words.length) {
      const words = new Uint32Array(Math.max(needed, 2 * this.words.length));
      words.set(this.words);
      this.words = words;
    }
    this.free += count;
    this.claim(offset, count);
    return offset;
  }

  /** Cuts free room off the end; returns the new length. */
  trimEnd(): number {
    while (this.length > 0 && !this.isUsed(this.length - 1)) {
      this.length--;
      this.free--;
    }
    return this.length;
  }

  private search(count: number, from: number, to: number): number | undefined {
    let run = 0;
    for (let at = from; at < to; at++) {
      if ((at & 31) === 0 && this.words[at >>> 5] === 0xffff_ffff) {
        run = 0;
        at += 31;
      } else if (this.isUsed(at)) run = 0;
      else if (++run === count) return at - count + 1;
    }
    return undefined;
  }
}
