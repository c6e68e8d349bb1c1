import type { HostWork } from "../../time/host-work";
import { requestLatency } from "../scsi/latency";
import type { LogicalUnit, ScsiCommand, ScsiReply } from "../scsi/command";
import * as ata from "./ata";
import type { DmaRequest } from "./bus-master";
import { TaskFile } from "./task-file";

/** What a drive has of the channel that it is at. */
export interface DriveHost {
  readonly work: HostWork;
  /** The drive's interrupt request changed. */
  interruptChanged(): void;
  /** Has the bus master move data; false if it does not, now or at all. */
  move(request: DmaRequest): boolean;
}

type Phase =
  | { readonly kind: "idle" | "busy" }
  | { readonly kind: "in" | "out"; readonly bytes: Uint8Array; at: number; readonly done: () => void }
  | { readonly kind: "dma"; readonly request: DmaRequest; readonly done: () => void };

const IDLE: Phase = { kind: "idle" };
const BUSY: Phase = { kind: "busy" };

/**
 * A drive at an IDE channel: its registers, status and interrupt, and the ways in which data comes and goes. What
 * commands mean is up to the classes of disks and of packet devices. One command runs at a time, so a guest cannot make
 * the host hold more than one piece of a transfer for a drive; even a reset waits for host I/O that was begun.
 */
export abstract class IdeDrive {
  readonly registers = new TaskFile();
  private phase = IDLE;
  /** DRDY and DSC; a packet device has neither from a reset to its first command. */
  private readiness = 0;
  /** ERR and DF of the last command. */
  private failure = 0;
  private request = false;
  /** Host I/O is under way, maybe for a command that a reset ended. */
  private onHost = false;
  /** The host holds the channel in reset. */
  private held = false;
  /** Counts resets: what was begun before one is not for the commands after it. */
  private epoch = 0;

  constructor(
    protected readonly host: DriveHost,
    protected readonly unit: LogicalUnit,
  ) {}

  get status(): number {
    if (this.phase.kind === "busy") return ata.STATUS_BSY | this.readiness;
    if (this.phase.kind !== "idle") return ata.STATUS_DRQ | this.readiness;
    return this.readiness | this.failure;
  }

  /** The drive asks for an interrupt. */
  get interrupt(): boolean {
    return this.request;
  }

  /** Whether the command block can be written, and a command begin. */
  get idle(): boolean {
    return this.phase.kind === "idle";
  }

  /** The host read the status register. */
  acknowledge(): void {
    this.setInterrupt(false);
  }

  writeCommand(command: number): void {
    if (command === ata.DEVICE_RESET && this.takesDeviceReset) {
      this.reset(false);
      return;
    }
    if (!this.idle) return;
    this.setInterrupt(false);
    this.failure = 0;
    this.registers.error = 0;
    this.readiness = ata.STATUS_DRDY | ata.STATUS_DSC;
    this.phase = BUSY;
    this.command(command);
  }

  /** The data register, by 1, 2 or 4 bytes. */
  readData(size: number): number {
    const { phase } = this;
    if (phase.kind !== "in") return 0;
    let value = 0;
    for (let index = 0; index < size; index++) value |= (phase.bytes[phase.at + index] ?? 0) << (8 * index);
    this.advance(phase, size);
    return value >>> 0;
  }

  writeData(size: number, value: number): void {
    const { phase } = this;
    if (phase.kind !== "out") return;
    for (let index = 0; index < size && phase.at + index < phase.bytes.length; index++) {
      phase.bytes[phase.at + index] = (value >>> (8 * index)) & 0xff;
    }
    this.advance(phase, size);
  }

  /** The bus master may move data now. */
  serviceDma(): void {
    const { phase } = this;
    if (phase.kind !== "dma" || !this.host.move(phase.request)) return;
    this.phase = BUSY;
    phase.done();
  }

  /** The SRST bit: a reset lasts until it is released. */
  holdReset(held: boolean): void {
    if (held && !this.held) {
      this.held = true;
      this.reset(false);
    } else if (!held && this.held) {
      this.held = false;
      this.endReset();
    }
  }

  /** @param hard as after power-on: settings are back, too */
  reset(hard: boolean): void {
    this.epoch++;
    if (hard) this.held = false;
    this.phase = BUSY;
    this.readiness = this.failure = 0;
    this.setInterrupt(false);
    this.onReset(hard);
    this.endReset();
  }

  /** EXECUTE DEVICE DIAGNOSTIC is for both drives, whichever is selected. */
  diagnose(interrupt: boolean): void {
    this.reset(false);
    if (interrupt && this.idle) this.setInterrupt(true);
  }

  protected abstract readonly takesDeviceReset: boolean;
  /** The drive's bits in the status register after a reset. */
  protected abstract readonly readinessAfterReset: number;
  /** Begins a command; it ends with succeed() or fail(), at once or later. */
  protected abstract command(command: number): void;
  protected abstract setSignature(): void;
  /** @param hard as after power-on, with all settings at their defaults */
  protected abstract onReset(hard: boolean): void;

  /** Offers a block of data to the host's port reads; `done` follows the last one. */
  protected sendBlock(bytes: Uint8Array, done: () => void): void {
    this.phase = { kind: "in", bytes, at: 0, done };
    this.setInterrupt(true);
  }

  /** Waits for a block from the host's port writes. */
  protected receiveBlock(target: Uint8Array, interrupt: boolean, done: () => void): void {
    this.phase = { kind: "out", bytes: target, at: 0, done };
    if (interrupt) this.setInterrupt(true);
  }

  /** Moves data by the bus master, when the host has started it. */
  protected moveByDma(request: DmaRequest, done: () => void): void {
    this.phase = { kind: "dma", request, done };
    this.serviceDma();
  }

  /** Sends a SCSI command of `bytes` bytes of data to what the drive is made of. */
  protected execute(command: ScsiCommand, bytes: number, then: (reply: ScsiReply) => void): void {
    const reply = this.unit.execute(command);
    if (!(reply instanceof Promise)) {
      then(reply);
      return;
    }
    const { epoch } = this;
    this.onHost = true;
    this.host.work.begin(reply, requestLatency(bytes), (result) => {
      this.onHost = false;
      if (epoch === this.epoch) then(result);
      else this.endReset();
    });
  }

  protected succeed(interrupt = true): void {
    this.phase = IDLE;
    if (interrupt) this.setInterrupt(true);
  }

  /** @param error the error register @param fault beside ERR in the status register */
  protected fail(error: number, fault = 0): void {
    this.registers.error = error;
    this.failure = ata.STATUS_ERR | fault;
    this.succeed();
  }

  private advance(phase: Extract<Phase, { kind: "in" | "out" }>, size: number): void {
    phase.at += size;
    if (phase.at < phase.bytes.length) return;
    this.phase = BUSY;
    phase.done();
  }

  private endReset(): void {
    if (this.held || this.onHost) return;
    this.phase = IDLE;
    this.readiness = this.readinessAfterReset;
    this.registers.error = ata.DIAGNOSTIC_PASSED;
    this.setSignature();
  }

  private setInterrupt(request: boolean): void {
    this.request = request;
    this.host.interruptChanged();
  }
}
