import { LOCAL_APIC_BASE } from "../boot/acpi/platform";
import type { Clock, TimerQueue } from "../time/clock";
import type { MmioBus, MmioDevice } from "./bus";
import {
  DELIVERY_EXTINT,
  DELIVERY_FIXED,
  DELIVERY_INIT,
  DELIVERY_LOWEST_PRIORITY,
  DELIVERY_NMI,
  DELIVERY_STARTUP,
  type InterruptMessage,
} from "./ioapic";
import {
  ID,
  VERSION,
  TPR,
  APR,
  PPR,
  EOI,
  RRD,
  LDR,
  DFR,
  SVR,
  ISR,
  TMR,
  IRR,
  ESR,
  ICR_LOW,
  ICR_HIGH,
  LVT_TIMER,
  LVT_THERMAL,
  LVT_PERFORMANCE,
  LVT_LINT0,
  LVT_LINT1,
  LVT_ERROR,
  INITIAL_COUNT,
  CURRENT_COUNT,
  DIVIDE_CONFIGURATION,
  SELF_IPI,
  X2APIC_READABLE,
  X2APIC_WRITABLE,
} from "./lapic-registers";
import { LapicTimer, type TscSource } from "./lapic-timer";
import type { ProcessorPins } from "./pins";
import { VectorSet } from "./vector-set";

/** Version 0x14 (integrated), six LVT entries, no suppression of EOI broadcasts. */
const VERSION_VALUE = 0x00050014;
const SVR_ENABLE = 1 << 8;
const LVT_MASKED = 1 << 16;
const LVT_LEVEL = 1 << 15;
const LVT_REMOTE_IRR = 1 << 14;
/** Vector, delivery mode, destination mode, level, trigger, shorthand; delivery status is always idle. */
const ICR_WRITABLE = 0xccfff;
const ESR_SEND_ILLEGAL_VECTOR = 1 << 5;
const ESR_RECEIVE_ILLEGAL_VECTOR = 1 << 6;
const ESR_ILLEGAL_REGISTER = 1 << 7;

const BASE_BSP = 1n << 8n;
const BASE_EXTD = 1n << 10n;
const BASE_EN = 1n << 11n;

/** LVT entries in the order of their offsets, with the bits that software may write. */
const LVT_WRITABLE = [0x700ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff, 0x100ff] as const;

export interface LapicOptions {
  readonly clock: Clock;
  readonly timers: TimerQueue;
  readonly pins: ProcessorPins;
  /** Lets software turn x2APIC mode on; CPUID.1:ECX[21] must say the same. */
  readonly x2apic: boolean;
  readonly tsc?: TscSource;
  /** EOI of a level-triggered vector: the I/O APIC's broadcast. */
  broadcastEoi(vector: number): void;
  /** A vector has ended: by EOI, or by its acknowledgement if it is auto-EOI. */
  ended(vector: number): void;
}

/** The local APIC of virtual processor 0 (APIC id 0), in xAPIC and x2APIC mode. */
export class LocalApic implements MmioDevice {
  private readonly timer: LapicTimer;
  private readonly irr = new VectorSet();
  private readonly isr = new VectorSet();
  private readonly tmr = new VectorSet();
  private readonly autoEoi = new VectorSet();
  private readonly lvt = new Uint32Array(6);
  private base = 0n;
  private id = 0;
  private tpr = 0;
  private ldr = 0;
  private dfr = 0xffffffff;
  private svr = 0xff;
  private esr = 0;
  private errors = 0;
  private icrLow = 0;
  private icrHigh = 0;
  private readonly lint = [false, false];
  private ioApicExtInt = false;
  private pending = false;

  constructor(
    mmio: MmioBus,
    private readonly options: LapicOptions,
  ) {
    this.timer = new LapicTimer(options.clock, options.timers, options.tsc, () => this.fireLvt(LVT_TIMER));
    mmio.register(LOCAL_APIC_BASE, 0x1000, this);
    this.reset();
  }

  /** As firmware leaves it: on, in virtual wire mode (MP specification 3.6.2.2): LINT0 ExtINT, LINT1 NMI. */
  reset(): void {
    this.base = BigInt(LOCAL_APIC_BASE) | BASE_BSP | BASE_EN;
    this.id = 0;
    this.initialize();
    this.svr = SVR_ENABLE | 0xff;
    this.setLvtRaw(LVT_LINT0, DELIVERY_EXTINT << 8);
    this.setLvtRaw(LVT_LINT1, DELIVERY_NMI << 8);
    this.update();
  }

