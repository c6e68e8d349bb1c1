// String instructions in translated code. One element of MOVS, STOS, LODS, CMPS or SCAS is moved inline; repeated ones
// are the handler's, which does runs within pages at once, but for short fills (fill.ts). Either way the region goes on
// with the next block.

import { OPF_ADDRESS_16, OPF_ADDRESS_32, OPF_F2, OPF_F3, OP_CODE, OP_EA, opFlags } from "../decode/instruction";
import { DF } from "../execute/flags";
import { BLOCK_LIMIT, CS, EFLAGS, RAX, RCX, RDI, RIP, RSI } from "../state";
import {
  LOCAL_A,
  LOCAL_ADDRESS,
  LOCAL_B,
  LOCAL_RESULT,
  LOCAL_RIP,
  enterLabel,
  forgetRegisters,
  is64,
  leaveLabel,
  nextOffset,
  pushRip,
} from "./context";
import { branchToExit, stopIfModeChanged } from "./exits";
import { goTo } from "./control";
import { emitShortFill } from "./fill";
import { setFlags } from "./flags";
import {
  LIGHT_KEEPS_FLAGS,
  LIGHT_READS_FLAGS,
  LIGHT_SETS_FLAGS,
  callHandler,
  registerSet,
} from "./handler";
import { sizeOf } from "./integer";
import { hintedIf } from "./module";
import { mask, popRegister, pushRegister } from "./operands";
import { addSegmentBase, readMemory, writeMemory } from "./memory";
import { KIND_SUB } from "./support";
import {
  I32_AND,
  I32_EQZ,
  I32_LOAD,
  I32_OR,
  I64_ADD,
  I64_LOAD,
  I64_NE,
  I64_SUB,
  END,
  SELECT,
  access,
  byte,
  i32Const,
  i64Const,
  localGet,
  localSet,
  localTee,
} from "./wasm";

const MOVS: u32 = 0xa4;
const CMPS: u32 = 0xa6;
export const STOS: u32 = 0xaa;
const LODS: u32 = 0xac;
const SCAS: u32 = 0xae;

/** A4..A7, AA..AF. */
export function emitString(op: u32): bool {
  const operation = <u32>load<u16>(op, OP_CODE) & ~1;
  if ((opFlags(op) & (OPF_F2 | OPF_F3)) != 0) {
    if (operation != STOS || !emitShortFill(op)) emitRepeated(op, operation);
    goTo(nextOffset(op));
    return true;
  }
  const segment: u32 = load<u8>(op, OP_EA) & 7;
  const usesSource = operation != STOS && operation != SCAS;
  if ((opFlags(op) & OPF_ADDRESS_16) != 0) return false;
  // 32-bit offsets in 64-bit mode are rare.
  if (is64 && (opFlags(op) & OPF_ADDRESS_32) != 0) return false;
  if (usesSource && !is64 && segment == CS) return false;
  emitElement(op, operation, sizeOf(op), segment);
  return true;
}

function emitElement(op: u32, operation: u32, size: u32, segment: u32): void {
  if (operation == STOS || operation == SCAS) {
    pushRegister(RAX, size);
    localSet(LOCAL_A);
  } else {
    pushRegister(RSI, addressSize());
    addSegmentBase(segment);
    localSet(LOCAL_ADDRESS);
    readMemory(size);
    localSet(LOCAL_A);
  }
  if (operation != LODS) {
    pushRegister(RDI, addressSize());
    localSet(LOCAL_ADDRESS);
    if (operation == MOVS || operation == STOS) writeMemory(size, LOCAL_A);
    else {
      readMemory(size);
      localSet(LOCAL_B);
    }
  }
  if (operation == LODS) {
    localGet(LOCAL_A);
    popRegister(RAX, size);
  }
  if (operation == CMPS || operation == SCAS) {
    localGet(LOCAL_A);
    localGet(LOCAL_B);
    byte(I64_SUB);
    mask(size);
    localSet(LOCAL_RESULT);
    setFlags(KIND_SUB, size);
  }
  // The step: down if DF.
  i64Const(-(<i64>1 << size));
  i64Const(<i64>1 << size);
  i32Const(0);
  access(I32_LOAD, EFLAGS);
  i32Const(DF);
  byte(I32_AND);
  byte(SELECT);
  localSet(LOCAL_B);
  if (operation != STOS && operation != SCAS) advance(RSI);
  if (operation != LODS) advance(RDI);
  goTo(nextOffset(op));
}

/** log2 of the bytes of an address. */
// @ts-ignore: decorator
@inline export function addressSize(): u32 { return is64 ? 3 : 2; }

function advance(register: u32): void {
  pushRegister(register, addressSize());
  localGet(LOCAL_B);
  byte(I64_ADD);
  mask(addressSize());
  popRegister(register, addressSize());
}

/** The handler counts down and moves the pointers as it goes, and may fault in between. */
export function emitRepeated(op: u32, operation: u32): void {
  const compares = operation == CMPS || operation == SCAS;
  callHandler(compares ? LIGHT_READS_FLAGS | LIGHT_SETS_FLAGS : LIGHT_KEEPS_FLAGS);
  const pointers = registerSet(RCX) | registerSet(RSI) | registerSet(RDI);
  forgetRegisters(operation == LODS ? pointers | registerSet(RAX) : pointers);
  // Out if some of the work is left, or if the run loop is to look up.
  i32Const(0);
  access(I64_LOAD, RIP);
  localTee(LOCAL_RIP);
  pushRip(nextOffset(op));
  byte(I64_NE);
  i32Const(0);
  access(I32_LOAD, BLOCK_LIMIT);
  byte(I32_EQZ);
  byte(I32_OR);
  hintedIf(false);
  enterLabel();
  stopIfModeChanged();
  branchToExit();
  leaveLabel();
  byte(END);
}
