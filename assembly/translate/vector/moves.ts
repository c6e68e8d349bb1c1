// Moves of vector registers, their halves and elements, in translated code: see execute/sse/moves.ts.

import {
  OPF_REX_W,
  OP_CODE,
  immediate,
  isRegister,
  opFlags,
  regAddress,
  rmAddress,
  xmmReg,
  xmmRm,
} from "../../decode/instruction";
import { PP_66, PP_F2, PP_F3, PP_NONE, TWO } from "../../decode/tables";
import { LOCAL_A } from "../context";
import { canRm, popRegister, pushRm } from "../operands";
import {
  I32_LOAD,
  I32_STORE,
  I64_EXTEND_I32_U,
  I64_LOAD,
  I64_LOAD16_U,
  I64_LOAD32_U,
  I64_STORE,
  I64_STORE16,
  I64_STORE32,
  access,
  byte,
  i32Const,
  localGet,
  localSet,
  vector,
  vectorAccess,
} from "../wasm";
import {
  ALIGNED_16,
  UNALIGNED_16,
  V128_LOAD,
  V128_LOAD32_ZERO,
  V128_LOAD64_ZERO,
  V128_STORE,
  beginStore,
  locateDestination,
  locateSource,
  prefixOf,
  pushFirst,
  pushFirstVector,
  pushSource,
  pushSourceVector,
  pushVector,
  pushVectorConstant,
  requireSse,
  storeVector,
} from "./operands";

const I8X16_BITMASK: u32 = 0x64;
const I32X4_BITMASK: u32 = 0xa4;
const I64X2_BITMASK: u32 = 0xc4;
const I64X2_REPLACE_LANE: u32 = 0x1e;

/** Moves of the map of 0F. @returns false if it is none, or has a form for the handler */
export function emitVectorMove(op: u32): bool {
  const prefix = prefixOf(op);
  const packed = prefix == PP_NONE || prefix == PP_66;
  switch (<u32>load<u16>(op, OP_CODE)) {
    case TWO | 0x10:
      return packed ? loadWhole(op, UNALIGNED_16) : loadScalar(op, prefix == PP_F3 ? 2 : 3);
    case TWO | 0x11:
      return packed ? storeWhole(op, UNALIGNED_16) : storeScalar(op, prefix == PP_F3 ? 2 : 3);
    case TWO | 0x12:
      // Between registers MOVHLPS.
      if (!packed || (prefix == PP_66 && isRegister(op))) return false;
      return loadHalf(op, 0, isRegister(op) ? 8 : 0);
    case TWO | 0x16:
      if (!packed || (prefix == PP_66 && isRegister(op))) return false;
      return loadHalf(op, 8, 0);
    case TWO | 0x13:
      return packed && !isRegister(op) && storeHalf(op, 0);
    case TWO | 0x17:
      return packed && !isRegister(op) && storeHalf(op, 8);
    case TWO | 0x28:
      return packed && loadWhole(op, ALIGNED_16);
    case TWO | 0x29:
      return packed && storeWhole(op, ALIGNED_16);
    case TWO | 0x2b:
      return packed && !isRegister(op) && storeWhole(op, ALIGNED_16);
    case TWO | 0x50:
      return packed && isRegister(op) && signBits(op, prefix == PP_66 ? I64X2_BITMASK : I32X4_BITMASK);
    case TWO | 0x6e:
      return prefix == PP_66 && fromGeneral(op);
    case TWO | 0x6f:
      if (prefix == PP_66) return loadWhole(op, ALIGNED_16);
      return prefix == PP_F3 && loadWhole(op, UNALIGNED_16);
    case TWO | 0x7e:
      if (prefix == PP_66) return toGeneral(op);
      return prefix == PP_F3 && loadLow(op);
    case TWO | 0x7f:
      if (prefix == PP_66) return storeWhole(op, ALIGNED_16);
      return prefix == PP_F3 && storeWhole(op, UNALIGNED_16);
    case TWO | 0xc4:
      return prefix == PP_66 && insertWord(op);
    case TWO | 0xc5:
      return prefix == PP_66 && isRegister(op) && extractWord(op);
    case TWO | 0xd6:
      return prefix == PP_66 && storeLow(op);
    case TWO | 0xd7:
      return prefix == PP_66 && isRegister(op) && signBits(op, I8X16_BITMASK);
    case TWO | 0xe7:
      return prefix == PP_66 && !isRegister(op) && storeWhole(op, ALIGNED_16);
    case TWO | 0xf0:
      return prefix == PP_F2 && !isRegister(op) && loadWhole(op, UNALIGNED_16);
    default:
      return false;
  }
}

/** One register to another. By halves: what was written as a scalar is not held up on its way through memory. */
function copy(from: u32, to: u32): void {
  for (let half: u32 = 0; half < 16; half += 8) {
    beginStore();
    i32Const(0);
    access(I64_LOAD, from + half);
    access(I64_STORE, to + half);
  }
}

