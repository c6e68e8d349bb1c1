// Forms that translated code has inline and that the fuzzer's programs meet seldom: short REP STOS, SAHF.

import { describe, expect, it } from "vitest";
import { STATISTIC_TRANSLATED_INSTRUCTIONS } from "../../assembly/state";
import { DATA, Guest, type Mode } from "./harness";

const little = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
const load = (register: number, value: number): number[] => [0xb8 | register, ...little(value)];

/** Runs `body` twelve times: mov ebp, 12; body; dec ebp; jnz. */
function repeat(body: readonly number[]): number[] {
  return [...load(5, 12), ...body, 0xff, 0xcd, 0x0f, 0x85, ...little(-(body.length + 8))];
}

/** What a program leaves in the interpreter, and in translated code. */
function both(guests: readonly [Guest, Guest], code: readonly number[]): [unknown, unknown] {
  const [reference, other] = guests.map((guest) => {
    guest.setUp();
    guest.cpu.memory.fill(DATA, 0x3000, 0xee);
    const before = guest.cpu.instructionCount;
    guest.run(code);
    const registers = (["rax", "rcx", "rsi", "rdi"] as const).map((name) => guest.get(name));
    return [registers, guest.cpu.instructionCount - before, guest.cpu.memory.read(DATA, 0x2000)];
  });
  return [reference, other];
}

function makeGuests(mode: Mode): [Guest, Guest] {
  return [Infinity, 4].map((threshold) => {
    const guest = new Guest(mode);
    guest.cpu.setTranslateThreshold(threshold);
    guest.cpu.setTranslateAtOnce(true);
    return guest;
  }) as [Guest, Guest];
}

function translated(guest: Guest): bigint {
  return new DataView(guest.cpu.state.buffer).getBigUint64(STATISTIC_TRANSLATED_INSTRUCTIONS, true);
}

describe.each([32, 64] as const)("translated code of %i bits", (mode) => {
  it("fills as the interpreter does", () => {
    const guests = makeGuests(mode);
    // Another one in each round, so that what the last one left out would show: mov eax, ebp; imul eax, eax, ...
    const pattern = [0x89, 0xe8, 0x69, 0xc0, ...little(0x87654321)];
    const opcodes = [[0xaa], [0x66, 0xab], [0xab], ...(mode === 64 ? [[0x48, 0xab]] : [])];
    for (const opcode of opcodes) {
      for (const count of [0, 1, 9, 15, 16, 70, 129]) {
        for (const offset of [0x101, 0xff8]) {
          for (const down of count === 9 ? [0xfc, 0xfd] : [0xfc]) {
            const body = [...load(7, DATA + offset), ...load(1, count), ...pattern, down, 0xf3, ...opcode];
            const [reference, other] = both(guests, repeat(body));
            expect(other).toEqual(reference);
          }
        }
      }
    }
    expect(translated(guests[1])).toBeGreaterThan(0n);
  });

  it("sets flags from AH as the interpreter does", () => {
    const guests = makeGuests(mode);
    for (let flags = 0; flags < 256; flags++) {
      // CF, PF, AF, ZF and SF; the others say nothing.
      if ((flags & 0x2a) !== 0) continue;
      for (const overflow of [0x40, 0x01]) {
        // mov ebx, overflow; add bl, bl; sahf; a condition into CL; pushf; pop rsi
        const condition = 0x90 | (flags & 15);
        const body = [
          ...load(0, flags << 8),
          ...load(3, overflow),
          0x00,
          0xdb,
          0x9e,
          0x0f,
          condition,
          0xc1,
          0x9c,
          0x5e,
        ];
        const [reference, other] = both(guests, repeat(body));
        expect(other).toEqual(reference);
      }
    }
    expect(translated(guests[1])).toBeGreaterThan(0n);
  });
});
