import type { ScsiCommand, ScsiReply } from "../scsi/command";
import type { ScsiDisk } from "../scsi/disk";
import { unitSerialNumber } from "../scsi/inquiry";
import { STATUS_GOOD } from "../scsi/opcodes";
import {
  CAPACITY_DATA_HAS_CHANGED,
  HARDWARE_ERROR,
  LOGICAL_BLOCK_ADDRESS_OUT_OF_RANGE,
  type Sense,
  UNRECOVERED_READ_ERROR,
} from "../scsi/sense";
import * as ata from "./ata";
import { type DriveHost, IdeDrive } from "./drive";
import { identifyDevice, MAXIMUM_MULTIPLE } from "./identify";
import { flushCommand, readCommand, verifyCommand, writeCommand } from "./scsi-commands";
import type { Geometry } from "./task-file";
import { dmaModeOf, isTransferMode, transferOf, type Transfer } from "./transfer";

/** A transfer is made in pieces of at most this, bytes: what a drive holds of it at once. */
const DMA_PIECE_BYTES = 1 << 20;
const PIO_PIECE_BYTES = 128 << 10;

const HEADS = 16;
const SECTORS_PER_TRACK = 63;
/** The largest disk that has a shape, of 16,383 cylinders. */
const MOST_CYLINDERS = 16383;

/** A hard disk: "Virtual HD", on the same SCSI disk that the guest's storvsc may reach. */
export class AtaDisk extends IdeDrive {
  protected readonly takesDeviceReset = false;
  protected readonly readinessAfterReset = ata.STATUS_DRDY | ata.STATUS_DSC;
  private chosenGeometry: Pick<Geometry, "heads" | "sectorsPerTrack"> = {
    heads: HEADS,
    sectorsPerTrack: SECTORS_PER_TRACK,
  };
  private multiple = 0;
  private writeCache = true;
  private dmaMode: number | undefined;

  constructor(
    host: DriveHost,
    private readonly scsi: ScsiDisk,
  ) {
    super(host, scsi);
    this.reset(true);
  }

  protected override onReset(hard: boolean): void {
    if (!hard) return;
    this.unit.reset();
    this.chosenGeometry = { heads: HEADS, sectorsPerTrack: SECTORS_PER_TRACK };
    this.multiple = 0;
    this.writeCache = true;
    this.dmaMode = undefined;
  }

  protected override setSignature(): void {
    this.registers.setSignature(0, 0);
  }

  protected override command(command: number): void {
    const transfer = transferOf(command);
    if (transfer) this.transfer(transfer);
    else if (command >= ata.RECALIBRATE_FIRST && command <= ata.RECALIBRATE_LAST) this.succeed();
    else if (command >= ata.SEEK_FIRST && command <= ata.SEEK_LAST) this.seek();
    else this.otherCommand(command);
  }

  private otherCommand(command: number): void {
    switch (command) {
      case ata.IDENTIFY_DEVICE:
        return this.sendBlock(this.identify(), () => this.succeed(false));
      case ata.FLUSH_CACHE:
      case ata.FLUSH_CACHE_EXT:
      case ata.STANDBY_IMMEDIATE:
      case ata.STANDBY:
      case ata.SLEEP:
        return this.flush();
      case ata.IDLE_IMMEDIATE:
      case ata.IDLE:
        return this.succeed();
      case ata.CHECK_POWER_MODE:
        this.registers.count = ata.POWER_ACTIVE;
        return this.succeed();
      case ata.SET_FEATURES:
        return this.setFeatures();
      case ata.SET_MULTIPLE_MODE:
        return this.setMultiple();
      case ata.INITIALIZE_DEVICE_PARAMETERS:
        return this.initializeParameters();
      default:
        // Among them PACKET, IDENTIFY PACKET DEVICE and DEVICE RESET: they tell hosts that this is no packet device.
        return this.fail(ata.ERROR_ABRT);
    }
  }

