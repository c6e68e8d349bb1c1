// Condition codes in translated code, straight from the operands and the result that an operation left pending. Where
// its kind is known only at run time, the zero, sign and parity flags follow all the same, and of the carry the
// frequent cases; the rest is asked of the core.

import { KIND_UNKNOWN, LOCAL_FLAG_A, LOCAL_FLAG_B, LOCAL_FLAG_RESULT, flagKind } from "./context";
import { gatherFlags, signExtend } from "./flags";
import { KIND_ADD, KIND_DEC, KIND_INC, KIND_LOGIC, KIND_RAW, KIND_SBB, KIND_SUB } from "./support";
import {
  I32_AND,
  I32_EQZ,
  I32_OR,
  I32_WRAP_I64,
  I32_XOR,
  I64_ADD,
  I64_AND,
  I64_EQ,
  I64_EQZ,
  I64_LE_S,
  I64_LE_U,
  I64_LT_S,
  I64_LT_U,
  I64_OR,
  I64_POPCNT,
  I64_SHR_U,
  I64_XOR,
  byte,
  i32Const,
  i64Const,
  localGet,
} from "./wasm";
import { pushOfUnknown } from "./unknown-conditions";

/** Condition codes without their lowest bit, which negates, halved. */
const OVERFLOW: u32 = 0;

export const CARRY: u32 = 1;

export const ZERO: u32 = 2;

export const CARRY_OR_ZERO: u32 = 3;

export const SIGN: u32 = 4;

export const PARITY: u32 = 5;

const LESS: u32 = 6;

/** Pushes 0 or 1 (i32): a condition code, 0..15. */
export function pushCondition(code: u32): void {
  const condition = code >> 1;
  gatherFlags();
  if (flagKind == KIND_UNKNOWN) pushOfUnknown(condition);
  else if (flagKind == KIND_RAW) pushOfRaw(condition);
  else pushOfKind(condition, flagKind & ~3, flagKind & 3);
  if ((code & 1) != 0) byte(I32_EQZ);
}

export function pushZero(): void {
  localGet(LOCAL_FLAG_RESULT);
  byte(I64_EQZ);
}

/** Bit n of the i64 on the stack, as i32; nothing is above it but in bits that the caller masks. */
export function takeBit(n: u32): void {
  i64Const(n);
  byte(I64_SHR_U);
  byte(I32_WRAP_I64);
}

export function takeParity(): void {
  i64Const(0xff);
  byte(I64_AND);
  byte(I64_POPCNT);
  byte(I32_WRAP_I64);
  i32Const(1);
  byte(I32_AND);
  byte(I32_EQZ);
}

// Of FLAG_RESULT and FLAG_CARRIES, as execute/flags.ts has them.

export function pushRawSign(): void {
  localGet(LOCAL_FLAG_RESULT);
  takeBit(63);
  localGet(LOCAL_FLAG_A);
  byte(I32_WRAP_I64);
  i32Const(1);
  byte(I32_AND);
  byte(I32_XOR);
}

function pushRawOverflow(): void {
  localGet(LOCAL_FLAG_A);
  i64Const((<i64>1) << 62);
  byte(I64_ADD);
  takeBit(63);
}

function pushOfRaw(condition: u32): void {
  switch (condition) {
    case OVERFLOW:
      pushRawOverflow();
      break;
    case CARRY:
      localGet(LOCAL_FLAG_A);
      takeBit(63);
      break;
    case ZERO:
      pushZero();
      break;
    case CARRY_OR_ZERO:
      localGet(LOCAL_FLAG_A);
      takeBit(63);
      pushZero();
      byte(I32_OR);
      break;
    case SIGN:
      pushRawSign();
      break;
    case PARITY:
      localGet(LOCAL_FLAG_RESULT);
      localGet(LOCAL_FLAG_A);
      i64Const(8);
      byte(I64_SHR_U);
      byte(I64_XOR);
      takeParity();
      break;
    default:
      pushRawSign();
      pushRawOverflow();
      byte(I32_XOR);
      if (condition == LESS) break;
      pushZero();
      byte(I32_OR);
  }
}

// Of operands and results.

function pushSigned(local: u32, size: u32): void {
  localGet(local);
  signExtend(size);
}

function pushSign(size: u32): void {
  localGet(LOCAL_FLAG_RESULT);
  takeBit((8 << size) - 1);
}

