// D9 /6 and /7: the functions of one or two stack registers (SDM volume 2: F2XM1, FYL2X, FPTAN, FPATAN, FXTRACT, FPREM,
// FPREM1, FYL2XP1, FSQRT, FSINCOS, FRNDINT, FSCALE, FSIN, FCOS; and FDECSTP, FINCSTP, which share the group).

import { modrm, modrmReg } from "../../decode/instruction";
import { FORM_REGISTER, MODRM, ONE, defineForm } from "../../decode/tables";
import { squareRootExtended } from "./arithmetic";
import { setConditions } from "./compute";
import {
  EXPONENT_BIAS,
  INTEGER_BIT,
  begin,
  commit,
  isNaN80,
  resultSignExponent,
  resultSignificand,
  setResult,
  setStackFault,
} from "./extended";
import { fdecstp, fincstp } from "./load-store";
import {
  extractExtended,
  extractedExponent,
  extractedSignExponent,
  remainderExtended,
  remainderPartial,
  remainderQuotient,
  roundToIntegral,
  scaleExtended,
} from "./remainder";
import {
  C0,
  C1,
  C2,
  C3,
  INDEFINITE_SIGNIFICAND,
  INDEFINITE_SIGN_EXPONENT,
  checkWaiting,
  growStack,
  isEmpty,
  popStack,
  recordInstruction,
  setStackRegister,
  stackRegister,
} from "./state";
import {
  arctangentExtended,
  cosineExtended,
  exponentialExtended,
  isAngleTooLarge,
  logarithmExtended,
  logarithmPlusOneExtended,
  sineExtended,
  tangentExtended,
} from "./transcendental";

// ModRM.rm of D9 /6, and 8 + ModRM.rm of D9 /7.
const F2XM1: u32 = 0;
const FYL2X: u32 = 1;
const FPTAN: u32 = 2;
const FPATAN: u32 = 3;
const FXTRACT: u32 = 4;
const FPREM1: u32 = 5;
const FDECSTP: u32 = 6;
const FINCSTP: u32 = 7;
const FPREM: u32 = 8;
const FYL2XP1: u32 = 9;
const FSQRT: u32 = 10;
const FSINCOS: u32 = 11;
const FRNDINT: u32 = 12;
const FSCALE: u32 = 13;
const FSIN: u32 = 14;
const FCOS: u32 = 15;

/** One operand, ST(0), replaced by the result. */
function unary(which: u32): void {
  const register = stackRegister(0);
  const a = load<u64>(register);
  const aSignExponent = <u32>load<u16>(register, 8);
  if (isEmpty(0)) setStackFault(false);
  else if (which == F2XM1) exponentialExtended(a, aSignExponent);
  else if (which == FSQRT) squareRootExtended(a, aSignExponent);
  else roundToIntegral(a, aSignExponent);
  if (commit()) setStackRegister(0, resultSignificand, resultSignExponent);
}

/** ST(0) and ST(1): the result replaces ST(1) and the stack pops, but for FSCALE, which replaces ST(0). */
function binary(which: u32): void {
  const top = stackRegister(0);
  const next = stackRegister(1);
  const x = load<u64>(top);
  const xSignExponent = <u32>load<u16>(top, 8);
  const y = load<u64>(next);
  const ySignExponent = <u32>load<u16>(next, 8);
  if (isEmpty(0) || isEmpty(1)) setStackFault(false);
  else if (which == FYL2X) logarithmExtended(x, xSignExponent, y, ySignExponent);
  else if (which == FYL2XP1) logarithmPlusOneExtended(x, xSignExponent, y, ySignExponent);
  else if (which == FPATAN) arctangentExtended(x, xSignExponent, y, ySignExponent);
  else scaleExtended(x, xSignExponent, y, ySignExponent);
  if (!commit()) return;
  if (which == FSCALE) setStackRegister(0, resultSignificand, resultSignExponent);
  else {
    setStackRegister(1, resultSignificand, resultSignExponent);
    popStack();
  }
}

