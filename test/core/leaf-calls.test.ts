// Leaf functions, which translated code takes in at each call: what comes of them, and that they are counted.

import { describe, expect, it } from "vitest";
import { STATISTIC_CHAINED, STATISTIC_TRANSLATED_INSTRUCTIONS } from "../../assembly/state";
import { CODE, Guest, STACK_TOP, type Mode } from "./harness";

/** Where the leaf functions are: on a page of their own. */
const LEAF = CODE + 0x1000;
const ROUNDS = 100;

const THUNK = [0x8b, 0x1c, 0x24, 0xc3]; // mov ebx, [esp]; ret
const ADD = [0x83, 0xc0, 0x03, 0x01, 0x04, 0x24, 0x29, 0x04, 0x24, 0xc3]; // add eax, 3; add [esp], eax; sub [esp], eax; ret
const SKIP = [0x83, 0x04, 0x24, 0x02, 0xc3]; // add dword [esp], 2; ret

/** call LEAF; add eax, ebx; dec ecx; jnz to the call */
const loop = [0xe8, ...little(LEAF - CODE - 5), 0x01, 0xd8, 0xff, 0xc9, 0x75, 0xf5];

function little(value: number): number[] {
  return [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
}

function start(mode: Mode, threshold: number, leaf: readonly number[]): Guest {
  const guest = new Guest(mode);
  guest.cpu.setTranslateThreshold(threshold);
  guest.cpu.setTranslateAtOnce(true);
  guest.cpu.memory.write(LEAF, Uint8Array.from(leaf));
  return guest.set({ rcx: BigInt(ROUNDS), rax: 7n, rbx: 1n });
}

function counter(guest: Guest, address: number): number {
  return Number(new DataView(guest.cpu.state.buffer).getBigUint64(address, true));
}

function state(guest: Guest): unknown {
  const registers = (["rax", "rbx", "rcx", "rsp"] as const).map((name) => guest.get(name));
  return { registers, count: guest.cpu.instructionCount, stack: guest.cpu.memory.readU64(STACK_TOP - 8) };
}

describe.each([
  ["a thunk", 32, THUNK],
  ["a function", 32, ADD],
  ["a function that returns elsewhere", 32, SKIP],
  ["a thunk", 64, THUNK],
  ["a function", 64, ADD],
  ["a function that returns elsewhere", 64, SKIP],
] as const)("%s in %i-bit code", (_name, mode, leaf) => {
  it("leaves what the interpreter leaves, at any limit", () => {
    for (let limit = 300; limit < 312; limit++) {
      const reference = start(mode, Infinity, leaf);
      const guest = start(mode, 5, leaf);
      reference.run(loop, limit);
      guest.run(loop, limit);
      expect(state(guest)).toEqual(state(reference));
      expect(counter(guest, STATISTIC_TRANSLATED_INSTRUCTIONS)).toBeGreaterThan(limit / 2);
    }
  });

  it("sees the function change", () => {
    const changed = [...leaf];
    // The thunk's register becomes EDX; the function adds or skips another number.
    if (leaf === THUNK) changed[1] = 0x14;
    else if (leaf === ADD) changed[2] = 5;
    else changed[3] = 0;
    const ends = [Infinity, 5].map((threshold) => {
      const guest = start(mode, threshold, leaf);
      guest.run(loop, 300);
      guest.cpu.memory.write(LEAF, Uint8Array.from(changed));
      guest.cpu.run(guest.cpu.instructionCount + 10_000);
      return [state(guest), guest.get("rdx")];
    });
    expect(ends[1]).toEqual(ends[0]);
  });
});

it("calls of leaf functions stay within their region", () => {
  const guest = start(32, 5, THUNK);
  guest.run(loop, 10_000);
  expect(guest.get("rcx")).toBe(0n);
  expect(counter(guest, STATISTIC_CHAINED)).toBeLessThan(ROUNDS / 4);
});
