// F2XM1, FYL2X, FYL2XP1, FPATAN, FPTAN, FSIN, FCOS, FSINCOS (SDM volume 2; accuracy: volume 1, 8.3.10). Computed with
// 128 bits and rounded once by rounding control to 64 bits, whatever precision control says. Arguments of the
// trigonometric functions are reduced, exactly, by the processor's pi of 66 bits (volume 1, 8.3.8).

import { subWide, wideCarry, wideLow } from "../wide";
import {
  EXPONENT_BIAS,
  INTEGER_BIT,
  exponentOf,
  isInfinity80,
  isZero80,
  note,
  noteDenormal,
  setInfinity,
  setInvalid,
  setResult,
  setZero,
  settleOne,
  settleTwo,
  signOf,
} from "./extended";
import { cosineSeries, exponentialMinusOne, inverseTangent, sineSeries } from "./series";
import { PE, ZE } from "./state";
import {
  addWideFloat,
  copyWide,
  divideWideFloat,
  isWideZero,
  multiplyWide,
  negateWide,
  roundWide,
  scaleWide,
  setWide,
  setWideExtended,
  setWideInteger,
  setWideSign,
  slot,
  wideExponent,
  wideSign,
} from "./wide-float";

// Slots 0..7.
const ARGUMENT: u32 = 0;
const OTHER: u32 = 1;
const SCRATCH: u32 = 2;
const RESULT: u32 = 3;
const SINE: u32 = 4;
const COSINE: u32 = 5;

// 128 bits of ln 2, 1 / ln 2 and pi; exponents -1, 0 and 1.
const LN2_HIGH: u64 = 0xb17217f7d1cf79ab;
const LN2_LOW: u64 = 0xc9e3b39803f2f6af;
const LOG2E_HIGH: u64 = 0xb8aa3b295c17f0bb;
const LOG2E_LOW: u64 = 0xbe87fed0691d3e88;
const PI_HIGH: u64 = 0xc90fdaa22168c234;
const PI_LOW: u64 = 0xc4c6628b80dc1cd1;

/** 2^a - 1 for -1 <= a <= 1; other finite arguments, which the SDM leaves undefined, are returned as they are. */
export function exponentialExtended(a: u64, aSignExponent: u32): void {
  if (settleOne(a, aSignExponent)) return;
  const sign = signOf(aSignExponent);
  if (isInfinity80(a, aSignExponent)) {
    if (sign == 0) setInfinity(0);
    else setResult(INTEGER_BIT, 0x8000 | <u32>EXPONENT_BIAS);
    return;
  }
  noteDenormal(a, aSignExponent);
  const exponent = exponentOf(aSignExponent) - EXPONENT_BIAS;
  if (a == 0) setResult(a, aSignExponent);
  else if (exponent > 0 || (exponent == 0 && a != INTEGER_BIT)) {
    note(PE);
    setResult(a, aSignExponent);
  } else if (exponent == 0) {
    note(PE);
    setResult(INTEGER_BIT, sign == 0 ? <u32>EXPONENT_BIAS : 0x8000 | <u32>(EXPONENT_BIAS - 1));
  } else {
    const argument = slot(ARGUMENT);
    setWideExtended(argument, a, aSignExponent);
    setWide(slot(OTHER), 0, -1, LN2_HIGH, LN2_LOW);
    multiplyWide(argument, argument, slot(OTHER));
    exponentialMinusOne(slot(RESULT), argument);
    roundWide(slot(RESULT), true);
  }
}

/** to = 2 atanh(slot(ARGUMENT) / slot(OTHER)) / ln 2. */
function logarithmOfRatio(to: u32): void {
  divideWideFloat(to, slot(ARGUMENT), slot(OTHER));
  inverseTangent(to, to, false);
  setWide(slot(OTHER), 0, 0, LOG2E_HIGH, LOG2E_LOW);
  multiplyWide(to, to, slot(OTHER));
  scaleWide(to, 1);
}

