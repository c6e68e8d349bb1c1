import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { buildSmbios } from "../../../emulator/boot/smbios";

const { base, bytes } = buildSmbios();
const view = new DataView(bytes.buffer);
const sum = (start: number, length: number): number =>
  bytes.subarray(start, start + length).reduce((total, byte) => (total + byte) & 0xff, 0);
const latin1 = (start: number, end: number): string => Buffer.from(bytes.subarray(start, end)).toString("latin1");

it("has an entry point where Linux looks for one, with right sums", () => {
  expect([base % 16, base >= 0xf0000, base + bytes.length <= 0x100000]).toEqual([0, true, true]);
  expect([latin1(0, 4), latin1(0x10, 0x15)]).toEqual(["_SM_", "_DMI_"]);
  expect([sum(0, bytes[5]!), sum(0x10, 15)]).toEqual([0, 0]);
});

it("names the system as Hyper-V's guests know it, in structures that fill the table exactly", () => {
  const start = view.getUint32(0x18, true) - base;
  const end = start + view.getUint16(0x16, true);
  const found = new Map<number, string[]>();
  let largest = 0;
  let at = start;
  while (at < end) {
    const textStart = at + bytes[at + 1]!;
    let textEnd = textStart;
    while (bytes[textEnd] !== 0 || bytes[textEnd + 1] !== 0) textEnd++;
    found.set(bytes[at]!, latin1(textStart, textEnd).split("\0"));
    largest = Math.max(largest, textEnd + 2 - at);
    at = textEnd + 2;
  }
  expect(at).toBe(end);
  expect(end).toBe(bytes.length);
  expect([...found.keys()]).toEqual([0, 1, 2, 3, 127]);
  expect(found.get(1)).toEqual(["Microsoft Corporation", "Virtual Machine", "7.0"]);
  expect(view.getUint16(0x1c, true)).toBe(found.size);
  expect(view.getUint16(8, true)).toBe(largest);
});

it.skipIf(spawnSync("dmidecode", ["--version"]).status !== 0)("is what dmidecode reads", () => {
  const folder = mkdtempSync(join(tmpdir(), "hypertab-smbios-"));
  try {
    // A dump for dmidecode: the entry point at 0, with the table behind it.
    const dump = Uint8Array.from(bytes);
    const entry = new DataView(dump.buffer);
    entry.setUint32(0x18, 0x20, true);
    for (const [sumAt, start, length] of [
      [0x15, 0x10, 15],
      [4, 0, 0x1f],
    ] as const) {
      dump[sumAt] = 0;
      dump[sumAt] = -dump.subarray(start, start + length).reduce((total, byte) => total + byte, 0) & 0xff;
    }
    const path = join(folder, "dump");
    writeFileSync(path, dump);
    const output = execFileSync("dmidecode", ["--from-dump", path], { encoding: "utf8" });
    expect(output).toContain("Product Name: Virtual Machine");
    expect(output).not.toMatch(/Wrong|broken|truncated|invalid/i);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
