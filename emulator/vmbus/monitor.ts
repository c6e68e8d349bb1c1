import type { GuestMemory } from "../cpu/guest-memory";
import type { Timer, TimerQueue } from "../time/clock";

// Monitored notification: instead of a hypercall a guest sets a pending bit in the monitor page that it gave at contact
// (HV_MONITOR_PAGE), and the host looks there every `latency`.

const GROUPS = 4;
const BITS = 32;
export const MONITOR_COUNT = GROUPS * BITS;

const TRIGGER_STATE = 0;
const TRIGGER_GROUP = 8;
const TRIGGER_GROUP_SIZE = 8;
const LATENCY = 576;
const LATENCY_SIZE = 2;
const PARAMETER = 1088;
const PARAMETER_SIZE = 8;

/** Nanoseconds in one unit of latency. */
const LATENCY_UNIT = 100;
/** The host looks no more often than this (ns), however short a latency a device asked for. */
const SHORTEST_POLL = 100_000;

interface Monitor {
  readonly latency: number;
  readonly connectionId: number;
  readonly signal: () => void;
  active: boolean;
}

/** The guest-to-host monitor page, polled while a monitored channel is open. */
export class MonitorPage {
  private readonly monitors: (Monitor | undefined)[] = new Array<Monitor | undefined>(MONITOR_COUNT);
  private gpa: number | undefined;
  private readonly timer: Timer;

  constructor(
    private readonly memory: GuestMemory,
    private readonly timers: TimerQueue,
  ) {
    this.timer = timers.create(() => {
      this.poll();
      this.schedule();
    });
  }

  /** @returns a monitor id for a new channel, or undefined if all are taken */
  allocate(latency: number, connectionId: number, signal: () => void): number | undefined {
    for (let id = 0; id < MONITOR_COUNT; id++) {
      if (this.monitors[id]) continue;
      this.monitors[id] = { latency, connectionId, signal, active: false };
      return id;
    }
    return undefined;
  }

  release(id: number): void {
    this.monitors[id] = undefined;
    this.schedule();
  }

  /** Starts or stops looking for a channel's bit. */
  setActive(id: number, active: boolean): void {
    const monitor = this.monitors[id];
    if (!monitor) return;
    monitor.active = active;
    if (active && this.gpa !== undefined) {
      this.memory.writeU16(this.gpa + LATENCY + LATENCY_SIZE * id, monitor.latency);
      this.memory.writeU32(this.gpa + PARAMETER + PARAMETER_SIZE * id, monitor.connectionId);
      const group = 1 << Math.floor(id / BITS);
      this.memory.writeU32(this.gpa + TRIGGER_STATE, (this.memory.readU32(this.gpa + TRIGGER_STATE) ?? 0) | group);
    }
    this.schedule();
  }

  /** @param gpa of a page in guest RAM, or undefined when the guest is gone */
  setPage(gpa: number | undefined): void {
    this.gpa = gpa;
    for (const monitor of this.monitors) if (monitor) monitor.active = false;
    this.schedule();
  }

  /** Signals every channel whose bit is set, and clears it. */
  poll(): void {
    for (let group = 0; group < GROUPS && this.gpa !== undefined; group++) {
      const at = this.gpa + TRIGGER_GROUP + TRIGGER_GROUP_SIZE * group;
      const pending = this.memory.readU32(at) ?? 0;
      if (pending === 0) continue;
      this.memory.writeU32(at, 0);
      for (let bit = 0; bit < BITS; bit++) {
        const monitor = (pending & (1 << bit)) !== 0 ? this.monitors[group * BITS + bit] : undefined;
        if (monitor?.active) monitor.signal();
      }
    }
  }

  private schedule(): void {
    let latency = Infinity;
    for (const monitor of this.monitors)
      if (monitor?.active) latency = Math.min(latency, monitor.latency * LATENCY_UNIT);
    if (this.gpa === undefined || latency === Infinity) {
      this.timer.cancel();
      return;
    }
    if (!this.timer.armed) this.timer.arm(this.timers.clock.now() + Math.max(latency, SHORTEST_POLL));
  }
}
