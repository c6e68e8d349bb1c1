import { ExchangeableDisk } from "../exchangeable-disk";
import { type VhdxDisk } from "../vhdx/vhdx-disk";
import { type DiskLibrary } from "./disk-library";

/** What a guest wrote and does not flush is written out so soon after. */
const WRITE_OUT_MS = 500;

/**
 * A disk of the library that a machine has. Some guests never flush, at `sync` neither (2.6.32's ext4 without a
 * journal): like a drive, this writes out by itself what it was given, so that a tab can be closed a moment later.
 */
export class MachineDisk extends ExchangeableDisk<VhdxDisk> {
  /** Told when that fails: a guest that never flushes does not hear of it. */
  onWriteOutFailed: ((error: unknown) => void) | undefined;
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
    await this.use((image) => image.resize(size));
  }

  /** Keeps what the disk holds now, to go back to; the machine goes on with it. */
  async checkpoint(): Promise<void> {
    let failure: unknown;
    await this.exchange(async (image) => {
      await image.close();
      await this.library.makeCheckpoint(this.name).catch((error: unknown) => (failure = error));
      // With or without a checkpoint, the disk shows the same.
      return this.library.openFile(this.name);
    });
    if (failure) throw failure;
  }

  override async write(lba: number, source: Uint8Array): Promise<void> {
    await super.write(lba, source);
    this.writeOutSoon();
  }

  override async writeZeros(lba: number, sectors: number): Promise<void> {
    await super.writeZeros(lba, sectors);
    this.writeOutSoon();
  }

  override async close(): Promise<void> {
    clearTimeout(this.writingOut);
    try {
      await super.close();
    } finally {
      this.release();
    }
  }

  private writeOutSoon(): void {
    this.writingOut ??= setTimeout(() => {
      this.writingOut = undefined;
      this.flush().catch((error: unknown) => this.onWriteOutFailed?.(error));
    }, WRITE_OUT_MS);
  }
}
