import { PAGE_NONE } from "../assembly/state";
import { PortBus, MmioBus } from "./chipset/bus";
import { Chipset, type PowerEvent } from "./chipset/chipset";
import { APIC_FREQUENCY } from "./chipset/lapic-timer";
import { Processor, type ProcessorHost } from "./cpu/processor";
import { deviceDecoders } from "./devices/decoders";
import { Heartbeat } from "./devices/ic/heartbeat";
import { KeyValuePairExchange } from "./devices/ic/kvp";
import { Shutdown } from "./devices/ic/shutdown";
import { TimeSync } from "./devices/ic/time-sync";
import { SyntheticKeyboard } from "./devices/keyboard/keyboard";
import { SyntheticMouse } from "./devices/mouse/mouse";
import { IdeController } from "./devices/ide/controller";
import { VIDEO_MEMORY_SIZE } from "./devices/synthvid/resolutions";
import { SyntheticVideo } from "./devices/synthvid/synthetic-video";
import { VgaAdapter } from "./devices/synthvid/vga-adapter";
import { StorageDevices } from "./devices/storvsp/storage-devices";
import { Screen } from "./display/screen";
import { Hypervisor } from "./hyperv/hypervisor";
import { MachineInput } from "./input/machine-input";
import type { Log } from "./log";
import type { DriveLocation, TimeMode } from "./machine-types";
import type { Disk } from "./storage/disk";
import { TSC_FREQUENCY, TimerQueue } from "./time/clock";
import { HostWork } from "./time/host-work";
import { RealClock, VirtualClock, type MachineClock } from "./time/machine-clocks";
import { VmbusTrace } from "./vmbus/trace/trace";
import { Vmbus } from "./vmbus/vmbus";

/** VGA memory: no RAM is seen there, and nothing answers until a display adapter does. */
const VGA_MEMORY = 0xa0000;
const VGA_MEMORY_END = 0xc0000;

export interface BoardEvents {
  onSerial(byte: number): void;
  onDebugConsole(byte: number): void;
  onPower(event: PowerEvent): void;
  onCrash(parameters: bigint[], message?: string): void;
  onChannels(): void;
  /** Something outside the guest happened that it may want to look at. */
  onInput(): void;
  onLeds(): void;
  onDiscEjected(location: DriveLocation, image: Disk): void;
}

/** Everything in the machine's case, wired: the one place where parts meet. Data goes from here to the parts only. */
export class Board {
  readonly processor: Processor;
  readonly clock: MachineClock;
  readonly timers: TimerQueue;
  readonly hostWork: HostWork;
  readonly chipset: Chipset;
  readonly hypervisor: Hypervisor;
  readonly vmbus: Vmbus;
  readonly shutdown: Shutdown;
  readonly input: MachineInput;
  readonly storage: StorageDevices;
  readonly screen = new Screen();
  private readonly vga: VgaAdapter;
  private readonly ide: IdeController;

  constructor(
    core: WebAssembly.Module,
    memorySize: number,
    time: TimeMode,
    epochMs: number,
    log: Log,
    private readonly events: BoardEvents,
  ) {
    const ports = new PortBus();
    const mmio = new MmioBus();
    this.processor = this.createProcessor(core, memorySize, ports, mmio);
    const { processor } = this;
    const { memory } = processor;
    processor.setPageKind(VGA_MEMORY, VGA_MEMORY_END - VGA_MEMORY, PAGE_NONE);
    this.clock = time === "real" ? new RealClock(epochMs) : new VirtualClock(epochMs, () => processor.instructionCount);
    this.timers = new TimerQueue(this.clock);
    this.hostWork = new HostWork(this.timers, time === "virtual");
    this.chipset = new Chipset({
      ports,
      mmio,
      clock: this.clock,
      timers: this.timers,
      log,
      memorySize,
      epochMs: () => this.clock.epochMs,
      pins: {
        setInterruptPending: (pending) => processor.setInterruptPending(pending),
        raiseNmi: () => processor.raiseNmi(),
        // One processor: it never waits for a start-up IPI, and INIT is a reset of the machine.
        init: () => events.onPower({ kind: "reset" }),
        startup: () => undefined,
        requestStop: () => processor.requestStop(),
      },
      onSerial: (byte) => events.onSerial(byte),
      onDebugConsole: (byte) => events.onDebugConsole(byte),
      onPower: (event) => events.onPower(event),
      x2apic: false,
    });
    const { chipset } = this;
    this.hypervisor = new Hypervisor({
      memory,
      clock: this.clock,
      timers: this.timers,
      log,
      vectors: chipset,
      apic: {
        eoi: () => chipset.apicEoi(),
        readIcr: () => chipset.readIcr(),
        writeIcr: (value) => chipset.writeIcr(value),
        readTpr: () => chipset.readTaskPriority() << 4,
        writeTpr: (value) => chipset.writeTaskPriority(value >> 4),
      },
      readTsc: () => this.readTsc() + processor.tscOffset,
      tscFrequency: TSC_FREQUENCY,
      apicFrequency: APIC_FREQUENCY,
      onReset: () => events.onPower({ kind: "reset" }),
      onCrash: (parameters, message) => events.onCrash(parameters, message),
    });
    chipset.onEoi = (vector) => this.hypervisor.apicEoi(vector);
    this.vmbus = new Vmbus({ hypervisor: this.hypervisor, memory, log, clock: this.clock, timers: this.timers });
    this.vmbus.onChange = () => events.onChannels();
    this.shutdown = new Shutdown(this.timers);
    this.vmbus.add(this.shutdown);
    this.vmbus.add(new TimeSync(this.timers, () => this.hypervisor.referenceTime()));
    this.vmbus.add(new Heartbeat(this.timers));
    this.vmbus.add(new KeyValuePairExchange(this.timers));
    this.input = this.createInput();
    this.vga = new VgaAdapter(chipset.pci, processor.video);
    this.vmbus.add(new SyntheticVideo({ memory, adapter: this.vga, screen: this.screen, log }));
    this.ide = new IdeController({
      ports,
      pci: chipset.pci,
      memory,
      work: this.hostWork,
      irqLine: (irq) => chipset.irqLine(irq),
    });
    this.storage = new StorageDevices({
      vmbus: this.vmbus,
      work: this.hostWork,
      log,
      ide: this.ide,
      onEjected: (location, image) => events.onDiscEjected(location, image),
    });
  }

