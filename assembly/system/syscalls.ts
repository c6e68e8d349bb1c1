// SYSCALL, SYSRET, SYSENTER, SYSEXIT: the fast system calls, which load flat segments without reading descriptors.
// SDM volume 2. As on Intel's processors, SYSCALL and SYSRET exist in 64-bit mode alone.

import {
  CODE_MODE,
  CPL,
  CR0,
  CS,
  EFLAGS,
  LONG_MODE,
  MODE_64,
  MSR_EFER,
  MSR_FMASK,
  MSR_LSTAR,
  MSR_STAR,
  MSR_SYSENTER_CS,
  MSR_SYSENTER_EIP,
  MSR_SYSENTER_ESP,
  R11,
  RCX,
  RDX,
  RIP,
  RSP,
  SS,
} from "../state";
import { OPF_REX_W, nextRip, opFlags } from "../decode/instruction";
import { ENDS, JUMPS, TWO, define } from "../decode/tables";
import { IF, RF, STATUS_FLAGS, VM, getFlags, setStatusFlags } from "../execute/flags";
import { segmentState } from "../execute/address";
import { isCanonical } from "../memory/slow";
import { EXCEPTION_GP, EXCEPTION_UD, raise, raiseWithCode } from "./exceptions";
import { stepByNewFlags } from "./debug";
import { CR0_PE, EFER_SCE, updateMode } from "./mode";
import { ATTRIBUTE_DB, ATTRIBUTE_G, ATTRIBUTE_L, fillImage } from "./descriptors";

/** Present code, readable, accessed; present data, writable, accessed. */
const CODE: u32 = 0x9b;
const DATA: u32 = 0x93;

function loadFlat(selector: u32, cpl: u32, long: bool, stackSelector: u32): void {
  const dpl = cpl << 5;
  const size = long ? ATTRIBUTE_L : ATTRIBUTE_DB;
  fillImage(segmentState(CS), (selector & 0xfffc) | cpl, 0, 0xffffffff, CODE | dpl | size | ATTRIBUTE_G);
  fillImage(segmentState(SS), (stackSelector & 0xfffc) | cpl, 0, 0xffffffff, DATA | dpl | ATTRIBUTE_DB | ATTRIBUTE_G);
  store<u32>(CPL, cpl);
}

function requireSyscall(): void {
  if (load<u32>(CODE_MODE) != MODE_64 || (load<u64>(MSR_EFER) & EFER_SCE) == 0) raise(EXCEPTION_UD);
}

function syscall(op: u32): void {
  requireSyscall();
  const flags = getFlags() & ~RF;
  store<u64>(RCX, nextRip(op));
  store<u64>(R11, flags);
  store<u64>(RIP, load<u64>(MSR_LSTAR));
  const kept = flags & ~<u32>load<u64>(MSR_FMASK);
  setStatusFlags(kept);
  store<u32>(EFLAGS, (kept & ~STATUS_FLAGS) | 2);
  const selector = <u32>(load<u64>(MSR_STAR) >> 32) & 0xffff;
  loadFlat(selector, 0, true, selector + 8);
  updateMode();
  stepByNewFlags();
}

function sysret(op: u32): void {
  requireSyscall();
  if (load<u32>(CPL) != 0) raiseWithCode(EXCEPTION_GP, 0);
  const long = (opFlags(op) & OPF_REX_W) != 0;
  const rip = load<u64>(RCX);
  if (long && !isCanonical(rip)) raiseWithCode(EXCEPTION_GP, 0);
  const selector = <u32>(load<u64>(MSR_STAR) >> 48);
  loadFlat(long ? selector + 16 : selector, 3, long, selector + 8);
  store<u64>(RIP, long ? rip : rip & 0xffffffff);
  const flags = <u32>load<u64>(R11) & 0x3c7fd7;
  setStatusFlags(flags);
  store<u32>(EFLAGS, (flags & ~STATUS_FLAGS) | 2);
  if (!long) store<u64>(RSP, load<u64>(RSP) & 0xffffffff);
  updateMode();
  stepByNewFlags();
}

/** The selector in IA32_SYSENTER_CS; #GP(0) where SYSENTER and SYSEXIT are off. */
function sysenterSelector(): u32 {
  const selector = <u32>load<u64>(MSR_SYSENTER_CS) & 0xffff;
  if ((load<u64>(CR0) & CR0_PE) == 0 || (selector & 0xfffc) == 0) raiseWithCode(EXCEPTION_GP, 0);
  return selector;
}

function sysenter(op: u32): void {
  const selector = sysenterSelector();
  const long = load<u32>(LONG_MODE) != 0;
  store<u32>(EFLAGS, load<u32>(EFLAGS) & ~(VM | IF | RF));
  store<u64>(RSP, long ? load<u64>(MSR_SYSENTER_ESP) : load<u64>(MSR_SYSENTER_ESP) & 0xffffffff);
  store<u64>(RIP, long ? load<u64>(MSR_SYSENTER_EIP) : load<u64>(MSR_SYSENTER_EIP) & 0xffffffff);
  loadFlat(selector, 0, long, selector + 8);
  updateMode();
}

function sysexit(op: u32): void {
  const selector = sysenterSelector();
  if (load<u32>(CPL) != 0) raiseWithCode(EXCEPTION_GP, 0);
  const long = (opFlags(op) & OPF_REX_W) != 0;
  const rip = load<u64>(RDX);
  const rsp = load<u64>(RCX);
  if (long && (!isCanonical(rip) || !isCanonical(rsp))) raiseWithCode(EXCEPTION_GP, 0);
  store<u64>(RIP, long ? rip : rip & 0xffffffff);
  store<u64>(RSP, long ? rsp : rsp & 0xffffffff);
  loadFlat(selector + (long ? 32 : 16), 3, long, selector + (long ? 40 : 24));
  updateMode();
}

export function registerSystemCalls(): void {
  define(TWO | 0x05, ENDS | JUMPS, syscall);
  define(TWO | 0x07, ENDS | JUMPS, sysret);
  define(TWO | 0x34, ENDS | JUMPS, sysenter);
  define(TWO | 0x35, ENDS | JUMPS, sysexit);
}
