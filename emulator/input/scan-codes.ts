// Keys by the names of their places (KeyboardEvent.code of the W3C's UI Events) and what they send: scan code set 1.

/** One scan code of a key: seven bits, and the byte that goes before it, 0 for none. */
export interface Keystroke {
  readonly code: number;
  readonly prefix: 0 | 0xe0 | 0xe1;
  readonly release: boolean;
}

/** All that a key sends when it goes down, or comes up; it reaches the guest whole or not at all. */
export interface KeyEvent {
  /** KeyboardEvent.code. */
  readonly key: string;
  /** The key comes up. */
  readonly release: boolean;
  readonly strokes: readonly Keystroke[];
}

const E0 = 0xe000;

/** Names in the order of their codes: the first has `first`, each next one is one more. */
function row(first: number, names: string): [string, number][] {
  return names.split(" ").map((name, index) => [name, first + index]);
}

/** Set 1 codes with their prefix in the high byte. The first four rows are the typewriter's. */
const CODES: ReadonlyMap<string, number> = new Map([
  ...row(0x01, "Escape Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0 Minus Equal Backspace"),
  ...row(0x0f, "Tab KeyQ KeyW KeyE KeyR KeyT KeyY KeyU KeyI KeyO KeyP BracketLeft BracketRight Enter ControlLeft"),
  ...row(0x1e, "KeyA KeyS KeyD KeyF KeyG KeyH KeyJ KeyK KeyL Semicolon Quote Backquote ShiftLeft Backslash"),
  ...row(0x2c, "KeyZ KeyX KeyC KeyV KeyB KeyN KeyM Comma Period Slash ShiftRight NumpadMultiply AltLeft Space"),
  ...row(0x3a, "CapsLock F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 NumLock ScrollLock"),
  ...row(0x47, "Numpad7 Numpad8 Numpad9 NumpadSubtract Numpad4 Numpad5 Numpad6 NumpadAdd"),
  ...row(0x4f, "Numpad1 Numpad2 Numpad3 Numpad0 NumpadDecimal"),
  ...row(0x56, "IntlBackslash F11 F12 NumpadEqual"),
  ...row(E0 | 0x1c, "NumpadEnter ControlRight"),
  ["NumpadDivide", E0 | 0x35],
  ...row(E0 | 0x37, "PrintScreen AltRight"),
  ...row(E0 | 0x47, "Home ArrowUp PageUp"),
  ["ArrowLeft", E0 | 0x4b],
  ["ArrowRight", E0 | 0x4d],
  ...row(E0 | 0x4f, "End ArrowDown PageDown Insert Delete"),
  ...row(E0 | 0x5b, "MetaLeft MetaRight ContextMenu"),
  // Japanese and Brazilian boards have these besides.
  ["KanaMode", 0x70],
  ["IntlRo", 0x73],
  ["Convert", 0x79],
  ["NonConvert", 0x7b],
  ["IntlYen", 0x7d],
  ["NumpadComma", 0x7e],
]);

/** What PrintScreen sends with an Alt key, and Pause with a Control key: the XT had no keys of their own for them. */
const SYSTEM_REQUEST = 0x54;
const BREAK = E0 | 0x46;

/** All keys that there are. */
export const KEY_NAMES: readonly string[] = [...CODES.keys(), "Pause"];

function keystroke(code: number, release: boolean): Keystroke {
  return { code: code & 0x7f, prefix: (code >>> 8) as Keystroke["prefix"], release };
}

/**
 * What a key sends when it goes down and when it comes up; undefined for a key that no board of ours has.
 * @param held KeyboardEvent.code of the keys that are down
 */
export function strokesOf(
  key: string,
  held: { has(key: string): boolean },
): { readonly down: readonly Keystroke[]; readonly up: readonly Keystroke[] } | undefined {
  const control = held.has("ControlLeft") || held.has("ControlRight");
  if (key === "Pause") {
    // It sends that it is up again when it goes down, and nothing later.
    const codes = control ? [BREAK] : [0xe11d, 0x45];
    return { down: [false, true].flatMap((up) => codes.map((code) => keystroke(code, up))), up: [] };
  }
  const alt = held.has("AltLeft") || held.has("AltRight");
  const code = key === "PrintScreen" && alt ? SYSTEM_REQUEST : CODES.get(key);
  if (code === undefined) return undefined;
  return { down: [keystroke(code, false)], up: [keystroke(code, true)] };
}
