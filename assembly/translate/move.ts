// Moves in translated code: MOV, MOVZX, MOVSX, LEA, CMOVcc, SETcc, and sign extension of the accumulator.

import { OP_CODE, OP_EA, immediate, isRegister, rmAddress } from "../decode/instruction";
import { CS, RAX, RDX } from "../state";
import { pushCondition } from "./conditions";
import { LOCAL_A, LOCAL_ADDRESS, is64 } from "./context";
import { signExtend } from "./flags";
import { pushImmediate, sizeOf } from "./integer";
import { canRm, mask, popReg, popRegister, pushReg, pushRegister, pushRm } from "./operands";
import { addSegmentBase, canAddress, computeAddress, pushOffset, readMemory, writeMemory } from "./memory";
import { I64_EXTEND_I32_U, I64_SHR_S, SELECT, byte, i64Const, localSet } from "./wasm";

/** 88..8B, C6, C7. */
export function emitMove(op: u32): bool {
  const code: u32 = load<u16>(op, OP_CODE);
  const size = sizeOf(op);
  const reads = code == 0x8a || code == 0x8b;
  if (!canRm(op, !reads)) return false;
  if (reads) {
    pushRm(op, size);
    popReg(op, size);
    return true;
  }
  if (code == 0x88 || code == 0x89) pushReg(op, size);
  else pushImmediate(op, size);
  if (isRegister(op)) popRegister(rmAddress(op), size);
  else {
    localSet(LOCAL_A);
    computeAddress(op);
    writeMemory(size, LOCAL_A);
  }
  return true;
}

/** A0..A3: the accumulator, and memory at an offset in the instruction. */
export function emitMoveOffset(op: u32): bool {
  const code: u32 = load<u16>(op, OP_CODE);
  const segment: u32 = load<u8>(op, OP_EA) & 7;
  if (!is64 && segment == CS) return false;
  const size = sizeOf(op);
  if (code >= 0xa2) {
    pushRegister(RAX, size);
    localSet(LOCAL_A);
  }
  i64Const(immediate(op));
  addSegmentBase(segment);
  localSet(LOCAL_ADDRESS);
  if (code >= 0xa2) writeMemory(size, LOCAL_A);
  else {
    readMemory(size);
    popRegister(RAX, size);
  }
  return true;
}

/** B0..BF. */
export function emitMoveImmediate(op: u32): bool {
  const size = sizeOf(op);
  pushImmediate(op, size);
  popReg(op, size);
  return true;
}

/** MOVZX, MOVSX from `source` bytes (log2); MOVSXD. */
export function emitExtend(op: u32, source: u32, isSigned: bool): bool {
  if (!canRm(op, false)) return false;
  const size = sizeOf(op);
  pushRm(op, source);
  if (isSigned) {
    signExtend(source);
    mask(size);
  }
  popReg(op, size);
  return true;
}

/** LEA. */
export function emitLea(op: u32): bool {
  // It reads no memory, but 16-bit addresses are the handler's.
  if (isRegister(op) || !canAddress(op, false)) return false;
  const size = sizeOf(op);
  pushOffset(op);
  mask(size);
  popReg(op, size);
  return true;
}

/** CMOVcc: the source is read, and a 32-bit destination cleared above, whether the condition holds or not. */
export function emitConditionalMove(op: u32, code: u32): bool {
  if (!canRm(op, false)) return false;
  const size = sizeOf(op);
  pushRm(op, size);
  pushReg(op, size);
  pushCondition(code);
  byte(SELECT);
  popReg(op, size);
  return true;
}

/** SETcc. */
export function emitSet(op: u32, code: u32): bool {
  if (!canRm(op, true)) return false;
  pushCondition(code);
  byte(I64_EXTEND_I32_U);
  if (isRegister(op)) popRegister(rmAddress(op), 0);
  else {
    localSet(LOCAL_A);
    computeAddress(op);
    writeMemory(0, LOCAL_A);
  }
  return true;
}

/** 98: CBW CWDE CDQE. */
export function emitConvert(op: u32): bool {
  const size = sizeOf(op);
  pushRegister(RAX, size - 1);
  signExtend(size - 1);
  mask(size);
  popRegister(RAX, size);
  return true;
}

/** 99: CWD CDQ CQO. */
export function emitConvertDouble(op: u32): bool {
  const size = sizeOf(op);
  pushRegister(RAX, size);
  signExtend(size);
  i64Const(63);
  byte(I64_SHR_S);
  mask(size);
  popRegister(RDX, size);
  return true;
}
