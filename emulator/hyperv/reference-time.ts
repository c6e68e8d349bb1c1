import type { GuestMemory } from "../cpu/guest-memory";
import type { Clock } from "../time/clock";
import { OverlayPage } from "./overlay";

/** Nanoseconds in one unit of the partition reference counter. */
export const REFERENCE_TIME_UNIT = 100;
const REFERENCE_TIME_FREQUENCY = 10_000_000n;

/** Offsets in HV_REFERENCE_TSC_PAGE (TLFS 6.0b, 12.6.1). */
const TSC_SEQUENCE = 0;
const TSC_SCALE = 8;
const TSC_OFFSET = 16;

/** Sequence numbers that tell a guest that the page is not valid: 0, and for old guests all ones. */
const SEQUENCE_INVALID = 0;
const SEQUENCE_INVALID_OLD = 0xffffffff;

/**
 * The partition's reference time: the counter MSR HV_X64_MSR_TIME_REF_COUNT and the reference TSC page, two ways to
 * read one clock (TLFS 6.0b, 12.4 and 12.6).
 */
export class ReferenceTime {
  private readonly page: OverlayPage;
  private readonly scale: bigint;
  private sequence = 0;
  private value = 0n;

  constructor(
    private readonly memory: GuestMemory,
    private readonly clock: Clock,
    private readonly readTsc: () => bigint,
    tscFrequency: number,
  ) {
    this.page = new OverlayPage(memory);
    // Rounded up, not down: a TSC that is exactly on a 100 ns boundary must not read as the unit before. The error is
    // below one unit until tsc * 1 reaches 2^64 / 100, years from now.
    const frequency = BigInt(tscFrequency);
    this.scale = ((REFERENCE_TIME_FREQUENCY << 64n) + frequency - 1n) / frequency;
  }

  /** Reference time in units of 100 ns since the machine's creation. */
  now(): bigint {
    return BigInt(Math.floor(this.clock.now() / REFERENCE_TIME_UNIT));
  }

  /** HV_X64_MSR_REFERENCE_TSC. */
  get msr(): bigint {
    return this.value;
  }

  /** @returns false for a page outside guest RAM */
  writeMsr(value: bigint): boolean {
    if (!this.page.program(value)) return false;
    this.value = value;
    this.publish();
    return true;
  }

  /** The guest-visible TSC jumped (a write to it or to TSC_ADJUST): the page must follow, or it would disagree. */
  tscChanged(): void {
    this.publish();
  }

  reset(): void {
    this.page.forget();
    this.value = 0n;
  }

  private publish(): void {
    const gpa = this.page.gpa;
    if (gpa === undefined) return;
    const offset = this.now() - ((BigInt.asUintN(64, this.readTsc()) * this.scale) >> 64n);
    do {
      this.sequence = (this.sequence + 1) >>> 0;
    } while (this.sequence === SEQUENCE_INVALID || this.sequence === SEQUENCE_INVALID_OLD);
    this.memory.writeU64(gpa + TSC_SCALE, this.scale);
    this.memory.writeU64(gpa + TSC_OFFSET, BigInt.asUintN(64, offset));
    this.memory.writeU32(gpa + TSC_SEQUENCE, this.sequence);
  }
}
