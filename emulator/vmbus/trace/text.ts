const LONGEST_TEXT = 200;
const LONGEST_HEX = 32;
/** So many at the end are written out. */
const FEW_ZEROS = 9;

/** "0x1f", with at least `digits` digits. */
export function hex(value: number | bigint, digits = 1): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}

/** Bytes as pairs of digits; what is beyond the first 32, or many zeros at the end, is only counted. */
export function hexBytes(bytes: Uint8Array): string {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  if (bytes.length - end < FEW_ZEROS) end = bytes.length;
  const digits = (part: Uint8Array): string => Array.from(part, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  if (end > LONGEST_HEX) return `${digits(bytes.subarray(0, LONGEST_HEX))} … (${bytes.length} bytes)`;
  if (end === bytes.length) return digits(bytes);
  return `${digits(bytes.subarray(0, end))} zeros (${bytes.length} bytes)`.trimStart();
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
