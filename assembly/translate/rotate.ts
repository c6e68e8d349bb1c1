// Rotates in translated code. They change CF and OF and keep the other flags; OF follows the formula for a count of 1
// whatever the count, as in execute/shift.ts.

import { KIND_UNKNOWN, LOCAL_A, LOCAL_B, LOCAL_FLAG_A, LOCAL_RESULT, setFlagKind } from "./context";
import { pushCondition } from "./conditions";
import { ROTATE_LEFT, ROTATE_RIGHT, flushFlags, noteKind, noteRotate, writeKind } from "./flags";
import { addRotate, makeRaw, makeRawWithoutCarryAndOverflow } from "./raw-flags";
import { KIND_RAW } from "./support";
import { flagsAreDead } from "./liveness";
import { mask, pushRmForModification, storeRmModified } from "./operands";
import { COUNT_IN_CL, beginFlags, pushCount, pushCountAgain, pushTopBit } from "./shift";
import {
  END,
  I32_MUL,
  I32_ROTL,
  I32_ROTR,
  I32_WRAP_I64,
  I64_AND,
  I64_EXTEND_I32_U,
  I64_OR,
  I64_ROTL,
  I64_ROTR,
  I64_SHL,
  I64_SHR_U,
  I64_XOR,
  byte,
  i32Const,
  i64Const,
  localGet,
  localSet,
  localTee,
} from "./wasm";

/** ROL and ROR by a constant, not 0, or by CL. */
export function emitRotate(op: u32, right: bool, count: u32, size: u32): void {
  const dead = flagsAreDead();
  const byCl = count == COUNT_IN_CL;
  pushRmForModification(op, size);
  if (byCl) {
    localSet(LOCAL_A);
    pushCount(count, size);
    localSet(LOCAL_B);
    localGet(LOCAL_A);
  }
  if (size == 3) {
    pushCountAgain(count);
    byte(right ? I64_ROTR : I64_ROTL);
  } else {
    byte(I32_WRAP_I64);
    // Of less than 32 bits: copies side by side rotate alike.
    if (size < 2) {
      i32Const(size == 0 ? 0x01010101 : 0x00010001);
      byte(I32_MUL);
    }
    if (byCl) {
      localGet(LOCAL_B);
      byte(I32_WRAP_I64);
    } else i32Const(count);
    byte(right ? I32_ROTR : I32_ROTL);
    byte(I64_EXTEND_I32_U);
    if (size < 2) mask(size);
  }
  localSet(LOCAL_RESULT);
  storeRmModified(op, size);
  if (dead) return;
  const direction = right ? ROTATE_RIGHT : ROTATE_LEFT;
  if (!byCl) {
    noteRotate(direction, size);
    return;
  }
  // A count of zero changes no flag, and memory has them as they were.
  flushFlags();
  makeRaw();
  beginFlags(count);
  makeRawWithoutCarryAndOverflow();
  addRotate(direction, size, LOCAL_RESULT);
  writeKind(KIND_RAW);
  byte(END);
  setFlagKind(KIND_UNKNOWN);
}

/** RCL and RCR by 1. */
export function emitRotateThroughCarry(op: u32, right: bool, size: u32): bool {
  const top = (8 << size) - 1;
  const dead = flagsAreDead();
  pushRmForModification(op, size);
  localTee(LOCAL_A);
  i64Const(1);
  byte(right ? I64_SHR_U : I64_SHL);
  pushCondition(2);
  byte(I64_EXTEND_I32_U);
  if (right) {
    i64Const(top);
    byte(I64_SHL);
  }
  byte(I64_OR);
  if (!right) mask(size);
  localSet(LOCAL_RESULT);
  storeRmModified(op, size);
  if (dead) return true;
  makeRawWithoutCarryAndOverflow();
  localGet(LOCAL_FLAG_A);
  // What went out, then that xor OF: of RCL the top bit; of RCR OF is whether the upper two bits differ.
  if (right) localGet(LOCAL_A);
  else pushTopBit(LOCAL_A, size);
  i64Const(63);
  byte(I64_SHL);
  byte(I64_OR);
  pushTopBit(LOCAL_RESULT, size);
  if (right) {
    localGet(LOCAL_RESULT);
    i64Const(top - 1);
    byte(I64_SHR_U);
    byte(I64_XOR);
    localGet(LOCAL_A);
    byte(I64_XOR);
    i64Const(1);
    byte(I64_AND);
  }
  i64Const(62);
  byte(I64_SHL);
  byte(I64_OR);
  localSet(LOCAL_FLAG_A);
  noteKind(KIND_RAW);
  return true;
}
