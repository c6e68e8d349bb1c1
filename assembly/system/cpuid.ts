// CPUID: what this core implements, and nothing else. SDM volume 2, CPUID; AMD64 APM volume 3, appendix E.

import { HOST_SCRATCH, RAX, RCX, RDX } from "../state";
import { TWO, define } from "../decode/tables";
import { cpuidHypervisor } from "../host";
import { PHYSICAL_BITS } from "../memory/paging";
import { SIGNATURE } from "./reset";

/** Linear-address width of leaf 0x80000008. */
const LINEAR_ADDRESS_BITS: u32 = 48;

const RBX: u32 = RAX + 24;
const MAX_BASIC_LEAF: u32 = 0xd;
const MAX_EXTENDED_LEAF: u32 = 0x80000008;

// Leaf 1, EDX.
const FPU: u32 = 1 << 0;
const DE: u32 = 1 << 2;
const PSE: u32 = 1 << 3;
const TSC: u32 = 1 << 4;
const MSR: u32 = 1 << 5;
const PAE: u32 = 1 << 6;
const CX8: u32 = 1 << 8;
const APIC: u32 = 1 << 9;
const SEP: u32 = 1 << 11;
const MTRR: u32 = 1 << 12;
const PGE: u32 = 1 << 13;
const CMOV: u32 = 1 << 15;
const PAT: u32 = 1 << 16;
const PSE36: u32 = 1 << 17;
const CLFSH: u32 = 1 << 19;
const MMX: u32 = 1 << 23;
const FXSR: u32 = 1 << 24;
const SSE: u32 = 1 << 25;
const SSE2: u32 = 1 << 26;
// Leaf 1, ECX.
const SSE3: u32 = 1 << 0;
const SSSE3: u32 = 1 << 9;
const CX16: u32 = 1 << 13;
const SSE4_1: u32 = 1 << 19;
const SSE4_2: u32 = 1 << 20;
const MOVBE: u32 = 1 << 22;
const POPCNT: u32 = 1 << 23;
const HYPERVISOR: u32 = 1 << 31;
// Leaf 7, EBX and EDX.
const FSGSBASE: u32 = 1 << 0;
const SMEP: u32 = 1 << 7;
const SMAP: u32 = 1 << 20;
const ARCH_CAPABILITIES: u32 = 1 << 29;
// Leaf 0x80000001, EDX and ECX.
const SYSCALL: u32 = 1 << 11;
const NX: u32 = 1 << 20;
const PAGE_1GB: u32 = 1 << 26;
const RDTSCP: u32 = 1 << 27;
const LM: u32 = 1 << 29;
const LAHF_LM: u32 = 1 << 0;
/** Leaf 0x80000007, EDX: the TSC runs at one rate in every state. */
const INVARIANT_TSC: u32 = 1 << 8;

/** CLFLUSH line of 64 bytes (in units of 8), one logical processor. */
const LEAF1_EBX: u32 = (8 << 8) | (1 << 16);

const brand = <u32>memory.data<u8>([
  0x48, 0x79, 0x70, 0x65, 0x72, 0x74, 0x61, 0x62, 0x20, 0x76, 0x69, 0x72, 0x74, 0x75, 0x61, 0x6c, 0x20, 0x70, 0x72,
  0x6f, 0x63, 0x65, 0x73, 0x73, 0x6f, 0x72, 0x20, 0x40, 0x20, 0x31, 0x2e, 0x30, 0x30, 0x47, 0x48, 0x7a, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0,
]);

function answer(eax: u32, ebx: u32, ecx: u32, edx: u32): void {
  store<u64>(RAX, eax);
  store<u64>(RBX, ebx);
  store<u64>(RCX, ecx);
  store<u64>(RDX, edx);
}

function cpuid(op: u32): void {
  const leaf = load<u32>(RAX);
  const subleaf = load<u32>(RCX);
  if (leaf >= 0x40000000 && leaf < 0x50000000 && cpuidHypervisor(leaf, subleaf) != 0) {
    answer(
      load<u32>(HOST_SCRATCH),
      load<u32>(HOST_SCRATCH, 4),
      load<u32>(HOST_SCRATCH, 8),
      load<u32>(HOST_SCRATCH, 12),
    );
    return;
  }
  if (leaf >= 0x80000000 && leaf <= MAX_EXTENDED_LEAF) extendedLeaf(leaf);
  // A leaf that does not exist answers as the highest basic one (SDM volume 2, CPUID): zeros here.
  else basicLeaf(leaf, subleaf);
}

function basicLeaf(leaf: u32, subleaf: u32): void {
  switch (leaf) {
    // "GenuineIntel"
    case 0: answer(MAX_BASIC_LEAF, 0x756e6547, 0x6c65746e, 0x49656e69); break;
    case 1:
      answer(
        SIGNATURE,
        LEAF1_EBX,
        SSE3 | SSSE3 | CX16 | SSE4_1 | SSE4_2 | MOVBE | POPCNT | hypervisorBit(),
        FPU | DE | PSE | TSC | MSR | PAE | CX8 | APIC | SEP | MTRR | PGE | CMOV | PAT | PSE36 | CLFSH | MMX | FXSR | SSE |
          SSE2,
      );
      break;
    // No descriptors: see leaf 4.
    case 2: answer(0x00ffff01, 0, 0, 0); break;
    case 4: cacheLeaf(subleaf); break;
    case 7:
      if (subleaf == 0) answer(0, FSGSBASE | SMEP | SMAP, 0, ARCH_CAPABILITIES);
      else answer(0, 0, 0, 0);
      break;
    default: answer(0, 0, 0, 0);
  }
}

function hypervisorBit(): u32 { return cpuidHypervisor(0x40000000, 0) != 0 ? HYPERVISOR : 0; }

/** Leaf 4: one level of 32 KiB for data and for code, 8 ways of 64 sets of 64 bytes, not shared. */
function cacheLeaf(subleaf: u32): void {
  if (subleaf > 1) {
    answer(0, 0, 0, 0);
    return;
  }
  const type: u32 = subleaf + 1;
  answer(type | (1 << 5) | (1 << 8), 63 | (7 << 22), 63, 0);
}

function extendedLeaf(leaf: u32): void {
  switch (leaf) {
    case 0x80000000: answer(MAX_EXTENDED_LEAF, 0, 0, 0); break;
    case 0x80000001: answer(0, 0, LAHF_LM, SYSCALL | NX | PAGE_1GB | RDTSCP | LM); break;
    case 0x80000002:
    case 0x80000003:
    case 0x80000004: {
      const text = brand + ((leaf - 0x80000002) << 4);
      answer(load<u32>(text), load<u32>(text, 4), load<u32>(text, 8), load<u32>(text, 12));
      break;
    }
    case 0x80000007: answer(0, 0, 0, INVARIANT_TSC); break;
    case 0x80000008: answer(PHYSICAL_BITS | (LINEAR_ADDRESS_BITS << 8), 0, 0, 0); break;
    default: answer(0, 0, 0, 0);
  }
}

export function registerCpuid(): void {
  define(TWO | 0xa2, 0, cpuid);
}
