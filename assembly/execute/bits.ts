// BT, BTS, BTR, BTC, BSF, BSR, POPCNT. F3 BC and F3 BD are BSF and BSR: CPUID announces neither TZCNT nor LZCNT.

import { FORM_MEMORY, FORM_REGISTER, ANY_REG, IMM8U, LOCKABLE, MODRM, TWO, defineFormWidths, defineWidths } from "../decode/tables";
import { OPF_F3, immediate, opFlags, rmAddress } from "../decode/instruction";
import { read, readForModify, writeModified } from "../memory/access";
import { EXCEPTION_UD, raise } from "../system/exceptions";
import { addressSize, effectiveOffset, linearAddress, operandAddress, operandSegment } from "./address";
import { ZF, setCF, setFlagsLogic, setStatusFlags } from "./flags";
import { getReg, getRm, setReg, storeRegister } from "./operands";

// What becomes of the bit, as a type.
class Keep {}
class Set {}
class Reset {}
class Complement {}

// @ts-ignore: decorator
@inline function change<T, K>(value: T, bit: T): T {
  if (idof<K>() == idof<Set>()) return <T>(value | bit);
  if (idof<K>() == idof<Reset>()) return <T>(value & ~bit);
  return <T>(value ^ bit);
}

// CF alone is defined, and ZF stays; the others stay here too.

// @ts-ignore: decorator
@inline function bitInRegister<T, K>(op: u32, index: u32): void {
  index &= sizeof<T>() * 8 - 1;
  const value = load<T>(rmAddress(op));
  if (idof<K>() != idof<Keep>()) storeRegister<T>(rmAddress(op), change<T, K>(value, <T>(<u64>1 << index)));
  setCF(<u32>(value >> <T>index) & 1);
}

// @ts-ignore: decorator
@inline function bitInMemory<T, K>(address: u64, index: u32): void {
  index &= sizeof<T>() * 8 - 1;
  if (idof<K>() == idof<Keep>()) {
    setCF(<u32>(read<T>(address) >> <T>index) & 1);
    return;
  }
  const value = readForModify<T>(address);
  writeModified<T>(change<T, K>(value, <T>(<u64>1 << index)));
  setCF(<u32>(value >> <T>index) & 1);
}

/** A bit offset in a register is signed and reaches beyond the operand, by whole operands. */
// @ts-ignore: decorator
@inline function bitByRegister<T, K>(op: u32, index: i64): void {
  const operand = sizeof<T>() == 8 ? index >> 6 : sizeof<T>() == 4 ? index >> 5 : index >> 4;
  let offset = effectiveOffset(op) + <u64>(operand * sizeof<T>());
  const size = addressSize(op);
  if (size == 4) offset &= 0xffffffff;
  else if (size == 2) offset &= 0xffff;
  const isWrite = idof<K>() != idof<Keep>();
  bitInMemory<T, K>(linearAddress(operandSegment(op), offset, sizeof<T>(), isWrite), <u32>index);
}

// @ts-ignore: decorator
@inline function bitByImmediate<T, K>(op: u32): void {
  const isWrite = idof<K>() != idof<Keep>();
  bitInMemory<T, K>(operandAddress(op, sizeof<T>(), isWrite), <u32>immediate(op));
}

/** `key` is the opcode with a register bit offset, `reg` the place in group 8 (0F BA). */
function defineBit<K>(key: u32, reg: u32): void {
  const lock = idof<K>() == idof<Keep>() ? 0 : LOCKABLE;
  defineFormWidths(
    key, ANY_REG, FORM_REGISTER, MODRM,
    (op) => bitInRegister<u16, K>(op, getReg<u16>(op)),
    (op) => bitInRegister<u32, K>(op, getReg<u32>(op)),
    (op) => bitInRegister<u64, K>(op, getReg<u32>(op)),
  );
  defineFormWidths(
    key, ANY_REG, FORM_MEMORY, MODRM | lock,
    (op) => bitByRegister<u16, K>(op, getReg<i16>(op)),
    (op) => bitByRegister<u32, K>(op, getReg<i32>(op)),
    (op) => bitByRegister<u64, K>(op, getReg<i64>(op)),
  );
  defineFormWidths(
    TWO | 0xba, reg, FORM_REGISTER, MODRM | IMM8U,
    (op) => bitInRegister<u16, K>(op, <u32>immediate(op)),
    (op) => bitInRegister<u32, K>(op, <u32>immediate(op)),
    (op) => bitInRegister<u64, K>(op, <u32>immediate(op)),
  );
  defineFormWidths(
    TWO | 0xba, reg, FORM_MEMORY, MODRM | IMM8U | lock,
    (op) => bitByImmediate<u16, K>(op),
    (op) => bitByImmediate<u32, K>(op),
    (op) => bitByImmediate<u64, K>(op),
  );
}

/** A source of zero sets ZF and leaves the destination, all 64 bits of it, as it was. */
// @ts-ignore: decorator
@inline function bsf<T>(op: u32): void {
  const value = getRm<T>(op);
  if (value != 0) setReg<T>(op, <T>ctz<u64>(<u64>value));
  setFlagsLogic<T>(value);
}
// @ts-ignore: decorator
@inline function bsr<T>(op: u32): void {
  const value = getRm<T>(op);
  if (value != 0) setReg<T>(op, <T>(63 - clz<u64>(<u64>value)));
  setFlagsLogic<T>(value);
}

/** POPCNT; without F3 the opcode is undefined. */
// @ts-ignore: decorator
@inline function countBits<T>(op: u32): void {
  if ((opFlags(op) & OPF_F3) == 0) raise(EXCEPTION_UD);
  const value = <u64>getRm<T>(op);
  setReg<T>(op, <T>popcnt<u64>(value));
  setStatusFlags(value == 0 ? ZF : 0);
}

/** Registers the bit instructions. */
export function registerBits(): void {
  defineBit<Keep>(TWO | 0xa3, 4);
  defineBit<Set>(TWO | 0xab, 5);
  defineBit<Reset>(TWO | 0xb3, 6);
  defineBit<Complement>(TWO | 0xbb, 7);
  defineWidths(TWO | 0xbc, MODRM, (op) => bsf<u16>(op), (op) => bsf<u32>(op), (op) => bsf<u64>(op));
  defineWidths(TWO | 0xbd, MODRM, (op) => bsr<u16>(op), (op) => bsr<u32>(op), (op) => bsr<u64>(op));
  defineWidths(
    TWO | 0xb8, MODRM,
    (op) => countBits<u16>(op),
    (op) => countBits<u32>(op),
    (op) => countBits<u64>(op),
  );
}
