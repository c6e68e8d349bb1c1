// Packed integer arithmetic, compares, logic and shifts by an immediate in translated code: what WebAssembly has an
// instruction for. See execute/sse/integer.ts and execute/sse/shifts.ts. Opcodes by their names in the WebAssembly
// specification (5.4.9).

import { OP_CODE, immediate, isRegister, modrmReg, rmAddress, regAddress, xmmReg, xmmRm } from "../../decode/instruction";
import { MAP_38, PP_66, PP_NONE, TWO } from "../../decode/tables";
import { i32Const, vector } from "../wasm";
import {
  ALIGNED_16,
  V128_LOAD,
  beginStore,
  locateSource,
  prefixOf,
  pushFirstVector,
  pushSourceVector,
  pushVector,
  pushVectorConstant,
  requireSse,
  storeVector,
} from "./operands";

const NONE: u32 = 0;
const V128_AND: u32 = 0x4e;
const V128_ANDNOT: u32 = 0x4f;
const V128_OR: u32 = 0x50;
const V128_XOR: u32 = 0x51;

/** The instruction that does a whole operation on the first and the second operand, NONE if there is none. */
function operation(code: u32): u32 {
  switch (code) {
    case TWO | 0x64: return 0x27; // i8x16.gt_s
    case TWO | 0x65: return 0x31; // i16x8.gt_s
    case TWO | 0x66: return 0x3b; // i32x4.gt_s
    case TWO | 0x74: return 0x23; // i8x16.eq
    case TWO | 0x75: return 0x2d; // i16x8.eq
    case TWO | 0x76: return 0x37; // i32x4.eq
    case TWO | 0xd4: return 0xce; // i64x2.add
    case TWO | 0xd5: return 0x95; // i16x8.mul
    case TWO | 0xd8: return 0x73; // i8x16.sub_sat_u
    case TWO | 0xd9: return 0x93; // i16x8.sub_sat_u
    case TWO | 0xda: return 0x77; // i8x16.min_u
    case TWO | 0x54:
    case TWO | 0xdb: return V128_AND;
    case TWO | 0xdc: return 0x70; // i8x16.add_sat_u
    case TWO | 0xdd: return 0x90; // i16x8.add_sat_u
    case TWO | 0xde: return 0x79; // i8x16.max_u
    case TWO | 0xe0: return 0x7b; // i8x16.avgr_u
    case TWO | 0xe3: return 0x9b; // i16x8.avgr_u
    case TWO | 0xe8: return 0x72; // i8x16.sub_sat_s
    case TWO | 0xe9: return 0x92; // i16x8.sub_sat_s
    case TWO | 0xea: return 0x96; // i16x8.min_s
    case TWO | 0x56:
    case TWO | 0xeb: return V128_OR;
    case TWO | 0xec: return 0x6f; // i8x16.add_sat_s
    case TWO | 0xed: return 0x8f; // i16x8.add_sat_s
    case TWO | 0xee: return 0x98; // i16x8.max_s
    case TWO | 0x57:
    case TWO | 0xef: return V128_XOR;
    case TWO | 0xf5: return 0xba; // i32x4.dot_i16x8_s
    case TWO | 0xf8: return 0x71; // i8x16.sub
    case TWO | 0xf9: return 0x91; // i16x8.sub
    case TWO | 0xfa: return 0xb1; // i32x4.sub
    case TWO | 0xfb: return 0xd1; // i64x2.sub
    case TWO | 0xfc: return 0x6e; // i8x16.add
    case TWO | 0xfd: return 0x8e; // i16x8.add
    case TWO | 0xfe: return 0xae; // i32x4.add
    case TWO | 0x63: return 0x65; // i8x16.narrow_i16x8_s
    case TWO | 0x67: return 0x66; // i8x16.narrow_i16x8_u
    case TWO | 0x6b: return 0x85; // i16x8.narrow_i32x4_s
    case MAP_38 | 0x29: return 0xd6; // i64x2.eq
    case MAP_38 | 0x2b: return 0x86; // i16x8.narrow_i32x4_u
    case MAP_38 | 0x37: return 0xd9; // i64x2.gt_s
    case MAP_38 | 0x38: return 0x76; // i8x16.min_s
    case MAP_38 | 0x39: return 0xb6; // i32x4.min_s
    case MAP_38 | 0x3a: return 0x97; // i16x8.min_u
    case MAP_38 | 0x3b: return 0xb7; // i32x4.min_u
    case MAP_38 | 0x3c: return 0x78; // i8x16.max_s
    case MAP_38 | 0x3d: return 0xb8; // i32x4.max_s
    case MAP_38 | 0x3e: return 0x99; // i16x8.max_u
    case MAP_38 | 0x3f: return 0xb9; // i32x4.max_u
    case MAP_38 | 0x40: return 0xb5; // i32x4.mul
    default: return NONE;
  }
}

/** True for ANDPS, ANDNPS, ORPS and XORPS, which have forms without a prefix on XMM registers too. */
// @ts-ignore: decorator
@inline function isFloatLogic(code: u32): bool { return code >= (TWO | 0x54) && code <= (TWO | 0x57); }

/** @returns false if the instruction is none of these, or has a form for the handler */
export function emitVectorInteger(op: u32): bool {
  const code: u32 = load<u16>(op, OP_CODE);
  const prefix = prefixOf(op);
  if (prefix != PP_66 && !(prefix == PP_NONE && isFloatLogic(code))) return false;
  if (code >= (TWO | 0x71) && code <= (TWO | 0x73)) return isRegister(op) && emitShift(op, code);
  if (code == (TWO | 0xdf) || code == (TWO | 0x55)) return emitAndNot(op);
  const opcode = operation(code);
  if (opcode == NONE) return false;
  if (isRegister(op) && regAddress(op) == rmAddress(op) && opcode == V128_XOR) {
    requireSse();
    beginStore();
    pushVectorConstant(0, 0);
    storeVector(xmmReg(op));
    return true;
  }
  if (!locateSource(op, ALIGNED_16)) return false;
  beginStore();
  pushFirstVector(op);
  pushSourceVector(V128_LOAD);
  vector(opcode);
  storeVector(xmmReg(op));
  return true;
}

/** PANDN, ANDNPS: it is the first operand that is inverted. */
function emitAndNot(op: u32): bool {
  if (!locateSource(op, ALIGNED_16)) return false;
  beginStore();
  pushSourceVector(V128_LOAD);
  pushFirstVector(op);
  vector(V128_ANDNOT);
  storeVector(xmmReg(op));
  return true;
}

/** 71, 72, 73: elements of 16, 32 and 64 bits by an immediate. Those of the whole register by bytes are in shuffles.ts. */
function emitShift(op: u32, code: u32): bool {
  const element: u32 = code - (TWO | 0x71);
  const kind = modrmReg(op);
  if ((kind != 2 && kind != 4 && kind != 6) || (kind == 4 && element == 2)) return false;
  const width: u32 = 16 << element;
  let count = <u32>immediate(op);
  requireSse();
  beginStore();
  if (count >= width && kind != 4) pushVectorConstant(0, 0);
  else {
    count = min(count, width - 1);
    pushVector(xmmRm(op));
    i32Const(count);
    // shl, shr_s, shr_u of i16x8; those of i32x4 and i64x2 are 0x20 further each.
    vector((kind == 6 ? 0x8b : kind == 4 ? 0x8c : 0x8d) + (element << 5));
  }
  storeVector(xmmRm(op));
  return true;
}
