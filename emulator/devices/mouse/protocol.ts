import { PIPE_HEADER_SIZE, PIPE_PACKET_TYPE_DATA } from "../../vmbus/pipe";
import { HID_DESCRIPTOR, REPORT_DESCRIPTOR } from "./hid-descriptors";

// The synthetic mouse's messages ("synthhid"), in a pipe: pipe header, u32 type, u32 size, and what the type has. Names
// and layouts as Microsoft's openvmm (uidevices, mouse/protocol.rs) and Linux (drivers/hid/hid-hyperv.c) have them.

export const MOUSE_INTERFACE = "cfa8b69e-5b4a-4cc0-b98b-8ba1a1f3f95a";
export const MOUSE_INSTANCE = "58f75a6d-d949-4320-99e1-a2a2576d581c";

/** Major << 16 | minor; 1.0 was a beta's. */
const VERSION_2_0 = 0x20000;

export const SYNTHHID_PROTOCOL_REQUEST = 0;
export const SYNTHHID_PROTOCOL_RESPONSE = 1;
export const SYNTHHID_INIT_DEVICE_INFO = 2;
export const SYNTHHID_INIT_DEVICE_INFO_ACK = 3;
export const SYNTHHID_INPUT_REPORT = 4;

const MESSAGE_HEADER_SIZE = 8;
const BODY = PIPE_HEADER_SIZE + MESSAGE_HEADER_SIZE;

/** hv_input_dev_info: u32 size, u16 vendor, product, version; 22 bytes reserved. */
const DEVICE_ATTRIBUTES_SIZE = 32;
const VENDOR_MICROSOFT = 0x045e;
const PRODUCT = 0x0621;
const DEVICE_VERSION = 1;

export type MouseRequest =
  | { readonly kind: "protocol"; readonly version: number; readonly accepted: boolean }
  | { readonly kind: "deviceInfoAck" };

/** @returns a text that says what is wrong with a malformed message */
export function decodeMouseRequest(payload: Uint8Array<ArrayBuffer>): MouseRequest | string {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const size = payload.length < BODY ? 0 : view.getUint32(4, true);
  if (size < MESSAGE_HEADER_SIZE || size > payload.length - PIPE_HEADER_SIZE)
    return `mouse message of ${size} bytes in a packet of ${payload.length}`;
  if (view.getUint32(0, true) !== PIPE_PACKET_TYPE_DATA) return `pipe packet of type ${view.getUint32(0, true)}`;
  const type = view.getUint32(PIPE_HEADER_SIZE, true);
  const bodySize = size - MESSAGE_HEADER_SIZE;
  if (type === SYNTHHID_PROTOCOL_REQUEST && bodySize >= 4) {
    const version = view.getUint32(BODY, true);
    return { kind: "protocol", version, accepted: version === VERSION_2_0 };
  }
  if (type === SYNTHHID_INIT_DEVICE_INFO_ACK) return { kind: "deviceInfoAck" };
  return `mouse message of type ${type} with ${bodySize} bytes`;
}

function message(type: number, size: number): { bytes: Uint8Array<ArrayBuffer>; body: DataView<ArrayBuffer> } {
  const bytes = new Uint8Array(BODY + size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, PIPE_PACKET_TYPE_DATA, true);
  view.setUint32(4, MESSAGE_HEADER_SIZE + size, true);
  view.setUint32(8, type, true);
  view.setUint32(12, size, true);
  return { bytes, body: new DataView(bytes.buffer, BODY) };
}

/** u32 version, u8 accepted. */
export function encodeProtocolResponse(version: number, accepted: boolean): Uint8Array<ArrayBuffer> {
  const { bytes, body } = message(SYNTHHID_PROTOCOL_RESPONSE, 5);
  body.setUint32(0, version, true);
  body.setUint8(4, accepted ? 1 : 0);
  return bytes;
}

/** Attributes, HID descriptor, report descriptor. */
export function encodeDeviceInfo(): Uint8Array<ArrayBuffer> {
  const size = DEVICE_ATTRIBUTES_SIZE + HID_DESCRIPTOR.length + REPORT_DESCRIPTOR.length;
  const { bytes, body } = message(SYNTHHID_INIT_DEVICE_INFO, size);
  body.setUint32(0, DEVICE_ATTRIBUTES_SIZE, true);
  body.setUint16(4, VENDOR_MICROSOFT, true);
  body.setUint16(6, PRODUCT, true);
  body.setUint16(8, DEVICE_VERSION, true);
  bytes.set(HID_DESCRIPTOR, BODY + DEVICE_ATTRIBUTES_SIZE);
  bytes.set(REPORT_DESCRIPTOR, BODY + DEVICE_ATTRIBUTES_SIZE + HID_DESCRIPTOR.length);
  return bytes;
}

/** A report as the report descriptor has it; `wheel` is positive away from the user, as HID wants it. */
export function encodeInputReport(buttons: number, x: number, y: number, wheel: number): Uint8Array<ArrayBuffer> {
  const { bytes, body } = message(SYNTHHID_INPUT_REPORT, 7);
  body.setUint8(0, buttons);
  body.setUint16(1, x, true);
  body.setUint16(3, y, true);
  body.setInt16(5, wheel, true);
  return bytes;
}
