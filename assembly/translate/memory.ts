// Operands in memory, in translated code: their linear address, and the TLB's fast path inline. Values on the stack are i64,
// zero-extended from the operand's width; `size` is log2 of its bytes.

import {
  FLAT_READ,
  FLAT_WRITE,
  SEGMENTS,
  SEGMENT_BASE,
  SEGMENT_FLAT,
  SEGMENT_STRIDE,
  TLB_ADDEND,
  TLB_READ_TAG,
  TLB_WRITE_TAG,
  ZERO_REG,
  FS,
  CS,
} from "../state";
import {
  EA_64_ADDRESS_32,
  EA_BASED,
  EA_PLAIN,
  EA_RIP,
  EA_RIP_BASED,
  EA_SEGMENTED_32,
  OP_DISPLACEMENT,
  OP_EA,
  OP_INDEX,
  OP_RM,
  OP_SCALE,
} from "../decode/instruction";
import {
  LOCAL_ADDRESS,
  LOCAL_BASE,
  LOCAL_ENTRY,
  LOCAL_POINTER,
  LOCAL_RESULT,
  LOCAL_TLB,
  LOCAL_TLB_MASK,
  enterLabel,
  getRegister,
  is64,
  leaveLabel,
  nextOffset,
} from "./context";
import { leaveToHandler, leaveToHandlerIf } from "./exits";
import { ALIGNED_16_BYTES } from "../memory/paging";
import { FUNCTION_REFILL_TLB, hintedIf } from "./module";
import {
  END,
  I32_ADD,
  I32_AND,
  I32_EQZ,
  I32_LOAD,
  I32_NE,
  I32_WRAP_I64,
  I64_ADD,
  I64_AND,
  I64_EQ,
  I64_LOAD,
  I64_LOAD16_U,
  I64_LOAD32_U,
  I64_LOAD8_U,
  I64_SHL,
  I64_SHR_U,
  I64_STORE,
  I64_STORE16,
  I64_STORE32,
  I64_STORE8,
  IF,
  TYPE_VOID,
  access,
  byte,
  call,
  i32Const,
  i64Const,
  localGet,
  localSet,
  localTee,
} from "./wasm";
import { mask, numberOf } from "./operands";

const PAGE_MASK: i64 = ~0xfff;

/** In place of a size: 16 bytes at a multiple of 16. What is not aligned does not get through. */
export const ALIGNED_16: u32 = 5;

function pushAddressRegister(address: u32): bool {
  if (address == ZERO_REG) return false;
  getRegister(numberOf(address));
  return true;
}

/** True if the memory operand's address form can be computed inline. */
export function canAddress(op: u32, write: bool): bool {
  const kind = (load<u8>(op, OP_EA) >> 3) & 15;
  const segment: u32 = load<u8>(op, OP_EA) & 7;
  if (is64) return kind == EA_PLAIN || kind == EA_BASED || kind == EA_RIP || kind == EA_RIP_BASED || kind == EA_64_ADDRESS_32;
  // CS may not be readable.
  return kind == EA_SEGMENTED_32 && segment != CS;
}

/** Pushes the offset part of the address, as LEA has it. */
export function pushOffset(op: u32): void {
  const kind = (load<u8>(op, OP_EA) >> 3) & 15;
  if (kind == EA_RIP || kind == EA_RIP_BASED) {
    localGet(LOCAL_BASE);
    i64Const(nextOffset(op) + <i64>load<i32>(op, OP_DISPLACEMENT));
    byte(I64_ADD);
    return;
  }
  let pushed = pushAddressRegister(load<u16>(op, OP_RM));
  if (pushAddressRegister(load<u16>(op, OP_INDEX))) {
    const scale: u32 = load<u8>(op, OP_SCALE);
    if (scale != 0) {
      i64Const(scale);
      byte(I64_SHL);
    }
    if (pushed) byte(I64_ADD);
    pushed = true;
  }
  const displacement = <i64>load<i32>(op, OP_DISPLACEMENT);
  if (!pushed) i64Const(displacement);
  else if (displacement != 0) {
    i64Const(displacement);
    byte(I64_ADD);
  }
  if (hasShortAddress(op)) mask(2);
}

/** True if offsets of the memory operand wrap at 4 GiB. */
export function hasShortAddress(op: u32): bool {
  const kind = (load<u8>(op, OP_EA) >> 3) & 15;
  return kind == EA_64_ADDRESS_32 || kind == EA_SEGMENTED_32;
}

/** Adds the base of a segment to the offset on the stack. In 32-bit mode the region's guard covers ES, SS and DS; FS
 * and GS may be anything: if one is not 4 GiB long, the instruction is its handler's. */
