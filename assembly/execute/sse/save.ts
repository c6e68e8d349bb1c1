// FXSAVE, FXRSTOR, XSAVE and XRSTOR in the standard format, for the components x87 and SSE (SDM volume 1, 10.5 and
// 13.4). An image is laid out in static memory; the guest's memory is checked as a whole before the first write, and
// read as a whole before the first register changes.

import { OPF_REX_W, opFlags } from "../../decode/instruction";
import { FORM_MEMORY, MODRM, PP_NONE, TWO, definePrefixedForm } from "../../decode/tables";
import { probeWrite, read, readVector, write, writeVector } from "../../memory/access";
import {
  CODE_MODE,
  CR0,
  CR4,
  FPU_CONTROL,
  FPU_DATA_POINTER,
  FPU_DATA_SELECTOR,
  FPU_INSTRUCTION_POINTER,
  FPU_INSTRUCTION_SELECTOR,
  FPU_OPCODE,
  FPU_REGISTERS,
  FPU_STATUS,
  MODE_64,
  MXCSR,
  RAX,
  RDX,
  XCR0,
  XMM,
} from "../../state";
import { EXCEPTION_GP, EXCEPTION_NM, EXCEPTION_UD, raise, raiseWithCode } from "../../system/exceptions";
import { CR0_EM, CR0_TS, CR4_OSXSAVE } from "../../system/mode";
import { operandAddress } from "../address";
import {
  fullTagToAbridged,
  initializeFpu,
  setControlWord,
  setTagFromAbridged,
  stackRegister,
} from "../x87/state";
import { MXCSR_MASK } from "./mxcsr";

// Offsets in the image (SDM volume 1, table 10-2).
const IMAGE_STATUS: u32 = 2;
const IMAGE_TAG: u32 = 4;
const IMAGE_OPCODE: u32 = 6;
const IMAGE_INSTRUCTION: u32 = 8;
const IMAGE_DATA: u32 = 16;
const IMAGE_MXCSR: u32 = 24;
const IMAGE_MXCSR_MASK: u32 = 28;
const IMAGE_ST: u32 = 32;
const IMAGE_XMM: u32 = 160;
const IMAGE_SIZE: u32 = 512;
/** The XSAVE header: XSTATE_BV, XCOMP_BV, 48 bytes reserved. */
const HEADER_SIZE: u32 = 64;

const COMPONENT_X87: u64 = 1;
const COMPONENT_SSE: u64 = 2;
const COMPONENT_AVX: u64 = 4;

const image = memory.data(576, 16);

/** XMM registers that exist in this mode. */
// @ts-ignore: decorator
@inline function xmmCount(): u32 { return load<u32>(CODE_MODE) == MODE_64 ? 16 : 8; }

function buildX87(wide: bool): void {
  memory.fill(image, 0, IMAGE_MXCSR);
  store<u16>(image, load<u16>(FPU_CONTROL));
  store<u16>(image, load<u16>(FPU_STATUS), IMAGE_STATUS);
  store<u8>(image, <u8>fullTagToAbridged(), IMAGE_TAG);
  store<u16>(image, load<u16>(FPU_OPCODE), IMAGE_OPCODE);
  if (wide) {
    store<u64>(image, load<u64>(FPU_INSTRUCTION_POINTER), IMAGE_INSTRUCTION);
    store<u64>(image, load<u64>(FPU_DATA_POINTER), IMAGE_DATA);
  } else {
    store<u32>(image, load<u32>(FPU_INSTRUCTION_POINTER), IMAGE_INSTRUCTION);
    store<u16>(image, load<u16>(FPU_INSTRUCTION_SELECTOR), IMAGE_INSTRUCTION + 4);
    store<u32>(image, load<u32>(FPU_DATA_POINTER), IMAGE_DATA);
    store<u16>(image, load<u16>(FPU_DATA_SELECTOR), IMAGE_DATA + 4);
  }
  for (let n: u32 = 0; n < 8; n++) {
    const at = image + IMAGE_ST + (n << 4);
    store<u64>(at, load<u64>(stackRegister(n)));
    store<u64>(at, <u64>load<u16>(stackRegister(n), 8), 8);
  }
}

