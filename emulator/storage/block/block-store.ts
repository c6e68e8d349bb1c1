import { ConfigurationError } from "../../machine-types";

/**
 * A file-like store of bytes: what a disk image lies in.
 *
 * Order and durability. A write is seen by every later read at once, but what lies on the medium is certain only
 * after `commit`. Before that a crash may leave
 *  - on a store with `atomic` false (a plain file): any part of the writes since the last `barrier` or `commit`, in any
 *    order, and each of them torn;
 *  - on a store with `atomic` true: the writes up to some point in their order, each whole. `barrier` then costs
 *    nothing, and all that lies between two commits reaches the medium in one transaction unless the store's buffer
 *    overflows.
 * Offsets and lengths are in bytes. Every method but `size` may reject with StorageError.
 */
export interface BlockStore {
  readonly size: number;
  readonly readOnly: boolean;
  readonly atomic: boolean;
  /** Whether `zero` gives space back instead of writing zeros. */
  readonly sparse: boolean;
  /** Fills `target` from `offset`; what lies beyond `size` is a RangeError. */
  read(offset: number, target: Uint8Array): Promise<void>;
  /** Writes inside `size`; the bytes are taken before the promise resolves, and must not change until then. */
  write(offset: number, source: Uint8Array): Promise<void>;
  /** As `read`, if nothing has to be waited for: false if it has to, with `target` undefined. Throws as `read` rejects. */
  readNow?(offset: number, target: Uint8Array): boolean;
  /** As `write`, likewise; false means that nothing was written. */
  writeNow?(offset: number, source: Uint8Array): boolean;
  /** Makes a range read as zeros. */
  zero(offset: number, length: number): Promise<void>;
  /** Changes the size; what is added reads as zeros. */
  resize(size: number): Promise<void>;
  /** What was written before reaches the medium before anything that is written after. */
  barrier(): Promise<void>;
  /** Everything written before is durable when this resolves. */
  commit(): Promise<void>;
  /** Releases the store without committing: what was not committed may be lost. */
  close(): Promise<void>;
}

/** A store could not read or write. The message is one line. */
export class StorageError extends Error {
  override readonly name: string = "StorageError";
}

/** No room: the browser's quota, or the file system, is full. What was committed before is untouched. */
export class StorageFullError extends StorageError {
  override readonly name = "StorageFullError";
}

/** Someone else has the disk open for writing. */
export class StorageBusyError extends ConfigurationError {}

/** Throws RangeError for a range outside a store: a defect of the caller, never of a file. */
export function checkRange(store: { readonly size: number }, offset: number, length: number): void {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
    throw new RangeError(`bad range: ${length} bytes at ${offset}`);
  }
  if (offset + length > store.size) {
    throw new RangeError(`${length} bytes at ${offset} lie outside a store of ${store.size} bytes`);
  }
}

/** Throws for a write to a store that was opened for reading only. */
export function checkWritable(store: { readonly readOnly: boolean }): void {
  if (store.readOnly) throw new StorageError("the store is open for reading only");
}
