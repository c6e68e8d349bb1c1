import { type BlockStore } from "./block/block-store";
import { type Disk } from "./disk";
import { type ImageSource } from "./image-stream";
import { Mutex } from "./vhdx/async-lock";

/** Bytes that are kept at once. */
const UNIT = 64 * 1024;

/** A disk that knows where it holds nothing. */
export type SnapshotDisk = Pick<Disk, "read"> & Pick<ImageSource, "extent">;

/** Runs an action on the disk, such that no exchange of its image, and no closing, comes between. */
type UseDisk = <T>(action: (disk: SnapshotDisk) => Promise<T>) => Promise<T>;

/**
 * What a disk held at one moment, while it is written to: whoever changes the disk has the snapshot keep what was there
 * before. It is read once, from begin to end; what lies before the last read is not kept any more. When something cannot
 * be kept, the snapshot is lost, and the disk goes on.
 */
export class Snapshot implements ImageSource {
  private readonly mutex = new Mutex();
  /** The units in `kept`. */
  private readonly units = new Set<number>();
  private passed = 0;
  private lost: unknown;

  /** `kept` is sparse, and has the disk's size. Nothing may be writing to the disk at that moment. */
  constructor(
    readonly size: number,
    readonly sectorSize: number,
    private readonly use: UseDisk,
    private readonly kept: BlockStore,
  ) {}

  /** A range of bytes is about to change, to zeros or not; the caller uses `disk`, and waits for this before it begins. */
  async beforeChange(disk: SnapshotDisk, offset: number, length: number, zeroing: boolean): Promise<void> {
    await this.mutex.run(async () => {
      if (this.lost !== undefined) return;
      try {
        await this.keep(disk, Math.max(offset, this.passed), Math.min(offset + length, this.size), zeroing);
      } catch (error) {
        this.lost = error;
      }
    });
  }

  read(lba: number, target: Uint8Array): Promise<void> {
    const offset = lba * this.sectorSize;
    return this.alone(async (disk) => {
      for (let done = 0; done < target.length;) {
        const at = offset + done;
        const part = target.subarray(done, done + Math.min(UNIT - (at % UNIT), target.length - done));
        if (this.units.has(Math.floor(at / UNIT))) await this.kept.read(at, part);
        else await disk.read(at / this.sectorSize, part);
        done += part.length;
      }
      this.pass(offset + target.length);
    });
  }

  extent(offset: number, length: number): Promise<{ readonly zeros: boolean; readonly length: number }> {
    return this.alone(async (disk) => {
      const unit = Math.floor(offset / UNIT);
      if (this.units.has(unit)) return { zeros: false, length: Math.min(length, (unit + 1) * UNIT - offset) };
      const now = await disk.extent(offset, length);
      // The disk may hold nothing any more where it held something.
      let end = offset + now.length;
      for (const other of this.units) if (other > unit && other * UNIT < end) end = other * UNIT;
      return { zeros: now.zeros, length: end - offset };
    });
  }

  /** The order is always the disk first, then the snapshot, as in a write: otherwise the two would wait for each other. */
  private alone<T>(action: (disk: SnapshotDisk) => Promise<T>): Promise<T> {
    return this.use((disk) =>
      this.mutex.run(() => {
        if (this.lost !== undefined) throw this.lost;
        return action(disk);
      }),
    );
  }

  private async keep(disk: SnapshotDisk, offset: number, end: number, zeroing: boolean): Promise<void> {
    for (let at = offset - (offset % UNIT); at < end;) {
      const unit = Math.floor(at / UNIT);
      const length = Math.min(UNIT, this.size - at);
      const extent = this.units.has(unit) ? undefined : await disk.extent(at, this.size - at);
      if (extent?.zeros && extent.length >= length && zeroing) {
        // A whole disk may be discarded: what is nothing and stays nothing is passed over at once.
        at += Math.max(1, Math.floor(extent.length / UNIT)) * UNIT;
        continue;
      }
      if (extent && !(extent.zeros && extent.length >= length)) {
        const part = new Uint8Array(length);
        await disk.read(at / this.sectorSize, part);
        await this.kept.write(at, part);
      }
      this.units.add(unit);
      at += UNIT;
    }
  }

  private pass(offset: number): void {
    this.passed = Math.max(this.passed, offset);
    for (const unit of this.units) if ((unit + 1) * UNIT <= this.passed) this.units.delete(unit);
  }
}
