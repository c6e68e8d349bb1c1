// REP STOS of few elements, as compilers clear structures by: inline if all of it lies in one page that the TLB lets
// through, upwards. Any other is the handler's.

import { OPF_ADDRESS_16, OPF_ADDRESS_32, opFlags } from "../decode/instruction";
import { DF } from "../execute/flags";
import { EFLAGS, RAX, RCX, RDI, TLB_WRITE_TAG } from "../state";
import { LOCAL_A, LOCAL_ADDRESS, LOCAL_B, LOCAL_POINTER, enterLabel, is64, leaveLabel } from "./context";
import { sizeOf } from "./integer";
import { mask, popRegister, pushRegister } from "./operands";
import { probe, pushPointer, storeOpcode } from "./memory";
import { STOS, addressSize, emitRepeated } from "./string";
import {
  BR_IF,
  ELSE,
  END,
  I32_ADD,
  I32_AND,
  I32_EQZ,
  I32_LOAD,
  I64_ADD,
  I64_AND,
  I64_GE_U,
  I64_LE_U,
  I64_MUL,
  I64_SHL,
  I64_SUB,
  IF,
  LOOP,
  TYPE_VOID,
  access,
  byte,
  i32Const,
  i64Const,
  localGet,
  localSet,
  localTee,
  unsigned,
} from "./wasm";

/** Bytes of the longest fill that is done inline; for longer ones the call does not matter. */
const SHORT: u32 = 128;

/** @returns false, with nothing written, for offsets that are not as wide as the mode's */
export function emitShortFill(op: u32): bool {
  const flags = opFlags(op);
  if ((flags & OPF_ADDRESS_16) != 0 || (is64 && (flags & OPF_ADDRESS_32) != 0)) return false;
  const size = sizeOf(op);
  pushRegister(RAX, size);
  if (size != 3) {
    i64Const(size == 0 ? 0x0101010101010101 : size == 1 ? 0x0001000100010001 : 0x0000000100000001);
    byte(I64_MUL);
  }
  localSet(LOCAL_A);
  pushRegister(RDI, addressSize());
  localSet(LOCAL_ADDRESS);
  pushRegister(RCX, addressSize());
  localTee(LOCAL_B);
  i64Const(SHORT >> size);
  byte(I64_LE_U);
  pushStaysInPage(size);
  byte(I32_AND);
  probe(0, TLB_WRITE_TAG);
  byte(I32_AND);
  i32Const(0);
  access(I32_LOAD, EFLAGS);
  i32Const(DF);
  byte(I32_AND);
  byte(I32_EQZ);
  byte(I32_AND);
  byte(IF);
  byte(TYPE_VOID);
  enterLabel();
  fill(size);
  byte(ELSE);
  emitRepeated(op, STOS);
  leaveLabel();
  byte(END);
  return true;
}

/** Pushes (i32) whether LOCAL_B elements from LOCAL_ADDRESS on, which are few, end within the page. */
function pushStaysInPage(size: u32): void {
  localGet(LOCAL_ADDRESS);
  i64Const(0xfff);
  byte(I64_AND);
  localGet(LOCAL_B);
  i64Const(size);
  byte(I64_SHL);
  byte(I64_ADD);
  i64Const(0x1000);
  byte(I64_LE_U);
}

/** Fills LOCAL_B elements from LOCAL_ADDRESS on with the pattern LOCAL_A. */
function fill(size: u32): void {
  pushPointer();
  localSet(LOCAL_POINTER);
  localGet(LOCAL_B);
  i64Const(size);
  byte(I64_SHL);
  localSet(LOCAL_B);
  localGet(LOCAL_ADDRESS);
  localGet(LOCAL_B);
  byte(I64_ADD);
  mask(addressSize());
  popRegister(RDI, addressSize());
  i64Const(0);
  popRegister(RCX, addressSize());
  fillBy(3);
  if (size != 3) fillBy(size);
}

/** A loop that stores as long as LOCAL_B has so many bytes, and counts it down. */
function fillBy(size: u32): void {
  pushEnough(size);
  byte(IF);
  byte(TYPE_VOID);
  byte(LOOP);
  byte(TYPE_VOID);
  localGet(LOCAL_POINTER);
  localGet(LOCAL_A);
  access(storeOpcode(size), 0);
  localGet(LOCAL_POINTER);
  i32Const(1 << size);
  byte(I32_ADD);
  localSet(LOCAL_POINTER);
  localGet(LOCAL_B);
  i64Const(1 << size);
  byte(I64_SUB);
  localSet(LOCAL_B);
  pushEnough(size);
  byte(BR_IF);
  unsigned(0);
  byte(END);
  byte(END);
}

function pushEnough(size: u32): void {
  localGet(LOCAL_B);
  i64Const(1 << size);
  byte(I64_GE_U);
}
