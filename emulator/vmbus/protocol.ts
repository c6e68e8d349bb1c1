import { guidToBytes } from "./guid";

// Messages between a guest's VMBus driver and the host: the payload of hypervisor messages of type 1. Names and
// layouts as Microsoft's openvmm (vmbus_core, protocol.rs) and Linux (include/linux/hyperv.h) have them.

/** The hypervisor message type of a VMBus channel message. */
export const VMBUS_CHANNEL_MESSAGE_TYPE = 1;
export const VMBUS_MESSAGE_SINT = 2;

/** Connection ids that a guest knows without being told. */
export const VMBUS_MESSAGE_CONNECTION_ID = 1;
export const VMBUS_EVENT_CONNECTION_ID = 2;
export const VMBUS_MESSAGE_CONNECTION_ID_4 = 4;

/** Protocol versions, major << 16 | minor. */
export const VERSION_WS2008 = 0x0000000d;
export const VERSION_WIN7 = 0x00010001;
export const VERSION_WIN8 = 0x00020004;
export const VERSION_WIN8_1 = 0x00030000;
export const VERSION_WIN10 = 0x00040000;
export const VERSION_WIN10_V4_1 = 0x00040001;
export const VERSION_WIN10_V5 = 0x00050000;
export const VERSION_WIN10_V5_1 = 0x00050001;
export const VERSION_WIN10_V5_2 = 0x00050002;
export const VERSION_WIN10_V5_3 = 0x00050003;
/** Known to the trace only; contact with it is refused. */
export const VERSION_WIN10_V6 = 0x00060000;

export const SUPPORTED_VERSIONS: readonly number[] = [
  VERSION_WS2008,
  VERSION_WIN7,
  VERSION_WIN8,
  VERSION_WIN8_1,
  VERSION_WIN10,
  VERSION_WIN10_V4_1,
  VERSION_WIN10_V5,
  VERSION_WIN10_V5_1,
  VERSION_WIN10_V5_2,
  VERSION_WIN10_V5_3,
];

export const CHANNELMSG_OFFERCHANNEL = 1;
export const CHANNELMSG_RESCIND_CHANNELOFFER = 2;
export const CHANNELMSG_REQUESTOFFERS = 3;
export const CHANNELMSG_ALLOFFERS_DELIVERED = 4;
export const CHANNELMSG_OPENCHANNEL = 5;
export const CHANNELMSG_OPENCHANNEL_RESULT = 6;
export const CHANNELMSG_CLOSECHANNEL = 7;
export const CHANNELMSG_GPADL_HEADER = 8;
export const CHANNELMSG_GPADL_BODY = 9;
export const CHANNELMSG_GPADL_CREATED = 10;
export const CHANNELMSG_GPADL_TEARDOWN = 11;
export const CHANNELMSG_GPADL_TORNDOWN = 12;
export const CHANNELMSG_RELID_RELEASED = 13;
export const CHANNELMSG_INITIATE_CONTACT = 14;
export const CHANNELMSG_VERSION_RESPONSE = 15;
export const CHANNELMSG_UNLOAD = 16;
export const CHANNELMSG_UNLOAD_RESPONSE = 17;
export const CHANNELMSG_TL_CONNECT_REQUEST = 21;
export const CHANNELMSG_MODIFYCHANNEL = 22;
export const CHANNELMSG_TL_CONNECT_RESULT = 23;
export const CHANNELMSG_MODIFYCHANNEL_RESPONSE = 24;

export const STATUS_SUCCESS = 0;
export const STATUS_UNSUCCESSFUL = 0xc0000001;
export const STATUS_INVALID_PARAMETER = 0xc000000d;
export const STATUS_CONNECTION_REFUSED = 0xc0000236;

/** Bytes of the header every message starts with: u32 type, u32 padding. */
export const HEADER_SIZE = 8;
/** Fixed parts of the guest's messages, header included; a shorter message is malformed. */
export const OPENCHANNEL_SIZE = 148;
export const CLOSECHANNEL_SIZE = 12;
export const GPADL_HEADER_SIZE = 20;
export const GPADL_BODY_SIZE = 16;
export const GPADL_TEARDOWN_SIZE = 16;
export const RELID_RELEASED_SIZE = 12;
export const INITIATE_CONTACT_SIZE = 40;
export const TL_CONNECT_REQUEST_SIZE = 40;
export const MODIFYCHANNEL_SIZE = 16;

const OFFERCHANNEL_SIZE = 196;
const USER_DEFINED_SIZE = 120;

