// CMOVcc and SETcc. Each condition has its own handlers, so that only the flags it needs are derived.

import { ANY_REG, BYTE, FORM_MEMORY, FORM_REGISTER, MODRM, TWO, define, defineFormWidths } from "../decode/tables";
import { regAddress, rmAddress } from "../decode/instruction";
import { read } from "../memory/access";
import { operandAddress } from "./address";
import { condition } from "./flags";
import { setRm, storeRegister } from "./operands";

/** A 32-bit CMOV clears the upper half even if the condition is false. */
// @ts-ignore: decorator
@inline function cmov<T>(op: u32, value: T, code: u32): void {
  if (condition(code)) storeRegister<T>(regAddress(op), value);
  else if (sizeof<T>() == 4) store<u32>(regAddress(op), 0, 4);
}
// @ts-ignore: decorator
@inline function cmovRegister<T>(op: u32, code: u32): void { cmov<T>(op, load<T>(rmAddress(op)), code); }
/** The source is read, and may fault, whatever the condition. */
// @ts-ignore: decorator
@inline function cmovMemory<T>(op: u32, code: u32): void {
  cmov<T>(op, read<T>(operandAddress(op, sizeof<T>(), false)), code);
}
// @ts-ignore: decorator
@inline function setcc(op: u32, code: u32): void { setRm<u8>(op, u8(condition(code))); }

