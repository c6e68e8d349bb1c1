import type { MachineEvents, StopReason } from "../../../emulator/machine-types";
import type { Console, SessionMachine } from "../../../cli/session";

type Listeners = { [K in keyof MachineEvents]?: ((value: MachineEvents[K]) => void)[] };

/** A machine without a guest: the test says what the guest does. */
export class FakeMachine implements SessionMachine {
  readonly stopped: Promise<StopReason>;
  readonly received: number[] = [];
  shutdownRequests = 0;
  shutdownConnected = true;
  started = false;
  private now = 0;
  private readonly timers = new Set<{ readonly at: number; readonly callback: () => void }>();
  private readonly listeners: Listeners = {};
  private settle!: (reason: StopReason) => void;

  constructor(private readonly script: (machine: FakeMachine) => void = () => undefined) {
    this.stopped = new Promise((resolve) => (this.settle = resolve));
  }

  start(): void {
    this.started = true;
    this.script(this);
  }

  shutdown(): boolean {
    this.shutdownRequests++;
    return this.shutdownConnected;
  }

  turnOff(): void {
    this.stop({ kind: "turned-off" });
  }

  serialInput(data: Uint8Array | string): void {
    this.received.push(...(typeof data === "string" ? new TextEncoder().encode(data) : data));
  }

  after(seconds: number, callback: () => void): () => void {
    const timer = { at: this.now + seconds, callback };
    this.timers.add(timer);
    return () => void this.timers.delete(timer);
  }

  /** Lets the machine's clock go on by `seconds`, firing what comes due in the order of its time. */
  advance(seconds: number): void {
    this.now += seconds;
    for (const timer of [...this.timers].sort((a, b) => a.at - b.at)) {
      if (timer.at <= this.now && this.timers.delete(timer)) timer.callback();
    }
  }

  on<K extends keyof MachineEvents>(event: K, listener: (value: MachineEvents[K]) => void): () => void {
    const list: ((value: MachineEvents[K]) => void)[] = (this.listeners[event] ??= []);
    list.push(listener);
    return () => void list.splice(list.indexOf(listener), 1);
  }

  /** The guest writes to COM1. */
  print(text: string): void {
    for (const listener of this.listeners.serial ?? []) listener(new TextEncoder().encode(text));
  }

  stop(reason: StopReason): void {
    this.settle(reason);
  }

  /** Listeners and timers that nobody took back. */
  get leftBehind(): number {
    return Object.values(this.listeners).reduce((sum, list) => sum + list.length, this.timers.size);
  }
}

/** A console that a test reads and types at. */
export class FakeConsole implements Console {
  output = "";
  readonly notices: string[] = [];
  closed = false;
  handlers: Parameters<Console["open"]>[0] | undefined;
  interrupt: () => void = () => undefined;

  open(handlers: Parameters<Console["open"]>[0]): void {
    this.handlers = handlers;
  }
  write(bytes: Uint8Array): void {
    this.output += new TextDecoder().decode(bytes);
  }
  notice(line: string): void {
    this.notices.push(line);
  }
  onInterrupt(listener: () => void): () => void {
    this.interrupt = listener;
    return () => (this.interrupt = () => undefined);
  }
  close(): void {
    this.closed = true;
  }
}
