import type { Timer, TimerQueue } from "../time/clock";
import type { VectorSink } from "./interfaces";
import { REFERENCE_TIME_UNIT, type ReferenceTime } from "./reference-time";
import type { SynicController } from "./synic";

// Synthetic timers of one virtual processor (TLFS 6.0b, 12.3).

export const HV_SYNIC_STIMER_COUNT = 4;
const HvMessageTimerExpired = 0x80000010;
const TIMER_MESSAGE_SIZE = 24;

/** Bits of HV_X64_MSR_STIMERx_CONFIG. */
const ENABLE = 1n << 0n;
const PERIODIC = 1n << 1n;
const LAZY = 1n << 2n;
const AUTO_ENABLE = 1n << 3n;
const APIC_VECTOR_SHIFT = 4n;
const DIRECT_MODE = 1n << 12n;
const SINTX_SHIFT = 16n;
const DEFINED =
  ENABLE | PERIODIC | LAZY | AUTO_ENABLE | (0xffn << APIC_VECTOR_SHIFT) | DIRECT_MODE | (0xfn << SINTX_SHIFT);

/** Periodic timers tick no faster than this (ns), or a guest that asks for 100 ns would leave no time for anything else. */
const SHORTEST_PERIOD = 100_000;

class SyntheticTimer {
  config = 0n;
  count = 0n;
  private readonly timer: Timer;
  /** Expiration time of a message that found its slot busy, in reference time. */
  private pending: bigint | undefined;

  constructor(
    private readonly index: number,
    private readonly vp: number,
    private readonly synic: SynicController,
    private readonly vectors: VectorSink,
    private readonly time: ReferenceTime,
    private readonly timers: TimerQueue,
  ) {
    this.timer = timers.create((deadline) => this.expire(deadline));
  }

  writeConfig(value: bigint): void {
    this.config = value & DEFINED;
    // Without direct mode SINT 0 names no interrupt source, and the timer stays off.
    if ((value & DIRECT_MODE) === 0n && this.sint === 0) this.config &= ~ENABLE;
    this.pending = undefined;
    this.start();
  }

  writeCount(value: bigint): void {
    this.count = value;
    if (value === 0n) this.config &= ~ENABLE;
    else if ((this.config & AUTO_ENABLE) !== 0n) this.config |= ENABLE;
    this.pending = undefined;
    this.start();
  }

  slotScan(sint: number): void {
    if (this.pending !== undefined && sint === this.sint) this.sendMessage(this.pending);
  }

  reset(): void {
    this.timer.cancel();
    this.config = 0n;
    this.count = 0n;
    this.pending = undefined;
  }

  private get sint(): number {
    return Number((this.config >> SINTX_SHIFT) & 0xfn);
  }

  private get period(): number {
    return Math.max(Number(this.count) * REFERENCE_TIME_UNIT, SHORTEST_PERIOD);
  }

  private start(): void {
    this.timer.cancel();
    if ((this.config & ENABLE) === 0n || this.count === 0n) return;
    const now = this.timers.clock.now();
    const deadline =
      (this.config & PERIODIC) !== 0n ? now + this.period : Math.max(Number(this.count) * REFERENCE_TIME_UNIT, now);
    // Centuries away: never.
    if (deadline <= Number.MAX_SAFE_INTEGER) this.timer.arm(deadline);
  }

  private expire(deadline: number): void {
    if ((this.config & PERIODIC) !== 0n) {
      const period = this.period;
      // Missed ticks are dropped, not made up for in a burst.
      const missed = Math.max(0, Math.floor((this.timers.clock.now() - deadline) / period));
      this.timer.arm(deadline + (missed + 1) * period);
    } else {
      this.config &= ~ENABLE;
    }
    if ((this.config & DIRECT_MODE) !== 0n) {
      const vector = Number((this.config >> APIC_VECTOR_SHIFT) & 0xffn);
      if (vector >= 16) this.vectors.injectVector(this.vp, vector, false);
    } else {
      this.sendMessage(BigInt(Math.floor(deadline / REFERENCE_TIME_UNIT)));
    }
  }

  private sendMessage(expiration: bigint): void {
    const payload = new Uint8Array(TIMER_MESSAGE_SIZE);
    const view = new DataView(payload.buffer);
    view.setUint32(0, this.index, true);
    view.setBigUint64(8, expiration, true);
    view.setBigUint64(16, this.time.now(), true);
    this.pending = expiration;
    if (this.synic.tryPost(this.sint, HvMessageTimerExpired, payload)) this.pending = undefined;
  }
}

/** The four timers behind MSRs 0x400000b0..0x400000b7. */
export class SyntheticTimers {
  private readonly list: readonly SyntheticTimer[];

  constructor(vp: number, synic: SynicController, vectors: VectorSink, time: ReferenceTime, timers: TimerQueue) {
    this.list = Array.from(
      { length: HV_SYNIC_STIMER_COUNT },
      (_, index) => new SyntheticTimer(index, vp, synic, vectors, time, timers),
    );
    synic.onSlotScan = (sint) => {
      for (const timer of this.list) timer.slotScan(sint);
    };
  }

  /** @param offset of the MSR from HV_X64_MSR_STIMER0_CONFIG: even for CONFIG, odd for COUNT */
  read(offset: number): bigint {
    const timer = this.list[offset >>> 1];
    if (!timer) return 0n;
    return (offset & 1) === 0 ? timer.config : timer.count;
  }

  write(offset: number, value: bigint): void {
    const timer = this.list[offset >>> 1];
    if ((offset & 1) === 0) timer?.writeConfig(value);
    else timer?.writeCount(value);
  }

  reset(): void {
    for (const timer of this.list) timer.reset();
  }
}
