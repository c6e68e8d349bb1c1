// Loading segment registers, LDTR and TR, with the checks of each mode. SDM volume 3, 6.5 to 6.8, and volume 2, MOV.

import {
  BLOCK_LIMIT,
  CODE_MODE,
  CPL,
  CS,
  EFLAGS,
  FS,
  FLAT_READ,
  FLAT_WRITE,
  GS,
  LDTR,
  LONG_MODE,
  MODE_64,
  PROTECTED,
  SEGMENT_ATTRIBUTES,
  SEGMENT_BASE,
  SEGMENT_FLAT,
  SEGMENT_LIMIT,
  SEGMENT_NULL,
  SEGMENT_SELECTOR,
  SS,
  TR,
} from "../state";
import { VM } from "../execute/flags";
import { segmentState } from "../execute/address";
import { isCanonical } from "../memory/slow";
import { EXCEPTION_GP, EXCEPTION_NP, EXCEPTION_SS, raiseWithCode } from "./exceptions";
import { updateMode } from "./mode";
import { readTable, writeTable } from "./privileged-memory";
import {
  TYPE_CODE,
  TYPE_LDT,
  TYPE_TSS16_AVAILABLE,
  TYPE_TSS_AVAILABLE,
  NO_DESCRIPTOR,
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
  isReadable,
  isWritableData,
  limitOf,
  plainCode,
  raiseSelector,
  readDescriptor,
  setAccessed,
  typeOf,
} from "./descriptors";

const image = <u32>memory.data(32, 8);

// @ts-ignore: decorator
@inline export function selectorOf(segment: u32): u32 { return load<u16>(segmentState(segment), SEGMENT_SELECTOR); }

/** Loads ES, SS, DS, FS or GS. Changes nothing if it faults. */
export function loadSegment(segment: u32, selector: u32): void {
  if (load<u32>(PROTECTED) == 0) {
    loadRealSegment(segment, selector);
    if (segment == SS) updateMode();
    else leaveUnlessFlat(segment);
    return;
  }
  if (segment == SS) {
    checkStackSegment(image, selector, load<u32>(CPL), EXCEPTION_GP, load<u32>(CODE_MODE) == MODE_64);
    commitSegment(SS, image);
    updateMode();
    return;
  }
  checkDataSegment(image, selector, EXCEPTION_GP);
  commitSegment(segment, image);
  leaveUnlessFlat(segment);
}

/** Translated 32-bit code takes DS and ES for flat: if one is no more, the run loop must look at them again. */
function leaveUnlessFlat(segment: u32): void {
  if (segment >= FS || load<u32>(CODE_MODE) == MODE_64) return;
  const state = segmentState(segment);
  const flat = load<u32>(state, SEGMENT_FLAT) == (FLAT_READ | FLAT_WRITE) && load<u64>(state, SEGMENT_BASE) == 0;
  if (!flat) store<u32>(BLOCK_LIMIT, 0);
}

/** Real and virtual-8086 mode: the base alone, except that the latter has 64 KiB always. In real mode the limit and
 * size stay as protected mode left them. */
export function loadRealSegment(segment: u32, selector: u32): void {
  const state = segmentState(segment);
  if ((load<u32>(EFLAGS) & VM) != 0) fillVirtual8086(state, selector);
  else {
    const limit = load<u32>(state, SEGMENT_NULL) != 0 ? 0xffff : load<u32>(state, SEGMENT_LIMIT);
    const kind: u32 = segment == CS ? 0x9b : 0x93;
    fillImage(state, selector, selector << 4, limit, (load<u32>(state, SEGMENT_ATTRIBUTES) & 0xf000) | kind);
  }
}

/** Fills `target` for SS at privilege `cpl`; raises `vector` (#GP, or #TS from a TSS), or #SS if it is not present.
 * `allowNull`: a null selector is good below CPL 3 in 64-bit mode. */
export function checkStackSegment(target: u32, selector: u32, cpl: u32, vector: u32, allowNull: bool): void {
  if (isNullSelector(selector)) {
    if (!allowNull || cpl == 3 || (selector & 3) != cpl) raiseWithCode(vector, plainCode());
    fillNull(target, selector);
    return;
  }
  const raw = readDescriptor(selector, vector);
  const attributes = attributesOf(raw);
  if ((selector & 3) != cpl || dplOf(attributes) != cpl || !isWritableData(attributes)) raiseSelector(vector, selector);
  if (!isPresent(attributes)) raiseSelector(EXCEPTION_SS, selector);
  fillFromDescriptor(target, selector, setAccessed(selector, raw));
}

