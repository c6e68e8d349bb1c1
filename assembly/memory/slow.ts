// The slow path of memory access: TLB misses, accesses that cross a page, MMIO, pages with decoded code, data
// breakpoints. Values pass through HOST_SCRATCH, up to 16 bytes.

import { mmioRead, mmioWrite } from "../host";
import {
  BLOCK_LIMIT,
  CURRENT_OP,
  DR,
  HOST_SCRATCH,
  LONG_MODE,
  PAGE_CODE,
  PAGE_KIND,
  PAGE_RAM,
  PAGE_ROM,
  PAGE_VIDEO,
  PAGE_VIDEO_CLEAN,
  PENDING_DEBUG,
  RAM_BASE,
  STATISTIC_CODE_WRITES,
  TLB,
  TLB_ADDEND,
  TLB_READ_TAG,
  TLB_SET,
  TLB_SET_SIZE,
  TLB_WRITE_TAG,
  VIDEO_ADDEND,
  VIDEO_WRITTEN,
} from "../state";
import { OP_EA } from "../decode/instruction";
import { EXCEPTION_AC, EXCEPTION_GP, EXCEPTION_SS, raiseWithCode } from "../system/exceptions";
import { invalidateCode } from "../decode/blocks";
import { ACCESS_READ, ACCESS_WRITE, translate } from "./paging";
import { tlbEntry } from "./tlb";

const PAGE_MASK: u64 = ~0xfff;
const SEGMENT_SS: u32 = 2;

/** TLB set of supervisor accesses that ignore the running privilege (descriptor tables, TSS). */
export const SUPERVISOR_SET: u32 = TLB;
export const USER_SET: u32 = TLB + TLB_SET_SIZE;
export const SUPERVISOR_AC_SET: u32 = TLB + TLB_SET_SIZE * 2;
/** User, with alignment checks: never filled, so that every access comes here. */
export const USER_CHECKED_SET: u32 = TLB + TLB_SET_SIZE * 3;

/** True if the two upper bits rule of x86-64 holds: bits 63:47 all equal. */
// @ts-ignore: decorator
@inline export function isCanonical(address: u64): bool {
  return ((<i64>address << 16) >> 16) == <i64>address;
}

/** #GP(0), or #SS(0) if the running instruction's operand is on the stack. */
function raiseNotCanonical(): void {
  const op = load<u32>(CURRENT_OP);
  const stack = op != 0 && (load<u8>(op, OP_EA) & 7) == SEGMENT_SS;
  raiseWithCode(stack ? EXCEPTION_SS : EXCEPTION_GP, 0);
}

/** Physical address of a linear one, filling the TLB; faults if the access is not allowed. */
function physical(address: u64, access: u32, set: u32): u64 {
  if (load<u32>(LONG_MODE) != 0 && !isCanonical(address)) raiseNotCanonical();
  return translate(address, access, set);
}

// @ts-ignore: decorator
@inline function pageKind(physicalAddress: u64): u32 {
  return physicalAddress < 0x100000000 ? load<u8>(PAGE_KIND + <u32>(physicalAddress >> 12)) : 0;
}

/** #AC for an access that is not aligned to its size (SDM volume 3, 7.15); vectors have their own rule. */
function checkAlignment(address: u64, size: u32, set: u32): void {
  if (set == USER_CHECKED_SET && size <= 8 && (address & (size - 1)) != 0) raiseWithCode(EXCEPTION_AC, 0);
}

/** Bytes of an access that lie in its first page. */
// @ts-ignore: decorator
@inline function firstPart(address: u64, size: u32): u32 {
  return min(size, 0x1000 - (<u32>address & 0xfff));
}

/** Reads `size` (up to 16) bytes into HOST_SCRATCH. With `modify` the caller has checked for writing already. */
export function readSlow(address: u64, size: u32, set: u32, modify: bool): void {
  if (load<u32>(LONG_MODE) == 0) address &= 0xffffffff;
  checkAlignment(address, size, set);
  const first = firstPart(address, size);
  const access = modify ? ACCESS_WRITE : ACCESS_READ;
  const physical1 = physical(address, access, set);
  if (first == size) readPhysical(physical1, size, HOST_SCRATCH);
  else {
    let second = address + first;
    if (load<u32>(LONG_MODE) == 0) second &= 0xffffffff;
    const physical2 = physical(second, access, set);
    // Device reads pass through HOST_SCRATCH too: the first part is put in place last.
    readPhysical(physical2, size - first, HOST_SCRATCH + 32);
    memory.copy(HOST_SCRATCH + 32 + first, HOST_SCRATCH + 32, size - first);
    readPhysical(physical1, first, HOST_SCRATCH + 32);
    memory.copy(HOST_SCRATCH, HOST_SCRATCH + 32, size);
  }
  checkDataBreakpoints(address, size, false);
}

/** Writes `size` (up to 16) bytes from HOST_SCRATCH; both pages are checked before the first byte is written. */
export function writeSlow(address: u64, size: u32, set: u32): void {
  if (load<u32>(LONG_MODE) == 0) address &= 0xffffffff;
  checkAlignment(address, size, set);
  const first = firstPart(address, size);
  const physical1 = physical(address, ACCESS_WRITE, set);
  if (first == size) writePhysical(physical1, size, HOST_SCRATCH);
  else {
    let second = address + first;
    if (load<u32>(LONG_MODE) == 0) second &= 0xffffffff;
    const physical2 = physical(second, ACCESS_WRITE, set);
    memory.copy(HOST_SCRATCH + 32, HOST_SCRATCH, size);
    writePhysical(physical1, first, HOST_SCRATCH + 32);
    writePhysical(physical2, size - first, HOST_SCRATCH + 32 + first);
  }
  checkDataBreakpoints(address, size, true);
}

