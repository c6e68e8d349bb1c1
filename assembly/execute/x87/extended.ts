// Numbers in double extended precision: classes, NaNs, rounding, and the exceptions they raise (SDM volume 1, 4.2,
// 4.8 and 8.5). A number is a u64 significand with an explicit integer bit, and sign and exponent in 16 bits as the
// register holds them.
//
// An instruction calls begin(), computes, and leaves its result in resultSignificand and resultSignExponent, the
// exceptions it met in `exceptions` and the direction of rounding in roundedUp (C1).

import { shiftRightSticky, wideLow } from "../wide";
import { FPU_CONTROL, FPU_STATUS } from "../../state";
import {
  BUSY,
  C1,
  DE,
  ES_SUMMARY,
  IE,
  INDEFINITE_SIGNIFICAND,
  INDEFINITE_SIGN_EXPONENT,
  OE,
  PE,
  STACK_FAULT,
  UE,
  ZE,
  ALL_EXCEPTIONS,
} from "./state";

export const INTEGER_BIT: u64 = 0x8000000000000000;
const QUIET_BIT: u64 = 0x4000000000000000;
export const EXPONENT_BIAS: i32 = 16383;
/** What an unmasked overflow or underflow adjusts the exponent by: 3 * 2^13. */
const EXPONENT_ADJUST: i32 = 24576;

// Rounding control, control word bits 11:10.
export const ROUND_NEAREST: u32 = 0;
export const ROUND_DOWN: u32 = 1;
export const ROUND_UP: u32 = 2;
export const ROUND_ZERO: u32 = 3;

export let exceptions: u32 = 0;
export let roundedUp: u32 = 0;
export let resultSignificand: u64 = 0;
export let resultSignExponent: u32 = 0;

/** Clears what one instruction accumulates. */
export function begin(): void {
  exceptions = 0;
  roundedUp = 0;
}

/** Notes exceptions (IE, DE, ZE, OE, UE, PE, STACK_FAULT). */
// @ts-ignore: decorator
@inline export function note(flags: u32): void { exceptions |= flags; }
// @ts-ignore: decorator
@inline export function setRoundedUp(value: u32): void { roundedUp = value; }

// @ts-ignore: decorator
@inline export function setResult(significand: u64, signExponent: u32): void {
  resultSignificand = significand;
  resultSignExponent = signExponent;
}

/** Invalid operation: the result is the default NaN. */
export function setInvalid(): void {
  exceptions |= IE;
  setResult(INDEFINITE_SIGNIFICAND, INDEFINITE_SIGN_EXPONENT);
}

export function setZero(sign: u32): void { setResult(0, sign << 15); }
export function setInfinity(sign: u32): void { setResult(INTEGER_BIT, (sign << 15) | 0x7fff); }

/** Puts the noted exceptions and C1 into the status word. True if the instruction may store its result and pop: no
 * unmasked invalid-operation, denormal or divide-by-zero exception (SDM volume 1, 8.5). */
export function commit(): bool {
  let unmasked = exceptions & ~(<u32>load<u16>(FPU_CONTROL)) & ALL_EXCEPTIONS;
  if ((unmasked & (IE | DE | ZE)) != 0) {
    // The computation never took place: nothing overflowed or was rounded.
    exceptions &= ~(OE | UE | PE);
    unmasked &= exceptions;
    if ((exceptions & STACK_FAULT) == 0) roundedUp = 0;
  }
  let status = (<u32>load<u16>(FPU_STATUS) & ~C1) | exceptions;
  if (roundedUp != 0) status |= C1;
  if (unmasked != 0) status |= ES_SUMMARY | BUSY;
  store<u16>(FPU_STATUS, <u16>status);
  return (unmasked & (IE | DE | ZE)) == 0;
}

/** True if what is noted lets a store to memory go on, which an unmasked overflow or underflow suppresses as well.
 * Changes nothing: the store may still fault, and commit() comes after it. */
export function mayStore(): bool {
  return (exceptions & ~(<u32>load<u16>(FPU_CONTROL)) & (IE | DE | ZE | OE | UE)) == 0;
}

// @ts-ignore: decorator
@inline export function masked(exception: u32): bool { return (<u32>load<u16>(FPU_CONTROL) & exception) != 0; }
// @ts-ignore: decorator
@inline export function roundingControl(): u32 { return (<u32>load<u16>(FPU_CONTROL) >> 10) & 3; }

