// IEEE 754 binary32 and binary64 arithmetic by integers, with every rounding mode and exception of MXCSR: the exact
// path behind the quick one of float.ts. Type parameter T is the bit pattern's type, u32 or u64.
//
// A finite value is sign, exponent and a 64-bit significand with its leading one in bit 63; bits that fall off the
// end are or-ed into bit 0, so that rounding sees that they were there.

import { MXCSR } from "../../state";
import {
  DAZ,
  DE,
  FTZ,
  IE,
  OE,
  OM,
  PE,
  RC_DOWN,
  RC_NEAREST,
  RC_UP,
  RC_ZERO,
  UE,
  UM,
  ZE,
  note,
  roundingControl,
} from "./mxcsr";

// @ts-ignore: decorator
@inline export function fractionBits<T>(): u32 { return sizeof<T>() == 4 ? 23 : 52; }
// @ts-ignore: decorator
@inline export function bias<T>(): i32 { return sizeof<T>() == 4 ? 127 : 1023; }
// @ts-ignore: decorator
@inline export function exponentMax<T>(): i32 { return sizeof<T>() == 4 ? 255 : 2047; }
// @ts-ignore: decorator
@inline export function signBit<T>(): T { return <T>(<T>1 << <T>(sizeof<T>() * 8 - 1)); }
// @ts-ignore: decorator
@inline export function infinity<T>(): T { return <T>(<T>exponentMax<T>() << <T>fractionBits<T>()); }
// @ts-ignore: decorator
@inline export function quietBit<T>(): T { return <T>(<T>1 << <T>(fractionBits<T>() - 1)); }
/** The default NaN, "QNaN real indefinite". */
// @ts-ignore: decorator
@inline export function indefinite<T>(): T { return signBit<T>() | infinity<T>() | quietBit<T>(); }
// @ts-ignore: decorator
@inline export function magnitude<T>(a: T): T { return a & ~signBit<T>(); }
// @ts-ignore: decorator
@inline export function isNaNBits<T>(a: T): bool { return magnitude<T>(a) > infinity<T>(); }
// @ts-ignore: decorator
@inline export function isSignaling<T>(a: T): bool { return isNaNBits<T>(a) && (a & quietBit<T>()) == 0; }
// @ts-ignore: decorator
@inline export function isDenormal<T>(a: T): bool {
  return magnitude<T>(a) != 0 && magnitude<T>(a) < <T>(<T>1 << <T>fractionBits<T>());
}

/** An operand after DAZ; notes DE for a denormal that stays. */
export function operand<T>(a: T): T {
  if (isDenormal<T>(a)) {
    if ((load<u32>(MXCSR) & DAZ) != 0) return a & signBit<T>();
    note(DE);
  }
  return a;
}
/** As operand(), without a flag: conversions to integers do not report denormals. */
export function flushOperand<T>(a: T): T {
  return isDenormal<T>(a) && (load<u32>(MXCSR) & DAZ) != 0 ? a & signBit<T>() : a;
}

/** The NaN of an operation of which at least one operand is one (SDM volume 1, table 4-7). */
export function propagate<T>(a: T, b: T): T {
  if (isSignaling<T>(a) || isSignaling<T>(b)) note(IE);
  return (isNaNBits<T>(a) ? a : b) | quietBit<T>();
}

/** Notes IE; the default NaN. */
export function invalid<T>(): T {
  note(IE);
  return indefinite<T>();
}

/** Significand of a number that is neither zero, infinite nor NaN, leading one in bit 63. */
export function significand<T>(a: T): u64 {
  const fraction = <u64>(a & <T>((<T>1 << <T>fractionBits<T>()) - 1));
  if ((magnitude<T>(a) >> <T>fractionBits<T>()) == 0) return fraction << clz<u64>(fraction);
  return (fraction << (63 - fractionBits<T>())) | 0x8000000000000000;
}
/** Its unbiased exponent. */
export function exponent<T>(a: T): i32 {
  const biased = <i32>(magnitude<T>(a) >> <T>fractionBits<T>());
  if (biased != 0) return biased - bias<T>();
  return <i32>(63 - fractionBits<T>()) - <i32>clz<u64>(<u64>magnitude<T>(a)) + 1 - bias<T>();
}

/** a >> n, with what is lost or-ed into bit 0. */
// @ts-ignore: decorator
@inline function shiftJam(a: u64, n: u32): u64 {
  if (n == 0) return a;
  if (n > 63) return u64(a != 0);
  return (a >> n) | u64((a << (64 - n)) != 0);
}

/** True if a significand rounds away from zero when its low `drop` bits go. */
function roundsUp(sign: bool, value: u64, drop: u32): bool {
  const lost = value & ((<u64>1 << drop) - 1);
  if (lost == 0) return false;
  switch (roundingControl()) {
    case RC_NEAREST: {
      const half = <u64>1 << (drop - 1);
      return lost > half || (lost == half && ((value >> drop) & 1) != 0);
    }
    case RC_DOWN: return sign;
    case RC_UP: return !sign;
    default: return false;
  }
}

