import { describe, expect, it } from "vitest";
import { SyntheticKeyboard } from "../../../emulator/devices/keyboard/keyboard";
import { strokesOf } from "../../../emulator/input/scan-codes";
import { bytesOf, FakeDriver } from "./fake-input-guest";

const PROTOCOL_REQUEST = bytesOf(1, 0x10000);
const ACCEPTED = "0200000001000000";

function press(keyboard: SyntheticKeyboard, key: string, release = false): void {
  const strokes = strokesOf(key, new Set())!;
  keyboard.key({ key, release, strokes: release ? strokes.up : strokes.down });
}

/** A keystroke message as hexadecimal text, padded as the ring pads it. */
function keystroke(code: number, flags: number): string {
  return Buffer.from(bytesOf(3, code, flags, 0)).toString("hex");
}

function agreed(): { keyboard: SyntheticKeyboard; driver: FakeDriver } {
  const keyboard = new SyntheticKeyboard();
  const driver = new FakeDriver(keyboard);
  driver.send(PROTOCOL_REQUEST);
  expect(driver.receive()).toEqual([ACCEPTED]);
  return { keyboard, driver };
}

describe("the synthetic keyboard", () => {
  it("is offered as a keyboard and no pipe, and listened to when the protocol is agreed on", () => {
    const keyboard = new SyntheticKeyboard();
    const driver = new FakeDriver(keyboard);
    expect(driver.offered).toEqual({ interfaceId: "6dad12f9172bea48bd65f927a61c7684", flags: 1, pipeMode: 0 });
    press(keyboard, "KeyA");
    expect(driver.receive()).toEqual([]);
    driver.send(bytesOf(1, 0x20000));
    expect(driver.receive()).toEqual(["0200000000000000"]);
    expect(keyboard.active).toBe(false);
    driver.send(PROTOCOL_REQUEST);
    expect(driver.receive()).toEqual([ACCEPTED]);
    expect(keyboard.active).toBe(true);
  });

  it("sends make codes with break, E0 and E1 as flags", () => {
    const { keyboard, driver } = agreed();
    press(keyboard, "KeyA");
    press(keyboard, "KeyA", true);
    press(keyboard, "ArrowUp");
    press(keyboard, "ArrowUp", true);
    press(keyboard, "Pause");
    expect(driver.receive()).toEqual([
      keystroke(0x1e, 0),
      keystroke(0x1e, 2),
      keystroke(0x48, 4),
      keystroke(0x48, 6),
      ...[keystroke(0x1d, 8), keystroke(0x45, 0), keystroke(0x1d, 10), keystroke(0x45, 2)],
    ]);
  });

  it("hears of the LEDs", () => {
    const { keyboard, driver } = agreed();
    const heard: number[] = [];
    keyboard.onLeds = (flags) => heard.push(flags);
    driver.send(bytesOf(4, 4));
    driver.send(bytesOf(4, 0xffff_0003));
    expect(heard).toEqual([4, 3]);
  });

  it("keeps releases, and the newest keys, for a driver that does not read", () => {
    const { keyboard, driver } = agreed();
    press(keyboard, "ShiftLeft");
    for (let i = 0; i < 3000; i++) {
      press(keyboard, "KeyX");
      press(keyboard, "KeyX", true);
    }
    press(keyboard, "ShiftLeft", true);
    press(keyboard, "Escape");
    expect(keyboard.backlog).toBeGreaterThan(0);
    expect(keyboard.backlog).toBeLessThan(200);
    const received: string[] = [];
    for (let turn = 0; turn < 100; turn++) {
      received.push(...driver.receive());
      driver.machine.advance(1_000_000);
    }
    expect(received[0]).toBe(keystroke(0x2a, 0));
    expect(received.slice(-2)).toEqual([keystroke(0x2a, 2), keystroke(0x01, 0)]);
    expect(received.lastIndexOf(keystroke(0x2d, 2))).toBeGreaterThan(received.lastIndexOf(keystroke(0x2d, 0)));
    expect(keyboard.backlog).toBe(0);
  });

  it("forgets everything when the channel is closed", () => {
    const { keyboard, driver } = agreed();
    for (let i = 0; i < 3000; i++) press(keyboard, "KeyX");
    driver.close();
    expect(keyboard.active).toBe(false);
    expect(keyboard.backlog).toBe(0);
    press(keyboard, "KeyX");
    expect(keyboard.backlog).toBe(0);
  });

  it.each([
    ["nothing", new Uint8Array(0), 6, "keyboard message of 0 bytes"],
    ["an unknown message", bytesOf(9, 0), 6, "keyboard message of unknown type 9"],
    ["the host's own message", bytesOf(3, 0x1e), 6, "keyboard message of unknown type 3"],
    ["transfer pages", bytesOf(1, 0x10000), 7, undefined],
  ])("ends the channel of a driver that sends %s", (_, payload, type, reason) => {
    const { keyboard, driver } = agreed();
    driver.send(payload, type);
    expect(keyboard.active).toBe(false);
    expect(driver.machine.log).toHaveLength(1);
    expect(driver.machine.log[0]).toContain(`Keyboard: channel 1 ended: ${reason ?? ""}`);
    press(keyboard, "KeyA");
    expect(driver.receive()).toEqual([]);
  });

  it("does not mind a completion", () => {
    const { keyboard, driver } = agreed();
    driver.send(bytesOf(0, 0), 0xb);
    expect(keyboard.active).toBe(true);
  });
});
