import { EXIT_HALT, EXIT_SHUTDOWN } from "../assembly/state";
import type { Processor } from "./cpu/processor";
import type { TimerQueue } from "./time/clock";
import { GuestRest } from "./time/guest-rest";
import type { MachineClock } from "./time/machine-clocks";

/** Host milliseconds that the guest runs before the host's event loop gets a turn. */
const SLICE_MS = 8;
/** In real time: how often due timers are looked at, ns. */
const TIMER_GRAIN_NS = 200_000;
/** Instructions of one entry into the core: bounds in real time, and the most in virtual time. */
const QUANTUM_MIN = 2_000;
const QUANTUM_MAX = 2_000_000;
/** A single sleep; longer waits are several. */
const SLEEP_MAX_MS = 500;
/**
 * Shorter waits (the next byte of a UART) give the event loop a turn and look again, at a whole core's cost; longer
 * ones sleep, though host timers are late by 1 ms in Node and 4 ms in browsers: a guest that ticks at 1 kHz would
 * otherwise spin between its ticks. The local APIC makes up for ticks that this misses.
 */
const SLEEP_MIN_MS = 0.1;

/** The run loop on the host's side: runs the processor in slices, fires timers, sleeps while the guest halts. */
export class Runner {
  private running = false;
  private loop: Promise<void> | undefined;
  private wakeUp: (() => void) | undefined;
  /** Instructions in TIMER_GRAIN_NS of real time, as measured. */
  private quantum = QUANTUM_MIN;
  private readonly guestRest = new GuestRest();

  constructor(
    private readonly processor: Processor,
    private readonly timers: TimerQueue,
    private readonly clock: MachineClock,
    private readonly virtual: boolean,
    private readonly hooks: {
      /** The processor met a triple fault. */
      onShutdown(): void;
      /** After each entry into the core, between instructions: pending power events, a moved TSC. */
      afterRun(): void;
      /** The guest rests or the slice is over: output that was gathered can go out. */
      afterSlice(): void;
      onFailure(error: unknown): void;
      /** True if the guest must wait for the host; wake() tells that it may be over. */
      stalled(): boolean;
    },
  ) {
    // In virtual time a timer fires at its very instruction, even if it was armed in the middle of a run.
    if (virtual) timers.onEarlier = () => processor.lowerLimit(this.virtualLimit());
  }

  start(): void {
    this.running = true;
    this.clock.resume();
    this.loop ??= this.run();
  }

  /** Stops before the next instruction; resolves when the loop has ended. */
  async stop(): Promise<void> {
    this.halt();
    await this.loop;
  }

  /** As stop(), from within the loop. */
  halt(): void {
    this.running = false;
    this.clock.pause();
    this.processor.requestStop();
    this.wake();
  }

  /** Ends a sleep: input came from outside. */
  wake(): void {
    this.wakeUp?.();
  }

  private async run(): Promise<void> {
    try {
      while (this.running) {
        const wait = this.slice();
        this.processor.compileQueued();
        this.hooks.afterSlice();
        if (this.running) await this.rest(wait);
      }
    } catch (error) {
      this.running = false;
      this.clock.pause();
      this.hooks.onFailure(error);
    } finally {
      this.loop = undefined;
    }
    // start() may have been called while the last slice ended.
    if (this.running) this.loop = this.run();
  }

  /** Runs for a slice or until the guest halts with nothing due. @returns milliseconds to rest */
  private slice(): number {
    const end = performance.now() + SLICE_MS;
    do {
      if (this.hooks.stalled()) return Infinity;
      this.timers.runDue();
      // A timer may have stopped the machine.
      if (!this.running) return 0;
      const exit = this.enter();
      this.hooks.afterRun();
      if (exit === EXIT_SHUTDOWN) {
        this.hooks.onShutdown();
        return 0;
      }
      if (exit === EXIT_HALT && this.running) {
        const wait = this.clock.idle(this.haltDeadline());
        if (wait > 0) return wait;
      }
    } while (this.running && performance.now() < end);
    return 0;
  }

  /** Until when the guest, which halts, may be left alone. Virtual time knows no sleep, and repeats to the tick. */
  private haltDeadline(): number {
    if (this.virtual) return this.timers.nextDeadline;
    this.guestRest.halted(this.processor.instructionCount, this.processor.interruptCount);
    return this.guestRest.atRest ? this.timers.latestDeadline : this.timers.nextDeadline;
  }

  private enter(): number {
    if (this.virtual) return this.processor.run(this.virtualLimit());
    const count = this.processor.instructionCount;
    const before = performance.now();
    const exit = this.processor.run(count + this.realQuantum());
    const passedNs = (performance.now() - before) * 1e6;
    const ran = this.processor.instructionCount - count;
    // Coarse host clocks show short runs as nothing at all: learn from longer ones only.
    if (passedNs > TIMER_GRAIN_NS / 4 && ran > QUANTUM_MIN / 2) {
      const measured = (ran * TIMER_GRAIN_NS) / passedNs;
      this.quantum = clampQuantum(this.quantum + (measured - this.quantum) / 4);
    } else if (exit !== EXIT_HALT && passedNs < TIMER_GRAIN_NS / 4) {
      this.quantum = clampQuantum(this.quantum * 1.25);
    }
    return exit;
  }

  private realQuantum(): number {
    const left = this.timers.nextDeadline - this.clock.now();
    if (left >= TIMER_GRAIN_NS) return Math.floor(this.quantum);
    return Math.max(QUANTUM_MIN, Math.floor((this.quantum * left) / TIMER_GRAIN_NS));
  }

  private virtualLimit(): number {
    const count = this.processor.instructionCount;
    return count + Math.max(0, Math.min(this.timers.nextDeadline - this.clock.now(), QUANTUM_MAX));
  }

  private async rest(wait: number): Promise<void> {
    if (wait < SLEEP_MIN_MS) {
      await turn();
      return;
    }
    await new Promise<void>((resolve) => {
      const timeout = setTimeout(resolve, Math.min(wait, SLEEP_MAX_MS));
      this.wakeUp = () => {
        clearTimeout(timeout);
        resolve();
      };
    });
    this.wakeUp = undefined;
  }
}

function clampQuantum(value: number): number {
  return Math.min(Math.max(value, QUANTUM_MIN), QUANTUM_MAX);
}

/** One turn of the host's event loop, without the delay that browsers give to nested timeouts. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      channel.port1.close();
      resolve();
    };
    channel.port2.postMessage(undefined);
  });
}
