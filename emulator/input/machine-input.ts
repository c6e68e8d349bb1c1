import type { TimerQueue } from "../time/clock";
import { KeyboardInput, LED_CAPS_LOCK, LED_NUM_LOCK, LED_SCROLL_LOCK, type KeyboardDevice } from "./keyboard-input";
import { PointerInput, type AbsolutePointer, type RelativePointer } from "./pointer-input";

export interface KeyboardLeds {
  readonly capsLock: boolean;
  readonly numLock: boolean;
  readonly scrollLock: boolean;
}

export interface InputDevices {
  readonly timers: TimerQueue;
  readonly keyboard: KeyboardDevice & { readonly active: boolean };
  readonly mouse: AbsolutePointer;
  readonly ps2Keyboard: KeyboardDevice;
  readonly ps2Mouse: RelativePointer;
  /** The guest has something to look at. */
  wake(): void;
}

/**
 * A person's hands at the machine. Keys go to the synthetic keyboard while the guest has a driver for it, else to the
 * PS/2 keyboard; the pointer likewise. What a guest does not read in time is dropped, the oldest first, but a key or a
 * button that came up never stays down.
 */
export class MachineInput {
  /** The guest switched a lamp of its keyboard. */
  onLeds: (() => void) | undefined;
  private readonly keyboard: KeyboardInput;
  private readonly pointer: PointerInput;

  constructor(private readonly devices: InputDevices) {
    this.keyboard = new KeyboardInput(devices.timers, devices.keyboard, devices.ps2Keyboard);
    this.pointer = new PointerInput(devices.mouse, devices.ps2Mouse);
    this.keyboard.onLeds = () => this.onLeds?.();
  }

  /**
   * A key goes down, goes on being down (each call repeats it), or comes up.
   * @param code KeyboardEvent.code
   * @returns false if a keyboard of 105 keys, or a Japanese or Brazilian one, has no such key
   */
  key(code: string, pressed: boolean): boolean {
    const known = this.keyboard.key(code, pressed);
    this.devices.wake();
    return known;
  }

  /** All keys that are down come up, as when the window loses the keyboard. */
  releaseKeys(): void {
    this.keyboard.releaseAll();
    this.devices.wake();
  }

  /**
   * Types text on a US keyboard, as fast as the guest takes it; keys that are down come up before.
   * @returns the number of characters that will be typed: those that such a keyboard has, and of them 65,536 at most
   */
  type(text: string): number {
    const count = this.keyboard.type(text);
    this.devices.wake();
    return count;
  }

  /** The lamps, as the guest set them last. */
  get leds(): KeyboardLeds {
    const { leds } = this.keyboard;
    return {
      capsLock: (leds & LED_CAPS_LOCK) !== 0,
      numLock: (leds & LED_NUM_LOCK) !== 0,
      scrollLock: (leds & LED_SCROLL_LOCK) !== 0,
    };
  }

  /** "relative": the guest has only the PS/2 mouse, whose pointer a host cannot place; it wants to be captured. */
  get pointing(): "absolute" | "relative" {
    return this.devices.mouse.active ? "absolute" : "relative";
  }

  /** Moves the pointer to a place on the screen: 0 is left or top, 1 right or bottom. */
  moveTo(x: number, y: number): void {
    this.pointer.moveTo(x, y);
    this.devices.wake();
  }

  /** Moves the pointer, in pixels of the guest's screen, right and down. */
  moveBy(dx: number, dy: number): void {
    this.pointer.moveBy(dx, dy);
    this.devices.wake();
  }

  /** Sets which buttons are down: MouseEvent.buttons. A PS/2 mouse has only the first three. */
  buttons(mask: number): void {
    this.pointer.buttons(mask);
    this.devices.wake();
  }

  /** Turns the wheel by so many notches, which a guest shows as lines; positive is towards the user, down. */
  wheel(lines: number): void {
    this.pointer.wheel(lines);
    this.devices.wake();
  }

  /** The guest's screen changed its size, pixels. */
  setScreen(width: number, height: number): void {
    this.pointer.setScreen(width, height);
  }

  /** The machine was reset. */
  reset(): void {
    this.keyboard.reset();
    this.pointer.reset();
  }
}

/** What the machine's users have of it; the rest is between the machine's parts. */
export type InputApi = Omit<MachineInput, "onLeds" | "setScreen" | "reset">;
