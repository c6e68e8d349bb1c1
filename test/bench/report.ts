import type { BenchResult, Measured } from "./bench";
import type { ClockName } from "./measure";

/** The middle of the values; undefined without any. */
export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return undefined;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Seconds of a phase in one emulator: the median of its runs; undefined if no run got through it. */
export function phaseSeconds(measured: Measured, clock: ClockName, phase: string): number | undefined {
  return median(measured.runs.flatMap((run) => run[clock][phase] ?? []));
}

export interface Row {
  readonly phase: string;
  readonly title: string;
  /** Seconds by emulator. */
  readonly seconds: Readonly<Record<string, number | undefined>>;
  /** Our time over the peer's, by peer: below 1 we are faster. */
  readonly ratios: Readonly<Record<string, number | undefined>>;
}

export interface Table {
  readonly guest: string;
  readonly emulators: readonly string[];
  readonly peers: readonly string[];
  readonly rows: readonly Row[];
}

/** One table a guest. The last row sums the phases that all emulators got through. */
export function tables(result: BenchResult): Table[] {
  const guests = [...new Set(result.measured.map(({ guest }) => guest))];
  return guests.map((guest) => {
    const all = result.measured.filter((measured) => measured.guest === guest);
    const emulators = all.map(({ emulator }) => emulator);
    const peers = all.filter(({ ours }) => ours !== undefined && emulators.includes(ours));
    const row = (phase: string, title: string, seconds: Row["seconds"]): Row => {
      const ratios = peers.map(({ emulator, ours }) => [emulator, ratio(seconds[ours!], seconds[emulator])]);
      return { phase, title, seconds, ratios: Object.fromEntries(ratios) };
    };
    const rows = result.phases.map(({ id, title }) => {
      const seconds = all.map((measured) => [measured.emulator, phaseSeconds(measured, result.clock, id)]);
      return row(id, title, Object.fromEntries(seconds));
    });
    const whole = rows.filter(({ seconds }) => emulators.every((name) => seconds[name] !== undefined));
    const sums = emulators.map((name) => {
      const sum = whole.reduce((total, { seconds }) => total + (seconds[name] ?? 0), 0);
      return [name, whole.length > 0 ? sum : undefined];
    });
    const which = whole.length === rows.length ? "all phases" : `phases ${whole.map(({ phase }) => phase).join(" ")}`;
    const sumRow = row("sum", which.trim(), Object.fromEntries(sums));
    return { guest, emulators, peers: peers.map(({ emulator }) => emulator), rows: [...rows, sumRow] };
  });
}

function ratio(ours: number | undefined, peer: number | undefined): number | undefined {
  return ours === undefined || peer === undefined || peer === 0 ? undefined : ours / peer;
}

/** A table as text: a column of seconds for each emulator, and one of ratios for each peer. */
export function formatTable({ guest, emulators, peers, rows }: Table): string {
  const header = ["", guest, ...emulators, ...peers.map((peer) => `x ${peer}`)];
  const number = (value: number | undefined): string => (value === undefined ? "-" : value.toFixed(2));
  const lines = rows.map(({ phase, title, seconds, ratios }) => [
    phase,
    title,
    ...emulators.map((name) => number(seconds[name])),
    ...peers.map((name) => number(ratios[name])),
  ]);
  const widths = header.map((_, column) => Math.max(...[header, ...lines].map((cells) => cells[column]!.length)));
  return [header, ...lines]
    .map((cells) =>
      cells
        .map((cell, column) => (column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
