// Shuffles, packs, unpacks, blends and widening moves.

import { immediate, xmmReg } from "../../decode/instruction";
import {
  IMM8U,
  MAP_38,
  MAP_3A,
  MODRM,
  PP_66,
  PP_F2,
  PP_F3,
  PP_NONE,
  TWO,
  definePrefixed,
} from "../../decode/tables";
import { read } from "../../memory/access";
import { XMM } from "../../state";
import { isRegister, mmxRm } from "../../decode/instruction";
import { operandAddress } from "../address";
import { MMX, checkMmx, first, put, second, source16, source32, source64 } from "./operands";

/** Byte indices of an element of four bytes, times the element, plus its bytes: a row for i8x16.swizzle. */
// @ts-ignore: decorator
@inline function dwordIndices(control: u32, place: u32): i32 {
  return ((control >> (place << 1)) & 3) * 0x04040404 + 0x03020100;
}
/** Indices of four dwords, each chosen by two bits of `control`. */
function dwordShuffle(control: u32): v128 {
  let indices = i32x4.splat(dwordIndices(control, 0));
  indices = i32x4.replace_lane(indices, 1, dwordIndices(control, 1));
  indices = i32x4.replace_lane(indices, 2, dwordIndices(control, 2));
  return i32x4.replace_lane(indices, 3, dwordIndices(control, 3));
}
/** Indices of four words, in the low 64 bits. */
function wordShuffle(control: u32): u64 {
  let indices: u64 = 0;
  for (let n: u32 = 0; n < 4; n++) indices |= <u64>(((control >> (n << 1)) & 3) * 0x0202 + 0x0100) << (n << 4);
  return indices;
}

function pshufd(op: u32): void {
  put<v128>(op, i8x16.swizzle(second<v128>(op), dwordShuffle(<u32>immediate(op))));
}
function pshufw(op: u32): void {
  put<MMX>(op, i8x16.swizzle(second<MMX>(op), i64x2.splat(wordShuffle(<u32>immediate(op)))));
}
function pshuflw(op: u32): void {
  const b = second<v128>(op);
  const low = wordShuffle(<u32>immediate(op));
  put<v128>(op, i8x16.swizzle(b, i64x2.replace_lane(i64x2.splat(0x0f0e0d0c0b0a0908), 0, low)));
}
function pshufhw(op: u32): void {
  const b = second<v128>(op);
  const high = wordShuffle(<u32>immediate(op)) + 0x0808080808080808;
  put<v128>(op, i8x16.swizzle(b, i64x2.replace_lane(i64x2.splat(0x0706050403020100), 1, high)));
}
function shufps(op: u32): void {
  const b = second<v128>(op);
  const indices = dwordShuffle(<u32>immediate(op));
  const low = i8x16.swizzle(first<v128>(op), indices);
  put<v128>(op, v128.shuffle<i32>(low, i8x16.swizzle(b, indices), 0, 1, 6, 7));
}
function shufpd(op: u32): void {
  const b = second<v128>(op);
  const a = first<v128>(op);
  const control = <u32>immediate(op);
  const low = (control & 1) != 0 ? i64x2.extract_lane(a, 1) : i64x2.extract_lane(a, 0);
  const high = (control & 2) != 0 ? i64x2.extract_lane(b, 1) : i64x2.extract_lane(b, 0);
  put<v128>(op, i64x2.replace_lane(i64x2.splat(low), 1, high));
}
/** A byte index with its top bit set gives zero; WebAssembly's swizzle gives zero for any index past 15. */
function pshufb<T>(op: u32): void {
  const b = second<T>(op);
  const mask: i8 = sizeof<T>() == 8 ? -0x79 : -0x71;
  put<T>(op, i8x16.swizzle(first<T>(op), v128.and(b, i8x16.splat(mask))));
}

const bytes = memory.data(64, 16);
/** Both operands as one value, the first above the second, moved right by `immediate` bytes. */
function palignr<T>(op: u32): void {
  const b = second<T>(op);
  const zero = i64x2.splat(0);
  v128.store(bytes, b);
  v128.store(bytes + sizeof<T>(), first<T>(op));
  v128.store(bytes + sizeof<T>() * 2, zero);
  const shift = min(<u32>immediate(op), sizeof<T>() * 2);
  put<T>(op, v128.load(bytes + shift));
}