function loadWhole(op: u32, size: u32): bool {
  if (!locateSource(op, size)) return false;
  if (isRegister(op)) copy(xmmRm(op), xmmReg(op));
  else {
    beginStore();
    pushSourceVector(V128_LOAD);
    storeVector(xmmReg(op));
  }
  return true;
}

function storeWhole(op: u32, size: u32): bool {
  if (!canRm(op, true)) return false;
  requireSse();
  if (isRegister(op)) {
    copy(xmmReg(op), xmmRm(op));
    return true;
  }
  locateDestination(op, size);
  pushFirstVector(op);
  vectorAccess(V128_STORE, 0);
  return true;
}

/** MOVSS, MOVSD: from memory it clears the rest of the register. `size` is log2. */
function loadScalar(op: u32, size: u32): bool {
  if (!locateSource(op, size)) return false;
  beginStore();
  if (isRegister(op)) {
    pushSource(size == 2 ? I32_LOAD : I64_LOAD);
    access(size == 2 ? I32_STORE : I64_STORE, xmmReg(op));
  } else {
    pushSourceVector(size == 2 ? V128_LOAD32_ZERO : V128_LOAD64_ZERO);
    storeVector(xmmReg(op));
  }
  return true;
}

function storeScalar(op: u32, size: u32): bool {
  if (!canRm(op, true)) return false;
  requireSse();
  if (isRegister(op)) i32Const(0);
  else locateDestination(op, size);
  pushFirst(op, size == 2 ? I32_LOAD : I64_LOAD);
  access(size == 2 ? I32_STORE : I64_STORE, isRegister(op) ? xmmRm(op) : 0);
  return true;
}

/** MOVQ xmm, xmm/m64: clears the upper half. */
function loadLow(op: u32): bool {
  if (!locateSource(op, 3)) return false;
  beginStore();
  pushSourceVector(V128_LOAD64_ZERO);
  storeVector(xmmReg(op));
  return true;
}

/** MOVQ xmm/m64, xmm: a register's upper half is cleared. */
function storeLow(op: u32): bool {
  if (!isRegister(op)) return storeScalar(op, 3);
  requireSse();
  beginStore();
  i32Const(0);
  vectorAccess(V128_LOAD64_ZERO, xmmReg(op));
  storeVector(xmmRm(op));
  return true;
}

/** A half of ModRM.reg from memory, or from the half of a register that begins at byte `from`. */
function loadHalf(op: u32, half: u32, from: u32): bool {
  if (!locateSource(op, 3)) return false;
  beginStore();
  if (isRegister(op)) {
    i32Const(0);
    access(I64_LOAD, xmmRm(op) + from);
  } else pushSource(I64_LOAD);
  access(I64_STORE, xmmReg(op) + half);
  return true;
}

function storeHalf(op: u32, half: u32): bool {
  if (!canRm(op, true)) return false;
  requireSse();
  locateDestination(op, 3);
  i32Const(0);
  access(I64_LOAD, xmmReg(op) + half);
  access(I64_STORE, 0);
  return true;
}

// @ts-ignore: decorator
@inline function generalSize(op: u32): u32 { return (opFlags(op) & OPF_REX_W) != 0 ? 3 : 2; }

/** MOVD, MOVQ xmm, r/m. */
function fromGeneral(op: u32): bool {
  if (!canRm(op, false)) return false;
  requireSse();
  pushRm(op, generalSize(op));
  localSet(LOCAL_A);
  beginStore();
  pushVectorConstant(0, 0);
  localGet(LOCAL_A);
  vector(I64X2_REPLACE_LANE);
  byte(0);
  storeVector(xmmReg(op));
  return true;
}

/** MOVD, MOVQ r/m, xmm. */
function toGeneral(op: u32): bool {
  if (!canRm(op, true)) return false;
  requireSse();
  const size = generalSize(op);
  pushFirst(op, size == 2 ? I64_LOAD32_U : I64_LOAD);
  if (isRegister(op)) popRegister(rmAddress(op), size);
  else {
    localSet(LOCAL_A);
    locateDestination(op, size);
    localGet(LOCAL_A);
    access(size == 2 ? I64_STORE32 : I64_STORE, 0);
  }
  return true;
}

/** PINSRW. */
function insertWord(op: u32): bool {
  if (!canRm(op, false)) return false;
  requireSse();
  pushRm(op, 1);
  localSet(LOCAL_A);
  beginStore();
  localGet(LOCAL_A);
  access(I64_STORE16, xmmReg(op) + ((<u32>immediate(op) & 7) << 1));
  return true;
}

/** PEXTRW. */
function extractWord(op: u32): bool {
  requireSse();
  i32Const(0);
  access(I64_LOAD16_U, xmmRm(op) + ((<u32>immediate(op) & 7) << 1));
  popRegister(regAddress(op), 2);
  return true;
}

/** MOVMSKPS, MOVMSKPD, PMOVMSKB. */
function signBits(op: u32, opcode: u32): bool {
  requireSse();
  pushVector(xmmRm(op));
  vector(opcode);
  byte(I64_EXTEND_I32_U);
  popRegister(regAddress(op), 2);
  return true;
}
