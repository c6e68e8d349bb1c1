// Floating-point arithmetic, packed and scalar. The quick path takes WebAssembly's result: it is the exact one if
// rounding is to nearest, every operand is a normal number or zero, and the result is a normal number that did not
// come from below the least one; then no exception but PE can have occurred. Everything else is computed by
// softfloat.ts, element by element.

import { xmmReg } from "../../decode/instruction";
import { IMM8U, MAP_3A, MODRM, PP_66, PP_F2, PP_F3, PP_NONE, TWO, definePrefixed } from "../../decode/tables";
import { immediate } from "../../decode/instruction";
import { begin, deliver, ordinaryMode, quickMode } from "./mxcsr";
import { first, put, putLow32, putLow64, source128, source32, source64 } from "./operands";
import {
  fractionBits,
  isNaNBits,
  magnitude,
  indefinite,
  quietBit,
  signBit,
  infinity,
  isDenormal,
  softAdd,
  softDiv,
  softMul,
  softSqrt,
  softSub,
  softMin,
  softMax,
} from "./softfloat";

const ADD: u32 = 0;
const SUB: u32 = 1;
const MUL: u32 = 2;
const DIV: u32 = 3;
const MIN: u32 = 4;
const MAX: u32 = 5;
const SQRT: u32 = 6;

/** One element by the exact path; notes exceptions. */
function soft<T>(kind: u32, a: T, b: T): T {
  switch (kind) {
    case ADD: return softAdd<T>(a, b);
    case SUB: return softSub<T>(a, b);
    case MUL: return softMul<T>(a, b);
    case DIV: return softDiv<T>(a, b);
    case MIN: return softMin<T>(a, b);
    case MAX: return softMax<T>(a, b);
    default: return softSqrt<T>(b);
  }
}

const elements = memory.data(32, 16);
/** All elements by the exact path. `alternate` subtracts in even elements (ADDSUBPS). */
function softVector<T>(kind: u32, a: v128, b: v128, alternate: bool): v128 {
  v128.store(elements, a);
  v128.store(elements, b, 16);
  begin();
  for (let at = elements; at < elements + 16; at += sizeof<T>()) {
    const k = alternate && ((at - elements) & sizeof<T>()) == 0 ? SUB : kind;
    store<T>(at, soft<T>(k, load<T>(at), load<T>(at, 16)));
  }
  deliver();
  return v128.load(elements);
}
function softScalar<T>(kind: u32, a: T, b: T): T {
  begin();
  const result = soft<T>(kind, a, b);
  deliver();
  return result;
}

// Quick-path conditions on elements. Exponent 1..254 (operands) and 2..254 (results), or zero.
// @ts-ignore: decorator
@inline function ordinary32(a: v128): v128 {
  const m = v128.and(a, i32x4.splat(0x7fffffff));
  const zero = i32x4.eq(m, i32x4.splat(0));
  return v128.or(zero, i32x4.lt_u(i32x4.sub(m, i32x4.splat(0x00800000)), i32x4.splat(0x7f000000)));
}
// @ts-ignore: decorator
@inline function plainResult32(a: v128): v128 {
  const m = v128.and(a, i32x4.splat(0x7fffffff));
  return i32x4.lt_u(i32x4.sub(m, i32x4.splat(0x01000000)), i32x4.splat(0x7e800000));
}
// @ts-ignore: decorator
@inline function ordinary64(a: v128): v128 {
  const m = v128.and(a, i64x2.splat(0x7fffffffffffffff));
  const zero = i64x2.eq(m, i64x2.splat(0));
  const normal = v128.and(
    i64x2.gt_s(m, i64x2.splat(0x000fffffffffffff)),
    i64x2.lt_s(m, i64x2.splat(0x7ff0000000000000)),
  );
  return v128.or(zero, normal);
}
// @ts-ignore: decorator
@inline function plainResult64(a: v128): v128 {
  const m = v128.and(a, i64x2.splat(0x7fffffffffffffff));
  return v128.and(
    i64x2.gt_s(m, i64x2.splat(0x001fffffffffffff)),
    i64x2.lt_s(m, i64x2.splat(0x7ff0000000000000)),
  );
}
function quick32(a: v128, b: v128, result: v128): bool {
  return quickMode() && i32x4.all_true(v128.and(v128.and(ordinary32(a), ordinary32(b)), plainResult32(result)));
}
function quick64(a: v128, b: v128, result: v128): bool {
  return quickMode() && i64x2.all_true(v128.and(v128.and(ordinary64(a), ordinary64(b)), plainResult64(result)));
}

