// Far JMP, CALL and RET: direct, through call gates, and to tasks. SDM volume 2, JMP, CALL, RET; volume 3, 6.8.

import {
  CPL,
  CS,
  LONG_MODE,
  PROTECTED,
  RIP,
  RSP,
  SEGMENT_LIMIT,
  SS,
} from "../state";
import { immediate, nextRip, operandWidth } from "../decode/instruction";
import {
  ENDS,
  FORM_MEMORY,
  IMM16,
  IMMFAR,
  JUMPS,
  MODRM,
  NO64,
  ONE,
  STACK,
  define,
  defineForm,
} from "../decode/tables";
import { getFlags } from "../execute/flags";
import { operandAddress, segmentState } from "../execute/address";
import { peek, setStackPointer, stackPointer } from "../execute/stack";
import { read } from "../memory/access";
import { EXCEPTION_GP, EXCEPTION_NP, raiseWithCode } from "./exceptions";
import { updateMode } from "./mode";
import {
  ATTRIBUTE_DB,
  ATTRIBUTE_L,
  NO_DESCRIPTOR,
  TYPE_CALL_GATE,
  TYPE_CALL_GATE16,
  TYPE_TASK_GATE,
  TYPE_TSS16_AVAILABLE,
  TYPE_TSS_AVAILABLE,
  attributesOf,
  descriptorAddress,
  dplOf,
  isCode,
  isConforming,
  isNullSelector,
  isPresent,
  raiseSelector,
  readDescriptor,
  typeOf,
} from "./descriptors";
import { checkDirectTarget, commitTarget, prepareTarget } from "./far-target";
import { commitStack, pushInner, useCurrentStack, useInnerStack, useLongStack } from "./inner-stack";
import { readTable } from "./privileged-memory";
import { checkReturnCode, checkReturnStack, commitReturn } from "./returns";
import { loadRealSegment, selectorOf } from "./segments";
import { TASK_BY_CALL, TASK_BY_JUMP, switchTaskTo } from "./task";

/** Largest number of parameters that a call gate copies. */
const GATE_PARAMETERS_MAX: u32 = 31;
const parameters = <u32>memory.data(128, 8);

/** Runs a far JMP or CALL to selector:offset. */
function transfer(op: u32, selector: u32, offset: u64, isCall: bool): void {
  const size = operandWidth(op);
  if (load<u32>(PROTECTED) == 0) {
    transferReal(selector, offset, isCall, size, nextRip(op));
    return;
  }
  if (isNullSelector(selector)) raiseWithCode(EXCEPTION_GP, 0);
  const raw = readDescriptor(selector, EXCEPTION_GP);
  const attributes = attributesOf(raw);
  const type = typeOf(attributes);
  if (type >= 16) {
    if (isCall) useCurrentStack(load<u32>(CPL));
    checkDirectTarget(selector, raw, offset);
    if (isCall) {
      pushInner(selectorOf(CS), size);
      pushInner(nextRip(op), size);
      commitStack();
    }
    commitTarget(load<u32>(CPL), offset);
    return;
  }

  // Gates and TSSs: both CPL and RPL must reach the DPL.
  const long = load<u32>(LONG_MODE) != 0;
  const isTask = type == TYPE_TASK_GATE || type == TYPE_TSS16_AVAILABLE || type == TYPE_TSS_AVAILABLE;
  const known = type == TYPE_CALL_GATE || (!long && (type == TYPE_CALL_GATE16 || isTask));
  if (!known || dplOf(attributes) < max(load<u32>(CPL), selector & 3)) raiseSelector(EXCEPTION_GP, selector);
  if (!isPresent(attributes)) raiseSelector(EXCEPTION_NP, selector);
  if (isTask) {
    const tss = type == TYPE_TASK_GATE ? <u32>(raw >> 16) & 0xffff : selector;
    switchTaskTo(tss, isCall ? TASK_BY_CALL : TASK_BY_JUMP, nextRip(op), getFlags());
  } else throughCallGate(selector, raw, isCall, nextRip(op));
}

function transferReal(selector: u32, offset: u64, isCall: bool, size: u32, returnRip: u64): void {
  if (offset > <u64>load<u32>(segmentState(CS), SEGMENT_LIMIT)) raiseWithCode(EXCEPTION_GP, 0);
  if (isCall) {
    useCurrentStack(load<u32>(CPL));
    pushInner(selectorOf(CS), size);
    pushInner(returnRip, size);
    commitStack();
  }
  loadRealSegment(CS, selector);
  store<u64>(RIP, offset);
  updateMode();
}

/** Second half of a 16-byte call gate: bits 63:32 of the offset. */
function upperOffset(selector: u32): u64 {
  const address = descriptorAddress(selector, 16);
  if (address == NO_DESCRIPTOR || (readTable<u32>(address + 12) & 0x1f00) != 0) raiseSelector(EXCEPTION_GP, selector);
  return <u64>readTable<u32>(address + 8) << 32;
}

