// IN, OUT, INS and OUTS, with the I/O permission bitmap of the TSS. SDM volume 1, 19.5.

import { CPL, CR0, EFLAGS, ES, RAX, RCX, RDI, RDX, RIP, RSI, SEGMENT_ATTRIBUTES, SEGMENT_BASE, SEGMENT_LIMIT, TR } from "../state";
import { OPF_F2, OPF_F3, immediate, nextRip, opFlags, operandWidth, thisRip } from "../decode/instruction";
import { BYTE, ENDS, IMM8U, JUMPS, ONE, define } from "../decode/tables";
import { DF, IOPL, VM } from "../execute/flags";
import { addressSize, linearAddress, operandSegment, segmentState } from "../execute/address";
import { portRead, portWrite } from "../host";
import { probeWrite, read, write } from "../memory/access";
import { EXCEPTION_GP, raiseWithCode } from "./exceptions";
import { CR0_PE } from "./mode";
import { checkPortBreakpoints } from "./debug";
import { readTable } from "./privileged-memory";

/** Offset in a 32- or 64-bit TSS of the bitmap's offset. */
const TSS_IO_MAP_BASE: u32 = 0x66;
/** Elements that one execution of a repeated instruction moves. */
const REPEAT_MAX: u64 = 1024;

/** Raises #GP(0) unless CPL <= IOPL or the bitmap allows each of `size` ports. */
function checkPermission(port: u32, size: u32): void {
  if ((load<u64>(CR0) & CR0_PE) == 0) return;
  const eflags = load<u32>(EFLAGS);
  if ((eflags & VM) == 0 && load<u32>(CPL) <= (eflags & IOPL) >> 12) return;
  const tr = segmentState(TR);
  const limit = load<u32>(tr, SEGMENT_LIMIT);
  // A 16-bit TSS has no bitmap.
  if ((load<u32>(tr, SEGMENT_ATTRIBUTES) & 8) == 0 || limit < TSS_IO_MAP_BASE + 1) raiseWithCode(EXCEPTION_GP, 0);
  const base = load<u64>(tr, SEGMENT_BASE);
  const offset = <u32>readTable<u16>(base + TSS_IO_MAP_BASE) + (port >> 3);
  // Two bytes are read always, so that an access across a byte needs no second look.
  if (offset + 1 > limit) raiseWithCode(EXCEPTION_GP, 0);
  const bits: u32 = readTable<u16>(base + offset);
  if (((bits >> (port & 7)) & ((1 << size) - 1)) != 0) raiseWithCode(EXCEPTION_GP, 0);
}

// @ts-ignore: decorator
@inline function portSize(op: u32): u32 { return min(operandWidth(op), 4); }

function input(op: u32, port: u32): void {
  const size = portSize(op);
  checkPermission(port, size);
  const value = portRead(port, size);
  checkPortBreakpoints(port, size);
  if (size == 1) store<u8>(RAX, <u8>value);
  else if (size == 2) store<u16>(RAX, <u16>value);
  else store<u64>(RAX, value);
}

function output(op: u32, port: u32): void {
  const size = portSize(op);
  checkPermission(port, size);
  const value = load<u32>(RAX);
  portWrite(port, size, size == 1 ? value & 0xff : size == 2 ? value & 0xffff : value);
  checkPortBreakpoints(port, size);
}

function inImmediate(op: u32): void { input(op, <u32>immediate(op) & 0xff); }
function inDx(op: u32): void { input(op, load<u16>(RDX)); }
function outImmediate(op: u32): void { output(op, <u32>immediate(op) & 0xff); }
function outDx(op: u32): void { output(op, load<u16>(RDX)); }

function indexRegister(register: u32, size: u32): u64 {
  return size == 8 ? load<u64>(register) : size == 4 ? <u64>load<u32>(register) : <u64>load<u16>(register);
}
function setIndexRegister(register: u32, value: u64, size: u32): void {
  if (size == 8) store<u64>(register, value);
  else if (size == 4) store<u64>(register, value & 0xffffffff);
  else store<u16>(register, <u16>value);
}

/** One element from the port to ES:DI. The page is checked first: a port is not read twice. */
function inputElement(port: u32, size: u32, addressBytes: u32): void {
  const address = linearAddress(ES, indexRegister(RDI, addressBytes), size, true);
  probeWrite(address, size);
  const value = portRead(port, size);
  if (size == 1) write<u8>(address, <u8>value);
  else if (size == 2) write<u16>(address, <u16>value);
  else write<u32>(address, value);
}

function outputElement(port: u32, size: u32, addressBytes: u32, segment: u32): void {
  const address = linearAddress(segment, indexRegister(RSI, addressBytes), size, false);
  const value: u32 = size == 1 ? read<u8>(address) : size == 2 ? read<u16>(address) : read<u32>(address);
  portWrite(port, size, value);
}

/** INS and OUTS. A repeated one moves up to REPEAT_MAX elements and leaves RIP at itself if more are left. */
function transferString(op: u32, isInput: bool): void {
  const size = portSize(op);
  const addressBytes = addressSize(op);
  const port: u32 = load<u16>(RDX);
  const repeated = (opFlags(op) & (OPF_F2 | OPF_F3)) != 0;
  let left: u64 = repeated ? indexRegister(RCX, addressBytes) : 1;
  if (left != 0) checkPermission(port, size);
  const pointer = isInput ? RDI : RSI;
  const step: u64 = (load<u32>(EFLAGS) & DF) != 0 ? -(<u64>size) : <u64>size;
  const segment = operandSegment(op);
  let moved: u64 = 0;
  while (left != 0 && moved < REPEAT_MAX) {
    if (isInput) inputElement(port, size, addressBytes);
    else outputElement(port, size, addressBytes, segment);
    setIndexRegister(pointer, indexRegister(pointer, addressBytes) + step, addressBytes);
    left--;
    moved++;
    if (repeated) setIndexRegister(RCX, left, addressBytes);
    checkPortBreakpoints(port, size);
  }
  store<u64>(RIP, left != 0 ? thisRip(op) : nextRip(op));
}
function ins(op: u32): void { transferString(op, true); }
function outs(op: u32): void { transferString(op, false); }

export function registerInputOutput(): void {
  define(ONE | 0xe4, BYTE | IMM8U, inImmediate);
  define(ONE | 0xe5, IMM8U, inImmediate);
  define(ONE | 0xe6, BYTE | IMM8U, outImmediate);
  define(ONE | 0xe7, IMM8U, outImmediate);
  define(ONE | 0xec, BYTE, inDx);
  define(ONE | 0xed, 0, inDx);
  define(ONE | 0xee, BYTE, outDx);
  define(ONE | 0xef, 0, outDx);
  define(ONE | 0x6c, BYTE | ENDS | JUMPS, ins);
  define(ONE | 0x6d, ENDS | JUMPS, ins);
  define(ONE | 0x6e, BYTE | ENDS | JUMPS, outs);
  define(ONE | 0x6f, ENDS | JUMPS, outs);
}
