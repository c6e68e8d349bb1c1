// Fetching code by linear address: the TLB's execute tag, and single instructions that no block may hold (they cross
// a page, lie in memory that is not RAM, or run one at a time).

import {
  CODE_BASE,
  CODE_MODE,
  CS,
  LONG_MODE,
  MODE_64,
  PAGE_KIND,
  PAGE_RAM,
  PAGE_ROM,
  RIP,
  SEGMENTS,
  SEGMENT_BASE,
  SEGMENT_LIMIT,
  SEGMENT_STRIDE,
  TLB_EXECUTE_TAG,
  TLB_PAGE,
  TLB_SET,
} from "../state";
import { ACCESS_EXECUTE, translate } from "../memory/paging";
import { USER_CHECKED_SET, USER_SET, isCanonical, readPhysical } from "../memory/slow";
import { tlbEntry } from "../memory/tlb";
import { EXCEPTION_GP, raiseWithCode } from "../system/exceptions";
import { DECODE_MORE, MAX_LENGTH, decode } from "./decoder";

/** Physical address of code at a linear address; raises #PF, or #GP(0) if it is not canonical. */
// @ts-ignore: decorator
@inline export function fetchPhysical(address: u64): u64 {
  const entry = tlbEntry(load<u32>(TLB_SET), address);
  if (load<u64>(entry, TLB_EXECUTE_TAG) == (address & ~0xfff)) {
    return ((<u64>load<u32>(entry, TLB_PAGE) & 0x3fffffff) << 12) | (address & 0xfff);
  }
  return fetchMiss(address);
}

function fetchMiss(address: u64): u64 {
  if (load<u32>(LONG_MODE) != 0 && !isCanonical(address)) raiseWithCode(EXCEPTION_GP, 0);
  const set = load<u32>(TLB_SET);
  return translate(address, ACCESS_EXECUTE, set == USER_CHECKED_SET ? USER_SET : set);
}

/** True if code at a physical address can be read straight from linear memory. */
// @ts-ignore: decorator
@inline export function isPlain(physical: u64): bool {
  if (physical >= 0x100000000) return false;
  const kind: u32 = load<u8>(PAGE_KIND + <u32>(physical >> 12));
  return kind == PAGE_RAM || kind == PAGE_ROM;
}

const buffer = memory.data(32);

/** Decodes the instruction at RIP into `op`, alone, and sets CODE_BASE; raises what the fetch raises. */
export function fetchSingle(op: u32): void {
  const mode = load<u32>(CODE_MODE);
  const rip = load<u64>(RIP);
  let linear = rip;
  let allowed: u32 = MAX_LENGTH;
  if (mode != MODE_64) {
    const cs = SEGMENTS + CS * SEGMENT_STRIDE;
    const limit = load<u32>(cs, SEGMENT_LIMIT);
    if (<u32>rip > limit) raiseWithCode(EXCEPTION_GP, 0);
    allowed = min(MAX_LENGTH, limit - <u32>rip < MAX_LENGTH ? limit - <u32>rip + 1 : MAX_LENGTH);
    linear = (load<u64>(cs, SEGMENT_BASE) + rip) & 0xffffffff;
  }
  const offset = <u32>linear & 0xfff;
  store<u64>(CODE_BASE, rip - offset);
  const first = min(allowed, 0x1000 - offset);
  readPhysical(fetchPhysical(linear), first, <u32>buffer);
  if (decode(op, <u32>buffer, first, mode, offset) != DECODE_MORE) return;
  if (first < allowed) {
    let next = linear + first;
    if (mode != MODE_64) next &= 0xffffffff;
    readPhysical(fetchPhysical(next), allowed - first, <u32>buffer + first);
    if (decode(op, <u32>buffer, allowed, mode, offset) != DECODE_MORE) return;
  }
  // The segment ends within the instruction.
  raiseWithCode(EXCEPTION_GP, 0);
}
