import { describe, expect, it } from "vitest";
import { deviceDecoders } from "../../../../emulator/devices/decoders";
import { operationName } from "../../../../emulator/devices/scsi/opcode-names";
import { VmbusTrace } from "../../../../emulator/vmbus/trace/trace";
import type { VmbusTraceEntry } from "../../../../emulator/vmbus/trace/types";

const HEARTBEAT = "57164f39-9115-4e78-ab55-382f3bd5422d";
const SHUTDOWN = "0e0b6031-5213-4934-818b-38d90ced39db";
const TIMESYNC = "9527e630-d0ae-497b-adce-e80ab0175caf";
const KVP = "a9a0f4e7-5a45-4d96-b827-8a841e8c03e6";
const SCSI = "ba6163d9-04a1-4d29-b605-72e2ffb1dc7f";

/** A channel's conversation; packets are laid out here by the drivers' structures, not by our encoders. */
class Conversation {
  readonly trace = new VmbusTrace(deviceDecoders);

  constructor(private readonly interfaceId: string) {}

  send(toGuest: boolean, type: number, payload: Uint8Array, transactionId = 0n, completion = false): VmbusTraceEntry {
    const header = type === 9 ? 40 : 16;
    const bytes = new Uint8Array(header + payload.length);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, type, true);
    view.setUint16(2, header / 8, true);
    view.setUint16(4, bytes.length / 8, true);
    view.setUint16(6, completion ? 1 : 0, true);
    view.setBigUint64(8, transactionId, true);
    if (type === 9) {
      view.setUint32(20, 1, true);
      view.setUint32(24, 4096, true);
      view.setUint32(28, 512, true);
    }
    bytes.set(payload, header);
    const channel = { relid: 1, name: "device", interfaceId: this.interfaceId, instanceId: "i" };
    return this.trace.decode({
      kind: "packet",
      time: 0,
      toGuest,
      channel,
      rings: undefined,
      bytes,
      length: bytes.length,
    });
  }
}

function value({ fields }: VmbusTraceEntry, name: string): string | undefined {
  // The last one: a descriptor has flags too.
  return fields.findLast((field) => field.name === name)?.value;
}

function icMessage(
  type: number,
  flags: number,
  body: Uint8Array,
  version: readonly [number, number] = [3, 0],
): Uint8Array {
  const bytes = new Uint8Array(28 + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 1, true);
  view.setUint32(4, 20 + body.length, true);
  view.setUint16(8, 3, true);
  view.setUint16(12, type, true);
  view.setUint16(14, version[0], true);
  view.setUint16(16, version[1], true);
  view.setUint16(18, body.length, true);
  view.setUint8(25, flags);
  bytes.set(body, 28);
  return bytes;
}

function utf16(text: string, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  new Uint16Array(bytes.buffer).set(Array.from(text, (character) => character.charCodeAt(0)));
  return bytes;
}

