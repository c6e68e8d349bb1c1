// Hardware task switches: 16- and 32-bit TSSs, by JMP, CALL, IRET and task gates. SDM volume 3, chapter 8.
//
// Everything that may fault in the old task comes first: checks, reading the new TSS, writing the old. Then the new
// state is in force, with segment registers that hold selectors but no descriptors; faults in loading those belong to
// the new task, at its first instruction.

import {
  CPL,
  CR0,
  CR3,
  CS,
  CURRENT_OP,
  DR,
  DS,
  EFLAGS,
  ES,
  FS,
  GS,
  LDTR,
  PENDING_DEBUG,
  RAX,
  REGS,
  RIP,
  SEGMENT_ATTRIBUTES,
  SEGMENT_BASE,
  SEGMENT_LIMIT,
  SS,
  TR,
} from "../state";
import { NT, STATUS_FLAGS, VM, getFlags, setStatusFlags } from "../execute/flags";
import { segmentState } from "../execute/address";
import { tlbFlush } from "../memory/tlb";
import { EXCEPTION_GP, EXCEPTION_NP, EXCEPTION_TS } from "./exceptions";
import { CR0_PG, CR0_TS, updateMode } from "./mode";
import { readTable, writeTable } from "./privileged-memory";
import {
  NO_DESCRIPTOR,
  TYPE_LDT,
  TYPE_TSS16_AVAILABLE,
  TYPE_TSS_AVAILABLE,
  attributesOf,
  baseOf,
  commitSegment,
  descriptorAddress,
  dplOf,
  fillFromDescriptor,
  fillImage,
  fillNull,
  fillVirtual8086,
  isCode,
  isConforming,
  isNullSelector,
  isPresent,
  limitOf,
  raiseSelector,
  readDescriptor,
  setAccessed,
  typeOf,
} from "./descriptors";
import { checkDataSegment, checkStackSegment, selectorOf } from "./segments";
import { commitStack, pushInner, useCurrentStack } from "./inner-stack";
import { checkCodeOffset } from "./returns";

/** What switches: JMP and IRET free the old task; CALL and gates nest. */
export const TASK_BY_JUMP: u32 = 0;
export const TASK_BY_CALL: u32 = 1;
export const TASK_BY_GATE: u32 = 2;
export const TASK_BY_IRET: u32 = 3;

const TSS32_LIMIT_MIN: u32 = 0x67;
const TSS16_LIMIT_MIN: u32 = 0x2b;
// Offsets in a 32-bit TSS (SDM volume 3, figure 8-2).
const TSS32_CR3: u32 = 0x1c;
const TSS32_EIP: u32 = 0x20;
const TSS32_EFLAGS: u32 = 0x24;
const TSS32_EAX: u32 = 0x28;
const TSS32_ES: u32 = 0x48;
const TSS32_LDT: u32 = 0x60;
const TSS32_TRAP: u32 = 0x64;
// Offsets in a 16-bit TSS (figure 8-10).
const TSS16_IP: u32 = 0x0e;
const TSS16_FLAGS: u32 = 0x10;
const TSS16_AX: u32 = 0x12;
const TSS16_ES: u32 = 0x22;
const TSS16_LDT: u32 = 0x2a;

/** DR7: local enables of breakpoints, cleared at a switch. */
const DR7_LOCAL: u64 = 0x155;
const DR6_BT: u32 = 0x8000;

// The state read from a TSS: EIP, EFLAGS, eight registers, six selectors, LDT, CR3, trap: u32 each.
const incoming = <u32>memory.data(80, 8);
const IN_EIP: u32 = 0;
const IN_EFLAGS: u32 = 4;
const IN_REGISTERS: u32 = 8;
const IN_SELECTORS: u32 = 40;
const IN_LDT: u32 = 64;
const IN_CR3: u32 = 68;
const IN_TRAP: u32 = 72;
const image = <u32>memory.data(32, 8);

function isWide(attributes: u32): bool { return (attributes & 8) != 0; }

