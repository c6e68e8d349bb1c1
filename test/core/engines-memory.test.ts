// A guest that changes its code over and over has it translated over and over: what that takes must not add up.

import { expect, it } from "vitest";
import { CODE, Guest } from "./harness";
import { STATISTIC_REGIONS } from "../../assembly/state";

/** Each round changes an immediate of the inner loop, so that all of it is decoded and translated again. */
const SELF_MODIFYING = [
  ...[0xff, 0x05, 0x06, 0, 0, 0], // inc dword [rip + 6]
  ...[0xba, 20, 0, 0, 0], // mov edx, 20
  ...[0xb8, 0, 0, 0, 0], // mov eax, imm
  ...[0x01, 0xc3], // add ebx, eax
  ...[0xff, 0xca], // dec edx
  ...[0x75, 0xf5], // jnz to the mov eax
  ...[0xeb, 0xe8], // jmp to the beginning
];
const STEP = 20_000;

function regions(guest: Guest): number {
  return Number(new DataView(guest.cpu.state.buffer).getBigUint64(STATISTIC_REGIONS, true));
}

it("memory stays flat while code that changes is translated over and over", { timeout: 300_000 }, async () => {
  const guest = new Guest(64);
  guest.cpu.setTranslateThreshold(2);
  guest.cpu.setTranslateAtOnce(true);
  guest.cpu.memory.write(CODE, Uint8Array.from(SELF_MODIFYING));
  // Translations are dropped all at once when they are 6000: this sees the peaks of the second and the third time.
  const peaks = [0, 0, 0];
  for (let made = regions(guest); made < 18_000; made = regions(guest)) {
    const cycle = Math.floor(made / 6000);
    guest.cpu.run(guest.cpu.instructionCount + STEP);
    await new Promise((resolve) => setImmediate(resolve));
    peaks[cycle] = Math.max(peaks[cycle] as number, process.memoryUsage().rss / 2 ** 20);
  }
  const [, second = 0, third = 0] = peaks;
  expect(second).toBeGreaterThan(0);
  expect(third).toBeLessThan(second * 1.25);
});
