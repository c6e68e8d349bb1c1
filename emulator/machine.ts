import { Board } from "./board";
import { loadBoot } from "./boot/load";
import type { BootImage } from "./boot/types";
import type { PowerEvent } from "./chipset/chipset";
import { applyInitialState } from "./cpu/initial-state";
import { Emitter } from "./emitter";
import type { InputApi } from "./input/machine-input";
import {
  ConfigurationError,
  type DriveAttachment,
  type DriveLocation,
  type HypervisorSnapshot,
  type MachineEvents,
  type MachineScreen,
  type MachineSettings,
  type MachineState,
  type MachineStatistics,
  type MachineStatus,
  type StopReason,
  type VmbusTraceEntry,
} from "./machine-types";
import { Runner } from "./runner";
import type { Disk } from "./storage/disk";
import type { Timer } from "./time/clock";
import { VmbusTracing } from "./vmbus/trace/tracing";

export const MEMORY_MIB_MIN = 16;
export const MEMORY_MIB_MAX = 2048;
const MIB = 1 << 20;
/** In virtual time the RTC starts here unless the settings say otherwise: 2026-01-01 00:00:00 UTC. */
const VIRTUAL_EPOCH_MS = 1767225600000;
/** After a guest reported a crash it has this long, ns of its time, to write its last words (or reset itself). */
const CRASH_GRACE_NS = 1e9;

/**
 * A Hyper-V virtual machine, Generation 1: the public API of the emulator.
 *
 * It is `created`, `running`, `paused` or `stopped`; a stopped machine stays so. Events arrive between slices of the
 * guest's run, on the thread that created the machine.
 */
export class Machine {
  private readonly board: Board;
  private readonly runner: Runner;
  private readonly emitter = new Emitter<MachineEvents>();
  private readonly crashTimer: Timer;
  private readonly vmbusTracing: VmbusTracing;
  private state: MachineState = "created";
  private serialOutput: number[] = [];
  private resetAt = 0;
  private channelsChanged = false;
  private ledsChanged = false;
  private power: PowerEvent | undefined;
  private crash: StopReason | undefined;
  private tscOffset = 0n;
  private resolveStopped!: (reason: StopReason) => void;
  /** Resolves once, when the machine has stopped for good and no drive is read or written any more. */
  readonly stopped = new Promise<StopReason>((resolve) => (this.resolveStopped = resolve));

  private constructor(
    settings: MachineSettings,
    private readonly image: BootImage,
  ) {
    const epochMs = settings.time === "real" ? Date.now() : (settings.epochMs ?? VIRTUAL_EPOCH_MS);
    const log = (source: string, message: string): void => this.emitter.emit("log", { source, message });
    this.board = new Board(settings.core, settings.memoryMiB * MIB, settings.time, epochMs, log, {
      onSerial: (byte) => this.serialOutput.push(byte),
      onDebugConsole: (byte) => this.emitter.emit("debugConsole", byte),
      onPower: (event) => this.onPower(event),
      onCrash: (parameters, message) => this.onCrash(parameters, message),
      onChannels: () => (this.channelsChanged = true),
      onInput: () => this.runner.wake(),
      onLeds: () => (this.ledsChanged = true),
      onDiscEjected: (location, image) => this.emitter.emit("discEjected", { location, image }),
    });
    this.vmbusTracing = new VmbusTracing(this.board.vmbus, () => this.board.createTrace());
    for (const drive of settings.drives ?? []) this.board.storage.attach(drive);
    this.board.storage.start();
    const { processor, timers, clock } = this.board;
    if (settings.translateAfter !== undefined) processor.setTranslateThreshold(settings.translateAfter);
    processor.setTranslateAtOnce(settings.translateAtOnce === true);
    this.crashTimer = timers.create(() => this.finish(this.crash as StopReason));
    this.runner = new Runner(processor, timers, clock, settings.time === "virtual", {
      onShutdown: () => this.finish({ kind: "triple-fault" }),
      afterRun: () => this.afterRun(),
      afterSlice: () => this.flush(),
      onFailure: (error) =>
        this.finish({
          kind: "failure",
          message: error instanceof Error ? (error.stack ?? error.message) : String(error),
        }),
      stalled: () => this.board.hostWork.stalled,
    });
    this.board.hostWork.onSettled = () => this.runner.wake();
    this.load();
  }

