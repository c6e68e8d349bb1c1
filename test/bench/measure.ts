import type { Emulator, GuestFiles } from "./emulators/emulator";
import { BEGIN, DONE, END, MarkerReader, type Marker } from "./markers";

/** One run of a guest in an emulator: seconds by phase, in so far as it came. */
export interface Run {
  readonly seconds: Readonly<Record<string, number>>;
  /** Why it did not come to the end, one line. */
  readonly failure?: string;
}

/** Boots `guest` and takes the time of each phase between its markers. Never rejects for what the guest does. */
export async function measure(emulator: Emulator, guest: GuestFiles, timeoutSeconds: number): Promise<Run> {
  const seconds: Record<string, number> = {};
  const reader = new MarkerReader();
  let settle!: (failure: string | undefined) => void;
  const settled = new Promise<string | undefined>((resolve) => (settle = resolve));
  let failedPhase: string | undefined;
  let begin: Marker | undefined;
  const start = performance.now();

  const onMarker = (marker: Marker): void => {
    const { kind, phase, at } = marker;
    if (kind === DONE && phase === "all") settle(failedPhase);
    else if (kind === DONE) seconds[phase] = (at - start) / 1000;
    else if (kind === BEGIN) begin = marker;
    else if (kind === END && begin?.phase === phase) {
      if (marker.status === 0) seconds[phase] = (at - begin.at) / 1000;
      else failedPhase ??= `phase ${phase} ended with status ${marker.status}`;
    }
  };
  const running = await emulator.start(guest, {
    console: (text) => reader.feed(text, performance.now()).forEach(onMarker),
    ended: (message) => settle(`${emulator.name} ended: ${message}`),
  });
  const timeout = setTimeout(() => settle(`nothing more in ${timeoutSeconds} s`), timeoutSeconds * 1000);
  const failure = await settled;
  clearTimeout(timeout);
  await running.end();
  if (failure === undefined) return { seconds };
  const last = reader.recent
    .trimEnd()
    .split(/[\r\n]+/)
    .at(-1);
  return { seconds, failure: `${failure}; the console's last line: ${last}`.replace(/\s+/g, " ") };
}
