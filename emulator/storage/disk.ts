/**
 * A disk as a device sees it: sectors by logical block address. Several requests may be under way at once; requests
 * that overlap each other have no order. Ranges outside the disk are a RangeError: the device checks them first and
 * answers with sense data. All other failures are StorageError (StorageFullError when there is no room); the disk
 * stays consistent.
 */
export interface Disk {
  /** Bytes in a logical sector: 512, 2048 (an ISO image) or 4096. */
  readonly sectorSize: number;
  /** Bytes in a physical sector, for READ CAPACITY (16). */
  readonly physicalSectorSize: number;
  /** Bytes; changes by `resize` of the image. */
  readonly size: number;
  readonly readOnly: boolean;
  /** Whether `trim` can give space back. */
  readonly canTrim: boolean;
  /** Bytes: only whole units of this size, at multiples of it, are given back. */
  readonly trimGranularity: number;
  /** 16 bytes that name the disk for life (VPD page 0x83), or undefined where the image has none. */
  readonly identity: Uint8Array | undefined;
  /** Fills `target`, whole sectors, from sector `lba`. */
  read(lba: number, target: Uint8Array): Promise<void>;
  /** Writes whole sectors; they are durable after the next `flush`. */
  write(lba: number, source: Uint8Array): Promise<void>;
  /**
   * As `read`, if nothing has to be waited for: false if it has to, with `target` undefined. For those who can save the
   * turn of a promise; an image may lack it. Throws as `read` rejects.
   */
  readNow?(lba: number, target: Uint8Array): boolean;
  /** As `write`, likewise; after false or an exception, `write` of the same is to follow. */
  writeNow?(lba: number, source: Uint8Array): boolean;
  /** Makes sectors read as zeros, giving space back where that can be done. */
  writeZeros(lba: number, sectors: number): Promise<void>;
  /** The sectors are no longer needed: each reads as before or as zeros. */
  trim(lba: number, sectors: number): Promise<void>;
  /** Everything that was written by requests that completed before is durable when this resolves. */
  flush(): Promise<void>;
  /** Flushes, and releases the image. */
  close(): Promise<void>;
}

/** Bytes that can be moved at once in copies of whole disks. */
export const COPY_UNIT = 1 << 20;

/** The byte offset of a request, after a check that it lies on the disk. Throws RangeError. */
export function requestOffset(disk: Pick<Disk, "sectorSize" | "size">, lba: number, bytes: number): number {
  const offset = lba * disk.sectorSize;
  if (!Number.isSafeInteger(lba) || lba < 0 || bytes < 0 || bytes % disk.sectorSize !== 0) {
    throw new RangeError(`bad request: ${bytes} bytes at sector ${lba}`);
  }
  if (!Number.isSafeInteger(offset + bytes) || offset + bytes > disk.size) {
    throw new RangeError(`${bytes} bytes at sector ${lba} lie outside a disk of ${disk.size} bytes`);
  }
  return offset;
}
