// What a US keyboard's keys make, for text that is typed.

export interface TypedCharacter {
  /** KeyboardEvent.code. */
  readonly key: string;
  readonly shift: boolean;
}

/** Rows of keys: KeyboardEvent.code, and the character without and with a Shift key. */
const OTHERS =
  "Digit1 1! Digit2 2@ Digit3 3# Digit4 4$ Digit5 5% Digit6 6^ Digit7 7& Digit8 8* Digit9 9( Digit0 0) Minus -_ " +
  "Equal =+ BracketLeft [{ BracketRight ]} Semicolon ;: Quote '\" Backquote `~ Backslash \\| Comma ,< Period .> Slash /?";

function layout(): ReadonlyMap<string, TypedCharacter> {
  const characters = new Map<string, TypedCharacter>([
    [" ", { key: "Space", shift: false }],
    ["\t", { key: "Tab", shift: false }],
    ["\n", { key: "Enter", shift: false }],
    ["\b", { key: "Backspace", shift: false }],
    ["\x1b", { key: "Escape", shift: false }],
  ]);
  const add = (key: string, plain: string, shifted: string): void => {
    characters.set(plain, { key, shift: false });
    characters.set(shifted, { key, shift: true });
  };
  for (const letter of "abcdefghijklmnopqrstuvwxyz") add(`Key${letter.toUpperCase()}`, letter, letter.toUpperCase());
  for (const [, key = "", plain = "", shifted = ""] of OTHERS.matchAll(/(\w+) (\S)(\S)(?: |$)/g)) {
    add(key, plain, shifted);
  }
  return characters;
}

const LAYOUT = layout();

/** The keys that type a text; each kind of line end is one Enter. Characters that no key makes are left out. */
export function typedCharacters(text: string): TypedCharacter[] {
  return [...text.replace(/\r\n?/g, "\n")].flatMap((character) => LAYOUT.get(character) ?? []);
}

/** True if Caps Lock turns a key's Shift round. */
export function isLetter(key: string): boolean {
  return key.startsWith("Key");
}
