// x87 instructions with a memory operand, for translated code, which has looked already that the FPU is there and no
// exception is pending, and where in linear memory the operand is: nothing here faults.

import { OP_CODE, OP_LENGTH, OP_NEXT, modrm, modrmReg } from "../../decode/instruction";
import {
  CS,
  FPU_DATA_POINTER,
  FPU_DATA_SELECTOR,
  FPU_INSTRUCTION_POINTER,
  FPU_INSTRUCTION_SELECTOR,
  FPU_OPCODE,
  SEGMENT_SELECTOR,
} from "../../state";
import { operandSegment, segmentState } from "../address";
import { finishMemoryArithmetic } from "./compute";
import { expandDouble, expandSingle, fromInteger, toDouble, toInteger, toSingle } from "./conversion";
import { begin, mayStore } from "./extended";
import { finishStore, pushExpanded, pushResult, takeStored, storedSignExponent, storedSignificand } from "./load-store";
import { finishQuick, pushNarrowQuick, quickBits, roundQuick } from "./quick";

/** As recordMemoryInstruction(): CODE_BASE and the operand's offset are given. */
// @ts-ignore: decorator
@inline function record(op: u32, codeBase: u64, offset: u64): void {
  store<u64>(FPU_INSTRUCTION_POINTER, codeBase + <u64>load<u16>(op, OP_NEXT) - <u64>load<u8>(op, OP_LENGTH));
  store<u16>(FPU_INSTRUCTION_SELECTOR, load<u16>(segmentState(CS), SEGMENT_SELECTOR));
  store<u16>(FPU_OPCODE, <u16>(((<u32>load<u16>(op, OP_CODE) & 7) << 8) | modrm(op)));
  store<u64>(FPU_DATA_POINTER, offset);
  store<u16>(FPU_DATA_SELECTOR, load<u16>(segmentState(operandSegment(op)), SEGMENT_SELECTOR));
}

// @ts-ignore: decorator
@inline function isDouble(op: u32): bool { return (<u32>load<u16>(op, OP_CODE) & 4) != 0; }

/** FLD of a single (D9) or double (DD) at `pointer`. */
export function x87Load(op: u32, codeBase: u64, offset: u64, pointer: u32): void {
  record(op, codeBase, offset);
  if (isDouble(op)) {
    const value = load<u64>(pointer);
    if (pushNarrowQuick(value, 52)) return;
    begin();
    expandDouble(value);
  } else {
    const value = load<u32>(pointer);
    if (pushNarrowQuick(value, 23)) return;
    begin();
    expandSingle(value);
  }
  pushExpanded();
}

/** FST and FSTP of a single (D9) or double (DD) to `pointer`. */
export function x87Store(op: u32, codeBase: u64, offset: u64, pointer: u32): void {
  record(op, codeBase, offset);
  const pop = modrmReg(op) == 3;
  if (isDouble(op)) {
    if (roundQuick(52)) {
      store<u64>(pointer, quickBits);
      finishQuick(pop);
      return;
    }
    takeStored();
    const value = toDouble(storedSignificand, storedSignExponent);
    const stored = mayStore();
    if (stored) store<u64>(pointer, value);
    finishStore(stored, pop);
    return;
  }
  if (roundQuick(23)) {
    store<u32>(pointer, <u32>quickBits);
    finishQuick(pop);
    return;
  }
  takeStored();
  const value = toSingle(storedSignificand, storedSignExponent);
  const stored = mayStore();
  if (stored) store<u32>(pointer, value);
  finishStore(stored, pop);
}

/** Arithmetic and compares with a single (D8), double (DC), or integer of 4 (DA) or 2 bytes (DE) at `pointer`. */
export function x87Operate(op: u32, codeBase: u64, offset: u64, pointer: u32): void {
  record(op, codeBase, offset);
  begin();
  switch (<u32>load<u16>(op, OP_CODE) & 6) {
    case 0: expandSingle(load<u32>(pointer)); break;
    case 2: fromInteger(<i64>load<i32>(pointer)); break;
    case 4: expandDouble(load<u64>(pointer)); break;
    default: fromInteger(<i64>load<i16>(pointer)); break;
  }
  finishMemoryArithmetic(op);
}

/** FILD, FIST, FISTP and FISTTP of 4 (DB), 2 or 8 bytes (DF, and FISTTP in DD). */
export function x87Integer(op: u32, codeBase: u64, offset: u64, pointer: u32): void {
  record(op, codeBase, offset);
  const size = integerSize(op);
  const reg = modrmReg(op);
  if (reg == 0 || reg == 5) {
    begin();
    fromInteger(size == 2 ? <i64>load<i16>(pointer) : size == 4 ? <i64>load<i32>(pointer) : load<i64>(pointer));
    pushResult();
    return;
  }
  takeStored();
  const value = toInteger(storedSignificand, storedSignExponent, size, reg == 1);
  const stored = mayStore();
  if (stored) {
    if (size == 2) store<u16>(pointer, <u16>value);
    else if (size == 4) store<u32>(pointer, <u32>value);
    else store<u64>(pointer, value);
  }
  finishStore(stored, reg != 2);
}

/** Bytes of the integer in memory of FILD and its kin. */
export function integerSize(op: u32): u32 {
  const code = <u32>load<u16>(op, OP_CODE);
  if (code == 0xdb) return 4;
  return code == 0xdd || modrmReg(op) > 4 ? 8 : 2;
}