// @ts-ignore: decorator
@inline function ordinaryBits<T>(a: T): bool {
  const m = magnitude<T>(a);
  const least = <T>(<T>1 << <T>fractionBits<T>());
  return m == 0 || m - least < infinity<T>() - least;
}
// @ts-ignore: decorator
@inline function plainBits<T>(a: T): bool {
  const least = <T>(<T>2 << <T>fractionBits<T>());
  return magnitude<T>(a) - least < infinity<T>() - least;
}
/** Bits of the significand down to the last that is set, of a normal number. */
// @ts-ignore: decorator
@inline function significantBits<T>(a: T): u32 {
  return fractionBits<T>() + 1 - min<u32>(<u32>ctz<T>(a), fractionBits<T>());
}
/** True if a result that is a normal number is exact; false may be wrong. Of a sum by the error that Knuth's algorithm
 * finds (The Art of Computer Programming, volume 2, 4.2.2), of the others by the bits of a product. */
// @ts-ignore: decorator
@inline function isExact<T, F>(kind: u32, a: T, b: T, result: T): bool {
  const r = reinterpret<F>(result);
  const x = reinterpret<F>(a);
  const y = reinterpret<F>(b);
  if (kind == ADD || kind == SUB) {
    const z = kind == SUB ? -y : y;
    const second = r - x;
    return x - (r - second) + (z - second) == 0;
  }
  const most = fractionBits<T>() + 1;
  if (kind == MUL) return significantBits<T>(a) + significantBits<T>(b) <= most;
  if (kind == DIV) return significantBits<T>(result) + significantBits<T>(b) <= most && r * y == x;
  return significantBits<T>(result) * 2 <= most && r * r == y;
}

/** True if a result that is zero is so exactly: a difference, or from a factor or dividend that is zero. */
// @ts-ignore: decorator
@inline function isExactZero<T>(kind: u32, a: T, b: T, result: T): bool {
  if (magnitude<T>(result) != 0) return false;
  if (kind == MUL) return magnitude<T>(a) == 0 || magnitude<T>(b) == 0;
  return kind != DIV || magnitude<T>(a) == 0;
}

// @ts-ignore: decorator
@inline function quickScalar<T, F>(kind: u32, a: T, b: T, result: T): bool {
  if (!ordinaryMode() || !ordinaryBits<T>(a) || !ordinaryBits<T>(b)) return false;
  // MIN and MAX give an operand.
  if (kind == MIN || kind == MAX || isExactZero<T>(kind, a, b, result)) return true;
  return plainBits<T>(result) && (quickMode() || isExact<T, F>(kind, a, b, result));
}

// @ts-ignore: decorator
@inline function computeVector<T>(kind: u32, a: v128, b: v128): v128 {
  if (kind == ADD) return v128.add<T>(a, b);
  if (kind == SUB) return v128.sub<T>(a, b);
  if (kind == MUL) return v128.mul<T>(a, b);
  if (kind == DIV) return v128.div<T>(a, b);
  if (kind == MIN) return v128.pmin<T>(b, a);
  if (kind == MAX) return v128.pmax<T>(b, a);
  return v128.sqrt<T>(b);
}
// @ts-ignore: decorator
@inline function computeScalar<T>(kind: u32, a: T, b: T): T {
  if (kind == ADD) return a + b;
  if (kind == SUB) return a - b;
  if (kind == MUL) return a * b;
  if (kind == DIV) return a / b;
  if (kind == MIN) return a < b ? a : b;
  if (kind == MAX) return a > b ? a : b;
  return sqrt<T>(b);
}

// @ts-ignore: decorator
@inline function packed32(op: u32, kind: u32): void {
  const b = source128(op);
  const a = kind == SQRT ? b : first<v128>(op);
  const result = computeVector<f32>(kind, a, b);
  put<v128>(op, quick32(a, b, result) ? result : softVector<u32>(kind, a, b, false));
}
// @ts-ignore: decorator
@inline function packed64(op: u32, kind: u32): void {
  const b = source128(op);
  const a = kind == SQRT ? b : first<v128>(op);
  const result = computeVector<f64>(kind, a, b);
  put<v128>(op, quick64(a, b, result) ? result : softVector<u64>(kind, a, b, false));
}
// @ts-ignore: decorator
@inline function scalar32(op: u32, kind: u32): void {
  const b = source32(op);
  const a = kind == SQRT ? b : load<u32>(xmmReg(op));
  const result = reinterpret<u32>(computeScalar<f32>(kind, reinterpret<f32>(a), reinterpret<f32>(b)));
  putLow32(op, quickScalar<u32, f32>(kind, a, b, result) ? result : softScalar<u32>(kind, a, b));
}
// @ts-ignore: decorator
@inline function scalar64(op: u32, kind: u32): void {
  const b = source64(op);
  const a = kind == SQRT ? b : load<u64>(xmmReg(op));
  const result = reinterpret<u64>(computeScalar<f64>(kind, reinterpret<f64>(a), reinterpret<f64>(b)));
  putLow64(op, quickScalar<u64, f64>(kind, a, b, result) ? result : softScalar<u64>(kind, a, b));
}

