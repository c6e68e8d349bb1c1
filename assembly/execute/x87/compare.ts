// Comparisons and classes (SDM volume 2: FCOM, FUCOM, FCOMI, FTST, FXAM).

import {
  exponentOf,
  isNaN80,
  isSignaling,
  isUnsupported,
  isZero80,
  normalExponent,
  normalSignificand,
  note,
  noteDenormal,
  signOf,
} from "./extended";
import { C0, C1, C2, C3, IE } from "./state";

/** Compares a with b: C3 C2 C0 as FCOM sets them. Notes IE for a NaN; if `quiet` (FUCOM), only for a signaling one. */
export function compareExtended(a: u64, aSignExponent: u32, b: u64, bSignExponent: u32, quiet: bool): u32 {
  if (isUnsupported(a, aSignExponent) || isUnsupported(b, bSignExponent)) {
    note(IE);
    return C3 | C2 | C0;
  }
  if (isNaN80(a, aSignExponent) || isNaN80(b, bSignExponent)) {
    if (!quiet || isSignaling(a, aSignExponent) || isSignaling(b, bSignExponent)) note(IE);
    return C3 | C2 | C0;
  }
  noteDenormal(a, aSignExponent);
  noteDenormal(b, bSignExponent);
  const aZero = isZero80(a, aSignExponent);
  const bZero = isZero80(b, bSignExponent);
  const aSign = signOf(aSignExponent);
  const bSign = signOf(bSignExponent);
  if (aZero && bZero) return C3;
  if (aZero) return bSign != 0 ? 0 : C0;
  if (bZero || aSign != bSign) return aSign != 0 ? C0 : 0;
  const aExponent = normalExponent(a, aSignExponent);
  const bExponent = normalExponent(b, bSignExponent);
  const aNormal = normalSignificand(a);
  const bNormal = normalSignificand(b);
  if (aExponent == bExponent && aNormal == bNormal) return C3;
  const below = aExponent < bExponent || (aExponent == bExponent && aNormal < bNormal);
  return below == (aSign == 0) ? C0 : 0;
}

/** FXAM: class in C3 C2 C0, sign in C1. */
export function examine(significand: u64, signExponent: u32, empty: bool): u32 {
  const sign = signOf(signExponent) != 0 ? C1 : 0;
  if (empty) return C3 | C0 | sign;
  if (isUnsupported(significand, signExponent)) return sign;
  const exponent = exponentOf(signExponent);
  if (exponent == 0x7fff) return (significand << 1 == 0 ? C2 | C0 : C0) | sign;
  if (exponent != 0) return C2 | sign;
  return (significand == 0 ? C3 : C3 | C2) | sign;
}
