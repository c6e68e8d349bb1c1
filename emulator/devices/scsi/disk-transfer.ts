import { StorageError, StorageFullError } from "../../storage/block/block-store";
import type { Disk } from "../../storage/disk";
import { blockRange, type BlockRange, checkBlockRange, forceUnitAccess } from "./block-command";
import { type ScsiCommand, type ScsiReply, dataReply, good, u16, u32, u64 } from "./command";
import { WRITE_SAME_16 } from "./opcodes";
import type { OverlapOrder } from "./overlap-order";
import {
  CheckCondition,
  INVALID_FIELD_IN_CDB,
  INVALID_FIELD_IN_PARAMETER_LIST,
  PARAMETER_LIST_LENGTH_ERROR,
  type Sense,
  SPACE_ALLOCATION_FAILED,
  UNRECOVERED_READ_ERROR,
  WRITE_ERROR,
  WRITE_PROTECTED,
} from "./sense";

/** The largest READ or WRITE, bytes (VPD page B0h tells it). */
export const MAXIMUM_TRANSFER_BYTES = 8 << 20;
/** The longest WRITE SAME, bytes. */
export const MAXIMUM_WRITE_SAME_BYTES = 64 << 20;
/** Ranges of one UNMAP. */
export const MAXIMUM_UNMAP_DESCRIPTORS = 256;
/** A pattern is written in pieces of at most this, bytes. */
const PATTERN_PIECE_BYTES = 1 << 20;

/** The commands of a disk that move data or change it. Each checks everything before its first host I/O. */
export class DiskTransfer {
  constructor(
    private readonly disk: Disk,
    private readonly order: OverlapOrder,
    /** Told of what went wrong on the host's side. */
    private readonly onError: (error: unknown) => void,
  ) {}

  get blocks(): number {
    return Math.floor(this.disk.size / this.disk.sectorSize);
  }

  /** READ of any size. */
  read(command: ScsiCommand): ScsiReply | Promise<ScsiReply> {
    const range = this.checked(command, command.dataInLength);
    if (range.count === 0) return good();
    const data = command.room(range.count * this.disk.sectorSize);
    if (this.atOnce(command, range, false, () => this.disk.readNow?.(range.lba, data))) return dataReply(command, data);
    return this.run(range, false, UNRECOVERED_READ_ERROR, async () => {
      await this.disk.read(range.lba, data);
      return dataReply(command, data);
    });
  }

  /** WRITE of any size; FUA is a write with a flush after it. */
  write(command: ScsiCommand): ScsiReply | Promise<ScsiReply> {
    const range = this.checked(command, command.dataOutLength);
    this.checkWritable();
    if (range.count === 0) return good();
    const data = command.dataOut(0, range.count * this.disk.sectorSize);
    const durable = forceUnitAccess(command.cdb);
    const now = (): boolean | undefined => this.disk.writeNow?.(range.lba, data);
    if (!durable && this.atOnce(command, range, true, now)) return good(data.length);
    return this.run(range, true, WRITE_ERROR, async () => {
      await this.disk.write(range.lba, data);
      if (durable) await this.disk.flush();
      return good(data.length);
    });
  }

  /** VERIFY without data to compare: the range is there. */
  verify(command: ScsiCommand): ScsiReply {
    // BYTCHK.
    if (((command.cdb[1] ?? 0) & 0x06) !== 0) throw new CheckCondition(INVALID_FIELD_IN_CDB);
    checkBlockRange(blockRange(command.cdb), this.blocks);
    return good();
  }

  /** SYNCHRONIZE CACHE: the range does not matter, all that was written is made durable. */
  flush(): Promise<ScsiReply> {
    return this.guard(WRITE_ERROR, async () => {
      await this.disk.flush();
      return good();
    });
  }

