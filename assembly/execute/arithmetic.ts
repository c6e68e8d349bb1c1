// ADD OR ADC SBB AND SUB XOR CMP TEST, INC DEC NEG NOT. These run more often than anything else, so register and
// memory forms have handlers of their own.

import {
  BYTE,
  FORM_MEMORY,
  FORM_REGISTER,
  IMM8S,
  IMMZ,
  IMM_IF_TEST,
  LOCKABLE,
  MODRM,
  NO64,
  REG_IN_OPCODE,
  ANY_REG,
  define,
  defineForm,
  defineFormWidths,
  defineWidths,
} from "../decode/tables";
import { immediate, regAddress, rmAddress } from "../decode/instruction";
import { read, readForModify, writeModified } from "../memory/access";
import { RAX } from "../state";
import { operandAddress } from "./address";
import { getCF, setFlagsAdd, setFlagsIncDec, setFlagsLogic, setFlagsSub } from "./flags";
import { storeRegister } from "./operands";

// Operations as types, so that one generic handler serves all of them; none is ever instantiated.
class Add {}
class Or {}
class Adc {}
class Sbb {}
class And {}
class Sub {}
class Xor {}
class Cmp {}
class Test {}
class Inc {}
class Dec {}
class Neg {}
class Not {}

/** The result of a binary operation; sets the flags. */
// @ts-ignore: decorator
@inline function binary<T, K>(a: T, b: T): T {
  if (idof<K>() == idof<Add>() || idof<K>() == idof<Adc>()) {
    const result = idof<K>() == idof<Adc>() ? <T>(a + b + <T>getCF()) : <T>(a + b);
    setFlagsAdd<T>(a, b, result);
    return result;
  }
  if (idof<K>() == idof<Sub>() || idof<K>() == idof<Cmp>() || idof<K>() == idof<Sbb>()) {
    const result = idof<K>() == idof<Sbb>() ? <T>(a - b - <T>getCF()) : <T>(a - b);
    setFlagsSub<T>(a, b, result);
    return result;
  }
  const result =
    idof<K>() == idof<Or>() ? <T>(a | b) : idof<K>() == idof<Xor>() ? <T>(a ^ b) : <T>(a & b);
  setFlagsLogic<T>(result);
  return result;
}

/** The result of a unary operation; sets the flags. */
// @ts-ignore: decorator
@inline function unary<T, K>(a: T): T {
  if (idof<K>() == idof<Not>()) return <T>~a;
  if (idof<K>() == idof<Neg>()) {
    const result = <T>(0 - a);
    setFlagsSub<T>(0, a, result);
    return result;
  }
  const minimum = <T>(<u64>1 << (sizeof<T>() * 8 - 1));
  if (idof<K>() == idof<Inc>()) {
    const result = <T>(a + 1);
    setFlagsIncDec<T>(result, result == minimum, (<u32>result & 15) == 0);
    return result;
  }
  const result = <T>(a - 1);
  setFlagsIncDec<T>(result, a == minimum, (<u32>a & 15) == 0);
  return result;
}

/** CMP and TEST keep no result. */
// @ts-ignore: decorator
@inline function keepsResult<K>(): bool { return idof<K>() != idof<Cmp>() && idof<K>() != idof<Test>(); }

// @ts-ignore: decorator
@inline function onRegister<T, K>(address: u32, b: T): void {
  const result = binary<T, K>(load<T>(address), b);
  if (keepsResult<K>()) storeRegister<T>(address, result);
}

// @ts-ignore: decorator
@inline function onMemory<T, K>(op: u32, b: T): void {
  if (keepsResult<K>()) {
    writeModified<T>(binary<T, K>(readForModify<T>(operandAddress(op, sizeof<T>(), true)), b));
  } else binary<T, K>(read<T>(operandAddress(op, sizeof<T>(), false)), b);
}