// Unpack (interleave). The MMX forms' results are the halves of the low XMM form's.
// @ts-ignore: decorator
@inline function lowBytes(a: v128, b: v128): v128 {
  return v128.shuffle<i8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
// @ts-ignore: decorator
@inline function lowWords(a: v128, b: v128): v128 { return v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
// @ts-ignore: decorator
@inline function lowDwords(a: v128, b: v128): v128 { return v128.shuffle<i32>(a, b, 0, 4, 1, 5); }
// @ts-ignore: decorator
@inline function highHalf(a: v128): v128 { return v128.shuffle<i64>(a, a, 1, 1); }

/** The second operand of PUNPCKL* on MMX registers: memory is 32 bits. */
function secondLowMmx(op: u32): v128 {
  checkMmx();
  if (isRegister(op)) return v128.load64_zero(mmxRm(op));
  return i32x4.splat(read<u32>(operandAddress(op, 4, false)));
}
function punpcklbwMmx(op: u32): void {
  const b = secondLowMmx(op);
  put<MMX>(op, lowBytes(first<MMX>(op), b));
}
function punpcklwdMmx(op: u32): void {
  const b = secondLowMmx(op);
  put<MMX>(op, lowWords(first<MMX>(op), b));
}
function punpckldqMmx(op: u32): void {
  const b = secondLowMmx(op);
  put<MMX>(op, lowDwords(first<MMX>(op), b));
}
function punpckhbwMmx(op: u32): void {
  const b = second<MMX>(op);
  put<MMX>(op, highHalf(lowBytes(first<MMX>(op), b)));
}
function punpckhwdMmx(op: u32): void {
  const b = second<MMX>(op);
  put<MMX>(op, highHalf(lowWords(first<MMX>(op), b)));
}
function punpckhdqMmx(op: u32): void {
  const b = second<MMX>(op);
  put<MMX>(op, highHalf(lowDwords(first<MMX>(op), b)));
}

function punpcklbw(op: u32): void { const b = second<v128>(op); put<v128>(op, lowBytes(first<v128>(op), b)); }
function punpcklwd(op: u32): void { const b = second<v128>(op); put<v128>(op, lowWords(first<v128>(op), b)); }
function punpckldq(op: u32): void { const b = second<v128>(op); put<v128>(op, lowDwords(first<v128>(op), b)); }
function punpcklqdq(op: u32): void {
  const b = second<v128>(op);
  put<v128>(op, v128.shuffle<i64>(first<v128>(op), b, 0, 2));
}
function punpckhbw(op: u32): void {
  const b = second<v128>(op);
  put<v128>(op, v128.shuffle<i8>(first<v128>(op), b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
}
function punpckhwd(op: u32): void {
  const b = second<v128>(op);
  put<v128>(op, v128.shuffle<i16>(first<v128>(op), b, 4, 12, 5, 13, 6, 14, 7, 15));
}
function punpckhdq(op: u32): void {
  const b = second<v128>(op);
  put<v128>(op, v128.shuffle<i32>(first<v128>(op), b, 2, 6, 3, 7));
}
function punpckhqdq(op: u32): void {
  const b = second<v128>(op);
  put<v128>(op, v128.shuffle<i64>(first<v128>(op), b, 1, 3));
}

// Pack with saturation: for MMX both operands go into one vector first.
// @ts-ignore: decorator
@inline function packFirst<T>(op: u32, b: v128): v128 {
  return sizeof<T>() == 8 ? v128.shuffle<i64>(first<T>(op), b, 0, 2) : first<T>(op);
}
function packsswb<T>(op: u32): void {
  const b = second<T>(op);
  put<T>(op, i8x16.narrow_i16x8_s(packFirst<T>(op, b), b));
}
function packssdw<T>(op: u32): void {
  const b = second<T>(op);
  put<T>(op, i16x8.narrow_i32x4_s(packFirst<T>(op, b), b));
}
function packuswb<T>(op: u32): void {
  const b = second<T>(op);
  put<T>(op, i8x16.narrow_i16x8_u(packFirst<T>(op, b), b));
}
function packusdw(op: u32): void {
  const b = second<v128>(op);
  put<v128>(op, i16x8.narrow_i32x4_u(first<v128>(op), b));
}

// Blends: by the top bits of XMM0, or by the immediate.
function pblendvb(op: u32): void {
  const b = second<v128>(op);
  put<v128>(op, v128.bitselect(b, first<v128>(op), i8x16.shr_s(v128.load(XMM), 7)));
}
function blendvps(op: u32): void {
  const b = second<v128>(op);
  put<v128>(op, v128.bitselect(b, first<v128>(op), i32x4.shr_s(v128.load(XMM), 31)));
}
function blendvpd(op: u32): void {
  const b = second<v128>(op);
  put<v128>(op, v128.bitselect(b, first<v128>(op), i64x2.shr_s(v128.load(XMM), 63)));
}
function blendps(op: u32): void {
  const b = second<v128>(op);
  const chosen = v128.and(i32x4.splat(<u32>immediate(op)), i32x4(1, 2, 4, 8));
  put<v128>(op, v128.bitselect(first<v128>(op), b, i32x4.eq(chosen, i32x4.splat(0))));
}
function blendpd(op: u32): void {
  const b = second<v128>(op);
  const chosen = v128.and(i64x2.splat(immediate(op)), i64x2(1, 2));
  put<v128>(op, v128.bitselect(first<v128>(op), b, i64x2.eq(chosen, i64x2.splat(0))));
}
function pblendw(op: u32): void {
  const b = second<v128>(op);
  const chosen = v128.and(i16x8.splat(<i16>immediate(op)), i16x8(1, 2, 4, 8, 16, 32, 64, 128));
  put<v128>(op, v128.bitselect(first<v128>(op), b, i16x8.eq(chosen, i16x8.splat(0))));
}

// Widening moves read only as much memory as they widen.
// @ts-ignore: decorator
@inline function widen64(op: u32): v128 { return i64x2.splat(source64(op)); }
// @ts-ignore: decorator
@inline function widen32(op: u32): v128 { return i32x4.splat(source32(op)); }
// @ts-ignore: decorator
@inline function widen16(op: u32): v128 { return i16x8.splat(<i16>source16(op)); }
// @ts-ignore: decorator
@inline function putXmm(op: u32, value: v128): void { v128.store(xmmReg(op), value); }
function pmovsxbw(op: u32): void { putXmm(op, i16x8.extend_low_i8x16_s(widen64(op))); }
function pmovsxbd(op: u32): void {
  putXmm(op, i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(widen32(op))));
}
function pmovsxbq(op: u32): void {
  putXmm(op, i64x2.extend_low_i32x4_s(i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(widen16(op)))));
}
function pmovsxwd(op: u32): void { putXmm(op, i32x4.extend_low_i16x8_s(widen64(op))); }
function pmovsxwq(op: u32): void {
  putXmm(op, i64x2.extend_low_i32x4_s(i32x4.extend_low_i16x8_s(widen32(op))));
}
function pmovsxdq(op: u32): void { putXmm(op, i64x2.extend_low_i32x4_s(widen64(op))); }
function pmovzxbw(op: u32): void { putXmm(op, i16x8.extend_low_i8x16_u(widen64(op))); }
function pmovzxbd(op: u32): void {
  putXmm(op, i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(widen32(op))));
}
function pmovzxbq(op: u32): void {
  putXmm(op, i64x2.extend_low_i32x4_u(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(widen16(op)))));
}
function pmovzxwd(op: u32): void { putXmm(op, i32x4.extend_low_i16x8_u(widen64(op))); }
function pmovzxwq(op: u32): void {
  putXmm(op, i64x2.extend_low_i32x4_u(i32x4.extend_low_i16x8_u(widen32(op))));
}
function pmovzxdq(op: u32): void { putXmm(op, i64x2.extend_low_i32x4_u(widen64(op))); }

