// Operands in translated code: registers of every width in locals, memory through the TLB's fast path, inline.
// Values on the stack are i64, zero-extended from the operand's width; `size` is log2 of its bytes.

import { REGS } from "../state";
import { isRegister, regAddress, rmAddress } from "../decode/instruction";
import { LOCAL_RESULT, getRegister, is64, setRegister } from "./context";
import { I32_WRAP_I64, I64_AND, I64_EXTEND_I32_U, I64_OR, I64_SHL, I64_SHR_U, byte, i64Const, localGet } from "./wasm";
import { canAddress, computeAddress, readForModification, readMemory, writeModification } from "./memory";

/** Zero-extends the i64 on the stack from the low bits of a width. */
export function mask(size: u32): void {
  if (size == 3) return;
  if (size == 2) {
    byte(I32_WRAP_I64);
    byte(I64_EXTEND_I32_U);
    return;
  }
  i64Const(size == 0 ? 0xff : 0xffff);
  byte(I64_AND);
}

// A register by its state address: byte registers AH CH DH BH are one byte above RAX RCX RDX RBX.
// @ts-ignore: decorator
@inline export function numberOf(address: u32): u32 { return (address - REGS) >> 3; }

// @ts-ignore: decorator
@inline function isHigh(address: u32): bool { return (address & 7) == 1; }

/** Pushes a register. */
export function pushRegister(address: u32, size: u32): void {
  getRegister(numberOf(address));
  if (isHigh(address)) {
    i64Const(8);
    byte(I64_SHR_U);
  }
  // In 32-bit mode the upper halves are zero already.
  if (size != 2 || is64) mask(size);
}

/** Pops a zero-extended value into a register. */
export function popRegister(address: u32, size: u32): void {
  const n = numberOf(address);
  if (size < 2) {
    if (isHigh(address)) {
      i64Const(8);
      byte(I64_SHL);
    }
    getRegister(n);
    i64Const(isHigh(address) ? ~(<i64>0xff00) : size == 0 ? ~(<i64>0xff) : ~(<i64>0xffff));
    byte(I64_AND);
    byte(I64_OR);
  }
  setRegister(n);
}

/** True if r/m is a register, or memory that can be addressed inline. */
export function canRm(op: u32, write: bool): bool { return isRegister(op) || canAddress(op, write); }

/** Pushes r/m. */
export function pushRm(op: u32, size: u32): void {
  if (isRegister(op)) pushRegister(rmAddress(op), size);
  else {
    computeAddress(op);
    readMemory(size);
  }
}

/** Pushes the register operand. */
export function pushReg(op: u32, size: u32): void { pushRegister(regAddress(op), size); }

/** Pops into the register operand. */
export function popReg(op: u32, size: u32): void { popRegister(regAddress(op), size); }

/** Pushes r/m for a read-modify-write. */
export function pushRmForModification(op: u32, size: u32): void {
  if (isRegister(op)) pushRegister(rmAddress(op), size);
  else {
    computeAddress(op);
    readForModification(size);
  }
}

/** Second half: r/m becomes LOCAL_RESULT. */
export function storeRmModified(op: u32, size: u32): void {
  if (isRegister(op)) {
    localGet(LOCAL_RESULT);
    popRegister(rmAddress(op), size);
  } else writeModification(size);
}
