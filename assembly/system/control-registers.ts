// MOV to and from control and debug registers, CLTS, LMSW, SMSW. SDM volume 3, 2.5 and 10.8.5; volume 2, MOV.

import {
  CODE_MODE,
  CPL,
  CR0,
  CR2,
  CR3,
  CR4,
  CR8,
  CS,
  DR,
  LONG_MODE,
  MODE_64,
  MSR_EFER,
  REGS,
  SEGMENT_ATTRIBUTES,
  TR,
} from "../state";
import { isRegister, operandWidth, regAddress, rmAddress } from "../decode/instruction";
import { ENDS, MODRM, RM_REGISTER_ONLY, TWO, define, defineGroup } from "../decode/tables";
import { segmentState } from "../execute/address";
import { getRm, setRm, storeRegister } from "../execute/operands";
import { readTaskPriority, writeTaskPriority } from "../host";
import { tlbFlush, tlbFlushAll } from "../memory/tlb";
import { PHYSICAL_BITS } from "../memory/paging";
import { EXCEPTION_GP, EXCEPTION_UD, raise, raiseWithCode } from "./exceptions";
import {
  CR0_AM,
  CR0_CD,
  CR0_EM,
  CR0_ET,
  CR0_MP,
  CR0_NE,
  CR0_NW,
  CR0_PE,
  CR0_PG,
  CR0_TS,
  CR0_WP,
  CR4_DE,
  CR4_FSGSBASE,
  CR4_OSFXSR,
  CR4_OSXMMEXCPT,
  CR4_PAE,
  CR4_PCE,
  CR4_PGE,
  CR4_PSE,
  CR4_SMAP,
  CR4_SMEP,
  CR4_TSD,
  EFER_LMA,
  EFER_LME,
  updateMode,
} from "./mode";
import { ATTRIBUTE_L, TYPE_TSS16_BUSY, typeOf } from "./descriptors";
import { DR6_BD, DR6_FIXED, DR7_FIXED, DR7_GD, raiseDebug } from "./debug";

const CR0_ALL: u64 =
  CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;
/** Bits of CR4 that stand for a feature that CPUID announces. */
const CR4_ALL: u64 =
  CR4_TSD |
  CR4_DE |
  CR4_PSE |
  CR4_PAE |
  CR4_PGE |
  CR4_PCE |
  CR4_OSFXSR |
  CR4_OSXMMEXCPT |
  CR4_FSGSBASE |
  CR4_SMEP |
  CR4_SMAP;

function requirePrivilege0(): void {
  if (load<u32>(CPL) != 0) raiseWithCode(EXCEPTION_GP, 0);
}
// @ts-ignore: decorator
@inline function fail(): void { raiseWithCode(EXCEPTION_GP, 0); }

/** The r/m register of MOV CR and DR: 64 bits in 64-bit mode, else 32, whatever the prefixes. */
function source(op: u32): u64 {
  return load<u32>(CODE_MODE) == MODE_64 ? load<u64>(rmAddress(op)) : <u64>load<u32>(rmAddress(op));
}
function setDestination(op: u32, value: u64): void {
  if (load<u32>(CODE_MODE) == MODE_64) store<u64>(rmAddress(op), value);
  else storeRegister<u32>(rmAddress(op), <u32>value);
}
/** Number of the control or debug register: ModRM.reg with REX.R. */
// @ts-ignore: decorator
@inline function number(op: u32): u32 { return (regAddress(op) - REGS) >> 3; }

function movFromControl(op: u32): void {
  const n = number(op);
  if (n != 0 && n != 2 && n != 3 && n != 4 && n != 8) raise(EXCEPTION_UD);
  requirePrivilege0();
  switch (n) {
    case 0: setDestination(op, load<u64>(CR0)); break;
    case 2: setDestination(op, load<u64>(CR2)); break;
    case 3: setDestination(op, load<u64>(CR3)); break;
    case 4: setDestination(op, load<u64>(CR4)); break;
    default: {
      const priority: u64 = readTaskPriority();
      store<u64>(CR8, priority);
      setDestination(op, priority);
    }
  }
}

function movToControl(op: u32): void {
  const n = number(op);
  if (n != 0 && n != 2 && n != 3 && n != 4 && n != 8) raise(EXCEPTION_UD);
  requirePrivilege0();
  const value = source(op);
  switch (n) {
    case 0: writeCr0(value); break;
    case 2: store<u64>(CR2, value); break;
    case 3: writeCr3(value); break;
    case 4: writeCr4(value); break;
    default: {
      if (value > 15) fail();
      store<u64>(CR8, value);
      writeTaskPriority(<u32>value);
    }
  }
}

