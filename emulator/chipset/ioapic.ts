import { IO_APIC_BASE } from "../boot/acpi/platform";
import type { MmioBus, MmioDevice } from "./bus";

export const IOAPIC_PINS = 24;

// Register indices (Intel 82093AA data sheet, order 290566)
const IOAPICID = 0x00;
const IOAPICVER = 0x01;
const IOAPICARB = 0x02;
const IOREDTBL = 0x10;
const VERSION = 0x11;

// Low half of a redirection entry
const DESTINATION_LOGICAL = 1 << 11;
const REMOTE_IRR = 1 << 14;
const TRIGGER_LEVEL = 1 << 15;
const MASKED = 1 << 16;
const WRITABLE = 0x0001afff;

/** Delivery modes of an interrupt message (Intel SDM volume 3, 11.5.1 and 11.11). */
export const DELIVERY_FIXED = 0;
export const DELIVERY_LOWEST_PRIORITY = 1;
export const DELIVERY_SMI = 2;
export const DELIVERY_NMI = 4;
export const DELIVERY_INIT = 5;
export const DELIVERY_STARTUP = 6;
export const DELIVERY_EXTINT = 7;

/** An interrupt message to the local APICs. */
export interface InterruptMessage {
  readonly vector: number;
  readonly deliveryMode: number;
  readonly level: boolean;
  readonly logical: boolean;
  readonly destination: number;
}

/** The 82093AA I/O APIC. Polarity is kept but means nothing here: lines say "asserted", not "high". */
export class IoApic implements MmioDevice {
  private readonly low = new Uint32Array(IOAPIC_PINS);
  private readonly high = new Uint32Array(IOAPIC_PINS);
  private lines = 0;
  private select = 0;
  private id = 0;
  private extInt = false;

  constructor(
    mmio: MmioBus,
    /** True if a local APIC took it. */
    private readonly deliver: (message: InterruptMessage) => boolean,
    /** Level of the pins that are programmed as ExtINT: the processor asks the 8259s for the vector. */
    private readonly onExtInt: (asserted: boolean) => void,
  ) {
    this.reset();
    mmio.register(IO_APIC_BASE, 0x1000, this);
  }

  reset(): void {
    this.low.fill(MASKED);
    this.high.fill(0);
    this.lines = this.select = this.id = 0;
    this.updateExtInt();
  }

  setLine(pin: number, asserted: boolean): void {
    const bit = 1 << pin;
    const before = this.lines;
    this.lines = asserted ? before | bit : before & ~bit;
    if (this.lines === before) return;
    const low = this.low[pin] as number;
    if (mode(low) === DELIVERY_EXTINT) this.updateExtInt();
    else if (low & TRIGGER_LEVEL) this.serveLevel(pin);
    else if (asserted && !(low & MASKED)) this.send(pin);
  }

  /** An EOI message from a local APIC: level-triggered pins with that vector may interrupt again. */
  endOfInterrupt(vector: number): void {
    for (let pin = 0; pin < IOAPIC_PINS; pin++) {
      const low = this.low[pin] as number;
      if (!(low & REMOTE_IRR) || !(low & TRIGGER_LEVEL) || (low & 0xff) !== vector) continue;
      this.low[pin] = low & ~REMOTE_IRR;
      this.serveLevel(pin);
    }
  }

  mmioRead(offset: number, _size: number): number {
    if (offset >>> 2 === 0) return this.select;
    if (offset >>> 2 !== 4) return 0;
    switch (this.select) {
      case IOAPICID:
      case IOAPICARB:
        return this.id << 24;
      case IOAPICVER:
        return ((IOAPIC_PINS - 1) << 16) | VERSION;
    }
    const pin = (this.select - IOREDTBL) >> 1;
    if (pin < 0 || pin >= IOAPIC_PINS) return 0;
    return (this.select & 1 ? this.high[pin] : this.low[pin]) as number;
  }

  mmioWrite(offset: number, _size: number, value: bigint): void {
    const data = Number(BigInt.asUintN(32, value));
    if (offset === 0) this.select = data & 0xff;
    else if (offset === 0x10) this.writeRegister(data);
  }

  private writeRegister(data: number): void {
    if (this.select === IOAPICID) this.id = (data >>> 24) & 15;
    const pin = (this.select - IOREDTBL) >> 1;
    if (pin < 0 || pin >= IOAPIC_PINS) return;
    if (this.select & 1) {
      this.high[pin] = data & 0xff000000;
      return;
    }
    let low = (data & WRITABLE) | ((this.low[pin] as number) & REMOTE_IRR);
    // Remote IRR has no meaning for edges; drivers switch to edge and back to clear it.
    if (!(low & TRIGGER_LEVEL)) low &= ~REMOTE_IRR;
    this.low[pin] = low;
    this.updateExtInt();
    this.serveLevel(pin);
  }

  private serveLevel(pin: number): void {
    const low = this.low[pin] as number;
    if (!(low & TRIGGER_LEVEL) || low & (MASKED | REMOTE_IRR) || !(this.lines & (1 << pin))) return;
    if (mode(low) === DELIVERY_EXTINT) return;
    // Before the delivery: its EOI may come back from within.
    if (mode(low) <= DELIVERY_LOWEST_PRIORITY) this.low[pin] = low | REMOTE_IRR;
    if (!this.send(pin)) this.low[pin] = (this.low[pin] as number) & ~REMOTE_IRR;
  }

  private send(pin: number): boolean {
    const low = this.low[pin] as number;
    return this.deliver({
      vector: low & 0xff,
      deliveryMode: mode(low),
      level: (low & TRIGGER_LEVEL) !== 0,
      logical: (low & DESTINATION_LOGICAL) !== 0,
      destination: (this.high[pin] as number) >>> 24,
    });
  }

  private updateExtInt(): void {
    let asserted = false;
    for (let pin = 0; pin < IOAPIC_PINS; pin++) {
      const low = this.low[pin] as number;
      if (mode(low) === DELIVERY_EXTINT && !(low & MASKED) && this.lines & (1 << pin)) asserted = true;
    }
    if (asserted === this.extInt) return;
    this.extInt = asserted;
    this.onExtInt(asserted);
  }
}

function mode(low: number): number {
  return (low >>> 8) & 7;
}
