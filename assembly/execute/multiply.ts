// MUL, IMUL, DIV, IDIV. CF and OF of a product say whether its upper half matters; SF, ZF and PF, which are
// undefined, follow the lower half here.

import { BYTE, IMM8S, IMMZ, MODRM, TWO, defineGroup, defineGroupWidths, defineWidths } from "../decode/tables";
import { immediate } from "../decode/instruction";
import { RAX, RDX } from "../state";
import { EXCEPTION_DE, raise } from "../system/exceptions";
import { setFlagsResult } from "./flags";
import { getReg, getRm, setReg, storeRegister } from "./operands";
import { divWide, multiplyHigh, wideLow } from "./wide";

/** Upper 64 bits of the signed product. */
export function multiplyHighSigned(a: i64, b: i64): i64 {
  return <i64>multiplyHigh(<u64>a, <u64>b) - ((a >> 63) & b) - ((b >> 63) & a);
}

/** MUL and one-operand IMUL of up to 32 bits; T signed for IMUL. */
// @ts-ignore: decorator
@inline function multiplyAccumulator<T>(op: u32): void {
  const product = <u64>(<i64>load<T>(RAX) * <i64>getRm<T>(op));
  const low = <T>product;
  const overflow = u32(<u64><i64>low != product);
  if (sizeof<T>() == 1) store<u16>(RAX, <u16>product);
  else {
    storeRegister<T>(RAX, low);
    storeRegister<T>(RDX, <T>(product >> (sizeof<T>() * 8)));
  }
  setFlagsResult<T>(low, overflow, overflow);
}

function mul64(op: u32): void {
  const a = load<u64>(RAX);
  const b = getRm<u64>(op);
  const high = multiplyHigh(a, b);
  store<u64>(RAX, a * b);
  store<u64>(RDX, high);
  setFlagsResult<u64>(a * b, u32(high != 0), u32(high != 0));
}

function imul64(op: u32): void {
  const a = load<i64>(RAX);
  const b = getRm<i64>(op);
  const high = multiplyHighSigned(a, b);
  const low = a * b;
  store<i64>(RAX, low);
  store<i64>(RDX, high);
  setFlagsResult<i64>(low, u32(high != low >> 63), u32(high != low >> 63));
}

/** IMUL r, r/m and IMUL r, r/m, imm of 16 and 32 bits. */
// @ts-ignore: decorator
@inline function imulShort<T>(op: u32, a: T, b: T): void {
  const product = <i64>a * <i64>b;
  const low = <T>product;
  const overflow = u32(<i64>low != product);
  setReg<T>(op, low);
  setFlagsResult<T>(low, overflow, overflow);
}

function imulLong(op: u32, a: i64, b: i64): void {
  const low = a * b;
  const overflow = u32(multiplyHighSigned(a, b) != low >> 63);
  setReg<i64>(op, low);
  setFlagsResult<i64>(low, overflow, overflow);
}

// DIV and IDIV leave the flags, which are undefined, alone.

function div8(op: u32): void {
  const dividend: u32 = load<u16>(RAX);
  const divisor: u32 = getRm<u8>(op);
  if (divisor == 0 || dividend / divisor > 0xff) raise(EXCEPTION_DE);
  store<u16>(RAX, <u16>((dividend / divisor) | (dividend % divisor << 8)));
}

function idiv8(op: u32): void {
  const dividend: i32 = load<i16>(RAX);
  const divisor: i32 = getRm<i8>(op);
  if (divisor == 0) raise(EXCEPTION_DE);
  const quotient = dividend / divisor;
  if (quotient != <i32><i8>quotient) raise(EXCEPTION_DE);
  store<u16>(RAX, <u16>((quotient & 0xff) | (dividend % divisor << 8)));
}

/** DIV of 16 and 32 bits. */
// @ts-ignore: decorator
@inline function divide<T>(op: u32): void {
  const dividend = (<u64>load<T>(RDX) << (sizeof<T>() * 8)) | <u64>load<T>(RAX);
  const divisor = <u64>getRm<T>(op);
  if (divisor == 0) raise(EXCEPTION_DE);
  const quotient = dividend / divisor;
  if (quotient != <u64><T>quotient) raise(EXCEPTION_DE);
  storeRegister<T>(RAX, <T>quotient);
  storeRegister<T>(RDX, <T>(dividend % divisor));
}