function both(key: u32, mmx: (op: u32) => void, xmm: (op: u32) => void): void {
  definePrefixed(key, PP_NONE, MODRM, mmx);
  definePrefixed(key, PP_66, MODRM, xmm);
}
function xmmOnly(key: u32, attributes: u32, handler: (op: u32) => void): void {
  definePrefixed(key, PP_66, MODRM | attributes, handler);
}

export function registerShuffles(): void {
  // UNPCKLPS and UNPCKHPS move 32 bits, UNPCKLPD and UNPCKHPD 64.
  both(TWO | 0x14, punpckldq, punpcklqdq);
  both(TWO | 0x15, punpckhdq, punpckhqdq);
  both(TWO | 0x60, punpcklbwMmx, punpcklbw);
  both(TWO | 0x61, punpcklwdMmx, punpcklwd);
  both(TWO | 0x62, punpckldqMmx, punpckldq);
  both(TWO | 0x63, (op) => packsswb<MMX>(op), (op) => packsswb<v128>(op));
  both(TWO | 0x67, (op) => packuswb<MMX>(op), (op) => packuswb<v128>(op));
  both(TWO | 0x68, punpckhbwMmx, punpckhbw);
  both(TWO | 0x69, punpckhwdMmx, punpckhwd);
  both(TWO | 0x6a, punpckhdqMmx, punpckhdq);
  both(TWO | 0x6b, (op) => packssdw<MMX>(op), (op) => packssdw<v128>(op));
  xmmOnly(TWO | 0x6c, 0, punpcklqdq);
  xmmOnly(TWO | 0x6d, 0, punpckhqdq);
  definePrefixed(TWO | 0x70, PP_NONE, MODRM | IMM8U, pshufw);
  definePrefixed(TWO | 0x70, PP_66, MODRM | IMM8U, pshufd);
  definePrefixed(TWO | 0x70, PP_F3, MODRM | IMM8U, pshufhw);
  definePrefixed(TWO | 0x70, PP_F2, MODRM | IMM8U, pshuflw);
  definePrefixed(TWO | 0xc6, PP_NONE, MODRM | IMM8U, shufps);
  definePrefixed(TWO | 0xc6, PP_66, MODRM | IMM8U, shufpd);
  both(MAP_38 | 0x00, (op) => pshufb<MMX>(op), (op) => pshufb<v128>(op));
  xmmOnly(MAP_38 | 0x10, 0, pblendvb);
  xmmOnly(MAP_38 | 0x14, 0, blendvps);
  xmmOnly(MAP_38 | 0x15, 0, blendvpd);
  xmmOnly(MAP_38 | 0x20, 0, pmovsxbw);
  xmmOnly(MAP_38 | 0x21, 0, pmovsxbd);
  xmmOnly(MAP_38 | 0x22, 0, pmovsxbq);
  xmmOnly(MAP_38 | 0x23, 0, pmovsxwd);
  xmmOnly(MAP_38 | 0x24, 0, pmovsxwq);
  xmmOnly(MAP_38 | 0x25, 0, pmovsxdq);
  xmmOnly(MAP_38 | 0x2b, 0, packusdw);
  xmmOnly(MAP_38 | 0x30, 0, pmovzxbw);
  xmmOnly(MAP_38 | 0x31, 0, pmovzxbd);
  xmmOnly(MAP_38 | 0x32, 0, pmovzxbq);
  xmmOnly(MAP_38 | 0x33, 0, pmovzxwd);
  xmmOnly(MAP_38 | 0x34, 0, pmovzxwq);
  xmmOnly(MAP_38 | 0x35, 0, pmovzxdq);
  xmmOnly(MAP_3A | 0x0c, IMM8U, blendps);
  xmmOnly(MAP_3A | 0x0d, IMM8U, blendpd);
  xmmOnly(MAP_3A | 0x0e, IMM8U, pblendw);
  definePrefixed(MAP_3A | 0x0f, PP_NONE, MODRM | IMM8U, (op) => palignr<MMX>(op));
  definePrefixed(MAP_3A | 0x0f, PP_66, MODRM | IMM8U, (op) => palignr<v128>(op));
}
