// XCHG, XADD, CMPXCHG, CMPXCHG8B and CMPXCHG16B, BSWAP, MOVBE, CRC32.

import {
  BYTE,
  FORM_MEMORY,
  FORM_REGISTER,
  LOCKABLE,
  MAP_38,
  MODRM,
  REG_IN_OPCODE,
  RM_BYTE,
  TWO,
  ANY_REG,
  define,
  defineForm,
  defineFormWidths,
  defineWidths,
} from "../decode/tables";
import { OPF_F2, OPF_F3, isRegister, opFlags, regAddress } from "../decode/instruction";
import { probeWrite, read, readForModify, write, writeModified } from "../memory/access";
import { RAX, RBX, RCX, RDX } from "../state";
import { EXCEPTION_GP, EXCEPTION_UD, raise, raiseWithCode } from "../system/exceptions";
import { operandAddress } from "./address";
import { setFlagsAdd, setFlagsSub, setZF } from "./flags";
import { getReg, getRm, getRmForModify, setReg, setRmModified, storeRegister } from "./operands";

// @ts-ignore: decorator
@inline function xchg<T>(op: u32): void {
  const old = getRmForModify<T>(op);
  const value = getReg<T>(op);
  setReg<T>(op, old);
  setRmModified<T>(op, value);
}

/** XCHG with the accumulator. 90 without REX.B is NOP (PAUSE with F3): not even the upper half changes. */
// @ts-ignore: decorator
@inline function xchgAccumulator<T>(op: u32): void {
  if (regAddress(op) == RAX) return;
  const value = load<T>(RAX);
  storeRegister<T>(RAX, getReg<T>(op));
  setReg<T>(op, value);
}

// @ts-ignore: decorator
@inline function xadd<T>(op: u32): void {
  const a = getRmForModify<T>(op);
  const b = getReg<T>(op);
  const sum = <T>(a + b);
  setReg<T>(op, a);
  setRmModified<T>(op, sum);
  setFlagsAdd<T>(a, b, sum);
}

/** A memory destination is written in either case, at least with what it held; a register stays as it was. */
// @ts-ignore: decorator
@inline function cmpxchg<T>(op: u32): void {
  const old = getRmForModify<T>(op);
  const accumulator = load<T>(RAX);
  if (accumulator == old) setRmModified<T>(op, getReg<T>(op));
  else {
    if (!isRegister(op)) writeModified<T>(old);
    storeRegister<T>(RAX, old);
  }
  setFlagsSub<T>(accumulator, old, <T>(accumulator - old));
}

function cmpxchg8b(op: u32): void {
  const old = readForModify<u64>(operandAddress(op, 8, true));
  const expected = (<u64>load<u32>(RDX) << 32) | <u64>load<u32>(RAX);
  if (old == expected) writeModified<u64>((<u64>load<u32>(RCX) << 32) | <u64>load<u32>(RBX));
  else {
    writeModified<u64>(old);
    storeRegister<u32>(RAX, <u32>old);
    storeRegister<u32>(RDX, <u32>(old >> 32));
  }
  setZF(u32(old == expected));
}

function cmpxchg16b(op: u32): void {
  const address = operandAddress(op, 16, true);
  if ((address & 15) != 0) raiseWithCode(EXCEPTION_GP, 0);
  probeWrite(address, 16);
  const low = read<u64>(address);
  const high = read<u64>(address + 8);
  const equal = low == load<u64>(RAX) && high == load<u64>(RDX);
  if (equal) {
    write<u64>(address, load<u64>(RBX));
    write<u64>(address + 8, load<u64>(RCX));
  } else {
    write<u64>(address, low);
    write<u64>(address + 8, high);
    store<u64>(RAX, low);
    store<u64>(RDX, high);
  }
  setZF(u32(equal));
}

/** BSWAP of 16 bits is undefined; processors give zero. */
function bswap16(op: u32): void { setReg<u16>(op, 0); }
function bswap32(op: u32): void { setReg<u32>(op, bswap<u32>(getReg<u32>(op))); }
function bswap64(op: u32): void { setReg<u64>(op, bswap<u64>(getReg<u64>(op))); }

// 0F 38 F0 and F1: MOVBE, or with prefix F2 CRC32.

/** Remainders of all bytes, for the Castagnoli polynomial 11EDC6F41 with bits reflected. */
const crcTable = memory.data(1024);
const CRC_POLYNOMIAL: u32 = 0x82f63b78;

function fillCrcTable(): void {
  for (let n: u32 = 0; n < 256; n++) {
    let remainder = n;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? CRC_POLYNOMIAL : 0);
    store<u32>(crcTable + (n << 2), remainder);
  }
}

