import * as msr from "./msrs";

/** A register by its name, as a guest would read it. */
export interface NamedMsr {
  /** HV_X64_MSR_*, as the specification has it. */
  readonly name: string;
  readonly index: number;
  readonly value: bigint;
}

/** Ranges of registers, of which the table of numbers names the first and the last only. */
const RANGES: readonly (readonly [first: number, last: number, name: (offset: number) => string])[] = [
  [msr.HV_X64_MSR_SINT0, msr.HV_X64_MSR_SINT15, (offset) => `HV_X64_MSR_SINT${offset}`],
  [
    msr.HV_X64_MSR_STIMER0_CONFIG,
    msr.HV_X64_MSR_STIMER3_COUNT,
    (offset) => `HV_X64_MSR_STIMER${offset >>> 1}_${(offset & 1) === 0 ? "CONFIG" : "COUNT"}`,
  ],
  [msr.HV_X64_MSR_CRASH_P0, msr.HV_X64_MSR_CRASH_P4, (offset) => `HV_X64_MSR_CRASH_P${offset}`],
];

/** Number and name of every synthetic MSR that we know, by number. */
export function msrNames(): readonly (readonly [index: number, name: string])[] {
  const names = new Map<number, string>();
  for (const [name, value] of Object.entries(msr)) if (typeof value === "number") names.set(value, name);
  for (const [first, last, name] of RANGES) {
    for (let index = first; index <= last; index++) names.set(index, name(index - first));
  }
  return [...names].sort(([a], [b]) => a - b);
}