/** Reads the TSS at `base` into `incoming`. */
function readTss(base: u64, wide: bool): void {
  if (wide) {
    store<u32>(incoming + IN_EIP, readTable<u32>(base + TSS32_EIP));
    store<u32>(incoming + IN_EFLAGS, readTable<u32>(base + TSS32_EFLAGS));
    for (let i: u32 = 0; i < 8; i++) store<u32>(incoming + IN_REGISTERS + i * 4, readTable<u32>(base + TSS32_EAX + i * 4));
    for (let i: u32 = 0; i < 6; i++) store<u32>(incoming + IN_SELECTORS + i * 4, readTable<u16>(base + TSS32_ES + i * 4));
    store<u32>(incoming + IN_LDT, readTable<u16>(base + TSS32_LDT));
    store<u32>(incoming + IN_CR3, readTable<u32>(base + TSS32_CR3));
    store<u32>(incoming + IN_TRAP, readTable<u16>(base + TSS32_TRAP) & 1);
    return;
  }
  store<u32>(incoming + IN_EIP, readTable<u16>(base + TSS16_IP));
  store<u32>(incoming + IN_EFLAGS, readTable<u16>(base + TSS16_FLAGS));
  // The upper halves of the registers are undefined after a switch to a 16-bit task: all ones, as on the 386 and after.
  for (let i: u32 = 0; i < 8; i++) {
    store<u32>(incoming + IN_REGISTERS + i * 4, 0xffff0000 | <u32>readTable<u16>(base + TSS16_AX + i * 2));
  }
  for (let i: u32 = 0; i < 4; i++) store<u32>(incoming + IN_SELECTORS + i * 4, readTable<u16>(base + TSS16_ES + i * 2));
  store<u32>(incoming + IN_SELECTORS + 16, 0);
  store<u32>(incoming + IN_SELECTORS + 20, 0);
  store<u32>(incoming + IN_LDT, readTable<u16>(base + TSS16_LDT));
  store<u32>(incoming + IN_TRAP, 0);
}

/** Writes the running state into the current TSS. */
function saveTask(returnRip: u64, flags: u32): void {
  const tr = segmentState(TR);
  const base = load<u64>(tr, SEGMENT_BASE);
  const attributes = load<u32>(tr, SEGMENT_ATTRIBUTES);
  const least = isWide(attributes) ? TSS32_LIMIT_MIN : TSS16_LIMIT_MIN;
  if (load<u32>(tr, SEGMENT_LIMIT) < least) raiseSelector(EXCEPTION_TS, selectorOf(TR));
  if (isWide(attributes)) {
    writeTable<u32>(base + TSS32_EIP, <u32>returnRip);
    writeTable<u32>(base + TSS32_EFLAGS, flags);
    for (let i: u32 = 0; i < 8; i++) writeTable<u32>(base + TSS32_EAX + i * 4, load<u32>(REGS + i * 8));
    for (let i: u32 = 0; i < 6; i++) writeTable<u16>(base + TSS32_ES + i * 4, <u16>selectorOf(i));
  } else {
    writeTable<u16>(base + TSS16_IP, <u16>returnRip);
    writeTable<u16>(base + TSS16_FLAGS, <u16>flags);
    for (let i: u32 = 0; i < 8; i++) writeTable<u16>(base + TSS16_AX + i * 2, load<u16>(REGS + i * 8));
    for (let i: u32 = 0; i < 4; i++) writeTable<u16>(base + TSS16_ES + i * 2, <u16>selectorOf(i));
  }
}

/** Sets or clears the busy bit of a TSS descriptor. */
function setBusy(selector: u32, busy: bool): void {
  const address = descriptorAddress(selector, 8);
  if (address == NO_DESCRIPTOR) return;
  const type = readTable<u8>(address + 5);
  writeTable<u8>(address + 5, busy ? type | 2 : type & 0xfd);
}

/** Switches to the task of `selector`. `returnRip` and `flags` are saved for the old one. */
export function switchTaskTo(selector: u32, source: u32, returnRip: u64, flags: u32): void {
  const back = source == TASK_BY_IRET;
  const vector = back ? EXCEPTION_TS : EXCEPTION_GP;
  const address = (selector & 4) != 0 || isNullSelector(selector) ? NO_DESCRIPTOR : descriptorAddress(selector, 8);
  if (address == NO_DESCRIPTOR) raiseSelector(vector, selector);
  const raw = readTable<u64>(address);
  const attributes = attributesOf(raw);
  // To return, the outer task is busy; else it must not be.
  const expected: u32 = back ? 2 : 0;
  const type = typeOf(attributes);
  if (type != (TYPE_TSS_AVAILABLE | expected) && type != (TYPE_TSS16_AVAILABLE | expected)) {
    raiseSelector(vector, selector);
  }
  if (!isPresent(attributes)) raiseSelector(EXCEPTION_NP, selector);
  const wide = isWide(attributes);
  if (limitOf(raw) < (wide ? TSS32_LIMIT_MIN : TSS16_LIMIT_MIN)) raiseSelector(EXCEPTION_TS, selector);
  const base: u64 = baseOf(raw);
  const nests = source == TASK_BY_CALL || source == TASK_BY_GATE;
  const oldSelector = selectorOf(TR);
  readTss(base, wide);
  saveTask(returnRip, back ? flags & ~NT : flags);
  if (nests) writeTable<u16>(base, <u16>oldSelector);
  if (!nests) setBusy(oldSelector, false);
  if (!back) setBusy(selector, true);

  fillImage(segmentState(TR), selector, base, limitOf(raw), attributes | 2);
  enterTask(wide, nests);
}

