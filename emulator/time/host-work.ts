import type { Timer, TimerQueue } from "./clock";

interface Work {
  readonly timer: Timer;
  settled: boolean;
}

/**
 * Work of the host's that takes its own time, such as reading a file, and whose result the guest is to see.
 *
 * In real time the result is delivered as soon as it is there. In virtual time it is delivered at an instant that was
 * settled when the work began: the guest runs on until then, and its clock stands still from then on if the host is not
 * ready yet. So a run does not depend on how fast the host is. Results always arrive as timers do: between
 * instructions, never while the machine is paused.
 */
export class HostWork {
  /** Called when a result has come that the run loop may be waiting for. */
  onSettled: (() => void) | undefined;
  /** Work whose result was not delivered yet. */
  private readonly pending = new Set<Work>();
  private readonly running = new Set<Promise<void>>();

  /** @param virtual whether the machine's time is virtual */
  constructor(
    private readonly timers: TimerQueue,
    private readonly virtual: boolean,
  ) {}

  /**
   * Whether a result that is there when the work begins may be delivered at once: in real time. In virtual time the
   * guest must not see whether the host had to wait.
   */
  get deliversAtOnce(): boolean {
    return !this.virtual;
  }

  /** True if virtual time must not go on (nor a timer fire) before the host is ready; look again after onSettled. */
  get stalled(): boolean {
    if (!this.virtual || this.pending.size === 0) return false;
    const now = this.timers.clock.now();
    for (const { timer, settled } of this.pending) {
      if (!settled && timer.deadline !== undefined && timer.deadline <= now) return true;
    }
    return false;
  }

  /**
   * Waits for `work` and then calls `deliver` with its result.
   * @param work must not reject
   * @param latency how long it takes in virtual time, ns, at least 1
   */
  begin<T>(work: Promise<T>, latency: number, deliver: (result: T) => void): void {
    let deliverResult: (() => void) | undefined;
    const timer = this.timers.create(() => {
      // Whoever runs timers without asking whether they may run gets the result late, but gets it.
      if (!deliverResult) return;
      this.pending.delete(entry);
      deliverResult();
    });
    const entry: Work = { timer, settled: false };
    this.pending.add(entry);
    const { clock } = this.timers;
    if (this.virtual) timer.arm(clock.now() + Math.max(1, Math.round(latency)));
    const run = work.then((result) => {
      this.running.delete(run);
      deliverResult = () => deliver(result);
      entry.settled = true;
      if (!timer.armed) timer.arm(clock.now());
      this.onSettled?.();
    });
    this.running.add(run);
  }

  /** Resolves when nothing is under way on the host. */
  async drained(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running);
  }
}
