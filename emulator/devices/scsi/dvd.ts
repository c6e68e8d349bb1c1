import { StorageError } from "../../storage/block/block-store";
import type { Disk } from "../../storage/disk";
import { blockRange, checkBlockRange } from "./block-command";
import {
  type LogicalUnit,
  type ScsiCommand,
  type ScsiReply,
  checkCondition,
  dataReply,
  dispatch,
  type Handler,
  good,
  u16,
} from "./command";
import { readDiscInformation, readDvdStructure, readToc, readTrackInformation } from "./dvd-disc";
import { getConfiguration } from "./dvd-features";
import { inquiry } from "./inquiry";
import { modeSelect, modeSense } from "./mode";
import * as scsi from "./opcodes";
import {
  CheckCondition,
  encodeSense,
  INVALID_FIELD_IN_CDB,
  MEDIUM_MAY_HAVE_CHANGED,
  MEDIUM_NOT_PRESENT_TRAY_CLOSED,
  MEDIUM_NOT_PRESENT_TRAY_OPEN,
  MEDIUM_REMOVAL_PREVENTED,
  NO_ADDITIONAL_SENSE,
  UNRECOVERED_READ_ERROR,
} from "./sense";

export const DVD_SECTOR_SIZE = 2048;
const MAXIMUM_TRANSFER_BYTES = 8 << 20;

/** The product names by which Hyper-V's guests know the drives of its SCSI and of its IDE controllers. */
export const SCSI_DVD_PRODUCT = "Virtual DVD-ROM";
export const IDE_DVD_PRODUCT = "Virtual CD/ROM";

/** GET EVENT STATUS NOTIFICATION: event class 4, media. */
const MEDIA_CLASS = 4;
const EVENT_NO_CHANGE = 0;
const EVENT_EJECT_REQUEST = 1;
const EVENT_NEW_MEDIA = 2;
const EVENT_MEDIA_REMOVAL = 3;

/** Read Error Recovery, Power Condition, Time-out and Protect, and the legacy CD/DVD Capabilities page. */
const MODE_PAGES = new Map<number, Uint8Array<ArrayBuffer>>([
  [0x01, Uint8Array.of(0x01, 0x0a, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0)],
  [0x1a, Uint8Array.of(0x1a, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)],
  [0x1d, Uint8Array.of(0x1d, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)],
  [0x2a, capabilitiesPage()],
]);

/** MMC-3, 5.5.10: reads CD-R, CD-RW by method 2, DVD-ROM; tray; locks and ejects; 24 speeds of CD. */
function capabilitiesPage(): Uint8Array<ArrayBuffer> {
  const page = new Uint8Array(22);
  const view = new DataView(page.buffer);
  page.set([0x2a, page.length - 2, 0x0f, 0, 0, 0, 0x29, 0]);
  view.setUint16(8, 24 * 176);
  view.setUint16(12, 512);
  view.setUint16(14, 24 * 176);
  return page;
}

/** A drive for ISO images (MMC-6), as Hyper-V has it at its controllers. */
export class ScsiDvd implements LogicalUnit {
  readonly kind = "dvd";
  private medium: Disk | undefined;
  private trayOpen = false;
  private removalPrevented = false;
  /** The next command that is not exempt hears of a new medium. */
  private attention = false;
  private mediaEvent = EVENT_NO_CHANGE;

  /**
   * @param id 16 bytes that name the unit to its guest
   * @param onError told of failures of the image
   * @param onEjected the guest opened the tray, and the medium is out
   */
  constructor(
    medium: Disk | undefined,
    readonly id: Uint8Array,
    private readonly onError: (error: unknown) => void,
    private readonly onEjected: (medium: Disk) => void,
    private readonly product = SCSI_DVD_PRODUCT,
  ) {
    this.medium = medium;
  }

  get loaded(): Disk | undefined {
    return this.medium;
  }

  /** Puts a medium in, in place of the one that is there. @returns the old one */
  insert(medium: Disk): Disk | undefined {
    const old = this.medium;
    this.medium = medium;
    this.trayOpen = false;
    this.attention = true;
    this.mediaEvent = EVENT_NEW_MEDIA;
    return old;
  }

  /** Takes the medium out, whatever the guest wants. @returns the medium */
  eject(): Disk | undefined {
    const old = this.medium;
    this.medium = undefined;
    this.attention = false;
    if (old) this.mediaEvent = EVENT_MEDIA_REMOVAL;
    return old;
  }

  /** Presses the drive's button: a guest that has locked the tray is told of the wish. @returns what came out */
  requestEject(): Disk | undefined {
    if (!this.removalPrevented || !this.medium) return this.eject();
    this.mediaEvent = EVENT_EJECT_REQUEST;
    return undefined;
  }

  execute(command: ScsiCommand): ScsiReply | Promise<ScsiReply> {
    const opcode = command.cdb[0] ?? 0;
    const exempt =
      opcode === scsi.INQUIRY ||
      opcode === scsi.REQUEST_SENSE ||
      opcode === scsi.GET_CONFIGURATION ||
      opcode === scsi.GET_EVENT_STATUS_NOTIFICATION;
    if (this.attention && !exempt) {
      this.attention = false;
      return checkCondition(MEDIUM_MAY_HAVE_CHANGED);
    }
    return dispatch(this.handlers, command);
  }

  reset(): void {
    this.removalPrevented = false;
  }

