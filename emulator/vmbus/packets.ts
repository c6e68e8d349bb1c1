import type { GuestMemory } from "../cpu/guest-memory";
import { type GuestBuffer, parseGpaRanges } from "./guest-buffer";
import { DESCRIPTOR_SIZE } from "./ring";

// Packets in a ring: struct vmpacket_descriptor, what a type adds to it, and the payload.

export const VM_PKT_DATA_INBAND = 0x6;
export const VM_PKT_DATA_USING_XFER_PAGES = 0x7;
export const VM_PKT_DATA_USING_GPA_DIRECT = 0x9;
export const VM_PKT_COMP = 0xb;

export const VMBUS_DATA_PACKET_FLAG_COMPLETION_REQUESTED = 1;

/** GPA direct: u32 reserved, u32 range count, then the ranges. Transfer pages: the same place, other fields. */
const RANGES = DESCRIPTOR_SIZE + 8;
const TRANSFER_RANGE_SIZE = 8;

/** A piece of a transfer-page set (a GPADL that both sides agreed on), in bytes from its start. */
export interface TransferRange {
  readonly byteOffset: number;
  readonly byteCount: number;
}

export interface TransferPages {
  readonly setId: number;
  readonly ranges: readonly TransferRange[];
}

/** A packet from the guest, checked. */
export interface Packet {
  /** VM_PKT_*. */
  readonly type: number;
  readonly transactionId: bigint;
  readonly completionRequested: boolean;
  /** Everything after the descriptor and what belongs to it, padded to a multiple of 8. */
  readonly payload: Uint8Array<ArrayBuffer>;
  /** Of a GPA direct packet: guest memory that the request is about, in order. Empty for other types. */
  readonly buffers: readonly GuestBuffer[];
  /** Of a transfer-page packet. */
  readonly transferPages?: TransferPages;
}

/** A packet to the guest. */
export interface OutgoingPacket {
  readonly payload: Uint8Array;
  /** 0 if not given. */
  readonly transactionId?: bigint;
  readonly completionRequested?: boolean;
  /** Makes it a transfer-page packet. */
  readonly transferPages?: TransferPages;
}

/**
 * Takes a packet from a ring apart.
 * @param bytes descriptor and payload, at least a descriptor
 * @returns a text that says what is wrong with a malformed packet
 */
export function decodePacket(memory: GuestMemory, bytes: Uint8Array<ArrayBuffer>): Packet | string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = view.getUint16(0, true);
  const payloadOffset = view.getUint16(2, true) * 8;
  if (payloadOffset < DESCRIPTOR_SIZE || payloadOffset > bytes.length)
    return `data offset ${payloadOffset} is outside the packet`;
  const common = {
    type,
    transactionId: view.getBigUint64(8, true),
    completionRequested: (view.getUint16(6, true) & VMBUS_DATA_PACKET_FLAG_COMPLETION_REQUESTED) !== 0,
    payload: bytes.slice(payloadOffset),
    buffers: [] as readonly GuestBuffer[],
  };
  switch (type) {
    case VM_PKT_DATA_INBAND:
    case VM_PKT_COMP:
      return common;
    case VM_PKT_DATA_USING_GPA_DIRECT: {
      if (payloadOffset < RANGES) return "GPA direct packet without ranges";
      const buffers = parseGpaRanges(memory, bytes.subarray(RANGES, payloadOffset), view.getUint32(20, true));
      return buffers ? { ...common, buffers } : "malformed GPA range, or outside RAM";
    }
    case VM_PKT_DATA_USING_XFER_PAGES: {
      const count = view.getUint32(20, true);
      if (payloadOffset < RANGES || count > (payloadOffset - RANGES) / TRANSFER_RANGE_SIZE)
        return "too many transfer ranges";
      const ranges: TransferRange[] = [];
      for (let at = RANGES; ranges.length < count; at += TRANSFER_RANGE_SIZE) {
        ranges.push({ byteCount: view.getUint32(at, true), byteOffset: view.getUint32(at + 4, true) });
      }
      return { ...common, transferPages: { setId: view.getUint16(16, true), ranges } };
    }
    default:
      return `packet of unknown type ${type}`;
  }
}

function encode(
  type: number,
  headerSize: number,
  flags: number,
  transactionId: bigint,
  payload: Uint8Array,
): { bytes: Uint8Array<ArrayBuffer>; view: DataView<ArrayBuffer> } {
  const length = (headerSize + payload.length + 7) & ~7;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, type, true);
  view.setUint16(2, headerSize / 8, true);
  view.setUint16(4, length / 8, true);
  view.setUint16(6, flags, true);
  view.setBigUint64(8, BigInt.asUintN(64, transactionId), true);
  bytes.set(payload, headerSize);
  return { bytes, view };
}

/** The largest packet a descriptor can tell: its length is a u16 in units of 8 bytes. */
export const LARGEST_PACKET = 0xffff * 8;

/** In-band data, or transfer pages if the packet has some. */
export function encodePacket(packet: OutgoingPacket): Uint8Array<ArrayBuffer> {
  const flags = packet.completionRequested ? VMBUS_DATA_PACKET_FLAG_COMPLETION_REQUESTED : 0;
  const transactionId = packet.transactionId ?? 0n;
  const pages = packet.transferPages;
  if (!pages) return encode(VM_PKT_DATA_INBAND, DESCRIPTOR_SIZE, flags, transactionId, packet.payload).bytes;
  const headerSize = RANGES + TRANSFER_RANGE_SIZE * pages.ranges.length;
  const { bytes, view } = encode(VM_PKT_DATA_USING_XFER_PAGES, headerSize, flags, transactionId, packet.payload);
  view.setUint16(16, pages.setId, true);
  view.setUint32(20, pages.ranges.length, true);
  pages.ranges.forEach((range, index) => {
    view.setUint32(RANGES + TRANSFER_RANGE_SIZE * index, range.byteCount, true);
    view.setUint32(RANGES + TRANSFER_RANGE_SIZE * index + 4, range.byteOffset, true);
  });
  return bytes;
}

/** The answer to a request that asked for completion. */
export function encodeCompletion(transactionId: bigint, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  return encode(VM_PKT_COMP, DESCRIPTOR_SIZE, 0, transactionId, payload).bytes;
}
