import { type VhdxImage } from "./image";
import { MIB, PAYLOAD_BLOCK_FULLY_PRESENT, PAYLOAD_BLOCK_NOT_PRESENT, PAYLOAD_BLOCK_PARTIALLY_PRESENT } from "./format";
import { type VhdxDisk } from "./vhdx-disk";

/** Reads a disk's bytes by the states of its blocks ([MS-VHDX] 2.5.1.1), from this file, its parent, or nowhere. */
export class BlockReader {
  constructor(
    private readonly image: VhdxImage,
    private readonly parent: VhdxDisk | undefined,
  ) {}

  /** Whole sectors from a byte offset inside the disk. */
  async read(offset: number, target: Uint8Array): Promise<void> {
    const { blockSize } = this.image.metadata;
    for (let done = 0; done < target.length;) {
      const within = (offset + done) % blockSize;
      const length = Math.min(blockSize - within, target.length - done);
      await this.readInBlock(offset + done, target.subarray(done, done + length));
      done += length;
    }
  }

  /** As read, if nothing has to be waited for; false if it has to, or if that would take more of a look. */
  readNow(offset: number, target: Uint8Array): boolean {
    const { bat, geometry, metadata, store } = this.image;
    const { blockSize } = metadata;
    for (let done = 0; done < target.length;) {
      const within = (offset + done) % blockSize;
      const length = Math.min(blockSize - within, target.length - done);
      const part = target.subarray(done, done + length);
      const entry = geometry.payloadEntry(Math.floor((offset + done) / blockSize));
      const state = bat.state(entry);
      if (state === PAYLOAD_BLOCK_FULLY_PRESENT) {
        if (!store.readNow?.(bat.offsetMib(entry) * MIB + within, part)) return false;
      } else if (state === PAYLOAD_BLOCK_PARTIALLY_PRESENT) return false;
      else if (state === PAYLOAD_BLOCK_NOT_PRESENT && this.parent) {
        if (!this.readParentNow(offset + done, part)) return false;
      } else part.fill(0);
      done += length;
    }
    return true;
  }

  /** See VhdxDisk.extent. */
  async extent(offset: number, length: number): Promise<{ zeros: boolean; length: number }> {
    const { bat, geometry, metadata } = this.image;
    const block = Math.floor(offset / metadata.blockSize);
    const inBlock = Math.min(length, (block + 1) * metadata.blockSize - offset);
    const state = bat.state(geometry.payloadEntry(block));
    if (state === PAYLOAD_BLOCK_FULLY_PRESENT || state === PAYLOAD_BLOCK_PARTIALLY_PRESENT) {
      return { zeros: false, length: inBlock };
    }
    if (!this.parent) return { zeros: true, length: this.zeroRun(block, offset, length) };
    if (state !== PAYLOAD_BLOCK_NOT_PRESENT || offset >= this.parent.size) return { zeros: true, length: inBlock };
    return this.parent.extent(offset, Math.min(inBlock, this.parent.size - offset));
  }

  private zeroRun(block: number, offset: number, length: number): number {
    const { bat, geometry, metadata } = this.image;
    let next = block + 1;
    const end = Math.ceil((offset + length) / metadata.blockSize);
    while (next < end && bat.state(geometry.payloadEntry(next)) < PAYLOAD_BLOCK_FULLY_PRESENT) next++;
    return Math.min(length, next * metadata.blockSize - offset);
  }

  private async readInBlock(offset: number, target: Uint8Array): Promise<void> {
    const { bat, geometry, metadata, store, bitmaps } = this.image;
    const block = Math.floor(offset / metadata.blockSize);
    const entry = geometry.payloadEntry(block);
    const at = bat.offsetMib(entry) * MIB + (offset % metadata.blockSize);
    switch (bat.state(entry)) {
      case PAYLOAD_BLOCK_FULLY_PRESENT:
        return store.read(at, target);
      case PAYLOAD_BLOCK_NOT_PRESENT:
        return this.readParent(offset, target);
      case PAYLOAD_BLOCK_PARTIALLY_PRESENT: {
        const sectorSize = metadata.logicalSectorSize;
        for (let done = 0; done < target.length;) {
          const left = (target.length - done) / sectorSize;
          const { present, sectors } = await bitmaps.run((offset + done) / sectorSize, left);
          const part = target.subarray(done, done + sectors * sectorSize);
          if (present) await store.read(at + done, part);
          else await this.readParent(offset + done, part);
          done += part.length;
        }
        return;
      }
      default:
        target.fill(0);
    }
  }

  /** A child can be larger than its parent: what the parent does not have is zeros. */
  private async readParent(offset: number, target: Uint8Array): Promise<void> {
    const { parent } = this;
    const there = this.lengthInParent(offset, target.length);
    if (parent && there > 0) await parent.read(offset / parent.sectorSize, target.subarray(0, there));
    target.fill(0, there);
  }

  private readParentNow(offset: number, target: Uint8Array): boolean {
    const { parent } = this;
    const there = this.lengthInParent(offset, target.length);
    if (parent && there > 0 && !parent.readNow(offset / parent.sectorSize, target.subarray(0, there))) return false;
    target.fill(0, there);
    return true;
  }

  private lengthInParent(offset: number, length: number): number {
    return this.parent ? Math.max(0, Math.min(length, this.parent.size - offset)) : 0;
  }
}
