// The stack in translated code, by the mode's own size: pushes and pops of 16 bits are their handlers'.

import { OP_CODE, immediate } from "../decode/instruction";
import { RBP, RSP, SEGMENTS, SEGMENT_SELECTOR, SEGMENT_STRIDE } from "../state";
import { LOCAL_A, LOCAL_ADDRESS, LOCAL_B, is64 } from "./context";
import { sizeOf } from "./integer";
import { canRm, mask, popReg, popRegister, pushReg, pushRegister, pushRm } from "./operands";
import { readMemory, writeMemory } from "./memory";
import { I64_ADD, I64_LOAD16_U, I64_SUB, access, byte, i32Const, i64Const, localGet, localSet, localTee } from "./wasm";

/** log2 of the bytes that stack instructions move in this mode. */
export function stackSize(): u32 { return is64 ? 3 : 2; }

/** Pushes LOCAL_A on the guest's stack; RSP changes after the write. */
export function pushA(): void {
  const size = stackSize();
  pushRegister(RSP, size);
  i64Const(1 << size);
  byte(I64_SUB);
  mask(size);
  localSet(LOCAL_ADDRESS);
  writeMemory(size, LOCAL_A);
  localGet(LOCAL_ADDRESS);
  popRegister(RSP, size);
}

/** Reads the top of the guest's stack into LOCAL_A. */
export function readTop(): void {
  const size = stackSize();
  pushRegister(RSP, size);
  localSet(LOCAL_ADDRESS);
  readMemory(size);
  localSet(LOCAL_A);
}

export function moveStack(bytes: i64): void {
  const size = stackSize();
  pushRegister(RSP, size);
  i64Const(bytes);
  byte(I64_ADD);
  mask(size);
  popRegister(RSP, size);
}

/** 50..57, 68, 6A, FF /6. */
export function emitPush(op: u32): bool {
  const code: u32 = load<u16>(op, OP_CODE);
  const size = sizeOf(op);
  if (size != stackSize()) return false;
  if (code == 0xff) {
    if (!canRm(op, false)) return false;
    pushRm(op, size);
  } else if (code < 0x58) pushReg(op, size);
  else i64Const(size == 3 ? immediate(op) : immediate(op) & 0xffffffff);
  localSet(LOCAL_A);
  pushA();
  return true;
}

/** 58..5F. */
export function emitPop(op: u32): bool {
  const size = sizeOf(op);
  if (size != stackSize()) return false;
  readTop();
  moveStack(1 << size);
  localGet(LOCAL_A);
  popReg(op, size);
  return true;
}

/** C9. */
export function emitLeave(op: u32): bool {
  const size = sizeOf(op);
  if (size != stackSize()) return false;
  pushRegister(RBP, size);
  localTee(LOCAL_ADDRESS);
  localSet(LOCAL_B);
  readMemory(size);
  popRegister(RBP, size);
  localGet(LOCAL_B);
  i64Const(1 << size);
  byte(I64_ADD);
  mask(size);
  popRegister(RSP, size);
  return true;
}

/** 06, 0E, 16, 1E, 0F A0, 0F A8: PUSH of a segment register. */
export function emitPushSegment(op: u32, segment: u32): bool {
  if (sizeOf(op) != stackSize()) return false;
  i32Const(0);
  access(I64_LOAD16_U, SEGMENTS + segment * SEGMENT_STRIDE + SEGMENT_SELECTOR);
  localSet(LOCAL_A);
  pushA();
  return true;
}
