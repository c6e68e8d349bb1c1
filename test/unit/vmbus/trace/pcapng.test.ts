import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { TraceCapture } from "../../../../emulator/vmbus/trace/capture";
import { enhancedPacket, interfaceDescription, sectionHeader } from "../../../../emulator/vmbus/trace/pcapng";
import type { VmbusTraceEntry, VmbusTraceEvent } from "../../../../emulator/vmbus/trace/types";
import { readPcapng } from "./pcapng-reader";

const channel = { relid: 7, name: "Echo", interfaceId: "11111111-2222-3333-4444-555555555555", instanceId: "i" };
const rings = { toHost: { used: 24, size: 4096 }, toGuest: { used: undefined, size: 8192 } };

function entry(event: VmbusTraceEvent): VmbusTraceEntry {
  return { event, name: "NAME", fields: [{ name: "field", value: "1" }], meaning: "What it means." };
}

function joined(blocks: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(blocks));
}

function sample(): Uint8Array {
  const blocks: Uint8Array[] = [];
  const capture = new TraceCapture((block) => blocks.push(block));
  // A time that needs more than 32 bits, in ns: an hour.
  const time = 3_600_000_000_123;
  capture.add(entry({ kind: "message", time, toGuest: false, bytes: Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0) }));
  capture.add(
    entry({
      kind: "packet",
      time: time + 1,
      toGuest: true,
      channel,
      rings,
      bytes: Uint8Array.of(6, 0, 2),
      length: 9000,
    }),
  );
  capture.add(entry({ kind: "signal", time: time + 2, toGuest: true, channel, rings: undefined }));
  capture.add(entry({ kind: "gpadl", time: time + 3, change: "established", id: 0xe1e10, relid: 7, pages: 8 }));
  // The same number, but another device.
  capture.add(
    entry({ kind: "signal", time: time + 4, toGuest: false, channel: { ...channel, instanceId: "j" }, rings }),
  );
  capture.end();
  return joined(blocks);
}

describe("a capture file", () => {
  it("has an interface for control and one for each channel, and times in ns", () => {
    const { application, interfaces, packets } = readPcapng(sample());
    expect(application).toBe("Hypertab");
    expect(interfaces.map(({ name }) => name)).toEqual(["control", "channel 7 Echo", "channel 7 Echo"]);
    expect(interfaces[1]?.description).toContain(channel.interfaceId);
    for (const each of interfaces) expect(each).toMatchObject({ linkType: 147, timeResolution: 9 });
    expect(packets.map(({ interfaceId }) => interfaceId)).toEqual([0, 1, 1, 0, 2]);
    expect(packets.map(({ time }) => time - 3_600_000_000_123n)).toEqual([0n, 1n, 2n, 3n, 4n]);
  });

  it("tells direction, lengths and decoded text of each packet", () => {
    const { packets, received } = readPcapng(sample());
    expect(packets.map(({ flags }) => flags)).toEqual([2, 1, 1, undefined, 2]);
    expect(packets.map(({ originalLength }) => originalLength)).toEqual([32, 9024, 24, 36, 24]);
    expect(packets[0]?.comment).toBe("NAME field=1\nWhat it means.");
    expect(packets[1]?.comment).toContain("[rings <- 24/4096, -> ?/8192]");
    expect([...received]).toEqual([
      [0, 2n],
      [1, 2n],
      [2, 1n],
    ]);
  });

  it("has the documented header before each packet's bytes", () => {
    const { packets } = readPcapng(sample());
    const header = (index: number): number[] => {
      const { bytes } = packets[index]!;
      const view = new DataView(bytes.buffer);
      return [...bytes.subarray(0, 4), ...[4, 8, 12, 16, 20].map((at) => view.getUint32(at, true))];
    };
    expect(header(0)).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(header(1)).toEqual([1, 1, 1, 0, 7, 24, 4096, 0xffffffff, 8192]);
    expect(header(2)).toEqual([1, 2, 1, 0, 7, 0, 0, 0, 0]);
    expect(header(3)).toEqual([1, 3, 2, 0, 7, 0, 0, 0, 0]);
    expect([...packets[0]!.bytes.subarray(24)]).toEqual([3, 0, 0, 0, 0, 0, 0, 0]);
    expect([...packets[1]!.bytes.subarray(24)]).toEqual([6, 0, 2]);
    expect([...new Uint32Array(packets[3]!.bytes.slice(24).buffer)]).toEqual([0xe1e10, 8, 1]);
  });

  it("cuts a comment that an option cannot hold, between characters", () => {
    const file = joined([
      sectionHeader("a", "b"),
      interfaceDescription(147, 16, "n", "d"),
      enhancedPacket({
        interfaceId: 0,
        time: 0,
        bytes: new Uint8Array(1),
        originalLength: 1,
        comment: "€".repeat(30_000),
      }),
    ]);
    expect(readPcapng(file).packets[0]?.comment).toBe("€".repeat(Math.floor(0xfff0 / 3)));
  });

  const capinfos = spawnSync("capinfos", ["--version"]).status === 0;
  it.skipIf(!capinfos)("is one that Wireshark's capinfos reads", () => {
    const folder = mkdtempSync(join(tmpdir(), "hypertab-"));
    try {
      writeFileSync(join(folder, "t.pcapng"), sample());
      const { status, stdout } = spawnSync("capinfos", ["-c", join(folder, "t.pcapng")], { encoding: "utf8" });
      expect(status).toBe(0);
      expect(stdout).toMatch(/Number of packets:\s+5/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
