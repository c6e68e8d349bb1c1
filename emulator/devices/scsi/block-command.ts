import { u16, u24, u32, u64 } from "./command";
import { CheckCondition, LOGICAL_BLOCK_ADDRESS_OUT_OF_RANGE } from "./sense";

/** The fields that block commands of all CDB sizes share (SBC-3, 4.2.2 and the commands' own clauses). */
export interface BlockRange {
  readonly lba: number;
  /** Logical blocks. */
  readonly count: number;
}

/** LBA and transfer length from a CDB of 6, 10, 12 or 16 bytes; the size follows from the operation code's group. */
export function blockRange(cdb: Uint8Array): BlockRange {
  const opcode = cdb[0] ?? 0;
  switch (opcode >>> 5) {
    case 0:
      // READ (6) and WRITE (6): 0 stands for 256 blocks.
      return { lba: u24(cdb, 1) & 0x1fffff, count: cdb[4] || 256 };
    case 1:
    case 2:
      return { lba: u32(cdb, 2), count: u16(cdb, 7) };
    case 4:
      return { lba: u64(cdb, 2), count: u32(cdb, 10) };
    default:
      return { lba: u32(cdb, 2), count: u32(cdb, 6) };
  }
}

/** Bit FUA of READ and WRITE (10), (12) and (16); (6) has none. */
export function forceUnitAccess(cdb: Uint8Array): boolean {
  return (cdb[0] ?? 0) >>> 5 !== 0 && ((cdb[1] ?? 0) & 0x08) !== 0;
}

/** Throws CheckCondition unless the range lies on a medium of `blocks` logical blocks. */
export function checkBlockRange({ lba, count }: BlockRange, blocks: number): void {
  // Both are below 2^64 as numbers; a sum that lost its low bits is still far beyond any medium.
  if (lba >= blocks || lba + count > blocks) throw new CheckCondition(LOGICAL_BLOCK_ADDRESS_OUT_OF_RANGE);
}
