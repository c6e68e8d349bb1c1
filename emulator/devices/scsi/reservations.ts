// Persistent reservations (SPC-4, 5.12, 6.15 and 6.16) of a disk that one initiator has to itself. There is one I_T nexus,
// so nobody can be kept out; but cluster software tests and uses the commands, and gets the answers that it would get
// first from a shared disk. Keys and reservation live as long as the drive, over resets of guest and bus; none survive it,
// and the capabilities say so.

import { type ScsiCommand, type ScsiReply, dataReply, good, u16, u32 } from "./command";
import { STATUS_RESERVATION_CONFLICT } from "./opcodes";
import {
  CheckCondition,
  INVALID_FIELD_IN_CDB,
  INVALID_FIELD_IN_PARAMETER_LIST,
  INVALID_RELEASE_OF_PERSISTENT_RESERVATION,
  PARAMETER_LIST_LENGTH_ERROR,
} from "./sense";

const READ_KEYS = 0x00;
const READ_RESERVATION = 0x01;
const REPORT_CAPABILITIES = 0x02;
const READ_FULL_STATUS = 0x03;

const REGISTER = 0x00;
const RESERVE = 0x01;
const RELEASE = 0x02;
const CLEAR = 0x03;
const PREEMPT = 0x04;
const PREEMPT_AND_ABORT = 0x05;
const REGISTER_AND_IGNORE_EXISTING_KEY = 0x06;

const PARAMETER_LIST_SIZE = 24;
const SPECIFY_INITIATOR_PORTS = 0x08;
const PERSIST_THROUGH_POWER_LOSS = 0x01;

/** Write exclusive, exclusive access; the same for registrants only; and the same of all registrants. */
const TYPES: readonly number[] = [1, 3, 5, 6, 7, 8];
const ALL_REGISTRANTS: readonly number[] = [7, 8];

/** REPORT CAPABILITIES: all target ports are meant; the type mask is valid, and has all types. */
const ALL_TARGET_PORTS_CAPABLE = 0x04;
const TYPE_MASK_VALID = 0x80;
const TYPE_MASK = [0xea, 0x01];
/** READ FULL STATUS: the registration holds for all target ports; its holder has the reservation. */
const ALL_TARGET_PORTS = 0x02;
const RESERVATION_HOLDER = 0x01;
/** Bytes of the initiator's name: it has none but zeros. */
const INITIATOR_NAME_SIZE = 8;

const CONFLICT: ScsiReply = { status: STATUS_RESERVATION_CONFLICT, transferred: 0 };

export class PersistentReservations {
  private generation = 0;
  /** The registered key; 0 stands for none. */
  private key = 0n;
  /** The type of the reservation, if there is one. */
  private type: number | undefined;

  /** Then RESERVE and RELEASE of old are refused. */
  get registered(): boolean {
    return this.key !== 0n;
  }

  /** PERSISTENT RESERVE IN. Throws CheckCondition. */
  in(command: ScsiCommand): ScsiReply {
    const { cdb } = command;
    return dataReply(command, this.report((cdb[1] ?? 0) & 0x1f), u16(cdb, 7));
  }

  /** PERSISTENT RESERVE OUT. Throws CheckCondition. */
  out(command: ScsiCommand): ScsiReply {
    const { cdb } = command;
    const action = (cdb[1] ?? 0) & 0x1f;
    const length = u32(cdb, 5);
    if (action > REGISTER_AND_IGNORE_EXISTING_KEY) throw new CheckCondition(INVALID_FIELD_IN_CDB);
    const usesType = [RESERVE, RELEASE, PREEMPT, PREEMPT_AND_ABORT].includes(action);
    const type = (cdb[2] ?? 0) & 0x0f;
    // The only scope is the logical unit.
    if (usesType && ((cdb[2] ?? 0) >>> 4 !== 0 || !TYPES.includes(type)))
      throw new CheckCondition(INVALID_FIELD_IN_CDB);
    if (length !== PARAMETER_LIST_SIZE || command.dataOutLength < length) {
      throw new CheckCondition(PARAMETER_LIST_LENGTH_ERROR);
    }
    const list = command.dataOut(0, length);
    const view = new DataView(list.buffer);
    const flags = view.getUint8(20);
    const registers = action === REGISTER || action === REGISTER_AND_IGNORE_EXISTING_KEY;
    if ((flags & SPECIFY_INITIATOR_PORTS) !== 0 || (registers && (flags & PERSIST_THROUGH_POWER_LOSS) !== 0)) {
      throw new CheckCondition(INVALID_FIELD_IN_PARAMETER_LIST);
    }
    const key = view.getBigUint64(0);
    const actionKey = view.getBigUint64(8);
    const mine = key === this.key;
    if (!mine && action !== REGISTER_AND_IGNORE_EXISTING_KEY) return CONFLICT;
    if (!registers && !this.registered) return CONFLICT;
    return this.perform(action, type, actionKey) ?? good(length);
  }

