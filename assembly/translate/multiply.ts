// MUL, IMUL, DIV and IDIV in translated code. As execute/multiply.ts has it: CF and OF say whether the upper half
// matters, the other flags follow the lower half; divisions keep the flags.

import { OP_CODE, isRegister } from "../decode/instruction";
import { RAX, RDX } from "../state";
import { LOCAL_A, LOCAL_B, LOCAL_FLAG_A, LOCAL_FLAG_RESULT, LOCAL_RESULT, enterLabel, leaveLabel } from "./context";
import { noteKind, signExtend } from "./flags";
import { emitHandlerAside, registerSet } from "./handler";
import { pushImmediate, sizeOf } from "./integer";
import { flagsAreDead } from "./liveness";
import { FUNCTION_MULTIPLY_HIGH, FUNCTION_MULTIPLY_HIGH_SIGNED } from "./module";
import { canRm, mask, popReg, popRegister, pushReg, pushRegister, pushRm } from "./operands";
import { KIND_RAW } from "./support";
import {
  ELSE,
  END,
  I32_AND,
  I64_DIV_S,
  I64_DIV_U,
  I64_EQ,
  I64_EQZ,
  I64_EXTEND_I32_U,
  I64_GT_U,
  I64_LT_U,
  I64_MUL,
  I64_NE,
  I64_OR,
  I64_REM_S,
  I64_REM_U,
  I64_SHL,
  I64_SHR_S,
  I64_SHR_U,
  I64_ADD,
  IF,
  TYPE_VOID,
  byte,
  call,
  i64Const,
  localGet,
  localSet,
  localTee,
} from "./wasm";

/** Flags of a product: LOCAL_RESULT is its lower half, and the i32 on the stack whether the upper one matters. */
function productFlags(size: u32): void {
  byte(I64_EXTEND_I32_U);
  i64Const(63);
  byte(I64_SHL);
  localSet(LOCAL_FLAG_A);
  localGet(LOCAL_RESULT);
  signExtend(size);
  localSet(LOCAL_FLAG_RESULT);
  noteKind(KIND_RAW);
}

function pushOperand(local: u32, size: u32, isSigned: bool): void {
  localGet(local);
  if (isSigned) signExtend(size);
}

/** F7 /4 and /5, of 32 and 64 bits: RDX:RAX is the product of RAX and r/m. */
export function emitMultiplyAccumulator(op: u32, isSigned: bool): bool {
  const size = sizeOf(op);
  if (size < 2 || !canRm(op, false)) return false;
  const dead = flagsAreDead();
  pushRm(op, size);
  localSet(LOCAL_B);
  pushRegister(RAX, size);
  localSet(LOCAL_A);
  pushOperand(LOCAL_A, size, isSigned);
  pushOperand(LOCAL_B, size, isSigned);
  byte(I64_MUL);
  localSet(LOCAL_RESULT);
  if (size == 3) {
    localGet(LOCAL_A);
    localGet(LOCAL_B);
    call(isSigned ? FUNCTION_MULTIPLY_HIGH_SIGNED : FUNCTION_MULTIPLY_HIGH);
  } else {
    localGet(LOCAL_RESULT);
    i64Const(32);
    byte(I64_SHR_U);
    localGet(LOCAL_RESULT);
    mask(size);
    localSet(LOCAL_RESULT);
  }
  popRegister(RDX, size);
  localGet(LOCAL_RESULT);
  popRegister(RAX, size);
  if (dead) return true;
  // The upper half matters unless it is what extending the lower one gives.
  pushRegister(RDX, size);
  if (isSigned) {
    localGet(LOCAL_RESULT);
    signExtend(size);
    i64Const(63);
    byte(I64_SHR_S);
    mask(size);
  } else i64Const(0);
  byte(I64_NE);
  productFlags(size);
  return true;
}

/** 0F AF, 69, 6B, of 32 and 64 bits. */
export function emitMultiply(op: u32): bool {
  const size = sizeOf(op);
  if (size < 2 || !canRm(op, false)) return false;
  const dead = flagsAreDead();
  pushRm(op, size);
  localSet(LOCAL_B);
  if (<u32>load<u16>(op, OP_CODE) == 0x1af) pushReg(op, size);
  else pushImmediate(op, size);
  localSet(LOCAL_A);
  pushOperand(LOCAL_A, size, true);
  pushOperand(LOCAL_B, size, true);
  byte(I64_MUL);
  localTee(LOCAL_RESULT);
  mask(size);
  popReg(op, size);
  if (dead) return true;
  if (size == 3) {
    localGet(LOCAL_A);
    localGet(LOCAL_B);
    call(FUNCTION_MULTIPLY_HIGH_SIGNED);
    localGet(LOCAL_RESULT);
    i64Const(63);
    byte(I64_SHR_S);
  } else {
    localGet(LOCAL_RESULT);
    localGet(LOCAL_RESULT);
    signExtend(size);
  }
  byte(I64_NE);
  productFlags(size);
  return true;
}

/** F7 /6 and /7, of 32 and 64 bits: inline where the dividend's upper half only extends the lower one (or, unsigned
 * and 32 bits, where the quotient fits), else by the handler, which knows the rest and the faults. */
export function emitDivide(op: u32, isSigned: bool): bool {
  const size = sizeOf(op);
  // The handler would read a divisor in memory once more, and a device notices.
  if (size < 2 || !isRegister(op)) return false;
  pushRm(op, size);
  if (isSigned) signExtend(size);
  localSet(LOCAL_B);
  pushRegister(RAX, size);
  if (isSigned) signExtend(size);
  localSet(LOCAL_A);
  pushRegister(RDX, size);
  if (isSigned) {
    localGet(LOCAL_A);
    i64Const(63);
    byte(I64_SHR_S);
    mask(size);
    byte(I64_EQ);
    // Neither 0 nor -1.
    localGet(LOCAL_B);
    i64Const(1);
    byte(I64_ADD);
    i64Const(1);
    byte(I64_GT_U);
    byte(I32_AND);
  } else if (size == 2) {
    localGet(LOCAL_B);
    byte(I64_LT_U);
  } else {
    byte(I64_EQZ);
    localGet(LOCAL_B);
    i64Const(0);
    byte(I64_NE);
    byte(I32_AND);
  }
  byte(IF);
  byte(TYPE_VOID);
  if (!isSigned && size == 2) {
    pushRegister(RDX, size);
    i64Const(32);
    byte(I64_SHL);
    localGet(LOCAL_A);
    byte(I64_OR);
    localSet(LOCAL_A);
  }
  localGet(LOCAL_A);
  localGet(LOCAL_B);
  byte(isSigned ? I64_DIV_S : I64_DIV_U);
  mask(size);
  popRegister(RAX, size);
  localGet(LOCAL_A);
  localGet(LOCAL_B);
  byte(isSigned ? I64_REM_S : I64_REM_U);
  mask(size);
  popRegister(RDX, size);
  byte(ELSE);
  enterLabel();
  emitHandlerAside(op, registerSet(RAX) | registerSet(RDX));
  leaveLabel();
  byte(END);
  return true;
}