describe("integration components by name", () => {
  it("reads negotiation", () => {
    const body = new Uint8Array(new Uint16Array([1, 2, 0, 0, 3, 0, 3, 0, 3, 1]).buffer);
    const entry = new Conversation(SHUTDOWN).send(true, 6, icMessage(0, 3, body, [0, 0]));
    expect(entry.name).toBe("ICMSGTYPE_NEGOTIATE request");
    expect(value(entry, "icframe_vercnt")).toBe("1");
    expect(value(entry, "icversion_data[2].minor")).toBe("1");
    expect(value(entry, "icflags")).toBe("TRANSACTION|REQUEST");
    expect(value(entry, "truncated")).toBeUndefined();
  });

  it("reads heartbeat, and says which side speaks", () => {
    const body = new Uint8Array(40);
    body[0] = 77;
    const conversation = new Conversation(HEARTBEAT);
    const asked = conversation.send(true, 6, icMessage(1, 3, body));
    const answered = conversation.send(false, 6, icMessage(1, 5, body));
    expect([asked.name, answered.name]).toEqual(["ICMSGTYPE_HEARTBEAT request", "ICMSGTYPE_HEARTBEAT response"]);
    expect(value(answered, "seq_num")).toBe("77");
    expect(answered.meaning).not.toBe(asked.meaning);
  });

  it("reads shutdown", () => {
    const body = new Uint8Array(12 + 2048);
    body.set([0, 0, 0, 0x80, 60, 0, 0, 0, 3]);
    body.set(utf16("Tschüß\u001b", 2048), 12);
    const entry = new Conversation(SHUTDOWN).send(true, 6, icMessage(3, 3, body));
    expect(value(entry, "reason_code")).toBe("0x80000000");
    expect(value(entry, "timeout_seconds")).toBe("60");
    expect(value(entry, "flags")).toBe("FORCE|RESTART");
    expect(value(entry, "display_message")).toBe('"Tschüß\\u{1b}"');
  });

  it("reads time synchronization in both layouts", () => {
    const body = new Uint8Array(28);
    body.set([1], 0);
    body.set([2], 8);
    body.set([1], 16);
    body.set([2], 24);
    const older = new Conversation(TIMESYNC).send(true, 6, icMessage(4, 3, body));
    expect([value(older, "parenttime"), value(older, "childtime"), value(older, "roundtriptime")]).toEqual([
      "1",
      "2",
      "1",
    ]);
    expect(value(older, "flags")).toBe("SAMPLE");
    const newer = new Conversation(TIMESYNC).send(true, 6, icMessage(4, 3, body.slice(0, 24), [4, 0]));
    expect([value(newer, "vmreferencetime"), value(newer, "flags")]).toEqual(["2", "SYNC"]);
  });

  it("reads key-value pairs", () => {
    const body = new Uint8Array(4 + 4 + 12 + 512 + 2048);
    const view = new DataView(body.buffer);
    body.set([3, 2]);
    view.setUint32(4, 9, true);
    view.setUint32(8, 1, true);
    view.setUint32(12, 18, true);
    view.setUint32(16, 12, true);
    body.set(utf16("OSVersion", 512), 20);
    body.set(utf16("2.6.32", 2048), 532);
    const entry = new Conversation(KVP).send(false, 6, icMessage(2, 5, body));
    expect(value(entry, "operation")).toBe("KVP_OP_ENUMERATE");
    expect(value(entry, "pool")).toBe("KVP_POOL_AUTO");
    expect([value(entry, "index"), value(entry, "value_type")]).toEqual(["9", "REG_SZ"]);
    expect([value(entry, "key"), value(entry, "value")]).toEqual(['"OSVersion"', '"2.6.32"']);
    const gone = body.slice(0, 4 + 512 + 4);
    gone[0] = 2;
    gone.set(utf16("name", 512), 8);
    expect(value(new Conversation(KVP).send(true, 6, icMessage(2, 3, gone)), "key")).toBe('"name"');
  });

  it("says where a message is cut, and shows in hex what it does not know", () => {
    const cut = new Conversation(HEARTBEAT).send(true, 6, icMessage(1, 3, new Uint8Array(8)).subarray(0, 16));
    expect(value(cut, "truncated")).toBe("after 16 bytes");
    const unknown = new Conversation(HEARTBEAT).send(true, 6, icMessage(42, 3, Uint8Array.of(1, 2)));
    expect(unknown.name).toBe("0x2a request");
    expect(value(unknown, "bytes")).toBe("01 02");
  });
});

function vstor(operation: number, content: Uint8Array = new Uint8Array(0), status = 0): Uint8Array {
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, operation, true);
  view.setUint32(4, 1, true);
  view.setUint32(8, status, true);
  bytes.set(content, 12);
  return bytes;
}

/** vmscsi_request: lengths, LUN 3, then CDB or sense data. */
function request(cdb: readonly number[], srbStatus = 0, scsiStatus = 0, dataIn = 1): Uint8Array {
  const bytes = new Uint8Array(52);
  bytes.set([52, 0, srbStatus, scsiStatus, 0, 0, 0, 3, cdb.length, 20, dataIn, 0, 0, 0x10]);
  bytes.set(cdb, 16);
  return bytes;
}

