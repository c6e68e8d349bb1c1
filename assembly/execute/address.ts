// From an instruction's memory operand to a linear address: the offset by its address form, then the segment.
// In 64-bit mode only FS and GS have a base and nothing is checked but the canonical form, which the TLB does;
// elsewhere the segment's type and limit are checked (SDM volume 3, 6.3).

import {
  EA_64_ADDRESS_32,
  EA_BASED,
  EA_PLAIN,
  EA_RIP,
  EA_RIP_32,
  EA_RIP_BASED,
  EA_SEGMENTED_16,
  EA_SEGMENTED_32,
  OPF_ADDRESS_16,
  OPF_ADDRESS_32,
  OP_DISPLACEMENT,
  OP_EA,
  OP_INDEX,
  OP_RM,
  OP_SCALE,
  nextRip,
  opFlags,
} from "../decode/instruction";
import {
  CODE_MODE,
  FLAT_READ,
  FLAT_WRITE,
  FS,
  MODE_64,
  SEGMENTS,
  SEGMENT_ATTRIBUTES,
  SEGMENT_BASE,
  SEGMENT_FLAT,
  SEGMENT_LIMIT,
  SEGMENT_NULL,
  SEGMENT_STRIDE,
  PROTECTED,
  SS,
} from "../state";
import { EXCEPTION_GP, EXCEPTION_SS, raiseWithCode } from "../system/exceptions";

// @ts-ignore: decorator
@inline export function segmentState(segment: u32): u32 { return SEGMENTS + segment * SEGMENT_STRIDE; }
// @ts-ignore: decorator
@inline export function operandSegment(op: u32): u32 { return load<u8>(op, OP_EA) & 7; }
// @ts-ignore: decorator
@inline function eaKind(op: u32): u32 { return (load<u8>(op, OP_EA) >> 3) & 15; }

// @ts-ignore: decorator
@inline function offset64(op: u32): u64 {
  return (
    load<u64>(load<u16>(op, OP_RM)) +
    (load<u64>(load<u16>(op, OP_INDEX)) << load<u8>(op, OP_SCALE)) +
    <u64><i64>load<i32>(op, OP_DISPLACEMENT)
  );
}
// @ts-ignore: decorator
@inline function offset32(op: u32): u32 {
  return (
    load<u32>(load<u16>(op, OP_RM)) +
    (load<u32>(load<u16>(op, OP_INDEX)) << load<u8>(op, OP_SCALE)) +
    load<i32>(op, OP_DISPLACEMENT)
  );
}

/** Linear address of the memory operand for an access of `size` bytes; raises #GP(0) or #SS(0) by the segment. */
// @ts-ignore: decorator
@inline export function operandAddress(op: u32, size: u32, write: bool): u64 {
  if (eaKind(op) == EA_PLAIN) return offset64(op);
  return operandAddressSegmented(op, size, write);
}

function operandAddressSegmented(op: u32, size: u32, write: bool): u64 {
  const segment = operandSegment(op);
  const kind = eaKind(op);
  if (kind == EA_SEGMENTED_32) return segmentAddress(segment, offset32(op), size, write);
  return linearAddress(segment, effectiveOffset(op), size, write);
}

/** The offset alone, as LEA computes it: zero-extended from the address size. */
export function effectiveOffset(op: u32): u64 {
  switch (eaKind(op)) {
    case EA_PLAIN:
    case EA_BASED:
      return offset64(op);
    case EA_SEGMENTED_32:
    case EA_64_ADDRESS_32:
      return offset32(op);
    case EA_SEGMENTED_16:
      return offset32(op) & 0xffff;
    case EA_RIP:
    case EA_RIP_BASED:
      return nextRip(op) + <u64><i64>load<i32>(op, OP_DISPLACEMENT);
    case EA_RIP_32:
      return (nextRip(op) + <u64><i64>load<i32>(op, OP_DISPLACEMENT)) & 0xffffffff;
    default:
      return unreachable();
  }
}

/** Linear address of an offset in a segment, in any mode: for string, stack and system instructions. */
export function linearAddress(segment: u32, offset: u64, size: u32, write: bool): u64 {
  if (load<u32>(CODE_MODE) == MODE_64) {
    return segment >= FS ? load<u64>(segmentState(segment), SEGMENT_BASE) + offset : offset;
  }
  return segmentAddress(segment, <u32>offset, size, write);
}

/** Outside 64-bit mode: checks type and limit, adds the base, wraps at 4 GiB. */
export function segmentAddress(segment: u32, offset: u32, size: u32, write: bool): u64 {
  const state = segmentState(segment);
  if ((load<u32>(state, SEGMENT_FLAT) & (write ? FLAT_WRITE : FLAT_READ)) == 0) {
    if (!segmentAllows(state, offset, size, write)) raiseWithCode(segment == SS ? EXCEPTION_SS : EXCEPTION_GP, 0);
  }
  return (load<u64>(state, SEGMENT_BASE) + offset) & 0xffffffff;
}

/** SDM volume 3, 6.3 and 6.5: null selectors, type, limit of expand-up and expand-down segments. */
function segmentAllows(state: u32, offset: u32, size: u32, write: bool): bool {
  if (load<u32>(state, SEGMENT_NULL) != 0) return false;
  const attributes = load<u32>(state, SEGMENT_ATTRIBUTES);
  const limit = load<u32>(state, SEGMENT_LIMIT);
  const code = (attributes & 8) != 0;
  if (load<u32>(PROTECTED) != 0) {
    // Bit 1: a writable data segment, a readable code segment.
    if (write ? code || (attributes & 2) == 0 : code && (attributes & 2) == 0) return false;
  }
  const last = <u64>offset + size - 1;
  if (!code && (attributes & 4) != 0) {
    const top: u64 = (attributes & 0x4000) != 0 ? 0xffffffff : 0xffff;
    return offset > limit && last <= top;
  }
  return last <= limit;
}

/** Bytes of an address in this instruction: 2, 4 or 8 (string instructions, LOOP, MOFFS). */
// @ts-ignore: decorator
@inline export function addressSize(op: u32): u32 {
  const flags = opFlags(op);
  return (flags & OPF_ADDRESS_32) != 0 ? 4 : (flags & OPF_ADDRESS_16) != 0 ? 2 : 8;
}