/** Bits of significand by precision control; the reserved value 1 works as 3. */
export function precision(): u32 {
  const control = (<u32>load<u16>(FPU_CONTROL) >> 8) & 3;
  return control == 0 ? 24 : control == 2 ? 53 : 64;
}

// Classes of numbers.
// @ts-ignore: decorator
@inline export function signOf(signExponent: u32): u32 { return (signExponent >> 15) & 1; }
// @ts-ignore: decorator
@inline export function exponentOf(signExponent: u32): i32 { return <i32>(signExponent & 0x7fff); }
/** Unnormals, pseudo-infinities and pseudo-NaNs: invalid operands since the 80387. */
// @ts-ignore: decorator
@inline export function isUnsupported(significand: u64, signExponent: u32): bool {
  return (signExponent & 0x7fff) != 0 && <i64>significand >= 0;
}
// @ts-ignore: decorator
@inline export function isNaN80(significand: u64, signExponent: u32): bool {
  return (signExponent & 0x7fff) == 0x7fff && significand << 1 != 0;
}
// @ts-ignore: decorator
@inline export function isSignaling(significand: u64, signExponent: u32): bool {
  return isNaN80(significand, signExponent) && (significand & QUIET_BIT) == 0;
}
// @ts-ignore: decorator
@inline export function isInfinity80(significand: u64, signExponent: u32): bool {
  return (signExponent & 0x7fff) == 0x7fff && significand == INTEGER_BIT;
}
// @ts-ignore: decorator
@inline export function isZero80(significand: u64, signExponent: u32): bool {
  return (signExponent & 0x7fff) == 0 && significand == 0;
}
/** Denormals and pseudo-denormals. */
// @ts-ignore: decorator
@inline export function isDenormal80(significand: u64, signExponent: u32): bool {
  return (signExponent & 0x7fff) == 0 && significand != 0;
}

// The two halves of a normalized number, for a number that is finite and not zero.
// @ts-ignore: decorator
@inline export function normalSignificand(significand: u64): u64 { return significand << clz(significand); }
// @ts-ignore: decorator
@inline export function normalExponent(significand: u64, signExponent: u32): i32 {
  const exponent = exponentOf(signExponent);
  return exponent != 0 ? exponent : 1 - <i32>clz(significand);
}

/** One NaN or unsupported operand: true if it settles the result. */
export function settleOne(significand: u64, signExponent: u32): bool {
  if (isUnsupported(significand, signExponent)) {
    setInvalid();
    return true;
  }
  if (!isNaN80(significand, signExponent)) return false;
  if ((significand & QUIET_BIT) == 0) exceptions |= IE;
  setResult(significand | QUIET_BIT, signExponent);
  return true;
}

/** Two operands of which one or both are NaN or unsupported: true if that settles the result (SDM volume 1, table 4-7:
 * the quiet one of a signaling and a quiet NaN, else the one with the larger significand, else the positive one). */
export function settleTwo(aSignificand: u64, aSignExponent: u32, bSignificand: u64, bSignExponent: u32): bool {
  if (isUnsupported(aSignificand, aSignExponent) || isUnsupported(bSignificand, bSignExponent)) {
    setInvalid();
    return true;
  }
  const aNaN = isNaN80(aSignificand, aSignExponent);
  const bNaN = isNaN80(bSignificand, bSignExponent);
  if (!aNaN && !bNaN) return false;
  const aSignaling = isSignaling(aSignificand, aSignExponent);
  const bSignaling = isSignaling(bSignificand, bSignExponent);
  if (aSignaling || bSignaling) exceptions |= IE;
  let takeA = aNaN;
  if (aNaN && bNaN) {
    if (aSignaling != bSignaling) takeA = bSignaling;
    else if (aSignificand != bSignificand) takeA = aSignificand > bSignificand;
    else takeA = aSignExponent < bSignExponent;
  }
  if (takeA) setResult(aSignificand | QUIET_BIT, aSignExponent);
  else setResult(bSignificand | QUIET_BIT, bSignExponent);
  return true;
}

/** Notes DE if an operand is denormal; call once NaNs are settled. */
// @ts-ignore: decorator
@inline export function noteDenormal(significand: u64, signExponent: u32): void {
  if (isDenormal80(significand, signExponent)) exceptions |= DE;
}