function addps(op: u32): void { packed32(op, ADD); }
function addpd(op: u32): void { packed64(op, ADD); }
function addss(op: u32): void { scalar32(op, ADD); }
function addsd(op: u32): void { scalar64(op, ADD); }
function subps(op: u32): void { packed32(op, SUB); }
function subpd(op: u32): void { packed64(op, SUB); }
function subss(op: u32): void { scalar32(op, SUB); }
function subsd(op: u32): void { scalar64(op, SUB); }
function mulps(op: u32): void { packed32(op, MUL); }
function mulpd(op: u32): void { packed64(op, MUL); }
function mulss(op: u32): void { scalar32(op, MUL); }
function mulsd(op: u32): void { scalar64(op, MUL); }
function divps(op: u32): void { packed32(op, DIV); }
function divpd(op: u32): void { packed64(op, DIV); }
function divss(op: u32): void { scalar32(op, DIV); }
function divsd(op: u32): void { scalar64(op, DIV); }
function minps(op: u32): void { packed32(op, MIN); }
function minpd(op: u32): void { packed64(op, MIN); }
function minss(op: u32): void { scalar32(op, MIN); }
function minsd(op: u32): void { scalar64(op, MIN); }
function maxps(op: u32): void { packed32(op, MAX); }
function maxpd(op: u32): void { packed64(op, MAX); }
function maxss(op: u32): void { scalar32(op, MAX); }
function maxsd(op: u32): void { scalar64(op, MAX); }
function sqrtps(op: u32): void { packed32(op, SQRT); }
function sqrtpd(op: u32): void { packed64(op, SQRT); }
function sqrtss(op: u32): void { scalar32(op, SQRT); }
function sqrtsd(op: u32): void { scalar64(op, SQRT); }

// Horizontal and alternating.
// @ts-ignore: decorator
@inline function horizontal32(op: u32, kind: u32): void {
  const b = source128(op);
  const a = first<v128>(op);
  const left = v128.shuffle<i32>(a, b, 0, 2, 4, 6);
  const right = v128.shuffle<i32>(a, b, 1, 3, 5, 7);
  const result = computeVector<f32>(kind, left, right);
  put<v128>(op, quick32(left, right, result) ? result : softVector<u32>(kind, left, right, false));
}
// @ts-ignore: decorator
@inline function horizontal64(op: u32, kind: u32): void {
  const b = source128(op);
  const a = first<v128>(op);
  const left = v128.shuffle<i64>(a, b, 0, 2);
  const right = v128.shuffle<i64>(a, b, 1, 3);
  const result = computeVector<f64>(kind, left, right);
  put<v128>(op, quick64(left, right, result) ? result : softVector<u64>(kind, left, right, false));
}
function haddps(op: u32): void { horizontal32(op, ADD); }
function haddpd(op: u32): void { horizontal64(op, ADD); }
function hsubps(op: u32): void { horizontal32(op, SUB); }
function hsubpd(op: u32): void { horizontal64(op, SUB); }
function addsubps(op: u32): void {
  const b = source128(op);
  const a = first<v128>(op);
  const result = f32x4.add(a, v128.xor(b, i32x4(-0x80000000, 0, -0x80000000, 0)));
  put<v128>(op, quick32(a, b, result) ? result : softVector<u32>(ADD, a, b, true));
}
function addsubpd(op: u32): void {
  const b = source128(op);
  const a = first<v128>(op);
  const result = f64x2.add(a, v128.xor(b, i64x2(-0x8000000000000000, 0)));
  put<v128>(op, quick64(a, b, result) ? result : softVector<u64>(ADD, a, b, true));
}

/** Dot products: products of the elements that immediate 7:4 chooses, summed in pairs, then the sums; each step
 * rounds and reports as the instructions of its own would (SDM volume 2, DPPS). */
function dpps(op: u32): void {
  const b = source128(op);
  const control = <u32>immediate(op);
  const chosen = i32x4.ne(v128.and(i32x4.splat(control), i32x4(16, 32, 64, 128)), i32x4.splat(0));
  const zero = i32x4.splat(0);
  const a = v128.and(first<v128>(op), chosen);
  const products = softVector<u32>(MUL, a, v128.and(b, chosen), false);
  const pairs = softVector<u32>(
    ADD,
    v128.shuffle<i32>(products, zero, 0, 2, 4, 4),
    v128.shuffle<i32>(products, zero, 1, 3, 4, 4),
    false,
  );
  const sum = softScalar<u32>(ADD, i32x4.extract_lane(pairs, 0), i32x4.extract_lane(pairs, 1));
  const kept = i32x4.ne(v128.and(i32x4.splat(control), i32x4(1, 2, 4, 8)), zero);
  put<v128>(op, v128.and(i32x4.splat(sum), kept));
}
function dppd(op: u32): void {
  const b = source128(op);
  const control = <i64>immediate(op);
  const zero = i64x2.splat(0);
  const chosen = i64x2.ne(v128.and(i64x2.splat(control), i64x2(16, 32)), zero);
  const a = v128.and(first<v128>(op), chosen);
  const products = softVector<u64>(MUL, a, v128.and(b, chosen), false);
  const sum = softScalar<u64>(ADD, i64x2.extract_lane(products, 0), i64x2.extract_lane(products, 1));
  const kept = i64x2.ne(v128.and(i64x2.splat(control), i64x2(1, 2)), zero);
  put<v128>(op, v128.and(i64x2.splat(sum), kept));
}

