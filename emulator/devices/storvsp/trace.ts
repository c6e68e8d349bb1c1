import { FieldReader } from "../../vmbus/trace/field-reader";
import { flags, hex, hexBytes, named } from "../../vmbus/trace/text";
import type { ChannelDecoder, DecodedMessage, DeviceDecoder, TracedPacket } from "../../vmbus/trace/types";
import { blockRange } from "../scsi/block-command";
import { isBlockCommand, operationName } from "../scsi/opcode-names";
import * as protocol from "./protocol";

/** Operations of enum vstor_packet_operation, and what they are for. */
const OPERATIONS: Readonly<Record<number, readonly [name: string, meaning: string]>> = {
  [protocol.VSTOR_OPERATION_COMPLETE_IO]: ["COMPLETE_IO", "The host answers: what became of the request."],
  2: ["REMOVE_DEVICE", "The host says that a disk went away; the guest shall look again."],
  [protocol.VSTOR_OPERATION_EXECUTE_SRB]: [
    "EXECUTE_SRB",
    "The guest sends a SCSI command; the data goes straight between the disk and the pages that the packet lists.",
  ],
  [protocol.VSTOR_OPERATION_RESET_LUN]: ["RESET_LUN", "The guest gives up on a disk's requests and wants it reset."],
  [protocol.VSTOR_OPERATION_RESET_ADAPTER]: ["RESET_ADAPTER", "The guest wants the whole controller reset."],
  [protocol.VSTOR_OPERATION_RESET_BUS]: ["RESET_BUS", "The guest wants everything on the controller's bus reset."],
  [protocol.VSTOR_OPERATION_BEGIN_INITIALIZATION]: [
    "BEGIN_INITIALIZATION",
    "The guest's driver introduces itself to the controller.",
  ],
  [protocol.VSTOR_OPERATION_END_INITIALIZATION]: [
    "END_INITIALIZATION",
    "All is settled; after this the first disk command may come.",
  ],
  [protocol.VSTOR_OPERATION_QUERY_PROTOCOL_VERSION]: [
    "QUERY_PROTOCOL_VERSION",
    "The guest proposes a version of the storage protocol; a refusal makes it try an older one.",
  ],
  [protocol.VSTOR_OPERATION_QUERY_PROPERTIES]: [
    "QUERY_PROPERTIES",
    "The guest asks how large a transfer may be and how many channels it may have.",
  ],
  [protocol.VSTOR_OPERATION_ENUMERATE_BUS]: [
    "ENUMERATE_BUS",
    "The host says that disks came, went or changed their size; the guest shall look again.",
  ],
  12: ["FCHBA_DATA", "The guest asks for the names of a fibre channel adapter."],
  [protocol.VSTOR_OPERATION_CREATE_SUB_CHANNELS]: [
    "CREATE_SUB_CHANNELS",
    "The guest wants more channels to this controller, so that more processors can send requests.",
  ],
};
const NAMES = Object.fromEntries(Object.entries(OPERATIONS).map(([operation, [name]]) => [operation, name]));

const NTSTATUSES = valuesNamed("STATUS_");
const SRB_STATUSES = valuesNamed("SRB_STATUS_");
const SCSI_STATUSES = {
  0x00: "GOOD",
  0x02: "CHECK CONDITION",
  0x08: "BUSY",
  0x18: "RESERVATION CONFLICT",
  0x28: "TASK SET FULL",
};
const SENSE_KEYS = {
  0x0: "NO SENSE",
  0x1: "RECOVERED ERROR",
  0x2: "NOT READY",
  0x3: "MEDIUM ERROR",
  0x4: "HARDWARE ERROR",
  0x5: "ILLEGAL REQUEST",
  0x6: "UNIT ATTENTION",
  0x7: "DATA PROTECT",
  0xb: "ABORTED COMMAND",
};
const DIRECTIONS = { 0: "WRITE_TYPE", 1: "READ_TYPE", 2: "UNKNOWN_TYPE" };
const CHANNEL_FLAGS = { [protocol.STORAGE_CHANNEL_SUPPORTS_MULTI_CHANNEL]: "SUPPORTS_MULTI_CHANNEL" };
const PACKET_FLAGS = { 1: "REQUEST_COMPLETION" };

/** Requests whose answers are awaited, at most; a guest that has more under way gets answers without a command's name. */
const REMEMBERED_REQUESTS = 4096;

/** The protocol's constants that begin so, by value; the first of several. */
function valuesNamed(prefix: string): Record<number, string> {
  const found: Record<number, string> = {};
  for (const [name, value] of Object.entries(protocol)) {
    if (name.startsWith(prefix) && typeof value === "number") found[value] ??= name;
  }
  return found;
}

export const storvspDecoder: DeviceDecoder = {
  interfaces: {
    [protocol.SCSI_INTERFACE_ID]: "SCSI Controller",
    [protocol.IDE_INTERFACE_ID]: "IDE Accelerator",
  },
  open: () => new StorvspDecoder(),
};

