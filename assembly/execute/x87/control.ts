// Control of the FPU: control and status words, environment, whole state (SDM volume 2: FINIT, FCLEX, FLDCW, FSTCW,
// FSTSW, FLDENV, FSTENV, FSAVE, FRSTOR, WAIT; layouts: volume 1, 8.1.10). The waiting forms are FWAIT and the
// instruction.

import { modrm, operandWidth } from "../../decode/instruction";
import { FORM_MEMORY, FORM_REGISTER, MODRM, ONE, define, defineForm } from "../../decode/tables";
import { probeWrite, read, write } from "../../memory/access";
import {
  CR0,
  FPU_CONTROL,
  FPU_DATA_POINTER,
  FPU_DATA_SELECTOR,
  FPU_INSTRUCTION_POINTER,
  FPU_INSTRUCTION_SELECTOR,
  FPU_OPCODE,
  FPU_STATUS,
  PROTECTED,
  RAX,
} from "../../state";
import { EXCEPTION_NM, EXCEPTION_UD, raise } from "../../system/exceptions";
import { CR0_MP, CR0_TS } from "../../system/mode";
import { operandAddress } from "../address";
import {
  ALL_EXCEPTIONS,
  BUSY,
  ES_SUMMARY,
  STACK_FAULT,
  checkAvailable,
  checkPendingFpuError,
  checkWaiting,
  fullTagWord,
  initializeFpu,
  setControlWord,
  setFullTagWord,
  stackRegister,
  updateSummary,
} from "./state";

/** Eight registers of ten bytes. */
const REGISTERS_SIZE: u32 = 80;

function isWide(op: u32): bool { return operandWidth(op) != 2; }

/** An image of environment and registers on its way to or from the guest, so that a fault leaves nothing half done. */
const STAGED: u32 = <u32>memory.data(112, 8);

function stageWord(index: u32, value: u32, wide: bool): void {
  if (wide) store<u32>(STAGED + index * 4, value);
  else store<u16>(STAGED + index * 2, <u16>value);
}

function stageEnvironment(wide: bool): void {
  const protectedMode = load<u32>(PROTECTED) != 0;
  const opcode = <u32>load<u16>(FPU_OPCODE) & 0x7ff;
  const ipSelector = <u32>load<u16>(FPU_INSTRUCTION_SELECTOR);
  const dpSelector = <u32>load<u16>(FPU_DATA_SELECTOR);
  let ip = load<u32>(FPU_INSTRUCTION_POINTER);
  let dp = load<u32>(FPU_DATA_POINTER);
  // Reserved upper halves read as ones.
  stageWord(0, <u32>load<u16>(FPU_CONTROL) | 0xffff0000, wide);
  stageWord(1, <u32>load<u16>(FPU_STATUS) | 0xffff0000, wide);
  stageWord(2, fullTagWord() | 0xffff0000, wide);
  if (protectedMode) {
    stageWord(3, ip, wide);
    stageWord(4, ipSelector | (opcode << 16), wide);
    stageWord(5, dp, wide);
    stageWord(6, dpSelector | 0xffff0000, wide);
    return;
  }
  // Real and virtual-8086 mode store linear addresses: of 32 bits, or of 20 in the 16-bit format.
  ip += ipSelector << 4;
  dp += dpSelector << 4;
  stageWord(3, (ip & 0xffff) | 0xffff0000, wide);
  stageWord(4, ((ip >> 16) << 12) | opcode, wide);
  stageWord(5, (dp & 0xffff) | 0xffff0000, wide);
  stageWord(6, (dp >> 16) << 12, wide);
}

/** Reads `size` bytes of the guest to STAGED, in words of the format's width, which is what #AC looks at. */
function stage(address: u64, size: u32, wide: bool): void {
  if (wide) for (let i: u32 = 0; i < size; i += 4) store<u32>(STAGED + i, read<u32>(address + i));
  else for (let i: u32 = 0; i < size; i += 2) store<u16>(STAGED + i, read<u16>(address + i));
}

/** Writes `size` bytes of STAGED to the guest. */
function unstage(address: u64, size: u32, wide: bool): void {
  probeWrite(address, size);
  if (wide) for (let i: u32 = 0; i < size; i += 4) write<u32>(address + i, load<u32>(STAGED + i));
  else for (let i: u32 = 0; i < size; i += 2) write<u16>(address + i, load<u16>(STAGED + i));
}

