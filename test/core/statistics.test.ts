import { describe, expect, it } from "vitest";
import { Guest } from "./harness";

/** mov ecx, 5000; loop: add eax, ecx; sub ecx, 1; jnz loop */
const LOOP = [0xb9, 0x88, 0x13, 0, 0, 0x01, 0xc8, 0x83, 0xe9, 0x01, 0x75, 0xf9];
const LOOP_INSTRUCTIONS = 1 + 3 * 5000;

function guestThatTranslates(): Guest {
  const guest = new Guest(64);
  guest.cpu.setTranslateAtOnce(true);
  guest.cpu.setTranslateThreshold(10);
  return guest;
}

describe("the processor's statistics", () => {
  it("count what translated code retired, up to the block that waits to get hot", () => {
    const guest = guestThatTranslates();
    guest.run(LOOP, 100_000);
    const { instructions, translatedInstructions, regions, regionsAlive, translatedBytes, exits, exceptions } =
      guest.cpu.statistics();
    expect(instructions).toBe(LOOP_INSTRUCTIONS + 1);
    // Ten runs of the loop's block and what lies around it are the interpreter's.
    expect(translatedInstructions).toBeLessThan(LOOP_INSTRUCTIONS - 3 * 10);
    expect(translatedInstructions).toBeGreaterThan(LOOP_INSTRUCTIONS - 3 * 15);
    expect(regions).toBe(1);
    expect(regionsAlive).toBe(1);
    expect(translatedBytes).toBeGreaterThan(100);
    expect(exits).toEqual({ budget: 0, halt: 1, request: 0, shutdown: 0, fault: 0 });
    expect(exceptions).toBe(0);
  });

  it("count them, too, when a fault leaves translated code", () => {
    const guest = guestThatTranslates();
    // loop: mov eax, 1; xor edx, edx; div ecx; sub ecx, 1; jmp loop
    const code = [0xb8, 1, 0, 0, 0, 0x31, 0xd2, 0xf7, 0xf1, 0x83, 0xe9, 0x01, 0xeb, 0xf2];
    const steps = 1000;
    guest.set({ rcx: BigInt(steps) });
    expect(guest.run(code, 100_000).vector).toBe(0);
    const { instructions, translatedInstructions, exits, exceptions } = guest.cpu.statistics();
    // The faulting step's first two instructions, the exception, and the handler's HLT come on top.
    expect(instructions).toBe(5 * steps + 4);
    expect(translatedInstructions).toBeGreaterThan(5 * (steps - 15));
    expect(translatedInstructions).toBeLessThan(5 * (steps - 9));
    expect(exits).toMatchObject({ fault: 1, halt: 1 });
    expect(exceptions).toBe(1);
  });

  it("count nothing as translated while nothing is", () => {
    const guest = new Guest(64);
    guest.cpu.setTranslateThreshold(Infinity);
    guest.run(LOOP, 100_000);
    expect(guest.cpu.statistics()).toMatchObject({ translatedInstructions: 0, regions: 0, regionEntries: 0 });
  });
});