/** Offer flags (struct vmbus_channel_offer, chn_flags). */
export const VMBUS_CHANNEL_ENUMERATE_DEVICE_INTERFACE = 0x1;
export const VMBUS_CHANNEL_NAMED_PIPE_MODE = 0x10;
export const VMBUS_CHANNEL_REQUEST_MONITORED_NOTIFICATION = 0x400;

/** First u32 of an offer's user-defined bytes when the channel is a pipe. */
export const VMBUS_PIPE_TYPE_MESSAGE = 4;

/** The largest relid: one bit of an event-flags area each, and bit 0 is no channel's. */
export const MAX_RELID = 2047;

/** What a device tells about itself in its offer. */
export interface OfferDescription {
  /** Interface type, as text; the guest's driver is chosen by it. */
  readonly interfaceId: string;
  /** Instance, as text. */
  readonly instanceId: string;
  /** VMBUS_CHANNEL_* flags; VMBUS_CHANNEL_ENUMERATE_DEVICE_INTERFACE is always added. */
  readonly flags?: number;
  /** MiB of MMIO space that the device asks for. */
  readonly mmioMegabytes?: number;
  /** At most 120 bytes. For a pipe the first u32 is its mode. */
  readonly userDefined?: Uint8Array;
  /** 0 for a primary channel. */
  readonly subchannelIndex?: number;
  /**
   * Asks for a monitored channel: the guest sets a bit in a monitor page instead of a hypercall, and the host looks at
   * it this often. Units of 100 ns, 1..65535.
   */
  readonly monitorLatency?: number;
}

function message(type: number, size: number): { bytes: Uint8Array<ArrayBuffer>; view: DataView<ArrayBuffer> } {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  return { bytes, view };
}

/** A message of u32 fields after the header. */
export function encodeFields(type: number, ...fields: number[]): Uint8Array<ArrayBuffer> {
  const { bytes, view } = message(type, HEADER_SIZE + 4 * fields.length);
  fields.forEach((field, index) => view.setUint32(HEADER_SIZE + 4 * index, field, true));
  return bytes;
}

/** @param monitorId undefined for a channel whose signals come by hypercall */
export function encodeOffer(
  offer: OfferDescription,
  relid: number,
  connectionId: number,
  monitorId: number | undefined,
): Uint8Array<ArrayBuffer> {
  const { bytes, view } = message(CHANNELMSG_OFFERCHANNEL, OFFERCHANNEL_SIZE);
  bytes.set(guidToBytes(offer.interfaceId), 8);
  bytes.set(guidToBytes(offer.instanceId), 24);
  const monitored = monitorId === undefined ? 0 : VMBUS_CHANNEL_REQUEST_MONITORED_NOTIFICATION;
  view.setUint16(56, (offer.flags ?? 0) | VMBUS_CHANNEL_ENUMERATE_DEVICE_INTERFACE | monitored, true);
  view.setUint16(58, offer.mmioMegabytes ?? 0, true);
  bytes.set((offer.userDefined ?? new Uint8Array(0)).subarray(0, USER_DEFINED_SIZE), 60);
  view.setUint16(180, offer.subchannelIndex ?? 0, true);
  view.setUint32(184, relid, true);
  view.setUint8(188, monitorId ?? 0);
  view.setUint8(189, monitorId === undefined ? 0 : 1);
  // Dedicated interrupt: the guest signals with the connection id below and needs no bit in the interrupt page.
  view.setUint16(190, 1, true);
  view.setUint32(192, connectionId, true);
  return bytes;
}

/** @param connectionIdOrVersion the message connection id from version 5.0 on, before that the version chosen */
export function encodeVersionResponse(supported: boolean, connectionIdOrVersion: number): Uint8Array<ArrayBuffer> {
  const { bytes, view } = message(CHANNELMSG_VERSION_RESPONSE, 16);
  view.setUint8(8, supported ? 1 : 0);
  view.setUint32(12, connectionIdOrVersion, true);
  return bytes;
}

/** @param request the guest's CHANNELMSG_TL_CONNECT_REQUEST, whose endpoint and service ids are echoed */
export function encodeTlConnectResult(request: Uint8Array, status: number): Uint8Array<ArrayBuffer> {
  const { bytes, view } = message(CHANNELMSG_TL_CONNECT_RESULT, 44);
  bytes.set(request.subarray(8, 40), 8);
  view.setUint32(40, status, true);
  return bytes;
}

/** "major.minor" as Linux prints it. */
export function versionText(version: number): string {
  return `${version >>> 16}.${version & 0xffff}`;
}