function restoreX87(wide: bool): void {
  store<u16>(FPU_STATUS, load<u16>(image, IMAGE_STATUS));
  setTagFromAbridged(load<u8>(image, IMAGE_TAG));
  store<u16>(FPU_OPCODE, load<u16>(image, IMAGE_OPCODE) & 0x7ff);
  if (wide) {
    store<u64>(FPU_INSTRUCTION_POINTER, load<u64>(image, IMAGE_INSTRUCTION));
    store<u64>(FPU_DATA_POINTER, load<u64>(image, IMAGE_DATA));
    store<u16>(FPU_INSTRUCTION_SELECTOR, 0);
    store<u16>(FPU_DATA_SELECTOR, 0);
  } else {
    store<u64>(FPU_INSTRUCTION_POINTER, load<u32>(image, IMAGE_INSTRUCTION));
    store<u16>(FPU_INSTRUCTION_SELECTOR, load<u16>(image, IMAGE_INSTRUCTION + 4));
    store<u64>(FPU_DATA_POINTER, load<u32>(image, IMAGE_DATA));
    store<u16>(FPU_DATA_SELECTOR, load<u16>(image, IMAGE_DATA + 4));
  }
  for (let n: u32 = 0; n < 8; n++) {
    const at = image + IMAGE_ST + (n << 4);
    store<u64>(stackRegister(n), load<u64>(at));
    store<u16>(stackRegister(n), load<u16>(at, 8), 8);
  }
  // Last: it derives the summary bit from the status word.
  setControlWord(load<u16>(image));
}

/** The x87 state that XRSTOR gives a component whose XSTATE_BV bit is clear. */
function initializeX87(): void {
  initializeFpu();
  memory.fill(FPU_REGISTERS, 0, 128);
}

/** Writes bytes `from`..`to` of the image, multiples of 16. */
function writeImage(address: u64, from: u32, to: u32): void {
  for (let at = from; at < to; at += 16) writeVector(address + at, v128.load(image + at));
}
function readImage(address: u64, size: u32): void {
  for (let at: u32 = 0; at < size; at += 16) v128.store(image + at, readVector(address + at));
}

/** MXCSR in the image: #GP(0) if a reserved bit is set. */
function checkImageMxcsr(): void {
  if ((load<u32>(image, IMAGE_MXCSR) & ~MXCSR_MASK) != 0) raiseWithCode(EXCEPTION_GP, 0);
}

function imageAddress(op: u32, size: u32, alignment: u32, isWrite: bool): u64 {
  const address = operandAddress(op, size, isWrite);
  if ((<u32>address & (alignment - 1)) != 0) raiseWithCode(EXCEPTION_GP, 0);
  return address;
}

function fxsave(op: u32): void {
  if ((load<u64>(CR0) & (CR0_EM | CR0_TS)) != 0) raise(EXCEPTION_NM);
  const address = imageAddress(op, IMAGE_SIZE, 16, true);
  probeWrite(address, IMAGE_SIZE);
  buildX87((opFlags(op) & OPF_REX_W) != 0);
  store<u32>(image, load<u32>(MXCSR), IMAGE_MXCSR);
  store<u32>(image, MXCSR_MASK, IMAGE_MXCSR_MASK);
  memory.copy(image + IMAGE_XMM, XMM, xmmCount() << 4);
  writeImage(address, 0, IMAGE_XMM + (xmmCount() << 4));
}