export function addSegmentBase(segment: u32): void {
  if (segment < FS) return;
  const state = SEGMENTS + segment * SEGMENT_STRIDE;
  if (!is64) {
    i32Const(0);
    access(I32_LOAD, state + SEGMENT_FLAT);
    i32Const(FLAT_READ | FLAT_WRITE);
    byte(I32_NE);
    leaveToHandlerIf();
  }
  i32Const(0);
  access(I64_LOAD, state + SEGMENT_BASE);
  byte(I64_ADD);
  if (!is64) mask(2);
}

/** Computes the linear address of the memory operand into LOCAL_ADDRESS. */
export function computeAddress(op: u32): void {
  pushOffset(op);
  setAddress(op);
}

/** Pops an offset in the memory operand's segment: LOCAL_ADDRESS becomes its linear address. */
export function setAddress(op: u32): void {
  addSegmentBase(load<u8>(op, OP_EA) & 7);
  localSet(LOCAL_ADDRESS);
}

/** Pushes (i32) the TLB's entry for LOCAL_ADDRESS. */
export function pushTlbEntry(): void {
  localGet(LOCAL_ADDRESS);
  i64Const(7);
  byte(I64_SHR_U);
  byte(I32_WRAP_I64);
  localGet(LOCAL_TLB_MASK);
  byte(I32_AND);
  localGet(LOCAL_TLB);
  byte(I32_ADD);
}

/** Pushes whether the TLB lets LOCAL_ADDRESS through; LOCAL_ENTRY is its entry. */
export function probe(size: u32, tag: u32): void {
  pushTlbEntry();
  localTee(LOCAL_ENTRY);
  access(I64_LOAD, tag);
  localGet(LOCAL_ADDRESS);
  if (size != 0 && size != ALIGNED_16) {
    i64Const((1 << size) - 1);
    byte(I64_ADD);
  }
  i64Const(size == ALIGNED_16 ? PAGE_MASK | 15 : PAGE_MASK);
  byte(I64_AND);
  byte(I64_EQ);
}

/** Pushes the address in linear memory that LOCAL_ENTRY maps LOCAL_ADDRESS to. */
export function pushPointer(): void {
  localGet(LOCAL_ADDRESS);
  byte(I32_WRAP_I64);
  localGet(LOCAL_ENTRY);
  access(I32_LOAD, TLB_ADDEND);
  byte(I32_ADD);
}

/**
 * Pushes where in linear memory LOCAL_ADDRESS is, for an access by its tag. If the TLB does not let it through and can't
 * be filled so that it does, the instruction is its handler's, who sees to the fault, the device or the decoded code.
 */
export function locateMemory(size: u32, tag: u32): void {
  probe(size, tag);
  byte(I32_EQZ);
  hintedIf(false);
  enterLabel();
  localGet(LOCAL_ADDRESS);
  i32Const(size == ALIGNED_16 ? ALIGNED_16_BYTES : 1 << size);
  i32Const(tag == TLB_WRITE_TAG ? 1 : 0);
  call(FUNCTION_REFILL_TLB);
  byte(I32_EQZ);
  byte(IF);
  byte(TYPE_VOID);
  enterLabel();
  leaveToHandler();
  leaveLabel();
  byte(END);
  leaveLabel();
  byte(END);
  pushPointer();
}

/** The same for an instruction that may not access it after all: where the TLB does not let it through, the handler
 * decides. A walk would mark the page as written to. */
export function locateWithoutFill(size: u32, tag: u32): void {
  probe(size, tag);
  byte(I32_EQZ);
  leaveToHandlerIf();
  pushPointer();
}

function loadOpcode(size: u32): u32 {
  return size == 0 ? I64_LOAD8_U : size == 1 ? I64_LOAD16_U : size == 2 ? I64_LOAD32_U : I64_LOAD;
}

export function storeOpcode(size: u32): u32 {
  return size == 0 ? I64_STORE8 : size == 1 ? I64_STORE16 : size == 2 ? I64_STORE32 : I64_STORE;
}

/** Pushes what is at LOCAL_ADDRESS. */
export function readMemory(size: u32): void {
  locateMemory(size, TLB_READ_TAG);
  access(loadOpcode(size), 0);
}

/** Writes `value`, a local, to LOCAL_ADDRESS. */
export function writeMemory(size: u32, value: u32): void {
  locateMemory(size, TLB_WRITE_TAG);
  localGet(value);
  access(storeOpcode(size), 0);
}

/** Pushes what is at LOCAL_ADDRESS, checked for writing; writeModification() writes back. */
export function readForModification(size: u32): void {
  locateMemory(size, TLB_WRITE_TAG);
  localTee(LOCAL_POINTER);
  access(loadOpcode(size), 0);
}

/** Writes LOCAL_RESULT to where readForModification() read. */
export function writeModification(size: u32): void {
  localGet(LOCAL_POINTER);
  localGet(LOCAL_RESULT);
  access(storeOpcode(size), 0);
}