describe("storvsp by name", () => {
  it("reads initialization, and answers by what they answer", () => {
    const conversation = new Conversation(SCSI);
    const version = conversation.send(false, 6, vstor(9, Uint8Array.of(2, 6)), 5n, true);
    expect(version.name).toBe("VSTOR_OPERATION_QUERY_PROTOCOL_VERSION");
    expect(value(version, "version.major_minor")).toBe("6.2 (0x0602)");
    const refused = conversation.send(true, 11, vstor(1, undefined, 0xc0000059), 5n);
    expect(refused.name).toBe("VSTOR_OPERATION_COMPLETE_IO QUERY_PROTOCOL_VERSION");
    expect(value(refused, "status")).toBe("STATUS_REVISION_MISMATCH");
    conversation.send(false, 6, vstor(10), 6n, true);
    const properties = new Uint8Array(24);
    properties.set([0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 8]);
    const answer = conversation.send(true, 11, vstor(1, properties), 6n);
    expect(value(answer, "max_channel_cnt")).toBe("7");
    expect(value(answer, "flags")).toBe("SUPPORTS_MULTI_CHANNEL");
    expect(value(answer, "max_transfer_bytes")).toBe("524288");
    const channels = conversation.send(false, 6, vstor(13, Uint8Array.of(4)), 7n, true);
    expect(value(channels, "sub_channel_count")).toBe("4");
    expect(conversation.send(true, 6, vstor(11)).name).toBe("VSTOR_OPERATION_ENUMERATE_BUS");
    expect(conversation.send(false, 6, vstor(77)).name).toBe("VSTOR_OPERATION_0x4d");
  });

  it("reads a command with its name, place and range, and the answer with its status", () => {
    const conversation = new Conversation(SCSI);
    const read = conversation.send(false, 9, vstor(3, request([0x28, 0, 0, 1, 0, 2, 0, 0, 8, 0])), 9n, true);
    expect(read.name).toBe("VSTOR_OPERATION_EXECUTE_SRB READ(10)");
    expect(value(read, "lun")).toBe("3");
    expect(value(read, "logical_block_address")).toBe("65538");
    expect(value(read, "transfer_length")).toBe("8 blocks");
    expect(value(read, "data_in")).toBe("READ_TYPE");
    expect(value(read, "data_transfer_length")).toBe("4096");
    expect(value(read, "range[0].byte_offset")).toBe("512");
    const done = conversation.send(true, 11, vstor(1, request([], 1)), 9n);
    expect(done.name).toBe("VSTOR_OPERATION_COMPLETE_IO READ(10)");
    expect(value(done, "srb_status")).toBe("SRB_STATUS_SUCCESS");
    expect(value(done, "scsi_status")).toBe("GOOD");
    // Answered already.
    expect(conversation.send(true, 11, vstor(1, request([], 1)), 9n).name).toBe("VSTOR_OPERATION_COMPLETE_IO");
  });

  it("reads sense data", () => {
    const conversation = new Conversation(SCSI);
    const sense = [0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x24, 0, 0, 0, 0, 0];
    const failed = conversation.send(true, 11, vstor(1, request(sense, 0x84, 2)), 9n);
    expect(value(failed, "srb_status")).toBe("SRB_STATUS_ERROR|SRB_STATUS_AUTOSENSE_VALID");
    expect(value(failed, "scsi_status")).toBe("CHECK CONDITION");
    expect(value(failed, "sense_key")).toBe("ILLEGAL REQUEST");
    expect(value(failed, "asc_ascq")).toBe("24 00");
  });

  it("begins anew when the channel is opened anew", () => {
    const conversation = new Conversation(SCSI);
    conversation.send(false, 9, vstor(3, request([0x12, 0, 0, 0, 36, 0])), 9n, true);
    const open = new Uint8Array(148);
    open.set([5, 0, 0, 0, 0, 0, 0, 0, 1]);
    conversation.trace.decode({ kind: "message", time: 0, toGuest: false, bytes: open });
    expect(conversation.send(true, 11, vstor(1, request([], 1)), 9n).name).toBe("VSTOR_OPERATION_COMPLETE_IO");
  });

  it("names commands as the standards do", () => {
    expect([0x00, 0x12, 0x28, 0x8a, 0x9e, 0xa0, 0xee].map(operationName)).toEqual([
      "TEST UNIT READY",
      "INQUIRY",
      "READ(10)",
      "WRITE(16)",
      "SERVICE ACTION IN(16)",
      "REPORT LUNS",
      "operation 0xee",
    ]);
  });
});

describe("a device that nobody has a decoder for", () => {
  it("is shown by packet type and in hex", () => {
    const unknown = new Conversation("f8615163-df3e-46c5-913f-f2d2f965ed0e");
    const entry = unknown.send(true, 6, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), 0x1234n, true);
    expect(entry.name).toBe("VM_PKT_DATA_INBAND");
    expect(value(entry, "payload")).toBe("01 02 03 04 05 06 07 08");
    expect(value(entry, "trans_id")).toBe("0x1234");
    expect(value(entry, "flags")).toBe("COMPLETION_REQUESTED");
    expect(unknown.send(true, 0x55, new Uint8Array(8)).name).toBe("0x55");
  });
});
