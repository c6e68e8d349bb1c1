// Segment descriptors: where they lie in the GDT and LDT, their fields, and the image of one as a segment register
// holds it. An image has the layout of a segment register in the state (SEGMENT_*), so that loading a register is
// one copy, made after the last check. SDM volume 3, 3.4.5.

import {
  FLAT_READ,
  FLAT_WRITE,
  GDTR,
  LDTR,
  SEGMENT_ATTRIBUTES,
  SEGMENT_BASE,
  SEGMENT_FLAT,
  SEGMENT_LIMIT,
  SEGMENT_NULL,
  SEGMENT_SELECTOR,
} from "../state";
import { segmentState } from "../execute/address";
import { raiseWithCode } from "./exceptions";
import { readTable, writeTable } from "./privileged-memory";

/** Type bits of code and data segments. */
export const TYPE_ACCESSED: u32 = 1;
/** Data: writable. Code: readable. */
export const TYPE_WRITE_READ: u32 = 2;
/** Data: expands down. Code: conforming. */
export const TYPE_EXPAND_CONFORM: u32 = 4;
export const TYPE_CODE: u32 = 8;
/** Attribute bits above the type. */
export const ATTRIBUTE_S: u32 = 0x10;
export const ATTRIBUTE_P: u32 = 0x80;
export const ATTRIBUTE_L: u32 = 0x2000;
export const ATTRIBUTE_DB: u32 = 0x4000;
export const ATTRIBUTE_G: u32 = 0x8000;

/** System descriptor types (S clear), SDM volume 3, table 3-2. */
export const TYPE_TSS16_AVAILABLE: u32 = 1;
export const TYPE_LDT: u32 = 2;
export const TYPE_TSS16_BUSY: u32 = 3;
export const TYPE_CALL_GATE16: u32 = 4;
export const TYPE_TASK_GATE: u32 = 5;
export const TYPE_INTERRUPT_GATE16: u32 = 6;
export const TYPE_TRAP_GATE16: u32 = 7;
export const TYPE_TSS_AVAILABLE: u32 = 9;
export const TYPE_TSS_BUSY: u32 = 11;
export const TYPE_CALL_GATE: u32 = 12;
export const TYPE_INTERRUPT_GATE: u32 = 14;
export const TYPE_TRAP_GATE: u32 = 15;

/** No descriptor: the selector lies outside its table. */
export const NO_DESCRIPTOR: u64 = u64.MAX_VALUE;

/** EXT of an error code: 1 while an event that is not a software interrupt is delivered. SDM volume 3, 7.13. */
let externalEvent: u32 = 0;
export function setExternalEvent(ext: u32): void { externalEvent = ext; }
/** The error code that names nothing but EXT. */
export function plainCode(): u32 { return externalEvent; }
/** Raises an exception whose error code names a selector. Never returns. */
export function raiseSelector(vector: u32, selector: u32): void {
  raiseWithCode(vector, (selector & 0xfffc) | externalEvent);
}

// @ts-ignore: decorator
@inline export function isNullSelector(selector: u32): bool { return (selector & 0xfffc) == 0; }
// @ts-ignore: decorator
@inline export function attributesOf(raw: u64): u32 { return <u32>(raw >> 40) & 0xf0ff; }
// @ts-ignore: decorator
@inline export function baseOf(raw: u64): u32 { return (<u32>(raw >> 16) & 0xffffff) | (<u32>(raw >> 32) & 0xff000000); }
// @ts-ignore: decorator
@inline export function dplOf(attributes: u32): u32 { return (attributes >> 5) & 3; }
/** Type and S: below 16 a system descriptor, from 16 data, from 24 code. */
// @ts-ignore: decorator
@inline export function typeOf(attributes: u32): u32 { return attributes & 0x1f; }
// @ts-ignore: decorator
@inline export function isPresent(attributes: u32): bool { return (attributes & ATTRIBUTE_P) != 0; }
// @ts-ignore: decorator
@inline export function isCode(attributes: u32): bool { return (attributes & 0x18) == 0x18; }
// @ts-ignore: decorator
@inline export function isConforming(attributes: u32): bool { return (attributes & TYPE_EXPAND_CONFORM) != 0; }
// @ts-ignore: decorator
@inline export function isWritableData(attributes: u32): bool { return (attributes & 0x1a) == 0x12; }
/** Data, or code that may be read. */
// @ts-ignore: decorator
@inline export function isReadable(attributes: u32): bool {
  return (attributes & ATTRIBUTE_S) != 0 && (attributes & 0x0a) != 8;
}

