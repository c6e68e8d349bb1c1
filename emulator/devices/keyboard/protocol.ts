import type { Keystroke } from "../../input/scan-codes";

// The synthetic keyboard's messages: u32 type, then what the type has. The channel is no pipe. Names and layouts as
// Microsoft's openvmm (uidevices, keyboard/protocol.rs) and Linux (drivers/input/serio/hyperv-keyboard.c) have them.

export const KEYBOARD_INTERFACE = "f912ad6d-2b17-48ea-bd65-f927a61c7684";
export const KEYBOARD_INSTANCE = "d34b2567-b9b6-42b9-8778-0a4ec0b955bf";

/** Major << 16 | minor; there is only this one. */
const VERSION_1_0 = 0x10000;

export const MESSAGE_PROTOCOL_REQUEST = 1;
export const MESSAGE_PROTOCOL_RESPONSE = 2;
export const MESSAGE_EVENT = 3;
export const MESSAGE_SET_LED_INDICATORS = 4;

export const KEYSTROKE_IS_BREAK = 1 << 1;
export const KEYSTROKE_IS_E0 = 1 << 2;
export const KEYSTROKE_IS_E1 = 1 << 3;

/** Both messages that a guest sends: u32 type, and four bytes more. */
const GUEST_MESSAGE_SIZE = 8;

export type KeyboardRequest =
  | { readonly kind: "protocol"; readonly accepted: boolean }
  /** Bits 0 scroll lock, 1 num lock, 2 caps lock. */
  | { readonly kind: "leds"; readonly flags: number };

/** @returns a text that says what is wrong with a malformed message */
export function decodeKeyboardRequest(payload: Uint8Array<ArrayBuffer>): KeyboardRequest | string {
  if (payload.length < GUEST_MESSAGE_SIZE) return `keyboard message of ${payload.length} bytes`;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const type = view.getUint32(0, true);
  if (type === MESSAGE_PROTOCOL_REQUEST) return { kind: "protocol", accepted: view.getUint32(4, true) === VERSION_1_0 };
  if (type === MESSAGE_SET_LED_INDICATORS) return { kind: "leds", flags: view.getUint16(4, true) & 7 };
  return `keyboard message of unknown type ${type}`;
}

/** u32 status, of which bit 0 says that the version is accepted. */
export function encodeProtocolResponse(accepted: boolean): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MESSAGE_PROTOCOL_RESPONSE, true);
  view.setUint32(4, accepted ? 1 : 0, true);
  return bytes;
}

/** u16 make code, u16 reserved, u32 flags. */
export function encodeKeystroke({ code, prefix, release }: Keystroke): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MESSAGE_EVENT, true);
  view.setUint16(4, code, true);
  const prefixFlag = prefix === 0xe0 ? KEYSTROKE_IS_E0 : prefix === 0xe1 ? KEYSTROKE_IS_E1 : 0;
  view.setUint32(8, prefixFlag | (release ? KEYSTROKE_IS_BREAK : 0), true);
  return bytes;
}
