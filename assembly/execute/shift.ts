// ROL ROR RCL RCR SHL SHR SAR, SHLD SHRD. Counts are taken modulo 32, or 64 for 64-bit operands; by a count of zero no
// flag changes. OF is defined for a count of 1 only; for others it comes from the same formula.

import {
  BYTE,
  FORM_MEMORY,
  FORM_REGISTER,
  IMM8U,
  MODRM,
  TWO,
  defineForm,
  defineFormWidths,
  defineWidths,
} from "../decode/tables";
import { immediate, rmAddress } from "../decode/instruction";
import { readForModify, writeModified } from "../memory/access";
import { RCX } from "../state";
import { operandAddress } from "./address";
import { getCF, setCFOF, setFlagsResult, signExtend } from "./flags";
import { getReg, getRmForModify, setRmModified, storeRegister } from "./operands";

// Operations as types.
class Rol {}
class Ror {}
class Rcl {}
class Rcr {}
class Shl {}
class Shr {}
class Sar {}

// @ts-ignore: decorator
@inline function bits<T>(): u32 { return sizeof<T>() * 8; }
// @ts-ignore: decorator
@inline function topBit<T>(value: T): u32 { return <u32>(<u64>value >> (bits<T>() - 1)) & 1; }
// @ts-ignore: decorator
@inline function secondBit<T>(value: T): u32 { return <u32>(<u64>value >> (bits<T>() - 2)) & 1; }

// In the following count is 1..31, or 1..63 for 64 bits. Up to 32 bits the work is done in 64.

// @ts-ignore: decorator
@inline function shl<T>(value: T, count: u32): T {
  let carry: u32;
  let result: T;
  if (sizeof<T>() == 8) {
    result = value << <T>count;
    carry = <u32>(<u64>value >> (64 - count)) & 1;
  } else {
    const wide = <u64>value << count;
    result = <T>wide;
    carry = <u32>(wide >> bits<T>()) & 1;
  }
  setFlagsResult<T>(result, carry, topBit<T>(result) ^ carry);
  return result;
}

// @ts-ignore: decorator
@inline function shr<T>(value: T, count: u32): T {
  const wide = <u64>value;
  const result = <T>(wide >> count);
  setFlagsResult<T>(result, <u32>(wide >> (count - 1)) & 1, topBit<T>(value));
  return result;
}

// @ts-ignore: decorator
@inline function sar<T>(value: T, count: u32): T {
  const wide = <i64>signExtend<T>(value);
  const result = <T>(wide >> count);
  setFlagsResult<T>(result, <u32>(wide >> (count - 1)) & 1, 0);
  return result;
}

// @ts-ignore: decorator
@inline function rol<T>(value: T, count: u32): T {
  const result = rotl<T>(value, <T>count);
  const carry = <u32>result & 1;
  setCFOF(carry, carry ^ topBit<T>(result));
  return result;
}

// @ts-ignore: decorator
@inline function ror<T>(value: T, count: u32): T {
  const result = rotr<T>(value, <T>count);
  const carry = topBit<T>(result);
  setCFOF(carry, carry ^ secondBit<T>(result));
  return result;
}

/** Rotates through carry by 1..width places to the left, where width counts the carry too. */
// @ts-ignore: decorator
@inline function rotateCarry<T>(value: T, count: u32, right: bool): T {
  let carry = getCF();
  let result: T;
  if (sizeof<T>() == 8) {
    const v = <u64>value;
    if (right) {
      result = <T>((v >> count) | (<u64>carry << (64 - count)) | (count > 1 ? v << (65 - count) : 0));
      carry = <u32>(v >> (count - 1)) & 1;
    } else {
      result = <T>((v << count) | (<u64>carry << (count - 1)) | (count > 1 ? v >> (65 - count) : 0));
      carry = <u32>(v >> (64 - count)) & 1;
    }
  } else {
    // The carry stands above the operand; 8- and 16-bit counts may go around more than once.
    const width = bits<T>() + 1;
    count %= width;
    if (count == 0) return value;
    const wide = <u64>value | (<u64>carry << bits<T>());
    const rotated = right
      ? (wide >> count) | (wide << (width - count))
      : (wide << count) | (wide >> (width - count));
    result = <T>rotated;
    carry = <u32>(rotated >> bits<T>()) & 1;
  }
  setCFOF(carry, right ? topBit<T>(result) ^ secondBit<T>(result) : carry ^ topBit<T>(result));
  return result;
}

