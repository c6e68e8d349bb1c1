// Reading and writing guest memory by linear address. The fast path is one TLB compare; everything else (a miss, a
// page crossing, MMIO, code pages, breakpoints) is in slow.ts. Faults never return: see system/exceptions.ts.
//
// The compare takes the page of the last byte while the index comes from the first, so an access that crosses into
// the next page never matches and falls to the slow path.

import { HOST_SCRATCH, TLB_ADDEND, TLB_READ_TAG, TLB_SET, TLB_WRITE_TAG } from "../state";
import { tlbEntry } from "./tlb";
import { probeWriteSlow, readSlow, translateForWrite, writeSlow } from "./slow";

const PAGE_MASK: u64 = ~0xfff;

/** Reads a T at a linear address with the privilege of the running code. */
// @ts-ignore: decorator
@inline export function read<T>(address: u64): T {
  const entry = tlbEntry(load<u32>(TLB_SET), address);
  if (load<u64>(entry, TLB_READ_TAG) == ((address + (sizeof<T>() - 1)) & PAGE_MASK)) {
    return load<T>(<u32>address + load<u32>(entry, TLB_ADDEND));
  }
  return readMiss<T>(address);
}

/** Writes a T at a linear address with the privilege of the running code. */
// @ts-ignore: decorator
@inline export function write<T>(address: u64, value: T): void {
  const entry = tlbEntry(load<u32>(TLB_SET), address);
  if (load<u64>(entry, TLB_WRITE_TAG) == ((address + (sizeof<T>() - 1)) & PAGE_MASK)) {
    store<T>(<u32>address + load<u32>(entry, TLB_ADDEND), value);
  } else writeMiss<T>(address, value);
}

function readMiss<T>(address: u64): T {
  readSlow(address, sizeof<T>(), load<u32>(TLB_SET), false);
  return load<T>(HOST_SCRATCH);
}

function writeMiss<T>(address: u64, value: T): void {
  store<T>(HOST_SCRATCH, value);
  writeSlow(address, sizeof<T>(), load<u32>(TLB_SET));
}

/** 128-bit accesses; alignment, where an instruction demands it, is the caller's to check. */
export function readVector(address: u64): v128 {
  const entry = tlbEntry(load<u32>(TLB_SET), address);
  if (load<u64>(entry, TLB_READ_TAG) == ((address + 15) & PAGE_MASK)) {
    return v128.load(<u32>address + load<u32>(entry, TLB_ADDEND));
  }
  readSlow(address, 16, load<u32>(TLB_SET), false);
  return v128.load(HOST_SCRATCH);
}

export function writeVector(address: u64, value: v128): void {
  const entry = tlbEntry(load<u32>(TLB_SET), address);
  if (load<u64>(entry, TLB_WRITE_TAG) == ((address + 15) & PAGE_MASK)) {
    v128.store(<u32>address + load<u32>(entry, TLB_ADDEND), value);
  } else {
    v128.store(HOST_SCRATCH, value);
    writeSlow(address, 16, load<u32>(TLB_SET));
  }
}

// Read-modify-write: the page is checked for writing before the read, as the processor does (a fault reports W = 1),
// and the write that follows cannot fault.
let modifyPointer: u32 = 0;
let modifyAddress: u64 = 0;

/** First half of a read-modify-write. */
// @ts-ignore: decorator
@inline export function readForModify<T>(address: u64): T {
  const entry = tlbEntry(load<u32>(TLB_SET), address);
  if (load<u64>(entry, TLB_WRITE_TAG) == ((address + (sizeof<T>() - 1)) & PAGE_MASK)) {
    const pointer = <u32>address + load<u32>(entry, TLB_ADDEND);
    modifyPointer = pointer;
    return load<T>(pointer);
  }
  return readForModifyMiss<T>(address);
}

function readForModifyMiss<T>(address: u64): T {
  modifyAddress = address;
  // RAM within one page, once mapped, is written through the pointer; the rest goes the slow way twice.
  modifyPointer = translateForWrite(address, sizeof<T>());
  if (modifyPointer != 0) return load<T>(modifyPointer);
  probeWriteSlow(address, sizeof<T>(), load<u32>(TLB_SET));
  readSlow(address, sizeof<T>(), load<u32>(TLB_SET), true);
  return load<T>(HOST_SCRATCH);
}

/** Second half: writes to where readForModify() read. Nothing may access memory in between. */
// @ts-ignore: decorator
@inline export function writeModified<T>(value: T): void {
  if (modifyPointer != 0) store<T>(modifyPointer, value);
  else writeMiss<T>(modifyAddress, value);
}

/** Raises the fault that a write of `size` bytes would raise, without writing; for instructions that write in parts.
 * `size` up to 4096. */
export function probeWrite(address: u64, size: u32): void { probeWriteSlow(address, size, load<u32>(TLB_SET)); }
