// The x87 register stack, tags, status and pointers (SDM volume 1, 8.1), and what MMX, FXSAVE and XSAVE need of them.
//
// A physical register Rn is 16 bytes: u64 significand, u16 sign and exponent. ST(i) is R((TOP + i) & 7). The tag word
// holds 3 for an empty register and 0 for any other; stored environments compute the real tags (fullTagWord).

import { modrm, thisRip, OP_CODE } from "../../decode/instruction";
import {
  CR0,
  CS,
  FPU_CONTROL,
  FPU_DATA_POINTER,
  FPU_DATA_SELECTOR,
  FPU_INSTRUCTION_POINTER,
  FPU_INSTRUCTION_SELECTOR,
  FPU_OPCODE,
  FPU_REGISTERS,
  FPU_STATUS,
  FPU_TAG,
  SEGMENT_SELECTOR,
} from "../../state";
import { EXCEPTION_MF, EXCEPTION_NM, raise } from "../../system/exceptions";
import { CR0_EM, CR0_NE, CR0_TS } from "../../system/mode";
import { effectiveOffset, operandSegment, segmentState } from "../address";

// Status word (SDM volume 1, 8.1.3); bits 5:0 of the control word mask the exceptions of the same number.
export const IE: u32 = 1;
export const DE: u32 = 2;
export const ZE: u32 = 4;
export const OE: u32 = 8;
export const UE: u32 = 0x10;
export const PE: u32 = 0x20;
export const STACK_FAULT: u32 = 0x40;
export const ES_SUMMARY: u32 = 0x80;
export const C0: u32 = 0x100;
export const C1: u32 = 0x200;
export const C2: u32 = 0x400;
export const C3: u32 = 0x4000;
export const BUSY: u32 = 0x8000;
export const ALL_EXCEPTIONS: u32 = 0x3f;

export const CONTROL_INITIAL: u32 = 0x37f;
/** What FLDCW can change; bit 6 reads as 1. */
export const CONTROL_WRITABLE: u32 = 0x1f3f;

/** Signal and position of the default NaN, "real indefinite". */
export const INDEFINITE_SIGNIFICAND: u64 = 0xc000000000000000;
export const INDEFINITE_SIGN_EXPONENT: u32 = 0xffff;

/** TOP, 0..7. */
// @ts-ignore: decorator
@inline export function topOfStack(): u32 { return (<u32>load<u16>(FPU_STATUS) >> 11) & 7; }

export function setTopOfStack(top: u32): void {
  store<u16>(FPU_STATUS, <u16>((<u32>load<u16>(FPU_STATUS) & ~0x3800) | ((top & 7) << 11)));
}

/** Number of the physical register that ST(i) is. */
// @ts-ignore: decorator
@inline export function physical(i: u32): u32 { return (topOfStack() + i) & 7; }

/** State address of ST(i). */
// @ts-ignore: decorator
@inline export function stackRegister(i: u32): u32 { return FPU_REGISTERS + (physical(i) << 4); }

// @ts-ignore: decorator
@inline export function isEmpty(i: u32): bool { return ((<u32>load<u16>(FPU_TAG) >> (physical(i) << 1)) & 3) == 3; }

export function setEmpty(i: u32): void {
  store<u16>(FPU_TAG, <u16>(<u32>load<u16>(FPU_TAG) | (3 << (physical(i) << 1))));
}

/** Writes ST(i) and marks it in use. */
export function setStackRegister(i: u32, significand: u64, signExponent: u32): void {
  const register = stackRegister(i);
  store<u64>(register, significand);
  store<u16>(register, <u16>signExponent, 8);
  store<u16>(FPU_TAG, <u16>(<u32>load<u16>(FPU_TAG) & ~(3 << (physical(i) << 1))));
}

/** Frees ST(0) and increments TOP. */
export function popStack(): void {
  setEmpty(0);
  setTopOfStack(topOfStack() + 1);
}

/** Decrements TOP; the caller writes ST(0). */
export function growStack(): void { setTopOfStack(topOfStack() - 1); }

/** FNINIT (SDM volume 2, FINIT). The data registers keep their contents. */
export function initializeFpu(): void {
  store<u16>(FPU_CONTROL, <u16>CONTROL_INITIAL);
  store<u16>(FPU_STATUS, 0);
  store<u16>(FPU_TAG, 0xffff);
  store<u16>(FPU_OPCODE, 0);
  store<u64>(FPU_INSTRUCTION_POINTER, 0);
  store<u64>(FPU_DATA_POINTER, 0);
  store<u16>(FPU_INSTRUCTION_SELECTOR, 0);
  store<u16>(FPU_DATA_SELECTOR, 0);
}

/** Loads the control word; an exception it unmasks becomes pending. */
export function setControlWord(value: u32): void {
  store<u16>(FPU_CONTROL, <u16>((value & CONTROL_WRITABLE) | 0x40));
  updateSummary();
}

