// Delivery of interrupts and exceptions through the IVT or IDT. SDM volume 3, chapter 7; volume 2, INT n.
//
// Protocol with the run loop. A fault leaves EXCEPTION_PENDING set and unwinds; run() starts again and calls
// deliverPendingException(). That notes the vector in EXCEPTION_DELIVERING while it works. Delivery commits nothing
// (RIP, RSP, CS, SS, CPL, flags) before its last check, so if it faults itself, run() starts again with the same
// state, EXCEPTION_PENDING for the second exception and EXCEPTION_DELIVERING still naming the first: from the two
// follows what is delivered now, #DF, or shutdown. Interrupts and INT n leave EXCEPTION_DELIVERING at 0: they are
// benign, and a fault in their delivery counts as a first exception. Whenever one of the functions below is called,
// RIP in the state is that of the instruction to return to, and CURRENT_OP is 0 or an instruction not to be blamed.

import {
  CPL,
  CR0,
  CR2,
  CS,
  DS,
  EFLAGS,
  ES,
  EXCEPTION_ADDRESS,
  EXCEPTION_CODE,
  EXCEPTION_DELIVERING,
  EXCEPTION_HAS_CODE,
  EXCEPTION_PENDING,
  EXCEPTION_VECTOR,
  FS,
  GS,
  HALTED,
  IDTR,
  INTERRUPT_SHADOW,
  LONG_MODE,
  NMI_BLOCKED,
  PENDING_DEBUG,
  RIP,
  RSP,
  SEGMENT_LIMIT,
  SS,
  STATISTIC_EXCEPTIONS,
} from "../state";
import { AC, IF, NT, RF, TF, VM, getFlags } from "../execute/flags";
import { segmentState } from "../execute/address";
import { isCanonical } from "../memory/slow";
import {
  EXCEPTION_DB,
  EXCEPTION_DE,
  EXCEPTION_DF,
  EXCEPTION_GP,
  EXCEPTION_NMI,
  EXCEPTION_NP,
  EXCEPTION_PF,
  EXCEPTION_TS,
  raiseWithCode,
} from "./exceptions";
import { CR0_PE, updateMode } from "./mode";
import { readTable } from "./privileged-memory";
import { endSingleStep, enterDebugHandler } from "./debug";
import {
  ATTRIBUTE_DB,
  ATTRIBUTE_L,
  TYPE_INTERRUPT_GATE,
  TYPE_INTERRUPT_GATE16,
  TYPE_TASK_GATE,
  TYPE_TRAP_GATE,
  TYPE_TRAP_GATE16,
  attributesOf,
  commitSegment,
  dplOf,
  fillFromDescriptor,
  fillNull,
  isCode,
  isConforming,
  isNullSelector,
  isPresent,
  plainCode,
  raiseSelector,
  readDescriptor,
  setAccessed,
  setExternalEvent,
  typeOf,
} from "./descriptors";
import {
  alignStack,
  commitStack,
  pushInner,
  useCurrentLongStack,
  useCurrentStack,
  useInnerStack,
  useLongStack,
} from "./inner-stack";
import { loadRealSegment, selectorOf } from "./segments";
import { TASK_BY_GATE, pushTaskErrorCode, switchTaskTo } from "./task";

/** What is delivered: a fault (RF is set in the saved flags), a trap or abort, an interrupt of the software's (the
 * gate's DPL is checked, EXT is clear), an interrupt from outside. */
export const EVENT_FAULT: u32 = 0;
export const EVENT_TRAP: u32 = 1;
export const EVENT_SOFTWARE: u32 = 2;
export const EVENT_EXTERNAL: u32 = 3;

const newCode = <u32>memory.data(32, 8);

/** Error code of a fault about an IDT entry: IDT bit set. */
function raiseGate(exception: u32, vector: u32): void {
  raiseWithCode(exception, (vector << 3) | 2 | plainCode());
}

/** Delivers one event. `returnRip` is pushed as the return address. Faults before it changes any state. */
export function deliver(vector: u32, kind: u32, hasCode: bool, code: u32, returnRip: u64): void {
  setExternalEvent(kind == EVENT_SOFTWARE ? 0 : 1);
  endSingleStep();
  if ((load<u64>(CR0) & CR0_PE) == 0) deliverReal(vector, returnRip);
  else {
    const flags = getFlags() | (kind == EVENT_FAULT ? RF : 0);
    if (load<u32>(LONG_MODE) != 0) deliverLong(vector, kind, hasCode, code, returnRip, flags);
    else deliverProtected(vector, kind, hasCode, code, returnRip, flags);
  }
  setExternalEvent(0);
  store<u32>(HALTED, 0);
  store<u32>(INTERRUPT_SHADOW, 0);
}

