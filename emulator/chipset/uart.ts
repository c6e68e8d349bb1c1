import type { Clock, Timer, TimerQueue } from "../time/clock";
import type { InterruptLine, PortBus } from "./bus";
import { BytePorts } from "./byte-ports";

// Registers of the 16550 (National PC16550D data sheet); RBR, THR and DLL share 0, IER and DLM 1, IIR and FCR 2.
const DATA = 0;
const IER = 1;
const IIR = 2;
const LCR = 3;
const MCR = 4;
const LSR = 5;
const MSR = 6;

const IER_RDI = 0x01;
const IER_THRI = 0x02;
const IER_RLSI = 0x04;
const IER_MSI = 0x08;
const IIR_NONE = 0x01;
const IIR_MODEM = 0x00;
const IIR_THRE = 0x02;
const IIR_DATA = 0x04;
const IIR_LINE = 0x06;
const IIR_TIMEOUT = 0x0c;
const FCR_ENABLE = 0x01;
const FCR_CLEAR_RECEIVER = 0x02;
const LCR_DLAB = 0x80;
const MCR_RTS = 0x02;
const MCR_OUT2 = 0x08;
const MCR_LOOP = 0x10;
const LSR_DR = 0x01;
const LSR_OE = 0x02;
const LSR_ERRORS = 0x1e;
const LSR_THRE = 0x20;
const LSR_TEMT = 0x40;
const MSR_TERI = 0x04;
const MSR_CTS = 0x10;
const MSR_DSR = 0x20;
const MSR_RI = 0x40;
const MSR_DCD = 0x80;

const FIFO_SIZE = 16;
const TRIGGER_LEVELS = [1, 4, 8, 14] as const;
/** Baud rate at divisor 1: 1.8432 MHz / 16. */
const BASE_BAUD = 115_200;
/**
 * ns from a write of THR to its "empty" interrupt. The byte itself leaves at once and LSR says so; but without a
 * pause a driver would never leave its interrupt handler while it has output.
 */
const TRANSMIT_INTERRUPT_DELAY = 5_000;

/**
 * ns from RTS to the first byte: the terminal at the other end takes its time. Linux's autoconfig_irq asserts RTS for
 * some 20 us and throws away what it receives meanwhile.
 */
const CLEAR_TO_SEND_DELAY = 1_000_000;

/**
 * 16550A at a PC's COM port. Input waits in an unlimited queue of the host's and comes into the FIFO one byte a
 * character time, as long as there is room and the guest asserts RTS (hardware flow control): no byte is lost,
 * neither typed ahead of the driver nor faster than the guest reads.
 */
export class Uart {
  private readonly arrival: Timer;
  private readonly transmitted: Timer;
  private readonly idle: Timer;
  private input: number[] = [];
  private inputHead = 0;
  private fifo: number[] = [];
  private ier = 0;
  private lcr = 0;
  private mcr = 0;
  private fcr = 0;
  private scratch = 0;
  private divisor = 1;
  private lineErrors = 0;
  private modemDeltas = 0;
  private modemLines = MSR_DCD | MSR_DSR | MSR_CTS;
  private transmitEmpty = false;
  private timedOut = false;
  private nextArrival = 0;

  constructor(
    ports: PortBus,
    private readonly clock: Clock,
    timers: TimerQueue,
    private readonly line: InterruptLine,
    base: number,
    private readonly onByte: (byte: number) => void,
  ) {
    this.arrival = timers.create(() => this.receive());
    this.transmitted = timers.create(() => {
      this.transmitEmpty = true;
      this.update();
    });
    this.idle = timers.create(() => {
      this.timedOut = this.fifo.length > 0;
      this.update();
    });
    const registers = new BytePorts(
      ports,
      (port) => this.read(port - base),
      (port, value) => this.write(port - base, value),
    );
    ports.register(base, base + 7, registers);
    this.reset();
  }

