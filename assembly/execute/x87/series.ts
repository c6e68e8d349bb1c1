// Power series on 128-bit floats. Each takes as many terms as make the rest smaller than 2^-80 of the sum, so that what
// is rounded to 64 bits is right but for ties closer than 2^-16 units of the last place.

import {
  addWideFloat,
  divideWideInteger,
  multiplyWide,
  negateWide,
  copyWide,
  setWide,
  setWideInteger,
  slot,
  wideExponent,
} from "./wide-float";

// Slots 8..11 belong to this file.
const SUM: u32 = 8;
const TERM: u32 = 9;
const POWER: u32 = 10;
const BITS: i32 = 80;

/** Terms of a series whose ratio is below 2^(exponent + 1), at most `most`. */
function terms(exponent: i32, most: i32): i32 {
  if (exponent >= -1) return most;
  const count = BITS / (-1 - exponent) + 2;
  return count < most ? count : most;
}

function setOne(a: u32): void { setWideInteger(a, 1); }

/** to = e^a - 1 for |a| < 1. */
export function exponentialMinusOne(to: u32, a: u32): void {
  const sum = slot(SUM);
  const one = slot(TERM);
  setOne(one);
  setOne(sum);
  // a (1 + a/2 (1 + a/3 (1 + ...)))
  for (let n = terms(wideExponent(a), 26); n >= 2; n--) {
    multiplyWide(sum, sum, a);
    divideWideInteger(sum, sum, n);
    addWideFloat(sum, sum, one);
  }
  multiplyWide(to, sum, a);
}

/** to = atanh(a), or atan(a) if `alternate`, for |a| < 0.42. */
export function inverseTangent(to: u32, a: u32, alternate: bool): void {
  const sum = slot(SUM);
  const term = slot(TERM);
  const square = slot(POWER);
  multiplyWide(square, a, a);
  if (alternate) negateWide(square);
  // a (1 + s (1/3 + s (1/5 + ...)))
  setWide(sum, 0, 0, 0, 0);
  for (let n = terms(wideExponent(square), 42); n >= 0; n--) {
    multiplyWide(sum, sum, square);
    setOne(term);
    divideWideInteger(term, term, 2 * n + 1);
    addWideFloat(sum, sum, term);
  }
  multiplyWide(to, sum, a);
}

/** Sum of the alternating series 1 - s/(f (f+1)) (1 - s/((f+2) (f+3)) (...)), s = a^2. */
function alternating(a: u32, first: u32): void {
  const sum = slot(SUM);
  const one = slot(TERM);
  const square = slot(POWER);
  multiplyWide(square, a, a);
  negateWide(square);
  setOne(one);
  setOne(sum);
  for (let n = terms(wideExponent(square), 13) - 1; n >= 0; n--) {
    const factor = first + 2 * <u32>n;
    multiplyWide(sum, sum, square);
    divideWideInteger(sum, sum, factor * (factor + 1));
    addWideFloat(sum, sum, one);
  }
}

/** to = sin(a) for |a| < 0.8. */
export function sineSeries(to: u32, a: u32): void {
  alternating(a, 2);
  multiplyWide(to, slot(SUM), a);
}

/** to = cos(a) for |a| < 0.8. */
export function cosineSeries(to: u32, a: u32): void {
  alternating(a, 1);
  copyWide(to, slot(SUM));
}
