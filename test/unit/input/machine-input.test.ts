import { describe, expect, it } from "vitest";
import { LED_CAPS_LOCK, type KeyboardDevice } from "../../../emulator/input/keyboard-input";
import { MachineInput } from "../../../emulator/input/machine-input";
import type { PointerReport } from "../../../emulator/input/pointer-input";
import { KEY_NAMES, strokesOf, type KeyEvent } from "../../../emulator/input/scan-codes";
import { typedCharacters } from "../../../emulator/input/us-layout";
import { TimerQueue } from "../../../emulator/time/clock";
import { ManualClock } from "../vmbus/fake-machine";

class FakeKeyboard implements KeyboardDevice {
  active = false;
  backlog = 0;
  onLeds: ((flags: number) => void) | undefined;
  events: KeyEvent[] = [];
  key(event: KeyEvent): void {
    this.events.push(event);
  }

  /** What came since the last call: "+" or "-" and the key. */
  take(): string[] {
    const { events } = this;
    this.events = [];
    return events.map(({ key, release }) => `${release ? "-" : "+"}${key}`);
  }
}

/** Hands at two keyboards and two mice that only take notes. */
class Desk {
  readonly clock = new ManualClock();
  readonly timers = new TimerQueue(this.clock);
  readonly keyboard = new FakeKeyboard();
  readonly ps2Keyboard = new FakeKeyboard();
  readonly mouse = {
    active: false,
    reports: [] as PointerReport[],
    report(report: PointerReport): void {
      this.reports.push(report);
    },
  };
  readonly ps2Mouse = {
    moves: [] as number[][],
    move(...values: number[]): void {
      this.moves.push(values);
    },
  };
  readonly input = new MachineInput({ ...this, wake: () => undefined });

  run(seconds: number): void {
    const end = this.clock.time + seconds * 1e9;
    while (this.timers.nextDeadline <= end) {
      this.clock.time = this.timers.nextDeadline;
      this.timers.runDue();
    }
    this.clock.time = end;
  }
}

describe("scan codes", () => {
  it("differ from key to key, and fit a keyboard's bytes", () => {
    expect(KEY_NAMES.length).toBeGreaterThanOrEqual(105);
    const codes = KEY_NAMES.map((key) => JSON.stringify(strokesOf(key, new Set())?.down));
    expect(new Set(codes).size).toBe(KEY_NAMES.length);
    for (const key of KEY_NAMES) {
      for (const { code } of strokesOf(key, new Set())?.down ?? []) {
        expect(code).toBeGreaterThan(0);
        expect(code).toBeLessThan(0x80);
      }
    }
  });

  it("are others for Alt+PrintScreen and Control+Pause", () => {
    const down = (key: string, held: string) => strokesOf(key, new Set([held]))?.down;
    expect(down("PrintScreen", "AltLeft")).toEqual([{ code: 0x54, prefix: 0, release: false }]);
    expect(down("Pause", "ControlRight")).toEqual([
      { code: 0x46, prefix: 0xe0, release: false },
      { code: 0x46, prefix: 0xe0, release: true },
    ]);
  });
});

describe("keys", () => {
  it("go to the synthetic keyboard while it is active, and come up where they went down, with the same codes", () => {
    const { input, keyboard, ps2Keyboard } = new Desk();
    input.key("AltLeft", true);
    input.key("PrintScreen", true);
    keyboard.active = true;
    input.key("AltLeft", false);
    input.key("PrintScreen", true);
    input.key("PrintScreen", false);
    input.key("KeyA", true);
    expect(ps2Keyboard.events.map(({ strokes }) => strokes[0]?.code)).toEqual([0x38, 0x54, 0x38, 0x54, 0x54]);
    expect(keyboard.take()).toEqual(["+KeyA"]);
  });

  it("repeat, and come up once; unknown keys are refused", () => {
    const { input, ps2Keyboard } = new Desk();
    input.key("KeyA", true);
    input.key("KeyA", true);
    input.key("KeyA", false);
    input.key("KeyA", false);
    input.key("KeyB", false);
    expect(ps2Keyboard.take()).toEqual(["+KeyA", "+KeyA", "-KeyA"]);
    expect(input.key("BrowserBack", true)).toBe(false);
    expect(input.key("__proto__", true)).toBe(false);
    expect(ps2Keyboard.take()).toEqual([]);
  });

  it("come up all together", () => {
    const { input, ps2Keyboard } = new Desk();
    for (const key of ["ControlLeft", "AltLeft", "Pause"]) input.key(key, true);
    ps2Keyboard.take();
    input.releaseKeys();
    expect(ps2Keyboard.take()).toEqual(["-ControlLeft", "-AltLeft"]);
  });
});