/** to = log2(from), from > 0; uses the slots ARGUMENT, OTHER and SCRATCH. True if the logarithm is not an integer. */
function logarithm(to: u32, from: u32): bool {
  let power = wideExponent(from);
  copyWide(slot(SCRATCH), from);
  scaleWide(slot(SCRATCH), -power);
  // m in [1, 2); above about the square root of 2 take m / 2 and the next power.
  setWideInteger(slot(OTHER), 1);
  copyWide(slot(ARGUMENT), slot(SCRATCH));
  setWideSign(slot(OTHER), 1);
  addWideFloat(slot(ARGUMENT), slot(ARGUMENT), slot(OTHER));
  if (isWideZero(slot(ARGUMENT))) {
    setWideInteger(to, power);
    return false;
  }
  if (wideExponent(slot(ARGUMENT)) >= -1 || isAboveRoot()) {
    scaleWide(slot(SCRATCH), -1);
    power++;
    addWideFloat(slot(ARGUMENT), slot(SCRATCH), slot(OTHER));
  }
  setWideSign(slot(OTHER), 0);
  addWideFloat(slot(OTHER), slot(SCRATCH), slot(OTHER));
  logarithmOfRatio(to);
  setWideInteger(slot(OTHER), power);
  addWideFloat(to, to, slot(OTHER));
  return true;
}

/** m - 1 in slot(ARGUMENT), below 0.5, is 0.40625 or more. */
function isAboveRoot(): bool {
  const argument = slot(ARGUMENT);
  return wideExponent(argument) == -2 && load<u64>(argument) >= 0xd000000000000000;
}

/** y * log2(x). */
export function logarithmExtended(x: u64, xSignExponent: u32, y: u64, ySignExponent: u32): void {
  if (settleTwo(x, xSignExponent, y, ySignExponent)) return;
  const ySign = signOf(ySignExponent);
  const yZero = isZero80(y, ySignExponent);
  const yInfinite = isInfinity80(y, ySignExponent);
  if (isZero80(x, xSignExponent)) {
    if (yZero) setInvalid();
    else {
      if (!yInfinite) note(ZE);
      setInfinity(ySign ^ 1);
    }
    return;
  }
  if (signOf(xSignExponent) != 0) {
    setInvalid();
    return;
  }
  const below = exponentOf(xSignExponent) < EXPONENT_BIAS;
  const one = exponentOf(xSignExponent) == EXPONENT_BIAS && x == INTEGER_BIT;
  const xInfinite = isInfinity80(x, xSignExponent);
  if ((yInfinite && one) || (yZero && xInfinite)) {
    setInvalid();
    return;
  }
  noteDenormal(x, xSignExponent);
  noteDenormal(y, ySignExponent);
  if (yInfinite || xInfinite) setInfinity(ySign ^ u32(below));
  else if (yZero || one) setZero(ySign ^ u32(below));
  else {
    const result = slot(RESULT);
    setWideExtended(slot(SINE), x, xSignExponent);
    const inexact = logarithm(result, slot(SINE));
    setWideExtended(slot(OTHER), y, ySignExponent);
    multiplyWide(result, result, slot(OTHER));
    roundWide(result, inexact);
    // The processor reports inexactness for exact logarithms as well.
    note(PE);
  }
}

/** y * log2(x + 1). Defined for |x| < 1 - sqrt(1/2); computed for every x > -1, and invalid below. */
export function logarithmPlusOneExtended(x: u64, xSignExponent: u32, y: u64, ySignExponent: u32): void {
  if (settleTwo(x, xSignExponent, y, ySignExponent)) return;
  const sign = signOf(xSignExponent) ^ signOf(ySignExponent);
  const exponent = exponentOf(xSignExponent) - EXPONENT_BIAS;
  const xZero = isZero80(x, xSignExponent);
  const yZero = isZero80(y, ySignExponent);
  const xInfinite = isInfinity80(x, xSignExponent);
  const yInfinite = isInfinity80(y, ySignExponent);
  if ((signOf(xSignExponent) != 0 && exponent >= 0) || (xZero && yInfinite) || (xInfinite && yZero)) {
    setInvalid();
    return;
  }
  noteDenormal(x, xSignExponent);
  noteDenormal(y, ySignExponent);
  if (xInfinite || yInfinite) setInfinity(sign);
  else if (xZero || yZero) setZero(sign);
  else {
    const result = slot(RESULT);
    if (exponent < -2) {
      // log2(1 + x) = 2 atanh(x / (2 + x)) / ln 2 keeps every bit of a small x.
      setWideExtended(slot(ARGUMENT), x, xSignExponent);
      setWideInteger(slot(OTHER), 2);
      addWideFloat(slot(OTHER), slot(OTHER), slot(ARGUMENT));
      logarithmOfRatio(result);
    } else {
      setWideExtended(slot(SINE), x, xSignExponent);
      setWideInteger(slot(OTHER), 1);
      addWideFloat(slot(SINE), slot(SINE), slot(OTHER));
      logarithm(result, slot(SINE));
    }
    setWideExtended(slot(OTHER), y, ySignExponent);
    multiplyWide(result, result, slot(OTHER));
    roundWide(result, true);
  }
}

