// Debug exceptions: single step, breakpoints on code, data and I/O, DR6 and DR7. SDM volume 3, chapter 18.
//
// The run loop, where it runs one instruction at a time, calls checkCodeBreakpoints() before and finishStep() after each.
// What traps after an instruction gathers in PENDING_DEBUG; between instructions the loop calls deliverPendingDebug(),
// though not in the shadow of a load of SS.

import {
  BLOCK_LIMIT,
  CR4,
  CS,
  DR,
  EFLAGS,
  EXCEPTION_DELIVERING,
  INTERRUPT_SHADOW,
  PENDING_DEBUG,
  RIP,
  SEGMENT_BASE,
  SHADOW_SS,
} from "../state";
import { RF, TF } from "../execute/flags";
import { segmentState } from "../execute/address";
import { EXCEPTION_DB, raise } from "./exceptions";
import { CR4_DE, hasCodeBreakpoint } from "./mode";
import { EVENT_TRAP, deliver } from "./interrupts";

export const DR6: u32 = DR + 48;
export const DR7: u32 = DR + 56;
/** Bits of DR6 that always read 1. */
export const DR6_FIXED: u64 = 0xffff0ff0;
export const DR6_BD: u32 = 0x2000;
export const DR6_BS: u32 = 0x4000;
/** DR7: bit 10 reads 1; general detect. */
export const DR7_FIXED: u64 = 0x400;
export const DR7_GD: u64 = 0x2000;
/** R/W field of an I/O breakpoint (with CR4.DE). */
const BREAK_IO: u32 = 2;

/** True from an instruction that began with TF set to its end. */
let stepping: bool = false;
/** RF was set before the instruction at this RIP. */
let resuming: bool = false;
let resumeRip: u64 = 0;

/** INT n and event delivery clear TF: no single-step trap after them. */
export function endSingleStep(): void { stepping = false; }
/** SYSCALL and SYSRET: whether they trap depends on TF after them, so that a kernel that masks TF is not stepped into
 * and user code is stepped over its system call. */
export function stepByNewFlags(): void {
  stepping = false;
  if ((load<u32>(EFLAGS) & TF) != 0) store<u32>(PENDING_DEBUG, load<u32>(PENDING_DEBUG) | DR6_BS);
}
/** An instruction loaded RF: it holds for the next instruction. It matters only to breakpoints on code. */
export function keepResumeFlag(): void {
  resuming = false;
  if (!hasCodeBreakpoint()) store<u32>(EFLAGS, load<u32>(EFLAGS) & ~RF);
}

/** Sets the cause of a debug exception in DR6: B0..B3 are those of the last one, the others stay until cleared. */
function setCause(bits: u32): void {
  store<u64>(DR6, (load<u64>(DR6) & ~0xf) | bits | DR6_FIXED);
}

/** What every debug exception does as it is delivered: general detect goes off, so that its handler may use DRs. */
export function enterDebugHandler(): void {
  store<u64>(DR7, load<u64>(DR7) & ~DR7_GD);
}

/** INT1 takes along what waits: a breakpoint that a load of SS met just before. */
export function joinPendingDebug(): void {
  const bits = load<u32>(PENDING_DEBUG);
  if (bits == 0) return;
  store<u32>(PENDING_DEBUG, 0);
  setCause(bits);
}

/** Raises #DB as a fault. Never returns. */
export function raiseDebug(bits: u32): void {
  setCause(bits);
  raise(EXCEPTION_DB);
}

/** Breakpoints 0..3 that are enabled, of this R/W kind, and lie within `size` bytes at `address`. */
function matchBreakpoints(address: u64, size: u32, kind: u32): u32 {
  const dr7 = <u32>load<u64>(DR7);
  let matched: u32 = 0;
  for (let n: u32 = 0; n < 4; n++) {
    if (((dr7 >> (n * 2)) & 3) == 0 || ((dr7 >> (16 + n * 4)) & 3) != kind) continue;
    const lengthCode = (dr7 >> (18 + n * 4)) & 3;
    const length: u64 = kind == 0 ? 1 : lengthCode == 2 ? 8 : <u64>lengthCode + 1;
    const start = load<u64>(DR + n * 8) & ~(length - 1);
    if (address < start + length && start < address + size) matched |= 1 << n;
  }
  return matched;
}

/** Before an instruction: raises #DB as a fault if a breakpoint on code is met, unless RF is set. */
export function checkCodeBreakpoints(): void {
  const eflags = load<u32>(EFLAGS);
  stepping = (eflags & TF) != 0;
  resuming = (eflags & RF) != 0;
  resumeRip = load<u64>(RIP);
  if (resuming || !hasCodeBreakpoint()) return;
  const matched = matchBreakpoints(load<u64>(segmentState(CS), SEGMENT_BASE) + resumeRip, 1, 0);
  if (matched != 0) raiseDebug(matched);
}

/** After an instruction that ran alone, RIP exact: the single-step trap is due, and RF goes. */
export function finishStep(): void {
  // A string instruction that goes on keeps RF.
  if (resuming && load<u64>(RIP) != resumeRip) store<u32>(EFLAGS, load<u32>(EFLAGS) & ~RF);
  resuming = false;
  // A load of SS suppresses its own single-step trap; breakpoints that it met wait for the next instruction.
  if (stepping && load<u32>(INTERRUPT_SHADOW) != SHADOW_SS) {
    store<u32>(PENDING_DEBUG, load<u32>(PENDING_DEBUG) | DR6_BS);
  }
  stepping = false;
}

/** Between instructions, with PENDING_DEBUG not 0: delivers #DB as a trap. */
export function deliverPendingDebug(): void {
  const bits = load<u32>(PENDING_DEBUG);
  store<u32>(PENDING_DEBUG, 0);
  setCause(bits);
  enterDebugHandler();
  store<u32>(EXCEPTION_DELIVERING, EXCEPTION_DB + 1);
  deliver(EXCEPTION_DB, EVENT_TRAP, false, 0, load<u64>(RIP));
  store<u32>(EXCEPTION_DELIVERING, 0);
}

/** Notes an access to I/O ports that meets a breakpoint; it traps after the instruction. */
export function checkPortBreakpoints(port: u32, size: u32): void {
  if ((load<u32>(DR7) & 0xff) == 0 || (load<u64>(CR4) & CR4_DE) == 0) return;
  const matched = matchBreakpoints(port, size, BREAK_IO);
  if (matched == 0) return;
  store<u32>(PENDING_DEBUG, load<u32>(PENDING_DEBUG) | matched);
  store<u32>(BLOCK_LIMIT, 0);
}
