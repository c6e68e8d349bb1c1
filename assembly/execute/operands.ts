// Reading and writing the operands of a decoded instruction: registers by their state address, memory by the
// linear address that address.ts makes. A 32-bit register write clears bits 63:32 (AMD64 APM volume 1, 3.1.2).

import { isRegister, regAddress, rmAddress } from "../decode/instruction";
import { read, readForModify, write, writeModified } from "../memory/access";
import { operandAddress } from "./address";

/** Writes a general register of width T at its state address. */
// @ts-ignore: decorator
@inline export function storeRegister<T>(address: u32, value: T): void {
  if (sizeof<T>() == 4) store<u64>(address, <u64><u32>value);
  else store<T>(address, value);
}

/** The register operand (ModRM.reg or in the opcode). */
// @ts-ignore: decorator
@inline export function getReg<T>(op: u32): T { return load<T>(regAddress(op)); }
// @ts-ignore: decorator
@inline export function setReg<T>(op: u32, value: T): void { storeRegister<T>(regAddress(op), value); }

/** The r/m operand, register or memory. */
// @ts-ignore: decorator
@inline export function getRm<T>(op: u32): T {
  if (isRegister(op)) return load<T>(rmAddress(op));
  return read<T>(operandAddress(op, sizeof<T>(), false));
}
// @ts-ignore: decorator
@inline export function setRm<T>(op: u32, value: T): void {
  if (isRegister(op)) storeRegister<T>(rmAddress(op), value);
  else write<T>(operandAddress(op, sizeof<T>(), true), value);
}

/** First half of a read-modify-write of r/m: memory is checked for writing before it is read. */
// @ts-ignore: decorator
@inline export function getRmForModify<T>(op: u32): T {
  if (isRegister(op)) return load<T>(rmAddress(op));
  return readForModify<T>(operandAddress(op, sizeof<T>(), true));
}
/** Second half; cannot fault. No other memory access may come between the halves. */
// @ts-ignore: decorator
@inline export function setRmModified<T>(op: u32, value: T): void {
  if (isRegister(op)) storeRegister<T>(rmAddress(op), value);
  else writeModified<T>(value);
}