// Named by their operands: destination, then source.
// @ts-ignore: decorator
@inline function registerRegister<T, K>(op: u32): void { onRegister<T, K>(rmAddress(op), load<T>(regAddress(op))); }
// @ts-ignore: decorator
@inline function memoryRegister<T, K>(op: u32): void { onMemory<T, K>(op, load<T>(regAddress(op))); }
// @ts-ignore: decorator
@inline function registerRm<T, K>(op: u32): void { onRegister<T, K>(regAddress(op), load<T>(rmAddress(op))); }
// @ts-ignore: decorator
@inline function registerMemory<T, K>(op: u32): void {
  onRegister<T, K>(regAddress(op), read<T>(operandAddress(op, sizeof<T>(), false)));
}
// @ts-ignore: decorator
@inline function registerImmediate<T, K>(op: u32): void { onRegister<T, K>(rmAddress(op), <T>immediate(op)); }
// @ts-ignore: decorator
@inline function memoryImmediate<T, K>(op: u32): void { onMemory<T, K>(op, <T>immediate(op)); }
// @ts-ignore: decorator
@inline function accumulatorImmediate<T, K>(op: u32): void { onRegister<T, K>(RAX, <T>immediate(op)); }

// @ts-ignore: decorator
@inline function unaryRegister<T, K>(op: u32, address: u32): void {
  storeRegister<T>(address, unary<T, K>(load<T>(address)));
}
// @ts-ignore: decorator
@inline function unaryMemory<T, K>(op: u32): void {
  writeModified<T>(unary<T, K>(readForModify<T>(operandAddress(op, sizeof<T>(), true))));
}

/** op r/m, r in both forms: `key` for bytes, `key` + 1 for the other sizes. */
function defineRmRegister<K>(key: u32, lock: u32): void {
  defineForm(key, ANY_REG, FORM_REGISTER, MODRM | BYTE, (op) => registerRegister<u8, K>(op));
  defineForm(key, ANY_REG, FORM_MEMORY, MODRM | BYTE | lock, (op) => memoryRegister<u8, K>(op));
  defineFormWidths(
    key + 1, ANY_REG, FORM_REGISTER, MODRM,
    (op) => registerRegister<u16, K>(op),
    (op) => registerRegister<u32, K>(op),
    (op) => registerRegister<u64, K>(op),
  );
  defineFormWidths(
    key + 1, ANY_REG, FORM_MEMORY, MODRM | lock,
    (op) => memoryRegister<u16, K>(op),
    (op) => memoryRegister<u32, K>(op),
    (op) => memoryRegister<u64, K>(op),
  );
}

/** op r, r/m. */
function defineRegisterRm<K>(key: u32): void {
  defineForm(key, ANY_REG, FORM_REGISTER, MODRM | BYTE, (op) => registerRm<u8, K>(op));
  defineForm(key, ANY_REG, FORM_MEMORY, MODRM | BYTE, (op) => registerMemory<u8, K>(op));
  defineFormWidths(
    key + 1, ANY_REG, FORM_REGISTER, MODRM,
    (op) => registerRm<u16, K>(op),
    (op) => registerRm<u32, K>(op),
    (op) => registerRm<u64, K>(op),
  );
  defineFormWidths(
    key + 1, ANY_REG, FORM_MEMORY, MODRM,
    (op) => registerMemory<u16, K>(op),
    (op) => registerMemory<u32, K>(op),
    (op) => registerMemory<u64, K>(op),
  );
}

/** op AL/AX/EAX/RAX, immediate. */
function defineAccumulator<K>(key: u32): void {
  define(key, BYTE | IMM8S, (op) => accumulatorImmediate<u8, K>(op));
  defineWidths(
    key + 1, IMMZ,
    (op) => accumulatorImmediate<u16, K>(op),
    (op) => accumulatorImmediate<u32, K>(op),
    (op) => accumulatorImmediate<u64, K>(op),
  );
}

/** op r/m8, imm8 of a group. */
function defineImmediateByte<K>(key: u32, reg: u32, attributes: u32, lock: u32): void {
  defineForm(key, reg, FORM_REGISTER, MODRM | BYTE | attributes, (op) => registerImmediate<u8, K>(op));
  defineForm(key, reg, FORM_MEMORY, MODRM | BYTE | attributes | lock, (op) => memoryImmediate<u8, K>(op));
}

