import type { Emulator, GuestFiles, Listener, Running } from "./emulators/emulator";
import { BEGIN, DONE, END, MarkerReader, type Marker } from "./markers";

/** Which time is taken: that of the host's clock, or what the emulator's process used of the host's processors. */
export type ClockName = "wall" | "cpu";

/** One run of a guest in an emulator: seconds by phase, in so far as it came. */
export interface Run {
  readonly wall: Readonly<Record<string, number>>;
  /** Without those that could not be had. */
  readonly cpu: Readonly<Record<string, number>>;
  /** Why it did not come to the end, one line. */
  readonly failure?: string;
}

/** Boots `guest` and takes the time of each phase between its markers. Never rejects for what the guest does. */
export async function measure(emulator: Emulator, guest: GuestFiles, timeoutSeconds: number): Promise<Run> {
  const wall: Record<string, number> = {};
  const cpu: Record<string, number> = {};
  const reader = new MarkerReader();
  let settle!: (failure: string | undefined) => void;
  const settled = new Promise<string | undefined>((resolve) => (settle = resolve));
  let failedPhase: string | undefined;
  let begin: { phase: string; now: Now } | undefined;
  let running: Running | undefined = undefined;
  let start: Now = { ms: 0, cpuSeconds: undefined };

  const take = (phase: string, from: Now, to: Now): void => {
    wall[phase] = (to.ms - from.ms) / 1000;
    if (from.cpuSeconds !== undefined && to.cpuSeconds !== undefined) cpu[phase] = to.cpuSeconds - from.cpuSeconds;
  };
  const onMarker = ({ kind, phase, status }: Marker, now: Now): void => {
    if (kind === DONE && phase === "all") settle(failedPhase);
    else if (kind === DONE) take(phase, start, now);
    else if (kind === BEGIN) begin = { phase, now };
    else if (kind === END && begin?.phase === phase) {
      if (status === 0) take(phase, begin.now, now);
      else failedPhase ??= `phase ${phase} ended with status ${status}`;
    }
  };
  const listener: Listener = {
    // What a browser took before it boots the guest is not the guest's; a process begins with nothing.
    begins: () => (start = { ms: performance.now(), cpuSeconds: running?.cpuSeconds() ?? 0 }),
    console: (text) => {
      const ms = performance.now();
      const markers = reader.feed(text);
      if (markers.length === 0) return;
      const now = { ms, cpuSeconds: running?.cpuSeconds() };
      for (const marker of markers) onMarker(marker, now);
    },
    ended: (message) => settle(`${emulator.name} ended: ${message}`),
  };
  try {
    running = await emulator.start(guest, listener);
  } catch (error) {
    return { wall, cpu, failure: `${emulator.name} does not start: ${String(error).replace(/\s+/g, " ")}` };
  }
  const timeout = setTimeout(() => settle(`nothing more in ${timeoutSeconds} s`), timeoutSeconds * 1000);
  const failure = await settled;
  clearTimeout(timeout);
  await running.end();
  if (failure === undefined) return { wall, cpu };
  const last = reader.recent
    .trimEnd()
    .split(/[\r\n]+/)
    .at(-1);
  return { wall, cpu, failure: `${failure}; the console's last line: ${last}`.replace(/\s+/g, " ") };
}

/** The host's clocks at one moment. */
interface Now {
  readonly ms: number;
  readonly cpuSeconds: number | undefined;
}