/** Limit in bytes: the last offset inside. */
export function limitOf(raw: u64): u32 {
  const limit = (<u32>raw & 0xffff) | (<u32>(raw >> 32) & 0xf0000);
  return (attributesOf(raw) & ATTRIBUTE_G) != 0 ? (limit << 12) | 0xfff : limit;
}

/** Linear address of a selector's descriptor of 8 or 16 bytes, or NO_DESCRIPTOR. */
export function descriptorAddress(selector: u32, bytes: u32): u64 {
  const index = selector & 0xfff8;
  if ((selector & 4) == 0) {
    return index + bytes - 1 > load<u32>(GDTR, 8) ? NO_DESCRIPTOR : load<u64>(GDTR) + index;
  }
  const ldtr = segmentState(LDTR);
  if (load<u32>(ldtr, SEGMENT_NULL) != 0 || index + bytes - 1 > load<u32>(ldtr, SEGMENT_LIMIT)) return NO_DESCRIPTOR;
  return load<u64>(ldtr, SEGMENT_BASE) + index;
}

/** The descriptor that a selector names; raises `vector` with the selector if it lies outside its table. */
export function readDescriptor(selector: u32, vector: u32): u64 {
  const address = descriptorAddress(selector, 8);
  if (address == NO_DESCRIPTOR) raiseSelector(vector, selector);
  return readTable<u64>(address);
}

/** Sets the accessed bit of a code or data descriptor in memory; returns the descriptor with it. */
export function setAccessed(selector: u32, raw: u64): u64 {
  const accessed: u64 = 1 << 40;
  if ((raw & accessed) == 0) writeTable<u8>(descriptorAddress(selector, 8) + 5, <u8>(raw >> 40) | 1);
  return raw | accessed;
}

/** What accesses through a segment need not check. Outside 64-bit mode only. */
function flatOf(attributes: u32, limit: u32): u32 {
  if (limit != 0xffffffff || (attributes & (ATTRIBUTE_S | ATTRIBUTE_P)) != (ATTRIBUTE_S | ATTRIBUTE_P)) return 0;
  if ((attributes & TYPE_CODE) != 0) return (attributes & TYPE_WRITE_READ) != 0 ? FLAT_READ : 0;
  if ((attributes & TYPE_EXPAND_CONFORM) != 0) return 0;
  return (attributes & TYPE_WRITE_READ) != 0 ? FLAT_READ | FLAT_WRITE : FLAT_READ;
}

/** Fills the image of a segment register. */
export function fillImage(image: u32, selector: u32, base: u64, limit: u32, attributes: u32): void {
  store<u64>(image, base, SEGMENT_BASE);
  store<u32>(image, limit, SEGMENT_LIMIT);
  store<u32>(image, attributes, SEGMENT_ATTRIBUTES);
  store<u16>(image, <u16>selector, SEGMENT_SELECTOR);
  store<u32>(image, flatOf(attributes, limit), SEGMENT_FLAT);
  store<u32>(image, 0, SEGMENT_NULL);
}

export function fillFromDescriptor(image: u32, selector: u32, raw: u64): void {
  fillImage(image, selector, baseOf(raw), limitOf(raw), attributesOf(raw));
}

/** Fills the image of a null selector. DPL keeps the privilege, which a null SS of 64-bit mode still has. */
export function fillNull(image: u32, selector: u32): void {
  fillImage(image, selector, 0, 0, (selector & 3) << 5);
  store<u32>(image, 1, SEGMENT_NULL);
}

/** Fills the image as virtual-8086 mode has it: base by the selector, 64 KiB. SDM volume 3, 21.2. */
export function fillVirtual8086(image: u32, selector: u32): void {
  fillImage(image, selector, selector << 4, 0xffff, 0xf3);
}

/** Puts an image into a segment register. The caller calls updateMode() where that is CS or SS. */
// @ts-ignore: decorator
@inline export function commitSegment(segment: u32, image: u32): void {
  const state = segmentState(segment);
  // SEGMENT_STRIDE is 32.
  v128.store(state, v128.load(image));
  v128.store(state, v128.load(image, 16), 16);
}
