import { MmioBus, PortBus } from "../../../emulator/chipset/bus";
import { Chipset, type ChipsetOptions, type PowerEvent } from "../../../emulator/chipset/chipset";
import { silentLog } from "../../../emulator/log";
import { TimerQueue } from "../../../emulator/time/clock";

/** A clock that moves when a test says so. */
export class FakeClock {
  time = 0;
  readonly epochMs = 0;
  now(): number {
    return this.time;
  }
}

/** 2026-11-25 12:34:56.000 UTC */
export const EPOCH = Date.UTC(2026, 10, 25, 12, 34, 56);

/** A chipset on its own buses, with what it told the processor. */
export class Board {
  readonly clock = new FakeClock();
  readonly timers = new TimerQueue(this.clock);
  readonly ports = new PortBus();
  readonly mmio = new MmioBus();
  readonly serial: number[] = [];
  readonly debug: number[] = [];
  readonly power: PowerEvent[] = [];
  readonly signals: string[] = [];
  pending = false;
  pendingCalls = 0;
  readonly chipset: Chipset;

  constructor(options: Partial<ChipsetOptions> = {}) {
    this.chipset = new Chipset({
      ports: this.ports,
      mmio: this.mmio,
      clock: this.clock,
      timers: this.timers,
      log: silentLog,
      memorySize: 256 << 20,
      epochMs: () => EPOCH,
      pins: {
        setInterruptPending: (pending) => {
          this.pending = pending;
          this.pendingCalls++;
        },
        raiseNmi: () => this.signals.push("nmi"),
        init: () => this.signals.push("init"),
        startup: (vector) => this.signals.push(`startup ${vector}`),
        requestStop: () => this.signals.push("stop"),
      },
      onSerial: (byte) => this.serial.push(byte),
      onDebugConsole: (byte) => this.debug.push(byte),
      onPower: (event) => this.power.push(event),
      x2apic: false,
      ...options,
    });
  }

  in(port: number, size = 1): number {
    return this.ports.read(port, size);
  }

  out(port: number, value: number, size = 1): void {
    this.ports.write(port, size, value);
  }

  read(address: number): number {
    return Number(this.mmio.read(address, 4));
  }

  write(address: number, value: number): void {
    this.mmio.write(address, 4, BigInt(value >>> 0));
  }

  apic(offset: number): number {
    return this.read(0xfee00000 + offset);
  }

  setApic(offset: number, value: number): void {
    this.write(0xfee00000 + offset, value);
  }

  ioApic(register: number): number {
    this.write(0xfec00000, register);
    return this.read(0xfec00010);
  }

  setIoApic(register: number, value: number): void {
    this.write(0xfec00000, register);
    this.write(0xfec00010, value);
  }

  /** Lets time pass, running each timer at its deadline. */
  advance(ns: number): void {
    const end = this.clock.time + ns;
    while (this.timers.nextDeadline <= end) {
      this.clock.time = Math.max(this.clock.time, this.timers.nextDeadline);
      this.timers.runDue();
    }
    this.clock.time = end;
  }

  /** Lets time pass with nobody looking, as when a tab sleeps; then runs what is due. */
  sleep(ns: number): void {
    this.clock.time += ns;
    this.timers.runDue();
  }

  /** Takes all interrupts that are deliverable now, without EOI. */
  acknowledge(): number {
    return this.chipset.acknowledgeInterrupt();
  }

  /** Initialises the 8259s as Linux does: vectors 0x30 and 0x38, nothing masked. */
  initializePics(masks: readonly [number, number] = [0, 0], autoEoi = false): void {
    this.out(0x20, 0x11);
    this.out(0x21, 0x30);
    this.out(0x21, 0x04);
    this.out(0x21, autoEoi ? 0x03 : 0x01);
    this.out(0xa0, 0x11);
    this.out(0xa1, 0x38);
    this.out(0xa1, 0x02);
    this.out(0xa1, 0x01);
    this.out(0x21, masks[0]);
    this.out(0xa1, masks[1]);
  }
}
