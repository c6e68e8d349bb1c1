// The frequent loads and stores with ordinary numbers, in one go: a push to a register that is empty, and rounding to a
// double or single that is normal. What is left is load-store.ts's; nothing is changed for it before.

import { FPU_CONTROL, FPU_REGISTERS, FPU_STATUS, FPU_TAG } from "../../state";
import { EXPONENT_BIAS } from "./extended";
import { C1, PE } from "./state";

const TOP_MASK: u32 = 0x3800;
const ROUNDING_CONTROL: u32 = 0xc00;

/** Pushes a number that raises no exception. @returns false, with nothing done, if the stack is full */
export function pushQuick(significand: u64, signExponent: u32): bool {
  const status: u32 = load<u16>(FPU_STATUS);
  const top = ((status >> 11) - 1) & 7;
  const tags: u32 = load<u16>(FPU_TAG);
  if (((tags >> (top << 1)) & 3) != 3) return false;
  const register = FPU_REGISTERS + (top << 4);
  store<u64>(register, significand);
  store<u16>(register, <u16>signExponent, 8);
  store<u16>(FPU_TAG, <u16>(tags & ~(3 << (top << 1))));
  store<u16>(FPU_STATUS, <u16>((status & ~(TOP_MASK | C1)) | (top << 11)));
  return true;
}

/** Pushes a double or single, if it is normal or zero. `fractionBits` 52 or 23. @returns false, with nothing done, if not */
// @ts-ignore: decorator
@inline export function pushNarrowQuick(value: u64, fractionBits: u32): bool {
  const exponentBits: u32 = fractionBits == 52 ? 11 : 8;
  const largest: u32 = (1 << exponentBits) - 1;
  const sign = <u32>(value >> (fractionBits + exponentBits)) << 15;
  const exponent = <u32>(value >> fractionBits) & largest;
  const fraction = (value << (64 - fractionBits)) >> 1;
  if (exponent - 1 < largest - 1) return pushQuick(fraction | 0x8000000000000000, sign | (exponent + EXPONENT_BIAS - (largest >> 1)));
  return exponent == 0 && fraction == 0 && pushQuick(0, sign);
}

/** What roundQuick() found: the bits of the double or single, and the new status word. */
export let quickBits: u64 = 0;
let quickStatus: u32 = 0;

/** Rounds ST(0) to a double or single, if both are normal, to the nearest, and the loss may go unnoticed. Changes nothing:
 * the store may fault. @returns false if not so */
// @ts-ignore: decorator
@inline export function roundQuick(fractionBits: u32): bool {
  const largest: u32 = fractionBits == 52 ? 2047 : 255;
  const status: u32 = load<u16>(FPU_STATUS);
  const top = (status >> 11) & 7;
  const control: u32 = load<u16>(FPU_CONTROL);
  if (((<u32>load<u16>(FPU_TAG) >> (top << 1)) & 3) == 3 || (control & (ROUNDING_CONTROL | PE)) != PE) return false;
  const register = FPU_REGISTERS + (top << 4);
  const significand = load<u64>(register);
  const signExponent: u32 = load<u16>(register, 8);
  const sign = <u64>(signExponent >> 15);
  const exponent = (signExponent & 0x7fff) - EXPONENT_BIAS + (largest >> 1);
  // The largest exponent that is not infinity's is left out: rounding may carry into it.
  if (<i64>significand >= 0 || exponent - 1 >= largest - 2) {
    if ((significand | (signExponent & 0x7fff)) != 0) return false;
    quickBits = sign << (fractionBits == 52 ? 63 : 31);
    quickStatus = status & ~C1;
    return true;
  }
  const drop = 63 - fractionBits;
  const rest = significand << (64 - drop);
  const half: u64 = 0x8000000000000000;
  const kept = significand >> drop;
  const increment = u64(rest > half || (rest == half && (kept & 1) != 0));
  // The integer bit counts the exponent up by one, a carry out of the fraction by another.
  quickBits = (sign << (fractionBits == 52 ? 63 : 31)) + (<u64>(exponent - 1) << fractionBits) + kept + increment;
  quickStatus = (status & ~C1) | (rest != 0 ? PE : 0) | (increment != 0 ? C1 : 0);
  return true;
}

/** After the store that roundQuick() was for. */
export function finishQuick(pop: bool): void {
  let status = quickStatus;
  if (pop) {
    const top = (status >> 11) & 7;
    store<u16>(FPU_TAG, <u16>(<u32>load<u16>(FPU_TAG) | (3 << (top << 1))));
    status = (status & ~TOP_MASK) | (((top + 1) & 7) << 11);
  }
  store<u16>(FPU_STATUS, <u16>status);
}
