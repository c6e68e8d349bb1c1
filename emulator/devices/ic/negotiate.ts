import { FRAMEWORK_VERSIONS, type IcVersion } from "./protocol";

// Version negotiation, which every integration component starts with: the host names what it can do, the guest picks.
// icmsg_negotiate: u16 framework version count, u16 message version count, u32 reserved, then versions of two u16.

const NEGOTIATE_HEADER_SIZE = 8;
const VERSION_SIZE = 4;

export interface IcVersions {
  readonly framework: IcVersion;
  readonly message: IcVersion;
}

/** @param messageVersions what the component speaks, oldest first */
export function encodeNegotiation(messageVersions: readonly IcVersion[]): Uint8Array<ArrayBuffer> {
  const versions = [...FRAMEWORK_VERSIONS, ...messageVersions];
  const bytes = new Uint8Array(NEGOTIATE_HEADER_SIZE + VERSION_SIZE * versions.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, FRAMEWORK_VERSIONS.length, true);
  view.setUint16(2, messageVersions.length, true);
  versions.forEach((version, index) => {
    view.setUint16(NEGOTIATE_HEADER_SIZE + VERSION_SIZE * index, version >>> 16, true);
    view.setUint16(NEGOTIATE_HEADER_SIZE + VERSION_SIZE * index + 2, version & 0xffff, true);
  });
  return bytes;
}

/** The guest's choice; undefined if it found none, or chose what was not on offer. */
export function decodeNegotiation(
  body: Uint8Array<ArrayBuffer>,
  messageVersions: readonly IcVersion[],
): IcVersions | undefined {
  if (body.length < NEGOTIATE_HEADER_SIZE + 2 * VERSION_SIZE) return undefined;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  if (view.getUint16(0, true) !== 1 || view.getUint16(2, true) !== 1) return undefined;
  const version = (offset: number): IcVersion =>
    (view.getUint16(offset, true) << 16) | view.getUint16(offset + 2, true);
  const framework = version(NEGOTIATE_HEADER_SIZE);
  const message = version(NEGOTIATE_HEADER_SIZE + VERSION_SIZE);
  if (!FRAMEWORK_VERSIONS.includes(framework) || !messageVersions.includes(message)) return undefined;
  return { framework, message };
}
