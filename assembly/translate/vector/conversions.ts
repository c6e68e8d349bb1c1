// Conversions between integers and floating-point numbers, and between the two formats, in translated code: see
// numbers.ts, and execute/sse/conversions.ts.

import { OPF_REX_W, OP_CODE, opFlags, regAddress, xmmReg } from "../../decode/instruction";
import { PP_F2, PP_F3, TWO } from "../../decode/tables";
import { LOCAL_A, LOCAL_B, LOCAL_F32, LOCAL_F64, LOCAL_RESULT, enterLabel, leaveLabel } from "../context";
import { registerSet } from "../handler";
import { canRm, mask, popRegister, pushRm } from "../operands";
import {
  END,
  F32_CONVERT_I32_S,
  F32_CONVERT_I64_S,
  F32_DEMOTE_F64,
  F32_LOAD,
  F32_NE,
  F32_STORE,
  F64_CONVERT_I32_S,
  F64_CONVERT_I64_S,
  F64_LOAD,
  F64_NE,
  F64_NEAREST,
  F64_PROMOTE_F32,
  F64_STORE,
  I32_EQZ,
  I32_REINTERPRET_F32,
  I32_WRAP_I64,
  I64_ADD,
  I64_EXTEND32_S,
  I64_EXTEND_I32_U,
  I64_LOAD,
  I64_LOAD32_U,
  I64_LT_S,
  I64_NE,
  IF,
  TYPE_VOID,
  access,
  byte,
  i64Const,
  localGet,
  localSet,
  localTee,
  truncateSaturating,
  vector,
} from "../wasm";
import {
  beginQuick,
  endWithHandler,
  orHandler,
  pushIsPlain,
  pushIsZero,
  refuseDenormal,
  requireQuickMode,
} from "./numbers";
import {
  V128_LOAD64_ZERO,
  beginStore,
  locateSource,
  prefixOf,
  pushSource,
  pushSourceVector,
  requireSse,
  storeVector,
} from "./operands";

const F64X2_CONVERT_LOW_I32X4_S: u32 = 0xfe;

/** @returns false if the instruction is none of these */
export function emitVectorConversion(op: u32): bool {
  const prefix = prefixOf(op);
  if (prefix != PP_F3 && prefix != PP_F2) return false;
  const size: u32 = prefix == PP_F3 ? 2 : 3;
  switch (<u32>load<u16>(op, OP_CODE)) {
    case TWO | 0x2a:
      return fromInteger(op, size);
    case TWO | 0x2c:
      return toInteger(op, size, true);
    case TWO | 0x2d:
      return toInteger(op, size, false);
    case TWO | 0x5a:
      return size == 2 ? widen(op) : narrow(op);
    case TWO | 0xe6:
      // CVTDQ2PD: exact.
      return size == 2 && integersToDoubles(op);
    default:
      return false;
  }
}

/** CVTSI2SS, CVTSI2SD: 32 bits fit a double. */
function fromInteger(op: u32, size: u32): bool {
  if (!canRm(op, false)) return false;
  requireSse();
  const wide = (opFlags(op) & OPF_REX_W) != 0;
  const exact = size == 3 && !wide;
  pushRm(op, wide ? 3 : 2);
  localSet(LOCAL_A);
  if (!exact) {
    beginQuick();
    requireQuickMode(0);
  }
  beginStore();
  localGet(LOCAL_A);
  if (!wide) byte(I32_WRAP_I64);
  if (size == 3) byte(wide ? F64_CONVERT_I64_S : F64_CONVERT_I32_S);
  else byte(wide ? F32_CONVERT_I64_S : F32_CONVERT_I32_S);
  access(size == 3 ? F64_STORE : F32_STORE, xmmReg(op));
  if (!exact) endWithHandler(op, 0);
  return true;
}

/** CVTTSS2SI, CVTTSD2SI, and those that round. */
function toInteger(op: u32, size: u32, truncate: bool): bool {
  if (!locateSource(op, size)) return false;
  const wide = (opFlags(op) & OPF_REX_W) != 0;
  beginQuick();
  pushSource(size == 3 ? F64_LOAD : F32_LOAD);
  if (size == 2) byte(F64_PROMOTE_F32);
  localTee(LOCAL_F64);
  if (!truncate) byte(F64_NEAREST);
  truncateSaturating(true);
  localSet(LOCAL_RESULT);
  // Out of range: what the saturating instruction gives then is not taken at its word.
  if (wide) {
    localGet(LOCAL_RESULT);
    i64Const((<i64>1) << 62);
    byte(I64_ADD);
    i64Const(0);
    byte(I64_LT_S);
    orHandler(0);
  } else {
    localGet(LOCAL_RESULT);
    byte(I64_EXTEND32_S);
    localGet(LOCAL_RESULT);
    byte(I64_NE);
    orHandler(0);
  }
  // Not exact, or a NaN.
  localGet(LOCAL_RESULT);
  byte(F64_CONVERT_I64_S);
  localGet(LOCAL_F64);
  byte(F64_NE);
  byte(IF);
  byte(TYPE_VOID);
  enterLabel();
  localGet(LOCAL_F64);
  localGet(LOCAL_F64);
  byte(F64_NE);
  orHandler(1);
  requireQuickMode(1);
  leaveLabel();
  byte(END);
  localGet(LOCAL_RESULT);
  if (!wide) mask(2);
  popRegister(regAddress(op), wide ? 3 : 2);
  endWithHandler(op, registerSet(regAddress(op)));
  return true;
}

/** CVTSS2SD: exact, but for NaNs and denormals. */
function widen(op: u32): bool {
  if (!locateSource(op, 2)) return false;
  beginQuick();
  pushSource(I64_LOAD32_U);
  localSet(LOCAL_B);
  refuseDenormal(LOCAL_B, 2);
  pushSource(F32_LOAD);
  localTee(LOCAL_F32);
  localGet(LOCAL_F32);
  byte(F32_NE);
  orHandler(0);
  beginStore();
  localGet(LOCAL_F32);
  byte(F64_PROMOTE_F32);
  access(F64_STORE, xmmReg(op));
  endWithHandler(op, 0);
  return true;
}

/** CVTSD2SS. */
function narrow(op: u32): bool {
  if (!locateSource(op, 3)) return false;
  beginQuick();
  requireQuickMode(0);
  pushSource(F64_LOAD);
  byte(F32_DEMOTE_F64);
  localTee(LOCAL_F32);
  byte(I32_REINTERPRET_F32);
  byte(I64_EXTEND_I32_U);
  localSet(LOCAL_RESULT);
  pushIsPlain(LOCAL_RESULT, 2);
  byte(I32_EQZ);
  byte(IF);
  byte(TYPE_VOID);
  enterLabel();
  // A zero is exact if it was one.
  pushSource(I64_LOAD);
  localSet(LOCAL_B);
  pushIsZero(LOCAL_B, 3);
  byte(I32_EQZ);
  orHandler(1);
  leaveLabel();
  byte(END);
  beginStore();
  localGet(LOCAL_F32);
  access(F32_STORE, xmmReg(op));
  endWithHandler(op, 0);
  return true;
}

/** CVTDQ2PD. */
function integersToDoubles(op: u32): bool {
  if (!locateSource(op, 3)) return false;
  beginStore();
  pushSourceVector(V128_LOAD64_ZERO);
  vector(F64X2_CONVERT_LOW_I32X4_S);
  storeVector(xmmReg(op));
  return true;
}
