import { describe, expect, test } from "vitest";
import { strokesOf } from "../../../emulator/input/scan-codes";
import { Board } from "./fixture";

/** A key of the keyboard goes down or comes up, with nothing else held. */
function press(board: Board, key: string, release = false): void {
  const strokes = strokesOf(key, new Set())!;
  const event = { key, release, strokes: release ? strokes.up : strokes.down };
  board.chipset.keyboardController.keyboard.key(event);
}

function drain(board: Board): number[] {
  const bytes: number[] = [];
  while (board.in(0x64) & 1 && bytes.length < 100) bytes.push(board.in(0x60));
  return bytes;
}

function command(board: Board, code: number, ...data: number[]): number[] {
  board.out(0x64, code);
  for (const byte of data) board.out(0x60, byte);
  return drain(board);
}

function keyboard(board: Board, ...bytes: number[]): number[] {
  for (const byte of bytes) board.out(0x60, byte);
  return drain(board);
}

function mouse(board: Board, ...bytes: number[]): number[] {
  const answer: number[] = [];
  for (const byte of bytes) answer.push(...command(board, 0xd4, byte));
  return answer;
}

describe("8042", () => {
  test("self test, line tests, command byte", () => {
    const board = new Board();
    expect(board.in(0x64)).toBe(0x14);
    expect(command(board, 0xaa)).toEqual([0x55]);
    expect(command(board, 0xab)).toEqual([0x00]);
    expect(command(board, 0xa9)).toEqual([0x00]);
    expect(command(board, 0x20)).toEqual([0x65]);
    command(board, 0x60, 0x74);
    expect(command(board, 0x20)).toEqual([0x74]);
    command(board, 0x65, 0x12);
    expect(command(board, 0x25)).toEqual([0x12]);
  });

  test("Linux's i8042_check_aux: loop, disable, enable, and IRQ 12 from the loop command", () => {
    const board = new Board();
    board.setIoApic(0x10 + 24, 0x5c);
    board.out(0x64, 0xd3);
    board.out(0x60, 0x5a);
    expect(board.in(0x64) & 0x21).toBe(0x21);
    expect(board.in(0x60)).toBe(0x5a);
    command(board, 0xa7);
    expect(command(board, 0x20)[0]! & 0x20).toBe(0x20);
    command(board, 0xa8);
    expect(command(board, 0x20)[0]! & 0x20).toBe(0);
    for (const probe of [0xf0, 0x56, 0xa4]) expect(command(board, 0xd3, probe)).toEqual([probe]); // no multiplexer
    expect(board.pending).toBe(false);
    command(board, 0x60, 0x46);
    board.out(0x64, 0xd3);
    board.out(0x60, 0xa5);
    expect(board.acknowledge()).toBe(0x5c);
    expect(board.in(0x60)).toBe(0xa5);
    expect(board.in(0x64) & 1).toBe(0);
  });

  test("keyboard: reset, identify, LEDs, rate, scan code set; unknown commands ask again", () => {
    const board = new Board();
    command(board, 0x60, 0x04); // no translation
    expect(keyboard(board, 0xff)).toEqual([0xfa, 0xaa]);
    expect(keyboard(board, 0xf2)).toEqual([0xfa, 0xab, 0x83]);
    expect(keyboard(board, 0xed, 0x07)).toEqual([0xfa, 0xfa]);
    expect(board.chipset.keyboardController.keyboard.leds).toBe(7);
    expect(keyboard(board, 0xf3, 0x00)).toEqual([0xfa, 0xfa]);
    expect(keyboard(board, 0xf0, 0x00)).toEqual([0xfa, 0xfa, 0x02]);
    expect(keyboard(board, 0xf0, 0x03)).toEqual([0xfa, 0xfe]);
    expect(keyboard(board, 0xee)).toEqual([0xee]);
    expect(keyboard(board, 0xea)).toEqual([0xfe]);
    expect(keyboard(board, 0xed, 0xf4)).toEqual([0xfa, 0xfa]); // a command where a parameter was due
  });

  test("keys: translated to set 1, an interrupt for each byte", () => {
    const board = new Board();
    board.setIoApic(0x10 + 2, 0x51);
    press(board, "KeyA");
    press(board, "KeyA", true);
    press(board, "ArrowUp", true);
    const bytes: number[] = [];
    for (let i = 0; i < 6 && board.acknowledge() === 0x51; i++) {
      bytes.push(board.in(0x60));
      board.setApic(0xb0, 0);
    }
    expect(bytes).toEqual([0x1e, 0x9e, 0xe0, 0xc8]);
    expect(board.pending).toBe(false);
    expect(keyboard(board, 0xf2)).toEqual([0xfa, 0xab, 0x41]);
    expect(keyboard(board, 0xf5)).toEqual([0xfa]);
    press(board, "KeyA");
    expect(board.in(0x64) & 1).toBe(0);
  });

  test("a disabled keyboard holds its bytes until it is enabled", () => {
    const board = new Board();
    command(board, 0xad);
    press(board, "KeyA");
    expect(board.in(0x64) & 1).toBe(0);
    command(board, 0xae);
    press(board, "KeyA");
    expect(drain(board)).toEqual([0x1e]);
  });

  test("mouse: reset, identify, wheel, status, packets on IRQ 12", () => {
    const board = new Board();
    board.setIoApic(0x10 + 24, 0x5c);
    command(board, 0x60, 0x47);
    expect(mouse(board, 0xff)).toEqual([0xfa, 0xaa, 0x00]);
    expect(mouse(board, 0xf2)).toEqual([0xfa, 0x00]);
    expect(mouse(board, 0xf3, 200, 0xf3, 100, 0xf3, 80)).toEqual([0xfa, 0xfa, 0xfa, 0xfa, 0xfa, 0xfa]);
    expect(mouse(board, 0xf2)).toEqual([0xfa, 0x03]);
    expect(mouse(board, 0xe8, 3, 0xf4)).toEqual([0xfa, 0xfa, 0xfa]);
    expect(mouse(board, 0xe9)).toEqual([0xfa, 0x20, 0x03, 80]);
    while (board.acknowledge() >= 0) board.setApic(0xb0, 0);
    board.chipset.keyboardController.mouse.move(5, -3, -1, 1);
    expect(board.acknowledge()).toBe(0x5c);
    expect(board.in(0x64) & 0x21).toBe(0x21);
    expect(drain(board)).toEqual([0x29, 5, 0xfd, 0xff]);
  });

  test.each([
    ["the controller", [0x64, 0xaa]],
    ["the keyboard", [0x60, 0xf2]],
    ["the mouse", [0x64, 0xd4, 0x60, 0xe9]],
  ] as const)("answers of %s that nobody reads are bounded", (_, writes) => {
    const board = new Board();
    for (let i = 0; i < 10_000; i++) {
      for (let at = 0; at < writes.length; at += 2) board.out(writes[at]!, writes[at + 1]!);
    }
    let count = 0;
    for (; board.in(0x64) & 1 && count < 1000; count++) board.in(0x60);
    expect(count).toBeGreaterThan(15);
    expect(count).toBeLessThan(100);
  });

  test("events that nobody reads are bounded", () => {
    const board = new Board();
    for (let i = 0; i < 10_000; i++) press(board, "KeyA");
    let count = 0;
    while (board.in(0x64) & 1 && count < 10_000) {
      board.in(0x60);
      count++;
    }
    expect(count).toBeGreaterThan(15);
    expect(count).toBeLessThan(300);
  });

  test("keys without translation: set 2, as the keyboard sends it", () => {
    const board = new Board();
    command(board, 0x60, 0x04);
    const sent = (key: string, release = false): string => {
      press(board, key, release);
      return Buffer.from(drain(board)).toString("hex");
    };
    expect(sent("KeyA")).toBe("1c");
    expect(sent("KeyA", true)).toBe("f01c");
    expect(sent("F7")).toBe("83");
    expect(sent("Delete", true)).toBe("e0f071");
    expect(sent("Pause")).toBe("e11477e1f014f077");
  });

  test("a guest that reads late sees the newest keys, and none that stays down", () => {
    const board = new Board();
    press(board, "KeyA");
    for (let i = 0; i < 500; i++) {
      press(board, "KeyB");
      press(board, "KeyB", true);
    }
    press(board, "KeyA", true);
    press(board, "KeyC");
    const bytes = drain(board);
    for (const read = board.in(0x64); read & 1 && board.in(0x64) & 1;) bytes.push(board.in(0x60));
    expect(bytes[0]).toBe(0x1e);
    expect(bytes.slice(-2)).toEqual([0x9e, 0x2e]);
    const down = new Set<number>();
    for (const byte of bytes) {
      if (byte & 0x80) down.delete(byte & 0x7f);
      else down.add(byte);
    }
    expect([...down]).toEqual([0x2e]);
  });

  test("mouse motion that nobody reads adds up, in as many packets as it needs, without its wheel if that is off", () => {
    const board = new Board();
    mouse(board, 0xf4);
    const device = board.chipset.keyboardController.mouse;
    device.move(1, 1, 1, 0);
    device.move(300, -20, 0, 0);
    device.move(200, -20, 5, 0);
    device.move(0, 0, 0, 3);
    for (let i = 0; i < 10_000; i++) device.move(-1, 0, 0, i & 1);
    device.move(0, 0, 0, 0);
    const bytes = drain(board);
    while (board.in(0x64) & 1) bytes.push(board.in(0x60));
    expect(bytes.length % 3).toBe(0);
    expect(bytes.length).toBeLessThan(3 * 80);
    expect(bytes.slice(0, 3)).toEqual([0x08, 1, 1]);
    expect(bytes.at(-3)! & 7).toBe(0);
  });

  test("mouse motion in long steps", () => {
    const board = new Board();
    mouse(board, 0xf3, 200, 0xf3, 100, 0xf3, 80, 0xf4);
    board.chipset.keyboardController.mouse.move(600, -256, 9, 2);
    expect(drain(board)).toEqual([0x2a, 255, 1, 7, 0x2a, 255, 0xff, 2, 0x0a, 90, 0, 0]);
  });

  test("reset through the output port and its pulse", () => {
    const board = new Board();
    board.out(0x64, 0xfe);
    expect(board.power).toEqual([{ kind: "reset" }]);
    command(board, 0xd1, 0x02);
    expect(board.power).toHaveLength(2);
    command(board, 0xd1, 0x03);
    board.out(0x64, 0xff);
    expect(board.power).toHaveLength(2);
    expect(board.signals).toEqual(["stop", "stop"]);
  });
});
