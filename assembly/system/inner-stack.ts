// The stack of a handler or of a procedure behind a call gate: read from the TSS, written with the privilege of the
// new level, and made current only when nothing can fault any more. SDM volume 3, 6.8.5 and 7.12.

import {
  RSP,
  SEGMENT_ATTRIBUTES,
  SEGMENT_BASE,
  SEGMENT_LIMIT,
  SEGMENT_NULL,
  SS,
  STACK_SIZE,
  TR,
} from "../state";
import { segmentState } from "../execute/address";
import { isCanonical } from "../memory/slow";
import { EXCEPTION_SS, EXCEPTION_TS, raiseWithCode } from "./exceptions";
import {
  ATTRIBUTE_DB,
  TYPE_CODE,
  TYPE_EXPAND_CONFORM,
  commitSegment,
  fillNull,
  plainCode,
  raiseSelector,
} from "./descriptors";
import { checkStackSegment, selectorOf } from "./segments";
import { readTable, writeAs } from "./privileged-memory";
import { tlbSetOf } from "./mode";

const newStack = <u32>memory.data(32, 8);

// The stack being written: segment image, pointer with all its bits, bytes of the pointer that move, TLB set, and the
// error code of #SS.
let image: u32 = 0;
let pointer: u64 = 0;
let pointerMask: u64 = 0;
let tlbSet: u32 = 0;
let faultCode: u32 = 0;

/** Raises #TS if `last` lies outside the TSS. */
function checkTss(last: u32): void {
  if (last > load<u32>(segmentState(TR), SEGMENT_LIMIT)) raiseSelector(EXCEPTION_TS, selectorOf(TR));
}

function maskOf(size: u32): u64 {
  return size == 8 ? u64.MAX_VALUE : size == 4 ? 0xffffffff : 0xffff;
}

/** Starts on the current stack, which stays. */
export function useCurrentStack(cpl: u32): void {
  image = segmentState(SS);
  pointer = load<u64>(RSP);
  pointerMask = maskOf(load<u32>(STACK_SIZE));
  tlbSet = tlbSetOf(cpl);
  faultCode = plainCode();
}

/** Starts on the stack that the TSS names for level `cpl` outside long mode. */
export function useInnerStack(cpl: u32): void {
  const tr = segmentState(TR);
  const base = load<u64>(tr, SEGMENT_BASE);
  let selector: u32;
  if ((load<u32>(tr, SEGMENT_ATTRIBUTES) & 8) != 0) {
    checkTss(4 + 8 * cpl + 5);
    pointer = readTable<u32>(base + 4 + 8 * cpl);
    selector = readTable<u16>(base + 8 + 8 * cpl);
  } else {
    checkTss(2 + 4 * cpl + 3);
    pointer = readTable<u16>(base + 2 + 4 * cpl);
    selector = readTable<u16>(base + 4 + 4 * cpl);
  }
  checkStackSegment(newStack, selector, cpl, EXCEPTION_TS, false);
  image = newStack;
  pointerMask = maskOf((load<u32>(newStack, SEGMENT_ATTRIBUTES) & ATTRIBUTE_DB) != 0 ? 4 : 2);
  tlbSet = tlbSetOf(cpl);
  faultCode = (selector & 0xfffc) | plainCode();
}

/** Starts on a stack of long mode with a null SS: RSP0..RSP2, or IST1..IST7 if `ist` is not 0. */
export function useLongStack(cpl: u32, ist: u32, changesLevel: bool): void {
  const offset = ist != 0 ? 0x1c + 8 * ist : 4 + 8 * cpl;
  checkTss(offset + 7);
  pointer = readTable<u64>(load<u64>(segmentState(TR), SEGMENT_BASE) + offset);
  if (changesLevel) {
    fillNull(newStack, cpl);
    image = newStack;
  } else image = segmentState(SS);
  pointerMask = u64.MAX_VALUE;
  tlbSet = tlbSetOf(cpl);
  faultCode = plainCode();
}

/** Stays on the current stack in long mode, whose pushes have 64 bits whatever SS is. */
export function useCurrentLongStack(cpl: u32): void {
  useCurrentStack(cpl);
  pointerMask = u64.MAX_VALUE;
}

export function alignStack(): void { pointer &= ~0xf; }

/** True if `size` bytes at `offset` lie in the stack segment. */
function insideStack(offset: u64, size: u32): bool {
  if (load<u32>(image, SEGMENT_NULL) != 0) return false;
  const attributes = load<u32>(image, SEGMENT_ATTRIBUTES);
  const limit = load<u32>(image, SEGMENT_LIMIT);
  const last = offset + size - 1;
  if ((attributes & (TYPE_CODE | TYPE_EXPAND_CONFORM)) == TYPE_EXPAND_CONFORM) {
    return offset > limit && last <= ((attributes & ATTRIBUTE_DB) != 0 ? <u64>0xffffffff : 0xffff);
  }
  return last <= limit;
}

/** Pushes onto the stack being written: 2, 4 or 8 bytes. Raises #SS or #PF. */
export function pushInner(value: u64, size: u32): void {
  const offset = (pointer - size) & pointerMask;
  let address = offset;
  if (pointerMask == u64.MAX_VALUE) {
    if (!isCanonical(address)) raiseWithCode(EXCEPTION_SS, faultCode);
  } else {
    if (!insideStack(offset, size)) raiseWithCode(EXCEPTION_SS, faultCode);
    address = (load<u64>(image, SEGMENT_BASE) + offset) & 0xffffffff;
  }
  if (size == 8) writeAs<u64>(tlbSet, address, value);
  else if (size == 4) writeAs<u32>(tlbSet, address, <u32>value);
  else writeAs<u16>(tlbSet, address, <u16>value);
  pointer = (pointer & ~pointerMask) | offset;
}

/** Makes the stack current. The caller calls updateMode(). */
export function commitStack(): void {
  if (image == newStack) commitSegment(SS, newStack);
  store<u64>(RSP, pointer);
}
