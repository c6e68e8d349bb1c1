/** Changes of a chunk database that become durable together or not at all, in the order of the fields. */
export interface ChunkChange {
  /** Bytes that the store has after the change. */
  readonly size: number;
  /** All chunks from this index on go, or undefined. */
  readonly removedFrom: number | undefined;
  /** Chunks that are zeros now. */
  readonly removed: readonly number[];
  readonly written: readonly (readonly [index: number, chunk: Uint8Array<ArrayBuffer>])[];
}

/** A store's bytes as chunks of one size; a chunk that is not there is zeros. */
export interface ChunkDatabase {
  readonly chunkSize: number;
  /** Bytes, as of the last commit. */
  readonly size: number;
  readonly readOnly: boolean;
  /** The chunks with these indices, undefined for each that is not there. Rejects with StorageError. */
  read(indices: readonly number[]): Promise<(Uint8Array<ArrayBuffer> | undefined)[]>;
  /**
   * Makes a change: `durable`, on the medium when this resolves, or only together with the next durable one. Rejects
   * with StorageError or StorageFullError; the database is then as before.
   */
  commit(change: ChunkChange, durable: boolean): Promise<void>;
  close(): Promise<void>;
}
