import { RTC_CENTURY } from "../boot/acpi/platform";
import type { Clock, Timer, TimerQueue } from "../time/clock";
import type { InterruptLine, PortBus } from "./bus";
import { BytePorts } from "./byte-ports";
import { ticksAt, timeOfTick } from "./ticks";

// Registers of the MC146818 (Motorola data sheet) and of the CMOS RAM behind it.
const SECONDS = 0x00;
const SECONDS_ALARM = 0x01;
const MINUTES = 0x02;
const MINUTES_ALARM = 0x03;
const HOURS = 0x04;
const HOURS_ALARM = 0x05;
const DAY_OF_WEEK = 0x06;
const DAY_OF_MONTH = 0x07;
const MONTH = 0x08;
const YEAR = 0x09;
const REGISTER_A = 0x0a;
const REGISTER_B = 0x0b;
const REGISTER_C = 0x0c;
const REGISTER_D = 0x0d;

const A_UIP = 0x80;
const A_DV_NORMAL = 0x20;
const B_SET = 0x80;
const B_PIE = 0x40;
const B_AIE = 0x20;
const B_UIE = 0x10;
const B_DM = 0x04;
const B_24H = 0x02;
const C_IRQF = 0x80;
const C_PF = 0x40;
const C_AF = 0x20;
const C_UF = 0x10;
const D_VRT = 0x80;

const OSCILLATOR = 32_768;
const NS_PER_SECOND = 1_000_000_000;
const SECONDS_PER_DAY = 86_400;
/** ns that UIP shows before an update (tBUC of the data sheet). */
const UPDATE_WARNING = 244_000;
/** After a divider reset the first update comes half a second later. */
const HALF_SECOND = 500_000_000;

/** The time registers as numbers; what a guest writes may be no valid date until it has written all of them. */
interface Calendar {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

function toCalendar(seconds: number): Calendar {
  const date = new Date(seconds * 1000);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
  };
}

function toSeconds(time: Calendar): number {
  return Date.UTC(time.year, time.month - 1, time.day, time.hour, time.minute, time.second) / 1000;
}

/** MC146818 RTC with 128 bytes of CMOS RAM at ports 0x70 and 0x71, IRQ 8. */
export class Rtc {
  private readonly ram = new Uint8Array(128);
  private readonly timer: Timer;
  private index = 0;
  private a = 0x26;
  private b = B_24H;
  private c = 0;
  /** The shown time in seconds since 1970 is floor((now + phase) / 1e9) + offset. */
  private phase = 0;
  private offset = 0;
  /** The time that stands still while SET or the divider holds it. */
  private held: Calendar | undefined;
  /** Flags of register C are complete up to here (ns). */
  private settledAt = 0;

  constructor(
    ports: PortBus,
    private readonly clock: Clock,
    timers: TimerQueue,
    private readonly line: InterruptLine,
    /** Wall-clock time at clock 0, ms since 1970-01-01 UTC. */
    private readonly epochMs: () => number,
    private readonly memorySize: number,
  ) {
    this.timer = timers.create(() => this.update());
    const registers = new BytePorts(
      ports,
      (port) => (port & 1 ? this.read(this.index) : 0xff),
      (port, value) => {
        // Bit 7 masks NMI on a PC; nothing here raises one through it.
        if (port & 1) this.write(this.index, value);
        else this.index = value & 0x7f;
      },
    );
    ports.register(0x70, 0x71, registers);
    this.reset();
  }

  reset(): void {
    this.timer.cancel();
    this.index = 0;
    this.a = 0x26;
    this.b = B_24H;
    this.c = 0;
    this.held = undefined;
    const epoch = Math.floor(this.epochMs());
    this.offset = Math.floor(epoch / 1000);
    this.phase = (epoch - this.offset * 1000) * 1_000_000;
    this.settledAt = this.clock.now();
    this.ram.fill(0);
    this.describeMemory();
    this.line.setLevel(false);
  }

