import { describe, expect, test } from "vitest";
import { Board } from "./fixture";

function get(board: Board, register: number): number {
  board.out(0x70, register);
  return board.in(0x71);
}

function set(board: Board, register: number, value: number): void {
  board.out(0x70, register);
  board.out(0x71, value);
}

/** Century, year, month, day, hour, minute, second as the registers show them. */
function time(board: Board): number[] {
  return [0x32, 9, 8, 7, 4, 2, 0].map((register) => get(board, register));
}

const SECOND = 1_000_000_000;

describe("MC146818", () => {
  test("shows the epoch plus the clock, in BCD and binary, 24 and 12 hours", () => {
    const board = new Board();
    expect(time(board)).toEqual([0x20, 0x26, 0x11, 0x25, 0x12, 0x34, 0x56]);
    expect(get(board, 6)).toBe(4); // Wednesday
    board.advance(4 * SECOND);
    expect(time(board)).toEqual([0x20, 0x26, 0x11, 0x25, 0x12, 0x35, 0x00]);
    set(board, 0x0b, 0x06);
    expect(time(board)).toEqual([20, 26, 11, 25, 12, 35, 0]);
    set(board, 0x0b, 0x00);
    expect(get(board, 4)).toBe(0x92); // 12 PM
    board.advance(3600 * SECOND);
    expect(get(board, 4)).toBe(0x81);
  });

  test("UIP shows 244 us before each update and not after it", () => {
    const board = new Board();
    expect(get(board, 0x0a)).toBe(0x26);
    board.advance(SECOND - 244_001);
    expect(get(board, 0x0a)).toBe(0x26);
    board.advance(1);
    expect(get(board, 0x0a)).toBe(0xa6);
    board.advance(243_999);
    expect(get(board, 0x0a)).toBe(0xa6);
    expect(get(board, 0)).toBe(0x56);
    board.advance(1);
    expect(get(board, 0x0a)).toBe(0x26);
    expect(get(board, 0)).toBe(0x57);
  });

  test("a driver sets the time under SET, in any order of fields", () => {
    const board = new Board();
    board.advance(300_000_000);
    set(board, 0x0b, 0x82);
    // 2024-02-29 from November 25: no order of writes may normalise early.
    set(board, 7, 0x31);
    set(board, 8, 0x02);
    set(board, 7, 0x29);
    set(board, 9, 0x24);
    set(board, 4, 0x23);
    set(board, 2, 0x59);
    set(board, 0, 0x59);
    board.advance(5 * SECOND);
    expect(time(board)).toEqual([0x20, 0x24, 0x02, 0x29, 0x23, 0x59, 0x59]);
    set(board, 0x0b, 0x02);
    board.advance(700_000_000); // the seconds' phase was not touched
    expect(time(board)).toEqual([0x20, 0x24, 0x03, 0x01, 0x00, 0x00, 0x00]);
  });

  test("after a divider reset the next update comes half a second later", () => {
    const board = new Board();
    board.advance(123_456_789);
    set(board, 0x0a, 0x76);
    board.advance(7 * SECOND);
    expect(get(board, 0)).toBe(0x56);
    set(board, 0x0a, 0x26);
    board.advance(499_999_999);
    expect(get(board, 0)).toBe(0x56);
    board.advance(1);
    expect(get(board, 0)).toBe(0x57);
  });

  test("periodic interrupts at 1024 Hz, each acknowledged by register C, without drift", () => {
    const board = new Board();
    board.initializePics([0xfb, 0xfe]);
    set(board, 0x0b, 0x42);
    let count = 0;
    for (let i = 0; i < 20_000; i++) {
      board.advance(100_000);
      if (!board.pending) continue;
      expect(board.acknowledge()).toBe(0x38);
      expect(get(board, 0x0c) & 0xc0).toBe(0xc0);
      board.out(0xa0, 0x20);
      board.out(0x20, 0x20);
      count++;
    }
    expect(count).toBe(2048);
    expect(get(board, 0x0c) & 0x80).toBe(0);
  });

  test("update-ended and alarm interrupts", () => {
    const board = new Board();
    board.initializePics([0xfb, 0xfe]);
    set(board, 1, 0x58);
    set(board, 3, 0x34);
    set(board, 5, 0xc0); // any hour
    get(board, 0x0c);
    set(board, 0x0b, 0x22);
    board.advance(2 * SECOND - 1);
    expect(board.pending).toBe(false);
    board.advance(1);
    expect(board.acknowledge()).toBe(0x38);
    expect(get(board, 0x0c) & 0xb0).toBe(0xb0);
    board.out(0xa0, 0x20);
    board.out(0x20, 0x20);
    board.advance(3599 * SECOND);
    expect(board.pending).toBe(false);
    board.advance(SECOND);
    expect(board.pending).toBe(true);
    board.acknowledge();
    get(board, 0x0c);
    board.out(0xa0, 0x20);
    board.out(0x20, 0x20);
    set(board, 0x0b, 0x12);
    board.advance(SECOND);
    expect(board.pending).toBe(true);
    set(board, 0x0b, 0x92); // SET clears UIE
    expect(get(board, 0x0b)).toBe(0x82);
  });

  test("flags are seen by polling too, and register C clears them", () => {
    const board = new Board();
    expect(get(board, 0x0c)).toBe(0);
    board.clock.time = SECOND;
    expect(get(board, 0x0c) & 0x50).toBe(0x50);
    expect(get(board, 0x0c)).toBe(0);
    expect(get(board, 0x0d)).toBe(0x80);
  });

  test("CMOS RAM remembers, and tells the memory size", () => {
    const board = new Board();
    expect(get(board, 0x15) | (get(board, 0x16) << 8)).toBe(640);
    expect(get(board, 0x17) | (get(board, 0x18) << 8)).toBe(0xffff);
    expect(get(board, 0x34) | (get(board, 0x35) << 8)).toBe(0xf00); // 240 MiB above 16 MiB
    set(board, 0x0f, 0x0a);
    expect(get(board, 0x0f)).toBe(0x0a);
    board.chipset.reset();
    expect(get(board, 0x0f)).toBe(0);
  });
});
