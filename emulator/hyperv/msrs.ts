/** Numbers of the synthetic MSRs (TLFS 6.0b, appendix C). */
export const HV_X64_MSR_GUEST_OS_ID = 0x40000000;
export const HV_X64_MSR_HYPERCALL = 0x40000001;
export const HV_X64_MSR_VP_INDEX = 0x40000002;
export const HV_X64_MSR_RESET = 0x40000003;
export const HV_X64_MSR_TIME_REF_COUNT = 0x40000020;
export const HV_X64_MSR_REFERENCE_TSC = 0x40000021;
export const HV_X64_MSR_TSC_FREQUENCY = 0x40000022;
export const HV_X64_MSR_APIC_FREQUENCY = 0x40000023;
export const HV_X64_MSR_EOI = 0x40000070;
export const HV_X64_MSR_ICR = 0x40000071;
export const HV_X64_MSR_TPR = 0x40000072;
export const HV_X64_MSR_VP_ASSIST_PAGE = 0x40000073;
export const HV_X64_MSR_SCONTROL = 0x40000080;
export const HV_X64_MSR_SVERSION = 0x40000081;
export const HV_X64_MSR_SIEFP = 0x40000082;
export const HV_X64_MSR_SIMP = 0x40000083;
export const HV_X64_MSR_EOM = 0x40000084;
export const HV_X64_MSR_SINT0 = 0x40000090;
export const HV_X64_MSR_SINT15 = 0x4000009f;
export const HV_X64_MSR_STIMER0_CONFIG = 0x400000b0;
export const HV_X64_MSR_STIMER3_COUNT = 0x400000b7;
export const HV_X64_MSR_CRASH_P0 = 0x40000100;
export const HV_X64_MSR_CRASH_P4 = 0x40000104;
export const HV_X64_MSR_CRASH_CTL = 0x40000105;

/** A synthetic MSR; a missing direction, or `write` answering false, is a general protection fault. */
export interface SyntheticMsr {
  readonly read?: () => bigint;
  readonly write?: (value: bigint) => boolean;
}

/** The synthetic MSRs by number. Numbers that nobody defined do not exist: a general protection fault. */
export class MsrTable {
  private readonly table = new Map<number, SyntheticMsr>();

  define(index: number, msr: SyntheticMsr): void {
    this.table.set(index, msr);
  }

  /** Defines first..last; the functions get the offset from `first`. */
  defineRange(
    first: number,
    last: number,
    read: (offset: number) => bigint,
    write: (offset: number, value: bigint) => boolean,
  ): void {
    for (let index = first; index <= last; index++) {
      this.define(index, { read: () => read(index - first), write: (value) => write(index - first, value) });
    }
  }

  read(index: number): bigint | undefined {
    const value = this.table.get(index)?.read?.();
    return value === undefined ? undefined : BigInt.asUintN(64, value);
  }

  write(index: number, value: bigint): boolean {
    return this.table.get(index)?.write?.(BigInt.asUintN(64, value)) ?? false;
  }
}