/** Raises what a write would raise. */
export function probeWriteSlow(address: u64, size: u32, set: u32): void {
  if (load<u32>(LONG_MODE) == 0) address &= 0xffffffff;
  checkAlignment(address, size, set);
  physical(address, ACCESS_WRITE, set);
  if (firstPart(address, size) != size) {
    let second = address + firstPart(address, size);
    if (load<u32>(LONG_MODE) == 0) second &= 0xffffffff;
    physical(second, ACCESS_WRITE, set);
  }
}

/** A pointer into linear memory for a read within one page of plain memory, or 0 if the read needs the slow path. */
export function translateForRead(address: u64, size: u32): u32 {
  return translateTo(address, size, ACCESS_READ, TLB_READ_TAG);
}

/** A pointer into linear memory for a write within one page of plain RAM, or 0 if the write needs the slow path. */
export function translateForWrite(address: u64, size: u32): u32 {
  return translateTo(address, size, ACCESS_WRITE, TLB_WRITE_TAG);
}

function translateTo(address: u64, size: u32, access: u32, tag: u32): u32 {
  if (load<u32>(LONG_MODE) == 0) address &= 0xffffffff;
  const set = load<u32>(TLB_SET);
  if (firstPart(address, size) != size) return 0;
  physical(address, access, set);
  const entry = tlbEntry(set, address);
  if (load<u64>(entry + tag) != (address & PAGE_MASK)) return 0;
  return <u32>address + load<u32>(entry, TLB_ADDEND);
}

/** What an address has to be added to be one of linear memory, if its page's kind is plain memory; else 0. */
// @ts-ignore: decorator
@inline export function plainAddend(kind: u32): u32 {
  if (kind == PAGE_RAM || kind == PAGE_ROM) return RAM_BASE;
  return kind == PAGE_VIDEO || kind == PAGE_VIDEO_CLEAN ? load<u32>(VIDEO_ADDEND) : 0;
}

/** Reads physical memory into `target`, RAM or device. A part that a device gets is split to natural sizes. */
export function readPhysical(address: u64, size: u32, target: u32): void {
  const addend = plainAddend(pageKind(address));
  if (addend != 0) {
    memory.copy(target, addend + <u32>address, size);
    return;
  }
  while (size > 0) {
    const part = naturalPart(address, size);
    mmioRead(<u32>address, <u32>(address >> 32), part);
    memory.copy(target, HOST_SCRATCH, part);
    address += part;
    target += part;
    size -= part;
  }
}

/** Writes physical memory from `source`; decoded code that the bytes belonged to is forgotten. */
export function writePhysical(address: u64, size: u32, source: u32): void {
  const kind = pageKind(address);
  if (kind == PAGE_RAM) {
    memory.copy(RAM_BASE + <u32>address, source, size);
    if (load<u64>(PAGE_CODE + (<u32>(address >> 12) << 3)) != 0) {
      store<u64>(STATISTIC_CODE_WRITES, load<u64>(STATISTIC_CODE_WRITES) + 1);
      invalidateCode(<u32>address, size);
    }
    return;
  }
  if (kind == PAGE_ROM) return;
  if (kind == PAGE_VIDEO || kind == PAGE_VIDEO_CLEAN) {
    memory.copy(load<u32>(VIDEO_ADDEND) + <u32>address, source, size);
    store<u8>(PAGE_KIND + <u32>(address >> 12), <u8>PAGE_VIDEO);
    store<u32>(VIDEO_WRITTEN, 1);
    return;
  }
  while (size > 0) {
    const part = naturalPart(address, size);
    if (source != HOST_SCRATCH) {
      store<u64>(HOST_SCRATCH, 0);
      memory.copy(HOST_SCRATCH, source, part);
    }
    mmioWrite(<u32>address, <u32>(address >> 32), part);
    address += part;
    source += part;
    size -= part;
  }
}

/** Largest of 8, 4, 2, 1 bytes that fits and is aligned, as a bus would split it. */
function naturalPart(address: u64, size: u32): u32 {
  let part: u32 = 8;
  while (part > size || (address & (part - 1)) != 0) part >>= 1;
  return part;
}

/** Notes data breakpoints (DR0..DR3) that an access met; they trap after the instruction. SDM volume 3, 19.2. */
function checkDataBreakpoints(address: u64, size: u32, isWrite: bool): void {
  const dr7 = <u32>load<u64>(DR + 56);
  if ((dr7 & 0xff) == 0) return;
  for (let n: u32 = 0; n < 4; n++) {
    if (((dr7 >> (n * 2)) & 3) == 0) continue;
    const kind = (dr7 >> (16 + n * 4)) & 3;
    if (kind != 3 && !(kind == 1 && isWrite)) continue;
    const lengthCode = (dr7 >> (18 + n * 4)) & 3;
    const length: u64 = lengthCode == 2 ? 8 : <u64>lengthCode + 1;
    const start = load<u64>(DR + n * 8) & ~(length - 1);
    if (address < start + length && start < address + size) {
      store<u32>(PENDING_DEBUG, load<u32>(PENDING_DEBUG) | (1 << n));
      store<u32>(BLOCK_LIMIT, 0);
    }
  }
}

/** Reads with supervisor privilege whatever CPL is: descriptor tables and task state. */
export function readSystem<T>(address: u64): T {
  readSlow(address, sizeof<T>(), SUPERVISOR_SET, false);
  return load<T>(HOST_SCRATCH);
}

/** Writes with supervisor privilege whatever CPL is. */
export function writeSystem<T>(address: u64, value: T): void {
  store<T>(HOST_SCRATCH, value);
  writeSlow(address, sizeof<T>(), SUPERVISOR_SET);
}
