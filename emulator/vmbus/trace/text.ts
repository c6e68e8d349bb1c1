const LONGEST_TEXT = 200;
const LONGEST_HEX = 32;

/** "0x1f", with at least `digits` digits. */
export function hex(value: number | bigint, digits = 1): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}

/** Bytes as pairs of digits; what is beyond the first 32 is only counted. */
export function hexBytes(bytes: Uint8Array): string {
  const shown = Array.from(bytes.subarray(0, LONGEST_HEX), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return bytes.length > LONGEST_HEX ? `${shown} … (${bytes.length} bytes)` : shown;
}

/**
 * Text of a guest's, in quotes, for a terminal or a page: control characters, and those that change the direction of
 * writing, become escapes; cut at 200 characters.
 */
export function quoted(text: string): string {
  const cut = text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
  const safe = cut.replace(
    /[\\"\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
  return `"${safe}"`;
}

/** The name of a value, and the value where it has none. */
export function named(value: number, names: Readonly<Record<number, string>>, digits = 1): string {
  return names[value] ?? hex(value, digits);
}

/** The names of the bits that are set, "0" for none; what has no name is given as a number. */
export function flags(value: number, names: Readonly<Record<number, string>>): string {
  const parts: string[] = [];
  let rest = value;
  for (const [bit, name] of Object.entries(names)) {
    if ((value & Number(bit)) === 0) continue;
    parts.push(name);
    rest &= ~Number(bit);
  }
  if (rest !== 0) parts.push(hex(rest >>> 0));
  return parts.length === 0 ? "0" : parts.join("|");
}
