// SCSI commands by which a drive reaches the logical unit that it is made of.

import { CDB_SIZE, type ScsiCommand } from "../scsi/command";
import { READ_16, SYNCHRONIZE_CACHE_16, VERIFY_16, WRITE_16 } from "../scsi/opcodes";
import { CheckCondition, INVALID_FIELD_IN_CDB } from "../scsi/sense";

const FORCE_UNIT_ACCESS = 0x08;

/** @param room bytes that can be taken @param out what there is to write */
export function scsiCommand(bytes: Uint8Array, room: number, out: Uint8Array = new Uint8Array(0)): ScsiCommand {
  const cdb = new Uint8Array(CDB_SIZE);
  cdb.set(bytes.subarray(0, CDB_SIZE));
  return {
    cdb,
    dataInLength: room,
    dataOutLength: out.length,
    atOnce: false,
    room: (length) => new Uint8Array(length),
    dataOut: (offset, length) => {
      if (offset + length > out.length) throw new CheckCondition(INVALID_FIELD_IN_CDB);
      return out.slice(offset, offset + length);
    },
  };
}

function blockCdb(opcode: number, flags: number, lba: number, blocks: number): Uint8Array {
  const cdb = new Uint8Array(CDB_SIZE);
  const view = new DataView(cdb.buffer);
  cdb[0] = opcode;
  cdb[1] = flags;
  view.setBigUint64(2, BigInt(lba));
  view.setUint32(10, blocks);
  return cdb;
}

export function readCommand(lba: number, blocks: number, bytes: number): ScsiCommand {
  return scsiCommand(blockCdb(READ_16, 0, lba, blocks), bytes);
}

/** @param durable the answer waits until the data is on the medium */
export function writeCommand(lba: number, blocks: number, data: Uint8Array, durable: boolean): ScsiCommand {
  return scsiCommand(blockCdb(WRITE_16, durable ? FORCE_UNIT_ACCESS : 0, lba, blocks), 0, data);
}

export function verifyCommand(lba: number, blocks: number): ScsiCommand {
  return scsiCommand(blockCdb(VERIFY_16, 0, lba, blocks), 0);
}

export function flushCommand(): ScsiCommand {
  return scsiCommand(blockCdb(SYNCHRONIZE_CACHE_16, 0, 0, 0), 0);
}