/** Puts `incoming` in force and then loads its segments. */
function enterTask(wide: bool, nests: bool): void {
  store<u32>(CURRENT_OP, 0);
  if (wide && (load<u64>(CR0) & CR0_PG) != 0) {
    store<u64>(CR3, load<u32>(incoming + IN_CR3));
    tlbFlush();
  }
  store<u64>(CR0, load<u64>(CR0) | CR0_TS);
  store<u64>(DR + 56, load<u64>(DR + 56) & ~DR7_LOCAL);
  const flags = load<u32>(incoming + IN_EFLAGS) & 0x3f7fd7;
  setStatusFlags(flags);
  store<u32>(EFLAGS, (flags & ~STATUS_FLAGS) | (nests ? NT : 0) | 2);
  store<u64>(RIP, load<u32>(incoming + IN_EIP));
  for (let i: u32 = 0; i < 8; i++) store<u64>(RAX + i * 8, load<u32>(incoming + IN_REGISTERS + i * 4));
  for (let i: u32 = 0; i < 6; i++) fillNull(segmentState(i), load<u32>(incoming + IN_SELECTORS + i * 4));
  fillNull(segmentState(LDTR), load<u32>(incoming + IN_LDT));
  const cs = load<u32>(incoming + IN_SELECTORS + 4);
  store<u32>(CPL, cs & 3);
  if (load<u32>(incoming + IN_TRAP) != 0) store<u32>(PENDING_DEBUG, load<u32>(PENDING_DEBUG) | DR6_BT);
  updateMode();

  loadTaskLdt(load<u32>(incoming + IN_LDT));
  if ((flags & VM) != 0) {
    for (let i: u32 = 0; i < 6; i++) fillVirtual8086(segmentState(i), load<u32>(incoming + IN_SELECTORS + i * 4));
  } else {
    loadTaskCode(cs);
    checkStackSegment(image, load<u32>(incoming + IN_SELECTORS + 8), cs & 3, EXCEPTION_TS, false);
    commitSegment(SS, image);
    loadTaskData(ES);
    loadTaskData(DS);
    loadTaskData(FS);
    loadTaskData(GS);
  }
  updateMode();
  checkCodeOffset(segmentState(CS), load<u64>(RIP));
}

function loadTaskLdt(selector: u32): void {
  if (isNullSelector(selector)) return;
  const address = (selector & 4) != 0 ? NO_DESCRIPTOR : descriptorAddress(selector, 8);
  if (address == NO_DESCRIPTOR) raiseSelector(EXCEPTION_TS, selector);
  const raw = readTable<u64>(address);
  const attributes = attributesOf(raw);
  if (typeOf(attributes) != TYPE_LDT || !isPresent(attributes)) raiseSelector(EXCEPTION_TS, selector);
  fillFromDescriptor(segmentState(LDTR), selector, raw);
}

function loadTaskCode(selector: u32): void {
  if (isNullSelector(selector)) raiseSelector(EXCEPTION_TS, selector);
  const raw = readDescriptor(selector, EXCEPTION_TS);
  const attributes = attributesOf(raw);
  const rpl = selector & 3;
  const refused = isConforming(attributes) ? dplOf(attributes) > rpl : dplOf(attributes) != rpl;
  if (!isCode(attributes) || refused) raiseSelector(EXCEPTION_TS, selector);
  if (!isPresent(attributes)) raiseSelector(EXCEPTION_NP, selector);
  fillFromDescriptor(image, selector, setAccessed(selector, raw));
  commitSegment(CS, image);
}

function loadTaskData(segment: u32): void {
  checkDataSegment(image, load<u32>(incoming + IN_SELECTORS + segment * 4), EXCEPTION_TS);
  commitSegment(segment, image);
}

/** IRET with NT: back to the task that the link of the current TSS names. */
export function returnFromTask(returnRip: u64): void {
  const link: u32 = readTable<u16>(load<u64>(segmentState(TR), SEGMENT_BASE));
  switchTaskTo(link, TASK_BY_IRET, returnRip, getFlags());
}

/** The error code of an exception that came through a task gate goes on the new task's stack. */
export function pushTaskErrorCode(code: u32): void {
  useCurrentStack(load<u32>(CPL));
  pushInner(code, isWide(load<u32>(segmentState(TR), SEGMENT_ATTRIBUTES)) ? 4 : 2);
  commitStack();
}