/** op r/m, immediate of a group; `attributes` says which immediate. */
function defineImmediate<K>(key: u32, reg: u32, attributes: u32, lock: u32): void {
  defineFormWidths(
    key, reg, FORM_REGISTER, MODRM | attributes,
    (op) => registerImmediate<u16, K>(op),
    (op) => registerImmediate<u32, K>(op),
    (op) => registerImmediate<u64, K>(op),
  );
  defineFormWidths(
    key, reg, FORM_MEMORY, MODRM | attributes | lock,
    (op) => memoryImmediate<u16, K>(op),
    (op) => memoryImmediate<u32, K>(op),
    (op) => memoryImmediate<u64, K>(op),
  );
}

/** The regular block of six opcodes and its place in the immediate groups 80 to 83. */
function defineBinary<K>(index: u32): void {
  const lock = keepsResult<K>() ? LOCKABLE : 0;
  defineRmRegister<K>(index << 3, lock);
  defineRegisterRm<K>((index << 3) + 2);
  defineAccumulator<K>((index << 3) + 4);
  defineImmediateByte<K>(0x80, index, IMM8S, lock);
  defineImmediateByte<K>(0x82, index, IMM8S | NO64, lock);
  defineImmediate<K>(0x81, index, IMMZ, lock);
  defineImmediate<K>(0x83, index, IMM8S, lock);
}

/** A unary operation in a group: `key` for bytes, `key` + 1 for the other sizes. */
function defineUnary<K>(key: u32, reg: u32): void {
  defineForm(key, reg, FORM_REGISTER, MODRM | BYTE, (op) => unaryRegister<u8, K>(op, rmAddress(op)));
  defineForm(key, reg, FORM_MEMORY, MODRM | BYTE | LOCKABLE, (op) => unaryMemory<u8, K>(op));
  defineFormWidths(
    key + 1, reg, FORM_REGISTER, MODRM,
    (op) => unaryRegister<u16, K>(op, rmAddress(op)),
    (op) => unaryRegister<u32, K>(op, rmAddress(op)),
    (op) => unaryRegister<u64, K>(op, rmAddress(op)),
  );
  defineFormWidths(
    key + 1, reg, FORM_MEMORY, MODRM | LOCKABLE,
    (op) => unaryMemory<u16, K>(op),
    (op) => unaryMemory<u32, K>(op),
    (op) => unaryMemory<u64, K>(op),
  );
}

/** INC and DEC of 40 to 4F, which are REX prefixes in 64-bit mode. */
function defineUnaryShort<K>(key: u32): void {
  for (let n: u32 = 0; n < 8; n++) {
    defineWidths(
      key + n, REG_IN_OPCODE | NO64,
      (op) => unaryRegister<u16, K>(op, regAddress(op)),
      (op) => unaryRegister<u32, K>(op, regAddress(op)),
      (op) => unaryRegister<u64, K>(op, regAddress(op)),
    );
  }
}

/** Registers the arithmetic and logical instructions. */
export function registerArithmetic(): void {
  defineBinary<Add>(0);
  defineBinary<Or>(1);
  defineBinary<Adc>(2);
  defineBinary<Sbb>(3);
  defineBinary<And>(4);
  defineBinary<Sub>(5);
  defineBinary<Xor>(6);
  defineBinary<Cmp>(7);

  defineRmRegister<Test>(0x84, 0);
  defineAccumulator<Test>(0xa8);
  // F6 and F7 /1 are an alias of /0.
  for (let reg: u32 = 0; reg < 2; reg++) {
    defineImmediateByte<Test>(0xf6, reg, IMM8S | IMM_IF_TEST, 0);
    defineImmediate<Test>(0xf7, reg, IMMZ | IMM_IF_TEST, 0);
  }

  defineUnary<Not>(0xf6, 2);
  defineUnary<Neg>(0xf6, 3);
  defineUnary<Inc>(0xfe, 0);
  defineUnary<Dec>(0xfe, 1);
  defineUnaryShort<Inc>(0x40);
  defineUnaryShort<Dec>(0x48);
}
