// MOVS STOS LODS CMPS SCAS, alone and with REP, REPE, REPNE. INS and OUTS are in system/.
//
// An execution of a repeated instruction does a bounded part of the work and, if some is left, leaves RIP where it is,
// so that interrupts and limits come between parts. The counter and the pointers change as each piece is done: a fault
// restarts exactly there. MOVS and STOS do runs within pages at once where the TLB allows access to plain memory;
// pages that need care (decoded code, devices, breakpoints) have no tag and go element by element.

import { BYTE, JUMPS, define, defineWidths } from "../decode/tables";
import { OPF_F2, OPF_F3, nextRip, opFlags, thisRip } from "../decode/instruction";
import { read, write } from "../memory/access";
import { USER_CHECKED_SET, translateForRead, translateForWrite } from "../memory/slow";
import { tlbEntry } from "../memory/tlb";
import {
  CODE_MODE,
  EFLAGS,
  ES,
  FLAT_READ,
  FLAT_WRITE,
  MODE_64,
  PENDING_DEBUG,
  RAX,
  RCX,
  RDI,
  RIP,
  RSI,
  SEGMENT_FLAT,
  TLB_ADDEND,
  TLB_READ_TAG,
  TLB_SET,
  TLB_WRITE_TAG,
} from "../state";
import { addressSize, linearAddress, operandSegment, segmentState } from "./address";
import { DF, TF, getZF, setFlagsSub } from "./flags";
import { storeRegister } from "./operands";

/** Bytes that one execution of a repeated instruction may move. */
const PART: u32 = 4096;

/** A register as far as the address size covers it. */
// @ts-ignore: decorator
@inline function pointer(register: u32, size: u32): u64 {
  return size == 8 ? load<u64>(register) : size == 4 ? <u64>load<u32>(register) : <u64>load<u16>(register);
}

// @ts-ignore: decorator
@inline function setPointer(register: u32, value: u64, size: u32): void {
  if (size == 8) store<u64>(register, value);
  else if (size == 4) store<u64>(register, value & 0xffffffff);
  else store<u16>(register, <u16>value);
}

// @ts-ignore: decorator
@inline function repeats(op: u32): bool { return (opFlags(op) & (OPF_F2 | OPF_F3)) != 0; }

/** Elements to do now: 1 without REP or while single-stepping, as each iteration then traps. */
// @ts-ignore: decorator
@inline function partLimit<T>(): u64 {
  return (load<u32>(EFLAGS) & TF) != 0 ? 1 : <u64>(PART / sizeof<T>());
}

// @ts-ignore: decorator
@inline function isBackward(): bool { return (load<u32>(EFLAGS) & DF) != 0; }

/** Linear address of an element at an offset that has been checked for a whole run, or of one about to be accessed. */
// @ts-ignore: decorator
@inline function address<T>(segment: u32, offset: u64, isWrite: bool): u64 {
  return linearAddress(segment, offset, sizeof<T>(), isWrite);
}

/** How many elements from `offset` on lie in one page, in the segment, and before the offset wraps; 0 if one by one. */
// @ts-ignore: decorator
@inline function run<T>(segment: u32, offset: u64, linear: u64, size: u32, backward: bool, flat: u32): u64 {
  if (load<u32>(CODE_MODE) != MODE_64 && (load<u32>(segmentState(segment), SEGMENT_FLAT) & flat) == 0) return 0;
  const inPage = <u32>linear & 0xfff;
  if (inPage + sizeof<T>() > 0x1000) return 0;
  let elements: u64 = backward ? inPage / sizeof<T>() + 1 : (0x1000 - inPage) / sizeof<T>();
  if (size != 8) {
    const top: u64 = size == 4 ? 0x100000000 : 0x10000;
    if (offset + sizeof<T>() > top) return 0;
    elements = min<u64>(elements, backward ? offset / sizeof<T>() + 1 : (top - offset) / sizeof<T>());
  }
  return elements;
}

/**
 * Pointer into linear memory for plain RAM at a linear address, or 0; fills the TLB, and faults as an access would.
 * It stays good though the other operand's page may take the same entry: pages that far apart would else be filled
 * anew for each element.
 */
// @ts-ignore: decorator
@inline function plain(linear: u64, isWrite: bool): u32 {
  const set = load<u32>(TLB_SET);
  const entry = tlbEntry(set, linear);
  const tag = isWrite ? load<u64>(entry, TLB_WRITE_TAG) : load<u64>(entry, TLB_READ_TAG);
  if (tag == (linear & ~0xfff)) return <u32>linear + load<u32>(entry, TLB_ADDEND);
  // The entry is this page's and withholds the tag (decoded code, or not dirty yet), or alignment comes before any other
  // fault: an element's own access sees to that.
  if (load<u64>(entry, TLB_READ_TAG) == (linear & ~0xfff) || set == USER_CHECKED_SET) return 0;
  return isWrite ? translateForWrite(linear, 1) : translateForRead(linear, 1);
}

