import type { Disk } from "../../storage/disk";
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
  u32,
} from "./command";
import {
  DiskTransfer,
  MAXIMUM_TRANSFER_BYTES,
  MAXIMUM_UNMAP_DESCRIPTORS,
  MAXIMUM_WRITE_SAME_BYTES,
} from "./disk-transfer";
import { inquiry } from "./inquiry";
import { modeSelect, modeSense } from "./mode";
import * as scsi from "./opcodes";
import { OverlapOrder } from "./overlap-order";
import { PersistentReservations } from "./reservations";
import {
  CAPACITY_DATA_HAS_CHANGED,
  CheckCondition,
  encodeSense,
  INVALID_COMMAND_OPERATION_CODE,
  INVALID_FIELD_IN_CDB,
  NO_ADDITIONAL_SENSE,
} from "./sense";

const IDENTITY = { type: scsi.TYPE_DISK, removable: false, product: "Virtual Disk" };

const PAGE_CACHING = 0x08;
const CACHING_PAGE_SIZE = 20;
const WRITE_CACHE_ENABLED = 0x04;
/** Device-specific parameter of a disk's mode parameters. */
const WRITE_PROTECT = 0x80;
const DPO_AND_FUA = 0x10;

/** READ CAPACITY (16). */
const LOGICAL_BLOCK_PROVISIONING_ENABLED = 0x80;
/** VPD page B2h: UNMAP, and WRITE SAME (16) and (10) with UNMAP. */
const LBPU_LBPWS_LBPWS10 = 0xe0;
const THIN_PROVISIONED = 2;
const NON_ROTATING = 1;

function cachingPage(): Uint8Array<ArrayBuffer> {
  const page = new Uint8Array(CACHING_PAGE_SIZE);
  page[0] = PAGE_CACHING;
  page[1] = CACHING_PAGE_SIZE - 2;
  page[2] = WRITE_CACHE_ENABLED;
  return page;
}

const MODE_PAGES = new Map([[PAGE_CACHING, cachingPage()]]);

/**
 * A direct-access device on a disk image: what Hyper-V's guests know as "Msft Virtual Disk" (SPC-4, SBC-3). As there,
 * PERSISTENT RESERVE is a command that it does not know unless the drive was attached with support for it.
 */
export class ScsiDisk implements LogicalUnit {
  readonly kind = "disk";
  private readonly transfer: DiskTransfer;
  /** What the initiator believes; a change is told once. */
  private knownSize: number;
  private readonly fallbackIdentity: Uint8Array;
  private readonly reservations: PersistentReservations | undefined;

  /**
   * @param id 16 bytes that name the unit to its guest, used if the image has no identity of its own
   * @param onError told of failures of the image
   */
  constructor(
    readonly disk: Disk,
    id: Uint8Array,
    onError: (error: unknown) => void,
    { persistentReservations = false } = {},
  ) {
    this.transfer = new DiskTransfer(disk, new OverlapOrder(), onError);
    this.knownSize = disk.size;
    this.fallbackIdentity = id;
    this.reservations = persistentReservations ? new PersistentReservations() : undefined;
  }

  /** 16 bytes that name the unit. */
  get identity(): Uint8Array {
    return this.disk.identity ?? this.fallbackIdentity;
  }

  execute(command: ScsiCommand): ScsiReply | Promise<ScsiReply> {
    const opcode = command.cdb[0] ?? 0;
    if (this.disk.size !== this.knownSize && opcode !== scsi.INQUIRY) {
      this.knownSize = this.disk.size;
      if (opcode !== scsi.REQUEST_SENSE) return checkCondition(CAPACITY_DATA_HAS_CHANGED);
      return dataReply(command, encodeSense(CAPACITY_DATA_HAS_CHANGED), command.cdb[4]);
    }
    return dispatch(this.handlers, command);
  }

  reset(): void {
    this.knownSize = this.disk.size;
  }

  private readonly handlers: ReadonlyMap<number, Handler> = new Map<number, Handler>([
    [scsi.TEST_UNIT_READY, () => good()],
    // Nothing on a virtual disk is to be prepared, tested, or taken out.
    [scsi.FORMAT_UNIT, () => good()],
    [scsi.RESERVE_6, () => this.reserve()],
    [scsi.RELEASE_6, () => this.reserve()],
    [scsi.PERSISTENT_RESERVE_IN, (command) => this.persistent().in(command)],
    [scsi.PERSISTENT_RESERVE_OUT, (command) => this.persistent().out(command)],
    [scsi.PREVENT_ALLOW_MEDIUM_REMOVAL, () => good()],
    [scsi.SEND_DIAGNOSTIC, ({ cdb }) => this.sendDiagnostic(cdb)],
    [scsi.REQUEST_SENSE, (command) => dataReply(command, encodeSense(NO_ADDITIONAL_SENSE), command.cdb[4])],
    [scsi.INQUIRY, (command) => this.inquiry(command)],
    [scsi.MODE_SENSE_6, (command) => this.modeSense(command)],
    [scsi.MODE_SENSE_10, (command) => this.modeSense(command)],
    [scsi.MODE_SELECT_6, (command) => modeSelect(command, MODE_PAGES)],
    [scsi.MODE_SELECT_10, (command) => modeSelect(command, MODE_PAGES)],
    [scsi.START_STOP_UNIT, ({ cdb }) => this.startStop(cdb)],
    [scsi.READ_CAPACITY_10, (command) => this.readCapacity10(command)],
    [scsi.SERVICE_ACTION_IN_16, (command) => this.serviceActionIn(command)],
    ...[scsi.READ_6, scsi.READ_10, scsi.READ_12, scsi.READ_16].map((opcode): [number, Handler] => [
      opcode,
      (command) => this.transfer.read(command),
    ]),
    ...[scsi.WRITE_6, scsi.WRITE_10, scsi.WRITE_12, scsi.WRITE_16].map((opcode): [number, Handler] => [
      opcode,
      (command) => this.transfer.write(command),
    ]),
    ...[scsi.WRITE_AND_VERIFY_10, scsi.WRITE_AND_VERIFY_12, scsi.WRITE_AND_VERIFY_16].map(
      (opcode): [number, Handler] => [opcode, (command) => this.transfer.write(command)],
    ),
    ...[scsi.VERIFY_10, scsi.VERIFY_12, scsi.VERIFY_16].map((opcode): [number, Handler] => [
      opcode,
      (command) => this.transfer.verify(command),
    ]),
    [scsi.SYNCHRONIZE_CACHE_10, () => this.transfer.flush()],
    [scsi.SYNCHRONIZE_CACHE_16, () => this.transfer.flush()],
    [scsi.WRITE_SAME_10, (command) => this.transfer.writeSame(command)],
    [scsi.WRITE_SAME_16, (command) => this.transfer.writeSame(command)],
    [scsi.UNMAP, (command) => this.transfer.unmap(command)],
  ]);