/** Registers CMOVcc and SETcc. */
export function registerConditional(): void {
  // O
  defineFormWidths(
    TWO | 0x40, ANY_REG, FORM_REGISTER, MODRM,
    (op) => cmovRegister<u16>(op, 0),
    (op) => cmovRegister<u32>(op, 0),
    (op) => cmovRegister<u64>(op, 0),
  );
  defineFormWidths(
    TWO | 0x40, ANY_REG, FORM_MEMORY, MODRM,
    (op) => cmovMemory<u16>(op, 0),
    (op) => cmovMemory<u32>(op, 0),
    (op) => cmovMemory<u64>(op, 0),
  );
  define(TWO | 0x90, MODRM | BYTE, (op) => setcc(op, 0));
  // NO
  defineFormWidths(
    TWO | 0x41, ANY_REG, FORM_REGISTER, MODRM,
    (op) => cmovRegister<u16>(op, 1),
    (op) => cmovRegister<u32>(op, 1),
    (op) => cmovRegister<u64>(op, 1),
  );
  defineFormWidths(
    TWO | 0x41, ANY_REG, FORM_MEMORY, MODRM,
    (op) => cmovMemory<u16>(op, 1),
    (op) => cmovMemory<u32>(op, 1),
    (op) => cmovMemory<u64>(op, 1),
  );
  define(TWO | 0x91, MODRM | BYTE, (op) => setcc(op, 1));
  // B
  defineFormWidths(
    TWO | 0x42, ANY_REG, FORM_REGISTER, MODRM,
    (op) => cmovRegister<u16>(op, 2),
    (op) => cmovRegister<u32>(op, 2),
    (op) => cmovRegister<u64>(op, 2),
  );
  defineFormWidths(
    TWO | 0x42, ANY_REG, FORM_MEMORY, MODRM,
    (op) => cmovMemory<u16>(op, 2),
    (op) => cmovMemory<u32>(op, 2),
    (op) => cmovMemory<u64>(op, 2),
  );
  define(TWO | 0x92, MODRM | BYTE, (op) => setcc(op, 2));
  // NB
  defineFormWidths(
    TWO | 0x43, ANY_REG, FORM_REGISTER, MODRM,
    (op) => cmovRegister<u16>(op, 3),
    (op) => cmovRegister<u32>(op, 3),
    (op) => cmovRegister<u64>(op, 3),
  );
  defineFormWidths(
    TWO | 0x43, ANY_REG, FORM_MEMORY, MODRM,
    (op) => cmovMemory<u16>(op, 3),
    (op) => cmovMemory<u32>(op, 3),
    (op) => cmovMemory<u64>(op, 3),
  );
  define(TWO | 0x93, MODRM | BYTE, (op) => setcc(op, 3));
  // Z
  defineFormWidths(
    TWO | 0x44, ANY_REG, FORM_REGISTER, MODRM,
    (op) => cmovRegister<u16>(op, 4),
    (op) => cmovRegister<u32>(op, 4),
    (op) => cmovRegister<u64>(op, 4),
  );
  defineFormWidths(
    TWO | 0x44, ANY_REG, FORM_MEMORY, MODRM,
    (op) => cmovMemory<u16>(op, 4),
    (op) => cmovMemory<u32>(op, 4),
    (op) => cmovMemory<u64>(op, 4),
  );
  define(TWO | 0x94, MODRM | BYTE, (op) => setcc(op, 4));
  // NZ
  defineFormWidths(
    TWO | 0x45, ANY_REG, FORM_REGISTER, MODRM,
    (op) => cmovRegister<u16>(op, 5),
    (op) => cmovRegister<u32>(op, 5),
    (op) => cmovRegister<u64>(op, 5),
  );
  defineFormWidths(
    TWO | 0x45, ANY_REG, FORM_MEMORY, MODRM,
    (op) => cmovMemory<u16>(op, 5),
    (op) => cmovMemory<u32>(op, 5),
    (op) => cmovMemory<u64>(op, 5),
  );
  define(TWO | 0x95, MODRM | BYTE, (op) => setcc(op, 5));
  // BE
  defineFormWidths(
    TWO | 0x46, ANY_REG, FORM_REGISTER, MODRM,
    (op) => cmovRegister<u16>(op, 6),
    (op) => cmovRegister<u32>(op, 6),
    (op) => cmovRegister<u64>(op, 6),
  );
  defineFormWidths(
    TWO | 0x46, ANY_REG, FORM_MEMORY, MODRM,
    (op) => cmovMemory<u16>(op, 6),
    (op) => cmovMemory<u32>(op, 6),
    (op) => cmovMemory<u64>(op, 6),
  );
  define(TWO | 0x96, MODRM | BYTE, (op) => setcc(op, 6));
  // NBE
  defineFormWidths(
    TWO | 0x47, ANY_REG, FORM_REGISTER, MODRM,
    (op) => cmovRegister<u16>(op, 7),
    (op) => cmovRegister<u32>(op, 7),
    (op) => cmovRegister<u64>(op, 7),
  );
  defineFormWidths(
    TWO | 0x47, ANY_REG, FORM_MEMORY, MODRM,
    (op) => cmovMemory<u16>(op, 7),
    (op) => cmovMemory<u32>(op, 7),
    (op) => cmovMemory<u64>(op, 7),
  );
  define(TWO | 0x97, MODRM | BYTE, (op) => setcc(op, 7));
  // S
  defineFormWidths(
    TWO | 0x48, ANY_REG, FORM_REGISTER, MODRM,
    (op) => cmovRegister<u16>(op, 8),
    (op) => cmovRegister<u32>(op, 8),
    (op) => cmovRegister<u64>(op, 8),
  );
  defineFormWidths(
    TWO | 0x48, ANY_REG, FORM_MEMORY, MODRM,
    (op) => cmovMemory<u16>(op, 8),
    (op) => cmovMemory<u32>(op, 8),
    (op) => cmovMemory<u64>(op, 8),
  );
  define(TWO | 0x98, MODRM | BYTE, (op) => setcc(op, 8));
  // NS
  defineFormWidths(
    TWO | 0x49, ANY_REG, FORM_REGISTER, MODRM,
    (op) => cmovRegister<u16>(op, 9),
    (op) => cmovRegister<u32>(op, 9),
    (op) => cmovRegister<u64>(op, 9),
  );
  defineFormWidths(
    TWO | 0x49, ANY_REG, FORM_MEMORY, MODRM,
    (op) => cmovMemory<u16>(op, 9),
    (op) => cmovMemory<u32>(op, 9),
    (op) => cmovMemory<u64>(op, 9),
  );
  define(TWO | 0x99, MODRM | BYTE, (op) => setcc(op, 9));
  // P
  defineFormWidths(
    TWO | 0x4a, ANY_REG, FORM_REGISTER, MODRM,
    (op) => cmovRegister<u16>(op, 10),
    (op) => cmovRegister<u32>(op, 10),
    (op) => cmovRegister<u64>(op, 10),
  );
  defineFormWidths(
    TWO | 0x4a, ANY_REG, FORM_MEMORY, MODRM,
    (op) => cmovMemory<u16>(op, 10),
    (op) => cmovMemory<u32>(op, 10),
    (op) => cmovMemory<u64>(op, 10),
  );
  define(TWO | 0x9a, MODRM | BYTE, (op) => setcc(op, 10));
  // NP
  defineFormWidths(
    TWO | 0x4b, ANY_REG, FORM_REGISTER, MODRM,
    (op) => cmovRegister<u16>(op, 11),
    (op) => cmovRegister<u32>(op, 11),
    (op) => cmovRegister<u64>(op, 11),
  );
  defineFormWidths(
    TWO | 0x4b, ANY_REG, FORM_MEMORY, MODRM,
    (op) => cmovMemory<u16>(op, 11),
    (op) => cmovMemory<u32>(op, 11),
    (op) => cmovMemory<u64>(op, 11),
  );
  define(TWO | 0x9b, MODRM | BYTE, (op) => setcc(op, 11));
  // L
  defineFormWidths(
    TWO | 0x4c, ANY_REG, FORM_REGISTER, MODRM,
    (op) => cmovRegister<u16>(op, 12),
    (op) => cmovRegister<u32>(op, 12),
    (op) => cmovRegister<u64>(op, 12),
  );
  defineFormWidths(
    TWO | 0x4c, ANY_REG, FORM_MEMORY, MODRM,
    (op) => cmovMemory<u16>(op, 12),
    (op) => cmovMemory<u32>(op, 12),
    (op) => cmovMemory<u64>(op, 12),
  );
  define(TWO | 0x9c, MODRM | BYTE, (op) => setcc(op, 12));
  // NL
  defineFormWidths(
    TWO | 0x4d, ANY_REG, FORM_REGISTER, MODRM,
    (op) => cmovRegister<u16>(op, 13),
    (op) => cmovRegister<u32>(op, 13),
    (op) => cmovRegister<u64>(op, 13),
  );
  defineFormWidths(
    TWO | 0x4d, ANY_REG, FORM_MEMORY, MODRM,
    (op) => cmovMemory<u16>(op, 13),
    (op) => cmovMemory<u32>(op, 13),
    (op) => cmovMemory<u64>(op, 13),
  );
  define(TWO | 0x9d, MODRM | BYTE, (op) => setcc(op, 13));
  // LE
  defineFormWidths(
    TWO | 0x4e, ANY_REG, FORM_REGISTER, MODRM,
    (op) => cmovRegister<u16>(op, 14),
    (op) => cmovRegister<u32>(op, 14),
    (op) => cmovRegister<u64>(op, 14),
  );
  defineFormWidths(
    TWO | 0x4e, ANY_REG, FORM_MEMORY, MODRM,
    (op) => cmovMemory<u16>(op, 14),
    (op) => cmovMemory<u32>(op, 14),
    (op) => cmovMemory<u64>(op, 14),
  );
  define(TWO | 0x9e, MODRM | BYTE, (op) => setcc(op, 14));
  // NLE
  defineFormWidths(
    TWO | 0x4f, ANY_REG, FORM_REGISTER, MODRM,
    (op) => cmovRegister<u16>(op, 15),
    (op) => cmovRegister<u32>(op, 15),
    (op) => cmovRegister<u64>(op, 15),
  );
  defineFormWidths(
    TWO | 0x4f, ANY_REG, FORM_MEMORY, MODRM,
    (op) => cmovMemory<u16>(op, 15),
    (op) => cmovMemory<u32>(op, 15),
    (op) => cmovMemory<u64>(op, 15),
  );
  define(TWO | 0x9f, MODRM | BYTE, (op) => setcc(op, 15));
}