  /** A reader of what goes over the bus that knows this machine's devices. */
  createTrace(): VmbusTrace {
    return new VmbusTrace(deviceDecoders, this.vmbus.versionNumber);
  }

  /** Everything as after power-on; RAM keeps what it holds. */
  reset(): void {
    this.vmbus.reset();
    this.hypervisor.reset();
    this.chipset.reset();
    this.ide.reset();
    this.input.reset();
    this.vga.reset();
    this.processor.reset();
  }

  /** The time-stamp counter without the guest's own offset: one tick a nanosecond. */
  private readTsc(): bigint {
    return BigInt(this.clock.now());
  }

  private createInput(): MachineInput {
    const keyboard = new SyntheticKeyboard();
    const mouse = new SyntheticMouse();
    this.vmbus.add(keyboard);
    this.vmbus.add(mouse);
    const { keyboard: ps2Keyboard, mouse: ps2Mouse } = this.chipset.keyboardController;
    const wake = (): void => this.events.onInput();
    const input = new MachineInput({ timers: this.timers, keyboard, mouse, ps2Keyboard, ps2Mouse, wake });
    input.onLeds = () => this.events.onLeds();
    return input;
  }

  private createProcessor(core: WebAssembly.Module, memorySize: number, ports: PortBus, mmio: MmioBus): Processor {
    const host: ProcessorHost = {
      portRead: (port, size) => ports.read(port, size),
      portWrite: (port, size, value) => ports.write(port, size, value),
      mmioRead: (address, size) => mmio.read(address, size),
      mmioWrite: (address, size, value) => mmio.write(address, size, value),
      acknowledgeInterrupt: () => this.chipset.acknowledgeInterrupt(),
      readTaskPriority: () => this.chipset.readTaskPriority(),
      writeTaskPriority: (value) => this.chipset.writeTaskPriority(value),
      msrRead: (index) => (isHypervisorMsr(index) ? this.hypervisor.msrRead(index) : this.chipset.msrRead(index)),
      msrWrite: (index, value) =>
        isHypervisorMsr(index) ? this.hypervisor.msrWrite(index, value) : this.chipset.msrWrite(index, value),
      cpuidHypervisor: (leaf, subleaf) => this.hypervisor.cpuid(leaf, subleaf),
      hypercall: () => this.hypercall(),
      readTsc: () => this.readTsc(),
    };
    return new Processor(core, memorySize, host, VIDEO_MEMORY_SIZE);
  }

  private hypercall(): boolean {
    const { processor } = this;
    return this.hypervisor.hypercall(new ProcessorRegisters(processor), processor.is64BitMode);
  }
}

/** TLFS, appendix: the hypervisor's MSRs lie in 0x40000000..0x4fffffff. */
function isHypervisorMsr(index: number): boolean {
  return index >>> 28 === 4;
}

/** The registers that a hypercall reads and writes, in the processor's own state. */
class ProcessorRegisters {
  constructor(private readonly processor: Processor) {}
  get rax(): bigint {
    return this.processor.getRegister("rax");
  }
  set rax(value: bigint) {
    this.processor.setRegister("rax", value);
  }
  get rbx(): bigint {
    return this.processor.getRegister("rbx");
  }
  set rbx(value: bigint) {
    this.processor.setRegister("rbx", value);
  }
  get rcx(): bigint {
    return this.processor.getRegister("rcx");
  }
  set rcx(value: bigint) {
    this.processor.setRegister("rcx", value);
  }
  get rdx(): bigint {
    return this.processor.getRegister("rdx");
  }
  set rdx(value: bigint) {
    this.processor.setRegister("rdx", value);
  }
  get rsi(): bigint {
    return this.processor.getRegister("rsi");
  }
  set rsi(value: bigint) {
    this.processor.setRegister("rsi", value);
  }
  get rdi(): bigint {
    return this.processor.getRegister("rdi");
  }
  set rdi(value: bigint) {
    this.processor.setRegister("rdi", value);
  }
  get r8(): bigint {
    return this.processor.getRegister("r8");
  }
  set r8(value: bigint) {
    this.processor.setRegister("r8", value);
  }
}
