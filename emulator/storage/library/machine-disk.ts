import { ConfigurationError } from "../../machine-types";
import { requestOffset } from "../disk";
import { ExchangeableDisk } from "../exchangeable-disk";
import { Snapshot } from "../snapshot";
import { type VhdxDisk } from "../vhdx/vhdx-disk";
import { deleteCheckpointBelow, makeCheckpoint } from "./checkpoints";
import { type DiskLibrary } from "./disk-library";
import { type Job } from "./job";

/** What a guest wrote and does not flush is written out so soon after. */
const WRITE_OUT_MS = 500;

/**
 * A disk of the library that a machine has. Some guests never flush, at `sync` neither (2.6.32's ext4 without a
 * journal): like a drive, this writes out by itself what it was given, so that a tab can be closed a moment later.
 */
export class MachineDisk extends ExchangeableDisk<VhdxDisk> {
  /** Told when that fails: a guest that never flushes does not hear of it. */
  onWriteOutFailed: ((error: unknown) => void) | undefined;
  private snapshot: Snapshot | undefined;
  private inSnapshot = false;
  private deleting = false;
  private writingOut: ReturnType<typeof setTimeout> | undefined;

  constructor(
    image: VhdxDisk,
    readonly name: string,
    private readonly library: DiskLibrary,
    private readonly release: () => void,
  ) {
    super(image);
  }

  /** Changes the size, in bytes; the machine must be told. */
  async resize(size: number): Promise<void> {
    if (this.inSnapshot)
      throw new ConfigurationError(`the disk '${this.name}' is being exported; resize it afterwards`);
    await this.use((image) => image.resize(size));
  }

  /** Keeps what the disk holds now, to go back to; the machine goes on with it. */
  async checkpoint(label?: string): Promise<void> {
    await this.betweenRequests(() => makeCheckpoint(this.library, this.name, label));
  }

  /** Deletes a checkpoint below the last one; the machine goes on. */
  async deleteCheckpoint(number: number, job: Job): Promise<void> {
    if (this.deleting) throw new ConfigurationError(`a checkpoint of '${this.name}' is being deleted already`);
    this.deleting = true;
    try {
      const { library, name } = this;
      await deleteCheckpointBelow(library, name, number, job, (settle) => this.betweenRequests(settle));
    } finally {
      this.deleting = false;
    }
  }

  /** Runs an action that changes the disk's files, but not what the disk shows, whether it fails or not. */
  private async betweenRequests(action: () => Promise<void>): Promise<void> {
    let failure: unknown;
    await this.exchange(async (image) => {
      await image.close();
      await action().catch((error: unknown) => (failure = error));
      return this.library.openFile(this.name);
    });
    if (failure) throw failure;
  }

  /**
   * Has `use` read what the disk holds now, once and from begin to end, while the machine goes on. What the machine
   * overwrites meanwhile is kept in a temporary file; the disk's own files are not touched. What the guest has not
   * written to the disk yet is not in it, as if it lost its power now.
   */
  async withSnapshot(use: (snapshot: Snapshot, image: VhdxDisk) => Promise<void>): Promise<void> {
    if (this.inSnapshot) throw new ConfigurationError(`the disk '${this.name}' is being exported already`);
    this.inSnapshot = true;
    try {
      await this.library.throughTemporary(
        async (kept) => {
          await kept.resize(this.size);
          const snapshot = new Snapshot(kept.size, this.sectorSize, (action) => this.use(action), kept);
          let image: VhdxDisk | undefined;
          // What is under way comes to its end before the snapshot, and what comes later keeps what it changes.
          await this.exchange(async (same) => {
            this.snapshot = snapshot;
            return (image = same);
          });
          try {
            await use(snapshot, image!);
          } finally {
            await this.endSnapshot();
          }
        },
        async () => undefined,
      );
    } finally {
      this.inSnapshot = false;
    }
  }

  /** Once nothing is being kept any more; a disk that is closed, or lost, has nobody who would. */
  private async endSnapshot(): Promise<void> {
    const end = async (image: VhdxDisk): Promise<VhdxDisk> => {
      this.snapshot = undefined;
      return image;
    };
    await this.exchange(end).catch(() => (this.snapshot = undefined));
  }

  override async write(lba: number, source: Uint8Array): Promise<void> {
    await this.change(lba, source.length, false, (image) => image.write(lba, source));
  }

  override async writeZeros(lba: number, sectors: number): Promise<void> {
    await this.change(lba, sectors * this.sectorSize, true, (image) => image.writeZeros(lba, sectors));
  }

  override async trim(lba: number, sectors: number): Promise<void> {
    await this.change(lba, sectors * this.sectorSize, true, (image) => image.trim(lba, sectors));
  }

  override async close(): Promise<void> {
    clearTimeout(this.writingOut);
    try {
      await super.close();
    } finally {
      this.release();
    }
  }

  private async change(
    lba: number,
    length: number,
    zeroing: boolean,
    action: (image: VhdxDisk) => Promise<void>,
  ): Promise<void> {
    await this.use(async (image) => {
      const offset = requestOffset(image, lba, length);
      await this.snapshot?.beforeChange(image, offset, length, zeroing);
      await action(image);
    });
    this.writeOutSoon();
  }

  private writeOutSoon(): void {
    this.writingOut ??= setTimeout(() => {
      this.writingOut = undefined;
      this.flush().catch((error: unknown) => this.onWriteOutFailed?.(error));
    }, WRITE_OUT_MS);
  }
}
