import { describe, expect, it } from "vitest";
import { deviceDecoders } from "../../../../emulator/devices/decoders";
import { CONTROL_MESSAGES } from "../../../../emulator/vmbus/trace/control-messages";
import { VmbusTrace } from "../../../../emulator/vmbus/trace/trace";
import type { VmbusTraceEntry } from "../../../../emulator/vmbus/trace/types";
import { words } from "../fake-guest";

function decode(trace: VmbusTrace, bytes: Uint8Array): VmbusTraceEntry {
  return trace.decode({ kind: "message", time: 0, toGuest: true, bytes });
}

function fieldsOf({ fields }: VmbusTraceEntry): Record<string, string> {
  return Object.fromEntries(fields.map(({ name, value }) => [name, value]));
}

const fresh = (version?: number): VmbusTrace => new VmbusTrace(deviceDecoders, version);

/** INITIATE_CONTACT with a byte pattern where addresses are. */
function contact(version: number, size = 40): Uint8Array {
  const bytes = new Uint8Array(size);
  bytes.set(words(14, version, 1));
  bytes.set([2, 1, 0, 0, 0x11, 0, 0, 0], 16);
  bytes[25] = 0x50;
  bytes[33] = 0x60;
  return bytes;
}

describe("control messages by name", () => {
  it("has a name, one sentence and a reader for all types that hosts and guests know", () => {
    expect([...CONTROL_MESSAGES.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: 29 }, (_, i) => i + 1));
    const names = [...CONTROL_MESSAGES.values()].map(({ name }) => name);
    expect(new Set(names).size).toBe(29);
    for (const { meaning } of CONTROL_MESSAGES.values()) expect(meaning).toMatch(/^[A-Z].{20,}[^.]\.$/);
  });

  it("reads a contact as its version lays it out", () => {
    expect(fieldsOf(decode(fresh(), contact(0x30000)))).toMatchObject({
      vmbus_version_requested: "3.0 (0x00030000)",
      target_vcpu: "1",
      interrupt_page: "0x1100000102",
      monitor_page1: "0x5000",
      monitor_page2: "0x6000",
    });
    const newer = decode(fresh(), contact(0x50003));
    expect(newer.name).toBe("INITIATE_CONTACT");
    expect(fieldsOf(newer)).toMatchObject({
      msg_sint: "2",
      msg_vtl: "1",
      feature_flags: "0x11",
      monitor_page2: "0x6000",
    });
    expect(fieldsOf(newer)).not.toHaveProperty("client_id");
    expect(fieldsOf(decode(fresh(), contact(0x60000, 56)))["client_id"]).toBe("00000000-0000-0000-0000-000000000000");
  });

  it("reads the answer to it by the version that was asked for", () => {
    const trace = fresh();
    decode(trace, contact(0x30000));
    const accepted = fieldsOf(decode(trace, words(15, 1, 0x30000)));
    expect(accepted).toMatchObject({ version_supported: "1", selected_version: "3.0 (0x00030000)" });
    decode(trace, contact(0x50003));
    expect(fieldsOf(decode(trace, words(15, 1, 4)))["msg_conn_id"]).toBe("4");
    expect(fieldsOf(decode(trace, words(15, 0, 0)))["msg_conn_id"]).toBeUndefined();
    // What Windows Server 2008 sent: 9 bytes.
    expect(fieldsOf(decode(trace, words(15, 1).subarray(0, 9)))).toEqual({ msgtype: "15", version_supported: "1" });
  });

  it("reads an offer and names the device", () => {
    const bytes = new Uint8Array(196);
    bytes.set([1]);
    bytes.set([0x39, 0x4f, 0x16, 0x57, 0x15, 0x91, 0x78, 0x4e, 0xab, 0x55, 0x38, 0x2f, 0x3b, 0xd5, 0x42, 0x2d], 8);
    const view = new DataView(bytes.buffer);
    view.setUint16(56, 0x8411, true);
    view.setUint32(60, 4, true);
    view.setUint32(184, 3, true);
    view.setUint32(192, 0x2003, true);
    expect(fieldsOf(decode(fresh(), bytes))).toMatchObject({
      if_type: "57164f39-9115-4e78-ab55-382f3bd5422d",
      device: "Heartbeat",
      chn_flags: "ENUMERATE_DEVICE_INTERFACE|NAMED_PIPE_MODE|REQUEST_MONITORED_NOTIFICATION|0x8000",
      user_defined: "04 zeros (120 bytes)",
      child_relid: "3",
      connection_id: "0x2003",
    });
  });

  it("reads channel, GPADL and socket messages", () => {
    const open = new Uint8Array(148);
    open.set(words(5, 3, 9, 0xe1e10, 1, 4));
    expect(fieldsOf(decode(fresh(0x20004), open))).toMatchObject({
      child_relid: "3",
      openid: "9",
      ringbuffer_gpadlhandle: "0xe1e10",
      target_vp: "1",
      downstream_ringbuffer_pageoffset: "4",
    });
    expect(fieldsOf(decode(fresh(0x10001), open))).toHaveProperty("server_contextarea_gpadlhandle", "1");
    expect(fieldsOf(decode(fresh(), words(6, 3, 9, 0xc000000d)))["status"]).toBe("0xc000000d (invalid parameter)");
    expect(fieldsOf(decode(fresh(), words(8, 3, 0xe1e10, 0x10018, 8192, 16, 5, 0, 6, 0)))).toMatchObject({
      gpadl: "0xe1e10",
      range_buflen: "24",
      rangecount: "1",
      "range[0].byte_count": "8192",
      "range[0].byte_offset": "16",
      "range[0].pfns": "3",
      "range[0].pfn_array": "05 00 00 00 00 00 00 00 06 00 00 00 00 00 00 00",
    });
    expect(fieldsOf(decode(fresh(), words(9, 1, 0xe1e10, 7, 0)))).toMatchObject({ msgnumber: "1", pfns: "1" });
    expect(fieldsOf(decode(fresh(), words(23, 0, 0, 0, 0, 0, 0, 0, 0, 0xc0000236)))["status"]).toContain("refused");
    expect(fieldsOf(decode(fresh(), words(24, 5, 0)))).toEqual({
      msgtype: "24",
      child_relid: "5",
      status: "0 (success)",
    });
  });

  it("says of a message that is cut where it ends, and of an unknown one what is in it", () => {
    expect(fieldsOf(decode(fresh(), words(10, 3)))).toEqual({
      msgtype: "10",
      child_relid: "3",
      truncated: "after 12 bytes",
    });
    expect(decode(fresh(), new Uint8Array(3)).name).toBe("(no message)");
    const unknown = decode(fresh(), words(99, 0x12345678));
    expect(unknown.name).toBe("CHANNELMSG_99");
    expect(fieldsOf(unknown)["bytes"]).toBe("78 56 34 12");
  });
});
