import type { Timer, TimerQueue } from "../time/clock";
import { strokesOf, type KeyEvent, type Keystroke } from "./scan-codes";
import { isLetter, typedCharacters, type TypedCharacter } from "./us-layout";

/** LED flags, as both keyboards' protocols have them. */
export const LED_SCROLL_LOCK = 1;
export const LED_NUM_LOCK = 2;
export const LED_CAPS_LOCK = 4;

/** A keyboard that a guest may listen to. */
export interface KeyboardDevice {
  /** Key events that the guest has not taken yet, as far as that can be known. */
  readonly backlog: number;
  key(event: KeyEvent): void;
  /** The guest set the lamps: LED_* flags. */
  onLeds: ((flags: number) => void) | undefined;
}

/** Text goes as fast as a guest with a slow console can take it: a character this often, ns. */
const TYPING_PERIOD = 5_000_000;
/** Characters that wait to be typed, at most. */
const TEXT_LIMIT = 1 << 16;
const SHIFT = "ShiftLeft";

interface HeldKey {
  readonly device: KeyboardDevice;
  readonly up: readonly Keystroke[];
}

/** The keys of the machine: which are down, and which of its keyboards hears of it. */
export class KeyboardInput {
  /** LED_* flags that the guest set last, at whichever keyboard. */
  leds = 0;
  onLeds: (() => void) | undefined;
  private readonly held = new Map<string, HeldKey>();
  private readonly text: TypedCharacter[] = [];
  private readonly typing: Timer;

  /**
   * @param synthetic heard while it is active
   * @param ps2 heard until then
   */
  constructor(
    private readonly timers: TimerQueue,
    private readonly synthetic: KeyboardDevice & { readonly active: boolean },
    private readonly ps2: KeyboardDevice,
  ) {
    this.typing = timers.create(() => this.typeNext());
    // Linux has no LEDs at the synthetic keyboard, and sets those of every keyboard to the same: the last word counts.
    synthetic.onLeds = ps2.onLeds = (flags) => {
      if (flags === this.leds) return;
      this.leds = flags;
      this.onLeds?.();
    };
  }

  /** @returns false if there is no such key */
  key(key: string, pressed: boolean): boolean {
    const strokes = strokesOf(key, this.held);
    if (!strokes) return false;
    const before = this.held.get(key);
    if (pressed) {
      // A key that is down already repeats, at the keyboard and with the codes that it began with.
      const device = before?.device ?? (this.synthetic.active ? this.synthetic : this.ps2);
      const down = before?.up.map((stroke) => ({ ...stroke, release: false })) ?? [];
      device.key({ key, release: false, strokes: down.length > 0 ? down : strokes.down });
      if (!before) this.held.set(key, { device, up: strokes.up });
    } else if (before) {
      this.held.delete(key);
      if (before.up.length > 0) before.device.key({ key, release: true, strokes: before.up });
    }
    return true;
  }

  releaseAll(): void {
    for (const key of [...this.held.keys()]) this.key(key, false);
  }

  /** @returns the number of characters that will be typed */
  type(text: string): number {
    this.releaseAll();
    const characters = typedCharacters(text).slice(0, TEXT_LIMIT - this.text.length);
    for (const character of characters) this.text.push(character);
    if (this.text.length > 0 && !this.typing.armed) this.arm();
    return characters.length;
  }

  /** The machine was reset: nothing is held, and text that waits is for nobody. */
  reset(): void {
    this.held.clear();
    this.text.length = 0;
    this.typing.cancel();
  }

  private arm(): void {
    this.typing.arm(this.timers.clock.now() + TYPING_PERIOD);
  }

  private typeNext(): void {
    const device = this.synthetic.active ? this.synthetic : this.ps2;
    const character = device.backlog === 0 ? this.text.shift() : undefined;
    if (character) {
      const locked = (this.leds & LED_CAPS_LOCK) !== 0 && isLetter(character.key);
      const shift = character.shift !== locked && !this.held.has(SHIFT);
      if (shift) this.key(SHIFT, true);
      this.key(character.key, true);
      this.key(character.key, false);
      if (shift) this.key(SHIFT, false);
    }
    if (this.text.length > 0) this.arm();
  }
}