  /** The state after INIT: all but the id and the base. */
  private initialize(): void {
    this.timer.reset();
    for (const set of [this.irr, this.isr, this.tmr, this.autoEoi]) set.clearAll();
    this.lvt.fill(LVT_MASKED);
    this.tpr = this.esr = this.errors = this.icrLow = this.icrHigh = 0;
    this.dfr = 0xffffffff;
    this.svr = 0xff;
    this.ldr = this.x2apicMode ? 1 : 0;
    this.update();
  }

  private get enabled(): boolean {
    return (this.base & BASE_EN) !== 0n;
  }

  private get x2apicMode(): boolean {
    return (this.base & (BASE_EN | BASE_EXTD)) === (BASE_EN | BASE_EXTD);
  }

  // ---- Interrupts in

  /** An interrupt message from the I/O APIC or an ICR; false if it is for nobody here. */
  receive(message: InterruptMessage): boolean {
    if (!this.enabled || !this.isDestination(message)) return false;
    switch (message.deliveryMode) {
      case DELIVERY_FIXED:
      case DELIVERY_LOWEST_PRIORITY:
        return this.accept(message.vector, message.level, false);
      case DELIVERY_NMI:
        this.options.pins.raiseNmi();
        return true;
      case DELIVERY_INIT:
        this.initialize();
        this.options.pins.init();
        return true;
      case DELIVERY_STARTUP:
        this.options.pins.startup(message.vector);
        return true;
      default:
        return false;
    }
  }

  /** A fixed, edge-triggered vector from the hypervisor (SynIC). */
  inject(vector: number, autoEoi: boolean): void {
    if (this.enabled) this.accept(vector, false, autoEoi);
  }

  private accept(vector: number, level: boolean, autoEoi: boolean): boolean {
    if (vector < 16) {
      this.raiseError(ESR_RECEIVE_ILLEGAL_VECTOR);
      return false;
    }
    if (!(this.svr & SVR_ENABLE)) return false;
    this.tmr.assign(vector, level);
    this.autoEoi.assign(vector, autoEoi);
    this.irr.add(vector);
    this.update();
    return true;
  }

  private isDestination(message: InterruptMessage): boolean {
    const { destination, logical } = message;
    if (this.x2apicMode) {
      // The I/O APIC has 8 bits of destination: its 0xff means all, as 0xffffffff does.
      if (destination === 0xffffffff || destination === 0xff) return true;
      if (!logical) return destination === this.id;
      return destination >>> 16 === this.ldr >>> 16 && (destination & this.ldr & 0xffff) !== 0;
    }
    const target = destination & 0xff;
    if (target === 0xff) return true;
    if (!logical) return target === this.id;
    const own = this.ldr >>> 24;
    if (this.dfr >>> 28 === 0xf) return (target & own) !== 0;
    return this.dfr >>> 28 === 0 && target >>> 4 === own >>> 4 && (target & own & 15) !== 0;
  }

  /** LINT0 (the 8259s' INT) or LINT1. */
  setLint(pin: 0 | 1, asserted: boolean): void {
    if (this.lint[pin] === asserted) return;
    this.lint[pin] = asserted;
    const offset = pin === 0 ? LVT_LINT0 : LVT_LINT1;
    if (!this.enabled) {
      // Without a local APIC the pins are INTR and NMI.
      if (pin === 1 && asserted) this.options.pins.raiseNmi();
    } else if (deliveryMode(this.getLvt(offset)) === DELIVERY_FIXED && this.getLvt(offset) & LVT_LEVEL) {
      this.serveLevelLint(offset);
    } else if (asserted) this.fireLvt(offset);
    this.update();
  }

  /** Level of the I/O APIC's pins in ExtINT mode. */
  setIoApicExtInt(asserted: boolean): void {
    this.ioApicExtInt = asserted;
    this.update();
  }

  private fireLvt(offset: number): void {
    const entry = this.getLvt(offset);
    if (entry & LVT_MASKED) return;
    const isTimerOrError = offset === LVT_TIMER || offset === LVT_ERROR;
    const mode = isTimerOrError ? DELIVERY_FIXED : deliveryMode(entry);
    if (mode === DELIVERY_FIXED) this.accept(entry & 0xff, false, false);
    else if (mode === DELIVERY_NMI) this.options.pins.raiseNmi();
    else if (mode === DELIVERY_INIT) {
      this.initialize();
      this.options.pins.init();
    }
  }

