// Instructions of the system that are one step each: HLT, CLI, STI, INVLPG, INVD, WBINVD, the register forms of 0F 01,
// and the opcodes defined to be undefined.

import { CODE_MODE, CPL, CR0, EFLAGS, FS, HALTED, INTERRUPT_SHADOW, MODE_64, SEGMENT_BASE, SHADOW_STI } from "../state";
import { modrm } from "../decode/instruction";
import { ENDS, FORM_MEMORY, FORM_REGISTER, MODRM, ONE, TWO, define, defineForm } from "../decode/tables";
import { AC, IF, IOPL } from "../execute/flags";
import { effectiveOffset, operandSegment, segmentState } from "../execute/address";
import { hypercall } from "../host";
import { isCanonical } from "../memory/slow";
import { tlbInvalidate } from "../memory/tlb";
import { EXCEPTION_GP, EXCEPTION_UD, raise, raiseWithCode } from "./exceptions";
import { CR0_PE, updateMode } from "./mode";
import { swapgs } from "./segment-instructions";
import { rdtscp } from "./time-stamp";

function requirePrivilege0(): void {
  if (load<u32>(CPL) != 0) raiseWithCode(EXCEPTION_GP, 0);
}

/** CLI and STI: #GP(0) if CPL (3 in virtual-8086 mode) exceeds IOPL. */
function requireIoPrivilege(): void {
  if ((load<u64>(CR0) & CR0_PE) != 0 && load<u32>(CPL) > (load<u32>(EFLAGS) & IOPL) >> 12) {
    raiseWithCode(EXCEPTION_GP, 0);
  }
}

function hlt(op: u32): void {
  requirePrivilege0();
  store<u32>(HALTED, 1);
}

function cli(op: u32): void {
  requireIoPrivilege();
  store<u32>(EFLAGS, load<u32>(EFLAGS) & ~IF);
}

function sti(op: u32): void {
  requireIoPrivilege();
  const eflags = load<u32>(EFLAGS);
  if ((eflags & IF) == 0) store<u32>(INTERRUPT_SHADOW, SHADOW_STI);
  store<u32>(EFLAGS, eflags | IF);
}

function invlpg(op: u32): void {
  requirePrivilege0();
  // The segment's base counts, its limit does not.
  const offset = effectiveOffset(op);
  const base = load<u64>(segmentState(operandSegment(op)), SEGMENT_BASE);
  if (load<u32>(CODE_MODE) != MODE_64) {
    tlbInvalidate((base + offset) & 0xffffffff);
    return;
  }
  const address = operandSegment(op) >= FS ? base + offset : offset;
  // Of an address that is not canonical nothing is cached.
  if (isCanonical(address)) tlbInvalidate(address);
}

/** INVD and WBINVD: memory is coherent already. */
function invalidateCaches(op: u32): void { requirePrivilege0(); }

function vmcall(op: u32): void {
  if (load<u32>(CPL) != 0 || hypercall() == 0) raise(EXCEPTION_UD);
}

/** CLAC and STAC. */
function setAccessFlag(value: u32): void {
  if (load<u32>(CPL) != 0) raise(EXCEPTION_UD);
  store<u32>(EFLAGS, (load<u32>(EFLAGS) & ~AC) | value);
  updateMode();
}

/** Register forms of 0F 01, told apart by all of ModRM. */
function systemRegisterForm(op: u32): void {
  switch (modrm(op)) {
    case 0xc1:
    case 0xd9:
      vmcall(op);
      break;
    case 0xca: setAccessFlag(0); break;
    case 0xcb: setAccessFlag(AC); break;
    case 0xf8: swapgs(); break;
    case 0xf9: rdtscp(); break;
    default: raise(EXCEPTION_UD);
  }
}

function undefinedOpcode(op: u32): void { raise(EXCEPTION_UD); }

export function registerPrivileged(): void {
  define(ONE | 0xf4, ENDS, hlt);
  define(ONE | 0xfa, 0, cli);
  define(ONE | 0xfb, ENDS, sti);
  define(TWO | 0x08, 0, invalidateCaches);
  define(TWO | 0x09, 0, invalidateCaches);
  defineForm(TWO | 0x01, 7, FORM_MEMORY, MODRM | ENDS, invlpg);
  for (let reg: u32 = 0; reg < 8; reg++) {
    // SMSW and LMSW have register forms of their own: see control-registers.ts.
    if (reg == 4 || reg == 6) continue;
    defineForm(TWO | 0x01, reg, FORM_REGISTER, reg == 0 ? MODRM | ENDS : MODRM, systemRegisterForm);
  }
  define(TWO | 0x0b, 0, undefinedOpcode);
  // UD0 and UD1 have a ModRM byte.
  define(TWO | 0xff, MODRM, undefinedOpcode);
  define(TWO | 0xb9, MODRM, undefinedOpcode);
}