  private get sectorSize(): number {
    return this.scsi.disk.sectorSize;
  }

  private get sectors(): number {
    return Math.floor(this.scsi.disk.size / this.sectorSize);
  }

  private shape({ heads, sectorsPerTrack }: Pick<Geometry, "heads" | "sectorsPerTrack">): Geometry {
    const cylinders = Math.min(Math.floor(this.sectors / (heads * sectorsPerTrack)), MOST_CYLINDERS);
    return { cylinders, heads, sectorsPerTrack };
  }

  private get geometry(): Geometry {
    return this.shape(this.chosenGeometry);
  }

  private identify(): Uint8Array {
    const { disk } = this.scsi;
    return identifyDevice({
      serial: new TextDecoder().decode(unitSerialNumber(this.scsi.identity)).slice(0, 20),
      sectors: this.sectors,
      sectorSize: disk.sectorSize,
      physicalSectorSize: disk.physicalSectorSize,
      defaultGeometry: this.shape({ heads: HEADS, sectorsPerTrack: SECTORS_PER_TRACK }),
      geometry: this.geometry,
      multiple: this.multiple,
      writeCache: this.writeCache,
      dmaMode: this.dmaMode,
    });
  }

  private flush(): void {
    this.run(flushCommand(), 0, () => this.succeed());
  }

  private seek(): void {
    const lba = this.registers.lba(false, this.geometry);
    if (lba === undefined || lba >= this.sectors) this.fail(ata.ERROR_IDNF);
    else this.succeed();
  }

  private setFeatures(): void {
    const { features, count } = this.registers;
    switch (features) {
      case ata.FEATURE_ENABLE_WRITE_CACHE:
        this.writeCache = true;
        return this.succeed();
      case ata.FEATURE_DISABLE_WRITE_CACHE:
        this.writeCache = false;
        // What is in the cache now must not stay there.
        return this.flush();
      case ata.FEATURE_SET_TRANSFER_MODE:
        if (!isTransferMode(count)) return this.fail(ata.ERROR_ABRT);
        this.dmaMode = dmaModeOf(count);
        return this.succeed();
      case ata.FEATURE_ENABLE_READ_LOOK_AHEAD:
      case ata.FEATURE_DISABLE_READ_LOOK_AHEAD:
      case ata.FEATURE_KEEP_SETTINGS_AT_RESET:
      case ata.FEATURE_DEFAULT_SETTINGS_AT_RESET:
        return this.succeed();
      default:
        return this.fail(ata.ERROR_ABRT);
    }
  }

  private setMultiple(): void {
    const { count } = this.registers;
    // A power of two; 0 turns READ and WRITE MULTIPLE off.
    if (count > MAXIMUM_MULTIPLE || (count & (count - 1)) !== 0) return this.fail(ata.ERROR_ABRT);
    this.multiple = count;
    this.succeed();
  }

  private initializeParameters(): void {
    const { count, device } = this.registers;
    if (count === 0) return this.fail(ata.ERROR_ABRT);
    this.chosenGeometry = { heads: (device & 0x0f) + 1, sectorsPerTrack: count };
    this.succeed();
  }

  private transfer({ direction, dma, multiple, extended, durable }: Transfer): void {
    if (multiple && this.multiple === 0) return this.fail(ata.ERROR_ABRT);
    const lba = this.registers.lba(extended, this.geometry);
    const sectors = this.registers.sectors(extended);
    if (lba === undefined || lba + sectors > this.sectors) return this.fail(ata.ERROR_IDNF);
    const blockBytes = (multiple ? this.multiple : 1) * this.sectorSize;
    const work: Running = {
      lba,
      left: sectors,
      extended,
      blockBytes,
      pieceBytes: dma ? DMA_PIECE_BYTES : Math.max(PIO_PIECE_BYTES, blockBytes),
      durable: durable || !this.writeCache,
      first: true,
    };
    if (direction === "verify") this.run(verifyCommand(lba, sectors), 0, () => this.succeed());
    else if (direction === "read") this.readPiece(work, dma);
    else this.writePiece(work, dma);
  }

