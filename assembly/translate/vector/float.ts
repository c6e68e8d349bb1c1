// Scalar floating-point arithmetic and compares in translated code, as long as numbers are ordinary: see numbers.ts.

import { OP_CODE, xmmReg } from "../../decode/instruction";
import { PP_66, PP_F2, PP_F3, PP_NONE, TWO } from "../../decode/tables";
import {
  LOCAL_A,
  LOCAL_B,
  LOCAL_F32,
  LOCAL_F64,
  LOCAL_FLAG_A,
  LOCAL_FLAG_RESULT,
  LOCAL_RESULT,
  enterLabel,
  flagKind,
  leaveLabel,
  setFlagKind,
} from "../context";
import { writeKind } from "../flags";
import { readRaw } from "../raw-flags";
import { LIGHT_SETS_FLAGS, emitLightHandler } from "../handler";
import { KIND_RAW } from "../support";
import {
  END,
  F32_ADD,
  F32_DIV,
  F32_GT,
  F32_LOAD,
  F32_LT,
  F32_MUL,
  F32_NE,
  F32_SQRT,
  F32_STORE,
  F32_SUB,
  F64_ADD,
  F64_DIV,
  F64_GT,
  F64_LOAD,
  F64_LT,
  F64_MUL,
  F64_NE,
  F64_SQRT,
  F64_STORE,
  F64_SUB,
  I32_EQZ,
  I32_OR,
  I32_REINTERPRET_F32,
  I64_EXTEND_I32_U,
  I64_LOAD,
  I64_LOAD32_U,
  I64_OR,
  I64_REINTERPRET_F64,
  I64_SHL,
  I64_SUB,
  IF,
  SELECT,
  TYPE_VOID,
  access,
  byte,
  i64Const,
  localGet,
  localSet,
  localTee,
} from "../wasm";
import {
  beginHandlerPath,
  beginQuick,
  endQuick,
  endWithHandler,
  orHandler,
  pushIsPlain,
  pushIsZero,
  refuseDenormal,
  requireQuickMode,
} from "./numbers";
import { beginStore, locateSource, prefixOf, pushFirst, pushSource } from "./operands";

const SQRT: u32 = 0x51;
const ADD: u32 = 0x58;
const MUL: u32 = 0x59;
const SUB: u32 = 0x5c;
const MIN: u32 = 0x5d;
const DIV: u32 = 0x5e;
const MAX: u32 = 0x5f;

/** @returns false if the instruction is none of these */
export function emitVectorFloat(op: u32): bool {
  const code: u32 = load<u16>(op, OP_CODE);
  const prefix = prefixOf(op);
  if (code == (TWO | 0x2e) || code == (TWO | 0x2f)) {
    return (prefix == PP_NONE || prefix == PP_66) && emitCompare(op, prefix == PP_NONE ? 2 : 3);
  }
  if ((prefix != PP_F3 && prefix != PP_F2) || code >> 8 != 1) return false;
  const size: u32 = prefix == PP_F3 ? 2 : 3;
  switch (code & 0xff) {
    case SQRT:
    case ADD:
    case MUL:
    case SUB:
    case DIV:
      return emitArithmetic(op, code & 0xff, size);
    case MIN:
    case MAX:
      return emitExtreme(op, code & 0xff, size);
    default:
      return false;
  }
}

function opcodeOf(operation: u32, size: u32): u32 {
  const single = size == 2;
  switch (operation) {
    case ADD: return single ? F32_ADD : F64_ADD;
    case SUB: return single ? F32_SUB : F64_SUB;
    case MUL: return single ? F32_MUL : F64_MUL;
    case DIV: return single ? F32_DIV : F64_DIV;
    default: return single ? F32_SQRT : F64_SQRT;
  }
}

// @ts-ignore: decorator
@inline function loadFloat(size: u32): u32 { return size == 2 ? F32_LOAD : F64_LOAD; }
// @ts-ignore: decorator
@inline function storeFloat(size: u32): u32 { return size == 2 ? F32_STORE : F64_STORE; }
// @ts-ignore: decorator
@inline function loadBits(size: u32): u32 { return size == 2 ? I64_LOAD32_U : I64_LOAD; }
// @ts-ignore: decorator
@inline function localFloat(size: u32): u32 { return size == 2 ? LOCAL_F32 : LOCAL_F64; }

/** LOCAL_A and LOCAL_B become the operands' bits: to the handler if one is denormal. */
function takeOperands(op: u32, size: u32, both: bool): void {
  if (both) {
    pushFirst(op, loadBits(size));
    localSet(LOCAL_A);
    refuseDenormal(LOCAL_A, size);
  }
  pushSource(loadBits(size));
  localSet(LOCAL_B);
  refuseDenormal(LOCAL_B, size);
}

