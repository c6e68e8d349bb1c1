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
    // loop: add eax, ecx; mov edx, [rbx]; add rbx, 4096; sub ecx, 1; jnz loop: past 4 GiB no page is present.
    const code = [0x01, 0xc8, 0x8b, 0x13, 0x48, 0x81, 0xc3, 0, 0x10, 0, 0, 0x83, 0xe9, 0x01, 0x75, 0xf0];
    const steps = 1000;
    guest.set({ rcx: 5000n, rbx: 0x1_0000_0000n - BigInt(steps) * 4096n });
    expect(guest.run(code, 100_000).vector).toBe(14);
    const { instructions, translatedInstructions, exits, exceptions } = guest.cpu.statistics();
    // The faulting step's first instruction, the exception, and the handler's HLT come on top.
    expect(instructions).toBe(5 * steps + 3);
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