  /**
   * Makes a machine with its kernel loaded; start() runs it.
   * @throws ConfigurationError if the settings, the kernel or the initrd can't be used; one line that says why
   */
  static async create(settings: MachineSettings): Promise<Machine> {
    const { memoryMiB } = settings;
    if (!Number.isInteger(memoryMiB) || memoryMiB < MEMORY_MIB_MIN || memoryMiB > MEMORY_MIB_MAX) {
      throw new ConfigurationError(
        `Memory must be a whole number of MiB from ${MEMORY_MIB_MIN} to ${MEMORY_MIB_MAX}, not ${memoryMiB}.`,
      );
    }
    const image = await loadBoot(settings.boot, memoryMiB * MIB);
    try {
      return new Machine(settings, image);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new ConfigurationError(`This host has no ${memoryMiB} MiB to give; choose less memory.`);
    }
  }

  /** Begins to run; after pause(), goes on. Nothing happens on a machine that runs or has stopped. */
  start(): void {
    if (this.state !== "created" && this.state !== "paused") return;
    this.setState("running");
    this.runner.start();
  }

  /** Stops the guest and its clock; resolves when it stands still. */
  async pause(): Promise<void> {
    if (this.state !== "running") return;
    this.setState("paused");
    await this.runner.stop();
    this.flush();
  }

  resume(): void {
    this.start();
  }

  /** Presses the reset button: the guest starts again from its boot source, running or paused as before. */
  async reset(): Promise<void> {
    if (this.state === "stopped") return;
    const running = this.state === "running";
    if (running) await this.runner.stop();
    this.restart();
    if (running) this.runner.start();
  }

  /**
   * Asks the guest to shut down through the Hyper-V shutdown component.
   * @returns false if the guest's component is not connected: nobody was asked
   */
  shutdown(): boolean {
    if (this.state !== "running") return false;
    const asked = this.board.shutdown.shutdown();
    this.runner.wake();
    return asked;
  }

  /** Pulls the plug. */
  turnOff(): void {
    this.finish({ kind: "turned-off" });
  }

  /** The machine's keyboard and mouse. */
  get input(): InputApi {
    return this.board.input;
  }

  /** Types at COM1: bytes, or text as UTF-8. */
  serialInput(data: Uint8Array | string): void {
    if (this.state === "stopped") return;
    this.board.chipset.serialInput(typeof data === "string" ? new TextEncoder().encode(data) : data);
    this.runner.wake();
  }

  /**
   * Attaches a drive; a guest with a storage driver finds it at once. Once the machine was created, IDE is closed.
   * @throws ConfigurationError if the place is taken, or cannot have such a drive
   */
  attachDrive(attachment: DriveAttachment): void {
    this.board.storage.attach(attachment);
    this.runner.wake();
  }

  /**
   * Takes a drive of the SCSI controller away, under the guest's hands if need be. Host I/O that is under way goes on:
   * wait for `drivesIdle` before closing the image.
   * @returns what was in the drive
   * @throws ConfigurationError if there is no such drive
   */
  detachDrive(location: DriveLocation): Disk | undefined {
    const image = this.board.storage.detach(location);
    this.runner.wake();
    return image;
  }

  /**
   * Puts a disc into a DVD drive, in place of another one.
   * @returns the disc that was in it
   * @throws ConfigurationError if there is no such drive
   */
  insertDisc(location: DriveLocation, image: Disk): Disk | undefined {
    return this.board.storage.insertDisc(location, image);
  }

  /**
   * Presses the eject button of a DVD drive, or with `force` uses the paper clip.
   * @returns the disc; undefined if there was none, or the guest holds it and was only asked
   * @throws ConfigurationError if there is no such drive
   */
  ejectDisc(location: DriveLocation, { force = false } = {}): Disk | undefined {
    return this.board.storage.ejectDisc(location, force);
  }

  /** Tells the guest to look at the sizes of its disks: an image was resized. */
  announceResize(): void {
    this.board.storage.announceChange();
    this.runner.wake();
  }

  /** Resolves when no request to any drive is under way. */
  drivesIdle(): Promise<void> {
    return this.board.hostWork.drained();
  }

  /** What the guest shows, and where its pointer is. To be used between events, not from "debugConsole". */
  get screen(): MachineScreen {
    return this.board.screen;
  }

  status(): MachineStatus {
    const { processor, clock, vmbus } = this.board;
    return {
      state: this.state,
      guestSeconds: (clock.now() - this.resetAt) / 1e9,
      instructions: processor.instructionCount,
      vmbusVersion: vmbus.version,
      channels: vmbus.channels(),
    };
  }