// @ts-ignore: decorator
@inline function shift<T, K>(value: T, count: u32): T {
  count &= sizeof<T>() == 8 ? 63 : 31;
  if (count == 0) return value;
  if (idof<K>() == idof<Shl>()) return shl<T>(value, count);
  if (idof<K>() == idof<Shr>()) return shr<T>(value, count);
  if (idof<K>() == idof<Sar>()) return sar<T>(value, count);
  if (idof<K>() == idof<Rol>()) return rol<T>(value, count);
  if (idof<K>() == idof<Ror>()) return ror<T>(value, count);
  return rotateCarry<T>(value, count, idof<K>() == idof<Rcr>());
}

// @ts-ignore: decorator
@inline function shiftRegister<T, K>(op: u32, count: u32): void {
  storeRegister<T>(rmAddress(op), shift<T, K>(load<T>(rmAddress(op)), count));
}
// @ts-ignore: decorator
@inline function shiftMemory<T, K>(op: u32, count: u32): void {
  writeModified<T>(shift<T, K>(readForModify<T>(operandAddress(op, sizeof<T>(), true)), count));
}

/** A member of shift group 2: C0 and C1 by an immediate, D0 and D1 by one, D2 and D3 by CL. */
function defineShift<K>(reg: u32): void {
  defineForm(0xc0, reg, FORM_REGISTER, MODRM | BYTE | IMM8U, (op) => shiftRegister<u8, K>(op, <u32>immediate(op)));
  defineForm(0xc0, reg, FORM_MEMORY, MODRM | BYTE | IMM8U, (op) => shiftMemory<u8, K>(op, <u32>immediate(op)));
  defineFormWidths(
    0xc1, reg, FORM_REGISTER, MODRM | IMM8U,
    (op) => shiftRegister<u16, K>(op, <u32>immediate(op)),
    (op) => shiftRegister<u32, K>(op, <u32>immediate(op)),
    (op) => shiftRegister<u64, K>(op, <u32>immediate(op)),
  );
  defineFormWidths(
    0xc1, reg, FORM_MEMORY, MODRM | IMM8U,
    (op) => shiftMemory<u16, K>(op, <u32>immediate(op)),
    (op) => shiftMemory<u32, K>(op, <u32>immediate(op)),
    (op) => shiftMemory<u64, K>(op, <u32>immediate(op)),
  );
  defineForm(0xd0, reg, FORM_REGISTER, MODRM | BYTE, (op) => shiftRegister<u8, K>(op, 1));
  defineForm(0xd0, reg, FORM_MEMORY, MODRM | BYTE, (op) => shiftMemory<u8, K>(op, 1));
  defineFormWidths(
    0xd1, reg, FORM_REGISTER, MODRM,
    (op) => shiftRegister<u16, K>(op, 1),
    (op) => shiftRegister<u32, K>(op, 1),
    (op) => shiftRegister<u64, K>(op, 1),
  );
  defineFormWidths(
    0xd1, reg, FORM_MEMORY, MODRM,
    (op) => shiftMemory<u16, K>(op, 1),
    (op) => shiftMemory<u32, K>(op, 1),
    (op) => shiftMemory<u64, K>(op, 1),
  );
  defineForm(0xd2, reg, FORM_REGISTER, MODRM | BYTE, (op) => shiftRegister<u8, K>(op, load<u8>(RCX)));
  defineForm(0xd2, reg, FORM_MEMORY, MODRM | BYTE, (op) => shiftMemory<u8, K>(op, load<u8>(RCX)));
  defineFormWidths(
    0xd3, reg, FORM_REGISTER, MODRM,
    (op) => shiftRegister<u16, K>(op, load<u8>(RCX)),
    (op) => shiftRegister<u32, K>(op, load<u8>(RCX)),
    (op) => shiftRegister<u64, K>(op, load<u8>(RCX)),
  );
  defineFormWidths(
    0xd3, reg, FORM_MEMORY, MODRM,
    (op) => shiftMemory<u16, K>(op, load<u8>(RCX)),
    (op) => shiftMemory<u32, K>(op, load<u8>(RCX)),
    (op) => shiftMemory<u64, K>(op, load<u8>(RCX)),
  );
}

