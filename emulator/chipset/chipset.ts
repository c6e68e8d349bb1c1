import { SCI_INT } from "../boot/acpi/platform";
import type { VectorSink } from "../hyperv/interfaces";
import type { Log } from "../log";
import type { Clock, TimerQueue } from "../time/clock";
import { AcpiPm } from "./acpi-pm";
import type { InterruptLine, MmioBus, PortBus } from "./bus";
import { I8042 } from "./i8042";
import { IoApic } from "./ioapic";
import { IrqRouter } from "./irq-router";
import { LocalApic } from "./lapic";
import type { TscSource } from "./lapic-timer";
import { LegacyPorts } from "./legacy-ports";
import { PciHost } from "./pci";
import { DualPic } from "./pic";
import { addPiix4 } from "./piix4";
import type { ProcessorPins } from "./pins";
import { Pit } from "./pit";
import { Rtc } from "./rtc";
import { Uart } from "./uart";

/** I/O port of the first serial port. */
export const COM1 = 0x3f8;

const IA32_APIC_BASE = 0x1b;
const IA32_TSC_DEADLINE = 0x6e0;
const X2APIC_FIRST = 0x800;
const X2APIC_LAST = 0x8ff;

export type PowerEvent =
  | { readonly kind: "power-off" }
  | { readonly kind: "reset" }
  | { readonly kind: "debug-exit"; readonly status: number };

export interface ChipsetOptions {
  readonly ports: PortBus;
  readonly mmio: MmioBus;
  readonly clock: Clock;
  readonly timers: TimerQueue;
  readonly log: Log;
  /** Bytes of guest RAM. */
  readonly memorySize: number;
  /** Wall-clock time at clock 0 in ms since 1970-01-01 UTC; read at every reset. */
  epochMs(): number;
  readonly pins: ProcessorPins;
  /** A byte that the guest wrote to COM1. */
  onSerial(byte: number): void;
  onDebugConsole(byte: number): void;
  /** The guest turned the machine off, asked for a reset (the owner then calls reset()) or ended a test. */
  onPower(event: PowerEvent): void;
  /** CPUID.1:ECX[21] announces x2APIC. */
  readonly x2apic: boolean;
  /** Given if CPUID.1:ECX[24] announces TSC-deadline mode. */
  readonly tsc?: TscSource;
}

/** What Linux finds on the board of a Hyper-V Generation 1 machine, on its buses and at one processor's pins. */
export class Chipset implements VectorSink {
  readonly pci: PciHost;
  readonly keyboardController: I8042;
  /** Called after a vector's end of interrupt: by EOI, or by acknowledgement if it is auto-EOI. */
  onEoi: ((vector: number) => void) | undefined;
  private readonly pic: DualPic;
  private readonly ioApic: IoApic;
  private readonly lapic: LocalApic;
  private readonly irqs: IrqRouter;
  private readonly pit: Pit;
  private readonly rtc: Rtc;
  private readonly acpi: AcpiPm;
  private readonly uart: Uart;
  private readonly legacy: LegacyPorts;

