// Between double extended and the formats of memory: single, double, integers, packed BCD (SDM volume 1, 4.2 and 4.7).
// Conversions to registers set the result of extended.ts; those to memory return the bits to store.

import { shiftRightSticky, wideLow } from "../wide";
import {
  EXPONENT_BIAS,
  INTEGER_BIT,
  exponentOf,
  isInfinity80,
  isNaN80,
  isUnsupported,
  isZero80,
  masked,
  normalExponent,
  normalSignificand,
  note,
  noteRounding,
  overflowsToInfinity,
  roundCarry,
  roundInexact,
  roundSignificand,
  resultSignExponent,
  resultSignificand,
  setResult,
  setRoundedUp,
  setZero,
  signOf,
} from "./extended";
import { IE, OE, PE, UE } from "./state";

/** The last expandSingle or expandDouble had a denormal operand, which is normal in a register. */
export let expandedDenormal: bool = false;

/** Expands a single (23, 8) or double (52, 11) exactly, a signaling NaN included. */
function expandNarrow(value: u64, fractionBits: u32, exponentBits: u32): void {
  const signBit = (<u32>(value >> (fractionBits + exponentBits)) & 1) << 15;
  const largest: i32 = (1 << exponentBits) - 1;
  const exponent = <i32>(value >> fractionBits) & largest;
  const fraction = (value << (64 - fractionBits)) >> 1;
  const rebias = EXPONENT_BIAS - (largest >> 1);
  expandedDenormal = false;
  if (exponent == largest) setResult(fraction | INTEGER_BIT, signBit | 0x7fff);
  else if (exponent != 0) setResult(fraction | INTEGER_BIT, signBit | <u32>(exponent + rebias));
  else if (fraction == 0) setResult(0, signBit);
  else {
    expandedDenormal = true;
    const shift = <i32>clz(fraction);
    setResult(fraction << shift, signBit | <u32>(1 + rebias - shift));
  }
}

export function expandSingle(value: u32): void { expandNarrow(value, 23, 8); }
export function expandDouble(value: u64): void { expandNarrow(value, 52, 11); }

export function fromInteger(value: i64): void {
  expandedDenormal = false;
  if (value == 0) {
    setZero(0);
    return;
  }
  const magnitude: u64 = value < 0 ? <u64>-value : <u64>value;
  const shift = clz(magnitude);
  setResult(magnitude << shift, (value < 0 ? <u32>0x8000 : 0) | <u32>(EXPONENT_BIAS + 63 - <i32>shift));
}

/** To a single or double, with its exceptions noted. */
function toNarrow(significand: u64, signExponent: u32, fractionBits: u32, exponentBits: u32): u64 {
  const sign = signOf(signExponent);
  const signBit = <u64>sign << (fractionBits + exponentBits);
  const largest: i32 = (1 << exponentBits) - 1;
  const infinity = <u64>largest << fractionBits;
  if (isUnsupported(significand, signExponent)) {
    note(IE);
    return ((<u64>1) << (fractionBits + exponentBits)) | infinity | ((<u64>1) << (fractionBits - 1));
  }
  if (isNaN80(significand, signExponent)) {
    if ((significand & 0x4000000000000000) == 0) note(IE);
    return signBit | infinity | ((<u64>1) << (fractionBits - 1)) | ((significand << 1) >> (64 - fractionBits));
  }
  if (isInfinity80(significand, signExponent)) return signBit | infinity;
  if (isZero80(significand, signExponent)) return signBit;

  const bits = fractionBits + 1;
  const normal = normalSignificand(significand);
  const exponent = normalExponent(significand, signExponent) - EXPONENT_BIAS + (largest >> 1);
  let rounded = roundSignificand(sign, normal, 0, bits);
  const finalExponent = exponent + i32(roundCarry);
  if (finalExponent >= largest) {
    note(OE);
    if (!masked(OE)) return 0;
    note(PE);
    const toInfinity = overflowsToInfinity(sign);
    setRoundedUp(u32(toInfinity));
    return signBit | (toInfinity ? infinity : infinity - 1);
  }
  if (finalExponent < 1) {
    if (!masked(UE)) {
      note(UE);
      return 0;
    }
    const shifted = shiftRightSticky(normal, 0, 1 - exponent);
    rounded = roundSignificand(sign, shifted, wideLow, bits);
    if (roundInexact) note(UE);
    noteRounding();
    // A denormal that rounds up to the integer bit becomes the smallest normal by itself.
    return signBit | (rounded >> (64 - bits));
  }
  noteRounding();
  const fraction = (rounded << 1) >> (64 - fractionBits);
  return signBit | ((<u64>finalExponent) << fractionBits) | fraction;
}