/** Pushes (i64) what is carried out of each bit of ADD and ADC, or borrowed by each bit of SUB and SBB. */
export function pushCarries(subtract: bool): void {
  // Of a sum: both operands have the bit, or one of them has and the result has not. Of a difference: the first has it
  // not but the second has, or they are equal there and the result has it.
  localGet(LOCAL_FLAG_A);
  if (subtract) {
    i64Const(-1);
    byte(I64_XOR);
  }
  localGet(LOCAL_FLAG_B);
  byte(I64_AND);
  localGet(LOCAL_FLAG_A);
  localGet(LOCAL_FLAG_B);
  byte(subtract ? I64_XOR : I64_OR);
  if (subtract) {
    i64Const(-1);
    byte(I64_XOR);
    localGet(LOCAL_FLAG_RESULT);
  } else {
    localGet(LOCAL_FLAG_RESULT);
    i64Const(-1);
    byte(I64_XOR);
  }
  byte(I64_AND);
  byte(I64_OR);
}

function pushCarry(kind: u32, size: u32): void {
  switch (kind) {
    case KIND_ADD:
      localGet(LOCAL_FLAG_RESULT);
      localGet(LOCAL_FLAG_A);
      byte(I64_LT_U);
      break;
    case KIND_SUB:
      localGet(LOCAL_FLAG_A);
      localGet(LOCAL_FLAG_B);
      byte(I64_LT_U);
      break;
    case KIND_LOGIC:
      i32Const(0);
      break;
    case KIND_INC:
    case KIND_DEC:
      localGet(LOCAL_FLAG_B);
      byte(I32_WRAP_I64);
      break;
    default:
      pushCarries(kind == KIND_SBB);
      i64Const((8 << size) - 1);
      byte(I64_SHR_U);
      byte(I32_WRAP_I64);
      i32Const(1);
      byte(I32_AND);
  }
}

/** Least value of a signed operand, zero-extended. */
// @ts-ignore: decorator
@inline function leastSigned(size: u32): i64 { return (<i64>1) << ((8 << size) - 1); }

/** Pushes (i64) a value whose top bit, by the width, is OF: the result's sign is not what those of the operands make. */
function pushSignChange(kind: u32): void {
  const subtract = kind == KIND_SUB || kind == KIND_SBB;
  localGet(LOCAL_FLAG_A);
  localGet(subtract ? LOCAL_FLAG_B : LOCAL_FLAG_RESULT);
  byte(I64_XOR);
  localGet(subtract ? LOCAL_FLAG_A : LOCAL_FLAG_B);
  localGet(LOCAL_FLAG_RESULT);
  byte(I64_XOR);
  byte(I64_AND);
}

/** Pushes OF (i32). */
export function pushOverflow(kind: u32, size: u32): void {
  switch (kind) {
    case KIND_LOGIC:
      i32Const(0);
      break;
    case KIND_INC:
    case KIND_DEC:
      localGet(kind == KIND_INC ? LOCAL_FLAG_RESULT : LOCAL_FLAG_A);
      i64Const(leastSigned(size));
      byte(I64_EQ);
      break;
    default:
      pushSignChange(kind);
      takeBit((8 << size) - 1);
  }
}

/** The true result, of unbounded width, is below zero; or zero, if so wanted. */
function pushLess(kind: u32, size: u32, orZero: bool): void {
  switch (kind) {
    case KIND_SUB:
      pushSigned(LOCAL_FLAG_A, size);
      pushSigned(LOCAL_FLAG_B, size);
      byte(orZero ? I64_LE_S : I64_LT_S);
      return;
    case KIND_LOGIC:
      pushSigned(LOCAL_FLAG_RESULT, size);
      i64Const(0);
      byte(orZero ? I64_LE_S : I64_LT_S);
      return;
    case KIND_INC:
    case KIND_DEC:
      pushSigned(LOCAL_FLAG_A, size);
      i64Const(kind == KIND_INC ? -1 : 1);
      byte(orZero ? I64_LE_S : I64_LT_S);
      return;
    default:
      pushSignChange(kind);
      localGet(LOCAL_FLAG_RESULT);
      byte(I64_XOR);
      takeBit((8 << size) - 1);
      if (!orZero) return;
      pushZero();
      byte(I32_OR);
  }
}

function pushOfKind(condition: u32, kind: u32, size: u32): void {
  switch (condition) {
    case OVERFLOW:
      pushOverflow(kind, size);
      break;
    case CARRY:
      pushCarry(kind, size);
      break;
    case ZERO:
      pushZero();
      break;
    case CARRY_OR_ZERO:
      if (kind == KIND_SUB) {
        localGet(LOCAL_FLAG_A);
        localGet(LOCAL_FLAG_B);
        byte(I64_LE_U);
        break;
      }
      pushCarry(kind, size);
      pushZero();
      byte(I32_OR);
      break;
    case SIGN:
      pushSign(size);
      break;
    case PARITY:
      localGet(LOCAL_FLAG_RESULT);
      takeParity();
      break;
    default:
      pushLess(kind, size, condition != LESS);
  }
}

// Of what is known at run time only.