/** Sets the result to sign * n * pi / 4. */
function setQuarters(sign: u32, n: i32): void {
  setWide(slot(RESULT), 0, 1, PI_HIGH, PI_LOW);
  setWideInteger(slot(OTHER), n);
  multiplyWide(slot(RESULT), slot(RESULT), slot(OTHER));
  scaleWide(slot(RESULT), -2);
  setWideSign(slot(RESULT), sign);
  roundWide(slot(RESULT), true);
}

/** The angle of the point (x, y): arctangent of y / x in the right quadrant. */
export function arctangentExtended(x: u64, xSignExponent: u32, y: u64, ySignExponent: u32): void {
  if (settleTwo(x, xSignExponent, y, ySignExponent)) return;
  const xSign = signOf(xSignExponent);
  const ySign = signOf(ySignExponent);
  noteDenormal(x, xSignExponent);
  noteDenormal(y, ySignExponent);
  const xInfinite = isInfinity80(x, xSignExponent);
  if (isInfinity80(y, ySignExponent)) {
    setQuarters(ySign, xInfinite ? (xSign != 0 ? 3 : 1) : 2);
    return;
  }
  if (xInfinite || isZero80(y, ySignExponent)) {
    if (xSign != 0) setQuarters(ySign, 4);
    else setZero(ySign);
    return;
  }
  if (isZero80(x, xSignExponent)) {
    setQuarters(ySign, 2);
    return;
  }
  const argument = slot(ARGUMENT);
  const other = slot(OTHER);
  const result = slot(RESULT);
  setWideExtended(argument, y, ySignExponent & 0x7fff);
  setWideExtended(other, x, xSignExponent & 0x7fff);
  // The ratio of the smaller to the larger, 0..1; `steep` if that is the cotangent.
  const steep = isAbove(argument, other);
  if (steep) divideWideFloat(argument, other, argument);
  else divideWideFloat(argument, argument, other);
  // Above 0.40625 (about tan(pi / 8)): atan(t) = pi/4 + atan((t - 1) / (t + 1)).
  const eighth = wideExponent(argument) >= -1 || isAboveRoot();
  if (eighth) {
    setWideInteger(other, 1);
    addWideFloat(slot(SCRATCH), argument, other);
    negateWide(other);
    addWideFloat(argument, argument, other);
    divideWideFloat(argument, argument, slot(SCRATCH));
  }
  if (isWideZero(argument)) copyWide(result, argument);
  else inverseTangent(result, argument, true);
  setWide(other, 0, 1, PI_HIGH, PI_LOW);
  if (eighth) {
    scaleWide(other, -2);
    addWideFloat(result, result, other);
    scaleWide(other, 2);
  }
  if (steep) {
    scaleWide(other, -1);
    negateWide(result);
    addWideFloat(result, result, other);
    scaleWide(other, 1);
  }
  if (xSign != 0) {
    negateWide(result);
    addWideFloat(result, result, other);
  }
  setWideSign(result, ySign);
  roundWide(result, true);
}

/** |a| > |b| */
function isAbove(a: u32, b: u32): bool {
  const difference = wideExponent(a) - wideExponent(b);
  return difference > 0 || (difference == 0 && load<u64>(a) > load<u64>(b));
}

/** Quadrant of the last reduced angle, 0..3. */
let quadrant: u32 = 0;

