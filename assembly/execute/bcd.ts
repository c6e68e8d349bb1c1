// Decimal adjustment: DAA DAS AAA AAS AAM AAD, which 64-bit mode has not. SDM volume 2, each instruction's operation.

import { BYTE, IMM8U, NO64, define } from "../decode/tables";
import { immediate } from "../decode/instruction";
import { RAX } from "../state";
import { EXCEPTION_DE, raise } from "../system/exceptions";
import { AF, CF, getAF, getCF, getStatusFlags, setFlagsLogic, setStatusFlags } from "./flags";

/** SF, ZF and PF of a byte, with CF and AF given; OF clear. */
function setDecimalFlags(result: u32, cf: bool, af: bool): void {
  setFlagsLogic<u8>(<u8>result);
  setStatusFlags((getStatusFlags() & ~(CF | AF)) | (cf ? CF : 0) | (af ? AF : 0));
}

/** DAA and DAS. */
function decimalAdjust(subtract: bool): void {
  const before: u32 = load<u8>(RAX);
  let al = before;
  let cf = getCF() != 0;
  const high = before > 0x99 || cf;
  const af = (before & 15) > 9 || getAF() != 0;
  if (af) {
    cf = cf || (subtract ? before < 6 : before > 0xf9);
    al = subtract ? al - 6 : al + 6;
  }
  if (high) {
    al = subtract ? al - 0x60 : al + 0x60;
    cf = true;
  }
  store<u8>(RAX, <u8>al);
  setDecimalFlags(al, cf, af);
}

function daa(_op: u32): void { decimalAdjust(false); }
function das(_op: u32): void { decimalAdjust(true); }

/** AAA and AAS: CF and AF alike say that a digit was carried into AH. */
function asciiAdjust(subtract: bool): void {
  let ax: u32 = load<u16>(RAX);
  const adjust = (ax & 15) > 9 || getAF() != 0;
  if (adjust) ax = subtract ? ax - 0x106 : ax + 0x106;
  ax &= 0xff0f;
  store<u16>(RAX, <u16>ax);
  setDecimalFlags(ax, adjust, adjust);
}

function aaa(_op: u32): void { asciiAdjust(false); }
function aas(_op: u32): void { asciiAdjust(true); }

function aam(op: u32): void {
  const base = <u32>immediate(op);
  if (base == 0) raise(EXCEPTION_DE);
  const al: u32 = load<u8>(RAX);
  store<u16>(RAX, <u16>((al / base << 8) | al % base));
  setFlagsLogic<u8>(<u8>(al % base));
}

function aad(op: u32): void {
  const ax: u32 = load<u16>(RAX);
  const al = (ax + (ax >> 8) * <u32>immediate(op)) & 0xff;
  store<u16>(RAX, <u16>al);
  setFlagsLogic<u8>(<u8>al);
}

/** Registers the decimal adjustments. */
export function registerBcd(): void {
  define(0x27, NO64 | BYTE, daa);
  define(0x2f, NO64 | BYTE, das);
  define(0x37, NO64 | BYTE, aaa);
  define(0x3f, NO64 | BYTE, aas);
  define(0xd4, NO64 | BYTE | IMM8U, aam);
  define(0xd5, NO64 | BYTE | IMM8U, aad);
}
