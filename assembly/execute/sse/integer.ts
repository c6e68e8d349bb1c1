// Packed integer arithmetic, compares and logic that exist for MMX and XMM registers alike, and those of XMM only.

import {
  MAP_38,
  MAP_3A,
  IMM8U,
  MODRM,
  PP_66,
  PP_NONE,
  TWO,
  definePrefixed,
} from "../../decode/tables";
import { immediate } from "../../decode/instruction";
import { setStatusFlags, CF, ZF } from "../flags";
import { MMX, first, put, second } from "./operands";

// Add and subtract: wrapping, and saturating signed and unsigned.
function paddb<T>(op: u32): void { const b = second<T>(op); put<T>(op, i8x16.add(first<T>(op), b)); }
function paddw<T>(op: u32): void { const b = second<T>(op); put<T>(op, i16x8.add(first<T>(op), b)); }
function paddd<T>(op: u32): void { const b = second<T>(op); put<T>(op, i32x4.add(first<T>(op), b)); }
function paddq<T>(op: u32): void { const b = second<T>(op); put<T>(op, i64x2.add(first<T>(op), b)); }
function paddsb<T>(op: u32): void { const b = second<T>(op); put<T>(op, i8x16.add_sat_s(first<T>(op), b)); }
function paddsw<T>(op: u32): void { const b = second<T>(op); put<T>(op, i16x8.add_sat_s(first<T>(op), b)); }
function paddusb<T>(op: u32): void { const b = second<T>(op); put<T>(op, i8x16.add_sat_u(first<T>(op), b)); }
function paddusw<T>(op: u32): void { const b = second<T>(op); put<T>(op, i16x8.add_sat_u(first<T>(op), b)); }
function psubb<T>(op: u32): void { const b = second<T>(op); put<T>(op, i8x16.sub(first<T>(op), b)); }
function psubw<T>(op: u32): void { const b = second<T>(op); put<T>(op, i16x8.sub(first<T>(op), b)); }
function psubd<T>(op: u32): void { const b = second<T>(op); put<T>(op, i32x4.sub(first<T>(op), b)); }
function psubq<T>(op: u32): void { const b = second<T>(op); put<T>(op, i64x2.sub(first<T>(op), b)); }
function psubsb<T>(op: u32): void { const b = second<T>(op); put<T>(op, i8x16.sub_sat_s(first<T>(op), b)); }
function psubsw<T>(op: u32): void { const b = second<T>(op); put<T>(op, i16x8.sub_sat_s(first<T>(op), b)); }
function psubusb<T>(op: u32): void { const b = second<T>(op); put<T>(op, i8x16.sub_sat_u(first<T>(op), b)); }
function psubusw<T>(op: u32): void { const b = second<T>(op); put<T>(op, i16x8.sub_sat_u(first<T>(op), b)); }

// Logic; ANDPS and the like are the same.
function pand<T>(op: u32): void { const b = second<T>(op); put<T>(op, v128.and(first<T>(op), b)); }
function pandn<T>(op: u32): void { const b = second<T>(op); put<T>(op, v128.andnot(b, first<T>(op))); }
function por<T>(op: u32): void { const b = second<T>(op); put<T>(op, v128.or(first<T>(op), b)); }
function pxor<T>(op: u32): void { const b = second<T>(op); put<T>(op, v128.xor(first<T>(op), b)); }

// Compares.
function pcmpeqb<T>(op: u32): void { const b = second<T>(op); put<T>(op, i8x16.eq(first<T>(op), b)); }
function pcmpeqw<T>(op: u32): void { const b = second<T>(op); put<T>(op, i16x8.eq(first<T>(op), b)); }
function pcmpeqd<T>(op: u32): void { const b = second<T>(op); put<T>(op, i32x4.eq(first<T>(op), b)); }
function pcmpeqq(op: u32): void { const b = second<v128>(op); put<v128>(op, i64x2.eq(first<v128>(op), b)); }
function pcmpgtb<T>(op: u32): void { const b = second<T>(op); put<T>(op, i8x16.gt_s(first<T>(op), b)); }
function pcmpgtw<T>(op: u32): void { const b = second<T>(op); put<T>(op, i16x8.gt_s(first<T>(op), b)); }
function pcmpgtd<T>(op: u32): void { const b = second<T>(op); put<T>(op, i32x4.gt_s(first<T>(op), b)); }
function pcmpgtq(op: u32): void { const b = second<v128>(op); put<v128>(op, i64x2.gt_s(first<v128>(op), b)); }

