// Arithmetic and logic in translated code. Each emitter returns false, having written nothing, for a form that it
// leaves to the interpreter's handler.

import { OP_CODE, OP_WIDTH, immediate, modrmReg } from "../decode/instruction";
import { RAX } from "../state";
import { pushCondition } from "./conditions";
import { LOCAL_A, LOCAL_B, LOCAL_RESULT } from "./context";
import { setFlags } from "./flags";
import { flagsAreDead } from "./liveness";
import { emitDivide, emitMultiplyAccumulator } from "./multiply";
import {
  canRm,
  mask,
  popReg,
  popRegister,
  pushReg,
  pushRegister,
  pushRm,
  pushRmForModification,
  storeRmModified,
} from "./operands";
import { KIND_ADC, KIND_ADD, KIND_DEC, KIND_INC, KIND_LOGIC, KIND_SBB, KIND_SUB } from "./support";
import {
  I64_ADD,
  I64_AND,
  I64_EXTEND_I32_U,
  I64_OR,
  I64_SUB,
  I64_XOR,
  byte,
  i64Const,
  localGet,
  localSet,
  localTee,
} from "./wasm";

/** log2 of an instruction's operand width. */
// @ts-ignore: decorator
@inline export function sizeOf(op: u32): u32 { return 31 - clz<u32>(load<u8>(op, OP_WIDTH)); }

const OR: u32 = 1;
const ADC: u32 = 2;
const SBB: u32 = 3;
const AND: u32 = 4;
const SUB: u32 = 5;
const XOR: u32 = 6;
const CMP: u32 = 7;

/** Result of LOCAL_A and LOCAL_B into LOCAL_RESULT. */
function compute(operation: u32, size: u32): void {
  if (operation == ADC || operation == SBB) {
    localGet(LOCAL_A);
    localGet(LOCAL_B);
    byte(operation == ADC ? I64_ADD : I64_SUB);
    pushCondition(2);
    byte(I64_EXTEND_I32_U);
    byte(operation == ADC ? I64_ADD : I64_SUB);
    mask(size);
  } else {
    localGet(LOCAL_A);
    localGet(LOCAL_B);
    switch (operation) {
      case OR:
        byte(I64_OR);
        break;
      case AND:
        byte(I64_AND);
        break;
      case XOR:
        byte(I64_XOR);
        break;
      default:
        byte(operation == 0 ? I64_ADD : I64_SUB);
        mask(size);
    }
  }
  localSet(LOCAL_RESULT);
}

function kindOf(operation: u32): u32 {
  switch (operation) {
    case 0:
      return KIND_ADD;
    case ADC:
      return KIND_ADC;
    case SBB:
      return KIND_SBB;
    case SUB:
    case CMP:
      return KIND_SUB;
    default:
      return KIND_LOGIC;
  }
}

/** r/m is the destination; LOCAL_B has the source. */
function binaryRm(op: u32, operation: u32, size: u32, kind: u32): void {
  if (operation == CMP) {
    pushRm(op, size);
    localSet(LOCAL_A);
    compute(operation, size);
  } else {
    pushRmForModification(op, size);
    localSet(LOCAL_A);
    compute(operation, size);
    storeRmModified(op, size);
  }
  if (!flagsAreDead()) setFlags(kind, size);
}

/** Opcodes 00..3D but the columns 6 and 7: ADD OR ADC SBB AND SUB XOR CMP. */
export function emitBinary(op: u32): bool {
  const code: u32 = load<u16>(op, OP_CODE);
  const operation = code >> 3;
  const size = sizeOf(op);
  switch (code & 7) {
    case 0:
    case 1:
      if (!canRm(op, operation != CMP)) return false;
      pushReg(op, size);
      localSet(LOCAL_B);
      binaryRm(op, operation, size, kindOf(operation));
      return true;
    case 2:
    case 3:
      if (!canRm(op, false)) return false;
      pushRm(op, size);
      localSet(LOCAL_B);
      pushReg(op, size);
      localSet(LOCAL_A);
      compute(operation, size);
      if (operation != CMP) {
        localGet(LOCAL_RESULT);
        popReg(op, size);
      }
      break;
    case 4:
    case 5:
      pushImmediate(op, size);
      localSet(LOCAL_B);
      pushRegister(RAX, size);
      localSet(LOCAL_A);
      compute(operation, size);
      if (operation != CMP) {
        localGet(LOCAL_RESULT);
        popRegister(RAX, size);
      }
      break;
    default:
      return false;
  }
  if (!flagsAreDead()) setFlags(kindOf(operation), size);
  return true;
}