  /** Input that the guest has not read stays queued for the next system. */
  reset(): void {
    for (const timer of [this.arrival, this.transmitted, this.idle]) timer.cancel();
    this.fifo = [];
    this.ier = this.lcr = this.mcr = this.fcr = this.scratch = this.lineErrors = this.modemDeltas = 0;
    this.divisor = 1;
    this.modemLines = MSR_DCD | MSR_DSR | MSR_CTS;
    this.transmitEmpty = this.timedOut = false;
    this.nextArrival = 0;
    this.line.setLevel(false);
  }

  /** Queues bytes for the guest to receive. */
  queueInput(bytes: Uint8Array): void {
    for (const byte of bytes) this.input.push(byte);
    this.pull();
  }

  private read(register: number): number {
    switch (register) {
      case DATA:
        return this.lcr & LCR_DLAB ? this.divisor & 0xff : this.readData();
      case IER:
        return this.lcr & LCR_DLAB ? this.divisor >>> 8 : this.ier;
      case IIR:
        return this.readInterruptIdentification();
      case LCR:
        return this.lcr;
      case MCR:
        return this.mcr;
      case LSR: {
        const status = this.lineErrors | (this.fifo.length > 0 ? LSR_DR : 0) | LSR_THRE | LSR_TEMT;
        this.lineErrors = 0;
        this.update();
        return status;
      }
      case MSR: {
        const status = this.modemLines | this.modemDeltas;
        this.modemDeltas = 0;
        this.update();
        return status;
      }
      default:
        return this.scratch;
    }
  }

  private write(register: number, value: number): void {
    switch (register) {
      case DATA:
        if (this.lcr & LCR_DLAB) this.divisor = (this.divisor & 0xff00) | value;
        else this.transmit(value);
        return;
      case IER:
        if (this.lcr & LCR_DLAB) this.divisor = (this.divisor & 0xff) | (value << 8);
        else this.writeInterruptEnable(value & 0x0f);
        return;
      case IIR:
        this.writeFifoControl(value);
        return;
      case LCR:
        this.lcr = value;
        return;
      case MCR:
        if (value & ~this.mcr & MCR_RTS) {
          this.arrival.cancel();
          this.nextArrival = Math.max(this.nextArrival, this.clock.now() + CLEAR_TO_SEND_DELAY);
        }
        this.mcr = value & 0x1f;
        this.updateModemLines();
        this.pull();
        return;
      case LSR:
      case MSR:
        return;
      default:
        this.scratch = value;
    }
  }

  // ---- Transmitter

  private transmit(value: number): void {
    // Without THRI nobody waits for the interrupt, and turning it on will raise it.
    this.transmitEmpty = !(this.ier & IER_THRI);
    if (!this.transmitEmpty && !this.transmitted.armed)
      this.transmitted.arm(this.clock.now() + TRANSMIT_INTERRUPT_DELAY);
    if (this.mcr & MCR_LOOP) this.store(value);
    else this.onByte(value);
    this.update();
  }

  /** Turning THRI on while the transmitter is empty interrupts at once; Linux tests for exactly that. */
  private writeInterruptEnable(value: number): void {
    if (value & ~this.ier & IER_THRI) {
      this.transmitted.cancel();
      this.transmitEmpty = true;
    }
    this.ier = value;
    this.update();
  }

  // ---- Receiver

  /** ns of a start bit, the data bits, parity and stop bits at the programmed rate. */
  private get characterTime(): number {
    const bits = 1 + 5 + (this.lcr & 3) + (this.lcr & 8 ? 1 : 0) + (this.lcr & 4 ? 2 : 1);
    return Math.round((bits * (this.divisor || 0x10000) * 1e9) / BASE_BAUD);
  }

  private get capacity(): number {
    return this.fcr & FCR_ENABLE ? FIFO_SIZE : 1;
  }

  /** Lets the next queued byte come, now or when the one before it has had its time. */
  private pull(): void {
    if (this.arrival.armed || this.inputHead >= this.input.length) return;
    if (!(this.mcr & MCR_RTS) || this.mcr & MCR_LOOP || this.fifo.length >= this.capacity) return;
    if (this.nextArrival > this.clock.now()) this.arrival.arm(this.nextArrival);
    else this.receive();
  }

