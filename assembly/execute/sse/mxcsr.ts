// MXCSR (SDM volume 1, 10.2.3): exception flags, masks, rounding control, DAZ and FTZ.
//
// An instruction collects the exceptions of all its elements in `raised` and calls deliver() before it writes its
// result. Invalid, denormal and divide-by-zero are found before an element is computed: if one of them is unmasked,
// the others are never found (SDM volume 1, 11.5.2 and 4.9.2).

import { CR4, MXCSR } from "../../state";
import { EXCEPTION_UD, EXCEPTION_XM, raise } from "../../system/exceptions";
import { CR4_OSXMMEXCPT } from "../../system/mode";

export const IE: u32 = 1;
export const DE: u32 = 2;
export const ZE: u32 = 4;
export const OE: u32 = 8;
export const UE: u32 = 0x10;
export const PE: u32 = 0x20;
export const DAZ: u32 = 0x40;
/** Masks are the flags shifted left by 7; those that single conditions look at: */
export const OM: u32 = 0x400;
export const UM: u32 = 0x800;
export const PM: u32 = 0x1000;
export const RC: u32 = 0x6000;
export const FTZ: u32 = 0x8000;

/** Bits that software may set, as FXSAVE reports them. */
export const MXCSR_MASK: u32 = 0xffff;

/** RC field: to nearest even, down, up, toward zero. */
export const RC_NEAREST: u32 = 0;
export const RC_DOWN: u32 = 1;
export const RC_UP: u32 = 2;
export const RC_ZERO: u32 = 3;

const BEFORE_COMPUTATION: u32 = IE | DE | ZE;

let raised: u32 = 0;

/** Notes exceptions of the running instruction. */
// @ts-ignore: decorator
@inline export function note(flags: u32): void { raised |= flags; }

/** Forgets what was noted: at the start of every instruction that may note (the last one may have faulted). */
// @ts-ignore: decorator
@inline export function begin(): void { raised = 0; }

// @ts-ignore: decorator
@inline export function roundingControl(): u32 { return (load<u32>(MXCSR) >> 13) & 3; }

/** True if flags noted so far include an unmasked one that is found before the computation. */
export function faultsBeforeComputation(): bool {
  return (raised & BEFORE_COMPUTATION & ~(load<u32>(MXCSR) >> 7)) != 0;
}

/** Sets the sticky flags; raises #XM (#UD without CR4.OSXMMEXCPT) if one is unmasked. */
export function deliver(): void {
  if (raised == 0) return;
  const mxcsr = load<u32>(MXCSR);
  let flags = raised;
  if (faultsBeforeComputation()) flags &= BEFORE_COMPUTATION;
  store<u32>(MXCSR, mxcsr | flags);
  if ((flags & ~(mxcsr >> 7)) != 0) raise((load<u64>(CR4) & CR4_OSXMMEXCPT) != 0 ? EXCEPTION_XM : EXCEPTION_UD);
}

/** True if arithmetic may take the processor's own result when that and the operands are ordinary numbers: rounding
 * to nearest, no DAZ, and a precision exception changes nothing because its flag is set and masked. */
// @ts-ignore: decorator
@inline export function quickMode(): bool {
  return (load<u32>(MXCSR) & (RC | DAZ | PM | PE)) == (PM | PE);
}

/** True if a result that is exact, of ordinary numbers, is what the processor's own arithmetic gives. */
// @ts-ignore: decorator
@inline export function ordinaryMode(): bool { return (load<u32>(MXCSR) & (RC | DAZ)) == 0; }
