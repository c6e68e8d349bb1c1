// FPREM, FPREM1, FRNDINT, FSCALE, FXTRACT (SDM volume 2). Each leaves its result as extended.ts says.

import { shiftRightSticky, wideLow } from "../wide";
import {
  EXPONENT_BIAS,
  INTEGER_BIT,
  exponentOf,
  isInfinity80,
  isZero80,
  normalExponent,
  normalSignificand,
  normalizeAndRound,
  note,
  noteDenormal,
  noteRounding,
  resultSignExponent,
  resultSignificand,
  roundCarry,
  roundResult,
  roundSignificand,
  setInfinity,
  setInvalid,
  setResult,
  setZero,
  settleOne,
  settleTwo,
  signOf,
} from "./extended";
import { ZE } from "./state";

/** Low bits of the quotient of the last complete remainder. */
export let remainderQuotient: u64 = 0;
/** The last remainder is partial: C2. */
export let remainderPartial: bool = false;

/** Remainder of a / b: with the quotient truncated (FPREM), or rounded to nearest (FPREM1). An exponent difference of
 * 64 or more is reduced by 32 to 63 bits and leaves remainderPartial set. */
export function remainderExtended(a: u64, aSignExponent: u32, b: u64, bSignExponent: u32, nearest: bool): void {
  remainderQuotient = 0;
  remainderPartial = false;
  if (settleTwo(a, aSignExponent, b, bSignExponent)) return;
  if (isInfinity80(a, aSignExponent) || isZero80(b, bSignExponent)) {
    setInvalid();
    return;
  }
  noteDenormal(a, aSignExponent);
  noteDenormal(b, bSignExponent);
  if (isZero80(a, aSignExponent)) {
    setResult(a, aSignExponent);
    return;
  }
  let sign = signOf(aSignExponent);
  const exponent = normalExponent(a, aSignExponent);
  if (isInfinity80(b, bSignExponent)) {
    roundResult(sign, exponent, normalSignificand(a), 0, 64);
    return;
  }
  const divisorExponent = normalExponent(b, bSignExponent);
  const divisor = normalSignificand(b);
  const difference = exponent - divisorExponent;
  if (difference < -1 || (difference < 0 && !nearest)) {
    roundResult(sign, exponent, normalSignificand(a), 0, 64);
    return;
  }
  let steps = difference;
  if (difference >= 64) {
    remainderPartial = true;
    // As many bits as leave a difference below which is a multiple of 32.
    steps = (difference & 31) | 32;
  }
  // Long division, a bit at a time; `carry` is bit 64 of the running remainder.
  let rest = normalSignificand(a);
  let quotient: u64 = 0;
  let carry: bool = false;
  let rank = exponent;
  if (difference < 0) {
    // FPREM1 with a in [b/4, b): in units of half a divisor bit the comparison below is exact.
    roundRemainder(sign, divisorExponent - 1, rest, divisor);
    return;
  }
  for (let step = steps; ; step--) {
    quotient <<= 1;
    if (carry || rest >= divisor) {
      rest -= divisor;
      quotient |= 1;
    }
    if (step == 0) break;
    carry = rest >> 63 != 0;
    rest <<= 1;
    rank--;
  }
  if (remainderPartial) {
    normalizeAndRound(sign, rank, rest, 0, 64);
    return;
  }
  remainderQuotient = quotient;
  if (nearest) {
    const complement = divisor - rest;
    if (rest > complement || (rest == complement && (quotient & 1) != 0)) {
      rest = complement;
      sign ^= 1;
      remainderQuotient = quotient + 1;
    }
  }
  if (rest == 0) setZero(signOf(aSignExponent));
  else normalizeAndRound(sign, rank, rest, 0, 64);
}

/** FPREM1 of a = rest * 2^rank against b = divisor * 2^(rank + 1): quotient 0, or 1 if a > b / 2. */
function roundRemainder(sign: u32, rank: i32, rest: u64, divisor: u64): void {
  // a is rest units, b is 2 * divisor units; a > b / 2 means rest > divisor; a tie goes to the even quotient 0.
  if (rest <= divisor) {
    roundResult(sign, rank, rest, 0, 64);
    return;
  }
  remainderQuotient = 1;
  // 2 * divisor - rest is positive and below divisor.
  normalizeAndRound(sign ^ 1, rank, divisor - (rest - divisor), 0, 64);
}

