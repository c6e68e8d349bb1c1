// Mode parameters (SPC-4, 6.13, 6.14 and 7.5): headers of MODE SENSE and MODE SELECT in both sizes.

import { type ScsiCommand, type ScsiReply, dataReply, u16 } from "./command";
import { MODE_SELECT_10, MODE_SENSE_10 } from "./opcodes";
import {
  CheckCondition,
  INVALID_FIELD_IN_CDB,
  INVALID_FIELD_IN_PARAMETER_LIST,
  PARAMETER_LIST_LENGTH_ERROR,
  SAVING_PARAMETERS_NOT_SUPPORTED,
} from "./sense";

const ALL_PAGES = 0x3f;
const CONTROL_CHANGEABLE = 1;
const CONTROL_SAVED = 3;

const HEADER_6 = 4;
const HEADER_10 = 8;

/** A mode page with its two bytes of header. */
export type ModePage = Uint8Array<ArrayBuffer>;

/**
 * MODE SENSE (6) and (10), without block descriptors. No value can be changed.
 * @param pages by page code, in ascending order
 */
export function modeSense(
  command: ScsiCommand,
  pages: ReadonlyMap<number, ModePage>,
  { mediumType = 0, deviceSpecific = 0 } = {},
): ScsiReply {
  const { cdb } = command;
  const long = cdb[0] === MODE_SENSE_10;
  const control = (cdb[2] ?? 0) >>> 6;
  const wanted = (cdb[2] ?? 0) & 0x3f;
  const subpage = cdb[3] ?? 0;
  if (control === CONTROL_SAVED) throw new CheckCondition(SAVING_PARAMETERS_NOT_SUPPORTED);
  if (subpage !== 0 && subpage !== 0xff) throw new CheckCondition(INVALID_FIELD_IN_CDB);
  const page = pages.get(wanted);
  const chosen = wanted === ALL_PAGES ? [...pages.values()] : page ? [page] : undefined;
  if (!chosen) throw new CheckCondition(INVALID_FIELD_IN_CDB);
  const header = long ? HEADER_10 : HEADER_6;
  const bytes = new Uint8Array(header + chosen.reduce((sum, each) => sum + each.length, 0));
  if (long) bytes.set([(bytes.length - 2) >>> 8, (bytes.length - 2) & 0xff, mediumType, deviceSpecific]);
  else bytes.set([bytes.length - 1, mediumType, deviceSpecific]);
  let at = header;
  for (const each of chosen) {
    // Which bits can be changed: none.
    bytes.set(control === CONTROL_CHANGEABLE ? each.subarray(0, 2) : each, at);
    at += each.length;
  }
  return dataReply(command, bytes, long ? u16(cdb, 7) : (cdb[4] ?? 0));
}

/**
 * MODE SELECT (6) and (10): a list that says what is so already is taken; one that would change something is refused,
 * so that nobody believes in a change that did not happen.
 */
export function modeSelect(command: ScsiCommand, pages: ReadonlyMap<number, ModePage>): ScsiReply {
  const { cdb } = command;
  const long = cdb[0] === MODE_SELECT_10;
  const length = long ? u16(cdb, 7) : (cdb[4] ?? 0);
  // SP: save the pages.
  if (((cdb[1] ?? 0) & 0x01) !== 0) throw new CheckCondition(INVALID_FIELD_IN_CDB);
  if (length === 0) return { status: 0, transferred: 0 };
  const header = long ? HEADER_10 : HEADER_6;
  if (length < header || length > command.dataOutLength) throw new CheckCondition(PARAMETER_LIST_LENGTH_ERROR);
  const list = command.dataOut(0, length);
  let at = header + (long ? u16(list, 6) : (list[3] ?? 0));
  if (at > length) throw new CheckCondition(PARAMETER_LIST_LENGTH_ERROR);
  while (at < length) {
    const code = (list[at] ?? 0) & 0x3f;
    const page = pages.get(code);
    if (!page || (list[at + 1] ?? 0) !== page.length - 2) throw new CheckCondition(INVALID_FIELD_IN_PARAMETER_LIST);
    if (at + page.length > length) throw new CheckCondition(PARAMETER_LIST_LENGTH_ERROR);
    for (let index = 2; index < page.length; index++) {
      if (list[at + index] !== page[index]) throw new CheckCondition(INVALID_FIELD_IN_PARAMETER_LIST);
    }
    at += page.length;
  }
  return { status: 0, transferred: length };
}
