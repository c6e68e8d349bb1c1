import type { Machine } from "../emulator/machine";
import type { StopReason, TimeMode } from "../emulator/machine-types";
import { PanicWatcher } from "./panic-watcher";

/** What a session needs of a machine. */
export type SessionMachine = Pick<
  Machine,
  "start" | "shutdown" | "turnOff" | "serialInput" | "after" | "on" | "stopped"
>;

/** Where the guest's serial console goes, and what a person at it can do. */
export interface Console {
  open(handlers: { input: (data: Uint8Array) => void; leave: () => void }): void;
  write(bytes: Uint8Array): void;
  /** A line for the person, not part of the guest's output. */
  notice(line: string): void;
  /** Calls `listener` at each SIGINT; the returned function ends that. */
  onInterrupt(listener: () => void): () => void;
  close(): void;
}

/** How a run ended: the machine stopped by itself, or we ended it. */
export type Outcome =
  | { readonly kind: "stopped"; readonly reason: StopReason }
  | { readonly kind: "time-out" }
  | { readonly kind: "panic" };

/** After a panic message the guest has this long for the rest of its text, in seconds of its time. */
const PANIC_GRACE_SECONDS = { real: 1, virtual: 0.1 } as const;

/** Runs a machine to its end with its serial console on `console`. Rejects only for a defect of ours. */
export async function runSession(
  machine: SessionMachine,
  console: Console,
  options: { readonly time: TimeMode; readonly timeoutSeconds?: number },
): Promise<Outcome> {
  let endedByUs: Outcome | undefined;
  const endBecause = (outcome: Outcome): void => {
    endedByUs ??= outcome;
    machine.turnOff();
  };

  const panic = new PanicWatcher();
  const graceSeconds = PANIC_GRACE_SECONDS[options.time];
  const endings = [
    machine.on("serial", (bytes) => {
      if (endedByUs) return;
      console.write(bytes);
      if (panic.seen) return;
      panic.feed(bytes);
      if (panic.seen) endings.push(machine.after(graceSeconds, () => endBecause({ kind: "panic" })));
    }),
    machine.on("log", ({ source, message }) => console.notice(`hypertab: ${source}: ${message}`)),
    console.onInterrupt(interruptHandler(machine, console)),
  ];
  try {
    console.open({ input: (data) => machine.serialInput(data), leave: () => machine.turnOff() });
    if (options.timeoutSeconds !== undefined) {
      endings.push(machine.after(options.timeoutSeconds, () => endBecause({ kind: "time-out" })));
    }
    machine.start();
    const reason = await machine.stopped;
    if (endedByUs) return endedByUs;
    return panic.seen && reason.kind !== "debug-exit" ? { kind: "panic" } : { kind: "stopped", reason };
  } finally {
    for (const end of endings) end();
    console.close();
  }
}

/** The first SIGINT asks the guest to shut down, the second turns the machine off. */
function interruptHandler(machine: SessionMachine, console: Console): () => void {
  let asked = false;
  return () => {
    if (asked) {
      machine.turnOff();
      return;
    }
    asked = true;
    console.notice(
      machine.shutdown()
        ? "hypertab: asked the guest to shut down; interrupt again to turn the machine off"
        : "hypertab: the guest's shutdown component is not connected; interrupt again to turn the machine off",
    );
  };
}