// Minimum, maximum, average.
function pminub<T>(op: u32): void { const b = second<T>(op); put<T>(op, i8x16.min_u(first<T>(op), b)); }
function pmaxub<T>(op: u32): void { const b = second<T>(op); put<T>(op, i8x16.max_u(first<T>(op), b)); }
function pminsw<T>(op: u32): void { const b = second<T>(op); put<T>(op, i16x8.min_s(first<T>(op), b)); }
function pmaxsw<T>(op: u32): void { const b = second<T>(op); put<T>(op, i16x8.max_s(first<T>(op), b)); }
function pminsb(op: u32): void { const b = second<v128>(op); put<v128>(op, i8x16.min_s(first<v128>(op), b)); }
function pmaxsb(op: u32): void { const b = second<v128>(op); put<v128>(op, i8x16.max_s(first<v128>(op), b)); }
function pminuw(op: u32): void { const b = second<v128>(op); put<v128>(op, i16x8.min_u(first<v128>(op), b)); }
function pmaxuw(op: u32): void { const b = second<v128>(op); put<v128>(op, i16x8.max_u(first<v128>(op), b)); }
function pminsd(op: u32): void { const b = second<v128>(op); put<v128>(op, i32x4.min_s(first<v128>(op), b)); }
function pmaxsd(op: u32): void { const b = second<v128>(op); put<v128>(op, i32x4.max_s(first<v128>(op), b)); }
function pminud(op: u32): void { const b = second<v128>(op); put<v128>(op, i32x4.min_u(first<v128>(op), b)); }
function pmaxud(op: u32): void { const b = second<v128>(op); put<v128>(op, i32x4.max_u(first<v128>(op), b)); }
function pavgb<T>(op: u32): void { const b = second<T>(op); put<T>(op, i8x16.avgr_u(first<T>(op), b)); }
function pavgw<T>(op: u32): void { const b = second<T>(op); put<T>(op, i16x8.avgr_u(first<T>(op), b)); }
function pabsb<T>(op: u32): void { put<T>(op, i8x16.abs(second<T>(op))); }
function pabsw<T>(op: u32): void { put<T>(op, i16x8.abs(second<T>(op))); }
function pabsd<T>(op: u32): void { put<T>(op, i32x4.abs(second<T>(op))); }

// Multiplication.
function pmullw<T>(op: u32): void { const b = second<T>(op); put<T>(op, i16x8.mul(first<T>(op), b)); }
function pmulld(op: u32): void { const b = second<v128>(op); put<v128>(op, i32x4.mul(first<v128>(op), b)); }
function pmaddwd<T>(op: u32): void { const b = second<T>(op); put<T>(op, i32x4.dot_i16x8_s(first<T>(op), b)); }
// @ts-ignore: decorator
@inline function highWords(low: v128, high: v128): v128 {
  return v128.shuffle<i16>(low, high, 1, 3, 5, 7, 9, 11, 13, 15);
}
function pmulhw<T>(op: u32): void {
  const b = second<T>(op);
  const a = first<T>(op);
  put<T>(op, highWords(i32x4.extmul_low_i16x8_s(a, b), i32x4.extmul_high_i16x8_s(a, b)));
}
function pmulhuw<T>(op: u32): void {
  const b = second<T>(op);
  const a = first<T>(op);
  put<T>(op, highWords(i32x4.extmul_low_i16x8_u(a, b), i32x4.extmul_high_i16x8_u(a, b)));
}
/** Rounded and scaled; -1 times -1 wraps, where WebAssembly's saturates. */
function pmulhrsw<T>(op: u32): void {
  const b = second<T>(op);
  const a = first<T>(op);
  const least = i16x8.splat(-0x8000);
  const wraps = v128.and(i16x8.eq(a, least), i16x8.eq(b, least));
  put<T>(op, v128.xor(i16x8.q15mulr_sat_s(a, b), wraps));
}
// @ts-ignore: decorator
@inline function evenDwords(a: v128): v128 { return v128.shuffle<i32>(a, a, 0, 2, 0, 2); }
function pmuludq<T>(op: u32): void {
  const b = second<T>(op);
  put<T>(op, i64x2.extmul_low_i32x4_u(evenDwords(first<T>(op)), evenDwords(b)));
}
function pmuldq(op: u32): void {
  const b = second<v128>(op);
  put<v128>(op, i64x2.extmul_low_i32x4_s(evenDwords(first<v128>(op)), evenDwords(b)));
}
/** Unsigned bytes of the first by signed bytes of the second operand, pairs added with saturation. */
function pmaddubsw<T>(op: u32): void {
  const b = second<T>(op);
  const a = first<T>(op);
  const low = i16x8.mul(i16x8.extend_low_i8x16_u(a), i16x8.extend_low_i8x16_s(b));
  const high = i16x8.mul(i16x8.extend_high_i8x16_u(a), i16x8.extend_high_i8x16_s(b));
  put<T>(op, i16x8.add_sat_s(evenWords(low, high), oddWords(low, high)));
}

