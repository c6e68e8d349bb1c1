// Operands of MMX and SSE instructions. An instruction with an MMX and an XMM form is one generic handler: MMX stands
// for the form on 64-bit registers, v128 for that on XMM registers. A value is a v128 in both; of an MMX value only
// the low half counts.
//
// Order of faults (SDM volume 3, 24.25 and volume 2, 2.5): #UD, #NM, #MF, then those of the memory operand; only
// after them a handler changes state.

import { isRegister, mmxReg, mmxRm, xmmReg, xmmRm } from "../../decode/instruction";
import { read, readVector, write, writeVector } from "../../memory/access";
import { CR0, CR4 } from "../../state";
import { EXCEPTION_GP, EXCEPTION_NM, EXCEPTION_UD, raise, raiseWithCode } from "../../system/exceptions";
import { CR0_EM, CR0_TS, CR4_OSFXSR } from "../../system/mode";
import { operandAddress } from "../address";
import { checkPendingFpuError, enterMmx, storeMmx } from "../x87/state";

/** Names the MMX form of a generic handler. */
export type MMX = u64;

/** #UD if SSE is not enabled (CR0.EM, CR4.OSFXSR), #NM if CR0.TS. */
// @ts-ignore: decorator
@inline export function checkSse(): void {
  const disabled = (load<u32>(CR0) & <u32>(CR0_EM | CR0_TS)) | (~load<u32>(CR4) & <u32>CR4_OSFXSR);
  if (disabled != 0) raiseDisabled(disabled);
}

/** #UD if CR0.EM, #NM if CR0.TS, #MF if an x87 exception is pending. */
export function checkMmx(): void {
  const disabled = load<u32>(CR0) & <u32>(CR0_EM | CR0_TS);
  if (disabled != 0) raiseDisabled(disabled);
  checkPendingFpuError();
}

function raiseDisabled(disabled: u32): void {
  raise((disabled & <u32>(CR0_EM | CR4_OSFXSR)) != 0 ? EXCEPTION_UD : EXCEPTION_NM);
}

/** Linear address of a 16-byte operand that the legacy encoding wants aligned: #GP(0) if it is not. */
export function alignedAddress(op: u32, isWrite: bool): u64 {
  const address = operandAddress(op, 16, isWrite);
  if ((address & 15) != 0) raiseWithCode(EXCEPTION_GP, 0);
  return address;
}

/** r/m as 128 bits: an XMM register or aligned memory. */
export function source128(op: u32): v128 {
  checkSse();
  if (isRegister(op)) return v128.load(xmmRm(op));
  return readVector(alignedAddress(op, false));
}

/** r/m as 128 bits, memory of any alignment. */
export function sourceUnaligned(op: u32): v128 {
  checkSse();
  if (isRegister(op)) return v128.load(xmmRm(op));
  return readVector(operandAddress(op, 16, false));
}

/** The low bits of an XMM r/m, or memory of that size. */
export function source64(op: u32): u64 {
  checkSse();
  if (isRegister(op)) return load<u64>(xmmRm(op));
  return read<u64>(operandAddress(op, 8, false));
}
export function source32(op: u32): u32 {
  checkSse();
  if (isRegister(op)) return load<u32>(xmmRm(op));
  return read<u32>(operandAddress(op, 4, false));
}
export function source16(op: u32): u32 {
  checkSse();
  if (isRegister(op)) return load<u16>(xmmRm(op));
  return read<u16>(operandAddress(op, 2, false));
}

/** r/m as 64 bits: an MMX register or memory. */
export function sourceMmx(op: u32): u64 {
  checkMmx();
  if (isRegister(op)) return load<u64>(mmxRm(op));
  return read<u64>(operandAddress(op, 8, false));
}

/** Second operand (r/m) of a two-operand instruction; makes every check that the instruction needs. */
// @ts-ignore: decorator
@inline export function second<T>(op: u32): v128 {
  if (sizeof<T>() == 8) return i64x2.splat(sourceMmx(op));
  return source128(op);
}

/** First operand (ModRM.reg). */
// @ts-ignore: decorator
@inline export function first<T>(op: u32): v128 {
  if (sizeof<T>() == 8) return v128.load64_zero(mmxReg(op));
  return v128.load(xmmReg(op));
}

/** Writes the result to ModRM.reg; the last step of a handler. */
// @ts-ignore: decorator
@inline export function put<T>(op: u32, value: v128): void {
  if (sizeof<T>() == 8) putMmx(op, i64x2.extract_lane(value, 0));
  else v128.store(xmmReg(op), value);
}

/** Writes an MMX register, ModRM.reg. */
export function putMmx(op: u32, value: u64): void {
  enterMmx();
  storeMmx(mmxReg(op), value);
}

/** Writes the low bits of ModRM.reg, keeps the rest. */
// @ts-ignore: decorator
@inline export function putLow64(op: u32, value: u64): void { store<u64>(xmmReg(op), value); }
// @ts-ignore: decorator
@inline export function putLow32(op: u32, value: u32): void { store<u32>(xmmReg(op), value); }

/** Writes a register's value to r/m: an XMM register or aligned memory. */
export function setAligned(op: u32, value: v128): void {
  checkSse();
  if (isRegister(op)) v128.store(xmmRm(op), value);
  else writeVector(alignedAddress(op, true), value);
}

export function setUnaligned(op: u32, value: v128): void {
  checkSse();
  if (isRegister(op)) v128.store(xmmRm(op), value);
  else writeVector(operandAddress(op, 16, true), value);
}

/** Writes 64 bits to memory. */
export function setMemory64(op: u32, value: u64): void {
  checkSse();
  write<u64>(operandAddress(op, 8, true), value);
}