describe("typed text", () => {
  it("presses the keys that make it, with Shift as Caps Lock wants it", () => {
    const desk = new Desk();
    desk.input.key("ControlLeft", true);
    expect(desk.input.type("a!")).toBe(2);
    desk.run(1);
    expect(desk.ps2Keyboard.take()).toEqual([
      ...["+ControlLeft", "-ControlLeft", "+KeyA", "-KeyA"],
      ...["+ShiftLeft", "+Digit1", "-Digit1", "-ShiftLeft"],
    ]);
    desk.ps2Keyboard.onLeds?.(LED_CAPS_LOCK);
    expect(desk.input.leds.capsLock).toBe(true);
    desk.input.type("aB1");
    desk.run(1);
    expect(desk.ps2Keyboard.take()).toEqual([
      ...["+ShiftLeft", "+KeyA", "-KeyA", "-ShiftLeft", "+KeyB", "-KeyB", "+Digit1", "-Digit1"],
    ]);
  });

  it("takes each kind of line end for one Enter, and leaves out what no key makes", () => {
    expect(typedCharacters("\r\n\n\r").map(({ key }) => key)).toEqual(["Enter", "Enter", "Enter"]);
    expect(typedCharacters("é漢\u{1f600}\0x").map(({ key }) => key)).toEqual(["KeyX"]);
  });

  it("waits for a guest that does not read, is bounded, and is forgotten at reset", () => {
    const desk = new Desk();
    desk.ps2Keyboard.backlog = 1;
    expect(desk.input.type("x".repeat(100_000))).toBe(65_536);
    expect(desk.input.type("x")).toBe(0);
    desk.run(1);
    expect(desk.ps2Keyboard.take()).toEqual([]);
    desk.ps2Keyboard.backlog = 0;
    desk.run(0.1);
    expect(desk.ps2Keyboard.take().length).toBeGreaterThan(10);
    desk.input.reset();
    desk.run(1);
    expect(desk.ps2Keyboard.take()).toEqual([]);
  });
});

describe("the pointer", () => {
  it("is absolute at the synthetic mouse", () => {
    const { input, mouse, ps2Mouse } = new Desk();
    mouse.active = true;
    input.setScreen(1000, 500);
    input.moveTo(0.5, -3);
    input.moveBy(100, 100);
    input.moveBy(1e9, Number.NaN);
    input.buttons(0xff);
    input.wheel(0.4);
    input.wheel(0.4);
    input.moveTo(Number.NaN, 0);
    expect(mouse.reports).toEqual([
      { x: 0.5, y: 0, buttons: 0, wheel: 0 },
      { x: 0.6, y: 0.2, buttons: 0, wheel: 0 },
      { x: 0.6, y: 0.2, buttons: 0x1f, wheel: 0 },
      { x: 0.6, y: 0.2, buttons: 0x1f, wheel: 1 },
    ]);
    expect(ps2Mouse.moves).toEqual([]);
  });

  it("moves by as much as it was moved at the PS/2 mouse, fractions added up", () => {
    const { input, ps2Mouse } = new Desk();
    input.setScreen(1000, 500);
    input.moveTo(0.5, 0.5);
    input.moveTo(0.6, 0.4);
    for (let i = 0; i < 10; i++) input.moveBy(0.3, 0);
    const sum = (at: number): number => ps2Mouse.moves.reduce((total, move) => total + move[at]!, 0);
    expect([sum(0), sum(1)]).toEqual([103, 50]);
    input.moveBy(1e9, 0);
    expect(ps2Mouse.moves.at(-1)?.[0]).toBe(32_767);
  });

  it("lets go of the PS/2 mouse's buttons when the synthetic one takes over", () => {
    const { input, mouse, ps2Mouse } = new Desk();
    input.buttons(1);
    mouse.active = true;
    input.moveTo(0.1, 0.1);
    expect(ps2Mouse.moves.at(-1)).toEqual([0, 0, 0, 0]);
    expect(mouse.reports).toEqual([{ x: 0.1, y: 0.1, buttons: 1, wheel: 0 }]);
  });
});
