// The hypervisor's CPUID leaves 0x40000000..0x40000006 (TLFS 6.0b, chapter 2.4, "Microsoft Hypervisor CPUID Leaves").
// Every bit set here is a promise that msrs.ts, hypercalls.ts, synic.ts or stimer.ts keeps.

/** Bits of HV_PARTITION_PRIVILEGE_MASK, low half: leaf 0x40000003 EAX. */
const AccessPartitionReferenceCounter = 1 << 1;
const AccessSynicRegs = 1 << 2;
const AccessSyntheticTimerRegs = 1 << 3;
const AccessIntrCtrlRegs = 1 << 4;
const AccessHypercallMsrs = 1 << 5;
const AccessVpIndex = 1 << 6;
const AccessResetReg = 1 << 7;
const AccessPartitionReferenceTsc = 1 << 9;
const AccessFrequencyRegs = 1 << 11;

/** High half: leaf 0x40000003 EBX. */
const PostMessages = 1 << 4;
const SignalEvents = 1 << 5;

/** Leaf 0x40000003 EDX: features. */
const FrequencyRegsAvailable = 1 << 8;
const GuestCrashRegsAvailable = 1 << 10;
const DirectSyntheticTimers = 1 << 19;

/**
 * Leaf 0x40000004 EAX. Relaxed timing spares a guest the watchdogs that a paused or slow machine would trip. No
 * hypercall for TLB flushes or IPIs is recommended: with one processor the instructions are as quick.
 */
const UseRelaxedTiming = 1 << 5;

/** Windows Server 2019's numbers, which is what a guest prints as its host. */
const BUILD_NUMBER = 17763;
const MAJOR_MINOR_VERSION = (10 << 16) | 0;

export const CPUID_HYPERVISOR_FIRST = 0x40000000;
export const CPUID_HYPERVISOR_LAST = 0x40000006;

/** EAX, EBX, ECX, EDX, unsigned. */
export type CpuidResult = readonly [eax: number, ebx: number, ecx: number, edx: number];

const VIRTUAL_PROCESSORS = 1;

const LEAVES: readonly CpuidResult[] = [
  // 0x40000000: highest leaf and "Microsoft Hv".
  [CPUID_HYPERVISOR_LAST, 0x7263694d, 0x666f736f, 0x76482074],
  // 0x40000001: the interface signature "Hv#1".
  [0x31237648, 0, 0, 0],
  // 0x40000002: build, version, service pack, service branch and number.
  [BUILD_NUMBER, MAJOR_MINOR_VERSION, 0, 0],
  // 0x40000003: privileges and features.
  [
    AccessPartitionReferenceCounter |
      AccessSynicRegs |
      AccessSyntheticTimerRegs |
      AccessIntrCtrlRegs |
      AccessHypercallMsrs |
      AccessVpIndex |
      AccessResetReg |
      AccessPartitionReferenceTsc |
      AccessFrequencyRegs,
    PostMessages | SignalEvents,
    0,
    FrequencyRegsAvailable | GuestCrashRegsAvailable | DirectSyntheticTimers,
  ],
  // 0x40000004: recommendations; EBX all ones: never notify of a long spin wait.
  [UseRelaxedTiming, 0xffffffff, 0, 0],
  // 0x40000005: limits.
  [VIRTUAL_PROCESSORS, VIRTUAL_PROCESSORS, 0, 0],
  // 0x40000006: hardware features in use.
  [0, 0, 0, 0],
];

/** The hypervisor's answer to CPUID, or undefined for a leaf that is not its own. Leaf unsigned, 32 bits. */
export function hypervisorCpuid(leaf: number): CpuidResult | undefined {
  return LEAVES[(leaf >>> 0) - CPUID_HYPERVISOR_FIRST];
}
