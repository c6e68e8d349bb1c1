// Conversions between the machine's clock (ns) and the ticks of a device's own oscillator, exact for 2^53 ns
// (104 days): whole seconds and the rest are converted apart, so that no product leaves the integers of a double.

const NS_PER_SECOND = 1_000_000_000;

/** Periodic interrupts come no closer than this (ns): a guest that asks for more can't hang the host. */
export const MINIMUM_INTERRUPT_PERIOD = 20_000;

/** Ticks of an oscillator of `frequency` Hz (at most 4 MHz) that were complete at `ns`. */
export function ticksAt(ns: number, frequency: number): number {
  const seconds = Math.floor(ns / NS_PER_SECOND);
  const rest = Math.floor(ns - seconds * NS_PER_SECOND);
  return seconds * frequency + Math.floor((rest * frequency) / NS_PER_SECOND);
}

/** First whole ns at which `tick` ticks are complete: ticksAt(timeOfTick(t)) === t. */
export function timeOfTick(tick: number, frequency: number): number {
  const seconds = Math.floor(tick / frequency);
  const rest = tick - seconds * frequency;
  return seconds * NS_PER_SECOND + Math.ceil((rest * NS_PER_SECOND) / frequency);
}

/**
 * The first point of the grid start + k * period (k >= 1) that is later than `now` and at least `minimum` later than
 * `last`. Points that were missed (the host slept) are skipped; the grid itself never moves, so nothing drifts.
 */
export function nextOnGrid(start: number, period: number, now: number, last = -Infinity, minimum = 0): number {
  const next = start + (Math.max(0, Math.floor((now - start) / period)) + 1) * period;
  if (next - last >= minimum) return next;
  return next + Math.ceil((minimum - (next - last)) / period) * period;
}
