// Integer instructions in translated code. Each emitter returns false, having written nothing, for a form that it
// leaves to the interpreter's handler.

import { OP_CODE, OP_WIDTH, immediate, isRegister, modrmReg, regAddress, rmAddress } from "../decode/instruction";
import { RAX, RCX, RDX } from "../state";
import { LOCAL_A, LOCAL_B, LOCAL_FLAG_A, LOCAL_FLAG_RESULT, LOCAL_RESULT, KIND_UNKNOWN, setFlagKind } from "./context";
import { flagsAreDead, noteKind, pushCondition, setFlags, signExtend } from "./flags";
import {
  canAddress,
  canRm,
  computeAddress,
  mask,
  popReg,
  popRegister,
  pushOffset,
  pushReg,
  pushRegister,
  pushRm,
  pushRmForModification,
  storeRmModified,
  writeMemory,
} from "./operands";
import { emitDivide, emitMultiplyAccumulator } from "./multiply";
import { KIND_ADC, KIND_ADD, KIND_DEC, KIND_INC, KIND_LOGIC, KIND_RAW, KIND_SBB, KIND_SUB } from "./support";
import {
  END,
  I32_EQZ,
  I64_ADD,
  I64_AND,
  I64_EQZ,
  I64_EXTEND_I32_U,
  I64_OR,
  I64_ROTL,
  I64_SHL,
  I64_SHR_S,
  I64_SHR_U,
  I64_SUB,
  I64_XOR,
  IF,
  SELECT,
  TYPE_VOID,
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
function binaryRm(op: u32, operation: u32, size: u32): void {
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
  if (!flagsAreDead()) setFlags(kindOf(operation), size);
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
      binaryRm(op, operation, size);
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
  binaryRm(op, operation, size);
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

/** 88..8B, C6, C7. */
export function emitMove(op: u32): bool {
  const code: u32 = load<u16>(op, OP_CODE);
  const size = sizeOf(op);
  const reads = code == 0x8a || code == 0x8b;
  if (!canRm(op, !reads)) return false;
  if (reads) {
    pushRm(op, size);
    popReg(op, size);
    return true;
  }
  if (code == 0x88 || code == 0x89) pushReg(op, size);
  else pushImmediate(op, size);
  if (isRegister(op)) popRegister(rmAddress(op), size);
  else {
    localSet(LOCAL_A);
    computeAddress(op);
    writeMemory(size, LOCAL_A);
  }
  return true;
}

/** B0..BF. */
export function emitMoveImmediate(op: u32): bool {
  const size = sizeOf(op);
  pushImmediate(op, size);
  popReg(op, size);
  return true;
}

/** MOVZX, MOVSX from `source` bytes (log2); MOVSXD. */
export function emitExtend(op: u32, source: u32, isSigned: bool): bool {
  if (!canRm(op, false)) return false;
  const size = sizeOf(op);
  pushRm(op, source);
  if (isSigned) {
    signExtend(source);
    mask(size);
  }
  popReg(op, size);
  return true;
}

/** LEA. */
export function emitLea(op: u32): bool {
  // It reads no memory, but 16-bit addresses are the handler's.
  if (isRegister(op) || !canAddress(op, false)) return false;
  const size = sizeOf(op);
  pushOffset(op);
  mask(size);
  popReg(op, size);
  return true;
}

/** C0, C1, D0, D1, D2, D3: shifts, and rotates whose flags nobody sees. */
export function emitShift(op: u32): bool {
  const code: u32 = load<u16>(op, OP_CODE);
  const size = sizeOf(op);
  const bits: u32 = 8 << size;
  const operation = modrmReg(op);
  const dead = flagsAreDead();
  if (!canRm(op, true) || operation == 2 || operation == 3) return false;
  if (code >= 0xd2) {
    if (size < 2 || operation < 4) return false;
    emitShiftByCl(op, operation, size, dead);
    return true;
  }
  const count: u32 = code >= 0xd0 ? 1 : <u32>immediate(op) & (size == 3 ? 63 : 31);
  if (count == 0 || count >= bits) return false;
  if (operation < 2) {
    if (!dead || size < 2) return false;
    emitRotate(op, operation == 0 ? count : bits - count, size);
    return true;
  }
  pushRmForModification(op, size);
  localSet(LOCAL_A);
  localGet(LOCAL_A);
  if (operation == 5) {
    i64Const(count);
    byte(I64_SHR_U);
  } else if (operation == 7) {
    signExtend(size);
    i64Const(count);
    byte(I64_SHR_S);
    mask(size);
  } else {
    i64Const(count);
    byte(I64_SHL);
    mask(size);
  }
  localSet(LOCAL_RESULT);
  storeRmModified(op, size);
  if (!dead) shiftFlags(operation, count, bits, size);
  return true;
}

/** Flags of a shift by a known count. */
function shiftFlags(operation: u32, count: u32, bits: u32, size: u32): void {
  // The carry: the last bit that went out.
  localGet(LOCAL_A);
  i64Const(operation == 4 || operation == 6 ? bits - count : count - 1);
  byte(I64_SHR_U);
  i64Const(1);
  byte(I64_AND);
  localSet(LOCAL_B);
  rawFlags(operation, size);
}

/** Flags of a shift from LOCAL_A, LOCAL_RESULT and the carry in LOCAL_B: FLAG_CARRIES has the carry in bit 63, and the
 * carry xor the overflow in bit 62. */
function rawFlags(operation: u32, size: u32): void {
  const top = (8 << size) - 1;
  localGet(LOCAL_B);
  i64Const(63);
  byte(I64_SHL);
  // Left: OF is the top bit xor the carry, so that it is the top bit. SHR: OF is the old top bit. SAR: 0.
  if (operation == 4 || operation == 6) {
    localGet(LOCAL_RESULT);
    i64Const(top);
    byte(I64_SHR_U);
  } else {
    localGet(LOCAL_B);
    if (operation == 5) {
      localGet(LOCAL_A);
      i64Const(top);
      byte(I64_SHR_U);
      byte(I64_XOR);
    }
  }
  i64Const(62);
  byte(I64_SHL);
  byte(I64_OR);
  localSet(LOCAL_FLAG_A);
  localGet(LOCAL_RESULT);
  signExtend(size);
  localSet(LOCAL_FLAG_RESULT);
  noteKind(KIND_RAW);
}

/** By CL, of 32 and 64 bits. A count of 0 keeps the flags. */
function emitShiftByCl(op: u32, operation: u32, size: u32, dead: bool): void {
  const left = operation == 4 || operation == 6;
  pushRmForModification(op, size);
  if (operation == 7) signExtend(size);
  localSet(LOCAL_A);
  pushRegister(RCX, 0);
  i64Const(size == 3 ? 63 : 31);
  byte(I64_AND);
  localSet(LOCAL_B);
  localGet(LOCAL_A);
  localGet(LOCAL_B);
  byte(operation == 5 ? I64_SHR_U : operation == 7 ? I64_SHR_S : I64_SHL);
  mask(size);
  localSet(LOCAL_RESULT);
  storeRmModified(op, size);
  if (dead) return;
  localGet(LOCAL_B);
  byte(I64_EQZ);
  byte(I32_EQZ);
  byte(IF);
  byte(TYPE_VOID);
  // The carry: the last bit that went out. Counts up to 63 only, so 64 - count and count - 1 are in range.
  localGet(LOCAL_A);
  if (left) {
    i64Const(8 << size);
    localGet(LOCAL_B);
    byte(I64_SUB);
  } else {
    localGet(LOCAL_B);
    i64Const(1);
    byte(I64_SUB);
  }
  byte(I64_SHR_U);
  i64Const(1);
  byte(I64_AND);
  localSet(LOCAL_B);
  rawFlags(operation, size);
  byte(END);
  setFlagKind(KIND_UNKNOWN);
}

/** Rotates left by `count`, 1 up to the width less 1; no flags. */
function emitRotate(op: u32, count: u32, size: u32): void {
  pushRmForModification(op, size);
  if (size == 3) {
    i64Const(count);
    byte(I64_ROTL);
  } else {
    localTee(LOCAL_A);
    i64Const(count);
    byte(I64_SHL);
    localGet(LOCAL_A);
    i64Const(32 - count);
    byte(I64_SHR_U);
    byte(I64_OR);
    mask(2);
  }
  localSet(LOCAL_RESULT);
  storeRmModified(op, size);
}

/** CMOVcc: the source is read, and a 32-bit destination cleared above, whether the condition holds or not. */
export function emitConditionalMove(op: u32, code: u32): bool {
  if (!canRm(op, false)) return false;
  const size = sizeOf(op);
  pushRm(op, size);
  pushReg(op, size);
  pushCondition(code);
  byte(SELECT);
  popReg(op, size);
  return true;
}

/** SETcc. */
export function emitSet(op: u32, code: u32): bool {
  if (!canRm(op, true)) return false;
  pushCondition(code);
  byte(I64_EXTEND_I32_U);
  if (isRegister(op)) popRegister(rmAddress(op), 0);
  else {
    localSet(LOCAL_A);
    computeAddress(op);
    writeMemory(0, LOCAL_A);
  }
  return true;
}

/** 98: CBW CWDE CDQE. */
export function emitConvert(op: u32): bool {
  const size = sizeOf(op);
  pushRegister(RAX, size - 1);
  signExtend(size - 1);
  mask(size);
  popRegister(RAX, size);
  return true;
}

/** 99: CWD CDQ CQO. */
export function emitConvertDouble(op: u32): bool {
  const size = sizeOf(op);
  pushRegister(RAX, size);
  signExtend(size);
  i64Const(63);
  byte(I64_SHR_S);
  mask(size);
  popRegister(RDX, size);
  return true;
}

/** 87 and 90..97 between registers. */
export function emitExchange(op: u32): bool {
  const code: u32 = load<u16>(op, OP_CODE);
  const short = code >= 0x90;
  if (!short && !isRegister(op)) return false;
  const size = sizeOf(op);
  const other = short ? RAX : rmAddress(op);
  pushRegister(regAddress(op), size);
  localSet(LOCAL_A);
  pushRegister(other, size);
  popReg(op, size);
  localGet(LOCAL_A);
  popRegister(other, size);
  return true;
}
