import { PIPE_HEADER_SIZE, PIPE_PACKET_TYPE_DATA } from "../../vmbus/pipe";

// The synthetic video protocol, SYNTHVID: messages in a pipe channel. Names and layouts as Microsoft's openvmm
// (uidevices, video/protocol.rs) and Linux (hyperv_fb.c) have them. All fields are packed and little-endian.

/** A protocol version, minor << 16 | major as it is in messages. */
export type SynthvidVersion = number;

export const synthvidVersion = (major: number, minor: number): SynthvidVersion => (minor << 16) | major;
export const versionMinor = (version: SynthvidVersion): number => version >>> 16;
export const versionText = (version: SynthvidVersion): string => `${version & 0xffff}.${versionMinor(version)}`;

const MAJOR = 3;
/** 3.0 Windows 7, 3.2 Windows 8, 3.3 Windows 8.1, 3.4 and 3.5 Windows 10. */
const MINORS: readonly number[] = [0, 2, 3, 4, 5];
export const isKnownVersion = (version: SynthvidVersion): boolean =>
  (version & 0xffff) === MAJOR && MINORS.includes(versionMinor(version));

/** From this minor version on pictures may be larger than 1600 x 1200. */
export const HIGH_RESOLUTIONS_MINOR = 2;

export const SYNTHVID_INTERFACE = "da0a7802-e377-4aac-8e77-0558eb1073f8";

export const SYNTHVID_VERSION_REQUEST = 1;
export const SYNTHVID_VERSION_RESPONSE = 2;
export const SYNTHVID_VRAM_LOCATION = 3;
export const SYNTHVID_VRAM_LOCATION_ACK = 4;
export const SYNTHVID_SITUATION_UPDATE = 5;
export const SYNTHVID_SITUATION_UPDATE_ACK = 6;
export const SYNTHVID_POINTER_POSITION = 7;
export const SYNTHVID_POINTER_SHAPE = 8;
export const SYNTHVID_FEATURE_CHANGE = 9;
export const SYNTHVID_DIRT = 10;
export const SYNTHVID_BIOS_INFO_REQUEST = 11;
export const SYNTHVID_BIOS_INFO_RESPONSE = 12;
export const SYNTHVID_RESOLUTION_REQUEST = 13;
export const SYNTHVID_RESOLUTION_RESPONSE = 14;
export const SYNTHVID_CAPABILITY_REQUEST = 15;
export const SYNTHVID_CAPABILITY_RESPONSE = 16;

/** Part index of a pointer shape's last part. */
export const CURSOR_COMPLETE = 0xff;

/** Yes, and the version in the answer is to be looked at. */
const ACCEPTED_WITH_VERSION_EXCHANGE = 2;

/** Message header, after the pipe's: u32 type, u32 size. */
const MESSAGE_HEADER_SIZE = 8;
const RECTANGLE_SIZE = 16;

