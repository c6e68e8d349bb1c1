import { type Arguments, text } from "../options";
import { UsageError } from "../errors";

const UNITS: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** An option's size in bytes: a number with K, M, G or T, which are powers of 1024. Undefined when not given. */
export function size(args: Arguments, name: string): number | undefined {
  const value = text(args, name);
  if (value === undefined) return undefined;
  const match = /^(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?$/i.exec(value);
  const bytes = match ? Number(match[1]) * UNITS[match[2]!.toUpperCase()]! : NaN;
  if (!(bytes > 0) || !Number.isSafeInteger(bytes)) {
    throw new UsageError(`--${name} is '${value}'; it must be a size like 512M or 10G (K, M, G, T are powers of 1024)`);
  }
  return bytes;
}

/** Bytes for people: in the largest unit that leaves a short number. */
export function readable(bytes: number): string {
  let [value, unit] = [bytes, "bytes"];
  for (const next of ["KiB", "MiB", "GiB", "TiB"]) {
    if (value < 1024) break;
    [value, unit] = [value / 1024, next];
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${unit}`;
}
