// Floating point with 128 bits of significand, for the transcendental functions. A number lives in a slot of static
// memory: u64 high (bit 63 set unless the number is zero), u64 low, i32 exponent, u32 sign; its value is
// high:low * 2^(exponent - 127). Operations truncate: each errs by a few units of 2^-127, and a result that is not
// exact never looks exact where one operand is far smaller than the other. The destination may be a source.

import { addWide, divWide, mulWide, shiftRightSticky, subWide, wideCarry, wideLow } from "../wide";
import { EXPONENT_BIAS, normalExponent, normalSignificand, roundResult, signOf } from "./extended";

const SIZE: u32 = 24;
const HIGH: u32 = 0;
const LOW: u32 = 8;
const EXPONENT: u32 = 16;
const SIGN: u32 = 20;
const SLOTS: u32 = <u32>memory.data(SIZE * 12, 8);

/** Address of slot n, 0..11. */
// @ts-ignore: decorator
@inline export function slot(n: u32): u32 { return SLOTS + n * SIZE; }
// @ts-ignore: decorator
@inline export function wideExponent(a: u32): i32 { return load<i32>(a, EXPONENT); }
// @ts-ignore: decorator
@inline export function wideSign(a: u32): u32 { return load<u32>(a, SIGN); }
// @ts-ignore: decorator
@inline export function isWideZero(a: u32): bool { return load<u64>(a, HIGH) == 0; }

function put(to: u32, sign: u32, exponent: i32, high: u64, low: u64): void {
  store<u64>(to, high, HIGH);
  store<u64>(to, low, LOW);
  store<i32>(to, exponent, EXPONENT);
  store<u32>(to, sign, SIGN);
}

/** Sets a slot from parts that need not be normalized. */
export function setWide(to: u32, sign: u32, exponent: i32, high: u64, low: u64): void {
  if (high == 0) {
    if (low == 0) {
      put(to, sign, 0, 0, 0);
      return;
    }
    high = low;
    low = 0;
    exponent -= 64;
  }
  const shift = <i32>clz(high);
  if (shift != 0) {
    high = (high << shift) | (low >> (64 - shift));
    low <<= shift;
  }
  put(to, sign, exponent - shift, high, low);
}

export function setWideInteger(to: u32, value: i32): void {
  setWide(to, value < 0 ? 1 : 0, 63, <u64>(value < 0 ? -value : value), 0);
}

/** From a finite number of a register. */
export function setWideExtended(to: u32, significand: u64, signExponent: u32): void {
  if (significand == 0) put(to, signOf(signExponent), 0, 0, 0);
  else {
    const exponent = normalExponent(significand, signExponent) - EXPONENT_BIAS;
    put(to, signOf(signExponent), exponent, normalSignificand(significand), 0);
  }
}

export function copyWide(to: u32, a: u32): void {
  put(to, load<u32>(a, SIGN), load<i32>(a, EXPONENT), load<u64>(a, HIGH), load<u64>(a, LOW));
}

export function negateWide(a: u32): void { store<u32>(a, load<u32>(a, SIGN) ^ 1, SIGN); }
export function setWideSign(a: u32, sign: u32): void { store<u32>(a, sign, SIGN); }
/** Multiplies by 2^count. */
export function scaleWide(a: u32, count: i32): void { store<i32>(a, load<i32>(a, EXPONENT) + count, EXPONENT); }

export function multiplyWide(to: u32, a: u32, b: u32): void {
  const sign = load<u32>(a, SIGN) ^ load<u32>(b, SIGN);
  const ah = load<u64>(a, HIGH);
  const al = load<u64>(a, LOW);
  const bh = load<u64>(b, HIGH);
  const bl = load<u64>(b, LOW);
  let high = mulWide(ah, bh);
  let low = wideLow;
  if (al != 0) {
    high = addWide(high, low, 0, mulWide(al, bh));
    low = wideLow;
  }
  if (bl != 0) {
    high = addWide(high, low, 0, mulWide(ah, bl));
    low = wideLow;
  }
  setWide(to, sign, load<i32>(a, EXPONENT) + load<i32>(b, EXPONENT) + 1, high, low);
}