  /** How Hyper-V stands: the bus with its channels and shared memory, the SynIC, the synthetic MSRs. */
  hypervisorSnapshot(): HypervisorSnapshot {
    const { vmbus, hypervisor } = this.board;
    return { vmbus: vmbus.snapshot(), synic: hypervisor.synicState(), msrs: hypervisor.namedMsrs() };
  }

  /**
   * Calls `listener` for everything that goes over VMBus from now on, taken apart, in order; as events do, between
   * slices of the guest's run. Costs something while it lasts, and nothing else does.
   * @returns the function that ends it
   */
  traceVmbus(listener: (entry: VmbusTraceEntry) => void): () => void {
    return this.vmbusTracing.add(listener);
  }

  /** How the processor works: its two engines, what they made and what left them. */
  statistics(): MachineStatistics {
    return this.board.processor.statistics();
  }

  /**
   * Calls `callback` once, when `seconds` have passed on the machine's clock from now; a pause is no time. In virtual
   * time that is between the same two instructions in every run. What the guest wrote before has then been sent.
   * @returns the function that cancels it
   */
  after(seconds: number, callback: () => void): () => void {
    const { timers, clock } = this.board;
    const timer = timers.create(() => {
      this.flush();
      callback();
    });
    timer.arm(clock.now() + Math.round(seconds * 1e9));
    this.runner.wake();
    return () => timer.cancel();
  }

  /** Subscribes to an event. @returns the function that ends the subscription */
  on<K extends keyof MachineEvents>(event: K, listener: (value: MachineEvents[K]) => void): () => void {
    return this.emitter.on(event, listener);
  }

  private setState(state: MachineState): void {
    this.state = state;
    this.emitter.emit("state", state);
  }

  /** Copies the boot image to zeroed RAM and puts the processor at its entry. */
  private load(): void {
    const { memory } = this.board.processor;
    for (const region of this.image.regions) {
      if (!memory.write(region.gpa, region.bytes)) throw new Error(`boot region ${region.name} lies outside RAM`);
    }
    applyInitialState(this.board.processor, this.image.processor);
  }

  private restart(): void {
    this.crash = undefined;
    this.power = undefined;
    this.crashTimer.cancel();
    this.board.reset();
    this.board.processor.memory.fill(0, this.board.processor.memory.size, 0);
    this.load();
    this.resetAt = this.board.clock.now();
    this.emitter.emit("reset", undefined);
  }

  private onPower(event: PowerEvent): void {
    this.power ??= event;
    this.board.processor.requestStop();
  }

  private onCrash(parameters: readonly bigint[], message: string | undefined): void {
    if (this.crash) return;
    this.crash = { kind: "guest-crash", parameters, message };
    this.crashTimer.arm(this.board.clock.now() + CRASH_GRACE_NS);
  }

  private afterRun(): void {
    const offset = this.board.processor.tscOffset;
    if (offset !== this.tscOffset) {
      this.tscOffset = offset;
      this.board.hypervisor.tscChanged();
    }
    const { power } = this;
    if (!power) return;
    this.power = undefined;
    if (power.kind === "reset") {
      if (this.crash) this.finish(this.crash);
      else this.restart();
    } else this.finish(power);
  }

  /** Sends out what the guest wrote. */
  private flush(): void {
    if (this.serialOutput.length > 0) {
      const bytes = Uint8Array.from(this.serialOutput);
      this.serialOutput = [];
      this.emitter.emit("serial", bytes);
    }
    this.vmbusTracing.deliver();
    if (this.channelsChanged) {
      this.channelsChanged = false;
      this.emitter.emit("channels", this.board.vmbus.channels());
    }
    if (this.ledsChanged) {
      this.ledsChanged = false;
      this.emitter.emit("keyboardLeds", this.board.input.leds);
    }
    const news = this.board.screen.takeNews();
    if (!news) return;
    const { mode } = this.board.screen;
    if (mode) this.board.input.setScreen(mode.width, mode.height);
    this.emitter.emit("screen", news);
  }

  private finish(reason: StopReason): void {
    if (this.state === "stopped") return;
    this.runner.halt();
    this.flush();
    this.setState("stopped");
    this.emitter.emit("stopped", reason);
    void this.board.hostWork.drained().then(() => this.resolveStopped(reason));
  }
}