// Approximations. Processors differ in every bit past the promised ones (relative error at most 1.5 * 2^-12); this one
// gives the correctly rounded quotient with the low 11 bits of the fraction zero, a relative error below 2^-12.
// No exceptions; denormals count as zero, and so do results that would be denormal.
const APPROXIMATE: u32 = 0xfffff800;
function reciprocal(a: u32): u32 {
  if (isNaNBits<u32>(a)) return a | quietBit<u32>();
  if (magnitude<u32>(a) == 0 || isDenormal<u32>(a)) return (a & signBit<u32>()) | infinity<u32>();
  const result = reinterpret<u32>(<f32>1.0 / reinterpret<f32>(a));
  return isDenormal<u32>(result) ? a & signBit<u32>() : result & APPROXIMATE;
}
function reciprocalRoot(a: u32): u32 {
  if (isNaNBits<u32>(a)) return a | quietBit<u32>();
  if (magnitude<u32>(a) == 0 || isDenormal<u32>(a)) return (a & signBit<u32>()) | infinity<u32>();
  if ((a & signBit<u32>()) != 0) return indefinite<u32>();
  return reinterpret<u32>(<f32>(1.0 / sqrt<f64>(<f64>reinterpret<f32>(a)))) & APPROXIMATE;
}
// @ts-ignore: decorator
@inline function approximate(kind: u32, a: u32): u32 { return kind == 0 ? reciprocal(a) : reciprocalRoot(a); }
function approximateVector(kind: u32, a: v128): v128 {
  v128.store(elements, a);
  for (let at = elements; at < elements + 16; at += 4) store<u32>(at, approximate(kind, load<u32>(at)));
  return v128.load(elements);
}
function rcpps(op: u32): void { put<v128>(op, approximateVector(0, source128(op))); }
function rcpss(op: u32): void { putLow32(op, approximate(0, source32(op))); }
function rsqrtps(op: u32): void { put<v128>(op, approximateVector(1, source128(op))); }
function rsqrtss(op: u32): void { putLow32(op, approximate(1, source32(op))); }

type Handler = (op: u32) => void;
function four(key: u32, ps: Handler, pd: Handler, ss: Handler, sd: Handler): void {
  definePrefixed(key, PP_NONE, MODRM, ps);
  definePrefixed(key, PP_66, MODRM, pd);
  definePrefixed(key, PP_F3, MODRM, ss);
  definePrefixed(key, PP_F2, MODRM, sd);
}

export function registerFloatArithmetic(): void {
  four(TWO | 0x51, sqrtps, sqrtpd, sqrtss, sqrtsd);
  four(TWO | 0x58, addps, addpd, addss, addsd);
  four(TWO | 0x59, mulps, mulpd, mulss, mulsd);
  four(TWO | 0x5c, subps, subpd, subss, subsd);
  four(TWO | 0x5d, minps, minpd, minss, minsd);
  four(TWO | 0x5e, divps, divpd, divss, divsd);
  four(TWO | 0x5f, maxps, maxpd, maxss, maxsd);
  definePrefixed(TWO | 0x52, PP_NONE, MODRM, rsqrtps);
  definePrefixed(TWO | 0x52, PP_F3, MODRM, rsqrtss);
  definePrefixed(TWO | 0x53, PP_NONE, MODRM, rcpps);
  definePrefixed(TWO | 0x53, PP_F3, MODRM, rcpss);
  definePrefixed(TWO | 0x7c, PP_66, MODRM, haddpd);
  definePrefixed(TWO | 0x7c, PP_F2, MODRM, haddps);
  definePrefixed(TWO | 0x7d, PP_66, MODRM, hsubpd);
  definePrefixed(TWO | 0x7d, PP_F2, MODRM, hsubps);
  definePrefixed(TWO | 0xd0, PP_66, MODRM, addsubpd);
  definePrefixed(TWO | 0xd0, PP_F2, MODRM, addsubps);
  definePrefixed(MAP_3A | 0x40, PP_66, MODRM | IMM8U, dpps);
  definePrefixed(MAP_3A | 0x41, PP_66, MODRM | IMM8U, dppd);
}
