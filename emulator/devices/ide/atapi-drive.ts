import { type ScsiReply, u16 } from "../scsi/command";
import type { ScsiDvd } from "../scsi/dvd";
import { unitSerialNumber } from "../scsi/inquiry";
import { MODE_SELECT_10, MODE_SELECT_6, REQUEST_SENSE, STATUS_GOOD } from "../scsi/opcodes";
import { encodeSense, NO_SENSE, type Sense } from "../scsi/sense";
import * as ata from "./ata";
import { type DriveHost, IdeDrive } from "./drive";
import { identifyPacketDevice } from "./identify";
import { scsiCommand } from "./scsi-commands";
import { dmaModeOf, isTransferMode } from "./transfer";

/** Bytes that a command may return: what READ of any size is held to as well. */
const MAXIMUM_DATA_IN = 8 << 20;
const FEATURE_DMA = 0x01;
/** A block through the data register has at most this many bytes. */
const LARGEST_BLOCK = 0xfffe;

/** Bytes that the host sends after a packet; only parameter lists come that way to a drive that does not write. */
function dataOutLength(packet: Uint8Array): number {
  if (packet[0] === MODE_SELECT_6) return packet[4] ?? 0;
  return packet[0] === MODE_SELECT_10 ? u16(packet, 7) : 0;
}

/** A CD or DVD drive, "Virtual CD": takes SCSI commands as packets (ATA/ATAPI-7, PACKET; SFF-8020i). */
export class AtapiDrive extends IdeDrive {
  protected readonly takesDeviceReset = true;
  protected readonly readinessAfterReset = 0;
  private dmaMode: number | undefined;
  /** Why the last packet failed: there is no other way to say it than to be asked. */
  private sense: Sense | undefined;

  constructor(
    host: DriveHost,
    private readonly dvd: ScsiDvd,
  ) {
    super(host, dvd);
    this.reset(true);
  }

  protected override onReset(hard: boolean): void {
    this.unit.reset();
    this.sense = undefined;
    if (hard) this.dmaMode = undefined;
  }

  protected override setSignature(): void {
    this.registers.setSignature(ata.PACKET_SIGNATURE_MID, ata.PACKET_SIGNATURE_HIGH);
  }

  protected override command(command: number): void {
    switch (command) {
      case ata.PACKET:
        return this.packet();
      case ata.IDENTIFY_PACKET_DEVICE:
        return this.sendBlock(this.identify(), () => this.succeed(false));
      case ata.IDENTIFY_DEVICE:
      case ata.READ_SECTORS: {
        // Hosts that only know disks read here what this is. The device bit stays as it was.
        const { device } = this.registers;
        this.setSignature();
        this.registers.device = device;
        return this.fail(ata.ERROR_ABRT);
      }
      case ata.SET_FEATURES:
        return this.setFeatures();
      case ata.STANDBY_IMMEDIATE:
      case ata.IDLE_IMMEDIATE:
      case ata.SLEEP:
        return this.succeed();
      case ata.CHECK_POWER_MODE:
        this.registers.count = ata.POWER_ACTIVE;
        return this.succeed();
      default:
        return this.fail(ata.ERROR_ABRT);
    }
  }

  private identify(): Uint8Array {
    const serial = new TextDecoder().decode(unitSerialNumber(this.dvd.id)).slice(-20);
    return identifyPacketDevice(serial, this.dmaMode);
  }

  private setFeatures(): void {
    const { features, count } = this.registers;
    if (features !== ata.FEATURE_SET_TRANSFER_MODE || !isTransferMode(count)) return this.fail(ata.ERROR_ABRT);
    this.dmaMode = dmaModeOf(count);
    this.succeed();
  }

  private packet(): void {
    const dma = (this.registers.features & FEATURE_DMA) !== 0;
    const limit = this.registers.byteCount;
    const packet = new Uint8Array(ata.PACKET_SIZE);
    this.registers.count = ata.REASON_COMMAND;
    this.receiveBlock(packet, false, () => {
      const length = dataOutLength(packet);
      if (length === 0) this.perform(packet, new Uint8Array(0), dma, limit);
      else this.receiveParameters(packet, new Uint8Array(length), dma, limit);
    });
  }

  private receiveParameters(packet: Uint8Array, data: Uint8Array, dma: boolean, limit: number): void {
    const perform = (): void => this.perform(packet, data, dma, limit);
    if (dma) return this.moveByDma({ toMemory: false, bytes: data }, perform);
    this.eachBlock(data, limit, 0, (block, done) => this.receiveBlock(block, true, done), perform);
  }

  private perform(packet: Uint8Array, out: Uint8Array, dma: boolean, limit: number): void {
    const held = this.sense;
    this.sense = undefined;
    if (packet[0] === REQUEST_SENSE && held) {
      this.reply(encodeSense(held).subarray(0, packet[4]), dma, limit);
      return;
    }
    this.execute(scsiCommand(packet, MAXIMUM_DATA_IN, out), out.length, (reply) => this.answer(reply, dma, limit));
  }

  private answer(reply: ScsiReply, dma: boolean, limit: number): void {
    if (reply.status === STATUS_GOOD) {
      this.reply(reply.dataIn ?? new Uint8Array(0), dma, limit);
      return;
    }
    this.sense = reply.sense;
    this.registers.count = ata.REASON_COMPLETE;
    const key = reply.sense?.key ?? NO_SENSE;
    this.fail((key << 4) | ata.ERROR_ABRT);
  }

  private reply(data: Uint8Array, dma: boolean, limit: number): void {
    const complete = (): void => {
      this.registers.count = ata.REASON_COMPLETE;
      this.succeed();
    };
    if (data.length === 0) complete();
    else if (dma) this.moveByDma({ toMemory: true, bytes: data }, complete);
    else this.eachBlock(data, limit, ata.REASON_TO_HOST, (block, done) => this.sendBlock(block, done), complete);
  }

  /** Moves data through the data register in blocks of at most the host's byte count, each with its size in the registers. */
  private eachBlock(
    data: Uint8Array,
    limit: number,
    reason: number,
    move: (block: Uint8Array, done: () => void) => void,
    complete: () => void,
  ): void {
    // A block that is not the last one has whole words.
    const most = Math.min(limit, LARGEST_BLOCK) & ~1;
    const length = limit === 1 && data.length === 1 ? 1 : Math.min(most, data.length);
    if (length === 0) return this.fail(ata.ERROR_ABRT);
    this.registers.count = reason;
    this.registers.byteCount = length;
    move(data.subarray(0, length), () => {
      if (data.length > length) this.eachBlock(data.subarray(length), limit, reason, move, complete);
      else complete();
    });
  }
}