/** Pushes the immediate, zero-extended from the operand's width. */
export function pushImmediate(op: u32, size: u32): void {
  const value = immediate(op);
  i64Const(size == 3 ? value : value & (((<i64>1) << (8 << size)) - 1));
}

/** 80, 81, 83. */
export function emitBinaryImmediate(op: u32): bool {
  const operation = modrmReg(op);
  const size = sizeOf(op);
  if (!canRm(op, operation != CMP)) return false;
  pushImmediate(op, size);
  localSet(LOCAL_B);
  // With 0 nothing carries: flags as of a logical operation, which are less to keep.
  const carriesNot = immediate(op) == 0 && operation != ADC && operation != SBB;
  binaryRm(op, operation, size, carriesNot ? KIND_LOGIC : kindOf(operation));
  return true;
}

function test(size: u32): void {
  localSet(LOCAL_A);
  compute(AND, size);
  if (!flagsAreDead()) setFlags(KIND_LOGIC, size);
}

/** 84, 85, A8, A9, and /0 and /1 of F6 and F7. */
export function emitTest(op: u32): bool {
  const code: u32 = load<u16>(op, OP_CODE);
  const size = sizeOf(op);
  const accumulator = code == 0xa8 || code == 0xa9;
  if (!accumulator && !canRm(op, false)) return false;
  if (code == 0x84 || code == 0x85) pushReg(op, size);
  else pushImmediate(op, size);
  localSet(LOCAL_B);
  if (accumulator) pushRegister(RAX, size);
  else pushRm(op, size);
  test(size);
  return true;
}

/** INC and DEC of r/m, and 40..4F of the register operand. */
export function emitIncDec(op: u32, decrement: bool, short: bool): bool {
  const size = sizeOf(op);
  if (!short && !canRm(op, true)) return false;
  const dead = flagsAreDead();
  if (!dead) {
    // The carry stays.
    pushCondition(2);
    byte(I64_EXTEND_I32_U);
    localSet(LOCAL_B);
  }
  if (short) pushReg(op, size);
  else pushRmForModification(op, size);
  localTee(LOCAL_A);
  i64Const(1);
  byte(decrement ? I64_SUB : I64_ADD);
  mask(size);
  localSet(LOCAL_RESULT);
  if (short) {
    localGet(LOCAL_RESULT);
    popReg(op, size);
  } else storeRmModified(op, size);
  if (!dead) setFlags(decrement ? KIND_DEC : KIND_INC, size);
  return true;
}

/** F6 and F7: TEST, NOT, NEG, MUL, IMUL, DIV, IDIV. */
export function emitGroup3(op: u32): bool {
  const operation = modrmReg(op);
  if (operation < 2) return emitTest(op);
  if (operation == 4 || operation == 5) return emitMultiplyAccumulator(op, operation == 5);
  if (operation > 5) return emitDivide(op, operation == 7);
  if (!canRm(op, true)) return false;
  const size = sizeOf(op);
  pushRmForModification(op, size);
  localSet(LOCAL_B);
  if (operation == 2) {
    localGet(LOCAL_B);
    i64Const(-1);
    byte(I64_XOR);
    mask(size);
    localSet(LOCAL_RESULT);
    storeRmModified(op, size);
    return true;
  }
  i64Const(0);
  localSet(LOCAL_A);
  compute(SUB, size);
  storeRmModified(op, size);
  if (!flagsAreDead()) setFlags(KIND_SUB, size);
  return true;
}
