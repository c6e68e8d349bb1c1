// BT BTS BTR BTC, BSF BSR and POPCNT in translated code. As execute/bits.ts has it, the four change CF alone.

import { OPF_F3, OP_CODE, immediate, isRegister, modrmReg, opFlags, regAddress, rmAddress } from "../decode/instruction";
import { TWO } from "../decode/tables";
import { LOCAL_A, LOCAL_B, LOCAL_FLAG_A, LOCAL_FLAG_RESULT, LOCAL_RESULT, getRegister, setRegister } from "./context";
import { noteKind, setFlags, signExtend } from "./flags";
import { setCarry } from "./raw-flags";
import { sizeOf } from "./integer";
import { flagsAreDead } from "./liveness";
import { canRm, mask, numberOf, popReg, pushReg, pushRegister, pushRm, storeRmModified } from "./operands";
import { computeAddress, hasShortAddress, pushOffset, readForModification, readMemory, setAddress } from "./memory";
import { KIND_LOGIC, KIND_RAW } from "./support";
import {
  I32_EQZ,
  I64_ADD,
  I64_AND,
  I64_CLZ,
  I64_CTZ,
  I64_EQZ,
  I64_EXTEND_I32_U,
  I64_NE,
  I64_OR,
  I64_POPCNT,
  I64_SHL,
  I64_SHR_S,
  I64_SHR_U,
  I64_SUB,
  I64_XOR,
  SELECT,
  byte,
  i64Const,
  localGet,
  localSet,
  localTee,
} from "./wasm";

// What becomes of the bit: ModRM.reg of 0F BA less 4, and bits 4:3 of the opcodes with a register.
const KEEP: u32 = 0;
const SET: u32 = 1;
const RESET: u32 = 2;

/** 0F A3, AB, B3, BB by a register, and 0F BA by an immediate. */
export function emitBitTest(op: u32): bool {
  const code: u32 = load<u16>(op, OP_CODE);
  const byImmediate = code == (TWO | 0xba);
  const change = byImmediate ? modrmReg(op) - 4 : ((code - (TWO | 0xa3)) >> 3) & 3;
  if (!canRm(op, change != KEEP)) return false;
  const size = sizeOf(op);
  const dead = flagsAreDead();
  if (isRegister(op)) pushRegister(rmAddress(op), size);
  else {
    if (byImmediate) computeAddress(op);
    else computeBitAddress(op, size);
    if (change == KEEP) readMemory(size);
    else readForModification(size);
  }
  localSet(LOCAL_A);
  // The index in the operand.
  if (byImmediate) i64Const(immediate(op) & ((8 << size) - 1));
  else {
    pushReg(op, size);
    i64Const((8 << size) - 1);
    byte(I64_AND);
  }
  localSet(LOCAL_B);
  if (change != KEEP) {
    localGet(LOCAL_A);
    i64Const(1);
    localGet(LOCAL_B);
    byte(I64_SHL);
    if (change == RESET) {
      i64Const(-1);
      byte(I64_XOR);
      byte(I64_AND);
    } else byte(change == SET ? I64_OR : I64_XOR);
    localSet(LOCAL_RESULT);
    storeRmModified(op, size);
  }
  if (dead) return true;
  localGet(LOCAL_A);
  localGet(LOCAL_B);
  byte(I64_SHR_U);
  i64Const(1);
  byte(I64_AND);
  localSet(LOCAL_B);
  setCarry();
  return true;
}

/** A bit offset in a register is signed and reaches beyond the operand, by whole operands. */
function computeBitAddress(op: u32, size: u32): void {
  pushOffset(op);
  pushReg(op, size);
  signExtend(size);
  i64Const(3 + size);
  byte(I64_SHR_S);
  i64Const(size);
  byte(I64_SHL);
  byte(I64_ADD);
  if (hasShortAddress(op)) mask(2);
  setAddress(op);
}

/** 0F BC and BD: BSF and BSR. A source of zero leaves the destination, all 64 bits of it, as it was. */
export function emitBitScan(op: u32): bool {
  if (!canRm(op, false)) return false;
  const size = sizeOf(op);
  const dead = flagsAreDead();
  const register = numberOf(regAddress(op));
  pushRm(op, size);
  localSet(LOCAL_RESULT);
  if (<u32>load<u16>(op, OP_CODE) == (TWO | 0xbc)) {
    localGet(LOCAL_RESULT);
    byte(I64_CTZ);
  } else {
    i64Const(63);
    localGet(LOCAL_RESULT);
    byte(I64_CLZ);
    byte(I64_SUB);
  }
  if (size == 1) {
    getRegister(register);
    i64Const(~(<i64>0xffff));
    byte(I64_AND);
    byte(I64_OR);
  }
  getRegister(register);
  localGet(LOCAL_RESULT);
  i64Const(0);
  byte(I64_NE);
  byte(SELECT);
  setRegister(register);
  if (!dead) setFlags(KIND_LOGIC, size);
  return true;
}

/** F3 0F B8: POPCNT. ZF alone may be set. */
export function emitPopulationCount(op: u32): bool {
  if ((opFlags(op) & OPF_F3) == 0 || !canRm(op, false)) return false;
  const size = sizeOf(op);
  const dead = flagsAreDead();
  pushRm(op, size);
  byte(I64_POPCNT);
  localTee(LOCAL_RESULT);
  popReg(op, size);
  if (dead) return true;
  // A result that is zero or not, and in either case of odd parity by the correction.
  localGet(LOCAL_RESULT);
  byte(I64_EQZ);
  byte(I32_EQZ);
  byte(I64_EXTEND_I32_U);
  i64Const(8);
  byte(I64_SHL);
  localSet(LOCAL_FLAG_RESULT);
  i64Const(0x100);
  localSet(LOCAL_FLAG_A);
  noteKind(KIND_RAW);
  return true;
}