  /** @returns a reply unless all is well */
  private perform(action: number, type: number, actionKey: bigint): ScsiReply | undefined {
    switch (action) {
      case REGISTER:
      case REGISTER_AND_IGNORE_EXISTING_KEY:
        // Who is not registered and names no key wants nothing.
        if (this.registered || actionKey !== 0n) this.register(actionKey);
        return undefined;
      case RESERVE:
        if (this.type !== undefined && this.type !== type) return CONFLICT;
        this.type = type;
        return undefined;
      case RELEASE:
        if (this.type !== undefined && this.type !== type) {
          throw new CheckCondition(INVALID_RELEASE_OF_PERSISTENT_RESERVATION);
        }
        this.type = undefined;
        return undefined;
      case CLEAR:
        this.register(0n);
        return undefined;
      default:
        return this.preempt(type, actionKey);
    }
  }

  private register(key: bigint): void {
    this.generation = (this.generation + 1) >>> 0;
    this.key = key;
    if (key === 0n) this.type = undefined;
  }

  /** PREEMPT, with and without ABORT: whoever has the key loses it, and here that can only be the one who says so. */
  private preempt(type: number, actionKey: bigint): ScsiReply | undefined {
    const all = this.type !== undefined && ALL_REGISTRANTS.includes(this.type);
    if (actionKey === 0n && !all) throw new CheckCondition(INVALID_FIELD_IN_PARAMETER_LIST);
    if (actionKey !== 0n && actionKey !== this.key) return CONFLICT;
    if (this.type === undefined) {
      this.register(0n);
      return undefined;
    }
    // The holder replaces its own reservation, and stays registered.
    this.register(this.key);
    this.type = type;
    return undefined;
  }

  private report(action: number): Uint8Array {
    switch (action) {
      case READ_KEYS:
        return this.list(this.registered ? 8 : 0, (view, at) => view.setBigUint64(at, this.key));
      case READ_RESERVATION:
        return this.list(this.type === undefined ? 0 : 16, (view, at) => {
          const all = ALL_REGISTRANTS.includes(this.type ?? 0);
          view.setBigUint64(at, all ? 0n : this.key);
          view.setUint8(at + 13, this.type ?? 0);
        });
      case REPORT_CAPABILITIES:
        return Uint8Array.from([0, 8, ALL_TARGET_PORTS_CAPABLE, TYPE_MASK_VALID, ...TYPE_MASK, 0, 0]);
      case READ_FULL_STATUS:
        return this.list(this.registered ? 24 + INITIATOR_NAME_SIZE : 0, (view, at) => {
          view.setBigUint64(at, this.key);
          view.setUint8(at + 12, ALL_TARGET_PORTS | (this.type === undefined ? 0 : RESERVATION_HOLDER));
          view.setUint8(at + 13, this.type ?? 0);
          view.setUint32(at + 20, INITIATOR_NAME_SIZE);
        });
      default:
        throw new CheckCondition(INVALID_FIELD_IN_CDB);
    }
  }

  /** Generation, length, and one entry of `length` bytes unless that is 0. */
  private list(length: number, fill: (view: DataView, at: number) => void): Uint8Array {
    const bytes = new Uint8Array(8 + length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, this.generation);
    view.setUint32(4, length);
    if (length > 0) fill(view, 8);
    return bytes;
  }
}
