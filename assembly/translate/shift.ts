// Shifts in translated code: SHL SHR SAR and, of 32 and 64 bits, SHLD and SHRD. As execute/shift.ts has them: counts
// are taken modulo 32, or 64 for 64-bit operands; OF follows the formula for a count of 1 whatever the count.

import { OP_CODE, immediate, modrmReg } from "../decode/instruction";
import { RCX } from "../state";
import { KIND_UNKNOWN, LOCAL_A, LOCAL_B, LOCAL_FLAG_A, LOCAL_FLAG_RESULT, LOCAL_RESULT, setFlagKind } from "./context";
import { flushFlags, noteKind, signExtend, writeKind } from "./flags";
import { sizeOf } from "./integer";
import { flagsAreDead } from "./liveness";
import { canRm, mask, pushReg, pushRegister, pushRmForModification, storeRmModified } from "./operands";
import { emitRotate, emitRotateThroughCarry } from "./rotate";
import { KIND_RAW } from "./support";
import {
  END,
  I64_AND,
  I64_EQZ,
  I64_OR,
  I64_SHL,
  I64_SHR_S,
  I64_SHR_U,
  I64_SUB,
  I64_XOR,
  I32_EQZ,
  IF,
  TYPE_VOID,
  byte,
  i64Const,
  localGet,
  localSet,
} from "./wasm";

const SHR: u32 = 5;
const SAR: u32 = 7;

/** The count is in CL. */
export const COUNT_IN_CL: u32 = 0xffffffff;

/** The count of a shift or rotate, or COUNT_IN_CL. */
function countOf(op: u32, size: u32): u32 {
  const code: u32 = load<u16>(op, OP_CODE);
  if (code == 0xd2 || code == 0xd3 || code == 0x1a5 || code == 0x1ad) return COUNT_IN_CL;
  return code == 0xd0 || code == 0xd1 ? 1 : <u32>immediate(op) & (size == 3 ? 63 : 31);
}

/** C0, C1, D0, D1, D2, D3. */
export function emitShift(op: u32): bool {
  const size = sizeOf(op);
  const operation = modrmReg(op);
  const count = countOf(op, size);
  if (count == 0 || !canRm(op, true)) return false;
  if (operation < 2) {
    emitRotate(op, operation == 1, count, size);
    return true;
  }
  if (operation < 4) return count == 1 && emitRotateThroughCarry(op, operation == 3, size);
  const dead = flagsAreDead();
  pushRmForModification(op, size);
  if (operation == SAR) signExtend(size);
  localSet(LOCAL_A);
  pushCount(count, size);
  localSet(LOCAL_B);
  localGet(LOCAL_A);
  pushCountAgain(count);
  byte(operation == SHR ? I64_SHR_U : operation == SAR ? I64_SHR_S : I64_SHL);
  mask(size);
  localSet(LOCAL_RESULT);
  storeRmModified(op, size);
  if (dead) return true;
  beginFlags(count);
  if (operation == SHR || operation == SAR) pushLastOutRight();
  else pushLastOutLeft(size);
  localSet(LOCAL_B);
  // Left: OF is the top bit xor the carry, so that the carry xor OF is the top bit. SHR: OF is the old top bit. SAR: 0.
  if (operation == SAR) localGet(LOCAL_B);
  else if (operation == SHR) {
    pushTopBit(LOCAL_A, size);
    localGet(LOCAL_B);
    byte(I64_XOR);
  } else pushTopBit(LOCAL_RESULT, size);
  endFlags(count, size);
  return true;
}

/** Pushes the count (i64). */
export function pushCount(count: u32, size: u32): void {
  if (count != COUNT_IN_CL) {
    i64Const(count);
    return;
  }
  pushRegister(RCX, 0);
  i64Const(size == 3 ? 63 : 31);
  byte(I64_AND);
}

/** The same, once LOCAL_B has it: constants stay constants. */
export function pushCountAgain(count: u32): void {
  if (count == COUNT_IN_CL) localGet(LOCAL_B);
  else i64Const(count);
}

/** By CL, flags change only if the count, LOCAL_B, is not zero. */
export function beginFlags(count: u32): void {
  if (count != COUNT_IN_CL) return;
  flushFlags();
  localGet(LOCAL_B);
  byte(I64_EQZ);
  byte(I32_EQZ);
  byte(IF);
  byte(TYPE_VOID);
}

/** The last bit that a shift of LOCAL_A by LOCAL_B, not 0, moved out. */
function pushLastOutRight(): void {
  localGet(LOCAL_A);
  localGet(LOCAL_B);
  i64Const(1);
  byte(I64_SUB);
  byte(I64_SHR_U);
  i64Const(1);
  byte(I64_AND);
}
function pushLastOutLeft(size: u32): void {
  localGet(LOCAL_A);
  if (size < 2) {
    // Counts may pass the width: nothing but zeros came out.
    localGet(LOCAL_B);
    byte(I64_SHL);
    i64Const(8 << size);
  } else {
    i64Const(8 << size);
    localGet(LOCAL_B);
    byte(I64_SUB);
  }
  byte(I64_SHR_U);
  i64Const(1);
  byte(I64_AND);
}

/** Pushes (i64) the top bit of a local that is zero-extended from a width. */
export function pushTopBit(local: u32, size: u32): void {
  localGet(local);
  i64Const((8 << size) - 1);
  byte(I64_SHR_U);
}

/** All flags: of LOCAL_RESULT, the carry in LOCAL_B, and the carry xor OF, which is popped. AF is clear. */
function endFlags(count: u32, size: u32): void {
  i64Const(62);
  byte(I64_SHL);
  localGet(LOCAL_B);
  i64Const(63);
  byte(I64_SHL);
  byte(I64_OR);
  localSet(LOCAL_FLAG_A);
  localGet(LOCAL_RESULT);
  signExtend(size);
  localSet(LOCAL_FLAG_RESULT);
  if (count != COUNT_IN_CL) {
    noteKind(KIND_RAW);
    return;
  }
  writeKind(KIND_RAW);
  byte(END);
  setFlagKind(KIND_UNKNOWN);
}

/** 0F A4, A5, AC, AD: SHLD and SHRD. */
export function emitDoubleShift(op: u32): bool {
  const size = sizeOf(op);
  const count = countOf(op, size);
  if (count == 0 || size < 2 || !canRm(op, true)) return false;
  const right = (<u32>load<u16>(op, OP_CODE) & 8) != 0;
  const dead = flagsAreDead();
  pushRmForModification(op, size);
  localSet(LOCAL_A);
  pushCount(count, size);
  localSet(LOCAL_B);
  localGet(LOCAL_A);
  pushCountAgain(count);
  byte(right ? I64_SHR_U : I64_SHL);
  // From the other operand, in two steps: a count of zero takes nothing.
  pushReg(op, size);
  if (size == 3) {
    i64Const(1);
    byte(right ? I64_SHL : I64_SHR_U);
  }
  i64Const(size == 3 ? 63 : 32);
  pushCountAgain(count);
  byte(I64_SUB);
  byte(right ? I64_SHL : I64_SHR_U);
  byte(I64_OR);
  mask(size);
  localSet(LOCAL_RESULT);
  storeRmModified(op, size);
  if (dead) return true;
  beginFlags(count);
  if (right) pushLastOutRight();
  else pushLastOutLeft(size);
  localSet(LOCAL_B);
  // OF: the sign changed.
  pushTopBit(LOCAL_A, size);
  pushTopBit(LOCAL_RESULT, size);
  byte(I64_XOR);
  localGet(LOCAL_B);
  byte(I64_XOR);
  endFlags(count, size);
  return true;
}
