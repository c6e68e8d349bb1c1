// Conversions between integers and the two floating-point formats, and rounding to integral values.

import { OPF_REX_W, immediate, isRegister, mmxRm, opFlags, regAddress } from "../../decode/instruction";
import { IMM8U, MAP_3A, MODRM, PP_66, PP_F2, PP_F3, PP_NONE, TWO, definePrefixed } from "../../decode/tables";
import { read } from "../../memory/access";
import { operandAddress } from "../address";
import { getRm, storeRegister } from "../operands";
import { enterMmx } from "../x87/state";
import { IE, PE, RC_DOWN, RC_NEAREST, RC_UP, RC_ZERO, begin, deliver, note, quickMode, roundingControl } from "./mxcsr";
import {
  checkMmx,
  checkSse,
  put,
  putLow32,
  putLow64,
  putMmx,
  source128,
  source32,
  source64,
} from "./operands";
import {
  exponent,
  flushOperand,
  infinity,
  isNaNBits,
  isSignaling,
  magnitude,
  operand,
  quietBit,
  roundPack,
  significand,
} from "./softfloat";

function roundIntegral(value: f64, control: u32): f64 {
  switch (control) {
    case RC_NEAREST: return nearest<f64>(value);
    case RC_DOWN: return floor<f64>(value);
    case RC_UP: return ceil<f64>(value);
    default: return trunc<f64>(value);
  }
}

/** The value of a bit pattern that is not NaN. */
// @ts-ignore: decorator
@inline function toF64<T>(bits: T): f64 {
  return sizeof<T>() == 4 ? <f64>reinterpret<f32>(<u32>bits) : reinterpret<f64>(<u64>bits);
}

/** To I (i32, i64) by rounding mode `control`; IE and the integer indefinite, only its top bit, if it does not fit. */
function toInteger<T, I>(bits: T, control: u32): I {
  const indefinite: I = <I>1 << <I>(sizeof<I>() * 8 - 1);
  if (isNaNBits<T>(bits)) {
    note(IE);
    return indefinite;
  }
  const value = toF64<T>(flushOperand<T>(bits));
  const rounded = roundIntegral(value, control);
  const limit: f64 = sizeof<I>() == 4 ? 2147483648.0 : 9223372036854775808.0;
  if (!(rounded >= -limit && rounded < limit)) {
    note(IE);
    return indefinite;
  }
  if (rounded != value) note(PE);
  return <I>rounded;
}

/** From an integer, rounded by MXCSR. */
function fromInteger<T>(value: i64): T {
  if (value == 0) return 0;
  const size = value < 0 ? <u64>0 - <u64>value : <u64>value;
  const shift = <u32>clz<u64>(size);
  return roundPack<T>(value < 0, 63 - <i32>shift, size << shift);
}

/** binary32 to binary64: exact. */
function widen(bits: u32): u64 {
  if (isNaNBits<u32>(bits)) {
    if (isSignaling<u32>(bits)) note(IE);
    return (<u64>(bits & 0x80000000) << 32) | 0x7ff8000000000000 | (<u64>(bits & 0x7fffff) << 29);
  }
  return reinterpret<u64>(<f64>reinterpret<f32>(operand<u32>(bits)));
}

/** binary64 to binary32, rounded by MXCSR. */
function narrow(bits: u64): u32 {
  const signed = <u32>(bits >> 32) & 0x80000000;
  if (isNaNBits<u64>(bits)) {
    if (isSignaling<u64>(bits)) note(IE);
    return signed | 0x7fc00000 | (<u32>(bits >> 29) & 0x3fffff);
  }
  bits = operand<u64>(bits);
  if (magnitude<u64>(bits) == 0) return signed;
  if (magnitude<u64>(bits) == infinity<u64>()) return signed | infinity<u32>();
  return roundPack<u32>(signed != 0, exponent<u64>(bits), significand<u64>(bits));
}

// Scalar integers.
function integerSource(op: u32): i64 {
  checkSse();
  return (opFlags(op) & OPF_REX_W) != 0 ? getRm<i64>(op) : <i64>getRm<i32>(op);
}
function cvtsi2ss(op: u32): void {
  const value = integerSource(op);
  begin();
  const result = fromInteger<u32>(value);
  deliver();
  putLow32(op, result);
}
function cvtsi2sd(op: u32): void {
  const value = integerSource(op);
  begin();
  const result = fromInteger<u64>(value);
  deliver();
  putLow64(op, result);
}
// @ts-ignore: decorator
@inline function scalarToInteger<T>(op: u32, bits: T, control: u32): void {
  begin();
  if ((opFlags(op) & OPF_REX_W) != 0) {
    const result = toInteger<T, i64>(bits, control);
    deliver();
    storeRegister<u64>(regAddress(op), result);
  } else {
    const result = toInteger<T, i32>(bits, control);
    deliver();
    storeRegister<u32>(regAddress(op), result);
  }
}
function cvtss2si(op: u32): void { scalarToInteger<u32>(op, source32(op), roundingControl()); }
function cvtsd2si(op: u32): void { scalarToInteger<u64>(op, source64(op), roundingControl()); }
function cvttss2si(op: u32): void { scalarToInteger<u32>(op, source32(op), RC_ZERO); }
function cvttsd2si(op: u32): void { scalarToInteger<u64>(op, source64(op), RC_ZERO); }

