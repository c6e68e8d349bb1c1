import { PIPE_HEADER_SIZE, PIPE_PACKET_TYPE_DATA } from "../../vmbus/pipe";

// Integration components (ICs): messages that Hyper-V exchanges with small services in a guest. Names and layouts as
// Microsoft's openvmm (hyperv_ic_protocol) and Linux (include/linux/hyperv.h, "icmsg") have them.

/** A version, major << 16 | minor. */
export type IcVersion = number;

export const icVersion = (major: number, minor: number): IcVersion => (major << 16) | minor;

/** Versions of the frame around every message. */
export const FRAMEWORK_VERSIONS: readonly IcVersion[] = [icVersion(1, 0), icVersion(3, 0)];

export const ICMSGTYPE_NEGOTIATE = 0;
export const ICMSGTYPE_HEARTBEAT = 1;
export const ICMSGTYPE_KVPEXCHANGE = 2;
export const ICMSGTYPE_SHUTDOWN = 3;
export const ICMSGTYPE_TIMESYNC = 4;

export const ICMSGHDRFLAG_TRANSACTION = 1;
export const ICMSGHDRFLAG_REQUEST = 2;
export const ICMSGHDRFLAG_RESPONSE = 4;

/** Status of a response: HRESULTs. */
export const HV_S_OK = 0x00000000;
export const HV_E_FAIL = 0x80004005;
export const HV_S_CONT = 0x80070103;

/**
 * icmsg_hdr: u16 framework major, minor; u16 message type; u16 message major, minor; u16 message size; u32 status;
 * u8 transaction id; u8 flags; 2 reserved.
 */
const IC_HEADER_SIZE = 20;

export interface IcMessage {
  readonly type: number;
  readonly status: number;
  readonly flags: number;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** @param versions the negotiated ones, or 0.0 during negotiation */
export function encodeIcRequest(
  type: number,
  versions: { readonly framework: IcVersion; readonly message: IcVersion },
  body: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(PIPE_HEADER_SIZE + IC_HEADER_SIZE + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, PIPE_PACKET_TYPE_DATA, true);
  view.setUint32(4, IC_HEADER_SIZE + body.length, true);
  view.setUint16(8, versions.framework >>> 16, true);
  view.setUint16(10, versions.framework & 0xffff, true);
  view.setUint16(12, type, true);
  view.setUint16(14, versions.message >>> 16, true);
  view.setUint16(16, versions.message & 0xffff, true);
  view.setUint16(18, body.length, true);
  view.setUint32(20, HV_S_OK, true);
  view.setUint8(24, 0);
  view.setUint8(25, ICMSGHDRFLAG_TRANSACTION | ICMSGHDRFLAG_REQUEST);
  bytes.set(body, PIPE_HEADER_SIZE + IC_HEADER_SIZE);
  return bytes;
}

/** @returns undefined for a message whose sizes do not fit together */
export function decodeIcMessage(payload: Uint8Array<ArrayBuffer>): IcMessage | undefined {
  if (payload.length < PIPE_HEADER_SIZE + IC_HEADER_SIZE) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const pipeSize = view.getUint32(4, true);
  const bodySize = view.getUint16(18, true);
  if (pipeSize > payload.length - PIPE_HEADER_SIZE || IC_HEADER_SIZE + bodySize > pipeSize) return undefined;
  return {
    type: view.getUint16(12, true),
    status: view.getUint32(20, true),
    flags: view.getUint8(25),
    body: payload.slice(PIPE_HEADER_SIZE + IC_HEADER_SIZE, PIPE_HEADER_SIZE + IC_HEADER_SIZE + bodySize),
  };
}
