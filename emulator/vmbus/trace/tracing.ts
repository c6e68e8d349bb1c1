import type { VmbusTrace } from "./trace";
import type { VmbusTraceEntry, VmbusTraceEvent } from "./types";

/** What is traced. */
interface TracedBus {
  onTrace: ((event: VmbusTraceEvent) => void) | undefined;
}

type Listener = (entry: VmbusTraceEntry) => void;

/** Keeps a bus' events, while anybody listens, until it is time to take them apart and hand them out. */
export class VmbusTracing {
  private readonly listeners = new Set<Listener>();
  private trace: VmbusTrace | undefined;
  private events: VmbusTraceEvent[] = [];

  /** @param createTrace makes a reader that has seen nothing yet */
  constructor(
    private readonly bus: TracedBus,
    private readonly createTrace: () => VmbusTrace,
  ) {}

  /** @returns the function that ends it */
  add(listener: Listener): () => void {
    // A function of its own for each, so that one listener may be there twice.
    const own: Listener = (entry) => listener(entry);
    this.listeners.add(own);
    if (!this.trace) {
      this.trace = this.createTrace();
      this.bus.onTrace = (event) => this.events.push(event);
    }
    return () => this.remove(own);
  }

  /** Hands out what has come since the last time. */
  deliver(): void {
    if (this.events.length === 0) return;
    const { events, trace } = this;
    this.events = [];
    for (const event of events) {
      const entry = trace?.decode(event);
      if (entry) for (const listener of this.listeners) listener(entry);
    }
  }

  private remove(listener: Listener): void {
    this.listeners.delete(listener);
    if (this.listeners.size > 0) return;
    this.bus.onTrace = undefined;
    this.trace = undefined;
    this.events = [];
  }
}
