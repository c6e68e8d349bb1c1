// What the run loop and the address code need to know of the processor's mode, derived in one place from the
// control registers, EFER, EFLAGS, CS and SS. Call updateMode() after any of them changed.

import {
  CODE_MODE,
  CPL,
  CR0,
  CR4,
  CS,
  DR,
  EFLAGS,
  LONG_MODE,
  MODE_16,
  MODE_32,
  MODE_64,
  MSR_EFER,
  PROTECTED,
  R8,
  RAX,
  SEGMENTS,
  SEGMENT_ATTRIBUTES,
  SEGMENT_BASE,
  SEGMENT_LIMIT,
  SEGMENT_STRIDE,
  SINGLE_STEP,
  SS,
  STACK_SIZE,
  TLB,
  TLB_SET,
  TLB_SET_SIZE,
} from "../state";
import { updateJumpKey } from "../translate/jump-cache";
import { AC, TF, VM } from "../execute/flags";

export const CR0_PE: u64 = 1;
export const CR0_MP: u64 = 2;
export const CR0_EM: u64 = 4;
export const CR0_TS: u64 = 8;
export const CR0_ET: u64 = 0x10;
export const CR0_NE: u64 = 0x20;
export const CR0_WP: u64 = 0x10000;
export const CR0_AM: u64 = 0x40000;
export const CR0_NW: u64 = 0x20000000;
export const CR0_CD: u64 = 0x40000000;
export const CR0_PG: u64 = 0x80000000;

export const CR4_VME: u64 = 1;
export const CR4_PVI: u64 = 2;
export const CR4_TSD: u64 = 4;
export const CR4_DE: u64 = 8;
export const CR4_PSE: u64 = 0x10;
export const CR4_PAE: u64 = 0x20;
export const CR4_MCE: u64 = 0x40;
export const CR4_PGE: u64 = 0x80;
export const CR4_PCE: u64 = 0x100;
export const CR4_OSFXSR: u64 = 0x200;
export const CR4_OSXMMEXCPT: u64 = 0x400;
export const CR4_UMIP: u64 = 0x800;
export const CR4_FSGSBASE: u64 = 0x10000;
export const CR4_PCIDE: u64 = 0x20000;
export const CR4_OSXSAVE: u64 = 0x40000;
export const CR4_SMEP: u64 = 0x100000;
export const CR4_SMAP: u64 = 0x200000;

export const EFER_SCE: u64 = 1;
export const EFER_LME: u64 = 0x100;
export const EFER_LMA: u64 = 0x400;
export const EFER_NXE: u64 = 0x800;

/** Recomputes everything that derives from the mode. */
export function updateMode(): void {
  const cr0 = load<u64>(CR0);
  const eflags = load<u32>(EFLAGS);
  const cs = SEGMENTS + CS * SEGMENT_STRIDE;
  const csAttributes = load<u32>(cs, SEGMENT_ATTRIBUTES);
  const long = (load<u64>(MSR_EFER) & EFER_LMA) != 0;
  const virtual8086 = (eflags & VM) != 0;
  store<u32>(LONG_MODE, u32(long));
  store<u32>(PROTECTED, u32((cr0 & CR0_PE) != 0 && !virtual8086));

  const mode = long && (csAttributes & 0x2000) != 0 ? MODE_64 : (csAttributes & 0x4000) != 0 ? MODE_32 : MODE_16;
  if (mode != MODE_64 && load<u32>(CODE_MODE) == MODE_64) clearUpperHalves();
  store<u32>(CODE_MODE, mode);
  const ssAttributes = load<u32>(SEGMENTS + SS * SEGMENT_STRIDE, SEGMENT_ATTRIBUTES);
  store<u32>(STACK_SIZE, mode == MODE_64 ? 8 : (ssAttributes & 0x4000) != 0 ? 4 : 2);

  const cpl = (cr0 & CR0_PE) == 0 ? 0 : virtual8086 ? 3 : load<u32>(CPL);
  store<u32>(CPL, cpl);
  store<u32>(TLB_SET, tlbSetOf(cpl));

  // A CS that does not start at 0 and reach 4 GiB makes every fetch a matter of base and limit.
  const flat = mode == MODE_64 || (load<u64>(cs, SEGMENT_BASE) == 0 && load<u32>(cs, SEGMENT_LIMIT) == 0xffffffff);
  store<u32>(SINGLE_STEP, u32((eflags & TF) != 0 || !flat || hasCodeBreakpoint()));
  updateJumpKey();
}

/** RAX to RDI: undefined above bit 31 once 64-bit mode was left (SDM volume 1, 3.4.1.1), and zero in this core, so that
 * translated code need not cut them. R8 to R15 stay: code outside 64-bit mode cannot name them. */
function clearUpperHalves(): void {
  for (let register = RAX; register < R8; register += 8) store<u32>(register, 0, 4);
}

/** The TLB set for a privilege level; the last set is never filled, so that every access is checked for alignment. */
export function tlbSetOf(cpl: u32): u32 {
  const alignmentOrAccess = (load<u32>(EFLAGS) & AC) != 0;
  let set: u32;
  if (cpl == 3) set = (load<u64>(CR0) & CR0_AM) != 0 && alignmentOrAccess ? 3 : 1;
  else set = (load<u64>(CR4) & CR4_SMAP) != 0 && alignmentOrAccess ? 2 : 0;
  return TLB + set * TLB_SET_SIZE;
}

/** True if DR7 enables a breakpoint on instruction execution (R/W bits 00). */
export function hasCodeBreakpoint(): bool {
  const dr7 = <u32>load<u64>(DR + 56);
  if ((dr7 & 0xff) == 0) return false;
  for (let n: u32 = 0; n < 4; n++) {
    if (((dr7 >> (n * 2)) & 3) != 0 && ((dr7 >> (16 + n * 4)) & 3) == 0) return true;
  }
  return false;
}
