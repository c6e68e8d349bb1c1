// INT n, INT3, INTO and INT1. SDM volume 2, INT n.

import { EFLAGS, RIP } from "../state";
import { immediate, nextRip } from "../decode/instruction";
import { ENDS, IMM8U, JUMPS, NO64, ONE, define } from "../decode/tables";
import { IOPL, VM, getOF } from "../execute/flags";
import { EXCEPTION_BP, EXCEPTION_DB, EXCEPTION_GP, EXCEPTION_OF, raiseWithCode } from "./exceptions";
import { joinPendingDebug } from "./debug";
import { EVENT_SOFTWARE, EVENT_TRAP, deliver } from "./interrupts";

/** INT n: in virtual-8086 mode only with IOPL 3. */
function intN(op: u32): void {
  const eflags = load<u32>(EFLAGS);
  if ((eflags & VM) != 0 && (eflags & IOPL) != IOPL) raiseWithCode(EXCEPTION_GP, 0);
  deliver(<u32>immediate(op) & 0xff, EVENT_SOFTWARE, false, 0, nextRip(op));
}

function int3(op: u32): void { deliver(EXCEPTION_BP, EVENT_SOFTWARE, false, 0, nextRip(op)); }

function into(op: u32): void {
  if (getOF() != 0) deliver(EXCEPTION_OF, EVENT_SOFTWARE, false, 0, nextRip(op));
  else store<u64>(RIP, nextRip(op));
}

/** INT1 (ICEBP): #DB as hardware raises it, without a check of the gate's DPL; of itself it leaves DR6. */
function int1(op: u32): void {
  joinPendingDebug();
  deliver(EXCEPTION_DB, EVENT_TRAP, false, 0, nextRip(op));
}

export function registerSoftwareInterrupts(): void {
  define(ONE | 0xcd, IMM8U | ENDS | JUMPS, intN);
  define(ONE | 0xcc, ENDS | JUMPS, int3);
  define(ONE | 0xce, NO64 | ENDS | JUMPS, into);
  define(ONE | 0xf1, ENDS | JUMPS, int1);
}
