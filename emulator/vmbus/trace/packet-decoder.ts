import * as packets from "../packets";
import { DESCRIPTOR_SIZE } from "../ring";
import { FieldReader } from "./field-reader";
import { flags, hex, hexBytes, named } from "./text";
import type { ChannelDecoder, DecodedMessage, TraceField } from "./types";

const PACKET_TYPES: Readonly<Record<number, string>> = {
  [packets.VM_PKT_DATA_INBAND]: "VM_PKT_DATA_INBAND",
  [packets.VM_PKT_DATA_USING_XFER_PAGES]: "VM_PKT_DATA_USING_XFER_PAGES",
  0x8: "VM_PKT_DATA_USING_GPADL",
  [packets.VM_PKT_DATA_USING_GPA_DIRECT]: "VM_PKT_DATA_USING_GPA_DIRECT",
  0xa: "VM_PKT_CANCEL_REQUEST",
  [packets.VM_PKT_COMP]: "VM_PKT_COMP",
  0xc: "VM_PKT_DATA_USING_ADDITIONAL_PKT",
  0xd: "VM_PKT_ADDITIONAL_DATA",
};

const MEANINGS: Readonly<Record<number, string>> = {
  [packets.VM_PKT_DATA_INBAND]: "Data that lies in the ring itself.",
  [packets.VM_PKT_DATA_USING_XFER_PAGES]:
    "Data that lies in memory both sides agreed on before; the packet says where.",
  [packets.VM_PKT_DATA_USING_GPA_DIRECT]: "A request about pages of the guest's memory, which the packet lists.",
  [packets.VM_PKT_COMP]: "The answer to the request with the same transaction id.",
};

const FLAGS = { [packets.VMBUS_DATA_PACKET_FLAG_COMPLETION_REQUESTED]: "COMPLETION_REQUESTED" };

/**
 * Takes a packet apart: its descriptor, and its payload as the device's decoder reads it or else in hex.
 * @param bytes its beginning at least; shorter than a descriptor only if the trace is damaged
 */
export function decodeTracedPacket(bytes: Uint8Array, toGuest: boolean, decoder?: ChannelDecoder): DecodedMessage {
  const descriptor = new FieldReader(bytes);
  const type = descriptor.u16("type", (value) => named(value, PACKET_TYPES)) ?? 0;
  const offset = 8 * (descriptor.u16("offset8", (value) => `${value} (${8 * value} bytes)`) ?? 0);
  descriptor.u16("len8", (value) => `${value} (${8 * value} bytes)`);
  const flagBits = descriptor.u16("flags", (value) => flags(value, FLAGS)) ?? 0;
  const transactionId = descriptor.u64("trans_id", hex);
  const name = named(type, PACKET_TYPES);
  if (transactionId === undefined || offset < DESCRIPTOR_SIZE || offset > bytes.length) {
    return { name, fields: descriptor.fields, meaning: "A packet whose parts do not fit together." };
  }
  if (offset > DESCRIPTOR_SIZE) readRanges(descriptor, type, offset - DESCRIPTOR_SIZE);
  const payload = bytes.subarray(offset);
  const decoded = decoder?.decode({
    type,
    toGuest,
    transactionId,
    completionRequested: (flagBits & packets.VMBUS_DATA_PACKET_FLAG_COMPLETION_REQUESTED) !== 0,
    payload,
  });
  if (decoded) return { ...decoded, fields: [...descriptor.fields, ...decoded.fields] };
  const hexField: TraceField[] = payload.length === 0 ? [] : [{ name: "payload", value: hexBytes(payload) }];
  return {
    name,
    fields: [...descriptor.fields, ...hexField],
    meaning: MEANINGS[type] ?? "A packet of a kind that is not in use.",
  };
}

/** What stands between descriptor and payload; `size` bytes of it, which are there. */
function readRanges(descriptor: FieldReader, type: number, size: number): void {
  const direct = type === packets.VM_PKT_DATA_USING_GPA_DIRECT;
  if ((!direct && type !== packets.VM_PKT_DATA_USING_XFER_PAGES) || size < 8) return;
  if (direct) {
    descriptor.skip(4);
  } else {
    descriptor.u16("xfer_pageset_id");
    descriptor.u8("sender_owns_set");
    descriptor.skip(1);
  }
  const count = descriptor.u32("range_cnt") ?? 0;
  if (count > 0 && size >= 16) {
    descriptor.u32("range[0].byte_count");
    descriptor.u32("range[0].byte_offset");
  }
}