export function addWideFloat(to: u32, a: u32, b: u32): void {
  if (isWideZero(a)) {
    copyWide(to, b);
    return;
  }
  if (isWideZero(b)) {
    copyWide(to, a);
    return;
  }
  let difference = load<i32>(a, EXPONENT) - load<i32>(b, EXPONENT);
  if (
    difference < 0 ||
    (difference == 0 &&
      (load<u64>(a, HIGH) < load<u64>(b, HIGH) ||
        (load<u64>(a, HIGH) == load<u64>(b, HIGH) && load<u64>(a, LOW) < load<u64>(b, LOW))))
  ) {
    const other = a;
    a = b;
    b = other;
    difference = -difference;
  }
  const sign = load<u32>(a, SIGN);
  const exponent = load<i32>(a, EXPONENT);
  const ah = load<u64>(a, HIGH);
  const al = load<u64>(a, LOW);
  const bh = shiftRightSticky(load<u64>(b, HIGH), load<u64>(b, LOW), difference);
  const bl = wideLow;
  if (sign != load<u32>(b, SIGN)) {
    const high = subWide(ah, al, bh, bl);
    setWide(to, sign, exponent, high, wideLow);
    return;
  }
  const high = addWide(ah, al, bh, bl);
  if (wideCarry == 0) put(to, sign, exponent, high, wideLow);
  else {
    const shifted = shiftRightSticky(high, wideLow, 1);
    put(to, sign, exponent + 1, shifted | 0x8000000000000000, wideLow);
  }
}

/** a / b by long division; b is not zero. */
export function divideWideFloat(to: u32, a: u32, b: u32): void {
  const sign = load<u32>(a, SIGN) ^ load<u32>(b, SIGN);
  const exponent = load<i32>(a, EXPONENT) - load<i32>(b, EXPONENT);
  let rh = load<u64>(a, HIGH);
  let rl = load<u64>(a, LOW);
  const bh = load<u64>(b, HIGH);
  const bl = load<u64>(b, LOW);
  let qh: u64 = 0;
  let ql: u64 = 0;
  let carry: bool = false;
  for (let step = 0; step < 128; step++) {
    qh = (qh << 1) | (ql >> 63);
    ql <<= 1;
    if (carry || rh > bh || (rh == bh && rl >= bl)) {
      rh = subWide(rh, rl, bh, bl);
      rl = wideLow;
      ql |= 1;
    }
    carry = rh >> 63 != 0;
    rh = (rh << 1) | (rl >> 63);
    rl <<= 1;
  }
  // The first quotient bit has the weight 2^exponent and is now bit 127; what remains is sticky.
  if (carry || (rh | rl) != 0) ql |= 1;
  setWide(to, sign, exponent, qh, ql);
}

/** a / n for 0 < n < 2^32. */
export function divideWideInteger(to: u32, a: u32, n: u32): void {
  const divisor = <u64>n;
  const ah = load<u64>(a, HIGH);
  const qh = ah / divisor;
  const ql = divWide(ah - qh * divisor, load<u64>(a, LOW), divisor);
  const qx = divWide(wideLow, 0, divisor);
  if (qh == 0) {
    // Only for a zero: ah has bit 63 set otherwise.
    put(to, load<u32>(a, SIGN), 0, 0, 0);
    return;
  }
  const shift = <u32>clz(qh);
  const high = shift == 0 ? qh : (qh << shift) | (ql >> (64 - shift));
  const low = shift == 0 ? ql : (ql << shift) | (qx >> (64 - shift));
  put(to, load<u32>(a, SIGN), load<i32>(a, EXPONENT) - <i32>shift, high, low);
}

/** Rounds to the result of the instruction; `inexact` says that the true value is never exactly this. */
export function roundWide(a: u32, inexact: bool): void {
  const low = load<u64>(a, LOW) | u64(inexact);
  roundResult(load<u32>(a, SIGN), load<i32>(a, EXPONENT) + EXPONENT_BIAS, load<u64>(a, HIGH), low, 64);
}
