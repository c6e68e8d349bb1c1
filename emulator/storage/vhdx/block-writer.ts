import { type Room, type VhdxImage } from "./image";
import {
  MIB,
  PAYLOAD_BLOCK_FULLY_PRESENT,
  PAYLOAD_BLOCK_NOT_PRESENT,
  PAYLOAD_BLOCK_PARTIALLY_PRESENT,
  PAYLOAD_BLOCK_ZERO,
} from "./format";

type RunAlone = (action: () => Promise<void>) => Promise<void>;

const ZEROS = new Uint8Array(64 * 1024);

/**
 * Writes a disk's bytes. Content always goes to the file before the metadata that shows it, and a block that was given
 * up is used again only when no metadata on the medium names it.
 */
export class BlockWriter {
  constructor(private readonly image: VhdxImage) {}

  /** Whole sectors at a byte offset inside the disk; changes of metadata go through `alone`. */
  async write(offset: number, source: Uint8Array, alone: RunAlone): Promise<void> {
    const { blockSize } = this.image.metadata;
    for (let done = 0; done < source.length;) {
      const at = offset + done;
      const length = Math.min(blockSize - (at % blockSize), source.length - done);
      const part = source.subarray(done, done + length);
      if (this.stateAt(at) === PAYLOAD_BLOCK_FULLY_PRESENT) await this.overwrite(at, part);
      else await alone(() => this.writeChangingMetadata(at, part));
      done += length;
    }
  }

  /** As write, if nothing has to be waited for and no metadata changes; after false, `write` of the same must follow. */
  overwriteNow(offset: number, source: Uint8Array): boolean {
    const { bat, geometry, metadata, store } = this.image;
    const { blockSize } = metadata;
    for (let done = 0; done < source.length;) {
      const within = (offset + done) % blockSize;
      const length = Math.min(blockSize - within, source.length - done);
      const entry = geometry.payloadEntry(Math.floor((offset + done) / blockSize));
      if (bat.state(entry) !== PAYLOAD_BLOCK_FULLY_PRESENT) return false;
      const at = bat.offsetMib(entry) * MIB + within;
      if (!store.writeNow?.(at, source.subarray(done, done + length))) return false;
      this.image.touched = true;
      done += length;
    }
    return true;
  }

  /**
   * Makes a range of whole sectors zeros: whole blocks are given up, and of the others, when `exact`, the bytes are
   * cleared. Needs the disk for itself.
   */
  async clear(offset: number, length: number, exact: boolean): Promise<void> {
    const { blockSize, virtualDiskSize, leaveBlockAllocated } = this.image.metadata;
    for (let done = 0; done < length;) {
      const at = offset + done;
      const inBlock = Math.min(blockSize - (at % blockSize), length - done);
      // The disk's last block may be cut.
      const whole = at % blockSize === 0 && (inBlock === blockSize || at + inBlock === virtualDiskSize);
      if (whole && !leaveBlockAllocated) this.giveUp(at);
      else if (exact) await this.clearInBlock(at, inBlock);
      await this.image.flushIfFull();
      done += inBlock;
    }
  }

  private stateAt(offset: number): number {
    const { bat, geometry, metadata } = this.image;
    return bat.state(geometry.payloadEntry(Math.floor(offset / metadata.blockSize)));
  }

  private async overwrite(offset: number, part: Uint8Array): Promise<void> {
    const { bat, geometry, metadata, store } = this.image;
    const entry = geometry.payloadEntry(Math.floor(offset / metadata.blockSize));
    await store.write(bat.offsetMib(entry) * MIB + (offset % metadata.blockSize), part);
    this.image.touched = true;
  }

  private async writeChangingMetadata(offset: number, part: Uint8Array): Promise<void> {
    const state = this.stateAt(offset);
    // While this write waited, another one may have made the block.
    if (state === PAYLOAD_BLOCK_FULLY_PRESENT) return this.overwrite(offset, part);
    if (state === PAYLOAD_BLOCK_PARTIALLY_PRESENT) await this.writePartly(offset, part);
    else if (state === PAYLOAD_BLOCK_NOT_PRESENT && this.image.metadata.hasParent) await this.addToChild(offset, part);
    else await this.addBlock(offset, part);
    await this.image.flushIfFull();
  }