/** Real mode: no error codes, no checks but the limits. SDM volume 3, 21.1.4. */
function deliverReal(vector: u32, returnRip: u64): void {
  if ((vector << 2) + 3 > load<u32>(IDTR, 8)) raiseGate(EXCEPTION_GP, vector);
  const entry = readTable<u32>(load<u64>(IDTR) + (vector << 2));
  useCurrentStack(0);
  pushInner(getFlags() & 0xffff, 2);
  pushInner(selectorOf(CS), 2);
  pushInner(returnRip & 0xffff, 2);
  commitStack();
  loadRealSegment(CS, entry >> 16);
  store<u64>(RIP, entry & 0xffff);
  store<u32>(EFLAGS, load<u32>(EFLAGS) & ~(IF | TF | RF | AC));
  updateMode();
}

/** Flags on entry: an interrupt gate clears IF, both kinds TF, NT, RF and VM. */
function enterFlags(interruptGate: bool): void {
  const cleared = TF | NT | RF | VM | (interruptGate ? IF : 0);
  store<u32>(EFLAGS, load<u32>(EFLAGS) & ~cleared);
}

function deliverProtected(vector: u32, kind: u32, hasCode: bool, code: u32, returnRip: u64, flags: u32): void {
  if ((vector << 3) + 7 > load<u32>(IDTR, 8)) raiseGate(EXCEPTION_GP, vector);
  const gate = readTable<u64>(load<u64>(IDTR) + (vector << 3));
  const attributes = attributesOf(gate);
  const type = typeOf(attributes);
  const wide = type == TYPE_INTERRUPT_GATE || type == TYPE_TRAP_GATE;
  if (!wide && type != TYPE_INTERRUPT_GATE16 && type != TYPE_TRAP_GATE16 && type != TYPE_TASK_GATE) {
    raiseGate(EXCEPTION_GP, vector);
  }
  if (kind == EVENT_SOFTWARE && dplOf(attributes) < load<u32>(CPL)) raiseGate(EXCEPTION_GP, vector);
  if (!isPresent(attributes)) raiseGate(EXCEPTION_NP, vector);
  const selector = <u32>(gate >> 16) & 0xffff;
  if (type == TYPE_TASK_GATE) {
    switchTaskTo(selector, TASK_BY_GATE, returnRip, flags);
    if (hasCode) pushTaskErrorCode(code);
    return;
  }

  const cpl = load<u32>(CPL);
  const newCpl = checkHandler(selector, cpl, false);
  const virtual8086 = (flags & VM) != 0;
  const offset = wide ? (<u32>gate & 0xffff) | (<u32>(gate >> 32) & 0xffff0000) : <u32>gate & 0xffff;
  const size: u32 = wide ? 4 : 2;
  if (newCpl < cpl) {
    if (virtual8086 && newCpl != 0) raiseSelector(EXCEPTION_GP, selector);
    useInnerStack(newCpl);
    if (virtual8086) {
      pushInner(selectorOf(GS), size);
      pushInner(selectorOf(FS), size);
      pushInner(selectorOf(DS), size);
      pushInner(selectorOf(ES), size);
    }
    pushInner(selectorOf(SS), size);
    pushInner(load<u64>(RSP), size);
  } else {
    if (virtual8086) raiseSelector(EXCEPTION_GP, selector);
    useCurrentStack(cpl);
  }
  pushInner(flags, size);
  pushInner(selectorOf(CS), size);
  pushInner(returnRip, size);
  if (hasCode) pushInner(code, size);
  if (offset > load<u32>(newCode, SEGMENT_LIMIT)) raiseWithCode(EXCEPTION_GP, plainCode());

  commitStack();
  commitSegment(CS, newCode);
  store<u32>(CPL, newCpl);
  store<u64>(RIP, offset);
  if (virtual8086) {
    fillNull(segmentState(ES), 0);
    fillNull(segmentState(DS), 0);
    fillNull(segmentState(FS), 0);
    fillNull(segmentState(GS), 0);
  }
  enterFlags((type & 1) == 0);
  updateMode();
}

/** Checks the handler's code segment, fills newCode, returns the level that the handler runs at. */
function checkHandler(selector: u32, cpl: u32, long: bool): u32 {
  if (isNullSelector(selector)) raiseWithCode(EXCEPTION_GP, plainCode());
  const raw = readDescriptor(selector, EXCEPTION_GP);
  const attributes = attributesOf(raw);
  if (!isCode(attributes) || dplOf(attributes) > cpl) raiseSelector(EXCEPTION_GP, selector);
  if (long && (attributes & (ATTRIBUTE_L | ATTRIBUTE_DB)) != ATTRIBUTE_L) raiseSelector(EXCEPTION_GP, selector);
  if (!isPresent(attributes)) raiseSelector(EXCEPTION_NP, selector);
  const newCpl = isConforming(attributes) ? cpl : dplOf(attributes);
  fillFromDescriptor(newCode, (selector & 0xfffc) | newCpl, setAccessed(selector, raw));
  return newCpl;
}

