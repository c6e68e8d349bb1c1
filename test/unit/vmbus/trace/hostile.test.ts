import { describe, expect, it } from "vitest";
import { deviceDecoders } from "../../../../emulator/devices/decoders";
import { TraceCapture } from "../../../../emulator/vmbus/trace/capture";
import { describeTraceEntry } from "../../../../emulator/vmbus/trace/describe";
import { quoted } from "../../../../emulator/vmbus/trace/text";
import { VmbusTrace } from "../../../../emulator/vmbus/trace/trace";
import type { VmbusTraceEvent } from "../../../../emulator/vmbus/trace/types";
import { readPcapng } from "./pcapng-reader";

const interfaces = deviceDecoders.flatMap((decoder) => Object.keys(decoder.interfaces));

/** xorshift32: the same bytes at every run. */
function random(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Control characters that a terminal would obey; a comment of ours has line ends of its own. */
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

function packet(bytes: Uint8Array, which: number, toGuest: boolean): VmbusTraceEvent {
  const interfaceId = interfaces[which % interfaces.length] ?? "";
  const channel = { relid: which, name: "device", interfaceId, instanceId: interfaceId };
  return { kind: "packet", time: 0, toGuest, channel, rings: undefined, bytes, length: bytes.length };
}

describe("whatever a guest sends", () => {
  it("has decoders for every device there is", () => {
    expect(interfaces).toHaveLength(new Set(interfaces).size);
    expect(interfaces.length).toBeGreaterThanOrEqual(6);
    for (const id of interfaces) expect(id).toBe(id.toLowerCase());
  });

  it("is decoded, described and written without a throw, in bounded lines without control characters", () => {
    const next = random(6);
    const trace = new VmbusTrace(deviceDecoders);
    const blocks: Uint8Array[] = [];
    const capture = new TraceCapture((block) => blocks.push(block));
    const rounds = 6000;
    for (let round = 0; round < rounds; round++) {
      const bytes = Uint8Array.from({ length: next() % (round % 50 === 0 ? 4096 : 200) }, () => next());
      const view = new DataView(bytes.buffer);
      const asMessage = round % 3 === 0;
      // Mostly with a beginning that leads on into the decoders.
      if (asMessage && bytes.length >= 4 && next() % 8) view.setUint32(0, next() % 32, true);
      if (!asMessage && bytes.length >= 48 && next() % 8) {
        const offset = next() % 4 === 0 ? 4 : 2;
        view.setUint16(0, [6, 7, 9, 11][next() % 4] ?? 6, true);
        view.setUint16(2, offset, true);
        // storvsp's operation, or an integration component's type and flags.
        if (next() % 2) view.setUint32(8 * offset, next() % 16, true);
        if (next() % 2) view.setUint16(8 * offset + 12, next() % 6, true);
      }
      const toGuest = next() % 2 === 0;
      const event: VmbusTraceEvent = asMessage
        ? { kind: "message", time: round, toGuest, bytes }
        : packet(bytes, next() % interfaces.length, toGuest);
      const entry = trace.decode(event);
      const line = describeTraceEntry(entry);
      expect(line.length).toBeLessThan(8000);
      expect(line).not.toMatch(CONTROLS);
      expect(line).not.toContain("\n");
      expect(entry.meaning).toMatch(/\.$/);
      capture.add(entry);
    }
    const { packets } = readPcapng(new Uint8Array(Buffer.concat(blocks)));
    expect(packets).toHaveLength(rounds);
    for (const { comment } of packets) expect(comment).not.toMatch(CONTROLS);
  });

  it("is shown with its escapes escaped", () => {
    expect(quoted('a\u001b[31m"\u202e\\\ud800')).toBe('"a\\u{1b}[31m\\u{22}\\u{202e}\\u{5c}\\u{d800}"');
    expect(quoted("x".repeat(5000)).length).toBeLessThan(210);
  });
});
