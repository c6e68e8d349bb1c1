// Sum, difference, product, quotient and square root, rounded by precision and rounding control (SDM volume 2, tables
// of FADD, FSUB, FMUL, FDIV, FSQRT). Each leaves its result as extended.ts says.

import { addWide, divWide, mulWide, shiftRightSticky, subWide, wideCarry, wideLow } from "../wide";
import {
  EXPONENT_BIAS,
  INTEGER_BIT,
  ROUND_DOWN,
  isInfinity80,
  isZero80,
  normalExponent,
  normalSignificand,
  normalizeAndRound,
  note,
  noteDenormal,
  precision,
  roundResult,
  roundingControl,
  setInfinity,
  setInvalid,
  setResult,
  setZero,
  settleOne,
  settleTwo,
  signOf,
} from "./extended";
import { ZE } from "./state";

/** a + b, or a - b if `negate`. */
export function addExtended(a: u64, aSignExponent: u32, b: u64, bSignExponent: u32, negate: bool): void {
  if (settleTwo(a, aSignExponent, b, bSignExponent)) return;
  if (negate) bSignExponent ^= 0x8000;
  const aSign = signOf(aSignExponent);
  const bSign = signOf(bSignExponent);
  const aInfinite = isInfinity80(a, aSignExponent);
  const bInfinite = isInfinity80(b, bSignExponent);
  if (aInfinite && bInfinite && aSign != bSign) {
    setInvalid();
    return;
  }
  noteDenormal(a, aSignExponent);
  noteDenormal(b, bSignExponent);
  if (aInfinite || bInfinite) {
    setInfinity(aInfinite ? aSign : bSign);
    return;
  }
  const cancelled: u32 = roundingControl() == ROUND_DOWN ? 1 : 0;
  if (a == 0 && b == 0) {
    setZero(aSign == bSign ? aSign : cancelled);
    return;
  }
  if (a == 0) roundOperand(b, bSignExponent);
  else if (b == 0) roundOperand(a, aSignExponent);
  else addMagnitudes(a, aSignExponent, b, bSignExponent, cancelled);
}

function roundOperand(significand: u64, signExponent: u32): void {
  const exponent = normalExponent(significand, signExponent);
  roundResult(signOf(signExponent), exponent, normalSignificand(significand), 0, precision());
}

function addMagnitudes(a: u64, aSignExponent: u32, b: u64, bSignExponent: u32, cancelled: u32): void {
  let exponent = normalExponent(a, aSignExponent);
  let other = normalExponent(b, bSignExponent);
  let large = normalSignificand(a);
  let small = normalSignificand(b);
  let sign = signOf(aSignExponent);
  const differ = sign != signOf(bSignExponent);
  if (other > exponent || (other == exponent && small > large)) {
    const e = exponent;
    exponent = other;
    other = e;
    const s = large;
    large = small;
    small = s;
    sign = signOf(bSignExponent);
  }
  const smallHigh = shiftRightSticky(small, 0, exponent - other);
  const smallLow = wideLow;
  if (differ) {
    const high = subWide(large, 0, smallHigh, smallLow);
    const low = wideLow;
    if ((high | low) == 0) setZero(cancelled);
    else normalizeAndRound(sign, exponent, high, low, precision());
    return;
  }
  const high = addWide(large, 0, smallHigh, smallLow);
  const low = wideLow;
  if (wideCarry == 0) roundResult(sign, exponent, high, low, precision());
  else {
    const shifted = shiftRightSticky(high, low, 1);
    roundResult(sign, exponent + 1, shifted | INTEGER_BIT, wideLow, precision());
  }
}

/** a * b. */
export function multiplyExtended(a: u64, aSignExponent: u32, b: u64, bSignExponent: u32): void {
  if (settleTwo(a, aSignExponent, b, bSignExponent)) return;
  const sign = signOf(aSignExponent ^ bSignExponent);
  const aZero = isZero80(a, aSignExponent);
  const bZero = isZero80(b, bSignExponent);
  if (isInfinity80(a, aSignExponent) || isInfinity80(b, bSignExponent)) {
    if (aZero || bZero) setInvalid();
    else {
      noteDenormal(a, aSignExponent);
      noteDenormal(b, bSignExponent);
      setInfinity(sign);
    }
    return;
  }
  noteDenormal(a, aSignExponent);
  noteDenormal(b, bSignExponent);
  if (aZero || bZero) {
    setZero(sign);
    return;
  }
  const exponent = normalExponent(a, aSignExponent) + normalExponent(b, bSignExponent) - EXPONENT_BIAS + 1;
  const high = mulWide(normalSignificand(a), normalSignificand(b));
  normalizeAndRound(sign, exponent, high, wideLow, precision());
}

