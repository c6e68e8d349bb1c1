// Accesses that take their privilege from a TLB set and not from CPL: descriptor tables and task state always as
// supervisor, the stack of a handler as the level that the handler will run at.

import { HOST_SCRATCH, LONG_MODE, TLB_ADDEND, TLB_READ_TAG, TLB_WRITE_TAG } from "../state";
import { SUPERVISOR_SET, readSlow, writeSlow } from "../memory/slow";
import { tlbEntry } from "../memory/tlb";

const PAGE_MASK: u64 = ~0xfff;

// @ts-ignore: decorator
@inline function wrap(address: u64): u64 {
  return load<u32>(LONG_MODE) != 0 ? address : address & 0xffffffff;
}

/** Reads a T with the privilege of a TLB set. */
export function readAs<T>(set: u32, address: u64): T {
  const linear = wrap(address);
  const entry = tlbEntry(set, linear);
  if (load<u64>(entry, TLB_READ_TAG) == ((linear + (sizeof<T>() - 1)) & PAGE_MASK)) {
    return load<T>(<u32>linear + load<u32>(entry, TLB_ADDEND));
  }
  readSlow(linear, sizeof<T>(), set, false);
  return load<T>(HOST_SCRATCH);
}

/** Writes a T with the privilege of a TLB set. */
export function writeAs<T>(set: u32, address: u64, value: T): void {
  const linear = wrap(address);
  const entry = tlbEntry(set, linear);
  if (load<u64>(entry, TLB_WRITE_TAG) == ((linear + (sizeof<T>() - 1)) & PAGE_MASK)) {
    store<T>(<u32>linear + load<u32>(entry, TLB_ADDEND), value);
    return;
  }
  store<T>(HOST_SCRATCH, value);
  writeSlow(linear, sizeof<T>(), set);
}

/** Reads a T of a descriptor table or a TSS. */
// @ts-ignore: decorator
@inline export function readTable<T>(address: u64): T { return readAs<T>(SUPERVISOR_SET, address); }
/** Writes a T of a descriptor table or a TSS. */
// @ts-ignore: decorator
@inline export function writeTable<T>(address: u64, value: T): void { writeAs<T>(SUPERVISOR_SET, address, value); }
