import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readNeeded } from "../../../images/archive/elf-needed";
import { forOldKernels } from "../../../images/archive/old-kernels";
import { dword, program } from "../../bench/assemble";

/** fstat of stdin as glibc asks for it; the exit status is the result. */
function asksByEmptyPath(): Uint8Array {
  const code = program(64, [
    ...[0x48, 0x81, 0xec, ...dword(256)], // sub rsp, 256
    ...[0x48, 0x89, 0xe2], // mov rdx, rsp
    ...[0x6a, 0x00], // push 0
    ...[0x48, 0x89, 0xe6], // mov rsi, rsp
    ...[0x31, 0xff], // xor edi, edi
    ...[0x41, 0xba, ...dword(0x1000)], // mov r10d, AT_EMPTY_PATH
    ...[0xb8, ...dword(262)], // mov eax, newfstatat
    ...[0x0f, 0x05],
    ...[0x89, 0xc7], // mov edi, eax
    ...[0xb8, ...dword(60)], // mov eax, exit
    ...[0x0f, 0x05],
  ]);
  const page = new Uint8Array(4096);
  page.set(code);
  return page;
}

describe("programs for kernels before 2.6.39", () => {
  it("ask fstat where glibc asks newfstatat with AT_EMPTY_PATH, and get the same answer", ({ skip }) => {
    const original = asksByEmptyPath();
    const patched = forOldKernels(original, "program");
    const at = (bytes: Uint8Array, code: readonly number[]): number => Buffer.from(bytes).indexOf(Buffer.from(code));
    const fstat = [0xb8, ...dword(5)];
    expect(at(original, fstat)).toBe(-1);
    expect(at(patched, fstat)).toBeGreaterThan(0);
    // The original call is a jump now, and what follows it is where it was.
    const site = at(original, [0xb8, ...dword(262)]);
    expect(patched[site]).toBe(0xe9);
    expect(patched.subarray(site + 7, site + 16)).toEqual(original.subarray(site + 7, site + 16));
    if (process.platform !== "linux" || process.arch !== "x64") skip();
    const folder = mkdtempSync(join(tmpdir(), "hypertab-fstat-"));
    try {
      for (const [name, bytes] of Object.entries({ original, patched })) {
        writeFileSync(join(folder, name), bytes, { mode: 0o755 });
        expect(`${name}: ${spawnSync(join(folder, name)).status}`).toBe(`${name}: 0`);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("are refused where there is no room behind the text", () => {
    const full = asksByEmptyPath();
    full.fill(0x90, 170);
    expect(() => forOldKernels(full, "program")).toThrow("program: there is no room behind its text.");
  });
});

describe("what a program needs", () => {
  it("is nothing for a static one, and cannot be told of what is none", () => {
    expect(readNeeded(asksByEmptyPath(), "program")).toEqual({ interpreter: undefined, libraries: [] });
    expect(() => readNeeded(new Uint8Array(100), "noise")).toThrow("noise: not a program for 64 bits.");
    expect(() => readNeeded(asksByEmptyPath().subarray(0, 80), "cut")).toThrow("cut: not a program for 64 bits.");
  });
});