/** a / b. */
export function divideExtended(a: u64, aSignExponent: u32, b: u64, bSignExponent: u32): void {
  if (settleTwo(a, aSignExponent, b, bSignExponent)) return;
  const sign = signOf(aSignExponent ^ bSignExponent);
  const aInfinite = isInfinity80(a, aSignExponent);
  const bInfinite = isInfinity80(b, bSignExponent);
  const aZero = isZero80(a, aSignExponent);
  const bZero = isZero80(b, bSignExponent);
  if ((aInfinite && bInfinite) || (aZero && bZero)) {
    setInvalid();
    return;
  }
  if (bZero && !aInfinite) {
    note(ZE);
    setInfinity(sign);
    return;
  }
  noteDenormal(a, aSignExponent);
  noteDenormal(b, bSignExponent);
  if (aInfinite) setInfinity(sign);
  else if (bInfinite || aZero) setZero(sign);
  else {
    const dividend = normalSignificand(a);
    const divisor = normalSignificand(b);
    let exponent = normalExponent(a, aSignExponent) - normalExponent(b, bSignExponent) + EXPONENT_BIAS;
    let quotient: u64;
    if (dividend >= divisor) quotient = divWide(dividend >> 1, dividend << 63, divisor);
    else {
      quotient = divWide(dividend, 0, divisor);
      exponent--;
    }
    const remainder = wideLow;
    roundResult(sign, exponent, quotient, fraction(remainder, divisor), precision());
  }
}

/** remainder / divisor as far as rounding cares: none, below, at or above a half. */
function fraction(remainder: u64, divisor: u64): u64 {
  if (remainder == 0) return 0;
  const complement = divisor - remainder;
  return remainder < complement ? 0x4000000000000000 : remainder == complement ? INTEGER_BIT : 0xc000000000000000;
}

/** Square root of a. */
export function squareRootExtended(a: u64, aSignExponent: u32): void {
  if (settleOne(a, aSignExponent)) return;
  if (isZero80(a, aSignExponent)) {
    setResult(a, aSignExponent);
    return;
  }
  if (signOf(aSignExponent) != 0) {
    setInvalid();
    return;
  }
  noteDenormal(a, aSignExponent);
  if (isInfinity80(a, aSignExponent)) {
    setInfinity(0);
    return;
  }
  const exponent = normalExponent(a, aSignExponent) - EXPONENT_BIAS;
  const significand = normalSignificand(a);
  const odd = (exponent & 1) != 0;
  const high = odd ? significand : significand >> 1;
  const low = odd ? 0 : significand << 63;
  const root = squareRootWide(high, low);
  // The remainder is at most 2 * root: 65 bits.
  const squareHigh = mulWide(root, root);
  const restHigh = subWide(high, low, squareHigh, wideLow);
  const rest = wideLow;
  // Never a tie: (root + 1/2)^2 is no integer.
  let beyond: u64 = 0;
  if ((restHigh | rest) != 0) beyond = restHigh != 0 || rest > root ? 0xc000000000000000 : 0x4000000000000000;
  roundResult(0, (exponent >> 1) + EXPONENT_BIAS, root, beyond, precision());
}

/** Integer square root of high:low >= 2^126: one step of Newton's method from a double, then the last bit by trial. */
function squareRootWide(high: u64, low: u64): u64 {
  const estimate = Math.sqrt(<f64>high) * 4294967296.0;
  let root: u64 = estimate >= 18446744073709549568.0 ? <u64>-1 : <u64>estimate;
  if (high < root) {
    const quotient = divWide(high, low, root);
    root = (root >> 1) + (quotient >> 1) + (root & quotient & 1);
  }
  while (squareExceeds(root, high, low)) root--;
  while (root != <u64>-1 && !squareExceeds(root + 1, high, low)) root++;
  return root;
}

function squareExceeds(root: u64, high: u64, low: u64): bool {
  const squareHigh = mulWide(root, root);
  return squareHigh > high || (squareHigh == high && wideLow > low);
}
