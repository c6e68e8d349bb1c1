// Unpacks, shuffles and shifts by bytes in translated code: all are WebAssembly's shuffle of two vectors, with places
// that are known here. See execute/sse/shuffles.ts.

import { OP_CODE, immediate, isRegister, modrmReg, xmmReg, xmmRm } from "../../decode/instruction";
import { MAP_3A, PP_66, PP_F2, PP_F3, PP_NONE, TWO } from "../../decode/tables";
import { byte, vector } from "../wasm";
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

const I8X16_SHUFFLE: u32 = 0x0d;

/** @returns false if the instruction is none of these, or has a form for the handler */
export function emitVectorShuffle(op: u32): bool {
  const prefix = prefixOf(op);
  const code: u32 = load<u16>(op, OP_CODE);
  switch (code) {
    case TWO | 0x14:
    case TWO | 0x15:
      // UNPCKLPS and UNPCKHPS, of 32 bits, and UNPCKLPD and UNPCKHPD.
      return (prefix == PP_NONE || prefix == PP_66) && unpack(op, prefix == PP_66 ? 3 : 2, code == (TWO | 0x15));
    case TWO | 0x60:
    case TWO | 0x61:
    case TWO | 0x62:
      return prefix == PP_66 && unpack(op, code & 3, false);
    case TWO | 0x68:
    case TWO | 0x69:
    case TWO | 0x6a:
      return prefix == PP_66 && unpack(op, code & 3, true);
    case TWO | 0x6c:
    case TWO | 0x6d:
      return prefix == PP_66 && unpack(op, 3, code == (TWO | 0x6d));
    case TWO | 0x70:
      if (prefix == PP_66) return shuffleSource(op, dwords(immediate32(op)));
      // PSHUFHW, PSHUFLW: the other half stays.
      if (prefix == PP_F3) return shuffleWords(op, 8);
      return prefix == PP_F2 && shuffleWords(op, 0);
    case TWO | 0x73:
      return prefix == PP_66 && isRegister(op) && (modrmReg(op) & 3) == 3 && shiftBytes(op);
    case TWO | 0xc6:
      if (prefix == PP_NONE) return shuffleBoth(op, true);
      return prefix == PP_66 && shuffleBoth(op, false);
    case MAP_3A | 0x0f:
      return prefix == PP_66 && align(op);
    default:
      return false;
  }
}

// @ts-ignore: decorator
@inline function immediate32(op: u32): u32 { return <u32>immediate(op); }

/** Elements of 1 << `size` bytes of both operands' low or high halves, in turn. */
function unpack(op: u32, size: u32, high: bool): bool {
  if (!locateSource(op, ALIGNED_16)) return false;
  beginStore();
  pushFirstVector(op);
  pushSourceVector(V128_LOAD);
  vector(I8X16_SHUFFLE);
  const bytes: u32 = 1 << size;
  for (let place: u32 = 0; place < 16; place++) {
    const element = place >> size;
    byte((high ? 8 : 0) + ((element >> 1) << size) + (place & (bytes - 1)) + ((element & 1) << 4));
  }
  storeVector(xmmReg(op));
  return true;
}

/** Sixteen places, four bits each, that a control of two bits a dword chooses. */
function dwords(control: u32): u64 {
  let places: u64 = 0;
  for (let place: u32 = 0; place < 16; place++) {
    const chosen = (control >> ((place >> 2) << 1)) & 3;
    places |= <u64>((chosen << 2) | (place & 3)) << (place << 2);
  }
  return places;
}

/** Words of one half, which begins at byte `half`, chosen by the control. */
function shuffleWords(op: u32, half: u32): bool {
  const control = immediate32(op);
  let places: u64 = 0;
  for (let place: u32 = 0; place < 16; place++) {
    const chosen = (control >> (((place >> 1) & 3) << 1)) & 3;
    const from = (place & 8) == half ? half + ((chosen << 1) | (place & 1)) : place;
    places |= <u64>from << (place << 2);
  }
  return shuffleSource(op, places);
}

/** ModRM.reg becomes r/m with its bytes from `places`. */
function shuffleSource(op: u32, places: u64): bool {
  if (!locateSource(op, ALIGNED_16)) return false;
  beginStore();
  pushSourceVector(V128_LOAD);
  pushSourceVector(V128_LOAD);
  vector(I8X16_SHUFFLE);
  for (let place: u32 = 0; place < 64; place += 4) byte(<u32>(places >> place) & 15);
  storeVector(xmmReg(op));
  return true;
}

/** SHUFPS, SHUFPD: the low half from the first operand, the high half from the second. */
function shuffleBoth(op: u32, single: bool): bool {
  if (!locateSource(op, ALIGNED_16)) return false;
  const control = immediate32(op);
  beginStore();
  pushFirstVector(op);
  pushSourceVector(V128_LOAD);
  vector(I8X16_SHUFFLE);
  for (let place: u32 = 0; place < 16; place++) {
    const from = single
      ? (((control >> ((place >> 2) << 1)) & 3) << 2) | (place & 3)
      : (((control >> (place >> 3)) & 1) << 3) | (place & 7);
    byte(from + (place >= 8 ? 16 : 0));
  }
  storeVector(xmmReg(op));
  return true;
}

/** PSRLDQ and PSLLDQ. */
function shiftBytes(op: u32): bool {
  const count = min<u32>(immediate32(op), 16);
  requireSse();
  beginStore();
  pushVector(xmmRm(op));
  pushVectorConstant(0, 0);
  vector(I8X16_SHUFFLE);
  // Places from 16 on are zero.
  for (let place: u32 = 0; place < 16; place++) {
    if (modrmReg(op) == 3) byte(min<u32>(place + count, 16));
    else byte(place < count ? 16 : place - count);
  }
  storeVector(xmmRm(op));
  return true;
}

/** PALIGNR: both operands as one value, the first above the second, moved right by bytes. */
function align(op: u32): bool {
  const count = immediate32(op);
  if (!locateSource(op, ALIGNED_16)) return false;
  beginStore();
  if (count < 16) pushSourceVector(V128_LOAD);
  pushFirstVector(op);
  if (count >= 16) pushVectorConstant(0, 0);
  vector(I8X16_SHUFFLE);
  const start = count < 16 ? count : min<u32>(count - 16, 16);
  for (let place: u32 = 0; place < 16; place++) byte(start + place);
  storeVector(xmmReg(op));
  return true;
}