// Between the formats.
function cvtss2sd(op: u32): void {
  const value = source32(op);
  begin();
  const result = widen(value);
  deliver();
  putLow64(op, result);
}
function cvtsd2ss(op: u32): void {
  const value = source64(op);
  begin();
  const result = narrow(value);
  deliver();
  putLow32(op, result);
}
// @ts-ignore: decorator
@inline function pair(low: u64, high: u64): v128 { return i64x2.replace_lane(i64x2.splat(low), 1, high); }
// @ts-ignore: decorator
@inline function pair32(low: u32, high: u32): u64 { return <u64>low | (<u64>high << 32); }
function cvtps2pd(op: u32): void {
  const value = source64(op);
  begin();
  const low = widen(<u32>value);
  const high = widen(<u32>(value >> 32));
  deliver();
  put<v128>(op, pair(low, high));
}
function cvtpd2ps(op: u32): void {
  const value = source128(op);
  begin();
  const low = narrow(i64x2.extract_lane(value, 0));
  const high = narrow(i64x2.extract_lane(value, 1));
  deliver();
  put<v128>(op, pair(pair32(low, high), 0));
}

// Packed integers.
function cvtdq2pd(op: u32): void { put<v128>(op, f64x2.convert_low_i32x4_s(i64x2.splat(source64(op)))); }
function cvtdq2ps(op: u32): void {
  const value = source128(op);
  if (quickMode()) {
    put<v128>(op, f32x4.convert_i32x4_s(value));
    return;
  }
  begin();
  const low = pair32(fromInteger<u32>(i32x4.extract_lane(value, 0)), fromInteger<u32>(i32x4.extract_lane(value, 1)));
  const high = pair32(fromInteger<u32>(i32x4.extract_lane(value, 2)), fromInteger<u32>(i32x4.extract_lane(value, 3)));
  deliver();
  put<v128>(op, pair(low, high));
}
function toIntegers32(value: u64, control: u32): u64 {
  return pair32(toInteger<u32, i32>(<u32>value, control), toInteger<u32, i32>(<u32>(value >> 32), control));
}
function toIntegers64(value: v128, control: u32): u64 {
  const low = toInteger<u64, i32>(i64x2.extract_lane(value, 0), control);
  const high = toInteger<u64, i32>(i64x2.extract_lane(value, 1), control);
  return pair32(low, high);
}
// @ts-ignore: decorator
@inline function psToIntegers(op: u32, control: u32): void {
  const value = source128(op);
  begin();
  const low = toIntegers32(i64x2.extract_lane(value, 0), control);
  const high = toIntegers32(i64x2.extract_lane(value, 1), control);
  deliver();
  put<v128>(op, pair(low, high));
}
// @ts-ignore: decorator
@inline function pdToIntegers(op: u32, control: u32): void {
  const value = source128(op);
  begin();
  const low = toIntegers64(value, control);
  deliver();
  put<v128>(op, pair(low, 0));
}
function cvtps2dq(op: u32): void { psToIntegers(op, roundingControl()); }
function cvttps2dq(op: u32): void { psToIntegers(op, RC_ZERO); }
function cvtpd2dq(op: u32): void { pdToIntegers(op, roundingControl()); }
function cvttpd2dq(op: u32): void { pdToIntegers(op, RC_ZERO); }