/** slot(ARGUMENT) = |a| less a multiple of pi/2, within pi/4 of zero; sets quadrant. For |a| < 2^63. */
function reduceAngle(a: u64, aSignExponent: u32): void {
  const argument = slot(ARGUMENT);
  const exponent = exponentOf(aSignExponent) - EXPONENT_BIAS;
  quadrant = 0;
  if (exponent < -1) {
    setWideExtended(argument, a, aSignExponent & 0x7fff);
    return;
  }
  // pi/2 in units of 2^-65 is the 66-bit integer PI_HIGH:11; the angle is a << (exponent + 2) of them.
  const modulusHigh = PI_HIGH >> 62;
  const modulusLow = (PI_HIGH << 2) | 3;
  let high: u64 = 0;
  let low = a;
  for (let step = exponent + 2; step > 0; step--) {
    high = (high << 1) | (low >> 63);
    low <<= 1;
    quadrant <<= 1;
    const restHigh = subWide(high, low, modulusHigh, modulusLow);
    if (wideCarry == 0) {
      high = restHigh;
      low = wideLow;
      quadrant |= 1;
    }
  }
  let sign: u32 = 0;
  const complementHigh = subWide(modulusHigh, modulusLow, high, low);
  const complementLow = wideLow;
  if (complementHigh < high || (complementHigh == high && complementLow < low)) {
    high = complementHigh;
    low = complementLow;
    sign = 1;
    quadrant++;
  }
  quadrant &= 3;
  setWide(argument, sign, 127 - 65, high, low);
}

/** True if FSIN, FCOS, FSINCOS and FPTAN leave this operand as it is and set C2: finite and 2^63 or more. */
export function isAngleTooLarge(a: u64, aSignExponent: u32): bool {
  const exponent = exponentOf(aSignExponent);
  return exponent >= EXPONENT_BIAS + 63 && exponent != 0x7fff && <i64>a < 0;
}

/** Operands that need no computation: true if the result is set. */
function settleAngle(a: u64, aSignExponent: u32, cosine: bool): bool {
  if (settleOne(a, aSignExponent)) return true;
  if (isInfinity80(a, aSignExponent)) {
    setInvalid();
    return true;
  }
  noteDenormal(a, aSignExponent);
  if (a != 0) return false;
  if (cosine) setResult(INTEGER_BIT, <u32>EXPONENT_BIAS);
  else setResult(a, aSignExponent);
  return true;
}

/** sin(a). */
export function sineExtended(a: u64, aSignExponent: u32): void {
  if (settleAngle(a, aSignExponent, false)) return;
  reduceAngle(a, aSignExponent);
  const result = slot(RESULT);
  if ((quadrant & 1) == 0) sineSeries(result, slot(ARGUMENT));
  else cosineSeries(result, slot(ARGUMENT));
  setWideSign(result, wideSign(result) ^ (quadrant >> 1) ^ signOf(aSignExponent));
  roundWide(result, true);
}

/** cos(a). */
export function cosineExtended(a: u64, aSignExponent: u32): void {
  if (settleAngle(a, aSignExponent, true)) return;
  reduceAngle(a, aSignExponent);
  const result = slot(RESULT);
  if ((quadrant & 1) == 0) cosineSeries(result, slot(ARGUMENT));
  else sineSeries(result, slot(ARGUMENT));
  setWideSign(result, wideSign(result) ^ (quadrant >> 1) ^ (quadrant & 1));
  roundWide(result, true);
}

/** tan(a). */
export function tangentExtended(a: u64, aSignExponent: u32): void {
  if (settleAngle(a, aSignExponent, false)) return;
  reduceAngle(a, aSignExponent);
  const result = slot(RESULT);
  sineSeries(slot(SINE), slot(ARGUMENT));
  cosineSeries(slot(COSINE), slot(ARGUMENT));
  if ((quadrant & 1) == 0) divideWideFloat(result, slot(SINE), slot(COSINE));
  else divideWideFloat(result, slot(COSINE), slot(SINE));
  setWideSign(result, wideSign(result) ^ (quadrant & 1) ^ signOf(aSignExponent));
  roundWide(result, true);
}