  private async writePartly(offset: number, part: Uint8Array): Promise<void> {
    const sectorSize = this.image.metadata.logicalSectorSize;
    await this.overwrite(offset, part);
    const [sector, count] = [offset / sectorSize, part.length / sectorSize];
    const { present, sectors } = await this.image.bitmaps.run(sector, count);
    if (!present || sectors < count) await this.image.bitmaps.mark(sector, count, true);
  }

  /** A block that a differencing image does not have yet: it holds these sectors, the others stay the parent's. */
  private async addToChild(offset: number, part: Uint8Array): Promise<void> {
    const { image } = this;
    const { blockSize, logicalSectorSize, virtualDiskSize } = image.metadata;
    const within = offset % blockSize;
    const begin = offset - within;
    if (part.length === Math.min(blockSize, virtualDiskSize - begin)) return this.addBlock(offset, part);
    const block = begin / blockSize;
    await image.needBitmapBlock(Math.floor(block / image.geometry.chunkRatio));
    await this.withRoom(block, async (room) => {
      await image.store.write(room.offsetMib * MIB + within, part);
      // What the bits of a block that is not present say means nothing.
      await image.bitmaps.mark(begin / logicalSectorSize, blockSize / logicalSectorSize, false);
      await image.bitmaps.mark(offset / logicalSectorSize, part.length / logicalSectorSize, true);
      image.bat.set(image.geometry.payloadEntry(block), PAYLOAD_BLOCK_PARTIALLY_PRESENT, room.offsetMib);
    });
  }

  /** A block that reads as zeros so far. */
  private async addBlock(offset: number, part: Uint8Array): Promise<void> {
    const { image } = this;
    const { blockSize } = image.metadata;
    const within = offset % blockSize;
    const block = (offset - within) / blockSize;
    await this.withRoom(block, async (room) => {
      const begin = room.offsetMib * MIB;
      if (!room.fresh) {
        const end = Math.min(begin + blockSize, image.store.size);
        await image.store.zero(begin, within);
        await image.store.zero(begin + within + part.length, Math.max(0, end - begin - within - part.length));
      }
      await image.store.write(begin + within, part);
      image.bat.set(image.geometry.payloadEntry(block), PAYLOAD_BLOCK_FULLY_PRESENT, room.offsetMib);
    });
  }

  /** Room for a block: the one that it kept, or new room, which is given back when `fill` fails. */
  private async withRoom(block: number, fill: (room: Room) => Promise<void>): Promise<void> {
    const { image } = this;
    const kept = image.bat.offsetMib(image.geometry.payloadEntry(block));
    const room = kept === 0 ? await image.allocate(image.blockMib) : { offsetMib: kept, fresh: false };
    try {
      await fill(room);
    } catch (error) {
      if (kept === 0) image.unallocate(room, image.blockMib);
      throw error;
    }
  }

  private giveUp(offset: number): void {
    const { image } = this;
    const { bat, geometry, metadata } = image;
    const entry = geometry.payloadEntry(offset / metadata.blockSize);
    const state = bat.state(entry);
    const kept = bat.offsetMib(entry);
    // Without a parent, what is not present is zeros already.
    const zeros = state === PAYLOAD_BLOCK_ZERO || (state === PAYLOAD_BLOCK_NOT_PRESENT && !metadata.hasParent);
    if (zeros && kept === 0) return;
    bat.set(entry, metadata.hasParent ? PAYLOAD_BLOCK_ZERO : PAYLOAD_BLOCK_NOT_PRESENT, 0);
    if (kept !== 0) image.release(kept, Math.min(image.blockMib, image.space.end - kept));
  }

  private async clearInBlock(offset: number, length: number): Promise<void> {
    const { bat, geometry, metadata, store } = this.image;
    const state = this.stateAt(offset);
    if (state === PAYLOAD_BLOCK_FULLY_PRESENT) {
      const entry = geometry.payloadEntry(Math.floor(offset / metadata.blockSize));
      await store.zero(bat.offsetMib(entry) * MIB + (offset % metadata.blockSize), length);
      this.image.touched = true;
      return;
    }
    const inherits = state === PAYLOAD_BLOCK_PARTIALLY_PRESENT || state === PAYLOAD_BLOCK_NOT_PRESENT;
    if (!metadata.hasParent || !inherits) return;
    for (let done = 0; done < length; done += ZEROS.length) {
      await this.writeChangingMetadata(offset + done, ZEROS.subarray(0, Math.min(ZEROS.length, length - done)));
    }
  }
}