/** SHLD and SHRD. For 16 bits a count above 16, which is undefined, goes on with the destination's own bits. */
// @ts-ignore: decorator
@inline function doubleShift<T>(op: u32, count: u32, right: bool): void {
  const value = getRmForModify<T>(op);
  count &= sizeof<T>() == 8 ? 63 : 31;
  if (count == 0) {
    setRmModified<T>(op, value);
    return;
  }
  const a = <u64>value;
  const b = <u64>getReg<T>(op);
  let result: T;
  let carry: u32;
  if (sizeof<T>() == 8) {
    result = <T>(right ? (a >> count) | (b << (64 - count)) : (a << count) | (b >> (64 - count)));
    carry = <u32>(right ? a >> (count - 1) : a >> (64 - count)) & 1;
  } else if (sizeof<T>() == 4) {
    const wide = right ? ((b << 32) | a) >> (count - 1) : ((a << 32) | b) >> (32 - count);
    result = <T>(right ? wide >> 1 : wide);
    carry = <u32>(right ? wide : a >> (32 - count)) & 1;
  } else {
    const wide = (a << 32) | (b << 16) | a;
    const shifted = right ? wide >> (count - 1) : wide >> (32 - count);
    result = <T>(right ? shifted >> 1 : shifted);
    carry = <u32>(right ? shifted : shifted >> 16) & 1;
  }
  setRmModified<T>(op, result);
  setFlagsResult<T>(result, carry, topBit<T>(<T>(result ^ value)));
}

function defineDoubleShift(): void {
  defineWidths(
    TWO | 0xa4, MODRM | IMM8U,
    (op) => doubleShift<u16>(op, <u32>immediate(op), false),
    (op) => doubleShift<u32>(op, <u32>immediate(op), false),
    (op) => doubleShift<u64>(op, <u32>immediate(op), false),
  );
  defineWidths(
    TWO | 0xa5, MODRM,
    (op) => doubleShift<u16>(op, load<u8>(RCX), false),
    (op) => doubleShift<u32>(op, load<u8>(RCX), false),
    (op) => doubleShift<u64>(op, load<u8>(RCX), false),
  );
  defineWidths(
    TWO | 0xac, MODRM | IMM8U,
    (op) => doubleShift<u16>(op, <u32>immediate(op), true),
    (op) => doubleShift<u32>(op, <u32>immediate(op), true),
    (op) => doubleShift<u64>(op, <u32>immediate(op), true),
  );
  defineWidths(
    TWO | 0xad, MODRM,
    (op) => doubleShift<u16>(op, load<u8>(RCX), true),
    (op) => doubleShift<u32>(op, load<u8>(RCX), true),
    (op) => doubleShift<u64>(op, load<u8>(RCX), true),
  );
}

/** Registers the shifts and rotates. */
export function registerShift(): void {
  defineShift<Rol>(0);
  defineShift<Ror>(1);
  defineShift<Rcl>(2);
  defineShift<Rcr>(3);
  defineShift<Shl>(4);
  defineShift<Shr>(5);
  // /6 is an alias of SHL.
  defineShift<Shl>(6);
  defineShift<Sar>(7);
  defineDoubleShift();
}
