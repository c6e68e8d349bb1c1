// The arithmetic instructions: operands from the stack and memory, results to the stack (SDM volume 2: FADD to FSQRT,
// FCOM to FXAM).

import { OP_CODE, modrm, modrmReg } from "../../decode/instruction";
import { FORM_MEMORY, FORM_REGISTER, MODRM, ONE, defineForm } from "../../decode/tables";
import { read } from "../../memory/access";
import { EXCEPTION_UD, raise } from "../../system/exceptions";
import { FPU_STATUS } from "../../state";
import { operandAddress } from "../address";
import { CF, PF, ZF, setStatusFlags } from "../flags";
import { addExtended, divideExtended, multiplyExtended } from "./arithmetic";
import { compareExtended, examine } from "./compare";
import { expandDouble, expandSingle, expandedDenormal, fromInteger } from "./conversion";
import {
  begin,
  commit,
  exceptions,
  isNaN80,
  note,
  resultSignExponent,
  resultSignificand,
  setStackFault,
} from "./extended";
import {
  C0,
  C1,
  C2,
  C3,
  DE,
  IE,
  ZE,
  checkWaiting,
  isEmpty,
  popStack,
  recordInstruction,
  recordMemoryInstruction,
  setStackRegister,
  stackRegister,
} from "./state";

const CONDITIONS: u32 = C3 | C2 | C0;

export function setConditions(mask: u32, value: u32): void {
  store<u16>(FPU_STATUS, <u16>((<u32>load<u16>(FPU_STATUS) & ~mask) | value));
}

/** The operation that ModRM.reg names: 0 a + b, 1 a * b, 4 a - b, 5 b - a, 6 a / b, 7 b / a. */
function operate(reg: u32, a: u64, aSignExponent: u32, b: u64, bSignExponent: u32): void {
  switch (reg) {
    case 0: addExtended(a, aSignExponent, b, bSignExponent, false); break;
    case 1: multiplyExtended(a, aSignExponent, b, bSignExponent); break;
    case 4: addExtended(a, aSignExponent, b, bSignExponent, true); break;
    case 5: addExtended(b, bSignExponent, a, aSignExponent, true); break;
    case 6: divideExtended(a, aSignExponent, b, bSignExponent); break;
    default: divideExtended(b, bSignExponent, a, aSignExponent); break;
  }
}

/** Expands the memory operand of D8 (m32), DA (m32int), DC (m64), DE (m16int) into the result. */
function readOperand(op: u32): void {
  switch (<u32>load<u16>(op, OP_CODE) & 6) {
    case 0: expandSingle(read<u32>(operandAddress(op, 4, false))); break;
    case 2: fromInteger(<i64><i32>read<u32>(operandAddress(op, 4, false))); break;
    case 4: expandDouble(read<u64>(operandAddress(op, 8, false))); break;
    default: fromInteger(<i64><i16>read<u16>(operandAddress(op, 2, false))); break;
  }
}

/** D8, DA, DC, DE with memory: ST(0) op memory, or FCOM (2) and FCOMP (3). */
function memoryArithmetic(op: u32): void {
  checkWaiting();
  begin();
  readOperand(op);
  recordMemoryInstruction(op);
  finishMemoryArithmetic(op);
}

/** The same once the operand is the result. */
export function finishMemoryArithmetic(op: u32): void {
  const reg = modrmReg(op);
  const comparing = (reg & 6) == 2;
  let conditions = CONDITIONS;
  if (isEmpty(0)) setStackFault(false);
  else {
    const a = load<u64>(stackRegister(0));
    const aSignExponent = <u32>load<u16>(stackRegister(0), 8);
    if (comparing) conditions = compareExtended(a, aSignExponent, resultSignificand, resultSignExponent, false);
    else operate(reg, a, aSignExponent, resultSignificand, resultSignExponent);
    // A NaN, an unsupported operand and a division by zero go before a denormal one.
    if (expandedDenormal && (exceptions & (IE | ZE)) == 0 && !isNaN80(a, aSignExponent)) note(DE);
  }
  const stored = commit();
  if (comparing) {
    setConditions(CONDITIONS, conditions);
    if (stored && reg == 3) popStack();
  } else if (stored) setStackRegister(0, resultSignificand, resultSignExponent);
}

/** D8 to ST(0); DC to ST(i); DE to ST(i), then pop. */
function registerArithmetic(op: u32): void {
  checkWaiting();
  begin();
  recordInstruction(op);
  const i = modrm(op) & 7;
  const opcode = <u32>load<u16>(op, OP_CODE) & 7;
  if (isEmpty(0) || isEmpty(i)) setStackFault(false);
  else {
    const a = stackRegister(0);
    const b = stackRegister(i);
    operate(modrmReg(op), load<u64>(a), load<u16>(a, 8), load<u64>(b), load<u16>(b, 8));
  }
  if (!commit()) return;
  setStackRegister(opcode == 0 ? 0 : i, resultSignificand, resultSignExponent);
  if (opcode == 6) popStack();
}

