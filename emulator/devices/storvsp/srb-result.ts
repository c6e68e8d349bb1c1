import type { ScsiReply } from "../scsi/command";
import { STATUS_CHECK_CONDITION, STATUS_GOOD, STATUS_TASK_SET_FULL } from "../scsi/opcodes";
import { encodeSense, ILLEGAL_REQUEST, type Sense, UNIT_ATTENTION } from "../scsi/sense";
import * as protocol from "./protocol";

/**
 * SRB and NT status of a sense key, as Linux's storvsc wants them. ABORTED with "capacity data has changed" is what
 * makes it look at a disk's size again; a unit attention under ERROR would take drivers from before 2015 through error
 * recovery instead of a simple retry.
 */
function statusOf({ key }: Sense): { srbStatus: number; status: number } {
  switch (key) {
    case ILLEGAL_REQUEST:
      return { srbStatus: protocol.SRB_STATUS_INVALID_REQUEST, status: protocol.STATUS_IO_DEVICE_ERROR };
    case UNIT_ATTENTION:
      return { srbStatus: protocol.SRB_STATUS_ABORTED, status: protocol.STATUS_CANCELLED };
    default:
      return { srbStatus: protocol.SRB_STATUS_ERROR, status: protocol.STATUS_IO_DEVICE_ERROR };
  }
}

/** A logical unit's reply as a request block's result. */
export function srbResult(reply: ScsiReply): protocol.SrbResult {
  const { status: scsiStatus, sense, transferred } = reply;
  if (scsiStatus === STATUS_GOOD) {
    return {
      srbStatus: protocol.SRB_STATUS_SUCCESS,
      status: protocol.STATUS_SUCCESS,
      scsiStatus,
      dataTransferLength: transferred,
    };
  }
  if (!sense) {
    return {
      srbStatus: protocol.SRB_STATUS_ERROR,
      status: protocol.STATUS_IO_DEVICE_ERROR,
      scsiStatus,
      dataTransferLength: 0,
    };
  }
  return { ...statusOf(sense), scsiStatus, sense: encodeSense(sense), dataTransferLength: 0 };
}

/** Nothing is at the address. Guests take a disk away on this status only if no flag is set beside it. */
export const NO_LOGICAL_UNIT_RESULT: protocol.SrbResult = {
  srbStatus: protocol.SRB_STATUS_INVALID_LUN,
  status: protocol.STATUS_DEVICE_DOES_NOT_EXIST,
  scsiStatus: STATUS_CHECK_CONDITION,
  dataTransferLength: 0,
};

/** The buffer is shorter than the request says. */
export const OVERRUN_RESULT: protocol.SrbResult = {
  srbStatus: protocol.SRB_STATUS_DATA_OVERRUN,
  status: protocol.STATUS_BUFFER_OVERFLOW,
  scsiStatus: STATUS_GOOD,
  dataTransferLength: 0,
};

/** Too many requests at once. */
export const BUSY_RESULT: protocol.SrbResult = {
  srbStatus: protocol.SRB_STATUS_BUSY,
  status: protocol.STATUS_DEVICE_BUSY,
  scsiStatus: STATUS_TASK_SET_FULL,
  dataTransferLength: 0,
};