function deliverLong(vector: u32, kind: u32, hasCode: bool, code: u32, returnRip: u64, flags: u32): void {
  if ((vector << 4) + 15 > load<u32>(IDTR, 8)) raiseGate(EXCEPTION_GP, vector);
  const address = load<u64>(IDTR) + (vector << 4);
  const gate = readTable<u64>(address);
  const attributes = attributesOf(gate);
  const type = typeOf(attributes);
  if (type != TYPE_INTERRUPT_GATE && type != TYPE_TRAP_GATE) raiseGate(EXCEPTION_GP, vector);
  const cpl = load<u32>(CPL);
  if (kind == EVENT_SOFTWARE && dplOf(attributes) < cpl) raiseGate(EXCEPTION_GP, vector);
  if (!isPresent(attributes)) raiseGate(EXCEPTION_NP, vector);
  const newCpl = checkHandler(<u32>(gate >> 16) & 0xffff, cpl, true);
  const rip = (gate & 0xffff) | ((gate >> 32) & 0xffff0000) | (readTable<u64>(address + 8) << 32);
  if (!isCanonical(rip)) raiseWithCode(EXCEPTION_GP, plainCode());

  const ist = <u32>(gate >> 32) & 7;
  if (ist != 0 || newCpl < cpl) useLongStack(newCpl, ist, newCpl < cpl);
  else useCurrentLongStack(newCpl);
  alignStack();
  pushInner(selectorOf(SS), 8);
  pushInner(load<u64>(RSP), 8);
  pushInner(flags, 8);
  pushInner(selectorOf(CS), 8);
  pushInner(returnRip, 8);
  if (hasCode) pushInner(code, 8);

  commitStack();
  commitSegment(CS, newCode);
  store<u32>(CPL, newCpl);
  store<u64>(RIP, rip);
  enterFlags(type == TYPE_INTERRUPT_GATE);
  updateMode();
}

/** Classes of SDM volume 3, table 7-4. */
function isContributory(vector: u32): bool {
  return vector == EXCEPTION_DE || (vector >= EXCEPTION_TS && vector <= EXCEPTION_GP);
}

/** Delivers the exception that unwind() left. False means shutdown: a fault while #DF was being delivered. */
export function deliverPendingException(): bool {
  if (load<u32>(EXCEPTION_PENDING) == 0) return true;
  let vector = load<u32>(EXCEPTION_VECTOR);
  let hasCode = load<u32>(EXCEPTION_HAS_CODE) != 0;
  let code = load<u32>(EXCEPTION_CODE);
  const delivering = load<u32>(EXCEPTION_DELIVERING);
  store<u32>(EXCEPTION_PENDING, 0);
  store<u32>(PENDING_DEBUG, 0);
  if (vector == EXCEPTION_PF) store<u64>(CR2, load<u64>(EXCEPTION_ADDRESS));
  if (delivering != 0) {
    const first = delivering - 1;
    if (first == EXCEPTION_DF) {
      store<u32>(EXCEPTION_DELIVERING, 0);
      setExternalEvent(0);
      return false;
    }
    const second = isContributory(vector) || vector == EXCEPTION_PF;
    if ((isContributory(first) && isContributory(vector)) || (first == EXCEPTION_PF && second)) {
      vector = EXCEPTION_DF;
      hasCode = true;
      code = 0;
    }
  }
  if (vector == EXCEPTION_DB) enterDebugHandler();
  store<u32>(EXCEPTION_DELIVERING, vector + 1);
  deliver(vector, vector == EXCEPTION_DB || vector == EXCEPTION_DF ? EVENT_TRAP : EVENT_FAULT, hasCode, code, load<u64>(RIP));
  store<u32>(EXCEPTION_DELIVERING, 0);
  store<u64>(STATISTIC_EXCEPTIONS, load<u64>(STATISTIC_EXCEPTIONS) + 1);
  return true;
}

/** Delivers an external interrupt that the host has acknowledged. */
export function deliverInterrupt(vector: u32): void {
  deliver(vector, EVENT_EXTERNAL, false, 0, load<u64>(RIP));
}

/** Delivers a non-maskable interrupt; further ones wait for IRET. */
export function deliverNmi(): void {
  deliver(EXCEPTION_NMI, EVENT_EXTERNAL, false, 0, load<u64>(RIP));
  store<u32>(NMI_BLOCKED, 1);
}