/** Where a rectangle begins and ends; right and bottom are outside. */
export interface Dirt {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export interface Situation {
  readonly active: boolean;
  /** Bytes from the video memory's start. */
  readonly vramOffset: number;
  readonly depthBits: number;
  readonly width: number;
  readonly height: number;
  /** Bytes. */
  readonly pitch: number;
}

export interface ShapePart {
  readonly kind: "pointer-shape";
  readonly part: number;
  readonly argb: boolean;
  readonly width: number;
  readonly height: number;
  readonly hotX: number;
  readonly hotY: number;
  readonly data: Uint8Array<ArrayBuffer>;
}

/** A message from the guest. */
export type Request =
  | { readonly kind: "version"; readonly version: SynthvidVersion }
  /** `gpa` is undefined if the guest leaves the place to the host. */
  | { readonly kind: "vram-location"; readonly context: bigint; readonly gpa: bigint | undefined }
  | { readonly kind: "situation"; readonly context: bigint; readonly output: Situation | undefined }
  | { readonly kind: "pointer-position"; readonly visible: boolean; readonly x: number; readonly y: number }
  | ShapePart
  | { readonly kind: "dirt"; readonly rectangles: readonly Dirt[] }
  | { readonly kind: "bios-info" }
  | { readonly kind: "resolutions"; readonly maximum: number }
  | { readonly kind: "capability" };

/** Bytes that a message has at least after its headers, by type. */
const BODY_SIZES: ReadonlyMap<number, number> = new Map([
  [SYNTHVID_VERSION_REQUEST, 4],
  [SYNTHVID_VRAM_LOCATION, 17],
  [SYNTHVID_SITUATION_UPDATE, 9],
  [SYNTHVID_POINTER_POSITION, 10],
  [SYNTHVID_POINTER_SHAPE, 18],
  [SYNTHVID_DIRT, 2],
  [SYNTHVID_BIOS_INFO_REQUEST, 0],
  [SYNTHVID_RESOLUTION_REQUEST, 1],
  [SYNTHVID_CAPABILITY_REQUEST, 0],
]);
const SITUATION_SIZE = 9;
const OUTPUT_SIZE = 18;
const DIRT_HEADER = 2;
const SHAPE_HEADER = 18;

/** @returns a text that says what is wrong with a malformed message */
export function decodeRequest(payload: Uint8Array<ArrayBuffer>): Request | string {
  if (payload.length < PIPE_HEADER_SIZE + MESSAGE_HEADER_SIZE) return "video message without its headers";
  const header = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  if (header.getUint32(0, true) !== PIPE_PACKET_TYPE_DATA) return "video message that is no data";
  const size = header.getUint32(4, true);
  if (size < MESSAGE_HEADER_SIZE || size > payload.length - PIPE_HEADER_SIZE) return "video message of a wrong size";
  const type = header.getUint32(8, true);
  // The size in the second header counts that header for some guests and not for others; the pipe's is the one.
  const body = payload.subarray(PIPE_HEADER_SIZE + MESSAGE_HEADER_SIZE, PIPE_HEADER_SIZE + size);
  const least = BODY_SIZES.get(type);
  if (least === undefined) return `video message of unknown type ${type}`;
  if (body.length < least) return `video message of type ${type} is truncated`;
  return decodeBody(type, body);
}

function decodeBody(type: number, body: Uint8Array<ArrayBuffer>): Request | string {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  switch (type) {
    case SYNTHVID_VERSION_REQUEST:
      return { kind: "version", version: view.getUint32(0, true) };
    case SYNTHVID_VRAM_LOCATION: {
      const gpa = view.getUint8(8) === 0 ? undefined : view.getBigUint64(9, true);
      return { kind: "vram-location", context: view.getBigUint64(0, true), gpa };
    }
    case SYNTHVID_SITUATION_UPDATE:
      return decodeSituation(view);
    case SYNTHVID_POINTER_POSITION: {
      const place = { x: view.getInt32(2, true), y: view.getInt32(6, true) };
      return { kind: "pointer-position", visible: view.getUint8(0) !== 0, ...place };
    }
    case SYNTHVID_POINTER_SHAPE:
      return {
        kind: "pointer-shape",
        part: view.getUint8(0),
        argb: view.getUint8(1) !== 0,
        width: view.getUint32(2, true),
        height: view.getUint32(6, true),
        hotX: view.getUint32(10, true),
        hotY: view.getUint32(14, true),
        data: body.slice(SHAPE_HEADER),
      };
    case SYNTHVID_DIRT:
      return decodeDirt(view);
    case SYNTHVID_BIOS_INFO_REQUEST:
      return { kind: "bios-info" };
    case SYNTHVID_RESOLUTION_REQUEST:
      return { kind: "resolutions", maximum: view.getUint8(0) };
    default:
      return { kind: "capability" };
  }
}

/** One output is all there is; what a guest says of others is not looked at. */
function decodeSituation(view: DataView): Request | string {
  const context = view.getBigUint64(0, true);
  if (view.getUint8(8) === 0) return { kind: "situation", context, output: undefined };
  if (view.byteLength < SITUATION_SIZE + OUTPUT_SIZE) return "video situation without its output";
  const output: Situation = {
    active: view.getUint8(9) !== 0,
    vramOffset: view.getUint32(10, true),
    depthBits: view.getUint8(14),
    width: view.getUint32(15, true),
    height: view.getUint32(19, true),
    pitch: view.getUint32(23, true),
  };
  return { kind: "situation", context, output };
}

function decodeDirt(view: DataView): Request | string {
  const count = view.getUint8(1);
  if (view.byteLength < DIRT_HEADER + count * RECTANGLE_SIZE) return "video dirt of fewer rectangles than it says";
  const rectangles: Dirt[] = [];
  for (let at = DIRT_HEADER; rectangles.length < count; at += RECTANGLE_SIZE) {
    const [left, top, right, bottom] = [0, 4, 8, 12].map((field) => view.getInt32(at + field, true)) as [
      number,
      number,
      number,
      number,
    ];
    rectangles.push({ left, top, right, bottom });
  }
  return { kind: "dirt", rectangles };
}

function encode(type: number, bodySize: number): { bytes: Uint8Array<ArrayBuffer>; body: DataView<ArrayBuffer> } {
  const bytes = new Uint8Array(PIPE_HEADER_SIZE + MESSAGE_HEADER_SIZE + bodySize);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, PIPE_PACKET_TYPE_DATA, true);
  view.setUint32(4, MESSAGE_HEADER_SIZE + bodySize, true);
  view.setUint32(8, type, true);
  view.setUint32(12, MESSAGE_HEADER_SIZE + bodySize, true);
  return { bytes, body: new DataView(bytes.buffer, PIPE_HEADER_SIZE + MESSAGE_HEADER_SIZE) };
}