function fxrstor(op: u32): void {
  if ((load<u64>(CR0) & (CR0_EM | CR0_TS)) != 0) raise(EXCEPTION_NM);
  const address = imageAddress(op, IMAGE_SIZE, 16, false);
  readImage(address, IMAGE_SIZE);
  checkImageMxcsr();
  restoreX87((opFlags(op) & OPF_REX_W) != 0);
  store<u32>(MXCSR, load<u32>(image, IMAGE_MXCSR));
  memory.copy(XMM, image + IMAGE_XMM, xmmCount() << 4);
}

/** Components that EDX:EAX asks for and XCR0 enables; #UD without CR4.OSXSAVE, #NM if CR0.TS. */
function requested(): u64 {
  if ((load<u64>(CR4) & CR4_OSXSAVE) == 0) raise(EXCEPTION_UD);
  if ((load<u64>(CR0) & CR0_TS) != 0) raise(EXCEPTION_NM);
  return load<u64>(XCR0) & (<u64>load<u32>(RAX) | (<u64>load<u32>(RDX) << 32));
}

/** Components are always taken as in use: XSTATE_BV gets the bit of each one that is saved. */
function xsave(op: u32): void {
  const components = requested();
  const address = imageAddress(op, IMAGE_SIZE + HEADER_SIZE, 64, true);
  probeWrite(address, IMAGE_SIZE + HEADER_SIZE);
  const present = read<u64>(address + IMAGE_SIZE);
  if ((components & COMPONENT_X87) != 0) {
    buildX87((opFlags(op) & OPF_REX_W) != 0);
    writeImage(address, 0, 16);
    write<u64>(address + IMAGE_DATA, load<u64>(image, IMAGE_DATA));
    writeImage(address, IMAGE_ST, IMAGE_XMM);
  }
  if ((components & (COMPONENT_SSE | COMPONENT_AVX)) != 0) {
    write<u64>(address + IMAGE_MXCSR, <u64>load<u32>(MXCSR) | (<u64>MXCSR_MASK << 32));
  }
  if ((components & COMPONENT_SSE) != 0) {
    memory.copy(image + IMAGE_XMM, XMM, xmmCount() << 4);
    writeImage(address, IMAGE_XMM, IMAGE_XMM + (xmmCount() << 4));
  }
  write<u64>(address + IMAGE_SIZE, present | components);
}

function xrstor(op: u32): void {
  const components = requested();
  const address = imageAddress(op, IMAGE_SIZE + HEADER_SIZE, 64, false);
  readImage(address, IMAGE_SIZE + HEADER_SIZE);
  const present = load<u64>(image, IMAGE_SIZE);
  // XSTATE_BV within XCR0; XCOMP_BV and the eight bytes after it zero (SDM volume 1, 13.8).
  const reserved = load<u64>(image, IMAGE_SIZE + 8) | load<u64>(image, IMAGE_SIZE + 16);
  if ((present & ~load<u64>(XCR0)) != 0 || reserved != 0) raiseWithCode(EXCEPTION_GP, 0);
  const mxcsr = (components & (COMPONENT_SSE | COMPONENT_AVX)) != 0;
  if (mxcsr) checkImageMxcsr();
  if ((components & COMPONENT_X87) != 0) {
    if ((present & COMPONENT_X87) != 0) restoreX87((opFlags(op) & OPF_REX_W) != 0);
    else initializeX87();
  }
  if (mxcsr) store<u32>(MXCSR, load<u32>(image, IMAGE_MXCSR));
  if ((components & COMPONENT_SSE) != 0) {
    if ((present & COMPONENT_SSE) != 0) memory.copy(XMM, image + IMAGE_XMM, xmmCount() << 4);
    else memory.fill(XMM, 0, xmmCount() << 4);
  }
}

function group(reg: u32, handler: (op: u32) => void): void {
  definePrefixedForm(TWO | 0xae, PP_NONE, reg, FORM_MEMORY, MODRM, handler);
}

export function registerStateSaves(): void {
  group(0, fxsave);
  group(1, fxrstor);
  group(4, xsave);
  group(5, xrstor);
}
