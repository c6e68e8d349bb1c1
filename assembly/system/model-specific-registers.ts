// RDMSR and WRMSR of the architectural registers; what the core does not know it asks the host (the local APIC, the
// hypervisor). SDM volume 4, chapter 2.

import {
  CPL,
  CR0,
  FS,
  GS,
  HOST_SCRATCH,
  MSR_CSTAR,
  MSR_EFER,
  MSR_FMASK,
  MSR_KERNEL_GS_BASE,
  MSR_LSTAR,
  MSR_MISC_ENABLE,
  MSR_MTRR,
  MSR_PAT,
  MSR_STAR,
  MSR_SYSENTER_CS,
  MSR_SYSENTER_EIP,
  MSR_SYSENTER_ESP,
  MSR_TSC_AUX,
  RAX,
  RCX,
  RDX,
  SEGMENT_BASE,
  TSC_OFFSET,
} from "../state";
import { ENDS, TWO, define } from "../decode/tables";
import { segmentState } from "../execute/address";
import { msrRead, msrWrite } from "../host";
import { isCanonical } from "../memory/slow";
import { tlbFlushAll } from "../memory/tlb";
import { PHYSICAL_BITS } from "../memory/paging";
import { EXCEPTION_GP, raiseWithCode } from "./exceptions";
import { CR0_PG, EFER_LMA, EFER_LME, EFER_NXE, EFER_SCE, updateMode } from "./mode";
import { hostTimeStamp, timeStamp } from "./time-stamp";

const IA32_TSC: u32 = 0x10;
const IA32_PLATFORM_ID: u32 = 0x17;
const IA32_BIOS_UPDT_TRIG: u32 = 0x79;
const IA32_BIOS_SIGN_ID: u32 = 0x8b;
const IA32_MTRRCAP: u32 = 0xfe;
const IA32_ARCH_CAPABILITIES: u32 = 0x10a;
const IA32_SYSENTER_CS: u32 = 0x174;
const IA32_SYSENTER_ESP: u32 = 0x175;
const IA32_SYSENTER_EIP: u32 = 0x176;
const IA32_MISC_ENABLE: u32 = 0x1a0;
const IA32_DEBUGCTL: u32 = 0x1d9;
const IA32_MTRR_PHYSBASE0: u32 = 0x200;
const IA32_PAT: u32 = 0x277;
const IA32_MTRR_DEF_TYPE: u32 = 0x2ff;
const IA32_EFER: u32 = 0xc0000080;
const IA32_STAR: u32 = 0xc0000081;
const IA32_LSTAR: u32 = 0xc0000082;
const IA32_CSTAR: u32 = 0xc0000083;
const IA32_FMASK: u32 = 0xc0000084;
const IA32_FS_BASE: u32 = 0xc0000100;
const IA32_GS_BASE: u32 = 0xc0000101;
const IA32_KERNEL_GS_BASE: u32 = 0xc0000102;
const IA32_TSC_AUX: u32 = 0xc0000103;

/** Eight variable ranges, fixed ranges, write combining. */
const MTRRCAP: u64 = 8 | (1 << 8) | (1 << 10);
const MTRR_VARIABLE: u32 = 16;
/** Where in MSR_MTRR the fixed and the variable ranges lie. */
const MTRR_FIXED_SLOT: u32 = 1;
const MTRR_VARIABLE_SLOT: u32 = 12;
/** An interpreter does not speculate on the guest's behalf: RDCL_NO, SKIP_L1DFL_VMENTRY, SSB_NO, MDS_NO,
 * IF_PSCHANGE_MC_NO, TAA_NO, SBDR_SSDP_NO, FBSDP_NO, PSDP_NO, BHI_NO, GDS_NO, RFDS_NO, ITS_NO. */
