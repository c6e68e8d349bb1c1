import { StorageError } from "./block/block-store";
import { type Disk } from "./disk";
import { SharedLock } from "./vhdx/async-lock";

/** A disk whose image can be exchanged for another one that shows the same, while a machine uses it. */
export class ExchangeableDisk<Image extends Disk = Disk> implements Disk {
  private readonly lock = new SharedLock();
  private failed: StorageError | undefined;

  constructor(private image: Image) {}

  get sectorSize(): number {
    return this.image.sectorSize;
  }

  get physicalSectorSize(): number {
    return this.image.physicalSectorSize;
  }

  get size(): number {
    return this.image.size;
  }

  get readOnly(): boolean {
    return this.image.readOnly;
  }

  get canTrim(): boolean {
    return this.image.canTrim;
  }

  get trimGranularity(): number {
    return this.image.trimGranularity;
  }

  get identity(): Uint8Array | undefined {
    return this.image.identity;
  }

  read(lba: number, target: Uint8Array): Promise<void> {
    return this.use((image) => image.read(lba, target));
  }

  write(lba: number, source: Uint8Array): Promise<void> {
    return this.use((image) => image.write(lba, source));
  }

  readNow(lba: number, target: Uint8Array): boolean {
    return this.useNow((image) => image.readNow?.(lba, target));
  }

  writeNow(lba: number, source: Uint8Array): boolean {
    return this.useNow((image) => image.writeNow?.(lba, source));
  }

  writeZeros(lba: number, sectors: number): Promise<void> {
    return this.use((image) => image.writeZeros(lba, sectors));
  }

  trim(lba: number, sectors: number): Promise<void> {
    return this.use((image) => image.trim(lba, sectors));
  }

  flush(): Promise<void> {
    return this.use((image) => image.flush());
  }

  private useNow(action: (image: Image) => boolean | undefined): boolean {
    return this.lock.openToShared && !this.failed && (action(this.image) ?? false);
  }

  /** Does something with the image beside the machine's requests. */
  use<T>(action: (image: Image) => Promise<T>): Promise<T> {
    return this.lock.runShared(() => {
      if (this.failed) throw this.failed;
      return action(this.image);
    });
  }

  /**
   * Waits for the requests that are under way, and keeps later ones waiting until `exchange` has made another image out
   * of this one. When it fails, the disk fails from then on.
   */
  exchange(exchange: (image: Image) => Promise<Image>): Promise<void> {
    return this.lock.runExclusive(async () => {
      if (this.failed) throw this.failed;
      try {
        this.image = await exchange(this.image);
      } catch (error) {
        this.failed = new StorageError(`the disk was lost: ${error instanceof Error ? error.message : String(error)}`);
        throw error;
      }
    });
  }

  /** Closes the image once no request is under way. */
  close(): Promise<void> {
    return this.lock.runExclusive(async () => {
      if (this.failed) return;
      this.failed = new StorageError("the disk is closed");
      await this.image.close();
    });
  }
}
