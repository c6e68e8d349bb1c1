// BOUND: #BR if a signed index lies outside the two bounds in memory. Not in 64-bit mode. SDM volume 2.

import { ANY_REG, FORM_MEMORY, MODRM, NO64, defineFormWidths } from "../decode/tables";
import { read } from "../memory/access";
import { EXCEPTION_BR, raise } from "../system/exceptions";
import { operandAddress } from "./address";
import { getReg } from "./operands";

function bound<T>(op: u32): void {
  const address = operandAddress(op, 2 * sizeof<T>(), false);
  const index = getReg<T>(op);
  const lower = read<T>(address);
  const upper = read<T>((address + sizeof<T>()) & 0xffffffff);
  if (index < lower || index > upper) raise(EXCEPTION_BR);
}

/** Registers BOUND. */
export function registerBound(): void {
  defineFormWidths(
    0x62, ANY_REG, FORM_MEMORY, MODRM | NO64,
    (op) => bound<i16>(op),
    (op) => bound<i32>(op),
    (op) => bound<i32>(op),
  );
}
