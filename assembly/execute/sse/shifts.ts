// Packed shifts: by a count in a register or memory (64 bits of it), or by an immediate. A count past the element's
// width gives zero, or copies of the sign; WebAssembly would take it modulo the width.

import { immediate, mmxRm, xmmRm } from "../../decode/instruction";
import {
  FORM_REGISTER,
  IMM8U,
  MODRM,
  PP_66,
  PP_NONE,
  TWO,
  definePrefixed,
  definePrefixedForm,
} from "../../decode/tables";
import { storeMmx, enterMmx } from "../x87/state";
import { MMX, checkMmx, checkSse, first, put, second } from "./operands";

const KIND_LEFT: u32 = 0;
const KIND_RIGHT: u32 = 1;
const KIND_SIGNED: u32 = 2;

/** Elements of type E shifted; `count` any 64-bit number. */
// @ts-ignore: decorator
@inline function shift<E>(kind: u32, value: v128, count: u64): v128 {
  if (kind == KIND_SIGNED) return v128.shr<E>(value, <i32>min<u64>(count, sizeof<E>() * 8 - 1));
  if (count >= sizeof<E>() * 8) return i64x2.splat(0);
  return kind == KIND_LEFT ? v128.shl<E>(value, <i32>count) : v128.shr<E>(value, <i32>count);
}

/** Count in r/m. */
// @ts-ignore: decorator
@inline function byOperand<T, E>(op: u32, kind: u32): void {
  const count: u64 = i64x2.extract_lane(second<T>(op), 0);
  put<T>(op, shift<E>(kind, first<T>(op), count));
}
/** Count immediate; the register is r/m. */
// @ts-ignore: decorator
@inline function byImmediate<T, E>(op: u32, kind: u32): void {
  const count = <u64>immediate(op);
  if (sizeof<T>() == 8) {
    checkMmx();
    const value = shift<E>(kind, v128.load64_zero(mmxRm(op)), count);
    enterMmx();
    storeMmx(mmxRm(op), i64x2.extract_lane(value, 0));
  } else {
    checkSse();
    v128.store(xmmRm(op), shift<E>(kind, v128.load(xmmRm(op)), count));
  }
}

function psllw<T>(op: u32): void { byOperand<T, u16>(op, KIND_LEFT); }
function pslld<T>(op: u32): void { byOperand<T, u32>(op, KIND_LEFT); }
function psllq<T>(op: u32): void { byOperand<T, u64>(op, KIND_LEFT); }
function psrlw<T>(op: u32): void { byOperand<T, u16>(op, KIND_RIGHT); }
function psrld<T>(op: u32): void { byOperand<T, u32>(op, KIND_RIGHT); }
function psrlq<T>(op: u32): void { byOperand<T, u64>(op, KIND_RIGHT); }
function psraw<T>(op: u32): void { byOperand<T, i16>(op, KIND_SIGNED); }
function psrad<T>(op: u32): void { byOperand<T, i32>(op, KIND_SIGNED); }
function psllwImmediate<T>(op: u32): void { byImmediate<T, u16>(op, KIND_LEFT); }
function pslldImmediate<T>(op: u32): void { byImmediate<T, u32>(op, KIND_LEFT); }
function psllqImmediate<T>(op: u32): void { byImmediate<T, u64>(op, KIND_LEFT); }
function psrlwImmediate<T>(op: u32): void { byImmediate<T, u16>(op, KIND_RIGHT); }
function psrldImmediate<T>(op: u32): void { byImmediate<T, u32>(op, KIND_RIGHT); }
function psrlqImmediate<T>(op: u32): void { byImmediate<T, u64>(op, KIND_RIGHT); }
function psrawImmediate<T>(op: u32): void { byImmediate<T, i16>(op, KIND_SIGNED); }
function psradImmediate<T>(op: u32): void { byImmediate<T, i32>(op, KIND_SIGNED); }

const bytes = memory.data(48, 16);
// The whole register by bytes: zeros, the value, zeros in memory, read at an offset.
function shiftBytes(op: u32, offset: u32): void {
  checkSse();
  v128.store(bytes, i64x2.splat(0));
  v128.store(bytes, v128.load(xmmRm(op)), 16);
  v128.store(bytes, i64x2.splat(0), 32);
  v128.store(xmmRm(op), v128.load(bytes + offset));
}
function pslldq(op: u32): void { shiftBytes(op, 16 - min<u32>(<u32>immediate(op), 16)); }
function psrldq(op: u32): void { shiftBytes(op, 16 + min<u32>(<u32>immediate(op), 16)); }

function both(opcode: u32, mmx: (op: u32) => void, xmm: (op: u32) => void): void {
  definePrefixed(TWO | opcode, PP_NONE, MODRM, mmx);
  definePrefixed(TWO | opcode, PP_66, MODRM, xmm);
}
function group(opcode: u32, reg: u32, mmx: (op: u32) => void, xmm: (op: u32) => void): void {
  definePrefixedForm(TWO | opcode, PP_NONE, reg, FORM_REGISTER, MODRM | IMM8U, mmx);
  definePrefixedForm(TWO | opcode, PP_66, reg, FORM_REGISTER, MODRM | IMM8U, xmm);
}

export function registerShifts(): void {
  both(0xd1, (op) => psrlw<MMX>(op), (op) => psrlw<v128>(op));
  both(0xd2, (op) => psrld<MMX>(op), (op) => psrld<v128>(op));
  both(0xd3, (op) => psrlq<MMX>(op), (op) => psrlq<v128>(op));
  both(0xe1, (op) => psraw<MMX>(op), (op) => psraw<v128>(op));
  both(0xe2, (op) => psrad<MMX>(op), (op) => psrad<v128>(op));
  both(0xf1, (op) => psllw<MMX>(op), (op) => psllw<v128>(op));
  both(0xf2, (op) => pslld<MMX>(op), (op) => pslld<v128>(op));
  both(0xf3, (op) => psllq<MMX>(op), (op) => psllq<v128>(op));
  group(0x71, 2, (op) => psrlwImmediate<MMX>(op), (op) => psrlwImmediate<v128>(op));
  group(0x71, 4, (op) => psrawImmediate<MMX>(op), (op) => psrawImmediate<v128>(op));
  group(0x71, 6, (op) => psllwImmediate<MMX>(op), (op) => psllwImmediate<v128>(op));
  group(0x72, 2, (op) => psrldImmediate<MMX>(op), (op) => psrldImmediate<v128>(op));
  group(0x72, 4, (op) => psradImmediate<MMX>(op), (op) => psradImmediate<v128>(op));
  group(0x72, 6, (op) => pslldImmediate<MMX>(op), (op) => pslldImmediate<v128>(op));
  group(0x73, 2, (op) => psrlqImmediate<MMX>(op), (op) => psrlqImmediate<v128>(op));
  group(0x73, 6, (op) => psllqImmediate<MMX>(op), (op) => psllqImmediate<v128>(op));
  definePrefixedForm(TWO | 0x73, PP_66, 3, FORM_REGISTER, MODRM | IMM8U, psrldq);
  definePrefixedForm(TWO | 0x73, PP_66, 7, FORM_REGISTER, MODRM | IMM8U, pslldq);
}
