// PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM (SDM volume 1, 12.2.13.. and volume 2, 4.1): compare of two strings of
// bytes or words in XMM registers.

import { OPF_REX_W, immediate, opFlags, xmmReg } from "../../decode/instruction";
import { IMM8U, MAP_3A, MODRM, PP_66, definePrefixed } from "../../decode/tables";
import { RAX, RCX, RDX, XMM } from "../../state";
import { CF, OF, SF, ZF, setStatusFlags } from "../flags";
import { storeRegister } from "../operands";
import { sourceUnaligned } from "./operands";

// The immediate: bit 0 words, bit 1 signed, 3:2 aggregation, 5:4 polarity, bit 6 last index or expanded mask.
const WORDS: u32 = 1;
const SIGNED: u32 = 2;
const EQUAL_ANY: u32 = 0;
const RANGES: u32 = 1;
const EQUAL_EACH: u32 = 2;
const NEGATIVE: u32 = 0x10;
const MASKED: u32 = 0x20;
const LAST_OR_EXPAND: u32 = 0x40;

const operands = memory.data(32, 16);

/** Element `n` of the first operand in every place. */
// @ts-ignore: decorator
@inline function spread(n: u32, words: bool): v128 {
  return words ? v128.load16_splat(operands + (n << 1)) : v128.load8_splat(operands + n);
}
/** One bit for each element that is equal. */
// @ts-ignore: decorator
@inline function equals(a: v128, b: v128, words: bool): u32 {
  return words ? i16x8.bitmask(i16x8.eq(a, b)) : i8x16.bitmask(i8x16.eq(a, b));
}
/** One bit for each element with a <= b. */
function notAbove(a: v128, b: v128, control: u32): u32 {
  switch (control & (WORDS | SIGNED)) {
    case 0: return i8x16.bitmask(i8x16.le_u(a, b));
    case WORDS: return i16x8.bitmask(i16x8.le_u(a, b));
    case SIGNED: return i8x16.bitmask(i8x16.le_s(a, b));
    default: return i16x8.bitmask(i16x8.le_s(a, b));
  }
}

/** Length up to the first zero element. */
// @ts-ignore: decorator
@inline function implicitLength(value: v128, words: bool, count: u32): u32 {
  return min(<u32>ctz<u32>(equals(value, i64x2.splat(0), words)), count);
}

/** Absolute value of a register, at most `count`; 32 bits of it without REX.W. */
function explicitLength(op: u32, register: u32, count: u32): u32 {
  const value = (opFlags(op) & OPF_REX_W) != 0 ? load<i64>(register) : <i64>load<i32>(register);
  const size = value < 0 ? <u64>0 - <u64>value : <u64>value;
  return <u32>min<u64>(size, count);
}

/** IntRes1, one bit for each element of the second operand. */
function aggregate(control: u32, count: u32, length1: u32, length2: u32): u32 {
  const words = (control & WORDS) != 0;
  const b = v128.load(operands, 16);
  const all: u32 = (1 << count) - 1;
  const valid1: u32 = (1 << length1) - 1;
  const valid2: u32 = (1 << length2) - 1;
  let result: u32 = 0;
  switch ((control >> 2) & 3) {
    case EQUAL_ANY:
      for (let i: u32 = 0; i < length1; i++) result |= equals(spread(i, words), b, words);
      return result & valid2;
    case RANGES:
      // An odd last element bounds nothing.
      for (let i: u32 = 0; i + 1 < length1; i += 2) {
        result |= notAbove(spread(i, words), b, control) & notAbove(b, spread(i + 1, words), control);
      }
      return result & valid2;
    case EQUAL_EACH:
      // Past both ends equal, past one end not.
      return (equals(v128.load(operands), b, words) & valid1 & valid2) | (all & ~valid1 & ~valid2);
    default:
      // Equal ordered: the first operand, all of it or as much as fits, stands at a place.
      result = all;
      for (let i: u32 = 0; i < length1; i++) {
        result &= ((equals(spread(i, words), b, words) & valid2) >> i) | (all & ~(all >> i));
      }
      return result;
  }
}

// @ts-ignore: decorator
@inline function compare(op: u32, explicit: bool, index: bool): void {
  const b = sourceUnaligned(op);
  v128.store(operands, v128.load(xmmReg(op)));
  v128.store(operands, b, 16);
  const control = <u32>immediate(op);
  const words = (control & WORDS) != 0;
  const count: u32 = words ? 8 : 16;
  const all: u32 = (1 << count) - 1;
  const length1 = explicit ? explicitLength(op, RAX, count) : implicitLength(v128.load(operands), words, count);
  const length2 = explicit ? explicitLength(op, RDX, count) : implicitLength(b, words, count);

  let result = aggregate(control, count, length1, length2);
  if ((control & NEGATIVE) != 0) result ^= (control & MASKED) != 0 ? (1 << length2) - 1 : all;

  if (index) {
    const place = result == 0 ? count : (control & LAST_OR_EXPAND) != 0 ? 31 - clz<u32>(result) : ctz<u32>(result);
    storeRegister<u32>(RCX, place);
  } else if ((control & LAST_OR_EXPAND) == 0) {
    v128.store(XMM, i32x4.replace_lane(i32x4.splat(0), 0, result));
  } else if (words) {
    for (let n: u32 = 0; n < 8; n++) store<u16>(XMM + (n << 1), ((result >> n) & 1) != 0 ? 0xffff : 0);
  } else {
    for (let n: u32 = 0; n < 16; n++) store<u8>(XMM + n, ((result >> n) & 1) != 0 ? 0xff : 0);
  }
  setStatusFlags(
    (result != 0 ? CF : 0) | (length2 < count ? ZF : 0) | (length1 < count ? SF : 0) | ((result & 1) != 0 ? OF : 0),
  );
}
function pcmpestrm(op: u32): void { compare(op, true, false); }
function pcmpestri(op: u32): void { compare(op, true, true); }
function pcmpistrm(op: u32): void { compare(op, false, false); }
function pcmpistri(op: u32): void { compare(op, false, true); }

export function registerStringCompares(): void {
  definePrefixed(MAP_3A | 0x60, PP_66, MODRM | IMM8U, pcmpestrm);
  definePrefixed(MAP_3A | 0x61, PP_66, MODRM | IMM8U, pcmpestri);
  definePrefixed(MAP_3A | 0x62, PP_66, MODRM | IMM8U, pcmpistrm);
  definePrefixed(MAP_3A | 0x63, PP_66, MODRM | IMM8U, pcmpistri);
}