const ARCH_CAPABILITIES: u64 =
  (1 << 0) |
  (1 << 3) |
  (1 << 4) |
  (1 << 5) |
  (1 << 6) |
  (1 << 8) |
  (1 << 13) |
  (1 << 14) |
  (1 << 15) |
  (1 << 20) |
  (1 << 26) |
  (1 << 27) |
  ((<u64>1) << 62);
/** Branch trace store and precise event sampling are unavailable. */
const MISC_ENABLE_FIXED: u64 = (1 << 11) | (1 << 12);
/** Fast strings, thermal monitor, performance monitoring, EIST, MONITOR, limit CPUID, XD disable may be stored; none has
 * an effect but the last two are kept 0. */
const MISC_ENABLE_WRITABLE: u64 = (1 << 0) | (1 << 3) | (1 << 7) | (1 << 16);
const PHYSICAL_MASK: u64 = ((<u64>1) << PHYSICAL_BITS) - 1;

function fail(): void { raiseWithCode(EXCEPTION_GP, 0); }

/** State address of an MSR that is one word of memory-type range state, or 0. SDM volume 3, 12.11. */
function mtrrAddress(index: u32): u32 {
  if (index == IA32_MTRR_DEF_TYPE) return MSR_MTRR;
  if (index >= IA32_MTRR_PHYSBASE0 && index < IA32_MTRR_PHYSBASE0 + MTRR_VARIABLE) {
    return MSR_MTRR + (MTRR_VARIABLE_SLOT + index - IA32_MTRR_PHYSBASE0) * 8;
  }
  let slot: u32 = 0;
  if (index == 0x250) slot = MTRR_FIXED_SLOT;
  else if (index == 0x258 || index == 0x259) slot = MTRR_FIXED_SLOT + 1 + index - 0x258;
  else if (index >= 0x268 && index <= 0x26f) slot = MTRR_FIXED_SLOT + 3 + index - 0x268;
  return slot == 0 ? 0 : MSR_MTRR + slot * 8;
}

/** State address of an MSR that any 64-bit value (or any canonical address) may be written to, or 0. */
function plainAddress(index: u32): u32 {
  switch (index) {
    case IA32_SYSENTER_CS: return MSR_SYSENTER_CS;
    case IA32_SYSENTER_ESP: return MSR_SYSENTER_ESP;
    case IA32_SYSENTER_EIP: return MSR_SYSENTER_EIP;
    case IA32_STAR: return MSR_STAR;
    case IA32_LSTAR: return MSR_LSTAR;
    case IA32_CSTAR: return MSR_CSTAR;
    case IA32_FMASK: return MSR_FMASK;
    case IA32_FS_BASE: return segmentState(FS) + SEGMENT_BASE;
    case IA32_GS_BASE: return segmentState(GS) + SEGMENT_BASE;
    case IA32_KERNEL_GS_BASE: return MSR_KERNEL_GS_BASE;
    case IA32_TSC_AUX: return MSR_TSC_AUX;
    case IA32_EFER: return MSR_EFER;
    case IA32_PAT: return MSR_PAT;
    default: return mtrrAddress(index);
  }
}

function readMsr(index: u32): u64 {
  const address = plainAddress(index);
  if (address != 0) return load<u64>(address);
  switch (index) {
    case IA32_TSC: return timeStamp();
    case IA32_MTRRCAP: return MTRRCAP;
    case IA32_ARCH_CAPABILITIES: return ARCH_CAPABILITIES;
    case IA32_MISC_ENABLE: return load<u64>(MSR_MISC_ENABLE) | MISC_ENABLE_FIXED;
    // No microcode, no platform bits, no branch tracing.
    case IA32_PLATFORM_ID:
    case IA32_BIOS_SIGN_ID:
    case IA32_DEBUGCTL:
      return 0;
  }
  if (msrRead(index) == 0) fail();
  return load<u64>(HOST_SCRATCH);
}