  /** The sizes that a PC's firmware leaves in CMOS. */
  private describeMemory(): void {
    const put16 = (at: number, value: number): void => {
      this.ram[at] = value & 0xff;
      this.ram[at + 1] = value >>> 8;
    };
    const extendedKiB = Math.min(0xffff, Math.max(0, this.memorySize / 1024 - 1024));
    const above16MiB = Math.min(0xffff, Math.max(0, Math.floor((this.memorySize - 0x1000000) / 0x10000)));
    this.ram[0x14] = 0x06; // equipment: coprocessor, pointing device
    put16(0x15, 640);
    put16(0x17, extendedKiB);
    put16(0x30, extendedKiB);
    put16(0x34, above16MiB);
  }

  private seconds(now: number): number {
    return Math.floor((now + this.phase) / NS_PER_SECOND) + this.offset;
  }

  private shown(): Calendar {
    return this.held ?? toCalendar(this.seconds(this.clock.now()));
  }

  private get running(): boolean {
    return (this.b & B_SET) === 0 && (this.a & 0x70) === A_DV_NORMAL;
  }

  private read(register: number): number {
    this.settle();
    switch (register) {
      case SECONDS:
        return this.encode(this.shown().second);
      case MINUTES:
        return this.encode(this.shown().minute);
      case HOURS:
        return this.encodeHour(this.shown().hour);
      case DAY_OF_WEEK:
        return new Date(toSeconds(this.shown()) * 1000).getUTCDay() + 1;
      case DAY_OF_MONTH:
        return this.encode(this.shown().day);
      case MONTH:
        return this.encode(this.shown().month);
      case YEAR:
        return this.encode(this.shown().year % 100);
      case RTC_CENTURY:
        return this.encode(Math.floor(this.shown().year / 100));
      case REGISTER_A:
        return this.a | (this.updateInProgress() ? A_UIP : 0);
      case REGISTER_B:
        return this.b;
      case REGISTER_C: {
        const flags = this.c;
        this.c = 0;
        this.update();
        return flags;
      }
      case REGISTER_D:
        return D_VRT;
      default:
        return this.ram[register] ?? 0xff;
    }
  }

  private write(register: number, value: number): void {
    this.settle();
    switch (register) {
      case SECONDS:
      case MINUTES:
      case HOURS:
      case DAY_OF_MONTH:
      case MONTH:
      case YEAR:
      case RTC_CENTURY:
        this.writeTime(register, value);
        break;
      case DAY_OF_WEEK: // follows from the date
      case REGISTER_C:
      case REGISTER_D:
        return;
      case REGISTER_A:
        this.control(value & 0x7f, this.b);
        break;
      case REGISTER_B:
        this.control(this.a, value & B_SET ? value & ~B_UIE : value);
        break;
      default:
        this.ram[register] = value;
    }
    this.update();
  }

  /** Changes registers A and B: stops or starts the clock where they say so. */
  private control(a: number, b: number): void {
    const now = this.clock.now();
    const before = this.shown();
    const wasReset = (this.a & 0x60) === 0x60;
    this.a = a;
    this.b = b;
    if (wasReset && (a & 0x60) !== 0x60) this.phase = modulo(HALF_SECOND - now, NS_PER_SECOND);
    this.held = this.running ? undefined : before;
    if (this.running) this.show(before);
  }

  private show(time: Calendar): void {
    if (!this.running) this.held = time;
    else this.offset += toSeconds(time) - this.seconds(this.clock.now());
  }

  private writeTime(register: number, value: number): void {
    const time = this.shown();
    const number = this.decode(value);
    switch (register) {
      case SECONDS:
        return this.show({ ...time, second: number });
      case MINUTES:
        return this.show({ ...time, minute: number });
      case HOURS:
        return this.show({ ...time, hour: this.decodeHour(value) });
      case DAY_OF_MONTH:
        return this.show({ ...time, day: number });
      case MONTH:
        return this.show({ ...time, month: number });
      case YEAR:
        return this.show({ ...time, year: Math.floor(time.year / 100) * 100 + number });
      default:
        return this.show({ ...time, year: number * 100 + (time.year % 100) });
    }
  }