  constructor(private readonly options: ChipsetOptions) {
    const { ports, mmio, clock, timers, log, pins } = options;
    this.lapic = new LocalApic(mmio, {
      ...{ clock, timers, pins, x2apic: options.x2apic, tsc: options.tsc },
      broadcastEoi: (vector) => this.ioApic.endOfInterrupt(vector),
      ended: (vector) => this.onEoi?.(vector),
    });
    this.ioApic = new IoApic(
      mmio,
      (message) => this.lapic.receive(message),
      (asserted) => this.lapic.setIoApicExtInt(asserted),
    );
    this.pic = new DualPic(ports, (asserted) => {
      this.lapic.setLint(0, asserted);
      this.ioApic.setLine(0, asserted);
    });
    this.irqs = new IrqRouter((irq, asserted) => {
      this.pic.setLine(irq, asserted);
      // Pin 0 is the 8259s' INT, so the timer's IRQ 0 is at pin 2; the MADT says so.
      if (irq !== 2) this.ioApic.setLine(irq === 0 ? 2 : irq, asserted);
    });
    this.pit = new Pit(ports, clock, timers, this.irqLine(0));
    this.rtc = new Rtc(ports, clock, timers, this.irqLine(8), () => options.epochMs(), options.memorySize);
    this.acpi = new AcpiPm(ports, clock, timers, this.irqLine(SCI_INT), () => this.power({ kind: "power-off" }), log);
    this.uart = new Uart(ports, clock, timers, this.irqLine(4), COM1, (byte) => options.onSerial(byte));
    const reset = (): void => this.power({ kind: "reset" });
    this.keyboardController = new I8042(ports, this.irqLine(1), this.irqLine(12), reset);
    this.pci = new PciHost(ports, reset);
    addPiix4(this.pci);
    this.legacy = new LegacyPorts(ports, {
      onDebugConsole: (byte) => options.onDebugConsole(byte),
      onDebugExit: (status) => this.power({ kind: "debug-exit", status }),
      resetProcessor: reset,
    });
    pins.setInterruptPending(false);
  }

  /** The state in which firmware hands over to an operating system. */
  reset(): void {
    this.irqs.reset();
    this.pic.reset();
    this.ioApic.reset();
    this.lapic.reset();
    this.pit.reset();
    this.rtc.reset();
    this.acpi.reset();
    this.uart.reset();
    this.keyboardController.reset();
    this.pci.reset();
    this.legacy.reset();
  }

  private power(event: PowerEvent): void {
    this.options.pins.requestStop();
    this.options.onPower(event);
  }

  /** A new source of ISA interrupt `irq` (0, 1, 3..15), to the 8259s and the I/O APIC; sources of one IRQ are ORed. */
  irqLine(irq: number): InterruptLine {
    return this.irqs.line(irq);
  }

  /** The processor takes an interrupt: its vector, or -1 if it has gone. */
  acknowledgeInterrupt(): number {
    const vector = this.lapic.acknowledge();
    return vector === "extint" ? this.pic.acknowledge() : vector;
  }

  /** CR8: bits 7:4 of the local APIC's task priority. */
  readTaskPriority(): number {
    return this.lapic.taskPriority;
  }

  writeTaskPriority(value: number): void {
    this.lapic.taskPriority = value;
  }

  /** The local APIC's MSRs; undefined is #GP(0). */
  msrRead(index: number): bigint | undefined {
    if (index === IA32_APIC_BASE) return this.lapic.apicBase;
    if (index === IA32_TSC_DEADLINE) return this.lapic.tscDeadline;
    return index >= X2APIC_FIRST && index <= X2APIC_LAST ? this.lapic.readX2apic(index) : undefined;
  }

  /** False is #GP(0). */
  msrWrite(index: number, value: bigint): boolean {
    if (index === IA32_APIC_BASE) return this.lapic.writeApicBase(value);
    if (index === IA32_TSC_DEADLINE) return this.lapic.writeTscDeadline(value);
    return index >= X2APIC_FIRST && index <= X2APIC_LAST && this.lapic.writeX2apic(index, value);
  }

  injectVector(vp: number, vector: number, autoEoi: boolean): void {
    if (vp === 0) this.lapic.inject(vector & 0xff, autoEoi);
    else this.options.log("chipset", `vector ${vector} for virtual processor ${vp}, which does not exist`);
  }

  /** HV_X64_MSR_EOI. */
  apicEoi(): void {
    this.lapic.endOfInterrupt();
  }

  /** HV_X64_MSR_ICR: low half in 31:0, high half in 63:32. */
  readIcr(): bigint {
    return this.lapic.icr;
  }

  writeIcr(value: bigint): void {
    this.lapic.sendIcr(value);
  }

  /** Queues bytes at COM1; they come as fast as the guest's line speed and RTS let them. */
  serialInput(bytes: Uint8Array): void {
    this.uart.queueInput(bytes);
  }

  pressPowerButton(): void {
    this.acpi.pressPowerButton();
  }
}