/** Rounds to format T; notes OE, UE and PE. Tininess is found after rounding (SDM volume 1, 4.9.1.5). */
export function roundPack<T>(sign: bool, unbiased: i32, value: u64): T {
  const drop: u32 = 63 - fractionBits<T>();
  const lostMask = (<u64>1 << drop) - 1;
  const signed: T = sign ? signBit<T>() : 0;
  const mxcsr = load<u32>(MXCSR);
  let biased = unbiased + bias<T>();

  if (biased <= 0) {
    const reachesNormal = biased == 0 && (value >> drop) == ~(<u64>0) >> drop && roundsUp(sign, value, drop);
    if (!reachesNormal) {
      if ((mxcsr & UM) == 0) {
        note((value & lostMask) != 0 ? UE | PE : UE);
        return signed;
      }
      if ((mxcsr & FTZ) != 0) {
        note(UE | PE);
        return signed;
      }
    }
    const denormal = shiftJam(value, 1 - biased);
    let bits = <T>(denormal >> drop);
    if (roundsUp(sign, denormal, drop)) bits++;
    if ((denormal & lostMask) != 0) note(reachesNormal ? PE : UE | PE);
    return signed | bits;
  }

  let rounded = value >> drop;
  if (roundsUp(sign, value, drop)) rounded++;
  if (rounded >> (fractionBits<T>() + 1) != 0) {
    rounded >>= 1;
    biased++;
  }
  if (biased >= exponentMax<T>()) {
    if ((mxcsr & OM) == 0) {
      note((value & lostMask) != 0 ? OE | PE : OE);
      return signed;
    }
    note(OE | PE);
    const control = roundingControl();
    const finite = control == RC_ZERO || (control == RC_DOWN && !sign) || (control == RC_UP && sign);
    return signed | (finite ? infinity<T>() - 1 : infinity<T>());
  }
  if ((value & lostMask) != 0) note(PE);
  return signed | <T>((<u64>(biased - 1) << fractionBits<T>()) + rounded);
}

// @ts-ignore: decorator
@inline function isNegative<T>(a: T): bool { return (a & signBit<T>()) != 0; }
// @ts-ignore: decorator
@inline function isInfinite<T>(a: T): bool { return magnitude<T>(a) == infinity<T>(); }

export function softAdd<T>(a: T, b: T): T {
  if (isNaNBits<T>(a) || isNaNBits<T>(b)) return propagate<T>(a, b);
  if (isInfinite<T>(a) && isInfinite<T>(b) && a != b) return invalid<T>();
  a = operand<T>(a);
  b = operand<T>(b);
  if (isInfinite<T>(a)) return a;
  if (isInfinite<T>(b)) return b;
  if (magnitude<T>(a) == 0 && magnitude<T>(b) == 0) {
    if (a == b) return a;
    return roundingControl() == RC_DOWN ? signBit<T>() : 0;
  }
  if (magnitude<T>(a) == 0) return roundPack<T>(isNegative<T>(b), exponent<T>(b), significand<T>(b));
  if (magnitude<T>(b) == 0) return roundPack<T>(isNegative<T>(a), exponent<T>(a), significand<T>(a));
  if (magnitude<T>(a) < magnitude<T>(b)) {
    const t = a;
    a = b;
    b = t;
  }
  const top = exponent<T>(a);
  const large = significand<T>(a) >> 1;
  const small = shiftJam(significand<T>(b) >> 1, top - exponent<T>(b));
  const sum = isNegative<T>(a) == isNegative<T>(b) ? large + small : large - small;
  if (sum == 0) return roundingControl() == RC_DOWN ? signBit<T>() : 0;
  const shift = <u32>clz<u64>(sum);
  return roundPack<T>(isNegative<T>(a), top + 1 - <i32>shift, sum << shift);
}

/** A NaN keeps its sign when it is subtracted. */
export function softSub<T>(a: T, b: T): T {
  return softAdd<T>(a, isNaNBits<T>(b) ? b : b ^ signBit<T>());
}

/** Upper 64 bits of a product, what is below or-ed into bit 0. */
function multiplyHighJam(a: u64, b: u64): u64 {
  const a0 = a & 0xffffffff;
  const a1 = a >> 32;
  const b0 = b & 0xffffffff;
  const b1 = b >> 32;
  const low = a0 * b0;
  const middle = a1 * b0 + (low >> 32);
  const cross = a0 * b1 + (middle & 0xffffffff);
  const high = a1 * b1 + (middle >> 32) + (cross >> 32);
  return high | u64(((cross << 32) | (low & 0xffffffff)) != 0);
}

