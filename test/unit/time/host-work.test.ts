import { describe, expect, it } from "vitest";
import { TimerQueue } from "../../../emulator/time/clock";
import { HostWork } from "../../../emulator/time/host-work";
import { ManualClock } from "../vmbus/fake-machine";

function create(virtual: boolean) {
  const clock = new ManualClock();
  const timers = new TimerQueue(clock);
  const work = new HostWork(timers, virtual);
  const seen: string[] = [];
  const begin = (name: string, latency: number): (() => Promise<void>) => {
    let finish: (value: string) => void = () => undefined;
    work.begin(new Promise<string>((resolve) => (finish = resolve)), latency, (value) =>
      seen.push(`${value} at ${clock.time}`),
    );
    return async () => {
      finish(name);
      await Promise.resolve();
      await Promise.resolve();
    };
  };
  const at = (time: number): void => {
    clock.time = time;
    timers.runDue();
  };
  return { clock, timers, work, seen, begin, at };
}

describe("work of the host", () => {
  it("in virtual time is delivered at its instant, in the order of instants, however long the host took", async () => {
    const { clock, work, seen, begin, at, timers } = create(true);
    const [slow, fast] = [begin("slow", 300), begin("fast", 100)];
    await slow();
    expect(timers.nextDeadline).toBe(100);
    clock.time = 99;
    expect(work.stalled).toBe(false);
    clock.time = 100;
    expect(work.stalled).toBe(true);
    await fast();
    expect(work.stalled).toBe(false);
    at(100);
    expect(seen).toEqual(["fast at 100"]);
    at(299);
    expect(seen.length).toBe(1);
    at(300);
    expect(seen).toEqual(["fast at 100", "slow at 300"]);
    expect(timers.nextDeadline).toBe(Infinity);
  });

  it("in real time is delivered by the next look at the timers, and wakes the loop that looks", async () => {
    const { clock, work, seen, begin, at, timers } = create(false);
    let woken = 0;
    work.onSettled = () => woken++;
    const finish = begin("done", 1_000_000);
    clock.time = 5_000_000;
    expect(work.stalled).toBe(false);
    expect(timers.nextDeadline).toBe(Infinity);
    await finish();
    expect(woken).toBe(1);
    expect(seen).toEqual([]);
    at(5_000_001);
    expect(seen).toEqual(["done at 5000001"]);
  });

  it("is not lost on those who run timers without asking", async () => {
    const { seen, begin, at } = create(true);
    const finish = begin("late", 10);
    at(20);
    expect(seen).toEqual([]);
    await finish();
    at(21);
    expect(seen).toEqual(["late at 21"]);
  });

  it("is drained when the host has ended it all, delivered or not", async () => {
    const { work, begin } = create(true);
    const [one, two] = [begin("one", 10), begin("two", 10)];
    let drained = false;
    const waiting = work.drained().then(() => (drained = true));
    await one();
    expect(drained).toBe(false);
    await two();
    await waiting;
    expect(drained).toBe(true);
    await work.drained();
  });
});