function throughCallGate(gateSelector: u32, gate: u64, isCall: bool, returnRip: u64): void {
  const wide = typeOf(attributesOf(gate)) == TYPE_CALL_GATE;
  const long = load<u32>(LONG_MODE) != 0;
  const selector = <u32>(gate >> 16) & 0xffff;
  let rip = wide ? (gate & 0xffff) | ((gate >> 32) & 0xffff0000) : gate & 0xffff;
  if (long) rip |= upperOffset(gateSelector);
  if (isNullSelector(selector)) raiseWithCode(EXCEPTION_GP, 0);
  const raw = readDescriptor(selector, EXCEPTION_GP);
  const attributes = attributesOf(raw);
  const cpl = load<u32>(CPL);
  const dpl = dplOf(attributes);
  if (!isCode(attributes) || dpl > cpl) raiseSelector(EXCEPTION_GP, selector);
  if (!isCall && !isConforming(attributes) && dpl != cpl) raiseSelector(EXCEPTION_GP, selector);
  if (long && (attributes & (ATTRIBUTE_L | ATTRIBUTE_DB)) != ATTRIBUTE_L) raiseSelector(EXCEPTION_GP, selector);
  const newCpl = isConforming(attributes) ? cpl : dpl;
  prepareTarget(selector, raw, newCpl, rip);
  if (isCall) {
    const size: u32 = long ? 8 : wide ? 4 : 2;
    if (newCpl < cpl) pushInnerFrame(newCpl, size, long ? 0 : <u32>(gate >> 32) & GATE_PARAMETERS_MAX);
    else useCurrentStack(cpl);
    pushInner(selectorOf(CS), size);
    pushInner(returnRip, size);
    commitStack();
  }
  commitTarget(newCpl, rip);
}

/** Old stack pointer and parameters, on the inner stack. The parameters are read with the old privilege. */
function pushInnerFrame(newCpl: u32, size: u32, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    store<u32>(parameters + (i << 2), size == 4 ? peek<u32>(i * 4) : <u32>peek<u16>(i * 2));
  }
  if (size == 8) useLongStack(newCpl, 0, true);
  else useInnerStack(newCpl);
  pushInner(selectorOf(SS), size);
  pushInner(load<u64>(RSP), size);
  for (let i = count; i > 0; i--) pushInner(load<u32>(parameters + ((i - 1) << 2)), size);
}

function transferImmediate(op: u32, isCall: bool): void {
  const pointer = <u64>immediate(op);
  transfer(op, <u32>(pointer >> 32) & 0xffff, pointer & 0xffffffff, isCall);
}
function callImmediate(op: u32): void { transferImmediate(op, true); }
function jumpImmediate(op: u32): void { transferImmediate(op, false); }

function transferIndirect(op: u32, isCall: bool): void {
  const size = operandWidth(op);
  const address = operandAddress(op, size + 2, false);
  const mask: u64 = load<u32>(LONG_MODE) != 0 ? u64.MAX_VALUE : 0xffffffff;
  const offset: u64 = size == 8 ? read<u64>(address) : size == 4 ? read<u32>(address) : read<u16>(address);
  transfer(op, read<u16>((address + size) & mask), offset, isCall);
}
function callIndirect(op: u32): void { transferIndirect(op, true); }
function jumpIndirect(op: u32): void { transferIndirect(op, false); }

/** RET far, releasing `release` bytes of parameters. */
function returnFar(op: u32, release: u32): void {
  const size = operandWidth(op);
  const rip: u64 = size == 8 ? peek<u64>(0) : size == 4 ? peek<u32>(0) : peek<u16>(0);
  const selector: u32 = peek<u16>(size);
  if (load<u32>(PROTECTED) == 0) {
    if (rip > <u64>load<u32>(segmentState(CS), SEGMENT_LIMIT)) raiseWithCode(EXCEPTION_GP, 0);
    setStackPointer(stackPointer() + size * 2 + release);
    loadRealSegment(CS, selector);
    store<u64>(RIP, rip);
    updateMode();
    return;
  }
  checkReturnCode(selector, rip);
  const outer = (selector & 3) > load<u32>(CPL);
  let rsp: u64 = 0;
  if (outer) {
    const distance = size * 2 + release;
    rsp = size == 8 ? peek<u64>(distance) : size == 4 ? peek<u32>(distance) : peek<u16>(distance);
    checkReturnStack(peek<u16>(distance + size), selector);
  } else setStackPointer(stackPointer() + size * 2 + release);
  commitReturn(selector, rip, outer, rsp, release);
}
function retFar(op: u32): void { returnFar(op, 0); }
function retFarRelease(op: u32): void { returnFar(op, <u32>immediate(op) & 0xffff); }

export function registerTransfers(): void {
  define(ONE | 0x9a, IMMFAR | STACK | NO64 | ENDS | JUMPS, callImmediate);
  define(ONE | 0xea, IMMFAR | NO64 | ENDS | JUMPS, jumpImmediate);
  define(ONE | 0xca, IMM16 | STACK | ENDS | JUMPS, retFarRelease);
  define(ONE | 0xcb, STACK | ENDS | JUMPS, retFar);
  defineForm(ONE | 0xff, 3, FORM_MEMORY, MODRM | ENDS | JUMPS, callIndirect);
  defineForm(ONE | 0xff, 5, FORM_MEMORY, MODRM | ENDS | JUMPS, jumpIndirect);
}