  private serveLevelLint(offset: number): void {
    const entry = this.getLvt(offset);
    const asserted = this.lint[offset === LVT_LINT0 ? 0 : 1];
    if (!asserted || entry & (LVT_MASKED | LVT_REMOTE_IRR)) return;
    if (this.accept(entry & 0xff, true, false)) this.setLvtRaw(offset, entry | LVT_REMOTE_IRR);
  }

  private raiseError(error: number): void {
    const first = (this.errors & error) === 0;
    this.errors |= error;
    // An illegal vector in the error entry itself must not lead back here.
    if (first && (this.getLvt(LVT_ERROR) & 0xff) >= 16) this.fireLvt(LVT_ERROR);
  }

  // ---- Interrupts out

  private get extInt(): boolean {
    const lint0 = this.lint[0] === true;
    if (!this.enabled) return lint0;
    const entry = this.getLvt(LVT_LINT0);
    return this.ioApicExtInt || (lint0 && !(entry & LVT_MASKED) && deliveryMode(entry) === DELIVERY_EXTINT);
  }

  private get ppr(): number {
    const serving = Math.max(0, this.isr.highest());
    return serving >>> 4 > this.tpr >>> 4 ? serving & 0xf0 : this.tpr;
  }

  /** The vector that could be delivered now, -1 if none. */
  private deliverable(): number {
    if (!this.enabled) return -1;
    const vector = this.irr.highest();
    return vector >= 0 && vector >>> 4 > this.ppr >>> 4 ? vector : -1;
  }

  private update(): void {
    const pending = this.deliverable() >= 0 || this.extInt;
    if (pending === this.pending) return;
    this.pending = pending;
    this.options.pins.setInterruptPending(pending);
  }

  /** Takes the highest deliverable vector into service: -1 if there is none, "extint" if the 8259s have the vector. */
  acknowledge(): number | "extint" {
    const vector = this.deliverable();
    if (vector < 0) return this.extInt ? "extint" : -1;
    this.irr.remove(vector);
    const auto = this.autoEoi.has(vector);
    if (auto) this.autoEoi.remove(vector);
    else this.isr.add(vector);
    this.update();
    if (auto) this.options.ended(vector);
    return vector;
  }

  /** EOI of the highest vector in service. */
  endOfInterrupt(): void {
    const vector = this.isr.highest();
    if (vector < 0) return;
    this.isr.remove(vector);
    if (this.tmr.has(vector)) {
      for (const offset of [LVT_LINT0, LVT_LINT1]) {
        const entry = this.getLvt(offset);
        if (!(entry & LVT_REMOTE_IRR) || (entry & 0xff) !== vector) continue;
        this.setLvtRaw(offset, entry & ~LVT_REMOTE_IRR);
        this.serveLevelLint(offset);
      }
      this.options.broadcastEoi(vector);
    }
    this.update();
    if (vector === (this.getLvt(LVT_TIMER) & 0xff)) this.timer.ended();
    this.options.ended(vector);
  }

  /** Bits 7:4 of the task priority, as CR8. */
  get taskPriority(): number {
    return this.tpr >>> 4;
  }

  set taskPriority(value: number) {
    this.tpr = (value & 15) << 4;
    this.update();
  }

  // ---- IPIs

  /** ICR: destination in 63:32 (xAPIC: 63:56). */
  get icr(): bigint {
    return (BigInt(this.icrHigh) << 32n) | BigInt(this.icrLow);
  }

  /** Writes both halves of the ICR and sends. */
  sendIcr(value: bigint): void {
    this.icrHigh = Number(BigInt.asUintN(32, value >> 32n));
    this.icrLow = Number(BigInt.asUintN(32, value)) & ICR_WRITABLE;
    this.send();
  }