  private readonly handlers: ReadonlyMap<number, Handler> = new Map<number, Handler>([
    [scsi.TEST_UNIT_READY, () => this.testUnitReady()],
    [scsi.REQUEST_SENSE, (command) => this.requestSense(command)],
    [scsi.INQUIRY, (command) => this.inquiry(command)],
    [scsi.MODE_SENSE_6, (command) => modeSense(command, MODE_PAGES)],
    [scsi.MODE_SENSE_10, (command) => modeSense(command, MODE_PAGES)],
    [scsi.MODE_SELECT_6, (command) => modeSelect(command, MODE_PAGES)],
    [scsi.MODE_SELECT_10, (command) => modeSelect(command, MODE_PAGES)],
    [scsi.START_STOP_UNIT, ({ cdb }) => this.startStop(cdb)],
    [scsi.PREVENT_ALLOW_MEDIUM_REMOVAL, ({ cdb }) => this.preventAllow(cdb)],
    [scsi.READ_CAPACITY_10, (command) => this.readCapacity(command)],
    [scsi.READ_10, (command) => this.read(command)],
    [scsi.READ_12, (command) => this.read(command)],
    [scsi.READ_16, (command) => this.read(command)],
    [scsi.READ_TOC, (command) => readToc(command, this.blocks())],
    [scsi.GET_CONFIGURATION, (command) => getConfiguration(command, this.medium !== undefined)],
    [scsi.GET_EVENT_STATUS_NOTIFICATION, (command) => this.getEventStatus(command)],
    [scsi.READ_DISC_INFORMATION, (command) => (this.blocks(), readDiscInformation(command))],
    [scsi.READ_TRACK_INFORMATION, (command) => readTrackInformation(command, this.blocks())],
    [scsi.READ_DVD_STRUCTURE, (command) => readDvdStructure(command, this.blocks())],
    [scsi.MECHANISM_STATUS, (command) => this.mechanismStatus(command)],
  ]);

  private inquiry(command: ScsiCommand): ScsiReply {
    return inquiry(command, { type: scsi.TYPE_CD_DVD, removable: true, product: this.product }, this.id);
  }

  private present(): Disk {
    if (this.medium) return this.medium;
    throw new CheckCondition(this.trayOpen ? MEDIUM_NOT_PRESENT_TRAY_OPEN : MEDIUM_NOT_PRESENT_TRAY_CLOSED);
  }

  /** Blocks of the medium; throws CheckCondition without one. */
  private blocks(): number {
    return Math.floor(this.present().size / DVD_SECTOR_SIZE);
  }

  private testUnitReady(): ScsiReply {
    this.present();
    return good();
  }

  private requestSense(command: ScsiCommand): ScsiReply {
    const sense = this.attention ? MEDIUM_MAY_HAVE_CHANGED : NO_ADDITIONAL_SENSE;
    this.attention = false;
    return dataReply(command, encodeSense(sense), command.cdb[4]);
  }

  private readCapacity(command: ScsiCommand): ScsiReply {
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, Math.min(this.blocks() - 1, 0xffffffff));
    view.setUint32(4, DVD_SECTOR_SIZE);
    return dataReply(command, bytes);
  }

  private read(command: ScsiCommand): ScsiReply | Promise<ScsiReply> {
    const range = blockRange(command.cdb);
    const medium = this.present();
    checkBlockRange(range, this.blocks());
    const length = range.count * DVD_SECTOR_SIZE;
    if (length > command.dataInLength || length > MAXIMUM_TRANSFER_BYTES)
      throw new CheckCondition(INVALID_FIELD_IN_CDB);
    if (range.count === 0) return good();
    return this.readMedium(command, medium, range.lba, new Uint8Array(length));
  }

  private async readMedium(command: ScsiCommand, medium: Disk, lba: number, data: Uint8Array): Promise<ScsiReply> {
    try {
      await medium.read(lba * (DVD_SECTOR_SIZE / medium.sectorSize), data);
      return dataReply(command, data);
    } catch (error) {
      this.onError(error);
      throw error instanceof StorageError ? new CheckCondition(UNRECOVERED_READ_ERROR) : error;
    }
  }

  private startStop(cdb: Uint8Array): ScsiReply {
    const loadOrEject = ((cdb[4] ?? 0) & 0x02) !== 0;
    const start = ((cdb[4] ?? 0) & 0x01) !== 0;
    if (!loadOrEject) return good();
    if (start) {
      this.trayOpen = false;
      return good();
    }
    if (this.removalPrevented) throw new CheckCondition(MEDIUM_REMOVAL_PREVENTED);
    const medium = this.eject();
    this.trayOpen = true;
    if (medium) this.onEjected(medium);
    return good();
  }

  private preventAllow(cdb: Uint8Array): ScsiReply {
    this.removalPrevented = ((cdb[4] ?? 0) & 0x01) !== 0;
    return good();
  }

  /** Polled mode; media events are the only class (MMC-6, 6.7). */
  private getEventStatus(command: ScsiCommand): ScsiReply {
    const { cdb } = command;
    if (((cdb[1] ?? 0) & 0x01) === 0) throw new CheckCondition(INVALID_FIELD_IN_CDB);
    const classes = 1 << MEDIA_CLASS;
    const allocationLength = u16(cdb, 7);
    if (((cdb[4] ?? 0) & classes) === 0) {
      return dataReply(command, Uint8Array.of(0, 2, 0x80, classes), allocationLength);
    }
    const status = (this.medium ? 2 : 0) | (this.trayOpen ? 1 : 0);
    const bytes = Uint8Array.of(0, 6, MEDIA_CLASS, classes, this.mediaEvent, status, 0, 0);
    if (allocationLength > 4) this.mediaEvent = EVENT_NO_CHANGE;
    return dataReply(command, bytes, allocationLength);
  }

  private mechanismStatus(command: ScsiCommand): ScsiReply {
    const bytes = new Uint8Array(8);
    bytes[1] = this.trayOpen ? 0x10 : 0;
    return dataReply(command, bytes, u16(command.cdb, 8));
  }
}
