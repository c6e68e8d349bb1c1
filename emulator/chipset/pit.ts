import type { Clock, Timer, TimerQueue } from "../time/clock";
import type { InterruptLine, PortBus } from "./bus";
import { BytePorts } from "./byte-ports";
import { MINIMUM_INTERRUPT_PERIOD, nextOnGrid, ticksAt, timeOfTick } from "./ticks";

/** Input clock of the 8254's three counters in Hz (14.31818 MHz / 12). */
export const PIT_FREQUENCY = 1_193_182;

/** ns of a memory refresh cycle: port 0x61 bit 4 toggles with it (counter 1 of a PC divides by 18). */
const REFRESH_PERIOD = 15_085;

const ACCESS_LSB = 1;
const ACCESS_MSB = 2;
const ACCESS_BOTH = 3;

/**
 * One counter of an 8254 (Intel data sheet 231164). Nothing ticks: count and output follow from the tick at which
 * counting began. Counting begins with the write of the count rather than one clock later.
 */
export class PitCounter {
  private control = 0x30;
  /** Count in the counting element, 1..0x10000 (10000 in BCD), undefined until one was written. */
  private count: number | undefined;
  /** Modes 2 and 3: a count written while counting, taken at the end of the period; 1 and 5: taken at a trigger. */
  private nextCount: number | undefined;
  /** Tick at which nextCount was written. */
  private nextCountWritten = 0;
  /** Tick at which the count was loaded; with the gate low, counting stands still at `stoppedAfter` ticks. */
  private start = 0;
  private stoppedAfter: number | undefined;
  private triggered = false;
  private gate = true;
  private writeHigh = false;
  private lowByte = 0;
  private readHigh = false;
  private latchedCount: number | undefined;
  private latchedStatus: number | undefined;

  reset(gate: boolean): void {
    this.control = 0x30;
    this.count = this.nextCount = this.stoppedAfter = undefined;
    this.latchedCount = this.latchedStatus = undefined;
    this.triggered = this.writeHigh = this.readHigh = false;
    this.lowByte = this.start = 0;
    this.gate = gate;
  }

  /** Counting mode 0..5. */
  get mode(): number {
    const mode = (this.control >>> 1) & 7;
    return mode >= 6 ? mode - 4 : mode;
  }

  private get access(): number {
    return (this.control >>> 4) & 3;
  }

  private get modulus(): number {
    return this.control & 1 ? 10_000 : 0x10000;
  }

  /** Modes 1 and 5 count after a rising edge of the gate, the others while it is high. */
  private get gateTriggers(): boolean {
    return this.mode === 1 || this.mode === 5;
  }

  get periodic(): boolean {
    return this.mode === 2 || this.mode === 3;
  }

  writeControl(value: number, tick: number): void {
    if (((value >>> 4) & 3) === 0) {
      this.latchCount(tick);
      return;
    }
    this.control = value & 0x3f;
    this.count = this.nextCount = this.stoppedAfter = undefined;
    this.latchedCount = this.latchedStatus = undefined;
    this.triggered = this.writeHigh = this.readHigh = false;
  }

  writeCount(value: number, tick: number): void {
    this.settle(tick);
    if (this.access === ACCESS_LSB) this.load(value, tick);
    else if (this.access === ACCESS_MSB) this.load(value << 8, tick);
    else if (!this.writeHigh) {
      this.writeHigh = true;
      this.lowByte = value;
      // In mode 0 the first byte stops the count and takes the output low.
      if (this.mode === 0) this.count = undefined;
    } else {
      this.writeHigh = false;
      this.load((value << 8) | this.lowByte, tick);
    }
  }

  private load(raw: number, tick: number): void {
    const value = (this.control & 1 ? fromBcd(raw) : raw) || this.modulus;
    if (this.gateTriggers || (this.periodic && this.count !== undefined)) {
      this.nextCount = value;
      this.nextCountWritten = tick;
      return;
    }
    this.count = value;
    this.nextCount = undefined;
    this.start = tick;
    this.stoppedAfter = this.gate ? undefined : 0;
  }

