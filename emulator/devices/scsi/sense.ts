// Sense data: why a command ended with CHECK CONDITION (SPC-4, 4.5).

export const NO_SENSE = 0x0;
export const NOT_READY = 0x2;
export const MEDIUM_ERROR = 0x3;
export const HARDWARE_ERROR = 0x4;
export const ILLEGAL_REQUEST = 0x5;
export const UNIT_ATTENTION = 0x6;
export const DATA_PROTECT = 0x7;

/** Sense key, additional sense code, and its qualifier. */
export interface Sense {
  readonly key: number;
  readonly asc: number;
  readonly ascq: number;
}

function sense(key: number, asc: number, ascq = 0): Sense {
  return { key, asc, ascq };
}

export const NO_ADDITIONAL_SENSE = sense(NO_SENSE, 0x00);
export const MEDIUM_NOT_PRESENT_TRAY_CLOSED = sense(NOT_READY, 0x3a, 0x01);
export const MEDIUM_NOT_PRESENT_TRAY_OPEN = sense(NOT_READY, 0x3a, 0x02);
export const MEDIUM_REMOVAL_PREVENTED = sense(ILLEGAL_REQUEST, 0x53, 0x02);
export const WRITE_ERROR = sense(MEDIUM_ERROR, 0x0c);
export const UNRECOVERED_READ_ERROR = sense(MEDIUM_ERROR, 0x11);
export const INTERNAL_TARGET_FAILURE = sense(HARDWARE_ERROR, 0x44);
export const PARAMETER_LIST_LENGTH_ERROR = sense(ILLEGAL_REQUEST, 0x1a);
export const INVALID_COMMAND_OPERATION_CODE = sense(ILLEGAL_REQUEST, 0x20);
export const LOGICAL_BLOCK_ADDRESS_OUT_OF_RANGE = sense(ILLEGAL_REQUEST, 0x21);
export const INVALID_FIELD_IN_CDB = sense(ILLEGAL_REQUEST, 0x24);
export const INVALID_FIELD_IN_PARAMETER_LIST = sense(ILLEGAL_REQUEST, 0x26);
export const INVALID_RELEASE_OF_PERSISTENT_RESERVATION = sense(ILLEGAL_REQUEST, 0x26, 0x04);
export const SAVING_PARAMETERS_NOT_SUPPORTED = sense(ILLEGAL_REQUEST, 0x39);
export const MEDIUM_MAY_HAVE_CHANGED = sense(UNIT_ATTENTION, 0x28);
export const CAPACITY_DATA_HAS_CHANGED = sense(UNIT_ATTENTION, 0x2a, 0x09);
export const WRITE_PROTECTED = sense(DATA_PROTECT, 0x27);
export const SPACE_ALLOCATION_FAILED = sense(DATA_PROTECT, 0x27, 0x07);

/** Bytes of fixed-format sense data as encodeSense makes it. */
export const SENSE_SIZE = 18;

/** Fixed format, current error (SPC-4, 4.5.3). */
export function encodeSense({ key, asc, ascq }: Sense): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SENSE_SIZE);
  bytes[0] = 0x70;
  bytes[2] = key;
  bytes[7] = SENSE_SIZE - 8;
  bytes[12] = asc;
  bytes[13] = ascq;
  return bytes;
}

/** Thrown by a command's handler; the logical unit turns it into CHECK CONDITION. */
export class CheckCondition extends Error {
  override readonly name = "CheckCondition";

  constructor(readonly sense: Sense) {
    super(`sense ${sense.key.toString(16)}/${sense.asc.toString(16)}/${sense.ascq.toString(16)}`);
  }
}
