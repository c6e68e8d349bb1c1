// Stack and control flow in translated code. A jump to a block of the same region stays in its function; any other
// leaves it with RIP set, for the run loop to find the next one.

import { OP_CODE, OP_NEXT, immediate, modrmReg } from "../decode/instruction";
import { RBP, RSP } from "../state";
import {
  LOCAL_A,
  LOCAL_ADDRESS,
  LOCAL_ATTENTION,
  LOCAL_B,
  LOCAL_RIP,
  branchToExit,
  enterLabel,
  exitTo,
  is64,
  leaveLabel,
  needsAttention,
  pushRip,
} from "./context";
import { pushCondition } from "./flags";
import { sizeOf } from "./integer";
import { canRm, mask, popReg, popRegister, pushReg, pushRegister, pushRm, readMemory, writeMemory } from "./operands";
import { emitHandler } from "./handler";
import { blockAt, branchTo } from "./region";
import {
  ELSE,
  END,
  I64_ADD,
  I64_EQ,
  I64_SHL,
  I64_SHR_S,
  I64_SUB,
  IF,
  TYPE_VOID,
  byte,
  i64Const,
  localGet,
  localSet,
  localTee,
} from "./wasm";

/** log2 of the bytes that stack instructions move in this mode. */
function stackSize(): u32 { return is64 ? 3 : 2; }

/** Pushes LOCAL_A on the guest's stack; RSP changes after the write. */
function pushA(): void {
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
function readTop(): void {
  const size = stackSize();
  pushRegister(RSP, size);
  localSet(LOCAL_ADDRESS);
  readMemory(size);
  localSet(LOCAL_A);
}

function moveStack(bytes: i64): void {
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

/** Offset in the page of a direct branch's target. */
// @ts-ignore: decorator
@inline export function targetOffset(op: u32): i64 { return <i64>load<u16>(op, OP_NEXT) + immediate(op); }

/** Goes to an offset in the page: within the region if it has a block there, else out. */
export function goTo(offset: i64): void {
  const block = blockAt(offset);
  if (block >= 0) branchTo(<u32>block);
  else exitTo(offset, 0);
}

/** If the slow path asked for attention: out, to `offset`. */
function leaveOnAttention(offset: i64): void {
  if (!needsAttention) return;
  localGet(LOCAL_ATTENTION);
  byte(IF);
  byte(TYPE_VOID);
  enterLabel();
  exitTo(offset, 0);
  leaveLabel();
  byte(END);
}

/** 70..7F, 0F 80..8F. */
export function emitJumpIf(op: u32): bool {
  if (sizeOf(op) != stackSize()) return false;
  pushCondition(<u32>load<u16>(op, OP_CODE) & 15);
  byte(IF);
  byte(TYPE_VOID);
  enterLabel();
  goTo(targetOffset(op));
  leaveLabel();
  byte(END);
  goTo(load<u16>(op, OP_NEXT));
  return true;
}

/** E9, EB. */
export function emitJump(op: u32): bool {
  if (sizeOf(op) != stackSize()) return false;
  goTo(targetOffset(op));
  return true;
}

/** E8. */
export function emitCall(op: u32): bool {
  if (sizeOf(op) != stackSize()) return false;
  pushRip(load<u16>(op, OP_NEXT));
  localSet(LOCAL_A);
  pushA();
  leaveOnAttention(targetOffset(op));
  goTo(targetOffset(op));
  return true;
}

/** Pushes (i32) whether LOCAL_RIP is canonical. */
function pushIsCanonical(): void {
  localGet(LOCAL_RIP);
  i64Const(16);
  byte(I64_SHL);
  i64Const(16);
  byte(I64_SHR_S);
  localGet(LOCAL_RIP);
  byte(I64_EQ);
}

/** Runs `op` by its handler, which will fault, if LOCAL_RIP is no place to go. */
function checkTarget(op: u32): void {
  if (!is64) return;
  pushIsCanonical();
  byte(IF);
  byte(TYPE_VOID);
  byte(ELSE);
  enterLabel();
  emitHandler(op);
  leaveLabel();
  byte(END);
}

/** C2, C3. */
export function emitReturn(op: u32): bool {
  const size = sizeOf(op);
  if (size != stackSize()) return false;
  readTop();
  localGet(LOCAL_A);
  localSet(LOCAL_RIP);
  checkTarget(op);
  moveStack((1 << size) + (<u32>load<u16>(op, OP_CODE) == 0xc2 ? immediate(op) & 0xffff : 0));
  branchToExit();
  return true;
}

/** FF /2 and /4. */
export function emitIndirect(op: u32): bool {
  const size = sizeOf(op);
  if (size != stackSize() || !canRm(op, false)) return false;
  pushRm(op, size);
  localSet(LOCAL_RIP);
  checkTarget(op);
  if (modrmReg(op) == 2) {
    pushRip(load<u16>(op, OP_NEXT));
    localSet(LOCAL_A);
    pushA();
  }
  branchToExit();
  return true;
}
