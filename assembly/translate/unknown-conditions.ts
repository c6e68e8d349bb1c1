// Condition codes where the kind of the pending flags is known only at run time: the zero, sign and parity flags follow
// all the same, and of the carry the frequent cases; the rest is asked of the core.

import { LOCAL_FLAG_A, LOCAL_FLAG_B, LOCAL_FLAG_KIND, LOCAL_FLAG_RESULT } from "./context";
import { readFlags } from "./flags";
import { FUNCTION_CONDITION } from "./module";
import { KIND_SUB } from "./support";
import {
  ELSE,
  END,
  I32_AND,
  I32_EQ,
  I32_EQZ,
  I32_OR,
  I32_SHL,
  I32_SUB,
  I32_WRAP_I64,
  I64_EXTEND_I32_U,
  I64_LT_U,
  I64_SHR_U,
  I64_XOR,
  IF,
  SELECT,
  TYPE_I32,
  byte,
  call,
  i32Const,
  i64Const,
  localGet,
} from "./wasm";
import { CARRY, CARRY_OR_ZERO, PARITY, SIGN, ZERO, pushRawSign, pushZero, takeBit, takeParity } from "./conditions";

function pushIsKind(kind: u32): void {
  localGet(LOCAL_FLAG_KIND);
  i32Const(~3);
  byte(I32_AND);
  i32Const(kind);
  byte(I32_EQ);
}

export function pushOfUnknown(condition: u32): void {
  readFlags();
  switch (condition) {
    case ZERO:
      pushZero();
      break;
    case SIGN:
      // The top bit by the kind's width; or raw, where the result is sign-extended.
      pushRawSign();
      localGet(LOCAL_FLAG_RESULT);
      i32Const(8);
      localGet(LOCAL_FLAG_KIND);
      i32Const(3);
      byte(I32_AND);
      byte(I32_SHL);
      i32Const(1);
      byte(I32_SUB);
      byte(I64_EXTEND_I32_U);
      byte(I64_SHR_U);
      byte(I32_WRAP_I64);
      localGet(LOCAL_FLAG_KIND);
      byte(I32_EQZ);
      byte(SELECT);
      break;
    case PARITY:
      localGet(LOCAL_FLAG_RESULT);
      localGet(LOCAL_FLAG_A);
      i64Const(8);
      byte(I64_SHR_U);
      i64Const(0);
      localGet(LOCAL_FLAG_KIND);
      byte(I32_EQZ);
      byte(SELECT);
      byte(I64_XOR);
      takeParity();
      break;
    case CARRY:
      pushUnknownCarry();
      break;
    case CARRY_OR_ZERO:
      pushUnknownCarry();
      pushZero();
      byte(I32_OR);
      break;
    default:
      pushAsked(condition);
  }
}

/** Where most conditions come from: a comparison, then what a handler or a shift left, then a counter. */
function pushUnknownCarry(): void {
  pushIsKind(KIND_SUB);
  byte(IF);
  byte(TYPE_I32);
  localGet(LOCAL_FLAG_A);
  localGet(LOCAL_FLAG_B);
  byte(I64_LT_U);
  byte(ELSE);
  localGet(LOCAL_FLAG_KIND);
  byte(I32_EQZ);
  byte(IF);
  byte(TYPE_I32);
  localGet(LOCAL_FLAG_A);
  takeBit(63);
  byte(ELSE);
  pushAsked(CARRY);
  byte(END);
  byte(END);
}

function pushAsked(condition: u32): void {
  i32Const(condition << 1);
  call(FUNCTION_CONDITION);
}
