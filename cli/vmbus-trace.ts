import type { Machine } from "../emulator/machine";
import { describeTraceEntry, TraceCapture } from "../emulator/vmbus-trace";
import { TraceFile } from "./trace-file";

/** Signals that would end the process at once; SIGINT is the session's. */
const DEADLY_SIGNALS = ["SIGTERM", "SIGHUP"] as const;

export interface VmbusTraceOptions {
  readonly vmbusTrace?: string;
  readonly vmbusLog: boolean;
}

/**
 * Writes what goes over the machine's bus to a pcapng file, or prints it, as the options say.
 * @returns the function that ends it and closes the file
 * @throws UsageError if the file cannot be made
 */
export function traceVmbus(
  machine: Pick<Machine, "traceVmbus">,
  { vmbusTrace, vmbusLog }: VmbusTraceOptions,
  notice: (line: string) => void,
): () => void {
  const endings: (() => void)[] = [];
  if (vmbusTrace !== undefined) endings.push(traceToFile(machine, vmbusTrace, notice));
  if (vmbusLog) endings.push(machine.traceVmbus((entry) => notice(describeTraceEntry(entry))));
  return () => endings.forEach((end) => end());
}

function traceToFile(machine: Pick<Machine, "traceVmbus">, path: string, notice: (line: string) => void): () => void {
  let endTrace: () => void = () => undefined;
  const file = new TraceFile("--vmbus-trace", path, (line) => {
    notice(`hypertab: ${line}`);
    endTrace();
  });
  const capture = new TraceCapture((block) => file.write(block));
  endTrace = machine.traceVmbus((entry) => capture.add(entry));

  const close = (): void => {
    endTrace();
    if (file.isOpen) capture.end();
    file.close();
    for (const signal of DEADLY_SIGNALS) process.off(signal, closeAndDie);
  };
  // With the listener gone the same signal does what it would have done.
  const closeAndDie = (signal: NodeJS.Signals): void => {
    close();
    process.kill(process.pid, signal);
  };
  for (const signal of DEADLY_SIGNALS) process.on(signal, closeAndDie);
  return close;
}