class StorvspDecoder implements ChannelDecoder {
  /** What each request under way asked for, by transaction id: an answer does not repeat it. */
  private readonly requests = new Map<bigint, { readonly operation: number; readonly command?: string }>();

  decode({ payload, toGuest, transactionId, completionRequested }: TracedPacket): DecodedMessage {
    const fields = new FieldReader(payload);
    const operation = fields.u32("operation", (value) => named(value, NAMES)) ?? -1;
    fields.u32("flags", (value) => flags(value, PACKET_FLAGS));
    fields.u32("status", (value) => named(value, NTSTATUSES, 8));
    const asked = toGuest ? this.requests.get(transactionId) : undefined;
    if (toGuest) this.requests.delete(transactionId);
    const command = readContent(fields, asked?.operation ?? operation, toGuest);
    if (!toGuest && completionRequested) this.remember(transactionId, operation, command);
    const [name, meaning] = OPERATIONS[operation] ?? [hex(operation >>> 0), "No operation that we know."];
    const about = toGuest ? (asked?.command ?? (asked && NAMES[asked.operation])) : command;
    return {
      name: `VSTOR_OPERATION_${name}${about === undefined ? "" : ` ${about}`}`,
      fields: fields.fields,
      meaning,
    };
  }

  private remember(transactionId: bigint, operation: number, command: string | undefined): void {
    if (this.requests.size < REMEMBERED_REQUESTS) this.requests.set(transactionId, { operation, command });
  }
}

/** The union of struct vstor_packet, which the request's operation chooses. @returns the SCSI command's name */
function readContent(fields: FieldReader, operation: number, answer: boolean): string | undefined {
  switch (operation) {
    case protocol.VSTOR_OPERATION_EXECUTE_SRB:
    case protocol.VSTOR_OPERATION_COMPLETE_IO:
      return readScsiRequest(fields, answer);
    case protocol.VSTOR_OPERATION_QUERY_PROTOCOL_VERSION:
      fields.u16("version.major_minor", (value) => `${value >>> 8}.${value & 0xff} (${hex(value, 4)})`);
      fields.u16("version.revision");
      return undefined;
    case protocol.VSTOR_OPERATION_QUERY_PROPERTIES:
      if (!answer) return undefined;
      fields.skip(4);
      fields.u16("max_channel_cnt");
      fields.skip(2);
      fields.u32("flags", (value) => flags(value, CHANNEL_FLAGS));
      fields.u32("max_transfer_bytes");
      return undefined;
    case protocol.VSTOR_OPERATION_CREATE_SUB_CHANNELS:
      if (!answer) fields.u16("sub_channel_count");
      return undefined;
    default:
      return undefined;
  }
}

/** struct vmscsi_request */
function readScsiRequest(fields: FieldReader, answer: boolean): string | undefined {
  fields.u16("length");
  const srbStatus = fields.u8("srb_status", (value) => srbStatusText(value)) ?? 0;
  fields.u8("scsi_status", (value) => named(value, SCSI_STATUSES, 2));
  fields.u8("port_number");
  fields.u8("path_id");
  fields.u8("target_id");
  fields.u8("lun");
  const cdbLength = fields.u8("cdb_length") ?? 0;
  const senseLength = fields.u8("sense_info_length") ?? 0;
  fields.u8("data_in", (value) => named(value, DIRECTIONS));
  fields.skip(1);
  fields.u32("data_transfer_length");
  if (answer) {
    if ((srbStatus & protocol.SRB_STATUS_AUTOSENSE_VALID) !== 0) readSense(fields, senseLength);
    return undefined;
  }
  const cdb = new Uint8Array(protocol.CDB_LENGTH);
  const place = fields.hex("cdb", Math.min(cdbLength, protocol.CDB_LENGTH));
  if (!place || place.length === 0) return undefined;
  cdb.set(place);
  const opcode = cdb[0] ?? 0;
  if (isBlockCommand(opcode)) {
    const { lba, count } = blockRange(cdb);
    fields.add("logical_block_address", lba);
    fields.add("transfer_length", `${count} blocks`);
  }
  return operationName(opcode);
}

/** Fixed-format sense data; it shares its place with the CDB. */
function readSense(fields: FieldReader, length: number): void {
  const sense = fields.hex("sense_data", Math.min(length, protocol.SENSE_BUFFER_SIZE));
  if (!sense || sense.length < 14) return;
  fields.add("sense_key", named((sense[2] ?? 0) & 0xf, SENSE_KEYS));
  fields.add("asc_ascq", hexBytes(sense.subarray(12, 14)));
}

function srbStatusText(value: number): string {
  const valid = (value & protocol.SRB_STATUS_AUTOSENSE_VALID) !== 0 ? "|SRB_STATUS_AUTOSENSE_VALID" : "";
  const status = value & 0x3f;
  return (status === 0 ? "pending" : named(status, SRB_STATUSES, 2)) + valid;
}
