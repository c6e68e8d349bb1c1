// Loads, stores and what moves the register stack (SDM volume 2: FLD, FST, FILD, FIST, FISTTP, FBLD, FBSTP, FXCH,
// FCMOV, FFREE, FINCSTP, FDECSTP, constants). A store writes memory before it changes the FPU, so that a page fault
// restarts it.

import { FORM_MEMORY, FORM_REGISTER, MODRM, ONE, defineForm } from "../../decode/tables";
import { OP_CODE, modrm, modrmReg } from "../../decode/instruction";
import { probeWrite, read, write } from "../../memory/access";
import { EXCEPTION_UD, raise } from "../../system/exceptions";
import { operandAddress } from "../address";
import { condition } from "../flags";
import { loadConstant } from "./constants";
import {
  expandDouble,
  expandSingle,
  expandedDenormal,
  fromInteger,
  fromPacked,
  packedHigh,
  toDouble,
  toInteger,
  toPacked,
  toSingle,
} from "./conversion";
import {
  begin,
  commit,
  exceptions,
  isSignaling,
  masked,
  mayStore,
  note,
  resultSignExponent,
  resultSignificand,
  setResult,
  setStackFault,
} from "./extended";
import { finishQuick, pushNarrowQuick, quickBits, roundQuick } from "./quick";
import {
  DE,
  IE,
  INDEFINITE_SIGNIFICAND,
  INDEFINITE_SIGN_EXPONENT,
  checkWaiting,
  growStack,
  isEmpty,
  popStack,
  recordInstruction,
  recordMemoryInstruction,
  setEmpty,
  setStackRegister,
  setTopOfStack,
  stackRegister,
  topOfStack,
} from "./state";

/** Pushes the result if the stack has room and the exceptions allow. */
export function pushResult(): void {
  if (!isEmpty(7)) {
    begin();
    setStackFault(true);
  }
  const stored = commit();
  // An unmasked denormal exception is reported with the number loaded.
  if (!stored && (exceptions & IE) != 0 && !masked(IE)) return;
  growStack();
  setStackRegister(0, resultSignificand, resultSignExponent);
}

/** FLD of a single or double: the two that can raise exceptions. */
export function pushExpanded(): void {
  if (expandedDenormal) note(DE);
  if (isSignaling(resultSignificand, resultSignExponent)) {
    note(IE);
    setResult(resultSignificand | INDEFINITE_SIGNIFICAND, resultSignExponent);
  }
  pushResult();
}

function fldSingle(op: u32): void {
  checkWaiting();
  const value = read<u32>(operandAddress(op, 4, false));
  if (pushNarrowQuick(value, 23)) {
    recordMemoryInstruction(op);
    return;
  }
  begin();
  expandSingle(value);
  recordMemoryInstruction(op);
  pushExpanded();
}

function fldDouble(op: u32): void {
  checkWaiting();
  const value = read<u64>(operandAddress(op, 8, false));
  if (pushNarrowQuick(value, 52)) {
    recordMemoryInstruction(op);
    return;
  }
  begin();
  expandDouble(value);
  recordMemoryInstruction(op);
  pushExpanded();
}

function fldExtended(op: u32): void {
  checkWaiting();
  begin();
  const address = operandAddress(op, 10, false);
  const significand = read<u64>(address);
  setResult(significand, read<u16>(address + 8));
  recordMemoryInstruction(op);
  pushResult();
}

function fldRegister(op: u32): void {
  checkWaiting();
  begin();
  recordInstruction(op);
  const i = modrm(op) & 7;
  if (isEmpty(i)) setStackFault(false);
  else setResult(load<u64>(stackRegister(i)), load<u16>(stackRegister(i), 8));
  pushResult();
}

function fildWord(op: u32): void {
  checkWaiting();
  begin();
  fromInteger(<i64><i16>read<u16>(operandAddress(op, 2, false)));
  recordMemoryInstruction(op);
  pushResult();
}

function fildDword(op: u32): void {
  checkWaiting();
  begin();
  fromInteger(<i64><i32>read<u32>(operandAddress(op, 4, false)));
  recordMemoryInstruction(op);
  pushResult();
}

function fildQword(op: u32): void {
  checkWaiting();
  begin();
  fromInteger(<i64>read<u64>(operandAddress(op, 8, false)));
  recordMemoryInstruction(op);
  pushResult();
}

function fbld(op: u32): void {
  checkWaiting();
  begin();
  const address = operandAddress(op, 10, false);
  const low = read<u64>(address);
  fromPacked(low, read<u16>(address + 8));
  recordMemoryInstruction(op);
  pushResult();
}