/** Derives ES and B from the exception flags and their masks; call after loading either word (FLDENV, FXRSTOR). */
export function updateSummary(): void {
  let status = <u32>load<u16>(FPU_STATUS) & ~(ES_SUMMARY | BUSY);
  if ((status & ~(<u32>load<u16>(FPU_CONTROL)) & ALL_EXCEPTIONS) != 0) status |= ES_SUMMARY | BUSY;
  store<u16>(FPU_STATUS, <u16>status);
}

/** #NM if CR0 says that the FPU is absent or belongs to another task. */
// @ts-ignore: decorator
@inline export function checkAvailable(): void {
  if ((load<u64>(CR0) & (CR0_EM | CR0_TS)) != 0) raise(EXCEPTION_NM);
}

/** #MF if an unmasked exception is pending. With CR0.NE clear a PC would raise IRQ 13 through FERR#; that wiring is not
 * emulated, so execution goes on as it does with IGNNE# asserted. */
// @ts-ignore: decorator
@inline export function checkPendingFpuError(): void {
  if ((<u32>load<u16>(FPU_STATUS) & ES_SUMMARY) != 0 && (load<u64>(CR0) & CR0_NE) != 0) raise(EXCEPTION_MF);
}

/** What every waiting x87 instruction checks before anything else. */
// @ts-ignore: decorator
@inline export function checkWaiting(): void {
  checkAvailable();
  checkPendingFpuError();
}

/** Records the last instruction pointer and opcode: for every x87 instruction but the control ones. */
export function recordInstruction(op: u32): void {
  store<u64>(FPU_INSTRUCTION_POINTER, thisRip(op));
  store<u16>(FPU_INSTRUCTION_SELECTOR, load<u16>(segmentState(CS), SEGMENT_SELECTOR));
  store<u16>(FPU_OPCODE, <u16>(((<u32>load<u16>(op, OP_CODE) & 7) << 8) | modrm(op)));
}

/** As recordInstruction, with the data pointer of its memory operand. */
export function recordMemoryInstruction(op: u32): void {
  recordInstruction(op);
  store<u64>(FPU_DATA_POINTER, effectiveOffset(op));
  store<u16>(FPU_DATA_SELECTOR, load<u16>(segmentState(operandSegment(op)), SEGMENT_SELECTOR));
}

/** The tag of a physical register by its contents: 0 valid, 1 zero, 2 special (NaN, infinity, denormal, unsupported),
 * 3 empty. */
function tagOf(n: u32): u32 {
  if (((<u32>load<u16>(FPU_TAG) >> (n << 1)) & 3) == 3) return 3;
  const register = FPU_REGISTERS + (n << 4);
  const exponent = <u32>load<u16>(register, 8) & 0x7fff;
  const significand = load<u64>(register);
  if (exponent == 0) return significand == 0 ? 1 : 2;
  return exponent == 0x7fff || <i64>significand >= 0 ? 2 : 0;
}

/** The tag word as FNSTENV and FNSAVE store it. */
export function fullTagWord(): u32 {
  let word: u32 = 0;
  for (let n: u32 = 0; n < 8; n++) word |= tagOf(n) << (n << 1);
  return word;
}

/** Loads a full tag word: only empty or not is kept. */
export function setFullTagWord(word: u32): void {
  const empty = word & (word >> 1) & 0x5555;
  store<u16>(FPU_TAG, <u16>(empty * 3));
}

/** The abridged tag byte of FXSAVE and XSAVE: bit n set if Rn is not empty (SDM volume 1, 10.5.1.1). */
export function fullTagToAbridged(): u32 {
  const word = <u32>load<u16>(FPU_TAG);
  let abridged: u32 = 0;
  for (let n: u32 = 0; n < 8; n++) if (((word >> (n << 1)) & 3) != 3) abridged |= 1 << n;
  return abridged;
}

/** Loads the abridged tag byte of FXRSTOR and XRSTOR. */
export function setTagFromAbridged(abridged: u32): void {
  let word: u32 = 0;
  for (let n: u32 = 0; n < 8; n++) if ((abridged & (1 << n)) == 0) word |= 3 << (n << 1);
  store<u16>(FPU_TAG, <u16>word);
}

/** What every MMX instruction but EMMS does to the x87 state (SDM volume 1, 9.5): TOP 0, all registers in use. */
export function enterMmx(): void {
  store<u16>(FPU_STATUS, <u16>(<u32>load<u16>(FPU_STATUS) & ~0x3800));
  store<u16>(FPU_TAG, 0);
}

/** Writes an MMX register at its state address (mmxReg, mmxRm): the exponent and sign become all ones. */
// @ts-ignore: decorator
@inline export function storeMmx(address: u32, value: u64): void {
  store<u64>(address, value);
  store<u16>(address, 0xffff, 8);
}

/** EMMS: TOP 0 as well, and all registers empty. */
export function leaveMmx(): void {
  enterMmx();
  store<u16>(FPU_TAG, 0xffff);
}