  /** RESERVE and RELEASE of old: there is nobody to reserve it against, but not beside persistent reservations. */
  private reserve(): ScsiReply {
    return this.reservations?.registered ? { status: scsi.STATUS_RESERVATION_CONFLICT, transferred: 0 } : good();
  }

  private persistent(): PersistentReservations {
    if (!this.reservations) throw new CheckCondition(INVALID_COMMAND_OPERATION_CODE);
    return this.reservations;
  }

  private inquiry(command: ScsiCommand): ScsiReply {
    const pages = new Map<number, () => Uint8Array>([
      [scsi.VPD_BLOCK_LIMITS, () => this.blockLimits()],
      [scsi.VPD_BLOCK_DEVICE_CHARACTERISTICS, () => this.blockDeviceCharacteristics()],
    ]);
    if (this.disk.canTrim) pages.set(scsi.VPD_LOGICAL_BLOCK_PROVISIONING, () => this.logicalBlockProvisioning());
    return inquiry(command, IDENTITY, this.identity, pages);
  }

  /** Page B0h (SBC-3, 6.6.4), without its first four bytes. */
  private blockLimits(): Uint8Array {
    const bytes = new Uint8Array(60);
    const view = new DataView(bytes.buffer);
    const { sectorSize, canTrim, trimGranularity } = this.disk;
    bytes[0] = 0x01; // WSNZ: WRITE SAME of 0 blocks is not known.
    view.setUint32(4, MAXIMUM_TRANSFER_BYTES / sectorSize);
    if (canTrim) {
      view.setUint32(16, 0xffffffff);
      view.setUint32(20, MAXIMUM_UNMAP_DESCRIPTORS);
      view.setUint32(24, Math.max(1, Math.floor(trimGranularity / sectorSize)));
      view.setUint32(28, 0x80000000);
    }
    view.setBigUint64(32, BigInt(MAXIMUM_WRITE_SAME_BYTES / sectorSize));
    return bytes;
  }

  private blockDeviceCharacteristics(): Uint8Array {
    const bytes = new Uint8Array(60);
    bytes[1] = NON_ROTATING;
    return bytes;
  }

  private logicalBlockProvisioning(): Uint8Array {
    // No threshold: nobody reports how full the host is.
    return Uint8Array.of(0, LBPU_LBPWS_LBPWS10, THIN_PROVISIONED, 0);
  }

  private modeSense(command: ScsiCommand): ScsiReply {
    const deviceSpecific = DPO_AND_FUA | (this.disk.readOnly ? WRITE_PROTECT : 0);
    return modeSense(command, MODE_PAGES, { deviceSpecific });
  }

  private sendDiagnostic(cdb: Uint8Array): ScsiReply {
    // Only "no self-test, no parameters", or the default self-test.
    if (((cdb[1] ?? 0) & 0xf0) !== 0 || u16(cdb, 3) !== 0) throw new CheckCondition(INVALID_FIELD_IN_CDB);
    return good();
  }

  private startStop(cdb: Uint8Array): ScsiReply | Promise<ScsiReply> {
    const start = ((cdb[4] ?? 0) & 0x01) !== 0;
    return start ? good() : this.transfer.flush();
  }

  private readCapacity10(command: ScsiCommand): ScsiReply {
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, Math.min(this.transfer.blocks - 1, 0xffffffff));
    view.setUint32(4, this.disk.sectorSize);
    return dataReply(command, bytes);
  }

  private serviceActionIn(command: ScsiCommand): ScsiReply {
    if (((command.cdb[1] ?? 0) & 0x1f) !== scsi.READ_CAPACITY_16) throw new CheckCondition(INVALID_FIELD_IN_CDB);
    const { sectorSize, physicalSectorSize, canTrim } = this.disk;
    const bytes = new Uint8Array(32);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, BigInt(this.transfer.blocks - 1));
    view.setUint32(8, sectorSize);
    bytes[13] = Math.max(0, Math.log2(physicalSectorSize / sectorSize));
    if (canTrim) bytes[14] = LOGICAL_BLOCK_PROVISIONING_ENABLED;
    return dataReply(command, bytes, u32(command.cdb, 10));
  }
}