/** Pops a number into its local, and its bits into LOCAL_RESULT. */
function takeResult(size: u32): void {
  localTee(localFloat(size));
  byte(size == 2 ? I32_REINTERPRET_F32 : I64_REINTERPRET_F64);
  if (size == 2) byte(I64_EXTEND_I32_U);
  localSet(LOCAL_RESULT);
}

/** ADDSD, SUBSD, MULSD, DIVSD, SQRTSD and those of singles. */
function emitArithmetic(op: u32, operation: u32, size: u32): bool {
  if (!locateSource(op, size)) return false;
  beginQuick();
  requireQuickMode(0);
  takeOperands(op, size, operation != SQRT);
  if (operation != SQRT) pushFirst(op, loadFloat(size));
  pushSource(loadFloat(size));
  byte(opcodeOf(operation, size));
  takeResult(size);
  // A plain result has plain operands, but for a division by infinity.
  pushIsPlain(LOCAL_RESULT, size);
  byte(I32_EQZ);
  byte(IF);
  byte(TYPE_VOID);
  enterLabel();
  refuseInexactZero(operation, size);
  leaveLabel();
  byte(END);
  beginStore();
  localGet(localFloat(size));
  access(storeFloat(size), xmmReg(op));
  endWithHandler(op, 0);
  return true;
}

/** To the handler unless the result is a zero that is exact: a difference, or from a factor or dividend that is zero. */
function refuseInexactZero(operation: u32, size: u32): void {
  pushIsZero(LOCAL_RESULT, size);
  byte(I32_EQZ);
  orHandler(1);
  if (operation != MUL && operation != DIV) return;
  pushIsZero(LOCAL_A, size);
  if (operation == MUL) {
    pushIsZero(LOCAL_B, size);
    byte(I32_OR);
  }
  byte(I32_EQZ);
  orHandler(1);
}

/** To the handler if a number on either side is a NaN. */
function refuseNaN(op: u32, size: u32): void {
  pushFirst(op, loadFloat(size));
  pushFirst(op, loadFloat(size));
  byte(size == 2 ? F32_NE : F64_NE);
  pushSource(loadFloat(size));
  pushSource(loadFloat(size));
  byte(size == 2 ? F32_NE : F64_NE);
  byte(I32_OR);
  orHandler(0);
}

/** MINSD, MAXSD, MINSS, MAXSS: the second operand if they are equal. */
function emitExtreme(op: u32, operation: u32, size: u32): bool {
  if (!locateSource(op, size)) return false;
  beginQuick();
  takeOperands(op, size, true);
  refuseNaN(op, size);
  beginStore();
  pushFirst(op, loadFloat(size));
  pushSource(loadFloat(size));
  pushFirst(op, loadFloat(size));
  pushSource(loadFloat(size));
  if (operation == MIN) byte(size == 2 ? F32_LT : F64_LT);
  else byte(size == 2 ? F32_GT : F64_GT);
  byte(SELECT);
  access(storeFloat(size), xmmReg(op));
  endWithHandler(op, 0);
  return true;
}

/** UCOMISD, COMISD, UCOMISS, COMISS: they differ in what they say of NaNs. Flags become raw ones: CF if the first operand
 * is less, ZF if they are equal, the others 0. */
function emitCompare(op: u32, size: u32): bool {
  if (!locateSource(op, size)) return false;
  const kind = flagKind;
  beginQuick();
  takeOperands(op, size, true);
  refuseNaN(op, size);
  // A result that is not 0, if they are not equal; PF is taken back by bit 8 of the carries.
  pushFirst(op, loadFloat(size));
  pushSource(loadFloat(size));
  byte(size == 2 ? F32_NE : F64_NE);
  byte(I64_EXTEND_I32_U);
  i64Const(8);
  byte(I64_SHL);
  localSet(LOCAL_FLAG_RESULT);
  // CF is bit 63, and bit 62 with it, for OF to be 0.
  i64Const(0);
  pushFirst(op, loadFloat(size));
  pushSource(loadFloat(size));
  byte(size == 2 ? F32_LT : F64_LT);
  byte(I64_EXTEND_I32_U);
  byte(I64_SUB);
  i64Const(62);
  byte(I64_SHL);
  i64Const(0x100);
  byte(I64_OR);
  localSet(LOCAL_FLAG_A);
  // At once: on the handler's path memory has them too.
  writeKind(KIND_RAW);
  beginHandlerPath();
  setFlagKind(kind);
  emitLightHandler(op, 0, LIGHT_SETS_FLAGS);
  readRaw();
  endQuick();
  return true;
}
