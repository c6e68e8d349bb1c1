import { describe, expect, it } from "vitest";
import { TimerQueue } from "../../../emulator/time/clock";
import { GuestRest } from "../../../emulator/time/guest-rest";
import { ManualClock } from "../vmbus/fake-machine";

/** Instructions of a tick that leads to nothing. */
const TICK = 2500;

function create() {
  const rest = new GuestRest();
  let instructions = 500 * TICK;
  let interrupts = 500;
  rest.halted(instructions, interrupts);
  /** The guest halts after `ticks` of its clock's and as many instructions of other work. */
  const halt = (ticks: number, work: number): boolean => {
    instructions += ticks * TICK + work;
    interrupts += ticks;
    rest.halted(instructions, interrupts);
    return rest.atRest;
  };
  return { rest, halt };
}

describe("a guest's rest", () => {
  it("is when ticks lead to nothing for a while, one at a time or several", () => {
    const { rest, halt } = create();
    expect(rest.atRest).toBe(false);
    const judgements = Array.from({ length: 20 }, () => halt(1, 0));
    expect(judgements.slice(0, 7)).not.toContain(true);
    expect(judgements.at(-1)).toBe(true);
    for (let i = 0; i < 50; i++) expect(halt(10, 300)).toBe(true);
  });

  it("lasts while its kernel keeps house now and then, and ends by what wakes up each time", () => {
    const { halt } = create();
    for (let i = 0; i < 100; i++) halt(1, 0);
    for (let i = 0; i < 10; i++) {
      expect(halt(10, 4000)).toBe(true);
      for (let tick = 0; tick < 3; tick++) expect(halt(10, 0)).toBe(true);
    }
    const woken = Array.from({ length: 4 }, () => halt(10, 4000));
    expect(woken.at(-1)).toBe(false);
    for (let i = 0; i < 50; i++) expect(halt(1, 4000)).toBe(false);
  });

  it("is none for a program that sleeps from tick to tick", () => {
    const { halt } = create();
    halt(1, 0);
    for (let i = 0; i < 100_000; i++) if (halt(1, 2000)) expect.fail(`at rest after ${i} halts`);
  });

  it("is found again after interrupts that took less than a tick", () => {
    const { rest, halt } = create();
    for (let i = 0; i < 100; i++) halt(10, -9 * TICK);
    for (let i = 0; i < 100; i++) halt(1, 0);
    expect(rest.atRest).toBe(false);
    let halts = 0;
    while (!halt(1, 0)) halts++;
    expect(halts).toBeLessThan(20_000);
  });
});

describe("timers with slack", () => {
  it("may wait as long as the earliest end of a slack, and no timer without it waits", () => {
    const clock = new ManualClock();
    const timers = new TimerQueue(clock);
    expect(timers.latestDeadline).toBe(Infinity);
    const fired: number[] = [];
    const tick = timers.create((deadline) => fired.push(deadline));
    tick.arm(1000, 500);
    expect(timers.nextDeadline).toBe(1000);
    expect(timers.latestDeadline).toBe(1500);
    const other = timers.create(() => undefined);
    other.arm(1600);
    expect(timers.latestDeadline).toBe(1500);
    other.arm(1200);
    expect(timers.latestDeadline).toBe(1200);
    other.arm(900);
    expect(timers.latestDeadline).toBe(900);
    // Whoever looks at the queue meanwhile runs it on time.
    clock.time = 1000;
    timers.runDue();
    expect(fired).toEqual([1000]);
  });
});
