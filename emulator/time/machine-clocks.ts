import type { Clock } from "./clock";

/** A clock that the machine's run loop drives: how far the processor may run, and what waiting means. */
export interface MachineClock extends Clock {
  /** The machine runs from here on; time that passed while it did not run is no time of the guest's. */
  resume(): void;
  pause(): void;
  /**
   * The processor waits for an interrupt and nothing happens before `deadline` (ns).
   * @returns milliseconds of host time to sleep; 0 if the deadline is here
   */
  idle(deadline: number): number;
}

/** Follows the host's monotonic clock while the machine runs. */
export class RealClock implements MachineClock {
  private passed = 0;
  private since: number | undefined;

  constructor(readonly epochMs: number) {}

  now(): number {
    const running = this.since === undefined ? 0 : performance.now() - this.since;
    return this.passed + Math.floor(running * 1e6);
  }

  resume(): void {
    this.since ??= performance.now();
  }

  pause(): void {
    this.passed = this.now();
    this.since = undefined;
  }

  idle(deadline: number): number {
    return Math.max(0, (deadline - this.now()) / 1e6);
  }
}

/** One retired instruction is one nanosecond; waiting takes the guest straight to the deadline. */
export class VirtualClock implements MachineClock {
  private skipped = 0;

  /** @param instructions retired so far, exact at any moment */
  constructor(
    readonly epochMs: number,
    private readonly instructions: () => number,
  ) {}

  now(): number {
    return this.instructions() + this.skipped;
  }

  resume(): void {
    // Only instructions move this clock.
  }

  pause(): void {
    // Only instructions move this clock.
  }

  idle(deadline: number): number {
    // With no deadline at all only input from outside can go on.
    if (deadline === Infinity) return Infinity;
    this.skipped += Math.max(0, deadline - this.now());
    return 0;
  }
}
