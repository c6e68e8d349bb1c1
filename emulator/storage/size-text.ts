const UNITS: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** What parseSize takes, for messages. */
export const SIZE_EXAMPLE = "a size like 512M or 10G (K, M, G, T are powers of 1024)";

/** Bytes of a size as people write it, "1.5G", "512 MiB", "4096"; undefined when it is none. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([KMGT]?)(?:i?B)?$/i.exec(text);
  const bytes = match ? Number(match[1]) * UNITS[match[2]!.toUpperCase()]! : NaN;
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined;
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
