import type { Clock, Timer, TimerQueue } from "../time/clock";
import { MINIMUM_INTERRUPT_PERIOD, nextOnGrid } from "./ticks";

/** Hz of the local APIC timer before its divider; HV_X64_MSR_APIC_FREQUENCY (0x40000023) shows it. */
export const APIC_FREQUENCY = 200_000_000;
const NS_PER_TICK = 1_000_000_000 / APIC_FREQUENCY;

/**
 * Periods that passed while the host slept or was busy are made up for, one after each EOI, as a hypervisor does for a
 * guest that counts its ticks; but no more than these, so that a long pause is no storm.
 */
const CATCH_UP_LIMIT = 48;
/**
 * ns by which ticks may come later, several at once, while the guest is at rest: each time that the host wakes up
 * costs more than the tick. No more than a third of the periods that are made up for.
 */
const SLACK = 16_000_000;

/** The processor's time-stamp counter, for the TSC-deadline mode of the timer. */
export interface TscSource {
  /** What RDTSC would give now. */
  readTsc(): bigint;
  /** The time on the machine's clock (ns) at which RDTSC gives `tsc`. */
  tscToNs(tsc: bigint): number;
}

export const TIMER_ONE_SHOT = 0;
export const TIMER_PERIODIC = 1;
export const TIMER_TSC_DEADLINE = 2;

/** The local APIC's timer (Intel SDM volume 3, 11.5.4): counts in ticks of 5 ns times the divider. */
export class LapicTimer {
  private readonly timer: Timer;
  private mode = TIMER_ONE_SHOT;
  private divideRegister = 0;
  private initial = 0;
  /** When the initial count was loaded (ns), moved so that a change of the divider keeps the current count. */
  private start = 0;
  private tscDeadline = 0n;
  /** Periods that the guest has yet to be told of. */
  private missed = 0;

  constructor(
    private readonly clock: Clock,
    timers: TimerQueue,
    private readonly tsc: TscSource | undefined,
    private readonly expire: () => void,
  ) {
    this.timer = timers.create((deadline) => this.expired(deadline));
  }

  reset(): void {
    this.timer.cancel();
    this.mode = TIMER_ONE_SHOT;
    this.divideRegister = this.initial = this.start = this.missed = 0;
    this.tscDeadline = 0n;
  }

  /** Delivers an expiry whose time has come but which the queue has not run yet. */
  settle(): void {
    const { deadline } = this.timer;
    if (deadline === undefined || deadline > this.clock.now()) return;
    this.timer.cancel();
    this.expired(deadline);
  }

  /** The guest has ended the timer's interrupt: the next period that it missed. */
  ended(): void {
    if (this.missed === 0) return;
    this.missed--;
    this.expire();
  }

  /** LVT timer bits 18:17. A change to or from TSC-deadline mode disarms. */
  setMode(mode: number): void {
    if (mode === this.mode) return;
    this.settle();
    this.missed = 0;
    const disarm = mode === TIMER_TSC_DEADLINE || this.mode === TIMER_TSC_DEADLINE;
    this.mode = mode;
    if (disarm) {
      this.initial = 0;
      this.tscDeadline = 0n;
      this.timer.cancel();
      return;
    }
    if (this.initial > 0) this.arm(-Infinity);
  }

  get initialCount(): number {
    return this.initial;
  }

  set initialCount(count: number) {
    if (this.mode === TIMER_TSC_DEADLINE) return;
    this.settle();
    this.initial = count;
    this.missed = 0;
    this.start = this.clock.now();
    if (count === 0) this.timer.cancel();
    else this.arm(-Infinity);
  }

  get currentCount(): number {
    if (this.initial === 0) return 0;
    const elapsed = Math.floor((this.clock.now() - this.start) / this.tick);
    if (this.mode === TIMER_PERIODIC) return this.initial - (elapsed % this.initial);
    return Math.max(0, this.initial - elapsed);
  }

  get divideConfiguration(): number {
    return this.divideRegister;
  }

  set divideConfiguration(value: number) {
    this.settle();
    const current = this.currentCount;
    this.divideRegister = value & 0xb;
    this.missed = 0;
    if (current === 0) return;
    this.start = this.clock.now() - (this.initial - current) * this.tick;
    this.arm(-Infinity);
  }

  /** IA32_TSC_DEADLINE; 0 when disarmed or expired. */
  get deadline(): bigint {
    this.settle();
    return this.tscDeadline;
  }

  set deadline(value: bigint) {
    if (this.mode !== TIMER_TSC_DEADLINE || !this.tsc) return;
    this.settle();
    this.tscDeadline = value;
    if (value === 0n) {
      this.timer.cancel();
      return;
    }
    const now = this.clock.now();
    this.timer.arm(value <= this.tsc.readTsc() ? now : Math.max(now, this.tsc.tscToNs(value)));
  }

  /** ns of one count. */
  private get tick(): number {
    const code = (this.divideRegister & 3) | ((this.divideRegister >>> 1) & 4);
    return NS_PER_TICK * (1 << ((code + 1) & 7));
  }

  private arm(last: number): void {
    const period = this.initial * this.tick;
    const now = this.clock.now();
    if (this.mode === TIMER_PERIODIC) {
      const slack = Math.min(SLACK, (period * CATCH_UP_LIMIT) / 3);
      this.timer.arm(nextOnGrid(this.start, period, now, last, MINIMUM_INTERRUPT_PERIOD), slack);
    } else if (this.start + period > now) this.timer.arm(this.start + period);
    else this.timer.cancel();
  }

  private expired(deadline: number): void {
    if (this.mode === TIMER_TSC_DEADLINE) this.tscDeadline = 0n;
    // Armed before the delivery, which may lead back here.
    if (this.mode === TIMER_PERIODIC) {
      const period = this.initial * this.tick;
      const late = period < MINIMUM_INTERRUPT_PERIOD ? 0 : Math.floor((this.clock.now() - deadline) / period);
      this.missed = Math.min(this.missed + late, CATCH_UP_LIMIT);
      this.arm(deadline);
    }
    this.expire();
  }
}
