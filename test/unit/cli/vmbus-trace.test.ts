import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UsageError } from "../../../cli/errors";
import { TraceFile } from "../../../cli/trace-file";
import { traceVmbus } from "../../../cli/vmbus-trace";
import type { VmbusTraceEntry } from "../../../emulator/machine-types";
import { readPcapng } from "../vmbus/trace/pcapng-reader";

const entry: VmbusTraceEntry = {
  event: { kind: "message", time: 5, toGuest: false, bytes: new Uint8Array(8) },
  name: "REQUESTOFFERS",
  fields: [],
  meaning: "The guest asks.",
};

/** What traceVmbus needs of a machine. */
class TracedMachine {
  readonly listeners = new Set<(entry: VmbusTraceEntry) => void>();
  traceVmbus(listener: (entry: VmbusTraceEntry) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  emit(): void {
    for (const listener of this.listeners) listener(entry);
  }
}

describe("--vmbus-trace", () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "hypertab-"));
    path = join(folder, "t.pcapng");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("writes a file that is whole when the run ends, and lines beside it", () => {
    const machine = new TracedMachine();
    const lines: string[] = [];
    const signals = process.listenerCount("SIGTERM");
    const end = traceVmbus(machine, { vmbusTrace: path, vmbusLog: true }, (line) => lines.push(line));
    machine.emit();
    machine.emit();
    end();
    expect(machine.listeners.size).toBe(0);
    expect(process.listenerCount("SIGTERM")).toBe(signals);
    const { packets, received } = readPcapng(readFileSync(path));
    expect(packets.map(({ comment }) => comment)).toEqual(Array(2).fill("REQUESTOFFERS\nThe guest asks."));
    expect(received.get(0)).toBe(2n);
    expect(lines).toEqual(Array(2).fill("0.000000005 <- control: REQUESTOFFERS"));
  });

  it("has whole blocks on disk while it goes, and keeps no more than its buffer back", () => {
    const machine = new TracedMachine();
    const end = traceVmbus(machine, { vmbusTrace: path, vmbusLog: false }, () => undefined);
    const emitted = 3000;
    for (let count = 0; count < emitted; count++) machine.emit();
    const soFar = readFileSync(path);
    expect(readPcapng(soFar).packets.length).toBeGreaterThan(emitted / 2);
    end();
    expect(readFileSync(path).length - soFar.length).toBeLessThan(70_000);
    expect(readPcapng(readFileSync(path)).packets).toHaveLength(emitted);
  });

  it("does nothing unless asked to", () => {
    const machine = new TracedMachine();
    const end = traceVmbus(machine, { vmbusLog: false }, () => undefined);
    expect(machine.listeners.size).toBe(0);
    end();
  });

  it("says in one line that a file cannot be made, or not be written further", () => {
    const machine = new TracedMachine();
    const missing = join(folder, "none", "t.pcapng");
    expect(() => traceVmbus(machine, { vmbusTrace: missing, vmbusLog: false }, () => undefined)).toThrow(UsageError);
    const failures: string[] = [];
    // The device that is always full.
    const file = new TraceFile("--vmbus-trace", "/dev/full", (line) => failures.push(line));
    file.write(new Uint8Array(16));
    file.flush();
    expect(failures).toEqual([expect.stringMatching(/^\/dev\/full cannot be written any more: ENOSPC/)]);
    expect(file.isOpen).toBe(false);
    file.write(new Uint8Array(16));
    file.close();
    expect(failures).toHaveLength(1);
  });
});
