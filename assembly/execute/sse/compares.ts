// Floating-point compares: CMPccPS and its kin (a mask), COMISS and UCOMISS and theirs (flags).

import { immediate, xmmReg } from "../../decode/instruction";
import { IMM8U, MODRM, PP_66, PP_F2, PP_F3, PP_NONE, TWO, definePrefixed } from "../../decode/tables";
import { CF, PF, ZF, setStatusFlags } from "../flags";
import { IE, begin, deliver, note } from "./mxcsr";
import { first, put, putLow32, putLow64, source128, source32, source64 } from "./operands";
import { isNaNBits, isSignaling, lessThan, operand } from "./softfloat";

const LESS: u32 = 1;
const EQUAL: u32 = 2;
const GREATER: u32 = 4;
const UNORDERED: u32 = 8;

/** How two values stand to each other; notes IE for a signaling NaN, or any if `signaling`, and DE. */
function relation<T>(a: T, b: T, signaling: bool): u32 {
  if (isNaNBits<T>(a) || isNaNBits<T>(b)) {
    if (signaling || isSignaling<T>(a) || isSignaling<T>(b)) note(IE);
    return UNORDERED;
  }
  a = operand<T>(a);
  b = operand<T>(b);
  return lessThan<T>(a, b) ? LESS : lessThan<T>(b, a) ? GREATER : EQUAL;
}

/** Relations for which predicates 0..3 (EQ, LT, LE, UNORD) hold; 4..7 are their negations. */
// @ts-ignore: decorator
@inline function accepted(predicate: u32): u32 {
  const holds = (<u32>(UNORDERED << 24) | ((LESS | EQUAL) << 16) | (LESS << 8) | EQUAL) >> ((predicate & 3) << 3);
  return ((predicate & 4) != 0 ? ~holds : holds) & 15;
}
function compare<T>(a: T, b: T, predicate: u32): T {
  const signaling = ((predicate + 1) & 2) != 0;
  return (relation<T>(a, b, signaling) & accepted(predicate)) != 0 ? <T>-1 : 0;
}

const elements = memory.data(32, 16);
function compareVector<T>(a: v128, b: v128, predicate: u32): v128 {
  v128.store(elements, a);
  v128.store(elements, b, 16);
  begin();
  for (let at = elements; at < elements + 16; at += sizeof<T>()) {
    store<T>(at, compare<T>(load<T>(at), load<T>(at, 16), predicate));
  }
  deliver();
  return v128.load(elements);
}
function cmpps(op: u32): void {
  const b = source128(op);
  put<v128>(op, compareVector<u32>(first<v128>(op), b, <u32>immediate(op) & 7));
}
function cmppd(op: u32): void {
  const b = source128(op);
  put<v128>(op, compareVector<u64>(first<v128>(op), b, <u32>immediate(op) & 7));
}
function cmpss(op: u32): void {
  const b = source32(op);
  begin();
  const result = compare<u32>(load<u32>(xmmReg(op)), b, <u32>immediate(op) & 7);
  deliver();
  putLow32(op, result);
}
function cmpsd(op: u32): void {
  const b = source64(op);
  begin();
  const result = compare<u64>(load<u64>(xmmReg(op)), b, <u32>immediate(op) & 7);
  deliver();
  putLow64(op, result);
}

function setFlags<T>(a: T, b: T, signaling: bool): void {
  begin();
  const r = relation<T>(a, b, signaling);
  deliver();
  setStatusFlags(r == UNORDERED ? ZF | PF | CF : r == LESS ? CF : r == EQUAL ? ZF : 0);
}
function ucomiss(op: u32): void { const b = source32(op); setFlags<u32>(load<u32>(xmmReg(op)), b, false); }
function ucomisd(op: u32): void { const b = source64(op); setFlags<u64>(load<u64>(xmmReg(op)), b, false); }
function comiss(op: u32): void { const b = source32(op); setFlags<u32>(load<u32>(xmmReg(op)), b, true); }
function comisd(op: u32): void { const b = source64(op); setFlags<u64>(load<u64>(xmmReg(op)), b, true); }

export function registerFloatCompares(): void {
  definePrefixed(TWO | 0x2e, PP_NONE, MODRM, ucomiss);
  definePrefixed(TWO | 0x2e, PP_66, MODRM, ucomisd);
  definePrefixed(TWO | 0x2f, PP_NONE, MODRM, comiss);
  definePrefixed(TWO | 0x2f, PP_66, MODRM, comisd);
  definePrefixed(TWO | 0xc2, PP_NONE, MODRM | IMM8U, cmpps);
  definePrefixed(TWO | 0xc2, PP_66, MODRM | IMM8U, cmppd);
  definePrefixed(TWO | 0xc2, PP_F3, MODRM | IMM8U, cmpss);
  definePrefixed(TWO | 0xc2, PP_F2, MODRM | IMM8U, cmpsd);
}