export function toSingle(significand: u64, signExponent: u32): u32 {
  return <u32>toNarrow(significand, signExponent, 23, 8);
}

export function toDouble(significand: u64, signExponent: u32): u64 {
  return toNarrow(significand, signExponent, 52, 11);
}

/** Set by roundToMagnitude if the value has no 64-bit magnitude. */
let magnitudeOverflow: bool = false;
/** Set by roundToMagnitude if truncation lost bits. */
let truncatedInexact: bool = false;

/** |a| rounded to an integer. */
function roundToMagnitude(significand: u64, signExponent: u32, truncate: bool): u64 {
  const exponent = exponentOf(signExponent) - EXPONENT_BIAS;
  magnitudeOverflow = exponent > 63;
  truncatedInexact = false;
  if (magnitudeOverflow || significand == 0) return 0;
  const count: u32 = exponent < -1 - 128 ? 192 : <u32>(63 - exponent);
  const high = shiftRightSticky(significand, 0, count);
  if (truncate) {
    truncatedInexact = wideLow != 0;
    return high;
  }
  const magnitude = roundSignificand(signOf(signExponent), high, wideLow, 64);
  if (roundCarry) magnitudeOverflow = true;
  return magnitude;
}

/** To a signed integer of `size` bytes (2, 4, 8); out of range or NaN is invalid and gives the integer indefinite.
 * `truncate` is FISTTP. */
export function toInteger(significand: u64, signExponent: u32, size: u32, truncate: bool): u64 {
  const indefinite = (<u64>1) << (size * 8 - 1);
  if ((signExponent & 0x7fff) == 0x7fff || isUnsupported(significand, signExponent)) {
    note(IE);
    return indefinite;
  }
  const magnitude = roundToMagnitude(significand, signExponent, truncate);
  const negative = signOf(signExponent) != 0;
  if (magnitudeOverflow || magnitude > (negative ? indefinite : indefinite - 1)) {
    note(IE);
    return indefinite;
  }
  if (truncate) note(truncatedInexact ? PE : 0);
  else if (significand != 0) noteRounding();
  return negative ? 0 - magnitude : magnitude;
}

/** Upper two bytes of the last packed BCD. */
export let packedHigh: u32 = 0;

/** To packed BCD, 18 digits: returns the low eight bytes, packedHigh has the rest. */
export function toPacked(significand: u64, signExponent: u32): u64 {
  packedHigh = 0xffff;
  if ((signExponent & 0x7fff) == 0x7fff || isUnsupported(significand, signExponent)) {
    note(IE);
    return 0xc000000000000000;
  }
  let magnitude = roundToMagnitude(significand, signExponent, false);
  if (magnitudeOverflow || magnitude > 999999999999999999) {
    note(IE);
    return 0xc000000000000000;
  }
  if (significand != 0) noteRounding();
  let low: u64 = 0;
  for (let digit: u32 = 0; digit < 16; digit++) {
    low |= (magnitude % 10) << (digit * 4);
    magnitude /= 10;
  }
  packedHigh = <u32>(magnitude % 10) | (<u32>(magnitude / 10) << 4) | (signOf(signExponent) << 15);
  return low;
}

/** From packed BCD: digits above 9 are not checked, as on the processor (volume 2, FBLD). */
export function fromPacked(low: u64, high: u32): void {
  let magnitude: u64 = ((high >> 4) & 15) * 10 + (high & 15);
  for (let digit: i32 = 15; digit >= 0; digit--) magnitude = magnitude * 10 + ((low >> (digit * 4)) & 15);
  fromInteger(<i64>magnitude);
  setResult(resultSignificand, resultSignExponent | (high & 0x8000));
}