/** FPREM and FPREM1: C0 C3 C1 are bits 2, 1, 0 of the quotient, C2 says that the remainder is partial. */
function remainder(nearest: bool): void {
  const top = stackRegister(0);
  const next = stackRegister(1);
  let conditions: u32 = 0;
  if (isEmpty(0) || isEmpty(1)) setStackFault(false);
  else {
    remainderExtended(load<u64>(top), load<u16>(top, 8), load<u64>(next), load<u16>(next, 8), nearest);
    const quotient = <u32>remainderQuotient;
    if (remainderPartial) conditions = C2;
    else conditions = ((quotient & 4) != 0 ? C0 : 0) | ((quotient & 2) != 0 ? C3 : 0) | ((quotient & 1) != 0 ? C1 : 0);
  }
  const stored = commit();
  setConditions(C0 | C1 | C2 | C3, stored ? conditions : 0);
  if (stored) setStackRegister(0, resultSignificand, resultSignExponent);
}

/** FSIN and FCOS. C2: the operand is out of range and stays. */
function sineOrCosine(cosine: bool): void {
  const register = stackRegister(0);
  const a = load<u64>(register);
  const aSignExponent = <u32>load<u16>(register, 8);
  setConditions(C2, 0);
  if (isEmpty(0)) setStackFault(false);
  else if (isAngleTooLarge(a, aSignExponent)) {
    commit();
    setConditions(C2, C2);
    return;
  } else if (cosine) cosineExtended(a, aSignExponent);
  else sineExtended(a, aSignExponent);
  if (commit()) setStackRegister(0, resultSignificand, resultSignExponent);
}

/** What FXTRACT, FPTAN and FSINCOS do alike: ST(0) becomes the first result and the second is pushed. */
function replaceAndPush(first: u64, firstSignExponent: u32, second: u64, secondSignExponent: u32): void {
  setStackRegister(0, first, firstSignExponent);
  growStack();
  setStackRegister(0, second, secondSignExponent);
}

/** Two results for one operand: FXTRACT (significand, exponent swapped by order of pushing), FPTAN, FSINCOS. */
function twoResults(which: u32): void {
  const register = stackRegister(0);
  const a = load<u64>(register);
  const aSignExponent = <u32>load<u16>(register, 8);
  if (which != FXTRACT) setConditions(C2, 0);
  if (isEmpty(0) || !isEmpty(7)) {
    setStackFault(!isEmpty(0));
    if (!commit()) return;
    replaceAndPush(
      INDEFINITE_SIGNIFICAND,
      INDEFINITE_SIGN_EXPONENT,
      INDEFINITE_SIGNIFICAND,
      INDEFINITE_SIGN_EXPONENT,
    );
    return;
  }
  let first: u64;
  let firstSignExponent: u32;
  if (which == FXTRACT) {
    extractExtended(a, aSignExponent);
    first = extractedExponent;
    firstSignExponent = extractedSignExponent;
  } else if (isAngleTooLarge(a, aSignExponent)) {
    commit();
    setConditions(C2, C2);
    return;
  } else if (which == FPTAN) {
    tangentExtended(a, aSignExponent);
    first = resultSignificand;
    firstSignExponent = resultSignExponent;
    // A NaN takes both places.
    if (!isNaN80(first, firstSignExponent)) setResult(INTEGER_BIT, <u32>EXPONENT_BIAS);
  } else {
    sineExtended(a, aSignExponent);
    first = resultSignificand;
    firstSignExponent = resultSignExponent;
    cosineExtended(a, aSignExponent);
  }
  if (commit()) replaceAndPush(first, firstSignExponent, resultSignificand, resultSignExponent);
}

function functions(op: u32): void {
  const which = (modrm(op) & 7) + (modrmReg(op) == 7 ? 8 : 0);
  if (which == FDECSTP) {
    fdecstp(op);
    return;
  }
  if (which == FINCSTP) {
    fincstp(op);
    return;
  }
  checkWaiting();
  begin();
  recordInstruction(op);
  switch (which) {
    case F2XM1:
    case FSQRT:
    case FRNDINT:
      unary(which);
      break;
    case FPREM:
    case FPREM1:
      remainder(which == FPREM1);
      break;
    case FSIN:
    case FCOS:
      sineOrCosine(which == FCOS);
      break;
    case FPTAN:
    case FXTRACT:
    case FSINCOS:
      twoResults(which);
      break;
    default:
      binary(which);
  }
}

export function registerX87Functions(): void {
  defineForm(ONE | 0xd9, 6, FORM_REGISTER, MODRM, functions);
  defineForm(ONE | 0xd9, 7, FORM_REGISTER, MODRM, functions);
}