function loadConstants(op: u32): void {
  const n = modrm(op) & 7;
  if (n == 7) raise(EXCEPTION_UD);
  checkWaiting();
  begin();
  recordInstruction(op);
  loadConstant(n);
  pushResult();
}

// What a store stores: ST(0), or the default NaN for an empty register.
export let storedSignificand: u64 = 0;
export let storedSignExponent: u32 = 0;

function beginStore(): void {
  checkWaiting();
  takeStored();
}

export function takeStored(): void {
  begin();
  if (isEmpty(0)) {
    setStackFault(false);
    storedSignificand = INDEFINITE_SIGNIFICAND;
    storedSignExponent = INDEFINITE_SIGN_EXPONENT;
  } else {
    const register = stackRegister(0);
    storedSignificand = load<u64>(register);
    storedSignExponent = load<u16>(register, 8);
  }
}

function endStore(op: u32, stored: bool, pop: bool): void {
  recordMemoryInstruction(op);
  finishStore(stored, pop);
}

export function finishStore(stored: bool, pop: bool): void {
  commit();
  if (stored && pop) popStack();
}

function fstSingle(op: u32): void {
  checkWaiting();
  if (roundQuick(23)) {
    write<u32>(operandAddress(op, 4, true), <u32>quickBits);
    recordMemoryInstruction(op);
    finishQuick(modrmReg(op) == 3);
    return;
  }
  beginStore();
  const value = toSingle(storedSignificand, storedSignExponent);
  const stored = mayStore();
  if (stored) write<u32>(operandAddress(op, 4, true), value);
  endStore(op, stored, modrmReg(op) == 3);
}

function fstDouble(op: u32): void {
  checkWaiting();
  if (roundQuick(52)) {
    write<u64>(operandAddress(op, 8, true), <u64>quickBits);
    recordMemoryInstruction(op);
    finishQuick(modrmReg(op) == 3);
    return;
  }
  beginStore();
  const value = toDouble(storedSignificand, storedSignExponent);
  const stored = mayStore();
  if (stored) write<u64>(operandAddress(op, 8, true), value);
  endStore(op, stored, modrmReg(op) == 3);
}

/** Ten bytes: nothing is written if any of them would fault. */
function writeTen(op: u32, low: u64, high: u32): void {
  const address = operandAddress(op, 10, true);
  probeWrite(address, 10);
  write<u64>(address, low);
  write<u16>(address + 8, <u16>high);
}

function fstpExtended(op: u32): void {
  beginStore();
  const stored = mayStore();
  if (stored) writeTen(op, storedSignificand, storedSignExponent);
  endStore(op, stored, true);
}

function fbstp(op: u32): void {
  beginStore();
  const low = toPacked(storedSignificand, storedSignExponent);
  const stored = mayStore();
  if (stored) writeTen(op, low, packedHigh);
  endStore(op, stored, true);
}

// ModRM.reg 1 is FISTTP, 2 FIST, the others FISTP.
function fistWord(op: u32): void {
  beginStore();
  const reg = modrmReg(op);
  const value = toInteger(storedSignificand, storedSignExponent, 2, reg == 1);
  const stored = mayStore();
  if (stored) write<u16>(operandAddress(op, 2, true), <u16>value);
  endStore(op, stored, reg != 2);
}

function fistDword(op: u32): void {
  beginStore();
  const reg = modrmReg(op);
  const value = toInteger(storedSignificand, storedSignExponent, 4, reg == 1);
  const stored = mayStore();
  if (stored) write<u32>(operandAddress(op, 4, true), <u32>value);
  endStore(op, stored, reg != 2);
}

function fistQword(op: u32): void {
  beginStore();
  const value = toInteger(storedSignificand, storedSignExponent, 8, modrmReg(op) == 1);
  const stored = mayStore();
  if (stored) write<u64>(operandAddress(op, 8, true), value);
  endStore(op, stored, true);
}

/** FST ST(i) (DD /2) and FSTP ST(i) (DD /3 and its aliases). */
function fstRegister(op: u32): void {
  checkWaiting();
  begin();
  recordInstruction(op);
  if (isEmpty(0)) setStackFault(false);
  else setResult(load<u64>(stackRegister(0)), load<u16>(stackRegister(0), 8));
  if (!commit()) return;
  setStackRegister(modrm(op) & 7, resultSignificand, resultSignExponent);
  const isFst = (<u32>load<u16>(op, OP_CODE) & 0xff) == 0xdd && modrmReg(op) == 2;
  if (!isFst) popStack();
}

