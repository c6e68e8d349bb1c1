import { PIPE_HEADER_SIZE } from "../../vmbus/pipe";
import type { FieldReader } from "../../vmbus/trace/field-reader";
import { hex } from "../../vmbus/trace/text";
import { type MessageNames, typedMessages } from "../../vmbus/trace/typed-messages";
import type { DeviceDecoder } from "../../vmbus/trace/types";
import * as protocol from "./protocol";

const MESSAGES: MessageNames = {
  [protocol.SYNTHHID_PROTOCOL_REQUEST]: ["SYNTH_HID_PROTOCOL_REQUEST", "The guest proposes a version of the protocol."],
  [protocol.SYNTHHID_PROTOCOL_RESPONSE]: ["SYNTH_HID_PROTOCOL_RESPONSE", "The host takes the version or does not."],
  [protocol.SYNTHHID_INIT_DEVICE_INFO]: [
    "SYNTH_HID_INITIAL_DEVICE_INFO",
    "The host says what device this is, with its HID descriptors: from them the guest knows how reports are laid out.",
  ],
  [protocol.SYNTHHID_INIT_DEVICE_INFO_ACK]: [
    "SYNTH_HID_INITIAL_DEVICE_INFO_ACK",
    "The guest has understood the descriptors; reports may come.",
  ],
  [protocol.SYNTHHID_INPUT_REPORT]: ["SYNTH_HID_INPUT_REPORT", "The pointer moved, or a button or the wheel."],
};

/** Messages of the synthetic mouse. */
export const mouseDecoder: DeviceDecoder = {
  interfaces: { [protocol.MOUSE_INTERFACE]: "Mouse" },
  open: () => typedMessages(MESSAGES, PIPE_HEADER_SIZE, readBody),
};

function readBody(fields: FieldReader, type: number): void {
  fields.u32("size");
  switch (type) {
    case protocol.SYNTHHID_PROTOCOL_REQUEST:
      fields.u32("version_requested", (value) => hex(value, 8));
      break;
    case protocol.SYNTHHID_PROTOCOL_RESPONSE:
      fields.u32("version_requested", (value) => hex(value, 8));
      fields.u8("approved");
      break;
    case protocol.SYNTHHID_INIT_DEVICE_INFO:
      fields.u32("hid_dev_info.size");
      fields.u16("vendor", (value) => hex(value, 4));
      fields.u16("product", (value) => hex(value, 4));
      fields.u16("version", (value) => hex(value, 4));
      fields.skip(22);
      fields.rest("hid_descriptor");
      break;
    case protocol.SYNTHHID_INPUT_REPORT:
      fields.u8("buttons", (value) => hex(value, 2));
      fields.u16("x");
      fields.u16("y");
      fields.u16("wheel", (value) => String((value << 16) >> 16));
      break;
  }
}
