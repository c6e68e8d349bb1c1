import { type BlockStore, checkRange, StorageError } from "./block-store";

/** A file that the user chose in a page, for reading only. */
export class BlobStore implements BlockStore {
  readonly readOnly = true;
  readonly atomic = true;
  readonly sparse = false;

  constructor(private readonly blob: Blob) {}

  get size(): number {
    return this.blob.size;
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    checkRange(this, offset, target.length);
    try {
      target.set(new Uint8Array(await this.blob.slice(offset, offset + target.length).arrayBuffer()));
    } catch (error) {
      // The browser refuses once the file on the computer's disk has changed, or is gone.
      throw new StorageError(`the file cannot be read any more: ${error instanceof Error ? error.message : error}`);
    }
  }

  async write(): Promise<void> {
    throw new StorageError("the file is open for reading only");
  }
  zero = this.write;
  resize = this.write;
  async barrier(): Promise<void> {
    // Nothing is ever written.
  }
  commit = this.barrier;
  close = this.barrier;
}