function idiv16(op: u32): void {
  const dividend: i32 = (<i32>load<i16>(RDX) << 16) | <i32>load<u16>(RAX);
  const divisor: i32 = getRm<i16>(op);
  // The smallest dividend by -1 would trap, and overflows by any divisor.
  if (divisor == 0 || dividend == i32.MIN_VALUE) raise(EXCEPTION_DE);
  const quotient = dividend / divisor;
  if (quotient != <i32><i16>quotient) raise(EXCEPTION_DE);
  store<i16>(RAX, <i16>quotient);
  store<i16>(RDX, <i16>(dividend % divisor));
}

function idiv32(op: u32): void {
  const dividend: i64 = (<i64>load<i32>(RDX) << 32) | <i64>load<u32>(RAX);
  const divisor: i64 = getRm<i32>(op);
  if (divisor == 0 || dividend == i64.MIN_VALUE) raise(EXCEPTION_DE);
  const quotient = dividend / divisor;
  if (quotient != <i64><i32>quotient) raise(EXCEPTION_DE);
  storeRegister<i32>(RAX, <i32>quotient);
  storeRegister<i32>(RDX, <i32>(dividend % divisor));
}

function div64(op: u32): void {
  const divisor = getRm<u64>(op);
  const high = load<u64>(RDX);
  if (high >= divisor) raise(EXCEPTION_DE);
  const quotient = divWide(high, load<u64>(RAX), divisor);
  store<u64>(RAX, quotient);
  store<u64>(RDX, wideLow);
}

function idiv64(op: u32): void {
  const divisor = getRm<i64>(op);
  let low = load<u64>(RAX);
  let high = load<u64>(RDX);
  const negativeDividend = <i64>high < 0;
  const negativeQuotient = negativeDividend != divisor < 0;
  if (negativeDividend) {
    low = 0 - low;
    high = ~high + u64(low == 0);
  }
  const magnitude = divisor < 0 ? 0 - <u64>divisor : <u64>divisor;
  if (high >= magnitude) raise(EXCEPTION_DE);
  const quotient = divWide(high, low, magnitude);
  if (quotient > (negativeQuotient ? 0x8000000000000000 : 0x7fffffffffffffff)) raise(EXCEPTION_DE);
  store<u64>(RAX, negativeQuotient ? 0 - quotient : quotient);
  store<u64>(RDX, negativeDividend ? 0 - wideLow : wideLow);
}

/** Registers the multiplications and divisions. */
export function registerMultiply(): void {
  defineGroup(0xf6, 4, MODRM | BYTE, (op) => multiplyAccumulator<u8>(op));
  defineGroupWidths(
    0xf7, 4, MODRM,
    (op) => multiplyAccumulator<u16>(op),
    (op) => multiplyAccumulator<u32>(op),
    mul64,
  );
  defineGroup(0xf6, 5, MODRM | BYTE, (op) => multiplyAccumulator<i8>(op));
  defineGroupWidths(
    0xf7, 5, MODRM,
    (op) => multiplyAccumulator<i16>(op),
    (op) => multiplyAccumulator<i32>(op),
    imul64,
  );
  defineGroup(0xf6, 6, MODRM | BYTE, div8);
  defineGroupWidths(0xf7, 6, MODRM, (op) => divide<u16>(op), (op) => divide<u32>(op), div64);
  defineGroup(0xf6, 7, MODRM | BYTE, idiv8);
  defineGroupWidths(0xf7, 7, MODRM, idiv16, idiv32, idiv64);
  defineWidths(
    TWO | 0xaf, MODRM,
    (op) => imulShort<i16>(op, getReg<i16>(op), getRm<i16>(op)),
    (op) => imulShort<i32>(op, getReg<i32>(op), getRm<i32>(op)),
    (op) => imulLong(op, getReg<i64>(op), getRm<i64>(op)),
  );
  defineWidths(
    0x69, MODRM | IMMZ,
    (op) => imulShort<i16>(op, getRm<i16>(op), <i16>immediate(op)),
    (op) => imulShort<i32>(op, getRm<i32>(op), <i32>immediate(op)),
    (op) => imulLong(op, getRm<i64>(op), immediate(op)),
  );
  defineWidths(
    0x6b, MODRM | IMM8S,
    (op) => imulShort<i16>(op, getRm<i16>(op), <i16>immediate(op)),
    (op) => imulShort<i32>(op, getRm<i32>(op), <i32>immediate(op)),
    (op) => imulLong(op, getRm<i64>(op), immediate(op)),
  );
}
