import { FieldReader } from "../../vmbus/trace/field-reader";
import { flags, hex, named } from "../../vmbus/trace/text";
import type { ChannelDecoder, DecodedMessage, DeviceDecoder, TracedPacket } from "../../vmbus/trace/types";
import { HEARTBEAT_INTERFACE_ID } from "./heartbeat";
import { KVP_INTERFACE_ID } from "./kvp";
import { readKeyValueExchange } from "./kvp-trace";
import * as protocol from "./protocol";
import { SHUTDOWN_FLAGS, SHUTDOWN_INTERFACE_ID } from "./shutdown";
import { REFERENCE_TIME_VERSION, TIME_SYNC_FLAGS, TIME_SYNC_INTERFACE_ID } from "./time-sync";

const MESSAGE_TYPES: Readonly<Record<number, string>> = {
  [protocol.ICMSGTYPE_NEGOTIATE]: "ICMSGTYPE_NEGOTIATE",
  [protocol.ICMSGTYPE_HEARTBEAT]: "ICMSGTYPE_HEARTBEAT",
  [protocol.ICMSGTYPE_KVPEXCHANGE]: "ICMSGTYPE_KVPEXCHANGE",
  [protocol.ICMSGTYPE_SHUTDOWN]: "ICMSGTYPE_SHUTDOWN",
  [protocol.ICMSGTYPE_TIMESYNC]: "ICMSGTYPE_TIMESYNC",
  5: "ICMSGTYPE_VSS",
};

const FLAGS = {
  [protocol.ICMSGHDRFLAG_TRANSACTION]: "TRANSACTION",
  [protocol.ICMSGHDRFLAG_REQUEST]: "REQUEST",
  [protocol.ICMSGHDRFLAG_RESPONSE]: "RESPONSE",
};

const STATUSES: Readonly<Record<number, string>> = {
  [protocol.HV_S_OK]: "HV_S_OK",
  [protocol.HV_E_FAIL]: "HV_E_FAIL",
  [protocol.HV_S_CONT]: "HV_S_CONT",
};

/** What a message is for, by type: as the host's request, and as the guest's answer. */
const MEANINGS: Readonly<Record<number, readonly [request: string, response: string]>> = {
  [protocol.ICMSGTYPE_NEGOTIATE]: [
    "The host names the versions that it speaks of the frame and of this component's messages.",
    "The guest picks one version of each; from here on the component is in service.",
  ],
  [protocol.ICMSGTYPE_HEARTBEAT]: [
    "The host asks whether the guest is alive.",
    "The guest is alive: it counted the number up by one and sent it back.",
  ],
  [protocol.ICMSGTYPE_KVPEXCHANGE]: [
    "The host reads or writes a named value that a daemon in the guest keeps.",
    "The guest's daemon answers with the value, or with why there is none.",
  ],
  [protocol.ICMSGTYPE_SHUTDOWN]: [
    "The host asks the guest to shut down as if a person had pressed the power button.",
    "The guest says whether it will shut down.",
  ],
  [protocol.ICMSGTYPE_TIMESYNC]: [
    "The host tells the guest what time it is, to set its clock by or to steer it.",
    "The guest has taken note of the time.",
  ],
};

const NO_PROTOCOL: DecodedMessage["meaning"] = "A message of an integration component that we do not know.";

/** Versions that a message shows; it may claim 65535. */
const SHOWN_VERSIONS = 16;

export const integrationComponentDecoder: DeviceDecoder = {
  interfaces: {
    [HEARTBEAT_INTERFACE_ID]: "Heartbeat",
    [KVP_INTERFACE_ID]: "Key-Value Pair Exchange",
    [SHUTDOWN_INTERFACE_ID]: "Shutdown",
    [TIME_SYNC_INTERFACE_ID]: "Time Synchronization",
  },
  open: (): ChannelDecoder => ({ decode }),
};

function decode({ payload }: TracedPacket): DecodedMessage {
  const fields = new FieldReader(payload);
  fields.u32("pipe_hdr.flags");
  fields.u32("pipe_hdr.msgsize");
  readVersion(fields, "icverframe");
  const type = fields.u16("icmsgtype", (value) => named(value, MESSAGE_TYPES)) ?? -1;
  const messageVersion = readVersion(fields, "icvermsg");
  const size = fields.u16("icmsgsize");
  fields.u32("status", (value) => named(value, STATUSES, 8));
  fields.u8("ictransaction_id");
  const flagBits = fields.u8("icflags", (value) => flags(value, FLAGS)) ?? 0;
  fields.skip(2);
  const response = (flagBits & protocol.ICMSGHDRFLAG_RESPONSE) !== 0;
  if (!fields.truncated && size !== undefined) readBody(fields, type, messageVersion, size);
  const [asked, answered] = MEANINGS[type] ?? [NO_PROTOCOL, NO_PROTOCOL];
  return {
    name: `${named(type, MESSAGE_TYPES)} ${response ? "response" : "request"}`,
    fields: fields.fields,
    meaning: response ? answered : asked,
  };
}

function readVersion(fields: FieldReader, name: string): number {
  const major = fields.u16(`${name}.major`) ?? 0;
  const minor = fields.u16(`${name}.minor`) ?? 0;
  return protocol.icVersion(major, minor);
}

function readBody(fields: FieldReader, type: number, messageVersion: number, size: number): void {
  switch (type) {
    case protocol.ICMSGTYPE_NEGOTIATE: {
      const count = (fields.u16("icframe_vercnt") ?? 0) + (fields.u16("icmsg_vercnt") ?? 0);
      fields.skip(4);
      const shown = Math.min(count, SHOWN_VERSIONS);
      for (let index = 0; index < shown && fields.left >= 4; index++) readVersion(fields, `icversion_data[${index}]`);
      break;
    }
    case protocol.ICMSGTYPE_HEARTBEAT:
      fields.u64("seq_num");
      break;
    case protocol.ICMSGTYPE_SHUTDOWN:
      fields.u32("reason_code", (value) => hex(value, 8));
      fields.u32("timeout_seconds");
      fields.u32("flags", (value) => flags(value, SHUTDOWN_FLAGS));
      if (fields.left > 0) fields.utf16("display_message", Math.min(fields.left, 2048));
      break;
    case protocol.ICMSGTYPE_TIMESYNC:
      fields.u64("parenttime");
      if (messageVersion >= REFERENCE_TIME_VERSION) {
        fields.u64("vmreferencetime");
        fields.u8("flags", (value) => flags(value, TIME_SYNC_FLAGS));
        fields.u8("leapflags");
        fields.u8("stratum");
      } else {
        fields.u64("childtime");
        fields.u64("roundtriptime");
        fields.u8("flags", (value) => flags(value, TIME_SYNC_FLAGS));
      }
      break;
    case protocol.ICMSGTYPE_KVPEXCHANGE:
      readKeyValueExchange(fields);
      break;
    default:
      if (size > 0) fields.rest("bytes");
  }
}