// MMX integers. The memory forms of CVTPI2PS and CVTPI2PD touch no MMX register and leave the x87 state as it is.
function mmxIntegers(op: u32): u64 {
  checkSse();
  if (isRegister(op)) {
    checkMmx();
    return load<u64>(mmxRm(op));
  }
  return read<u64>(operandAddress(op, 8, false));
}
function cvtpi2ps(op: u32): void {
  const value = mmxIntegers(op);
  begin();
  const result = pair32(fromInteger<u32>(<i64><i32>value), fromInteger<u32>(<i64>value >> 32));
  deliver();
  if (isRegister(op)) enterMmx();
  putLow64(op, result);
}
function cvtpi2pd(op: u32): void {
  const value = mmxIntegers(op);
  if (isRegister(op)) enterMmx();
  put<v128>(op, f64x2.convert_low_i32x4_s(i64x2.splat(value)));
}
// @ts-ignore: decorator
@inline function psToMmx(op: u32, control: u32): void {
  checkSse();
  checkMmx();
  const value = source64(op);
  begin();
  const result = toIntegers32(value, control);
  deliver();
  putMmx(op, result);
}
// @ts-ignore: decorator
@inline function pdToMmx(op: u32, control: u32): void {
  checkSse();
  checkMmx();
  const value = source128(op);
  begin();
  const result = toIntegers64(value, control);
  deliver();
  putMmx(op, result);
}
function cvtps2pi(op: u32): void { psToMmx(op, roundingControl()); }
function cvttps2pi(op: u32): void { psToMmx(op, RC_ZERO); }
function cvtpd2pi(op: u32): void { pdToMmx(op, roundingControl()); }
function cvttpd2pi(op: u32): void { pdToMmx(op, RC_ZERO); }

/** Rounds to an integral value; immediate: mode 1:0, bit 2 takes MXCSR's instead, bit 3 keeps PE from being noted. */
function round<T>(bits: T, control: u32): T {
  if (isNaNBits<T>(bits)) {
    if (isSignaling<T>(bits)) note(IE);
    return bits | quietBit<T>();
  }
  bits = flushOperand<T>(bits);
  if (magnitude<T>(bits) == infinity<T>()) return bits;
  const value = toF64<T>(bits);
  const rounded = roundIntegral(value, (control & 4) != 0 ? roundingControl() : control & 3);
  if (rounded != value && (control & 8) == 0) note(PE);
  return sizeof<T>() == 4 ? <T>reinterpret<u32>(<f32>rounded) : <T>reinterpret<u64>(rounded);
}
const elements = memory.data(16, 16);
// @ts-ignore: decorator
@inline function roundVector<T>(op: u32): void {
  v128.store(elements, source128(op));
  begin();
  for (let at = elements; at < elements + 16; at += sizeof<T>()) {
    store<T>(at, round<T>(load<T>(at), <u32>immediate(op)));
  }
  deliver();
  put<v128>(op, v128.load(elements));
}
function roundps(op: u32): void { roundVector<u32>(op); }
function roundpd(op: u32): void { roundVector<u64>(op); }
function roundss(op: u32): void {
  const value = source32(op);
  begin();
  const result = round<u32>(value, <u32>immediate(op));
  deliver();
  putLow32(op, result);
}
function roundsd(op: u32): void {
  const value = source64(op);
  begin();
  const result = round<u64>(value, <u32>immediate(op));
  deliver();
  putLow64(op, result);
}

type Handler = (op: u32) => void;
function four(opcode: u32, none: Handler, p66: Handler, f3: Handler, f2: Handler): void {
  definePrefixed(TWO | opcode, PP_NONE, MODRM, none);
  definePrefixed(TWO | opcode, PP_66, MODRM, p66);
  definePrefixed(TWO | opcode, PP_F3, MODRM, f3);
  definePrefixed(TWO | opcode, PP_F2, MODRM, f2);
}

export function registerFloatConversions(): void {
  four(0x2a, cvtpi2ps, cvtpi2pd, cvtsi2ss, cvtsi2sd);
  four(0x2c, cvttps2pi, cvttpd2pi, cvttss2si, cvttsd2si);
  four(0x2d, cvtps2pi, cvtpd2pi, cvtss2si, cvtsd2si);
  four(0x5a, cvtps2pd, cvtpd2ps, cvtss2sd, cvtsd2ss);
  definePrefixed(TWO | 0x5b, PP_NONE, MODRM, cvtdq2ps);
  definePrefixed(TWO | 0x5b, PP_66, MODRM, cvtps2dq);
  definePrefixed(TWO | 0x5b, PP_F3, MODRM, cvttps2dq);
  definePrefixed(TWO | 0xe6, PP_66, MODRM, cvttpd2dq);
  definePrefixed(TWO | 0xe6, PP_F3, MODRM, cvtdq2pd);
  definePrefixed(TWO | 0xe6, PP_F2, MODRM, cvtpd2dq);
  definePrefixed(MAP_3A | 0x08, PP_66, MODRM | IMM8U, roundps);
  definePrefixed(MAP_3A | 0x09, PP_66, MODRM | IMM8U, roundpd);
  definePrefixed(MAP_3A | 0x0a, PP_66, MODRM | IMM8U, roundss);
  definePrefixed(MAP_3A | 0x0b, PP_66, MODRM | IMM8U, roundsd);
}
