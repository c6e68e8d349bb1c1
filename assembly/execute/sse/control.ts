// MXCSR, EMMS, and what only orders or hints at memory accesses: this processor has one thread and no caches, so
// fences do nothing. The prefetches (0F 0D, 0F 18) stand with the other hints in execute/data.ts.

import { FORM_MEMORY, FORM_REGISTER, MODRM, PP_NONE, TWO, define, definePrefixedForm } from "../../decode/tables";
import { read, write } from "../../memory/access";
import { MXCSR } from "../../state";
import { EXCEPTION_GP, raiseWithCode } from "../../system/exceptions";
import { operandAddress } from "../address";
import { enterMmx, leaveMmx } from "../x87/state";
import { MXCSR_MASK } from "./mxcsr";
import { checkMmx, checkSse } from "./operands";

function ldmxcsr(op: u32): void {
  checkSse();
  const value = read<u32>(operandAddress(op, 4, false));
  if ((value & ~MXCSR_MASK) != 0) raiseWithCode(EXCEPTION_GP, 0);
  store<u32>(MXCSR, value);
}
function stmxcsr(op: u32): void {
  checkSse();
  write<u32>(operandAddress(op, 4, true), load<u32>(MXCSR));
}

/** EMMS sets TOP to 0 too, as every MMX instruction does (SDM volume 3, table 12-2). */
function emms(op: u32): void {
  checkMmx();
  enterMmx();
  leaveMmx();
}

function nothing(op: u32): void {}

/** CLFLUSH faults as a load of one byte does. */
function clflush(op: u32): void { read<u8>(operandAddress(op, 1, false)); }

export function registerSseControl(): void {
  definePrefixedForm(TWO | 0xae, PP_NONE, 2, FORM_MEMORY, MODRM, ldmxcsr);
  definePrefixedForm(TWO | 0xae, PP_NONE, 3, FORM_MEMORY, MODRM, stmxcsr);
  definePrefixedForm(TWO | 0xae, PP_NONE, 7, FORM_MEMORY, MODRM, clflush);
  // LFENCE, MFENCE, SFENCE.
  for (let reg: u32 = 5; reg < 8; reg++) {
    definePrefixedForm(TWO | 0xae, PP_NONE, reg, FORM_REGISTER, MODRM, nothing);
  }
  define(TWO | 0x77, 0, emms);
}