/** @param version the guest's own */
export function encodeVersionResponse(version: SynthvidVersion, accepted: boolean): Uint8Array {
  const { bytes, body } = encode(SYNTHVID_VERSION_RESPONSE, 6);
  body.setUint32(0, version, true);
  body.setUint8(4, accepted ? ACCEPTED_WITH_VERSION_EXCHANGE : 0);
  body.setUint8(5, 1);
  return bytes;
}

/** @param type SYNTHVID_VRAM_LOCATION_ACK or SYNTHVID_SITUATION_UPDATE_ACK */
export function encodeAcknowledgement(type: number, context: bigint): Uint8Array {
  const { bytes, body } = encode(type, 8);
  body.setBigUint64(0, context, true);
  return bytes;
}

/** @param dirt that the guest shall tell what it paints; the rest it shall tell always */
export function encodeFeatureChange(dirt: boolean): Uint8Array {
  const { bytes, body } = encode(SYNTHVID_FEATURE_CHANGE, 4);
  [dirt ? 1 : 0, 1, 1, 1].forEach((needed, index) => body.setUint8(index, needed));
  return bytes;
}

/** @param edid 128 bytes */
export function encodeResolutions(
  edid: Uint8Array,
  resolutions: readonly { readonly width: number; readonly height: number }[],
  defaultIndex: number,
): Uint8Array {
  const { bytes, body } = encode(SYNTHVID_RESOLUTION_RESPONSE, edid.length + 3 + 4 * resolutions.length);
  bytes.set(edid, PIPE_HEADER_SIZE + MESSAGE_HEADER_SIZE);
  body.setUint8(edid.length, resolutions.length);
  body.setUint8(edid.length + 1, defaultIndex);
  body.setUint8(edid.length + 2, 0);
  resolutions.forEach(({ width, height }, index) => {
    body.setUint16(edid.length + 3 + 4 * index, width, true);
    body.setUint16(edid.length + 5 + 4 * index, height, true);
  });
  return bytes;
}

/** All zero, the answer of Generation 1: the guest may not stop the device. */
export function encodeBiosInfo(): Uint8Array {
  return encode(SYNTHVID_BIOS_INFO_RESPONSE, 16).bytes;
}

/** No locking when the viewer leaves. */
export function encodeCapability(): Uint8Array {
  return encode(SYNTHVID_CAPABILITY_RESPONSE, 64).bytes;
}