/** a to an integral value by rounding control. */
export function roundToIntegral(a: u64, aSignExponent: u32): void {
  if (settleOne(a, aSignExponent)) return;
  noteDenormal(a, aSignExponent);
  const exponent = exponentOf(aSignExponent) - EXPONENT_BIAS;
  if (exponent >= 63 || a == 0) {
    setResult(a, aSignExponent);
    return;
  }
  const sign = signOf(aSignExponent);
  if (exponent < 0) {
    const fractionHigh = shiftRightSticky(a, 0, -1 - exponent < 200 ? <u32>(-1 - exponent) : 200);
    // a * 2^-63: the integer part is 0, the fraction is all of it.
    const fraction = fractionHigh | u64(wideLow != 0);
    const integer = roundSignificand(sign, 0, fraction, 64);
    noteRounding();
    if (integer == 0) setZero(sign);
    else setResult(INTEGER_BIT, (sign << 15) | <u32>EXPONENT_BIAS);
    return;
  }
  const rounded = roundSignificand(sign, a, 0, exponent + 1);
  const carry = roundCarry;
  noteRounding();
  setResult(rounded, aSignExponent + u32(carry));
}

/** a * 2^(b rounded toward zero). */
export function scaleExtended(a: u64, aSignExponent: u32, b: u64, bSignExponent: u32): void {
  if (settleTwo(a, aSignExponent, b, bSignExponent)) return;
  const sign = signOf(aSignExponent);
  if (isInfinity80(b, bSignExponent)) {
    const down = signOf(bSignExponent) != 0;
    if (down ? isInfinity80(a, aSignExponent) : isZero80(a, aSignExponent)) {
      setInvalid();
      return;
    }
    noteDenormal(a, aSignExponent);
    if (down) setZero(sign);
    else setInfinity(sign);
    return;
  }
  noteDenormal(a, aSignExponent);
  noteDenormal(b, bSignExponent);
  if (isInfinity80(a, aSignExponent) || isZero80(a, aSignExponent)) {
    setResult(a, aSignExponent);
    return;
  }
  const magnitude = exponentOf(bSignExponent) - EXPONENT_BIAS;
  // Beyond 2^16 every result overflows or underflows, even with the exponent adjusted.
  let scale: i32 = magnitude < 0 ? 0 : magnitude > 16 ? 0x20000 : <i32>(b >> (63 - magnitude));
  if (signOf(bSignExponent) != 0) scale = -scale;
  roundResult(sign, normalExponent(a, aSignExponent) + scale, normalSignificand(a), 0, 64);
}

/** The exponent of the last extractExtended; its result is the significand. */
export let extractedExponent: u64 = 0;
export let extractedSignExponent: u32 = 0;

/** Splits a into its unbiased exponent (extractedExponent) and its significand. */
export function extractExtended(a: u64, aSignExponent: u32): void {
  if (settleOne(a, aSignExponent)) {
    copyResult();
    return;
  }
  const sign = signOf(aSignExponent);
  if (isInfinity80(a, aSignExponent)) {
    setInfinity(0);
    copyResult();
    setInfinity(sign);
    return;
  }
  if (isZero80(a, aSignExponent)) {
    note(ZE);
    setInfinity(1);
    copyResult();
    setZero(sign);
    return;
  }
  noteDenormal(a, aSignExponent);
  setInteger(normalExponent(a, aSignExponent) - EXPONENT_BIAS);
  copyResult();
  setResult(normalSignificand(a), (sign << 15) | <u32>EXPONENT_BIAS);
}

function copyResult(): void {
  extractedExponent = resultSignificand;
  extractedSignExponent = resultSignExponent;
}

function setInteger(value: i32): void {
  if (value == 0) {
    setZero(0);
    return;
  }
  const magnitude: u64 = <u64>(value < 0 ? -value : value);
  const shift = clz(magnitude);
  setResult(magnitude << shift, (value < 0 ? <u32>0x8000 : 0) | <u32>(EXPONENT_BIAS + 63 - <i32>shift));
}