/** Compares ST(0) with ST(i); true if the stack may pop. The outcome counts even if an exception is unmasked. */
function compareRegister(op: u32, quiet: bool): bool {
  checkWaiting();
  begin();
  recordInstruction(op);
  const i = modrm(op) & 7;
  comparison = CONDITIONS;
  if (isEmpty(0) || isEmpty(i)) setStackFault(false);
  else {
    const a = stackRegister(0);
    const b = stackRegister(i);
    comparison = compareExtended(load<u64>(a), load<u16>(a, 8), load<u64>(b), load<u16>(b, 8), quiet);
  }
  return commit();
}
let comparison: u32 = 0;

function compareAndPop(op: u32, quiet: bool, pops: u32): void {
  const stored = compareRegister(op, quiet);
  setConditions(CONDITIONS, comparison);
  for (let n: u32 = 0; stored && n < pops; n++) popStack();
}

function fcom(op: u32): void { compareAndPop(op, false, 0); }
function fcomp(op: u32): void { compareAndPop(op, false, 1); }
function fucom(op: u32): void { compareAndPop(op, true, 0); }
function fucomp(op: u32): void { compareAndPop(op, true, 1); }

function fcompp(op: u32): void {
  if ((modrm(op) & 7) != 1) raise(EXCEPTION_UD);
  compareAndPop(op, false, 2);
}

function fucompp(op: u32): void {
  if ((modrm(op) & 7) != 1) raise(EXCEPTION_UD);
  compareAndPop(op, true, 2);
}

/** To EFLAGS: ZF from C3, PF from C2, CF from C0; OF, SF, AF clear. */
function compareFlags(op: u32, quiet: bool, pop: bool): void {
  const stored = compareRegister(op, quiet);
  setStatusFlags(
    ((comparison & C3) != 0 ? ZF : 0) | ((comparison & C2) != 0 ? PF : 0) | ((comparison & C0) != 0 ? CF : 0),
  );
  if (stored && pop) popStack();
}

function fcomi(op: u32): void { compareFlags(op, false, false); }
function fcomip(op: u32): void { compareFlags(op, false, true); }
function fucomi(op: u32): void { compareFlags(op, true, false); }
function fucomip(op: u32): void { compareFlags(op, true, true); }

function ftst(): void {
  let conditions = CONDITIONS;
  if (isEmpty(0)) setStackFault(false);
  else conditions = compareExtended(load<u64>(stackRegister(0)), load<u16>(stackRegister(0), 8), 0, 0, false);
  commit();
  setConditions(CONDITIONS, conditions);
}

function fxam(): void {
  const register = stackRegister(0);
  setConditions(CONDITIONS | C1, examine(load<u64>(register), load<u16>(register, 8), isEmpty(0)));
}

/** FCHS and FABS: the sign bit alone, of NaNs too. */
function changeSign(and: u32, xor: u32): void {
  if (isEmpty(0)) {
    setStackFault(false);
    if (commit()) setStackRegister(0, resultSignificand, resultSignExponent);
    return;
  }
  commit();
  const register = stackRegister(0);
  store<u16>(register, <u16>((<u32>load<u16>(register, 8) & and) ^ xor), 8);
}

/** D9 /4: FCHS, FABS, FTST, FXAM. */
function signAndClass(op: u32): void {
  const n = modrm(op) & 7;
  if (((1 << n) & 0b110011) == 0) raise(EXCEPTION_UD);
  checkWaiting();
  begin();
  recordInstruction(op);
  if (n == 0) changeSign(0xffff, 0x8000);
  else if (n == 1) changeSign(0x7fff, 0);
  else if (n == 4) ftst();
  else fxam();
}

function register(opcode: u32, reg: u32, handler: (op: u32) => void): void {
  defineForm(ONE | opcode, reg, FORM_REGISTER, MODRM, handler);
}

export function registerX87Compute(): void {
  for (let opcode: u32 = 0xd8; opcode <= 0xde; opcode += 2) {
    for (let reg: u32 = 0; reg < 8; reg++) {
      defineForm(ONE | opcode, reg, FORM_MEMORY, MODRM, memoryArithmetic);
      if (opcode != 0xda && (reg & 6) != 2) register(opcode, reg, registerArithmetic);
    }
  }
  register(0xd8, 2, fcom);
  register(0xd8, 3, fcomp);
  register(0xde, 3, fcompp);
  register(0xda, 5, fucompp);
  register(0xdb, 5, fucomi);
  register(0xdb, 6, fcomi);
  register(0xdd, 4, fucom);
  register(0xdd, 5, fucomp);
  register(0xdf, 5, fucomip);
  register(0xdf, 6, fcomip);
  register(0xd9, 4, signAndClass);
  // Aliases that processors decode though the SDM does not list them.
  register(0xdc, 2, fcom);
  register(0xdc, 3, fcomp);
  register(0xde, 2, fcomp);
}
