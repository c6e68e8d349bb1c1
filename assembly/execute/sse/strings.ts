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

function element(place: u32, n: u32, control: u32): i32 {
  if ((control & WORDS) != 0) {
    const at = operands + place + (n << 1);
    return (control & SIGNED) != 0 ? load<i16>(at) : load<u16>(at);
  }
  const at = operands + place + n;
  return (control & SIGNED) != 0 ? load<i8>(at) : load<u8>(at);
}

/** Length up to the first zero element. */
function implicitLength(place: u32, control: u32, count: u32): u32 {
  let n: u32 = 0;
  while (n < count && element(place, n, control) != 0) n++;
  return n;
}

/** Absolute value of a register, at most `count`; 32 bits of it without REX.W. */
function explicitLength(op: u32, register: u32, count: u32): u32 {
  const value = (opFlags(op) & OPF_REX_W) != 0 ? load<i64>(register) : <i64>load<i32>(register);
  const size = value < 0 ? <u64>0 - <u64>value : <u64>value;
  return <u32>min<u64>(size, count);
}

/** IntRes1, one bit for each element of the second operand. */
function aggregate(control: u32, count: u32, length1: u32, length2: u32): u32 {
  const kind = (control >> 2) & 3;
  let result: u32 = 0;
  for (let j: u32 = 0; j < count; j++) {
    let holds = false;
    if (kind == EQUAL_ANY) {
      if (j < length2) {
        const value = element(16, j, control);
        for (let i: u32 = 0; i < length1 && !holds; i++) holds = element(0, i, control) == value;
      }
    } else if (kind == RANGES) {
      if (j < length2) {
        const value = element(16, j, control);
        // An odd last element bounds nothing.
        for (let i: u32 = 0; i + 1 < length1 && !holds; i += 2) {
          holds = value >= element(0, i, control) && value <= element(0, i + 1, control);
        }
      }
    } else if (kind == EQUAL_EACH) {
      // Past both ends equal, past one end not.
      if (j < length1 && j < length2) holds = element(0, j, control) == element(16, j, control);
      else holds = j >= length1 && j >= length2;
    } else {
      // Equal ordered: the first operand, all of it or as much as fits, stands at j.
      holds = true;
      for (let i: u32 = 0; i < length1 && i + j < count && holds; i++) {
        holds = i + j < length2 && element(0, i, control) == element(16, i + j, control);
      }
    }
    result |= u32(holds) << j;
  }
  return result;
}

// @ts-ignore: decorator
@inline function compare(op: u32, explicit: bool, index: bool): void {
  const b = sourceUnaligned(op);
  v128.store(operands, v128.load(xmmReg(op)));
  v128.store(operands, b, 16);
  const control = <u32>immediate(op);
  const count: u32 = (control & WORDS) != 0 ? 8 : 16;
  const all: u32 = (1 << count) - 1;
  const length1 = explicit ? explicitLength(op, RAX, count) : implicitLength(0, control, count);
  const length2 = explicit ? explicitLength(op, RDX, count) : implicitLength(16, control, count);

  let result = aggregate(control, count, length1, length2);
  if ((control & NEGATIVE) != 0) result ^= (control & MASKED) != 0 ? (1 << length2) - 1 : all;

  if (index) {
    const place = result == 0 ? count : (control & LAST_OR_EXPAND) != 0 ? 31 - clz<u32>(result) : ctz<u32>(result);
    storeRegister<u32>(RCX, place);
  } else if ((control & LAST_OR_EXPAND) == 0) {
    v128.store(XMM, i32x4.replace_lane(i32x4.splat(0), 0, result));
  } else if ((control & WORDS) != 0) {
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