  private send(): void {
    const low = this.icrLow;
    const vector = low & 0xff;
    const mode = deliveryMode(low);
    const shorthand = (low >>> 18) & 3;
    // INIT level de-assert only synchronised arbitration ids.
    if (mode === DELIVERY_INIT && low & LVT_LEVEL && !(low & LVT_REMOTE_IRR)) return;
    if (mode <= DELIVERY_LOWEST_PRIORITY && vector < 16) {
      this.raiseError(ESR_SEND_ILLEGAL_VECTOR);
      return;
    }
    if (shorthand === 3) return; // all but this processor: nobody
    const message: InterruptMessage = {
      vector,
      deliveryMode: mode,
      level: false,
      logical: (low & (1 << 11)) !== 0,
      destination: this.x2apicMode ? this.icrHigh : this.icrHigh >>> 24,
    };
    if (shorthand === 0) this.receive(message);
    else if (shorthand === 2 || mode === DELIVERY_FIXED)
      this.receive({ ...message, logical: false, destination: 0xff });
  }

  // ---- Registers

  mmioRead(offset: number, size: number): bigint | number {
    if (!this.enabled || this.x2apicMode) return 0xffffffffffffffffn;
    const value = this.readRegister(offset & ~15);
    // Registers are 32 bits at 16-byte steps; the bytes between them read as zero.
    const lane = offset & 15;
    return lane < 4 ? Math.floor(value / 2 ** (8 * lane)) % 2 ** (8 * Math.min(size, 4)) : 0;
  }

  mmioWrite(offset: number, _size: number, value: bigint): void {
    if (!this.enabled || this.x2apicMode || offset & 15) return;
    this.writeRegister(offset, Number(BigInt.asUintN(32, value)));
  }

  private getLvt(offset: number): number {
    return this.lvt[(offset - LVT_TIMER) >>> 4] as number;
  }

  private setLvtRaw(offset: number, value: number): void {
    this.lvt[(offset - LVT_TIMER) >>> 4] = value;
  }

  private readRegister(offset: number): number {
    this.timer.settle();
    if (offset >= ISR && offset < TMR) return this.isr.word((offset - ISR) >>> 4);
    if (offset >= TMR && offset < IRR) return this.tmr.word((offset - TMR) >>> 4);
    if (offset >= IRR && offset < ESR) return this.irr.word((offset - IRR) >>> 4);
    switch (offset) {
      case ID:
        return this.x2apicMode ? this.id : (this.id << 24) >>> 0;
      case VERSION:
        return VERSION_VALUE;
      case TPR:
        return this.tpr;
      case APR:
      case RRD:
      case EOI:
        return 0;
      case PPR:
        return this.ppr;
      case LDR:
        return this.ldr;
      case DFR:
        return this.dfr;
      case SVR:
        return this.svr;
      case ESR:
        return this.esr;
      case ICR_LOW:
        return this.icrLow;
      case ICR_HIGH:
        return this.icrHigh;
      case LVT_TIMER:
      case LVT_THERMAL:
      case LVT_PERFORMANCE:
      case LVT_LINT0:
      case LVT_LINT1:
      case LVT_ERROR:
        return this.getLvt(offset);
      case INITIAL_COUNT:
        return this.timer.initialCount;
      case CURRENT_COUNT:
        return this.timer.currentCount;
      case DIVIDE_CONFIGURATION:
        return this.timer.divideConfiguration;
      default:
        this.raiseError(ESR_ILLEGAL_REGISTER);
        return 0;
    }
  }

  private writeRegister(offset: number, value: number): void {
    this.timer.settle();
    switch (offset) {
      case ID:
        this.id = value >>> 24;
        return;
      case TPR:
        this.tpr = value & 0xff;
        this.update();
        return;
      case EOI:
        this.endOfInterrupt();
        return;
      case LDR:
        this.ldr = (value & 0xff000000) >>> 0;
        return;
      case DFR:
        this.dfr = (value | 0x0fffffff) >>> 0;
        return;
      case SVR:
        this.writeSvr(value & 0x1ff);
        return;
      case ESR:
        this.esr = this.errors;
        this.errors = 0;
        return;
      case ICR_LOW:
        this.icrLow = value & ICR_WRITABLE;
        this.send();
        return;
      case ICR_HIGH:
        this.icrHigh = (value & 0xff000000) >>> 0;
        return;
      case LVT_TIMER:
      case LVT_THERMAL:
      case LVT_PERFORMANCE:
      case LVT_LINT0:
      case LVT_LINT1:
      case LVT_ERROR:
        this.writeLvt(offset, value);
        return;
      case INITIAL_COUNT:
        this.timer.initialCount = value;
        return;
      case DIVIDE_CONFIGURATION:
        this.timer.divideConfiguration = value;
        return;
      case VERSION:
      case APR:
      case PPR:
      case RRD:
      case CURRENT_COUNT:
        return;
      default:
        if (offset >= ISR && offset < ESR) return;
        this.raiseError(ESR_ILLEGAL_REGISTER);
    }
  }