/** An empty register that a masked fault lets be read holds the default NaN. */
function fillEmpty(i: u32): void {
  if (isEmpty(i)) setStackRegister(i, INDEFINITE_SIGNIFICAND, INDEFINITE_SIGN_EXPONENT);
}

function fxch(op: u32): void {
  checkWaiting();
  begin();
  recordInstruction(op);
  const i = modrm(op) & 7;
  if (isEmpty(0) || isEmpty(i)) setStackFault(false);
  if (!commit()) return;
  fillEmpty(0);
  fillEmpty(i);
  const top = stackRegister(0);
  const other = stackRegister(i);
  const significand = load<u64>(top);
  const signExponent = load<u16>(top, 8);
  store<u64>(top, load<u64>(other));
  store<u16>(top, load<u16>(other, 8), 8);
  store<u64>(other, significand);
  store<u16>(other, signExponent, 8);
}

/** FCMOVcc: conditions B, E, BE, U by ModRM.reg, negated in opcode DB. */
function fcmov(op: u32): void {
  checkWaiting();
  begin();
  recordInstruction(op);
  const i = modrm(op) & 7;
  const reg = modrmReg(op);
  const negated = (<u32>load<u16>(op, OP_CODE) & 0xff) == 0xdb;
  if (isEmpty(0) || isEmpty(i)) {
    setStackFault(false);
    if (commit()) setStackRegister(0, resultSignificand, resultSignExponent);
    return;
  }
  commit();
  // Condition codes of Jcc: B 2, E 4, BE 6, P 10.
  const holds = condition(reg == 3 ? 10 : 2 + 2 * reg);
  const other = stackRegister(i);
  if (holds != negated) setStackRegister(0, load<u64>(other), load<u16>(other, 8));
}

function ffree(op: u32): void {
  checkWaiting();
  recordInstruction(op);
  setEmpty(modrm(op) & 7);
}

/** DF /0, undocumented: FFREE, then a pop. */
function ffreep(op: u32): void {
  ffree(op);
  popStack();
}

export function fdecstp(op: u32): void {
  checkWaiting();
  recordInstruction(op);
  begin();
  commit();
  setTopOfStack(topOfStack() - 1);
}

export function fincstp(op: u32): void {
  checkWaiting();
  recordInstruction(op);
  begin();
  commit();
  setTopOfStack(topOfStack() + 1);
}

/** D9 /2: FNOP is D9 D0 alone. */
function fnop(op: u32): void {
  if ((modrm(op) & 7) != 0) raise(EXCEPTION_UD);
  checkWaiting();
  recordInstruction(op);
}

function memory(opcode: u32, reg: u32, handler: (op: u32) => void): void {
  defineForm(ONE | opcode, reg, FORM_MEMORY, MODRM, handler);
}

function register(opcode: u32, reg: u32, handler: (op: u32) => void): void {
  defineForm(ONE | opcode, reg, FORM_REGISTER, MODRM, handler);
}

export function registerX87LoadStore(): void {
  memory(0xd9, 0, fldSingle);
  memory(0xd9, 2, fstSingle);
  memory(0xd9, 3, fstSingle);
  memory(0xdb, 0, fildDword);
  memory(0xdb, 1, fistDword);
  memory(0xdb, 2, fistDword);
  memory(0xdb, 3, fistDword);
  memory(0xdb, 5, fldExtended);
  memory(0xdb, 7, fstpExtended);
  memory(0xdd, 0, fldDouble);
  memory(0xdd, 1, fistQword);
  memory(0xdd, 2, fstDouble);
  memory(0xdd, 3, fstDouble);
  memory(0xdf, 0, fildWord);
  memory(0xdf, 1, fistWord);
  memory(0xdf, 2, fistWord);
  memory(0xdf, 3, fistWord);
  memory(0xdf, 4, fbld);
  memory(0xdf, 5, fildQword);
  memory(0xdf, 6, fbstp);
  memory(0xdf, 7, fistQword);

  register(0xd9, 0, fldRegister);
  register(0xd9, 1, fxch);
  register(0xd9, 2, fnop);
  register(0xd9, 5, loadConstants);
  for (let reg: u32 = 0; reg < 4; reg++) {
    register(0xda, reg, fcmov);
    register(0xdb, reg, fcmov);
  }
  register(0xdd, 0, ffree);
  register(0xdd, 2, fstRegister);
  register(0xdd, 3, fstRegister);
  // Aliases that processors decode though the SDM does not list them.
  register(0xd9, 3, fstRegister);
  register(0xdd, 1, fxch);
  register(0xdf, 0, ffreep);
  register(0xdf, 1, fxch);
  register(0xdf, 2, fstRegister);
  register(0xdf, 3, fstRegister);
}