function writeCr0(value: u64): void {
  const old = load<u64>(CR0);
  if (value >> 32 != 0) fail();
  if ((value & CR0_PG) != 0 && (value & CR0_PE) == 0) fail();
  if ((value & CR0_NW) != 0 && (value & CR0_CD) == 0) fail();
  const cr0 = (value & CR0_ALL) | CR0_ET;
  let efer = load<u64>(MSR_EFER);
  const longCode = (load<u32>(segmentState(CS), SEGMENT_ATTRIBUTES) & ATTRIBUTE_L) != 0;
  if ((cr0 & CR0_PG) == 0) {
    if (load<u32>(CODE_MODE) == MODE_64) fail();
    efer &= ~EFER_LMA;
  } else if ((old & CR0_PG) == 0 && (efer & EFER_LME) != 0) {
    // Activates long mode. SDM volume 3, 10.8.5.
    const tss16 = typeOf(load<u32>(segmentState(TR), SEGMENT_ATTRIBUTES)) == TYPE_TSS16_BUSY;
    if ((load<u64>(CR4) & CR4_PAE) == 0 || longCode || tss16) fail();
    efer |= EFER_LMA;
  }
  store<u64>(MSR_EFER, efer);
  store<u64>(CR0, cr0);
  updateMode();
  if (((old ^ cr0) & (CR0_PG | CR0_WP | CR0_PE)) != 0) tlbFlushAll();
}

function writeCr3(value: u64): void {
  if (load<u32>(LONG_MODE) != 0 && value >> PHYSICAL_BITS != 0) fail();
  store<u64>(CR3, value);
  tlbFlush();
}

function writeCr4(value: u64): void {
  const old = load<u64>(CR4);
  if ((value & ~CR4_ALL) != 0) fail();
  if (load<u32>(LONG_MODE) != 0 && (value & CR4_PAE) == 0) fail();
  store<u64>(CR4, value);
  updateMode();
  if (((old ^ value) & (CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP | CR4_SMAP)) != 0) tlbFlushAll();
}

function clts(op: u32): void {
  requirePrivilege0();
  store<u64>(CR0, load<u64>(CR0) & ~CR0_TS);
}

/** LMSW: PE, MP, EM and TS; it can set PE but not clear it. */
function lmsw(op: u32): void {
  requirePrivilege0();
  const value: u64 = getRm<u16>(op);
  const old = load<u64>(CR0);
  store<u64>(CR0, (old & ~(CR0_MP | CR0_EM | CR0_TS)) | (value & (CR0_PE | CR0_MP | CR0_EM | CR0_TS)));
  updateMode();
}

function smsw(op: u32): void {
  const cr0 = load<u64>(CR0);
  const width = operandWidth(op);
  if (!isRegister(op) || width == 2) setRm<u16>(op, <u16>cr0);
  else if (width == 4) setRm<u32>(op, <u32>cr0);
  else setRm<u64>(op, cr0);
}

/** The debug register meant: DR4 and DR5 are DR6 and DR7 unless CR4.DE. */
function debugNumber(op: u32): u32 {
  const n = number(op);
  if (n > 7) raise(EXCEPTION_UD);
  if (n != 4 && n != 5) return n;
  if ((load<u64>(CR4) & CR4_DE) != 0) raise(EXCEPTION_UD);
  return n + 2;
}

function checkDebugAccess(): void {
  requirePrivilege0();
  if ((load<u64>(DR + 56) & DR7_GD) != 0) raiseDebug(DR6_BD);
}

function movFromDebug(op: u32): void {
  const n = debugNumber(op);
  checkDebugAccess();
  setDestination(op, load<u64>(DR + n * 8) | (n == 6 ? DR6_FIXED : n == 7 ? DR7_FIXED : 0));
}

function movToDebug(op: u32): void {
  const n = debugNumber(op);
  checkDebugAccess();
  let value = source(op);
  if (n >= 6) {
    if (value >> 32 != 0) fail();
    // Bit 12 of DR6, bits 11, 12, 14 and 15 of DR7 read 0.
    value = n == 6 ? (value & 0xe00f) | DR6_FIXED : (value & ~0xd800) | DR7_FIXED;
  }
  store<u64>(DR + n * 8, value);
  updateMode();
  // Pages with data breakpoints have no fast tags.
  if (n != 6) tlbFlushAll();
}

export function registerControlRegisters(): void {
  define(TWO | 0x20, MODRM | RM_REGISTER_ONLY, movFromControl);
  define(TWO | 0x22, MODRM | RM_REGISTER_ONLY | ENDS, movToControl);
  define(TWO | 0x21, MODRM | RM_REGISTER_ONLY, movFromDebug);
  define(TWO | 0x23, MODRM | RM_REGISTER_ONLY | ENDS, movToDebug);
  define(TWO | 0x06, ENDS, clts);
  defineGroup(TWO | 0x01, 4, MODRM, smsw);
  defineGroup(TWO | 0x01, 6, MODRM | ENDS, lmsw);
}