function crc32(op: u32, data: u64, size: u32): void {
  let crc = getReg<u32>(op);
  for (let n: u32 = 0; n < size; n++) {
    crc = (crc >> 8) ^ load<u32>(crcTable + (((crc ^ <u32>data) & 0xff) << 2));
    data >>= 8;
  }
  // With REX.W or without, the upper half becomes zero.
  setReg<u32>(op, crc);
}

// @ts-ignore: decorator
@inline function movbeLoad<T>(op: u32): void {
  setReg<T>(op, bswap<T>(read<T>(operandAddress(op, sizeof<T>(), false))));
}
// @ts-ignore: decorator
@inline function movbeStore<T>(op: u32): void {
  write<T>(operandAddress(op, sizeof<T>(), true), bswap<T>(getReg<T>(op)));
}

/** True for CRC32; F3 is undefined. */
function hasCrcPrefix(op: u32): bool {
  if ((opFlags(op) & OPF_F3) != 0) raise(EXCEPTION_UD);
  return (opFlags(op) & OPF_F2) != 0;
}

// @ts-ignore: decorator
@inline function f0Memory<T>(op: u32): void {
  if (hasCrcPrefix(op)) crc32(op, getRm<u8>(op), 1);
  else movbeLoad<T>(op);
}
// @ts-ignore: decorator
@inline function f1Memory<T>(op: u32): void {
  if (hasCrcPrefix(op)) crc32(op, <u64>getRm<T>(op), sizeof<T>());
  else movbeStore<T>(op);
}
/** Register forms exist for CRC32 only. */
function f0Register(op: u32): void {
  if (hasCrcPrefix(op)) crc32(op, getRm<u8>(op), 1);
  else raise(EXCEPTION_UD);
}
// @ts-ignore: decorator
@inline function f1Register<T>(op: u32): void {
  if (hasCrcPrefix(op)) crc32(op, <u64>getRm<T>(op), sizeof<T>());
  else raise(EXCEPTION_UD);
}

/** Registers the exchanges, the byte swaps and CRC32. */
export function registerExchange(): void {
  define(0x86, MODRM | BYTE | LOCKABLE, (op) => xchg<u8>(op));
  defineWidths(0x87, MODRM | LOCKABLE, (op) => xchg<u16>(op), (op) => xchg<u32>(op), (op) => xchg<u64>(op));
  define(TWO | 0xc0, MODRM | BYTE | LOCKABLE, (op) => xadd<u8>(op));
  defineWidths(TWO | 0xc1, MODRM | LOCKABLE, (op) => xadd<u16>(op), (op) => xadd<u32>(op), (op) => xadd<u64>(op));
  define(TWO | 0xb0, MODRM | BYTE | LOCKABLE, (op) => cmpxchg<u8>(op));
  defineWidths(
    TWO | 0xb1, MODRM | LOCKABLE,
    (op) => cmpxchg<u16>(op),
    (op) => cmpxchg<u32>(op),
    (op) => cmpxchg<u64>(op),
  );
  defineFormWidths(TWO | 0xc7, 1, FORM_MEMORY, MODRM | LOCKABLE, cmpxchg8b, cmpxchg8b, cmpxchg16b);
  for (let n: u32 = 0; n < 8; n++) {
    defineWidths(
      0x90 + n, REG_IN_OPCODE,
      (op) => xchgAccumulator<u16>(op),
      (op) => xchgAccumulator<u32>(op),
      (op) => xchgAccumulator<u64>(op),
    );
    defineWidths(TWO | (0xc8 + n), REG_IN_OPCODE, bswap16, bswap32, bswap64);
  }
  fillCrcTable();
  defineFormWidths(
    MAP_38 | 0xf0, ANY_REG, FORM_MEMORY, MODRM,
    (op) => f0Memory<u16>(op),
    (op) => f0Memory<u32>(op),
    (op) => f0Memory<u64>(op),
  );
  defineFormWidths(
    MAP_38 | 0xf1, ANY_REG, FORM_MEMORY, MODRM,
    (op) => f1Memory<u16>(op),
    (op) => f1Memory<u32>(op),
    (op) => f1Memory<u64>(op),
  );
  defineForm(MAP_38 | 0xf0, ANY_REG, FORM_REGISTER, MODRM | RM_BYTE, f0Register);
  defineFormWidths(
    MAP_38 | 0xf1, ANY_REG, FORM_REGISTER, MODRM,
    (op) => f1Register<u16>(op),
    (op) => f1Register<u32>(op),
    (op) => f1Register<u64>(op),
  );
}