/** True if each of the eight bytes is a memory type: UC, WC, WT, WP, WB, and UC- for PAT. */
function memoryTypes(value: u64, allowMinus: bool): bool {
  for (let i: u32 = 0; i < 8; i++) {
    const type = <u32>(value >> (i * 8)) & 0xff;
    if (type > 7 || type == 2 || type == 3 || (type == 7 && !allowMinus)) return false;
  }
  return true;
}

/** Raises #GP for a value that a memory-type range register refuses. */
function checkMtrr(index: u32, value: u64): void {
  if (index == IA32_MTRR_DEF_TYPE) {
    if ((value & ~0xcff) != 0 || !memoryTypes(value & 0xff, false)) fail();
  } else if (index < IA32_MTRR_PHYSBASE0 + MTRR_VARIABLE) {
    const reserved: u64 = (index & 1) != 0 ? 0x7ff : 0xf00;
    if ((value & (~PHYSICAL_MASK | reserved)) != 0) fail();
    if ((index & 1) == 0 && !memoryTypes(value & 0xff, false)) fail();
  } else if (!memoryTypes(value, false)) fail();
}

function writeEfer(value: u64): void {
  const old = load<u64>(MSR_EFER);
  if ((value & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)) != 0) fail();
  // LME changes only without paging; LMA follows it.
  if (((old ^ value) & EFER_LME) != 0 && (load<u64>(CR0) & CR0_PG) != 0) fail();
  store<u64>(MSR_EFER, (value & ~EFER_LMA) | (old & EFER_LMA));
  if (((old ^ value) & EFER_NXE) != 0) tlbFlushAll();
  updateMode();
}

function needsCanonical(index: u32): bool {
  return (
    index == IA32_SYSENTER_ESP ||
    index == IA32_SYSENTER_EIP ||
    index == IA32_LSTAR ||
    index == IA32_CSTAR ||
    (index >= IA32_FS_BASE && index <= IA32_KERNEL_GS_BASE)
  );
}

function writeMsr(index: u32, value: u64): void {
  if (index == IA32_EFER) {
    writeEfer(value);
    return;
  }
  const address = plainAddress(index);
  if (address != 0) {
    if (needsCanonical(index) && !isCanonical(value)) fail();
    if (index == IA32_TSC_AUX || index == IA32_FMASK) {
      if (value >> 32 != 0) fail();
    } else if (index == IA32_PAT) {
      if (!memoryTypes(value, true)) fail();
    } else if (mtrrAddress(index) != 0) checkMtrr(index, value);
    store<u64>(address, value);
    return;
  }
  switch (index) {
    case IA32_TSC: store<u64>(TSC_OFFSET, value - hostTimeStamp()); return;
    case IA32_MISC_ENABLE: store<u64>(MSR_MISC_ENABLE, value & MISC_ENABLE_WRITABLE); return;
    // There is no microcode to load; software writes 0 to ask for the revision.
    case IA32_BIOS_UPDT_TRIG:
    case IA32_BIOS_SIGN_ID:
      return;
    case IA32_DEBUGCTL:
      if (value != 0) fail();
      return;
    case IA32_PLATFORM_ID:
    case IA32_MTRRCAP:
    case IA32_ARCH_CAPABILITIES:
      fail();
      return;
  }
  store<u64>(HOST_SCRATCH, value);
  if (msrWrite(index) == 0) fail();
}

function rdmsr(op: u32): void {
  if (load<u32>(CPL) != 0) fail();
  const value = readMsr(load<u32>(RCX));
  store<u64>(RAX, value & 0xffffffff);
  store<u64>(RDX, value >> 32);
}

function wrmsr(op: u32): void {
  if (load<u32>(CPL) != 0) fail();
  writeMsr(load<u32>(RCX), (load<u64>(RDX) << 32) | <u64>load<u32>(RAX));
}

export function registerModelSpecificRegisters(): void {
  define(TWO | 0x32, 0, rdmsr);
  define(TWO | 0x30, ENDS, wrmsr);
}
