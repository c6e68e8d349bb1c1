import { describe, expect, it } from "vitest";
import { coreModule, BootedGuest } from "./booted-guest";
import { hostileCode } from "./hostile-code";
import { multibootImage } from "./multiboot-image";

const STATUS = 0x2a;
const STEPS = 4000;
const SEEDS = 24;

/** How a program's machine ended; "reset" if the program hit on a way to restart it. */
async function attack(
  seed: number,
): Promise<{ end: string; opened: boolean; complaints: number; instructions: number }> {
  const kernel = multibootImage(hostileCode(seed, STEPS, STATUS));
  const guest = await BootedGuest.start({ core: coreModule(), boot: { kernel }, memoryMiB: 32, time: "virtual" });
  let reset = false;
  guest.machine.on("reset", () => {
    reset = true;
    guest.turnOff();
  });
  // A program that lost its way would run until then.
  guest.machine.after(0.5, () => guest.turnOff());
  const reason = await guest.machine.stopped;
  const detail =
    reason.kind === "failure" ? `: ${reason.message}` : reason.kind === "debug-exit" ? ` ${reason.status}` : "";
  // Rings that were open when they were found spoiled.
  const opened = guest.log.some((line) => / channel \d+ ended: /.test(line));
  const { instructions } = guest.machine.status();
  return { end: reset ? "reset" : reason.kind + detail, opened, complaints: guest.log.length, instructions };
}

describe("a hostile guest", () => {
  it("cannot harm its host, and comes to its own end", async () => {
    const runs = [];
    for (let seed = 1; seed <= SEEDS; seed++) runs.push({ seed, ...(await attack(seed)) });
    expect(runs.filter(({ end }) => end.startsWith("failure"))).toEqual([]);
    // A few may shoot themselves in the foot; the rest end as they planned.
    const planned = runs.filter(({ end }) => end === `debug-exit ${STATUS}`);
    expect(planned.length, JSON.stringify(runs.filter((run) => !planned.includes(run)))).toBeGreaterThan(SEEDS * 0.8);
    expect(planned.every(({ instructions }) => instructions > STEPS * 8)).toBe(true);
    // The attacks got as far as open rings, and some were refused.
    expect(planned.filter(({ opened }) => opened).length).toBeGreaterThan(SEEDS / 2);
    expect(planned.every(({ complaints }) => complaints > 0)).toBe(true);
  });
});