  setGate(gate: boolean, tick: number): void {
    if (gate === this.gate) return;
    this.settle(tick);
    const elapsed = this.elapsed(tick);
    this.gate = gate;
    if (this.gateTriggers) {
      if (gate) this.trigger(tick);
    } else if (!gate) this.stoppedAfter = elapsed;
    else if (this.periodic) this.trigger(tick);
    else {
      this.start = tick - elapsed;
      this.stoppedAfter = undefined;
    }
  }

  private trigger(tick: number): void {
    this.count = this.nextCount ?? this.count;
    this.nextCount = undefined;
    this.start = tick;
    this.stoppedAfter = undefined;
    this.triggered = this.count !== undefined;
  }

  /** Takes a count that waits for the end of the period, if that has come. */
  private settle(tick: number): void {
    if (!this.periodic || this.nextCount === undefined || this.count === undefined || !this.gate) return;
    const end = nextOnGrid(this.start, this.count, this.nextCountWritten);
    if (tick < end) return;
    this.start = end;
    this.count = this.nextCount;
    this.nextCount = undefined;
  }

  private elapsed(tick: number): number {
    return this.stoppedAfter ?? tick - this.start;
  }

  output(tick: number): boolean {
    this.settle(tick);
    const { count } = this;
    if (this.mode === 0) return count !== undefined && this.elapsed(tick) >= count;
    if (count === undefined) return true;
    const elapsed = this.elapsed(tick);
    switch (this.mode) {
      case 1:
        return !this.triggered || elapsed >= count;
      case 2:
        return !this.gate || elapsed % count !== count - 1;
      case 3:
        return !this.gate || elapsed % count < Math.ceil(count / 2);
      default:
        return (this.mode === 5 && !this.triggered) || elapsed !== count;
    }
  }

  private current(tick: number): number {
    this.settle(tick);
    const count = this.count ?? this.nextCount ?? this.modulus;
    if (this.count === undefined || (this.gateTriggers && !this.triggered)) return count % this.modulus;
    const elapsed = this.elapsed(tick);
    if (this.mode === 2) return (count - (elapsed % count)) % this.modulus;
    if (this.mode === 3) {
      // Counts by two, an odd count from the even one below it; the high half of an odd count is one tick longer.
      const phase = elapsed % count;
      const high = Math.ceil(count / 2);
      const even = count & ~1;
      return Math.max(0, even - 2 * (phase < high ? phase : phase - high)) % this.modulus;
    }
    const left = (count - elapsed) % this.modulus;
    return left < 0 ? left + this.modulus : left;
  }

  latchCount(tick: number): void {
    this.latchedCount ??= this.encode(this.current(tick));
  }

  latchStatus(tick: number): void {
    this.latchedStatus ??=
      (this.output(tick) ? 0x80 : 0) |
      (this.count === undefined || this.nextCount !== undefined ? 0x40 : 0) |
      this.control;
  }

  private encode(value: number): number {
    return this.control & 1 ? toBcd(value) : value;
  }

  read(tick: number): number {
    if (this.latchedStatus !== undefined) {
      const status = this.latchedStatus;
      this.latchedStatus = undefined;
      return status;
    }
    const value = this.latchedCount ?? this.encode(this.current(tick));
    const high = this.access === ACCESS_MSB || (this.access === ACCESS_BOTH && this.readHigh);
    if (this.access === ACCESS_BOTH) this.readHigh = !this.readHigh;
    if (this.access !== ACCESS_BOTH || high) this.latchedCount = undefined;
    return (high ? value >>> 8 : value) & 0xff;
  }

  /**
   * First tick after `tick` at which the output rises, Infinity if it never will by itself. Periodic modes leave out
   * rises before `notBefore`.
   */
  nextRise(tick: number, notBefore: number): number {
    this.settle(tick);
    const { count, start } = this;
    if (count === undefined || (this.gateTriggers && !this.triggered)) return Infinity;
    if (this.stoppedAfter !== undefined) return Infinity;
    const end = start + count;
    switch (this.mode) {
      case 0:
      case 1:
        return tick < end ? end : Infinity;
      case 2:
      case 3:
        return nextOnGrid(start, count, Math.max(tick, notBefore - 1));
      default:
        return tick < end + 1 ? end + 1 : Infinity;
    }
  }
}

