// XCHG, XADD, CMPXCHG and BSWAP in translated code. LOCK changes nothing with one processor.

import { OP_CODE, isRegister, regAddress, rmAddress } from "../decode/instruction";
import { RAX } from "../state";
import { LOCAL_A, LOCAL_B, LOCAL_RESULT, keepRegisters, registersInLocals } from "./context";
import { setFlags } from "./flags";
import { sizeOf } from "./integer";
import { flagsAreDead } from "./liveness";
import {
  canRm,
  mask,
  popReg,
  popRegister,
  pushReg,
  pushRegister,
  pushRmForModification,
  storeRmModified,
} from "./operands";
import { KIND_ADD, KIND_SUB } from "./support";
import {
  ELSE,
  END,
  I32_AND,
  I32_OR,
  I32_ROTL,
  I32_ROTR,
  I32_WRAP_I64,
  I64_ADD,
  I64_AND,
  I64_EQ,
  I64_EXTEND_I32_U,
  I64_NE,
  I64_OR,
  I64_ROTL,
  I64_SHL,
  I64_SHR_U,
  I64_SUB,
  IF,
  SELECT,
  TYPE_VOID,
  byte,
  i32Const,
  i64Const,
  localGet,
  localSet,
} from "./wasm";

/** 86, 87, and 90..97 with the accumulator. */
export function emitExchange(op: u32): bool {
  const short = <u32>load<u16>(op, OP_CODE) >= 0x90;
  const size = sizeOf(op);
  if (!short && !isRegister(op)) {
    if (!canRm(op, true)) return false;
    pushRmForModification(op, size);
    localSet(LOCAL_A);
    pushReg(op, size);
    localSet(LOCAL_RESULT);
    storeRmModified(op, size);
    localGet(LOCAL_A);
    popReg(op, size);
    return true;
  }
  const other = short ? RAX : rmAddress(op);
  pushRegister(regAddress(op), size);
  localSet(LOCAL_A);
  pushRegister(other, size);
  popReg(op, size);
  localGet(LOCAL_A);
  popRegister(other, size);
  return true;
}

/** 0F C0 and C1: XADD. */
export function emitExchangeAdd(op: u32): bool {
  if (!canRm(op, true)) return false;
  const size = sizeOf(op);
  const dead = flagsAreDead();
  pushRmForModification(op, size);
  localSet(LOCAL_A);
  pushReg(op, size);
  localSet(LOCAL_B);
  localGet(LOCAL_A);
  localGet(LOCAL_B);
  byte(I64_ADD);
  mask(size);
  localSet(LOCAL_RESULT);
  // Where both are one register it is the sum that stays.
  localGet(LOCAL_A);
  popReg(op, size);
  storeRmModified(op, size);
  if (!dead) setFlags(KIND_ADD, size);
  return true;
}

/** 0F B0 and B1: CMPXCHG. Memory is written in either case; a register that is not equal keeps its upper half. */
export function emitCompareExchange(op: u32): bool {
  if (!canRm(op, true)) return false;
  const size = sizeOf(op);
  const dead = flagsAreDead();
  pushRmForModification(op, size);
  localSet(LOCAL_B);
  pushRegister(RAX, size);
  localSet(LOCAL_A);
  if (!isRegister(op)) {
    pushReg(op, size);
    localGet(LOCAL_B);
    localGet(LOCAL_A);
    localGet(LOCAL_B);
    byte(I64_EQ);
    byte(SELECT);
    localSet(LOCAL_RESULT);
    storeRmModified(op, size);
  }
  localGet(LOCAL_A);
  localGet(LOCAL_B);
  byte(I64_NE);
  const inLocals = registersInLocals();
  byte(IF);
  byte(TYPE_VOID);
  localGet(LOCAL_B);
  popRegister(RAX, size);
  if (isRegister(op)) {
    keepRegisters(inLocals);
    byte(ELSE);
    pushReg(op, size);
    popRegister(rmAddress(op), size);
  }
  byte(END);
  keepRegisters(inLocals);
  if (dead) return true;
  localGet(LOCAL_A);
  localGet(LOCAL_B);
  byte(I64_SUB);
  mask(size);
  localSet(LOCAL_RESULT);
  setFlags(KIND_SUB, size);
  return true;
}

/** Pushes the bytes of a pattern from LOCAL_A, and those that it leaves out, each moved by `bits` to the other's place. */
function swapNeighbours(bits: u32, pattern: i64): void {
  localGet(LOCAL_A);
  i64Const(bits);
  byte(I64_SHR_U);
  i64Const(pattern);
  byte(I64_AND);
  localGet(LOCAL_A);
  i64Const(pattern);
  byte(I64_AND);
  i64Const(bits);
  byte(I64_SHL);
  byte(I64_OR);
}

/** 0F C8..CF: BSWAP; of 16 bits it gives zero. */
export function emitByteSwap(op: u32): bool {
  const size = sizeOf(op);
  if (size == 1) i64Const(0);
  else {
    pushReg(op, size);
    localSet(LOCAL_A);
    if (size == 2) {
      // Bytes 0 and 2 by a rotate one way, 1 and 3 the other way.
      localGet(LOCAL_A);
      byte(I32_WRAP_I64);
      i32Const(8);
      byte(I32_ROTL);
      i32Const(0x00ff00ff);
      byte(I32_AND);
      localGet(LOCAL_A);
      byte(I32_WRAP_I64);
      i32Const(8);
      byte(I32_ROTR);
      i32Const(0xff00ff00);
      byte(I32_AND);
      byte(I32_OR);
      byte(I64_EXTEND_I32_U);
    } else {
      swapNeighbours(8, 0x00ff00ff00ff00ff);
      localSet(LOCAL_A);
      swapNeighbours(16, 0x0000ffff0000ffff);
      i64Const(32);
      byte(I64_ROTL);
    }
  }
  popReg(op, size);
  return true;
}
