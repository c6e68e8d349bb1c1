import type { FieldReader } from "../../vmbus/trace/field-reader";
import { flags, hex } from "../../vmbus/trace/text";
import { type MessageNames, typedMessages } from "../../vmbus/trace/typed-messages";
import type { DeviceDecoder } from "../../vmbus/trace/types";
import * as protocol from "./protocol";

const MESSAGES: MessageNames = {
  [protocol.MESSAGE_PROTOCOL_REQUEST]: ["SYNTH_KBD_PROTOCOL_REQUEST", "The guest proposes a version of the protocol."],
  [protocol.MESSAGE_PROTOCOL_RESPONSE]: [
    "SYNTH_KBD_PROTOCOL_RESPONSE",
    "The host takes the version or does not; from here on keys come this way.",
  ],
  [protocol.MESSAGE_EVENT]: ["SYNTH_KBD_EVENT", "A key went down or up."],
  [protocol.MESSAGE_SET_LED_INDICATORS]: ["SYNTH_KBD_LED_INDICATORS", "The guest sets the keyboard's lamps."],
};
const KEYSTROKE_FLAGS = {
  1: "IS_UNICODE",
  [protocol.KEYSTROKE_IS_BREAK]: "IS_BREAK",
  [protocol.KEYSTROKE_IS_E0]: "IS_E0",
  [protocol.KEYSTROKE_IS_E1]: "IS_E1",
};
const LEDS = { 1: "SCROLL_LOCK", 2: "NUM_LOCK", 4: "CAPS_LOCK" };

/** Messages of the synthetic keyboard, whose channel is no pipe. */
export const keyboardDecoder: DeviceDecoder = {
  interfaces: { [protocol.KEYBOARD_INTERFACE]: "Keyboard" },
  open: () => typedMessages(MESSAGES, 0, readBody),
};

function readBody(fields: FieldReader, type: number): void {
  if (type === protocol.MESSAGE_PROTOCOL_REQUEST) fields.u32("version", (value) => hex(value, 8));
  else if (type === protocol.MESSAGE_PROTOCOL_RESPONSE) fields.u32("accepted");
  else if (type === protocol.MESSAGE_SET_LED_INDICATORS) fields.u16("leds", (value) => flags(value, LEDS));
  else {
    fields.u16("make_code", (value) => hex(value, 2));
    fields.skip(2);
    fields.u32("flags", (value) => flags(value, KEYSTROKE_FLAGS));
  }
}