function fromBcd(value: number): number {
  let result = 0;
  for (let shift = 12; shift >= 0; shift -= 4) result = result * 10 + ((value >>> shift) & 15);
  return result % 10_000;
}

function toBcd(value: number): number {
  let result = 0;
  for (let shift = 0, rest = value % 10_000; shift < 16; shift += 4, rest = Math.floor(rest / 10)) {
    result |= (rest % 10) << shift;
  }
  return result;
}

/** The 8254 of a PC at 0x40..0x43, with port 0x61 (NMI status and control): gate and output of counter 2. */
export class Pit {
  private readonly counters = [new PitCounter(), new PitCounter(), new PitCounter()] as const;
  private readonly timer: Timer;
  private lastInterrupt = -Infinity;
  private portB = 0;

  constructor(
    ports: PortBus,
    private readonly clock: Clock,
    timers: TimerQueue,
    private readonly line: InterruptLine,
  ) {
    this.timer = timers.create((deadline) => this.rise(deadline));
    const registers = new BytePorts(
      ports,
      (port) => this.read(port & 3),
      (port, value) => this.write(port & 3, value),
    );
    ports.register(0x40, 0x43, registers);
    const portB = new BytePorts(
      ports,
      () => this.readPortB(),
      (_, value) => {
        this.portB = value & 0x0f;
        this.counters[2].setGate((value & 1) !== 0, this.tick());
      },
    );
    ports.register(0x61, 0x61, portB);
    this.reset();
  }

  reset(): void {
    this.timer.cancel();
    this.portB = 0;
    this.lastInterrupt = -Infinity;
    this.counters[0].reset(true);
    this.counters[1].reset(true);
    this.counters[2].reset(false);
    this.line.setLevel(false);
  }

  private tick(): number {
    return ticksAt(this.clock.now(), PIT_FREQUENCY);
  }

  private read(register: number): number {
    // The control word register can't be read.
    return register === 3 ? 0xff : this.counters[register as 0 | 1 | 2].read(this.tick());
  }

  private write(register: number, value: number): void {
    this.settle();
    const tick = this.tick();
    if (register !== 3) {
      this.counters[register as 0 | 1 | 2].writeCount(value, tick);
      if (register === 0) this.rearm();
      return;
    }
    const select = value >>> 6;
    if (select === 3) {
      this.readBack(value, tick);
      return;
    }
    this.counters[select as 0 | 1 | 2].writeControl(value, tick);
    if (select === 0 && value & 0x30) this.rearm();
  }

  private readBack(value: number, tick: number): void {
    this.counters.forEach((counter, index) => {
      if (!(value & (2 << index))) return;
      if (!(value & 0x20)) counter.latchCount(tick);
      if (!(value & 0x10)) counter.latchStatus(tick);
    });
  }

  private readPortB(): number {
    const now = this.clock.now();
    const refresh = Math.floor(now / REFRESH_PERIOD) & 1;
    return this.portB | (refresh << 4) | (this.counters[2].output(this.tick()) ? 0x20 : 0);
  }

  /** IRQ 0 follows the output of counter 0; its falling edges interest nobody, so they come together with the rises. */
  private rearm(): void {
    const tick = this.tick();
    this.line.setLevel(this.counters[0].output(tick));
    this.armAfter(tick);
  }

  private armAfter(tick: number): void {
    const notBefore = ticksAt(Math.max(0, this.lastInterrupt + MINIMUM_INTERRUPT_PERIOD), PIT_FREQUENCY);
    const rise = this.counters[0].nextRise(tick, notBefore);
    if (rise === Infinity) this.timer.cancel();
    else this.timer.arm(timeOfTick(rise, PIT_FREQUENCY));
  }

  /** Delivers a rise whose time has come before the guest changes what follows. */
  private settle(): void {
    const { deadline } = this.timer;
    if (deadline !== undefined && deadline <= this.clock.now()) this.rise(deadline);
  }

  private rise(deadline: number): void {
    this.lastInterrupt = deadline;
    this.line.setLevel(false);
    this.line.setLevel(true);
    this.armAfter(this.tick());
  }
}
