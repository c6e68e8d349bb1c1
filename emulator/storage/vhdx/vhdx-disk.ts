import { type Disk, requestOffset } from "../disk";
import { Mutex, SharedLock } from "./async-lock";
import { BlockReader } from "./block-reader";
import { BlockWriter } from "./block-writer";
import { guidBytes } from "./fields";
import { type VhdxImage } from "./image";
import { resizeImage } from "./resize";

/**
 * The disk in an open VHDX file; `openVhdx` makes it. Reads, and writes to blocks that are there, run side by side;
 * whatever changes the file's metadata runs alone.
 */
export class VhdxDisk implements Disk {
  private readonly lock = new SharedLock();
  private readonly metadataChange = new Mutex();
  private readonly reader: BlockReader;
  private readonly writer: BlockWriter;
  private begun = false;
  private closed = false;

  constructor(
    /** For the functions of this folder; devices have no use for it. */
    readonly image: VhdxImage,
    readonly parent: VhdxDisk | undefined,
    readonly readOnly: boolean,
    /** Merging changes this disk such that what its child shows stays the same. */
    private readonly keepDataWriteGuid = false,
  ) {
    this.reader = new BlockReader(image, parent);
    this.writer = new BlockWriter(image);
  }

  get size(): number {
    return this.image.metadata.virtualDiskSize;
  }

  get sectorSize(): 512 | 4096 {
    return this.image.metadata.logicalSectorSize;
  }

  get physicalSectorSize(): 512 | 4096 {
    return this.image.metadata.physicalSectorSize;
  }

  get identity(): Uint8Array {
    return guidBytes(this.image.metadata.virtualDiskId);
  }

  get canTrim(): boolean {
    return !this.readOnly && !this.image.metadata.leaveBlockAllocated;
  }

  get trimGranularity(): number {
    return this.image.metadata.blockSize;
  }

  async read(lba: number, target: Uint8Array): Promise<void> {
    const offset = requestOffset(this, lba, target.length);
    await this.lock.runShared(() => this.reader.read(offset, target));
  }

  async write(lba: number, source: Uint8Array): Promise<void> {
    const offset = requestOffset(this, lba, source.length);
    await this.begin();
    await this.lock.runShared(() => this.writer.write(offset, source, (allocate) => this.metadataChange.run(allocate)));
  }

  readNow(lba: number, target: Uint8Array): boolean {
    const offset = requestOffset(this, lba, target.length);
    return this.lock.openToShared && this.reader.readNow(offset, target);
  }

  writeNow(lba: number, source: Uint8Array): boolean {
    const offset = requestOffset(this, lba, source.length);
    return this.begun && this.lock.openToShared && this.writer.overwriteNow(offset, source);
  }

  async writeZeros(lba: number, sectors: number): Promise<void> {
    await this.clear(lba, sectors, true);
  }

  async trim(lba: number, sectors: number): Promise<void> {
    if (this.canTrim) await this.clear(lba, sectors, false);
    else requestOffset(this, lba, sectors * this.sectorSize);
  }

  async flush(): Promise<void> {
    if (!this.readOnly) await this.metadataChange.run(() => this.image.flush());
  }

  /**
   * Changes the size, in bytes, of the open disk. Throws VhdxError when it would cut off data, or cannot be; the disk
   * then stays as it is.
   */
  async resize(size: number): Promise<void> {
    await this.begin();
    await this.alone(() => resizeImage(this.image, this.reader, size));
  }

  /** How many bytes from `offset` on, at most `length`, are alike: zeros for certain, or in need of a look. */
  extent(offset: number, length: number): Promise<{ readonly zeros: boolean; readonly length: number }> {
    return this.lock.runShared(() => this.reader.extent(offset, length));
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    try {
      if (!this.readOnly) await this.alone(() => this.image.finish());
    } finally {
      await this.image.store.close();
      await this.parent?.close();
    }
  }

  private async clear(lba: number, sectors: number, exact: boolean): Promise<void> {
    const length = sectors * this.sectorSize;
    const offset = requestOffset(this, lba, length);
    await this.begin();
    await this.alone(() => this.writer.clear(offset, length, exact));
  }

  private async begin(): Promise<void> {
    if (this.begun) return;
    await this.metadataChange.run(() => this.image.journal.begin({ visible: !this.keepDataWriteGuid }));
    this.begun = true;
  }

  private alone<T>(action: () => Promise<T>): Promise<T> {
    return this.lock.runExclusive(() => this.metadataChange.run(action));
  }
}