// @ts-ignore: decorator
@inline function evenWords(a: v128, b: v128): v128 { return v128.shuffle<i16>(a, b, 0, 2, 4, 6, 8, 10, 12, 14); }
// @ts-ignore: decorator
@inline function oddWords(a: v128, b: v128): v128 { return v128.shuffle<i16>(a, b, 1, 3, 5, 7, 9, 11, 13, 15); }
/** For the MMX form both operands move into the first, so that one shuffle serves both forms. */
// @ts-ignore: decorator
@inline function joinHalves<T>(a: v128, b: v128): v128 {
  return sizeof<T>() == 8 ? v128.shuffle<i64>(a, b, 0, 2) : a;
}

// Horizontal add and subtract of pairs: the first operand's pairs, then the second's.
function phaddw<T>(op: u32): void {
  const b = second<T>(op);
  const a = joinHalves<T>(first<T>(op), b);
  put<T>(op, i16x8.add(evenWords(a, b), oddWords(a, b)));
}
function phaddsw<T>(op: u32): void {
  const b = second<T>(op);
  const a = joinHalves<T>(first<T>(op), b);
  put<T>(op, i16x8.add_sat_s(evenWords(a, b), oddWords(a, b)));
}
function phaddd<T>(op: u32): void {
  const b = second<T>(op);
  const a = joinHalves<T>(first<T>(op), b);
  put<T>(op, i32x4.add(v128.shuffle<i32>(a, b, 0, 2, 4, 6), v128.shuffle<i32>(a, b, 1, 3, 5, 7)));
}
function phsubw<T>(op: u32): void {
  const b = second<T>(op);
  const a = joinHalves<T>(first<T>(op), b);
  put<T>(op, i16x8.sub(evenWords(a, b), oddWords(a, b)));
}
function phsubsw<T>(op: u32): void {
  const b = second<T>(op);
  const a = joinHalves<T>(first<T>(op), b);
  put<T>(op, i16x8.sub_sat_s(evenWords(a, b), oddWords(a, b)));
}
function phsubd<T>(op: u32): void {
  const b = second<T>(op);
  const a = joinHalves<T>(first<T>(op), b);
  put<T>(op, i32x4.sub(v128.shuffle<i32>(a, b, 0, 2, 4, 6), v128.shuffle<i32>(a, b, 1, 3, 5, 7)));
}

// Sign: the first operand, negated where the second is negative, zero where it is zero.
function psignb<T>(op: u32): void {
  const b = second<T>(op);
  const negative = i8x16.shr_s(b, 7);
  const value = i8x16.sub(v128.xor(first<T>(op), negative), negative);
  put<T>(op, v128.andnot(value, i8x16.eq(b, i8x16.splat(0))));
}
function psignw<T>(op: u32): void {
  const b = second<T>(op);
  const negative = i16x8.shr_s(b, 15);
  const value = i16x8.sub(v128.xor(first<T>(op), negative), negative);
  put<T>(op, v128.andnot(value, i16x8.eq(b, i16x8.splat(0))));
}
function psignd<T>(op: u32): void {
  const b = second<T>(op);
  const negative = i32x4.shr_s(b, 31);
  const value = i32x4.sub(v128.xor(first<T>(op), negative), negative);
  put<T>(op, v128.andnot(value, i32x4.eq(b, i32x4.splat(0))));
}

/** Sum of absolute differences of eight bytes, in each 64 bits. */
function psadbw<T>(op: u32): void {
  const b = second<T>(op);
  const a = first<T>(op);
  const difference = i8x16.sub(i8x16.max_u(a, b), i8x16.min_u(a, b));
  const sums = i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(difference));
  put<T>(op, i64x2.add(v128.and(sums, i64x2.splat(0xffffffff)), i64x2.shr_u(sums, 32)));
}

const window = memory.data(32, 16);
/** Eight sums of absolute differences: four bytes of the second operand against a window that slides over the first. */
function mpsadbw(op: u32): void {
  const b = second<v128>(op);
  const control = <u32>immediate(op);
  v128.store(window, first<v128>(op));
  v128.store(window, b, 16);
  const block = window + 16 + ((control & 3) << 2);
  const start = window + (control & 4);
  let result = i16x8.splat(0);
  for (let n: u32 = 0; n < 4; n++) {
    const slide = v128.load64_zero(start + n);
    const bytes = v128.load8_splat(block + n);
    const difference = i8x16.sub(i8x16.max_u(slide, bytes), i8x16.min_u(slide, bytes));
    result = i16x8.add(result, i16x8.extend_low_i8x16_u(difference));
  }
  put<v128>(op, result);
}

