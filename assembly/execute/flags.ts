// The six status flags, lazily. An operation stores two words and every flag can be derived from them:
//   FLAG_RESULT   the result, sign-extended to 64 bits. ZF: it is zero. SF: its sign. PF: parity of its low byte.
//   FLAG_CARRIES  bit 63 the carry (borrow) out of the top bit; bit 62 the carry into the top bit, so that OF is
//                 their exclusive or; bit 3 the carry out of bit 3 (AF). Bits 15:8 and bit 0 correct PF and SF where
//                 flags do not come from one result (POPF, SAHF).

import { EFLAGS, FLAG_CARRIES, FLAG_RESULT } from "../state";

export const CF: u32 = 1;
export const PF: u32 = 4;
export const AF: u32 = 0x10;
export const ZF: u32 = 0x40;
export const SF: u32 = 0x80;
export const TF: u32 = 0x100;
export const IF: u32 = 0x200;
export const DF: u32 = 0x400;
export const OF: u32 = 0x800;
export const IOPL: u32 = 0x3000;
export const NT: u32 = 0x4000;
export const RF: u32 = 0x10000;
export const VM: u32 = 0x20000;
export const AC: u32 = 0x40000;
export const VIF: u32 = 0x80000;
export const VIP: u32 = 0x100000;
export const ID: u32 = 0x200000;
export const STATUS_FLAGS: u32 = 0x8d5;

// @ts-ignore: decorator
@inline const CARRY: u64 = 0x8000000000000000;
// @ts-ignore: decorator
@inline const CARRY_IN: u64 = 0x4000000000000000;

// @ts-ignore: decorator
@inline export function getCF(): u32 { return <u32>(load<u64>(FLAG_CARRIES) >> 63); }
// @ts-ignore: decorator
@inline export function getOF(): u32 { return <u32>((load<u64>(FLAG_CARRIES) + CARRY_IN) >> 63); }
// @ts-ignore: decorator
@inline export function getAF(): u32 { return <u32>(load<u64>(FLAG_CARRIES) >> 3) & 1; }
// @ts-ignore: decorator
@inline export function getZF(): u32 { return u32(load<u64>(FLAG_RESULT) == 0); }
// @ts-ignore: decorator
@inline export function getSF(): u32 {
  return <u32>(load<u64>(FLAG_RESULT) >> 63) ^ (<u32>load<u8>(FLAG_CARRIES) & 1);
}
// @ts-ignore: decorator
@inline export function getPF(): u32 {
  return 1 ^ (popcnt<u32>(<u32>load<u8>(FLAG_RESULT) ^ <u32>load<u8>(FLAG_CARRIES, 1)) & 1);
}

/** The six status flags in their places in EFLAGS. */
export function getStatusFlags(): u32 {
  return getCF() | (getPF() << 2) | (getAF() << 4) | (getZF() << 6) | (getSF() << 7) | (getOF() << 11);
}

/** All of EFLAGS, bit 1 set. */
export function getFlags(): u32 { return load<u32>(EFLAGS) | getStatusFlags() | 2; }

/** Sets the six status flags from the bits of an EFLAGS value. */
export function setStatusFlags(flags: u32): void {
  // Zero needs a zero result; else any result that is not zero and positive, with an even low byte.
  const result: u64 = (flags & ZF) != 0 ? 0 : 0x100;
  const cf: u64 = flags & CF;
  const overflow: u64 = (flags >> 11) & 1;
  store<u64>(FLAG_RESULT, result);
  store<u64>(
    FLAG_CARRIES,
    (cf << 63) | ((cf ^ overflow) << 62) | <u64>((flags >> 1) & 8) | <u64>(((~flags >> 2) & 1) << 8) | <u64>((flags >> 7) & 1),
  );
}

/** Changes CF alone. */
// @ts-ignore: decorator
@inline export function setCF(value: u32): void {
  // Keep OF: bit 62 must change with bit 63.
  const carries = load<u64>(FLAG_CARRIES);
  const flip = (carries >> 63) ^ <u64>(value & 1);
  store<u64>(FLAG_CARRIES, carries ^ (flip << 63) ^ (flip << 62));
}

