import type { GuestMemory } from "../cpu/guest-memory";
import { HV_X64_MSR_CRASH_CTL, HV_X64_MSR_CRASH_P0, HV_X64_MSR_CRASH_P4, type MsrTable } from "./msrs";

/** Bits of HV_X64_MSR_CRASH_CTL (TLFS 6.0b, 2.4.5 "Guest Crash Enlightenment"). */
const CRASH_NOTIFY = 1n << 63n;
const CRASH_MESSAGE = 1n << 62n;

/** A guest's crash message is at most a page. */
const MESSAGE_LIMIT = 4096;

/** The registers through which a guest's panic reaches the host. */
export class CrashRegisters {
  private readonly parameters = new BigUint64Array(HV_X64_MSR_CRASH_P4 - HV_X64_MSR_CRASH_P0 + 1);

  constructor(
    private readonly memory: GuestMemory,
    private readonly onCrash: (parameters: bigint[], message?: string) => void,
  ) {}

  define(msrs: MsrTable): void {
    msrs.defineRange(
      HV_X64_MSR_CRASH_P0,
      HV_X64_MSR_CRASH_P4,
      (offset) => this.parameters[offset] ?? 0n,
      (offset, value) => {
        this.parameters[offset] = value;
        return true;
      },
    );
    msrs.define(HV_X64_MSR_CRASH_CTL, {
      read: () => CRASH_NOTIFY | CRASH_MESSAGE,
      write: (value) => {
        if ((value & CRASH_NOTIFY) !== 0n) {
          this.onCrash([...this.parameters], (value & CRASH_MESSAGE) !== 0n ? this.message() : undefined);
        }
        return true;
      },
    });
  }

  reset(): void {
    this.parameters.fill(0n);
  }

  /** P3 and P4 are the message's guest physical address and length. */
  private message(): string | undefined {
    const [, , , gpa = 0n, length = 0n] = this.parameters;
    if (length === 0n || gpa >= BigInt(this.memory.size)) return undefined;
    const start = Number(gpa);
    const size = Math.min(length > BigInt(MESSAGE_LIMIT) ? MESSAGE_LIMIT : Number(length), this.memory.size - start);
    const bytes = this.memory.read(start, size);
    if (!bytes) return undefined;
    const end = bytes.indexOf(0);
    return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
  }
}
