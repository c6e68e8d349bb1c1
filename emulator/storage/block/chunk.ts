/** A chunk of a store in memory. */
export class Chunk {
  /** The bytes are on their way to the database: who changes them takes a copy. */
  shared = false;

  /** @param data undefined for zeros */
  constructor(
    readonly index: number,
    public data: Uint8Array<ArrayBuffer> | undefined,
  ) {}

  /** Gives the chunk all of its bytes, or zeros; new memory is not cleared for that. */
  replace(source: Uint8Array | undefined): void {
    if (!source) this.data = undefined;
    else if (this.data && !this.shared) this.data.set(source);
    else this.data = new Uint8Array(source);
    this.shared = false;
  }

  /** Changes some of the bytes: to `source`, or to zeros. @param size of the chunk */
  change(from: number, to: number, source: Uint8Array | undefined, size: number): void {
    if (!source && !this.data) return;
    if (!this.data) this.data = new Uint8Array(size);
    else if (this.shared) this.data = this.data.slice();
    this.shared = false;
    if (source) this.data.set(source, from);
    else this.data.fill(0, from, to);
  }
}