  /** WRITE SAME (10) and (16), with and without UNMAP and NDOB. */
  writeSame(command: ScsiCommand): ScsiReply | Promise<ScsiReply> {
    const { cdb } = command;
    const range = blockRange(cdb);
    const flags = cdb[1] ?? 0;
    const { sectorSize } = this.disk;
    const noDataOut = cdb[0] === WRITE_SAME_16 && (flags & 0x01) !== 0;
    // ANCHOR, and 0 blocks as "to the end" (page B0h says WSNZ).
    if ((flags & 0x10) !== 0 || range.count === 0) throw new CheckCondition(INVALID_FIELD_IN_CDB);
    checkBlockRange(range, this.blocks);
    this.checkWritable();
    if (range.count > MAXIMUM_WRITE_SAME_BYTES / sectorSize) throw new CheckCondition(INVALID_FIELD_IN_CDB);
    if (!noDataOut && command.dataOutLength < sectorSize) throw new CheckCondition(INVALID_FIELD_IN_CDB);
    const block = noDataOut ? new Uint8Array(sectorSize) : command.dataOut(0, sectorSize);
    const transferred = noDataOut ? 0 : sectorSize;
    return this.run(range, true, WRITE_ERROR, async () => {
      if (block.every((byte) => byte === 0)) await this.disk.writeZeros(range.lba, range.count);
      else await this.writePattern(range, block);
      return good(transferred);
    });
  }

  /** UNMAP: header of 8 bytes, then descriptors of 16 (SBC-3, 5.28). */
  unmap(command: ScsiCommand): ScsiReply | Promise<ScsiReply> {
    const { cdb } = command;
    const length = u16(cdb, 7);
    if (!this.disk.canTrim || ((cdb[1] ?? 0) & 0x01) !== 0) throw new CheckCondition(INVALID_FIELD_IN_CDB);
    this.checkWritable();
    if (length === 0) return good();
    if (length < 8 || length > command.dataOutLength) throw new CheckCondition(PARAMETER_LIST_LENGTH_ERROR);
    const list = command.dataOut(0, length);
    // A descriptor that is not whole is ignored, as the standard says.
    const count = Math.floor(Math.min(u16(list, 2), length - 8) / 16);
    if (count > MAXIMUM_UNMAP_DESCRIPTORS) throw new CheckCondition(INVALID_FIELD_IN_PARAMETER_LIST);
    const ranges: BlockRange[] = [];
    for (let at = 8; ranges.length < count; at += 16) ranges.push({ lba: u64(list, at), count: u32(list, at + 8) });
    for (const range of ranges) checkBlockRange(range, this.blocks);
    return this.guard(WRITE_ERROR, async () => {
      await Promise.all(
        ranges
          .filter((range) => range.count > 0)
          .map((range) => this.order.run(range, true, () => this.disk.trim(range.lba, range.count))),
      );
      return good(length);
    });
  }

  private async writePattern({ lba, count }: BlockRange, block: Uint8Array): Promise<void> {
    const each = Math.min(count, Math.max(1, Math.floor(PATTERN_PIECE_BYTES / block.length)));
    const piece = new Uint8Array(each * block.length);
    for (let at = 0; at < piece.length; at += block.length) piece.set(block, at);
    for (let done = 0; done < count; done += each) {
      const blocks = Math.min(each, count - done);
      await this.disk.write(lba + done, piece.subarray(0, blocks * block.length));
    }
  }

  /** The range of a READ or WRITE, on the medium and not longer than the initiator's buffer. */
  private checked({ cdb }: ScsiCommand, bufferLength: number): BlockRange {
    const range = blockRange(cdb);
    checkBlockRange(range, this.blocks);
    const length = range.count * this.disk.sectorSize;
    if (length > MAXIMUM_TRANSFER_BYTES || length > bufferLength) throw new CheckCondition(INVALID_FIELD_IN_CDB);
    return range;
  }

  private checkWritable(): void {
    if (this.disk.readOnly) throw new CheckCondition(WRITE_PROTECTED);
  }

  /** Does what need not be waited for. False if `run` is the way, which meets and tells what went wrong here, too. */
  private atOnce(command: ScsiCommand, range: BlockRange, writes: boolean, action: () => boolean | undefined): boolean {
    if (!command.atOnce || !this.order.isFree(range, writes)) return false;
    try {
      return action() === true;
    } catch {
      return false;
    }
  }

  private run(
    range: BlockRange,
    writes: boolean,
    otherwise: Sense,
    action: () => Promise<ScsiReply>,
  ): Promise<ScsiReply> {
    return this.guard(otherwise, () => this.order.run(range, writes, action));
  }

  private async guard(otherwise: Sense, action: () => Promise<ScsiReply>): Promise<ScsiReply> {
    try {
      return await action();
    } catch (error) {
      this.onError(error);
      if (error instanceof StorageFullError) throw new CheckCondition(SPACE_ALLOCATION_FAILED);
      if (error instanceof StorageError) throw new CheckCondition(otherwise);
      throw error;
    }
  }
}
