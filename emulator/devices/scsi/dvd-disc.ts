// What an MMC drive tells about a finished disc of one session and one data track (MMC-6, 6.21 to 6.26).

import { type ScsiCommand, type ScsiReply, dataReply, u16, u32 } from "./command";
import { CheckCondition, INVALID_FIELD_IN_CDB, LOGICAL_BLOCK_ADDRESS_OUT_OF_RANGE } from "./sense";

/** ADR 1, and control "data track, recorded uninterrupted". */
const DATA_TRACK = 0x14;
const LEAD_OUT = 0xaa;
const FRAMES_PER_SECOND = 75;
/** LBA 0 is two seconds after the start. */
const LEAD_IN_FRAMES = 2 * FRAMES_PER_SECOND;

function address(lba: number, asTime: boolean): number[] {
  if (!asTime) return [lba >>> 24, (lba >>> 16) & 0xff, (lba >>> 8) & 0xff, lba & 0xff];
  const frames = lba + LEAD_IN_FRAMES;
  const seconds = Math.floor(frames / FRAMES_PER_SECOND);
  return [0, Math.min(Math.floor(seconds / 60), 0xff), seconds % 60, frames % FRAMES_PER_SECOND];
}

function withLength(body: readonly number[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([body.length >>> 8, body.length & 0xff, ...body]);
}

/** READ TOC/PMA/ATIP, formats 0 (TOC), 1 (session) and 2 (full TOC is for CDs only: refused). */
export function readToc(command: ScsiCommand, blocks: number): ScsiReply {
  const { cdb } = command;
  const asTime = ((cdb[1] ?? 0) & 0x02) !== 0;
  // Old drivers put the format into the two high bits of the last byte.
  const format = (cdb[2] ?? 0) & 0x0f || (cdb[9] ?? 0) >>> 6;
  const first = cdb[6] ?? 0;
  const track = [0, DATA_TRACK, 1, 0, ...address(0, asTime)];
  if (format === 1) return dataReply(command, withLength([1, 1, ...track]), u16(cdb, 7));
  if (format !== 0 || (first > 1 && first !== LEAD_OUT)) throw new CheckCondition(INVALID_FIELD_IN_CDB);
  const leadOut = [0, DATA_TRACK, LEAD_OUT, 0, ...address(blocks, asTime)];
  const tracks = first === LEAD_OUT ? leadOut : [...track, ...leadOut];
  return dataReply(command, withLength([1, 1, ...tracks]), u16(cdb, 7));
}

/** READ DISC INFORMATION, type 0: complete disc, complete last session, not erasable. */
export function readDiscInformation(command: ScsiCommand): ScsiReply {
  if (((command.cdb[1] ?? 0) & 0x07) !== 0) throw new CheckCondition(INVALID_FIELD_IN_CDB);
  const body = new Array<number>(32).fill(0);
  body[0] = 0x0e;
  body.fill(1, 1, 5);
  body.fill(0xff, 14, 22);
  return dataReply(command, withLength(body), u16(command.cdb, 7));
}

/** READ TRACK INFORMATION by LBA, track or session: there is one of each. */
export function readTrackInformation(command: ScsiCommand, blocks: number): ScsiReply {
  const { cdb } = command;
  const type = (cdb[1] ?? 0) & 0x03;
  const which = u32(cdb, 2);
  if (type === 0 && which >= blocks) throw new CheckCondition(LOGICAL_BLOCK_ADDRESS_OUT_OF_RANGE);
  if (type !== 0 && which !== 1) throw new CheckCondition(INVALID_FIELD_IN_CDB);
  const bytes = new Uint8Array(36);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, bytes.length - 2);
  bytes.set([1, 1, 0, 0x04, 0x01], 2);
  view.setUint32(24, blocks);
  return dataReply(command, bytes, u16(cdb, 7));
}

/** READ DVD STRUCTURE, format 0: physical format of a single-layer DVD-ROM. */
export function readDvdStructure(command: ScsiCommand, blocks: number): ScsiReply {
  const { cdb } = command;
  if ((cdb[6] ?? 0) !== 0 || (cdb[7] ?? 0) !== 0) throw new CheckCondition(INVALID_FIELD_IN_CDB);
  const first = 0x030000;
  const last = (first + blocks - 1) >>> 0;
  const body = new Array<number>(2 + 17).fill(0);
  body.splice(2, 4, 0x01, 0x0f, 0x01, 0x00);
  body.splice(6, 4, ...address(first, false));
  body.splice(10, 4, ...address(last, false));
  return dataReply(command, withLength(body), u16(cdb, 8));
}