  private readPiece(work: Running, dma: boolean): void {
    const { bytes, sectors } = this.piece(work);
    this.run(
      readCommand(work.lba, sectors, bytes),
      bytes,
      ({ dataIn }) => {
        const data = dataIn ?? new Uint8Array(bytes);
        const done = (): void => {
          if (!this.moveOn(work, sectors)) this.readPiece(work, dma);
          // Port reads end without an interrupt: each block had its own.
          else this.succeed(dma);
        };
        if (dma) this.moveByDma({ toMemory: true, bytes: data }, done);
        else this.sendBlocks(work, data, done);
      },
      work,
    );
  }

  private sendBlocks(work: Running, data: Uint8Array, done: () => void): void {
    this.sendBlock(data.subarray(0, work.blockBytes), () => {
      if (data.length > work.blockBytes) this.sendBlocks(work, data.subarray(work.blockBytes), done);
      else done();
    });
  }

  private writePiece(work: Running, dma: boolean): void {
    const { bytes, sectors } = this.piece(work);
    const data = new Uint8Array(bytes);
    const write = (): void =>
      this.run(
        writeCommand(work.lba, sectors, data, work.durable),
        bytes,
        () => {
          if (this.moveOn(work, sectors)) this.succeed();
          else this.writePiece(work, dma);
        },
        work,
      );
    if (dma) this.moveByDma({ toMemory: false, bytes: data }, write);
    else this.receiveBlocks(work, data, write);
  }

  private receiveBlocks(work: Running, data: Uint8Array, done: () => void): void {
    // The host sends the first block without being asked by an interrupt.
    const interrupt = !work.first;
    work.first = false;
    this.receiveBlock(data.subarray(0, work.blockBytes), interrupt, () => {
      if (data.length > work.blockBytes) this.receiveBlocks(work, data.subarray(work.blockBytes), done);
      else done();
    });
  }

  private piece({ left, pieceBytes }: Running): { bytes: number; sectors: number } {
    const sectors = Math.min(left, pieceBytes / this.sectorSize);
    return { sectors, bytes: sectors * this.sectorSize };
  }

  /** @returns true when nothing is left */
  private moveOn(work: Running, sectors: number): boolean {
    work.lba += sectors;
    work.left -= sectors;
    if (work.left > 0) return false;
    this.registers.setLba(work.lba - 1, work.extended, this.geometry);
    this.registers.count = 0;
    return true;
  }

  /** Executes a SCSI command and goes on if it succeeded; otherwise the ATA command ends, at the transfer's address. */
  private run(command: ScsiCommand, bytes: number, then: (reply: ScsiReply) => void, work?: Running): void {
    this.execute(command, bytes, (reply) => {
      if (reply.status === STATUS_GOOD) return then(reply);
      // Disks that have grown tell so once by SCSI; ATA has no word for it.
      if (reply.sense === CAPACITY_DATA_HAS_CHANGED) return this.run(command, bytes, then, work);
      if (work) this.registers.setLba(work.lba, work.extended, this.geometry);
      this.failBySense(reply.sense);
    });
  }

  private failBySense(sense: Sense | undefined): void {
    if (sense === LOGICAL_BLOCK_ADDRESS_OUT_OF_RANGE) this.fail(ata.ERROR_IDNF);
    else if (sense === UNRECOVERED_READ_ERROR) this.fail(ata.ERROR_UNC);
    else this.fail(ata.ERROR_ABRT, sense === undefined || sense.key === HARDWARE_ERROR ? ata.STATUS_DF : 0);
  }
}

/** A READ or WRITE on its way. */
interface Running {
  lba: number;
  left: number;
  readonly extended: boolean;
  /** Bytes for each interrupt of a transfer by port accesses. */
  readonly blockBytes: number;
  readonly pieceBytes: number;
  readonly durable: boolean;
  first: boolean;
}