/** Changes OF alone. */
// @ts-ignore: decorator
@inline export function setOF(value: u32): void {
  const carries = load<u64>(FLAG_CARRIES);
  const overflow = (carries + CARRY_IN) >> 63;
  store<u64>(FLAG_CARRIES, carries ^ ((overflow ^ <u64>(value & 1)) << 62));
}

/** Changes CF and OF, keeps the others. */
// @ts-ignore: decorator
@inline export function setCFOF(cf: u32, overflow: u32): void {
  const carries = load<u64>(FLAG_CARRIES) & ~(CARRY | CARRY_IN);
  store<u64>(FLAG_CARRIES, carries | (<u64>(cf & 1) << 63) | (<u64>((cf ^ overflow) & 1) << 62));
}

/** Sets ZF alone (CMPXCHG8B, LAR, VERR ...). */
export function setZF(value: u32): void {
  setStatusFlags((getStatusFlags() & ~ZF) | (value != 0 ? ZF : 0));
}

/** Result sign-extended to 64 bits by its width. */
// @ts-ignore: decorator
@inline export function signExtend<T>(value: T): u64 {
  if (sizeof<T>() == 1) return <u64><i64><i8>value;
  if (sizeof<T>() == 2) return <u64><i64><i16>value;
  if (sizeof<T>() == 4) return <u64><i64><i32>value;
  return <u64>value;
}

/** Moves a vector of carries out of each bit, of width T, to where FLAG_CARRIES holds them. */
// @ts-ignore: decorator
@inline function placeCarries<T>(carries: T): u64 {
  return ((<u64>carries << (64 - sizeof<T>() * 8)) & (CARRY | CARRY_IN)) | (<u64>carries & 8);
}

/** Flags of a + b (+ carry) = result. */
// @ts-ignore: decorator
@inline export function setFlagsAdd<T>(a: T, b: T, result: T): void {
  store<u64>(FLAG_RESULT, signExtend<T>(result));
  store<u64>(FLAG_CARRIES, placeCarries<T>(<T>((a & b) | ((a | b) & ~result))));
}

/** Flags of a - b (- borrow) = result. */
// @ts-ignore: decorator
@inline export function setFlagsSub<T>(a: T, b: T, result: T): void {
  store<u64>(FLAG_RESULT, signExtend<T>(result));
  store<u64>(FLAG_CARRIES, placeCarries<T>(<T>((~a & b) | (~(a ^ b) & result))));
}

/** Flags of AND, OR, XOR, TEST: CF, OF and AF clear. */
// @ts-ignore: decorator
@inline export function setFlagsLogic<T>(result: T): void {
  store<u64>(FLAG_RESULT, signExtend<T>(result));
  store<u64>(FLAG_CARRIES, 0);
}

/** Flags of INC and DEC: as setFlagsAdd or setFlagsSub of 1, but CF stays. */
// @ts-ignore: decorator
@inline export function setFlagsIncDec<T>(result: T, overflow: bool, auxiliary: bool): void {
  const cf = load<u64>(FLAG_CARRIES) & CARRY;
  store<u64>(FLAG_RESULT, signExtend<T>(result));
  store<u64>(FLAG_CARRIES, cf | ((cf >> 1) ^ (<u64>overflow << 62)) | (<u64>auxiliary << 3));
}

/** Flags from a result, and CF and OF given; AF clear. */
// @ts-ignore: decorator
@inline export function setFlagsResult<T>(result: T, cf: u32, overflow: u32): void {
  store<u64>(FLAG_RESULT, signExtend<T>(result));
  store<u64>(FLAG_CARRIES, (<u64>(cf & 1) << 63) | (<u64>((cf ^ overflow) & 1) << 62));
}

/** Condition codes 0..15 as in Jcc, SETcc and CMOVcc. */
// @ts-ignore: decorator
@inline export function condition(code: u32): bool {
  let holds: u32;
  switch (code >> 1) {
    case 0: holds = getOF(); break;
    case 1: holds = getCF(); break;
    case 2: holds = getZF(); break;
    case 3: holds = getCF() | getZF(); break;
    case 4: holds = getSF(); break;
    case 5: holds = getPF(); break;
    case 6: holds = getSF() ^ getOF(); break;
    default: holds = (getSF() ^ getOF()) | getZF(); break;
  }
  return (holds ^ (code & 1)) != 0;
}