  private updateInProgress(): boolean {
    if (!this.running) return false;
    return modulo(this.clock.now() + this.phase, NS_PER_SECOND) >= NS_PER_SECOND - UPDATE_WARNING;
  }

  /** Oscillator ticks between periodic interrupts, 0 if there are none. */
  private get periodicTicks(): number {
    const rate = this.a & 15;
    if (rate === 0 || (this.a & 0x60) === 0x60) return 0;
    return 1 << ((rate <= 2 ? rate + 7 : rate) - 1);
  }

  /** Sets the flags of register C for all that happened since the last look. */
  private settle(): void {
    const now = this.clock.now();
    const since = this.settledAt;
    this.settledAt = now;
    const ticks = this.periodicTicks;
    if (ticks > 0 && Math.floor(ticksAt(now, OSCILLATOR) / ticks) > Math.floor(ticksAt(since, OSCILLATOR) / ticks)) {
      this.c |= C_PF;
    }
    if (!this.running) return;
    const first = this.seconds(since) + 1;
    const last = this.seconds(now);
    if (last < first) return;
    this.c |= C_UF;
    const alarm = this.nextAlarm(first);
    if (alarm !== undefined && alarm <= last) this.c |= C_AF;
  }

  /** First second from `from` on that matches the alarm registers; undefined if none of a day does. */
  private nextAlarm(from: number): number | undefined {
    const matches = (register: number, actual: number): boolean => {
      const alarm = this.ram[register] as number;
      if ((alarm & 0xc0) === 0xc0) return true;
      return (register === HOURS_ALARM ? this.decodeHour(alarm) : this.decode(alarm)) === actual;
    };
    const day = modulo(from, SECONDS_PER_DAY);
    for (let time = day; time < day + SECONDS_PER_DAY;) {
      if (!matches(HOURS_ALARM, Math.floor(time / 3600) % 24)) time += 3600 - (time % 3600);
      else if (!matches(MINUTES_ALARM, Math.floor(time / 60) % 60)) time += 60 - (time % 60);
      else if (!matches(SECONDS_ALARM, time % 60)) time++;
      else return from - day + time;
    }
    return undefined;
  }

  /** Drives IRQ 8 from the flags and arms the timer for the next event that the guest wants to hear of. */
  private update(): void {
    this.settle();
    const wanted = this.b & (B_PIE | B_AIE | B_UIE);
    if (this.c & wanted) this.c |= C_IRQF;
    else this.c &= ~C_IRQF;
    this.line.setLevel((this.c & C_IRQF) !== 0);
    const next = this.nextEvent(wanted & ~this.c);
    if (next === Infinity) this.timer.cancel();
    else this.timer.arm(next);
  }

  private nextEvent(wanted: number): number {
    const now = this.clock.now();
    const timeOf = (seconds: number): number => (seconds - this.offset) * NS_PER_SECOND - this.phase;
    let next = Infinity;
    const ticks = this.periodicTicks;
    if (wanted & B_PIE && ticks > 0) {
      next = timeOfTick((Math.floor(ticksAt(now, OSCILLATOR) / ticks) + 1) * ticks, OSCILLATOR);
    }
    if (!this.running) return next;
    if (wanted & B_UIE) next = Math.min(next, timeOf(this.seconds(now) + 1));
    if (wanted & B_AIE) {
      const alarm = this.nextAlarm(this.seconds(now) + 1);
      if (alarm !== undefined) next = Math.min(next, timeOf(alarm));
    }
    return next;
  }

  private encode(value: number): number {
    return this.b & B_DM ? value : (Math.floor(value / 10) << 4) | (value % 10);
  }

  private decode(value: number): number {
    return this.b & B_DM ? value : (value >>> 4) * 10 + (value & 15);
  }

  private encodeHour(hour: number): number {
    if (this.b & B_24H) return this.encode(hour);
    return this.encode(hour % 12 || 12) | (hour >= 12 ? 0x80 : 0);
  }

  private decodeHour(value: number): number {
    if (this.b & B_24H) return this.decode(value);
    return (this.decode(value & 0x7f) % 12) + (value & 0x80 ? 12 : 0);
  }
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}