  private receive(): void {
    if (!(this.mcr & MCR_RTS) || this.mcr & MCR_LOOP || this.fifo.length >= this.capacity) return;
    const byte = this.input[this.inputHead];
    if (byte === undefined) return;
    this.inputHead++;
    if (this.inputHead === this.input.length || this.inputHead >= 4096) {
      this.input = this.input.slice(this.inputHead);
      this.inputHead = 0;
    }
    this.nextArrival = this.clock.now() + this.characterTime;
    this.store(byte);
    this.pull();
  }

  private store(byte: number): void {
    if (this.fifo.length >= this.capacity) {
      // Only looped-back data can overrun. The FIFO keeps what it has; without it the new byte replaces the old.
      this.lineErrors |= LSR_OE;
      if (!(this.fcr & FCR_ENABLE)) this.fifo = [byte];
    } else this.fifo.push(byte);
    this.restartTimeout();
    this.update();
  }

  private readData(): number {
    const byte = this.fifo.shift() ?? 0;
    this.restartTimeout();
    this.pull();
    this.update();
    return byte;
  }

  /** Four character times without traffic make bytes below the trigger level known. */
  private restartTimeout(): void {
    this.timedOut = false;
    if (this.fifo.length > 0 && this.fcr & FCR_ENABLE) this.idle.arm(this.clock.now() + 4 * this.characterTime);
    else this.idle.cancel();
  }

  private writeFifoControl(value: number): void {
    const switched = ((value ^ this.fcr) & FCR_ENABLE) !== 0;
    if (switched || (value & FCR_ENABLE && value & FCR_CLEAR_RECEIVER)) {
      // A driver that starts clears the FIFO; what the user typed before comes again.
      if (!(this.mcr & MCR_LOOP)) {
        this.input = [...this.fifo, ...this.input.slice(this.inputHead)];
        this.inputHead = 0;
      }
      this.fifo = [];
      this.nextArrival = this.clock.now() + this.characterTime;
      this.restartTimeout();
    }
    this.fcr = value & FCR_ENABLE ? value & 0xc9 : 0;
    this.pull();
    this.update();
  }

  // ---- Modem control

  private updateModemLines(): void {
    const before = this.modemLines;
    const { mcr } = this;
    // In loopback DTR, RTS, OUT1 and OUT2 come back as DSR, CTS, RI and DCD.
    this.modemLines =
      mcr & MCR_LOOP
        ? ((mcr & 1) << 5) | ((mcr & MCR_RTS) << 3) | ((mcr & 4) << 4) | ((mcr & MCR_OUT2) << 4)
        : MSR_DCD | MSR_DSR | MSR_CTS;
    const changed = before ^ this.modemLines;
    this.modemDeltas |= (changed & (MSR_CTS | MSR_DSR | MSR_DCD)) >>> 4;
    if (changed & before & MSR_RI) this.modemDeltas |= MSR_TERI;
    this.update();
  }

  // ---- Interrupts

  private pendingInterrupt(): number {
    if (this.ier & IER_RLSI && this.lineErrors & LSR_ERRORS) return IIR_LINE;
    if (this.ier & IER_RDI) {
      const trigger = this.fcr & FCR_ENABLE ? (TRIGGER_LEVELS[this.fcr >>> 6] as number) : 1;
      if (this.fifo.length >= trigger) return IIR_DATA;
      if (this.timedOut) return IIR_TIMEOUT;
    }
    if (this.ier & IER_THRI && this.transmitEmpty) return IIR_THRE;
    if (this.ier & IER_MSI && this.modemDeltas) return IIR_MODEM;
    return IIR_NONE;
  }

  private readInterruptIdentification(): number {
    const pending = this.pendingInterrupt();
    if (pending === IIR_THRE) {
      this.transmitEmpty = false;
      this.update();
    }
    return pending | (this.fcr & FCR_ENABLE ? 0xc0 : 0);
  }

  /** On a PC the interrupt reaches its line through OUT2, which loopback forces off. */
  private update(): void {
    const gated = (this.mcr & (MCR_OUT2 | MCR_LOOP)) === MCR_OUT2;
    this.line.setLevel(gated && this.pendingInterrupt() !== IIR_NONE);
  }
}
