import {
  type LogicalUnit,
  type ScsiCommand,
  type ScsiReply,
  checkCondition,
  dataReply,
  failed,
  u16,
  u32,
} from "./command";
import { standardInquiry } from "./inquiry";
import { INQUIRY, NO_LOGICAL_UNIT, REPORT_LUNS } from "./opcodes";
import { CheckCondition, INVALID_FIELD_IN_CDB } from "./sense";

/** Where a logical unit is on a bus. */
export interface ScsiAddress {
  readonly path: number;
  readonly target: number;
  readonly lun: number;
}

export const TARGETS_PER_PATH = 2;
export const LUNS_PER_TARGET = 64;

function key({ path, target, lun }: ScsiAddress): string {
  return `${path}:${target}:${lun}`;
}

/** The logical units of a controller, and what answers where there is none. */
export class ScsiBus {
  private readonly attached = new Map<string, { readonly address: ScsiAddress; readonly unit: LogicalUnit }>();

  unit(address: ScsiAddress): LogicalUnit | undefined {
    return this.attached.get(key(address))?.unit;
  }

  units(): readonly { readonly address: ScsiAddress; readonly unit: LogicalUnit }[] {
    return [...this.attached.values()];
  }

  /** @returns false if something is there already */
  attach(address: ScsiAddress, unit: LogicalUnit): boolean {
    if (this.attached.has(key(address))) return false;
    this.attached.set(key(address), { address, unit });
    return true;
  }

  /** @returns what was there */
  detach(address: ScsiAddress): LogicalUnit | undefined {
    const unit = this.unit(address);
    this.attached.delete(key(address));
    return unit;
  }

  /** The initiator is gone, or reset the bus. */
  reset(): void {
    for (const { unit } of this.attached.values()) unit.reset();
  }

  /** Executes a command; undefined where no logical unit is and none has to answer. Never throws. */
  execute(address: ScsiAddress, command: ScsiCommand): ScsiReply | Promise<ScsiReply> | undefined {
    try {
      if (command.cdb[0] === REPORT_LUNS) return this.reportLuns(address, command);
      const unit = this.unit(address);
      if (unit) return unit.execute(command);
      return command.cdb[0] === INQUIRY ? this.inquiryOfNobody(address, command) : undefined;
    } catch (error) {
      return failed(error);
    }
  }

  /** Any logical unit number of a target knows them all, even one where nothing is (SPC-4, 6.33). */
  private reportLuns({ path, target }: ScsiAddress, command: ScsiCommand): ScsiReply {
    const luns = this.units()
      .filter(({ address }) => address.path === path && address.target === target)
      .map(({ address }) => address.lun)
      .sort((a, b) => a - b);
    const bytes = new Uint8Array(8 + 8 * luns.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 8 * luns.length);
    luns.forEach((lun, index) => view.setUint16(8 + 8 * index, lun));
    return dataReply(command, bytes, u32(command.cdb, 6));
  }

  /** Hyper-V names the vendor at LUN 0 only, and has no VPD pages for nobody. */
  private inquiryOfNobody({ lun }: ScsiAddress, command: ScsiCommand): ScsiReply {
    const { cdb } = command;
    if (((cdb[1] ?? 0) & 0x03) !== 0 || cdb[2] !== 0) return checkCondition(INVALID_FIELD_IN_CDB);
    const allocationLength = u16(cdb, 3);
    if (allocationLength < 5) throw new CheckCondition(INVALID_FIELD_IN_CDB);
    const bytes = standardInquiry({ type: NO_LOGICAL_UNIT, removable: false, product: "Virtual Disk" });
    bytes[7] = 0;
    if (lun !== 0) bytes.fill(0, 8);
    return dataReply(command, bytes, allocationLength);
  }
}