// What roundSignificand leaves beside its result.
export let roundCarry: bool = false;
export let roundInexact: bool = false;
let roundIncremented: u32 = 0;

/** Rounds high:low to its upper `bits` (1..64) by rounding control. If all ones round up, roundCarry is set and the
 * result is the integer bit alone. */
export function roundSignificand(sign: u32, high: u64, low: u64, bits: u32): u64 {
  // What is cut off, as a fraction of 2^64 of the last bit kept.
  let rest: u64;
  let unit: u64;
  let kept: u64;
  if (bits == 64) {
    rest = low;
    unit = 1;
    kept = high;
  } else {
    const drop = 64 - bits;
    rest = (high << bits) | (low != 0 ? 1 : 0);
    unit = (<u64>1) << drop;
    kept = high & ~(unit - 1);
  }
  roundCarry = false;
  roundInexact = rest != 0;
  roundIncremented = 0;
  if (rest == 0) return kept;
  const control = roundingControl();
  let increment: bool;
  if (control == ROUND_NEAREST) increment = rest > INTEGER_BIT || (rest == INTEGER_BIT && (kept & unit) != 0);
  else if (control == ROUND_ZERO) increment = false;
  else increment = (control == ROUND_UP) == (sign == 0);
  if (!increment) return kept;
  roundIncremented = 1;
  kept += unit;
  if (kept != 0) return kept;
  roundCarry = true;
  return INTEGER_BIT;
}

/** True if overflow in this direction gives infinity and not the largest finite number. */
export function overflowsToInfinity(sign: u32): bool {
  const control = roundingControl();
  return control == ROUND_NEAREST || (control == ROUND_UP && sign == 0) || (control == ROUND_DOWN && sign != 0);
}

/** Rounds high:low * 2^(exponent - bias - 127), high with bit 63 set, to `bits` of significand, and sets the result and
 * its exceptions. Tiny is decided after rounding, as the processor does. */
export function roundResult(sign: u32, exponent: i32, high: u64, low: u64, bits: u32): void {
  let significand = roundSignificand(sign, high, low, bits);
  let rounded = exponent + i32(roundCarry);
  if (rounded < 1) {
    if (!masked(UE) && rounded + EXPONENT_ADJUST >= 1) {
      exceptions |= UE;
      rounded += EXPONENT_ADJUST;
    } else if (!masked(UE)) {
      // Below the adjusted exponents (FSCALE) an unmasked underflow gives zero.
      exceptions |= UE | PE;
      roundedUp = 0;
      setZero(sign);
      return;
    } else {
      const shifted = shiftRightSticky(high, low, 1 - exponent);
      significand = roundSignificand(sign, shifted, wideLow, bits);
      if (roundInexact) exceptions |= UE;
      rounded = significand >> 63 != 0 ? 1 : 0;
    }
  } else if (rounded > 0x7ffe) {
    exceptions |= OE;
    if (!masked(OE) && rounded - EXPONENT_ADJUST <= 0x7ffe) rounded -= EXPONENT_ADJUST;
    else {
      exceptions |= PE;
      // Beyond the adjusted exponents (FSCALE) an unmasked overflow gives infinity, whatever the rounding.
      if (!masked(OE) || overflowsToInfinity(sign)) {
        roundedUp = 1;
        setInfinity(sign);
      } else {
        roundedUp = 0;
        setResult((~(<u64>0)) << (64 - bits), (sign << 15) | 0x7ffe);
      }
      return;
    }
  }
  if (roundInexact) exceptions |= PE;
  roundedUp = roundIncremented;
  setResult(significand, (sign << 15) | <u32>rounded);
}

/** As roundResult for a value that need not be normalized; zero gives a zero of the given sign. */
export function normalizeAndRound(sign: u32, exponent: i32, high: u64, low: u64, bits: u32): void {
  if (high == 0) {
    if (low == 0) {
      setZero(sign);
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
  roundResult(sign, exponent - shift, high, low, bits);
}

/** Notes that rounding to a format narrower than a register lost bits; for conversion.ts. */
export function noteRounding(): void {
  if (roundInexact) exceptions |= PE;
  roundedUp = roundIncremented;
}

/** Stack underflow or overflow: C1 tells which; the result is the default NaN. */
export function setStackFault(overflow: bool): void {
  exceptions |= STACK_FAULT;
  setInvalid();
  roundedUp = u32(overflow);
}