export function softMul<T>(a: T, b: T): T {
  if (isNaNBits<T>(a) || isNaNBits<T>(b)) return propagate<T>(a, b);
  const daz = (load<u32>(MXCSR) & DAZ) != 0;
  const zeroA = magnitude<T>(a) == 0 || (daz && isDenormal<T>(a));
  const zeroB = magnitude<T>(b) == 0 || (daz && isDenormal<T>(b));
  if ((isInfinite<T>(a) && zeroB) || (isInfinite<T>(b) && zeroA)) return invalid<T>();
  a = operand<T>(a);
  b = operand<T>(b);
  const negative = isNegative<T>(a) != isNegative<T>(b);
  const signed: T = negative ? signBit<T>() : 0;
  if (isInfinite<T>(a) || isInfinite<T>(b)) return signed | infinity<T>();
  if (zeroA || zeroB) return signed;
  const product = multiplyHighJam(significand<T>(a), significand<T>(b));
  const shift = <u32>clz<u64>(product);
  return roundPack<T>(negative, exponent<T>(a) + exponent<T>(b) + 1 - <i32>shift, product << shift);
}

/** Significand of a result that the processor rounded to 53 bits, from the sign of (exact - rounded). */
// @ts-ignore: decorator
@inline function correct(rounded: u64, remainder: i64): u64 {
  const value = rounded << 11;
  return remainder == 0 ? value : remainder > 0 ? value | 1 : value - 1;
}

export function softDiv<T>(a: T, b: T): T {
  if (isNaNBits<T>(a) || isNaNBits<T>(b)) return propagate<T>(a, b);
  const daz = (load<u32>(MXCSR) & DAZ) != 0;
  const zeroA = magnitude<T>(a) == 0 || (daz && isDenormal<T>(a));
  const zeroB = magnitude<T>(b) == 0 || (daz && isDenormal<T>(b));
  if ((zeroA && zeroB) || (isInfinite<T>(a) && isInfinite<T>(b))) return invalid<T>();
  const negative = isNegative<T>(a) != isNegative<T>(b);
  const signed: T = negative ? signBit<T>() : 0;
  if (zeroB && !isInfinite<T>(a)) {
    note(ZE);
    return signed | infinity<T>();
  }
  a = operand<T>(a);
  b = operand<T>(b);
  if (isInfinite<T>(a)) return signed | infinity<T>();
  if (isInfinite<T>(b) || zeroA) return signed;
  // Quotient of the significands in [1, 2) as 53 bits: rounded by the processor, its remainder exact modulo 2^64.
  const sa = significand<T>(a) >> 11;
  const sb = significand<T>(b) >> 11;
  const scale: u32 = sa < sb ? 53 : 52;
  const scaled = sa < sb ? <f64>sa * 2 : <f64>sa;
  const quotient = <u64>((scaled / <f64>sb) * 4503599627370496.0);
  const remainder = <i64>((sa << scale) - quotient * sb);
  // Neither end of [1, 2) is reached by rounding: no quotient of 53-bit numbers lies so near to it.
  const result = exponent<T>(a) - exponent<T>(b) - <i32>(scale - 52);
  return roundPack<T>(negative, result, correct(quotient, remainder));
}

export function softSqrt<T>(a: T): T {
  if (isNaNBits<T>(a)) return propagate<T>(a, a);
  if (magnitude<T>(a) == 0) return a;
  if (isNegative<T>(a) && !((load<u32>(MXCSR) & DAZ) != 0 && isDenormal<T>(a))) return invalid<T>();
  a = operand<T>(a);
  if (magnitude<T>(a) == 0 || isInfinite<T>(a)) return a;
  // Root of a value in [1, 4), in [1, 2) as 53 bits, and its remainder as above.
  const e = exponent<T>(a);
  const odd: u32 = e & 1;
  const s = significand<T>(a) >> 11;
  const root = <u64>(Math.sqrt(<f64>s * (odd != 0 ? 2.0 : 1.0) * 2.220446049250313e-16) * 4503599627370496.0);
  const remainder = <i64>((s << (52 + odd)) - root * root);
  return roundPack<T>(false, e >> 1, correct(root, remainder));
}

/** True if a < b; neither is NaN, and -0 equals 0. */
export function lessThan<T>(a: T, b: T): bool {
  if (magnitude<T>(a) == 0 && magnitude<T>(b) == 0) return false;
  if (isNegative<T>(a) != isNegative<T>(b)) return isNegative<T>(a);
  return isNegative<T>(a) ? a > b : a < b;
}

/** The second operand if either is NaN (not made quiet) or both are zero. */
export function softMin<T>(a: T, b: T): T {
  if (isNaNBits<T>(a) || isNaNBits<T>(b)) {
    note(IE);
    return flushOperand<T>(b);
  }
  a = operand<T>(a);
  b = operand<T>(b);
  return lessThan<T>(a, b) ? a : b;
}
export function softMax<T>(a: T, b: T): T {
  if (isNaNBits<T>(a) || isNaNBits<T>(b)) {
    note(IE);
    return flushOperand<T>(b);
  }
  a = operand<T>(a);
  b = operand<T>(b);
  return lessThan<T>(b, a) ? a : b;
}