/** Ends an execution: on to the next instruction, or this one again. */
// @ts-ignore: decorator
@inline function finish(again: u64, next: u64, left: u64): void {
  const rip = left != 0 ? again : next;
  store<u64>(RIP, load<u32>(CODE_MODE) == MODE_64 ? rip : rip & 0xffffffff);
}

// MOVS

// @ts-ignore: decorator
@inline function movs<T>(op: u32): void {
  const next = nextRip(op);
  if (!repeats(op)) {
    movsElement<T>(operandSegment(op), addressSize(op));
    finish(next, next, 0);
    return;
  }
  movsRepeated<T>(operandSegment(op), addressSize(op), thisRip(op), next);
}

/** One element by the slow way, which fills the TLB or faults. */
function movsElement<T>(segment: u32, size: u32): void {
  const source = pointer(RSI, size);
  const target = pointer(RDI, size);
  write<T>(address<T>(ES, target, true), read<T>(address<T>(segment, source, false)));
  const step: u64 = isBackward() ? 0 - <u64>sizeof<T>() : sizeof<T>();
  setPointer(RSI, source + step, size);
  setPointer(RDI, target + step, size);
}

function movsRepeated<T>(segment: u32, size: u32, again: u64, next: u64): void {
  let left = pointer(RCX, size);
  let part = min(left, partLimit<T>());
  const backward = isBackward();
  while (part != 0) {
    const source = pointer(RSI, size);
    const target = pointer(RDI, size);
    const from = address<T>(segment, source, false);
    const to = address<T>(ES, target, true);
    let elements = min(part, run<T>(segment, source, from, size, backward, FLAT_READ));
    elements = min(elements, run<T>(ES, target, to, size, backward, FLAT_WRITE));
    const fromPointer = elements > 1 ? plain(from, false) : 0;
    const toPointer = fromPointer != 0 ? plain(to, true) : 0;
    if (toPointer != 0) {
      const bytes = <u32>elements * sizeof<T>();
      moveRun<T>(fromPointer, toPointer, bytes, backward);
      const step: u64 = backward ? 0 - <u64>bytes : bytes;
      setPointer(RSI, source + step, size);
      setPointer(RDI, target + step, size);
    } else {
      movsElement<T>(segment, size);
      elements = 1;
    }
    left -= elements;
    part -= elements;
    setPointer(RCX, left, size);
    if (load<u32>(PENDING_DEBUG) != 0) break;
  }
  finish(again, next, left);
}

/** Moves whole elements in order: where the target lies ahead of the source within the run, earlier elements are
 * sources of later ones, which a copy that respects overlap would not give. */
function moveRun<T>(from: u32, to: u32, bytes: u32, backward: bool): void {
  if (!backward) {
    if (to > from && to - from < bytes) {
      for (let n: u32 = 0; n < bytes; n += sizeof<T>()) store<T>(to + n, load<T>(from + n));
    } else memory.copy(to, from, bytes);
    return;
  }
  if (to < from && from - to < bytes) {
    for (let n: u32 = 0; n < bytes; n += sizeof<T>()) store<T>(to - n, load<T>(from - n));
  } else {
    const back = bytes - sizeof<T>();
    memory.copy(to - back, from - back, bytes);
  }
}

// STOS

// @ts-ignore: decorator
@inline function stos<T>(op: u32): void {
  const next = nextRip(op);
  if (!repeats(op)) {
    stosElement<T>(addressSize(op));
    finish(next, next, 0);
    return;
  }
  stosRepeated<T>(addressSize(op), thisRip(op), next);
}

function stosElement<T>(size: u32): void {
  const target = pointer(RDI, size);
  write<T>(address<T>(ES, target, true), load<T>(RAX));
  setPointer(RDI, isBackward() ? target - sizeof<T>() : target + sizeof<T>(), size);
}

function stosRepeated<T>(size: u32, again: u64, next: u64): void {
  let left = pointer(RCX, size);
  let part = min(left, partLimit<T>());
  const backward = isBackward();
  while (part != 0) {
    const target = pointer(RDI, size);
    const to = address<T>(ES, target, true);
    let elements = min(part, run<T>(ES, target, to, size, backward, FLAT_WRITE));
    const toPointer = elements > 1 ? plain(to, true) : 0;
    if (toPointer != 0) {
      const bytes = <u32>elements * sizeof<T>();
      fillRun<T>(backward ? toPointer - (bytes - sizeof<T>()) : toPointer, bytes);
      setPointer(RDI, backward ? target - bytes : target + bytes, size);
    } else {
      stosElement<T>(size);
      elements = 1;
    }
    left -= elements;
    part -= elements;
    setPointer(RCX, left, size);
    if (load<u32>(PENDING_DEBUG) != 0) break;
  }
  finish(again, next, left);
}

