import type { GuestMemory } from "../cpu/guest-memory";
import { PAGE_SIZE } from "./guest-buffer";
import { SUPPORTED_VERSIONS, VERSION_WIN10_V5, VERSION_WIN7, VMBUS_MESSAGE_SINT } from "./protocol";

/** What a guest's CHANNELMSG_INITIATE_CONTACT settled for its connection. */
export interface Contact {
  readonly version: number;
  /** Where the host's messages go, and its events. */
  readonly messageVp: number;
  readonly sint: number;
  /** Up to version 1.1: GPA of the interrupt page, host to guest in its first half, guest to host in its second. */
  readonly interruptPage: number | undefined;
  /** GPA of the monitor page in which the guest sets bits for the host. */
  readonly monitorPage: number | undefined;
}

/** Bits of channels in either half of the interrupt page. */
export const INTERRUPT_PAGE_HALF = PAGE_SIZE / 2;

const VP_COUNT = 1;
const SINT_COUNT = 16;

/**
 * Reads a contact message, at least INITIATE_CONTACT_SIZE bytes.
 * @returns undefined for a version that is not supported or memory that cannot be used; the guest may try another
 */
export function readContact(memory: GuestMemory, bytes: Uint8Array): Contact | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint32(8, true);
  if (!SUPPORTED_VERSIONS.includes(version)) return undefined;
  const page = (offset: number): number | undefined => {
    const gpa = view.getBigUint64(offset, true);
    if (gpa === 0n || gpa >= BigInt(memory.size) || gpa % BigInt(PAGE_SIZE) !== 0n) return undefined;
    return Number(gpa);
  };
  // From 5.0 on the place of the interrupt page names the SINT instead.
  const sint = version >= VERSION_WIN10_V5 ? view.getUint8(16) : VMBUS_MESSAGE_SINT;
  if (sint === 0 || sint >= SINT_COUNT) return undefined;
  const interruptPage = version <= VERSION_WIN7 ? page(16) : undefined;
  if (version <= VERSION_WIN7 && interruptPage === undefined) return undefined;
  const vp = view.getUint32(12, true);
  return { version, messageVp: vp < VP_COUNT ? vp : 0, sint, interruptPage, monitorPage: page(32) };
}