/** Fills `target` for ES, DS, FS or GS at the running privilege. */
export function checkDataSegment(target: u32, selector: u32, vector: u32): void {
  if (isNullSelector(selector)) {
    fillNull(target, selector);
    return;
  }
  const raw = readDescriptor(selector, vector);
  const attributes = attributesOf(raw);
  if (!isReadable(attributes)) raiseSelector(vector, selector);
  if (!isCode(attributes) || !isConforming(attributes)) {
    if (max(selector & 3, load<u32>(CPL)) > dplOf(attributes)) raiseSelector(vector, selector);
  }
  if (!isPresent(attributes)) raiseSelector(EXCEPTION_NP, selector);
  fillFromDescriptor(target, selector, setAccessed(selector, raw));
}

/** After a return to an outer level: data segments that it may not see become null. Their bases stay, which 64-bit
 * code can tell. SDM volume 3, 6.8.6. */
export function dropInnerSegments(cpl: u32): void {
  for (let segment: u32 = 0; segment <= GS; segment++) {
    if (segment == CS || segment == SS) continue;
    const state = segmentState(segment);
    // A null FS or GS keeps the base that 64-bit code gave it.
    if (load<u32>(state, SEGMENT_NULL) != 0) continue;
    const attributes = load<u32>(state, SEGMENT_ATTRIBUTES);
    const conforming = (attributes & TYPE_CODE) != 0 && isConforming(attributes);
    if (conforming || dplOf(attributes) >= cpl) continue;
    const base = load<u64>(state, SEGMENT_BASE);
    fillNull(state, 0);
    store<u64>(state, base, SEGMENT_BASE);
  }
}

/** Upper half of the base in a 16-byte system descriptor at `address`; raises #GP if the descriptor is malformed. */
function upperBase(address: u64, selector: u32): u64 {
  if (load<u32>(LONG_MODE) == 0) return 0;
  if ((readTable<u32>(address + 12) & 0x1f00) != 0) raiseSelector(EXCEPTION_GP, selector);
  return <u64>readTable<u32>(address + 8) << 32;
}

/** Reads a system descriptor of the GDT: 16 bytes in long mode. */
function systemDescriptor(selector: u32): u64 {
  const address = (selector & 4) != 0 ? NO_DESCRIPTOR : descriptorAddress(selector, load<u32>(LONG_MODE) != 0 ? 16 : 8);
  if (address == NO_DESCRIPTOR) raiseSelector(EXCEPTION_GP, selector);
  return address;
}

/** LLDT: loads LDTR. */
export function loadLdtr(selector: u32): void {
  if (isNullSelector(selector)) {
    fillNull(segmentState(LDTR), selector);
    return;
  }
  const address = systemDescriptor(selector);
  const raw = readTable<u64>(address);
  const attributes = attributesOf(raw);
  if (typeOf(attributes) != TYPE_LDT) raiseSelector(EXCEPTION_GP, selector);
  if (!isPresent(attributes)) raiseSelector(EXCEPTION_NP, selector);
  const base = upperBase(address, selector) | baseOf(raw);
  if (!isCanonical(base)) raiseSelector(EXCEPTION_GP, selector);
  fillImage(segmentState(LDTR), selector, base, limitOf(raw), attributes);
}

/** LTR: loads TR and marks the TSS busy. */
export function loadTr(selector: u32): void {
  if (isNullSelector(selector)) raiseWithCode(EXCEPTION_GP, 0);
  const address = systemDescriptor(selector);
  const raw = readTable<u64>(address);
  const attributes = attributesOf(raw);
  const type = typeOf(attributes);
  if (type != TYPE_TSS_AVAILABLE && (type != TYPE_TSS16_AVAILABLE || load<u32>(LONG_MODE) != 0)) {
    raiseSelector(EXCEPTION_GP, selector);
  }
  if (!isPresent(attributes)) raiseSelector(EXCEPTION_NP, selector);
  const base = upperBase(address, selector) | baseOf(raw);
  if (!isCanonical(base)) raiseSelector(EXCEPTION_GP, selector);
  writeTable<u8>(address + 5, <u8>(attributes | 2));
  fillImage(segmentState(TR), selector, base, limitOf(raw), attributes | 2);
}