function fillRun<T>(to: u32, bytes: u32): void {
  const value = load<T>(RAX);
  const byte = load<u8>(RAX);
  if (sizeof<T>() == 1 || value == <T>(<u64>byte * 0x0101010101010101)) {
    memory.fill(to, byte, bytes);
    return;
  }
  for (let n: u32 = 0; n < bytes; n += sizeof<T>()) store<T>(to + n, value);
}

// LODS, CMPS, SCAS

// @ts-ignore: decorator
@inline function lodsElement<T>(segment: u32, size: u32): void {
  const source = pointer(RSI, size);
  storeRegister<T>(RAX, read<T>(address<T>(segment, source, false)));
  setPointer(RSI, isBackward() ? source - sizeof<T>() : source + sizeof<T>(), size);
}

// @ts-ignore: decorator
@inline function cmpsElement<T>(segment: u32, size: u32): void {
  const source = pointer(RSI, size);
  const target = pointer(RDI, size);
  const a = read<T>(address<T>(segment, source, false));
  const b = read<T>(address<T>(ES, target, false));
  const step: u64 = isBackward() ? 0 - <u64>sizeof<T>() : sizeof<T>();
  setPointer(RSI, source + step, size);
  setPointer(RDI, target + step, size);
  setFlagsSub<T>(a, b, <T>(a - b));
}

// @ts-ignore: decorator
@inline function scasElement<T>(size: u32): void {
  const target = pointer(RDI, size);
  const a = load<T>(RAX);
  const b = read<T>(address<T>(ES, target, false));
  setPointer(RDI, isBackward() ? target - sizeof<T>() : target + sizeof<T>(), size);
  setFlagsSub<T>(a, b, <T>(a - b));
}

// Which of the three, as a type.
class Lods {}
class Cmps {}
class Scas {}

// @ts-ignore: decorator
@inline function element<T, K>(segment: u32, size: u32): void {
  if (idof<K>() == idof<Lods>()) lodsElement<T>(segment, size);
  else if (idof<K>() == idof<Cmps>()) cmpsElement<T>(segment, size);
  else scasElement<T>(size);
}

function scan<T, K>(op: u32): void {
  const next = nextRip(op);
  const size = addressSize(op);
  const segment = operandSegment(op);
  if (!repeats(op)) {
    element<T, K>(segment, size);
    finish(next, next, 0);
    return;
  }
  const again = thisRip(op);
  const untilZero = (opFlags(op) & OPF_F2) != 0;
  let left = pointer(RCX, size);
  let part = min(left, partLimit<T>());
  while (part != 0) {
    element<T, K>(segment, size);
    left--;
    part--;
    setPointer(RCX, left, size);
    // REPE goes on while equal, REPNE while not; LODS looks at the count alone.
    if (idof<K>() != idof<Lods>() && (getZF() != 0) == untilZero) {
      finish(next, next, 0);
      return;
    }
    if (load<u32>(PENDING_DEBUG) != 0) break;
  }
  finish(again, next, left);
}

/** Registers the string instructions. */
export function registerString(): void {
  define(0xa4, BYTE | JUMPS, (op) => movs<u8>(op));
  defineWidths(0xa5, JUMPS, (op) => movs<u16>(op), (op) => movs<u32>(op), (op) => movs<u64>(op));
  define(0xa6, BYTE | JUMPS, (op) => scan<u8, Cmps>(op));
  defineWidths(0xa7, JUMPS, (op) => scan<u16, Cmps>(op), (op) => scan<u32, Cmps>(op), (op) => scan<u64, Cmps>(op));
  define(0xaa, BYTE | JUMPS, (op) => stos<u8>(op));
  defineWidths(0xab, JUMPS, (op) => stos<u16>(op), (op) => stos<u32>(op), (op) => stos<u64>(op));
  define(0xac, BYTE | JUMPS, (op) => scan<u8, Lods>(op));
  defineWidths(0xad, JUMPS, (op) => scan<u16, Lods>(op), (op) => scan<u32, Lods>(op), (op) => scan<u64, Lods>(op));
  define(0xae, BYTE | JUMPS, (op) => scan<u8, Scas>(op));
  defineWidths(0xaf, JUMPS, (op) => scan<u16, Scas>(op), (op) => scan<u32, Scas>(op), (op) => scan<u64, Scas>(op));
}
