import { describe, expect, it } from "vitest";
import { EscapeFilter } from "../../../cli/escape-filter";
import { PanicWatcher } from "../../../cli/panic-watcher";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("PanicWatcher", () => {
  it.each([
    [["[    1.0] Kernel panic - not syncing: Attempted to kill init!\n"], true],
    [[..."Kernel panic - not syncing"], true],
    [["KernelKernel pan", "Kernel panic - not syncing"], true],
    [["Kernel panic - not synced"], false],
    [["kernel panic - not syncing"], false],
  ])("%j: %s", (pieces, seen) => {
    const watcher = new PanicWatcher();
    for (const piece of pieces) watcher.feed(bytes(piece));
    expect(watcher.seen).toBe(seen);
  });
});

describe("EscapeFilter", () => {
  it.each([
    ["plain text passes", ["ls\r"], "ls\r", false],
    ["Ctrl-A x leaves, what follows is dropped", ["ab\x01xcd"], "ab", true],
    ["Ctrl-A and x may come apart", ["\x01", "x"], "", true],
    ["Ctrl-A twice sends one", ["\x01\x01x"], "\x01x", false],
    ["Ctrl-A and another key go to the guest", ["\x01", "k"], "\x01k", false],
    ["Ctrl-C goes to the guest", ["\x03"], "\x03", false],
  ])("%s", (_name, pieces, data, leave) => {
    const filter = new EscapeFilter();
    const results = pieces.map((piece) => filter.feed(bytes(piece)));
    expect(results.map((result) => new TextDecoder().decode(result.data)).join("")).toBe(data);
    expect(results.some((result) => result.leave)).toBe(leave);
  });
});