  private writeSvr(value: number): void {
    this.svr = value;
    if (!(value & SVR_ENABLE)) {
      for (let i = 0; i < this.lvt.length; i++) this.lvt[i] = (this.lvt[i] as number) | LVT_MASKED;
    }
    this.update();
  }

  private writeLvt(offset: number, value: number): void {
    const index = (offset - LVT_TIMER) >>> 4;
    let entry = value & (LVT_WRITABLE[index] as number);
    if (!(this.svr & SVR_ENABLE)) entry |= LVT_MASKED;
    if (offset === LVT_TIMER) {
      // Mode 3 is reserved, and TSC-deadline is one-shot where it is not announced.
      if (!this.options.tsc || (entry & 0x60000) === 0x60000) entry &= ~0x40000;
      this.timer.setMode((entry >>> 17) & 3);
    }
    if (entry & LVT_LEVEL) entry |= this.getLvt(offset) & LVT_REMOTE_IRR;
    this.setLvtRaw(offset, entry);
    if (offset === LVT_LINT0 && entry & LVT_LEVEL && deliveryMode(entry) === DELIVERY_FIXED)
      this.serveLevelLint(offset);
    this.update();
  }

  // ---- MSRs

  get apicBase(): bigint {
    return this.base;
  }

  /** IA32_APIC_BASE; false for what raises #GP(0). The base can't be moved. */
  writeApicBase(value: bigint): boolean {
    if ((value & ~(BASE_BSP | BASE_EXTD | BASE_EN)) !== BigInt(LOCAL_APIC_BASE)) return false;
    const enable = (value & BASE_EN) !== 0n;
    const extended = (value & BASE_EXTD) !== 0n;
    if (extended && (!this.options.x2apic || !enable)) return false;
    if (extended && !this.enabled) return false;
    if (!extended && enable && this.x2apicMode) return false;
    const wasEnabled = this.enabled;
    const wasExtended = this.x2apicMode;
    this.base = BigInt(LOCAL_APIC_BASE) | BASE_BSP | (extended ? BASE_EXTD : 0n) | (enable ? BASE_EN : 0n);
    if (wasEnabled && !enable) this.initialize();
    if (extended && !wasExtended) {
      this.id = 0;
      this.ldr = 1;
      this.icrHigh = 0;
    }
    this.update();
    return true;
  }

  /** IA32_TSC_DEADLINE, undefined where it is not announced. */
  get tscDeadline(): bigint | undefined {
    return this.options.tsc ? this.timer.deadline : undefined;
  }

  writeTscDeadline(value: bigint): boolean {
    if (!this.options.tsc) return false;
    this.timer.deadline = value;
    return true;
  }

  /** x2APIC MSRs 0x800..0x8ff; undefined is #GP(0). */
  readX2apic(index: number): bigint | undefined {
    if (!this.x2apicMode) return undefined;
    const offset = (index - 0x800) << 4;
    if (offset === ICR_LOW) return this.icr;
    const readable = (offset >= ISR && offset < ESR + 16) || X2APIC_READABLE.has(offset);
    return readable ? BigInt(this.readRegister(offset)) : undefined;
  }

  /** False is #GP(0): a register that is not there or read-only, or a reserved bit. */
  writeX2apic(index: number, value: bigint): boolean {
    if (!this.x2apicMode) return false;
    const offset = (index - 0x800) << 4;
    if (offset === ICR_LOW) {
      if (value & 0xfff33000n) return false;
      this.sendIcr(value);
      return true;
    }
    const writable = X2APIC_WRITABLE.get(offset);
    if (writable === undefined || value & ~writable) return false;
    if (offset === SELF_IPI) {
      const message = { vector: Number(value), deliveryMode: DELIVERY_FIXED, level: false, logical: false };
      if (value < 16n) this.raiseError(ESR_SEND_ILLEGAL_VECTOR);
      else this.receive({ ...message, destination: this.id });
    } else this.writeRegister(offset, Number(value));
    return true;
  }
}

function deliveryMode(entry: number): number {
  return (entry >>> 8) & 7;
}