/** Least unsigned word in bits 15:0 and the first place it stands at in 18:16. */
function phminposuw(op: u32): void {
  const source = second<v128>(op);
  v128.store(window, source);
  let best: u32 = load<u16>(window);
  let place: u32 = 0;
  for (let n: u32 = 1; n < 8; n++) {
    const value: u32 = load<u16>(window + (n << 1));
    if (value < best) {
      best = value;
      place = n;
    }
  }
  put<v128>(op, i32x4.replace_lane(i32x4.splat(0), 0, best | (place << 16)));
}

/** ZF: no bit of the second operand is in the first; CF: none is outside it. */
function ptest(op: u32): void {
  const b = second<v128>(op);
  const a = first<v128>(op);
  setStatusFlags((v128.any_true(v128.and(a, b)) ? 0 : ZF) | (v128.any_true(v128.andnot(b, a)) ? 0 : CF));
}

function both(key: u32, mmx: (op: u32) => void, xmm: (op: u32) => void): void {
  definePrefixed(key, PP_NONE, MODRM, mmx);
  definePrefixed(key, PP_66, MODRM, xmm);
}
function xmmOnly(key: u32, handler: (op: u32) => void): void { definePrefixed(key, PP_66, MODRM, handler); }

export function registerIntegerVectors(): void {
  both(TWO | 0x64, (op) => pcmpgtb<MMX>(op), (op) => pcmpgtb<v128>(op));
  both(TWO | 0x65, (op) => pcmpgtw<MMX>(op), (op) => pcmpgtw<v128>(op));
  both(TWO | 0x66, (op) => pcmpgtd<MMX>(op), (op) => pcmpgtd<v128>(op));
  both(TWO | 0x74, (op) => pcmpeqb<MMX>(op), (op) => pcmpeqb<v128>(op));
  both(TWO | 0x75, (op) => pcmpeqw<MMX>(op), (op) => pcmpeqw<v128>(op));
  both(TWO | 0x76, (op) => pcmpeqd<MMX>(op), (op) => pcmpeqd<v128>(op));
  both(TWO | 0xd4, (op) => paddq<MMX>(op), (op) => paddq<v128>(op));
  both(TWO | 0xd5, (op) => pmullw<MMX>(op), (op) => pmullw<v128>(op));
  both(TWO | 0xd8, (op) => psubusb<MMX>(op), (op) => psubusb<v128>(op));
  both(TWO | 0xd9, (op) => psubusw<MMX>(op), (op) => psubusw<v128>(op));
  both(TWO | 0xda, (op) => pminub<MMX>(op), (op) => pminub<v128>(op));
  both(TWO | 0xdb, (op) => pand<MMX>(op), (op) => pand<v128>(op));
  both(TWO | 0xdc, (op) => paddusb<MMX>(op), (op) => paddusb<v128>(op));
  both(TWO | 0xdd, (op) => paddusw<MMX>(op), (op) => paddusw<v128>(op));
  both(TWO | 0xde, (op) => pmaxub<MMX>(op), (op) => pmaxub<v128>(op));
  both(TWO | 0xdf, (op) => pandn<MMX>(op), (op) => pandn<v128>(op));
  both(TWO | 0xe0, (op) => pavgb<MMX>(op), (op) => pavgb<v128>(op));
  both(TWO | 0xe3, (op) => pavgw<MMX>(op), (op) => pavgw<v128>(op));
  both(TWO | 0xe4, (op) => pmulhuw<MMX>(op), (op) => pmulhuw<v128>(op));
  both(TWO | 0xe5, (op) => pmulhw<MMX>(op), (op) => pmulhw<v128>(op));
  both(TWO | 0xe8, (op) => psubsb<MMX>(op), (op) => psubsb<v128>(op));
  both(TWO | 0xe9, (op) => psubsw<MMX>(op), (op) => psubsw<v128>(op));
  both(TWO | 0xea, (op) => pminsw<MMX>(op), (op) => pminsw<v128>(op));
  both(TWO | 0xeb, (op) => por<MMX>(op), (op) => por<v128>(op));
  both(TWO | 0xec, (op) => paddsb<MMX>(op), (op) => paddsb<v128>(op));
  both(TWO | 0xed, (op) => paddsw<MMX>(op), (op) => paddsw<v128>(op));
  both(TWO | 0xee, (op) => pmaxsw<MMX>(op), (op) => pmaxsw<v128>(op));
  both(TWO | 0xef, (op) => pxor<MMX>(op), (op) => pxor<v128>(op));
  both(TWO | 0xf4, (op) => pmuludq<MMX>(op), (op) => pmuludq<v128>(op));
  both(TWO | 0xf5, (op) => pmaddwd<MMX>(op), (op) => pmaddwd<v128>(op));
  both(TWO | 0xf6, (op) => psadbw<MMX>(op), (op) => psadbw<v128>(op));
  both(TWO | 0xf8, (op) => psubb<MMX>(op), (op) => psubb<v128>(op));
  both(TWO | 0xf9, (op) => psubw<MMX>(op), (op) => psubw<v128>(op));
  both(TWO | 0xfa, (op) => psubd<MMX>(op), (op) => psubd<v128>(op));
  both(TWO | 0xfb, (op) => psubq<MMX>(op), (op) => psubq<v128>(op));
  both(TWO | 0xfc, (op) => paddb<MMX>(op), (op) => paddb<v128>(op));
  both(TWO | 0xfd, (op) => paddw<MMX>(op), (op) => paddw<v128>(op));
  both(TWO | 0xfe, (op) => paddd<MMX>(op), (op) => paddd<v128>(op));
  for (let prefix = PP_NONE; prefix <= PP_66; prefix++) {
    definePrefixed(TWO | 0x54, prefix, MODRM, (op) => pand<v128>(op));
    definePrefixed(TWO | 0x55, prefix, MODRM, (op) => pandn<v128>(op));
    definePrefixed(TWO | 0x56, prefix, MODRM, (op) => por<v128>(op));
    definePrefixed(TWO | 0x57, prefix, MODRM, (op) => pxor<v128>(op));
  }
  both(MAP_38 | 0x01, (op) => phaddw<MMX>(op), (op) => phaddw<v128>(op));
  both(MAP_38 | 0x02, (op) => phaddd<MMX>(op), (op) => phaddd<v128>(op));
  both(MAP_38 | 0x03, (op) => phaddsw<MMX>(op), (op) => phaddsw<v128>(op));
  both(MAP_38 | 0x04, (op) => pmaddubsw<MMX>(op), (op) => pmaddubsw<v128>(op));
  both(MAP_38 | 0x05, (op) => phsubw<MMX>(op), (op) => phsubw<v128>(op));
  both(MAP_38 | 0x06, (op) => phsubd<MMX>(op), (op) => phsubd<v128>(op));
  both(MAP_38 | 0x07, (op) => phsubsw<MMX>(op), (op) => phsubsw<v128>(op));
  both(MAP_38 | 0x08, (op) => psignb<MMX>(op), (op) => psignb<v128>(op));
  both(MAP_38 | 0x09, (op) => psignw<MMX>(op), (op) => psignw<v128>(op));
  both(MAP_38 | 0x0a, (op) => psignd<MMX>(op), (op) => psignd<v128>(op));
  both(MAP_38 | 0x0b, (op) => pmulhrsw<MMX>(op), (op) => pmulhrsw<v128>(op));
  both(MAP_38 | 0x1c, (op) => pabsb<MMX>(op), (op) => pabsb<v128>(op));
  both(MAP_38 | 0x1d, (op) => pabsw<MMX>(op), (op) => pabsw<v128>(op));
  both(MAP_38 | 0x1e, (op) => pabsd<MMX>(op), (op) => pabsd<v128>(op));
  xmmOnly(MAP_38 | 0x17, ptest);
  xmmOnly(MAP_38 | 0x28, pmuldq);
  xmmOnly(MAP_38 | 0x29, pcmpeqq);
  xmmOnly(MAP_38 | 0x37, pcmpgtq);
  xmmOnly(MAP_38 | 0x38, pminsb);
  xmmOnly(MAP_38 | 0x39, pminsd);
  xmmOnly(MAP_38 | 0x3a, pminuw);
  xmmOnly(MAP_38 | 0x3b, pminud);
  xmmOnly(MAP_38 | 0x3c, pmaxsb);
  xmmOnly(MAP_38 | 0x3d, pmaxsd);
  xmmOnly(MAP_38 | 0x3e, pmaxuw);
  xmmOnly(MAP_38 | 0x3f, pmaxud);
  xmmOnly(MAP_38 | 0x40, pmulld);
  xmmOnly(MAP_38 | 0x41, phminposuw);
  definePrefixed(MAP_3A | 0x42, PP_66, MODRM | IMM8U, mpsadbw);
}
