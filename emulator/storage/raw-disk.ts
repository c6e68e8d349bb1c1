import { ConfigurationError } from "../machine-types";
import { type BlockStore } from "./block/block-store";
import { type Disk, requestOffset } from "./disk";

/** A disk whose sectors lie one after the other in a store: a raw image, or an ISO image with sectors of 2048 bytes. */
export class RawDisk implements Disk {
  readonly identity = undefined;
  readonly size: number;
  readonly physicalSectorSize: number;

  /** Throws ConfigurationError unless the store holds whole sectors. */
  constructor(
    readonly store: BlockStore,
    readonly sectorSize: 512 | 2048 | 4096 = 512,
    readonly readOnly = store.readOnly,
  ) {
    if (store.size === 0 || store.size % sectorSize !== 0) {
      throw new ConfigurationError(`the image has ${store.size} bytes; it must have whole sectors of ${sectorSize}`);
    }
    this.size = store.size;
    this.physicalSectorSize = sectorSize === 512 ? 4096 : sectorSize;
  }

  get canTrim(): boolean {
    return this.store.sparse && !this.readOnly;
  }

  get trimGranularity(): number {
    return this.sectorSize;
  }

  async read(lba: number, target: Uint8Array): Promise<void> {
    await this.store.read(requestOffset(this, lba, target.length), target);
  }

  async write(lba: number, source: Uint8Array): Promise<void> {
    await this.store.write(requestOffset(this, lba, source.length), source);
  }

  readNow(lba: number, target: Uint8Array): boolean {
    return this.store.readNow?.(requestOffset(this, lba, target.length), target) ?? false;
  }

  writeNow(lba: number, source: Uint8Array): boolean {
    return this.store.writeNow?.(requestOffset(this, lba, source.length), source) ?? false;
  }

  async writeZeros(lba: number, sectors: number): Promise<void> {
    const length = sectors * this.sectorSize;
    await this.store.zero(requestOffset(this, lba, length), length);
  }

  async trim(lba: number, sectors: number): Promise<void> {
    if (this.canTrim) await this.writeZeros(lba, sectors);
  }

  async flush(): Promise<void> {
    if (!this.readOnly) await this.store.commit();
  }

  async close(): Promise<void> {
    await this.flush();
    await this.store.close();
  }
}
