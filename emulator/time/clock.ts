/** The machine's one time base. Every clock that a guest can read derives from `now()`. */
export interface Clock {
  /** Nanoseconds since the machine was created; monotonic. In virtual time one retired instruction is one nanosecond. */
  now(): number;
  /** Wall-clock time of the machine's creation in milliseconds since 1970-01-01 UTC; fixed in virtual time. */
  readonly epochMs: number;
}

/** Rate of the guest's time-stamp counter in Hz: one tick a nanosecond, so that TSC and clock never round apart. */
export const TSC_FREQUENCY = 1_000_000_000;

interface Entry {
  deadline: number;
  slack: number;
  sequence: number;
  timer: Timer;
}

/** A one-shot timer of a device, to be armed again and again. */
export class Timer {
  /** @internal */
  entry: Entry | undefined;

  constructor(
    private readonly queue: TimerQueue,
    /** Called with the deadline in ns; `queue.clock.now()` is at or after it. */
    readonly callback: (deadline: number) => void,
  ) {}

  /**
   * Fires once at `deadline` (ns on the machine's clock); replaces an earlier deadline.
   * @param slack ns by which it may fire later if the guest is at rest: its callback makes up for it
   */
  arm(deadline: number, slack = 0): void {
    this.queue.insert(this, deadline, slack);
  }

  cancel(): void {
    this.queue.remove(this);
  }

  get armed(): boolean {
    return this.entry !== undefined;
  }

  get deadline(): number | undefined {
    return this.entry?.deadline;
  }
}

/** All timers of a machine, ordered by deadline and then by the order of arming, so that runs are repeatable. */
export class TimerQueue {
  private entries: Entry[] = [];
  private sequence = 0;
  /** Called when the earliest deadline moves forward, so that a running processor stops in time. */
  onEarlier: (() => void) | undefined;

  constructor(readonly clock: Clock) {}

  create(callback: (deadline: number) => void): Timer {
    return new Timer(this, callback);
  }

  /** Earliest deadline in ns, or Infinity. */
  get nextDeadline(): number {
    return this.entries[0]?.deadline ?? Infinity;
  }

  /** The latest moment at which every timer's slack is kept, in ns, or Infinity. */
  get latestDeadline(): number {
    let latest = Infinity;
    for (const { deadline, slack } of this.entries) {
      if (deadline >= latest) break;
      latest = Math.min(latest, deadline + slack);
    }
    return latest;
  }

  /** Runs every timer whose deadline has come. */
  runDue(): void {
    for (;;) {
      const first = this.entries[0];
      if (!first || first.deadline > this.clock.now()) return;
      this.entries.shift();
      first.timer.entry = undefined;
      first.timer.callback(first.deadline);
    }
  }

  /** @internal */
  insert(timer: Timer, deadline: number, slack: number): void {
    this.remove(timer);
    const before = this.nextDeadline;
    const entry: Entry = { deadline, slack, sequence: this.sequence++, timer };
    let index = this.entries.length;
    while (index > 0 && (this.entries[index - 1] as Entry).deadline > deadline) index--;
    this.entries.splice(index, 0, entry);
    timer.entry = entry;
    if (deadline < before) this.onEarlier?.();
  }

  /** @internal */
  remove(timer: Timer): void {
    if (!timer.entry) return;
    this.entries.splice(this.entries.indexOf(timer.entry), 1);
    timer.entry = undefined;
  }
}
