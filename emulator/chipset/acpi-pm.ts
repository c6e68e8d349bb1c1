import { PM1A_CNT_BLK, PM1A_EVT_BLK, PM_TMR_BLK, SLP_TYP_S5 } from "../boot/acpi/platform";
import type { Log } from "../log";
import type { Clock, Timer, TimerQueue } from "../time/clock";
import type { InterruptLine, PortBus, PortDevice } from "./bus";
import { ticksAt, timeOfTick } from "./ticks";

const PM_TMR_LEN = 4;
/** Hz of the PM timer; it counts 32 bits: FADT flag TMR_VAL_EXT. */
export const PM_TIMER_FREQUENCY = 3_579_545;

const TMR_STS = 1 << 0;
const GBL_STS = 1 << 5;
const PWRBTN_STS = 1 << 8;
const SLPBTN_STS = 1 << 9;
const RTC_STS = 1 << 10;
const STATUS_BITS = TMR_STS | GBL_STS | PWRBTN_STS | SLPBTN_STS | RTC_STS;
const SCI_EN = 1 << 0;
const SLP_EN = 1 << 13;
/** TMR_STS is set whenever bit 31 of the timer changes. */
const HALF_RANGE = 0x80000000;

/** PM1a event and control blocks and the PM timer (ACPI 6.5, 4.8.3), where the FADT says. ACPI mode is always on: the FADT's SMI_CMD is 0. */
export class AcpiPm implements PortDevice {
  private readonly timer: Timer;
  private status = 0;
  private enable = 0;
  private control = 0;
  /** Half ranges of the PM timer that were complete at the last look. */
  private halves = 0;

  constructor(
    ports: PortBus,
    private readonly clock: Clock,
    timers: TimerQueue,
    private readonly sci: InterruptLine,
    private readonly powerOff: () => void,
    private readonly log: Log,
  ) {
    this.timer = timers.create(() => this.update());
    ports.register(PM1A_EVT_BLK, PM_TMR_BLK + PM_TMR_LEN - 1, this);
    this.reset();
  }

  reset(): void {
    this.status = this.enable = this.control = 0;
    this.halves = this.halvesNow();
    this.update();
  }

  /** The power button, pressed and released. */
  pressPowerButton(): void {
    this.status |= PWRBTN_STS;
    this.update();
  }

  portRead(port: number, size: number): number {
    this.latchTimer();
    const ticks = ticksAt(this.clock.now(), PM_TIMER_FREQUENCY) % 0x100000000;
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = (value << 8) | this.readByte(port + i, ticks);
    return value >>> 0;
  }

  portWrite(port: number, size: number, value: number): void {
    this.latchTimer();
    for (let i = 0; i < size; i++) this.writeByte(port + i, (value >>> (8 * i)) & 0xff);
    this.update();
  }

  private readByte(port: number, ticks: number): number {
    const shift = (port & 1) * 8;
    switch (port & ~1) {
      case PM1A_EVT_BLK:
        return (this.status >>> shift) & 0xff;
      case PM1A_EVT_BLK + 2:
        return (this.enable >>> shift) & 0xff;
      case PM1A_CNT_BLK:
        return ((this.control | SCI_EN) >>> shift) & 0xff;
      case PM_TMR_BLK:
      case PM_TMR_BLK + 2:
        return (ticks >>> (8 * (port - PM_TMR_BLK))) & 0xff;
      default:
        return 0;
    }
  }

  private writeByte(port: number, value: number): void {
    const shift = (port & 1) * 8;
    const merge = (before: number): number => (before & ~(0xff << shift)) | (value << shift);
    switch (port & ~1) {
      case PM1A_EVT_BLK:
        this.status &= ~(value << shift);
        return;
      case PM1A_EVT_BLK + 2:
        this.enable = merge(this.enable) & STATUS_BITS;
        return;
      case PM1A_CNT_BLK:
        this.control = merge(this.control) & ~(SCI_EN | SLP_EN);
        if ((value << shift) & SLP_EN) this.sleep((this.control >>> 10) & 7);
    }
  }

  private sleep(type: number): void {
    if (type === SLP_TYP_S5) this.powerOff();
    else this.log("acpi", `sleep type ${type} is not S5 and not supported`);
  }

  private halvesNow(): number {
    return Math.floor(ticksAt(this.clock.now(), PM_TIMER_FREQUENCY) / HALF_RANGE);
  }

  private latchTimer(): void {
    const halves = this.halvesNow();
    if (halves !== this.halves) this.status |= TMR_STS;
    this.halves = halves;
  }

  private update(): void {
    this.latchTimer();
    this.sci.setLevel((this.status & this.enable) !== 0);
    if (this.enable & TMR_STS) this.timer.arm(timeOfTick((this.halves + 1) * HALF_RANGE, PM_TIMER_FREQUENCY));
    else this.timer.cancel();
  }
}