function loadStagedEnvironment(wide: bool): void {
  const step: u32 = wide ? 4 : 2;
  const w0 = <u32>load<u16>(STAGED);
  const w1 = <u32>load<u16>(STAGED + step);
  const w2 = <u32>load<u16>(STAGED + 2 * step);
  let ip = wide ? load<u32>(STAGED + 12) : <u32>load<u16>(STAGED + 6);
  const ipHigh = wide ? load<u32>(STAGED + 16) : <u32>load<u16>(STAGED + 8);
  let dp = wide ? load<u32>(STAGED + 20) : <u32>load<u16>(STAGED + 10);
  const dpHigh = wide ? load<u32>(STAGED + 24) : <u32>load<u16>(STAGED + 12);
  if (load<u32>(PROTECTED) != 0) {
    store<u16>(FPU_INSTRUCTION_SELECTOR, <u16>ipHigh);
    store<u16>(FPU_DATA_SELECTOR, <u16>dpHigh);
    // The 16-bit format has no opcode.
    if (wide) store<u16>(FPU_OPCODE, <u16>((ipHigh >> 16) & 0x7ff));
  } else {
    ip = (ip & 0xffff) | (((ipHigh >> 12) & 0xffff) << 16);
    dp = (dp & 0xffff) | (((dpHigh >> 12) & 0xffff) << 16);
    store<u16>(FPU_INSTRUCTION_SELECTOR, 0);
    store<u16>(FPU_DATA_SELECTOR, 0);
    store<u16>(FPU_OPCODE, <u16>(ipHigh & 0x7ff));
  }
  store<u64>(FPU_INSTRUCTION_POINTER, ip);
  store<u64>(FPU_DATA_POINTER, dp);
  store<u16>(FPU_STATUS, <u16>w1);
  setFullTagWord(w2);
  setControlWord(w0);
}

function environmentSize(wide: bool): u32 { return wide ? 28 : 14; }

function fnstenv(op: u32): void {
  checkAvailable();
  const wide = isWide(op);
  const size = environmentSize(wide);
  stageEnvironment(wide);
  unstage(operandAddress(op, size, true), size, wide);
  store<u16>(FPU_CONTROL, <u16>(<u32>load<u16>(FPU_CONTROL) | ALL_EXCEPTIONS));
  updateSummary();
}

function fldenv(op: u32): void {
  checkWaiting();
  const wide = isWide(op);
  const size = environmentSize(wide);
  stage(operandAddress(op, size, false), size, wide);
  loadStagedEnvironment(wide);
}

function fnsave(op: u32): void {
  checkAvailable();
  const wide = isWide(op);
  const size = environmentSize(wide);
  stageEnvironment(wide);
  for (let i: u32 = 0; i < 8; i++) {
    const register = stackRegister(i);
    const to = STAGED + size + i * 10;
    store<u64>(to, load<u64>(register));
    store<u16>(to, load<u16>(register, 8), 8);
  }
  unstage(operandAddress(op, size + REGISTERS_SIZE, true), size + REGISTERS_SIZE, wide);
  initializeFpu();
}

function frstor(op: u32): void {
  checkWaiting();
  const wide = isWide(op);
  const size = environmentSize(wide);
  stage(operandAddress(op, size + REGISTERS_SIZE, false), size + REGISTERS_SIZE, wide);
  loadStagedEnvironment(wide);
  for (let i: u32 = 0; i < 8; i++) {
    const register = stackRegister(i);
    const from = STAGED + size + i * 10;
    store<u64>(register, load<u64>(from));
    store<u16>(register, load<u16>(from, 8), 8);
  }
}

function fldcw(op: u32): void {
  checkWaiting();
  setControlWord(read<u16>(operandAddress(op, 2, false)));
}

function fnstcw(op: u32): void {
  checkAvailable();
  write<u16>(operandAddress(op, 2, true), load<u16>(FPU_CONTROL));
}

function fnstsw(op: u32): void {
  checkAvailable();
  write<u16>(operandAddress(op, 2, true), load<u16>(FPU_STATUS));
}

/** DF E0. */
function fnstswAx(op: u32): void {
  if ((modrm(op) & 7) != 0) raise(EXCEPTION_UD);
  checkAvailable();
  store<u16>(RAX, load<u16>(FPU_STATUS));
}

/** DB /4: FNCLEX, FNINIT; FENI, FDISI and FSETPM of older coprocessors do nothing. */
function fpuControl(op: u32): void {
  const n = modrm(op) & 7;
  if (n > 4) raise(EXCEPTION_UD);
  checkAvailable();
  if (n == 2) {
    const cleared = ALL_EXCEPTIONS | STACK_FAULT | ES_SUMMARY | BUSY;
    store<u16>(FPU_STATUS, <u16>(<u32>load<u16>(FPU_STATUS) & ~cleared));
  } else if (n == 3) initializeFpu();
}

/** WAIT: #NM needs MP as well as TS. */
function fwait(op: u32): void {
  if ((load<u64>(CR0) & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS)) raise(EXCEPTION_NM);
  checkPendingFpuError();
}

function memoryForm(opcode: u32, reg: u32, handler: (op: u32) => void): void {
  defineForm(ONE | opcode, reg, FORM_MEMORY, MODRM, handler);
}

export function registerX87Control(): void {
  memoryForm(0xd9, 4, fldenv);
  memoryForm(0xd9, 5, fldcw);
  memoryForm(0xd9, 6, fnstenv);
  memoryForm(0xd9, 7, fnstcw);
  memoryForm(0xdd, 4, frstor);
  memoryForm(0xdd, 6, fnsave);
  memoryForm(0xdd, 7, fnstsw);
  defineForm(ONE | 0xdf, 4, FORM_REGISTER, MODRM, fnstswAx);
  defineForm(ONE | 0xdb, 4, FORM_REGISTER, MODRM, fpuControl);
  define(ONE | 0x9b, 0, fwait);
}
