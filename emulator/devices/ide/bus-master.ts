import type { GuestMemory } from "../../cpu/guest-memory";
import { PrdWalk } from "./prd";

/** Offsets of a channel's registers. */
const COMMAND = 0;
const STATUS = 2;
const TABLE = 4;
/** Ports of one channel. */
export const BUS_MASTER_PORTS = 8;

const COMMAND_START = 0x01;
/** Set: the bus master writes to memory, which is what a drive's READ wants. */
const COMMAND_TO_MEMORY = 0x08;
const STATUS_ACTIVE = 0x01;
const STATUS_ERROR = 0x02;
const STATUS_INTERRUPT = 0x04;
/** Bits for software: which drives can do DMA. */
const STATUS_DRIVES = 0x60;

/** What a drive wants moved. */
export interface DmaRequest {
  readonly toMemory: boolean;
  /** Source, or target. */
  readonly bytes: Uint8Array;
}

/** The bus master half of a channel (PIIX4: BMICX, BMISX, BMIDTPX): moves data between a drive and guest memory. */
export class BusMaster {
  private command = 0;
  private status = 0;
  private table = 0;
  private walk: PrdWalk | undefined;
  /** The guest started the transfer. */
  onStart: (() => void) | undefined;

  constructor(
    private readonly memory: GuestMemory,
    /** PCI command register, bus master enable. */
    private readonly enabled: () => boolean,
  ) {}

  reset(): void {
    this.command = this.status = this.table = 0;
    this.walk = undefined;
  }

  /** The drive raised its interrupt. */
  interrupted(): void {
    this.status |= STATUS_INTERRUPT;
  }

  /**
   * Moves a piece of a transfer, if the guest has started one in this direction.
   * @returns false if nothing was moved: the drive waits, maybe for a reset
   */
  move({ toMemory, bytes }: DmaRequest): boolean {
    const { walk } = this;
    if (!walk || !this.enabled() || toMemory !== ((this.command & COMMAND_TO_MEMORY) !== 0)) return false;
    const failure = toMemory ? walk.write(bytes) : walk.read(bytes);
    if (failure === "fault") this.status |= STATUS_ERROR;
    // With memory left in the table, "active" stays: that is how the host learns that the drive had less.
    if (failure !== undefined || walk.exhausted) this.end();
    return failure === undefined;
  }

  readByte(offset: number): number {
    if (offset === COMMAND) return this.command;
    if (offset === STATUS) return this.status;
    return offset >= TABLE ? (this.table >>> (8 * (offset - TABLE))) & 0xff : 0;
  }

  writeByte(offset: number, value: number): void {
    if (offset === COMMAND) this.writeCommand(value);
    else if (offset === STATUS) this.writeStatus(value);
    else if (offset >= TABLE) {
      const shift = 8 * (offset - TABLE);
      this.table = ((this.table & ~(0xff << shift)) | (value << shift)) & ~3;
    }
  }

  private writeStatus(value: number): void {
    const cleared = value & (STATUS_ERROR | STATUS_INTERRUPT);
    this.status = (this.status & ~cleared & ~STATUS_DRIVES) | (value & STATUS_DRIVES);
  }

  private writeCommand(value: number): void {
    const before = this.command;
    this.command = value & (COMMAND_START | COMMAND_TO_MEMORY);
    const start = (value & COMMAND_START) !== 0;
    if (!start) this.end();
    else if ((before & COMMAND_START) === 0) {
      this.walk = new PrdWalk(this.memory, this.table >>> 0);
      this.status |= STATUS_ACTIVE;
      this.onStart?.();
    }
  }

  private end(): void {
    this.walk = undefined;
    this.status &= ~STATUS_ACTIVE;
  }
}
