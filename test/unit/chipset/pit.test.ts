import { describe, expect, test } from "vitest";
import { ticksAt, timeOfTick } from "../../../emulator/chipset/ticks";
import { Board } from "./fixture";

const HZ = 1_193_182;

function readCount(board: Board, counter: number): number {
  board.out(0x43, counter << 6);
  return board.in(0x40 + counter) | (board.in(0x40 + counter) << 8);
}

function program(board: Board, counter: number, mode: number, count: number): void {
  board.out(0x43, (counter << 6) | 0x30 | (mode << 1));
  board.out(0x40 + counter, count & 0xff);
  board.out(0x40 + counter, count >>> 8);
}

describe("ticks", () => {
  test("conversions are exact inverses, also after 100 days", () => {
    for (const tick of [0, 1, 2, 1193181, 1193182, 1193183, HZ * 86400 * 100 + 12345]) {
      const ns = timeOfTick(tick, HZ);
      expect(ticksAt(ns, HZ)).toBe(tick);
      if (tick > 0) expect(ticksAt(ns - 1, HZ)).toBe(tick - 1);
    }
  });
});

describe("8254", () => {
  test("TSC calibration: counter 2 in mode 0 raises bit 5 of port 0x61 after its count", () => {
    const board = new Board();
    board.out(0x61, (board.in(0x61) & ~0x02) | 0x01);
    const latch = Math.floor(HZ / 20); // 50 ms
    board.out(0x43, 0xb0);
    board.out(0x42, latch & 0xff);
    board.out(0x42, latch >> 8);
    expect(board.in(0x61) & 0x20).toBe(0);
    board.advance(timeOfTick(latch, HZ) - 1);
    expect(board.in(0x61) & 0x20).toBe(0);
    board.advance(1);
    expect(board.in(0x61) & 0x20).toBe(0x20);
  });

  test("quick_pit_calibrate: the high byte of an unlatched counter falls every 256 ticks", () => {
    const board = new Board();
    board.out(0x61, 0x01);
    board.out(0x43, 0xb0);
    board.out(0x42, 0xff);
    board.out(0x42, 0xff);
    const msb = (): number => {
      board.in(0x42);
      return board.in(0x42);
    };
    expect(msb()).toBe(0xff);
    board.advance(timeOfTick(255, HZ));
    expect(msb()).toBe(0xff);
    board.advance(timeOfTick(256, HZ) - timeOfTick(255, HZ));
    expect(msb()).toBe(0xfe);
    board.advance(timeOfTick(0x10000, HZ));
    expect(msb()).toBe(0xfe); // wrapped once, still counting
  });

  test("the gate stops counter 2 and goes on where it was", () => {
    const board = new Board();
    board.out(0x61, 0x01);
    program(board, 2, 0, 1000);
    board.advance(timeOfTick(400, HZ));
    expect(readCount(board, 2)).toBe(600);
    board.out(0x61, 0x00);
    board.advance(50_000_000);
    expect(readCount(board, 2)).toBe(600);
    board.out(0x61, 0x01);
    board.advance(timeOfTick(600, HZ) + 1000);
    expect(board.in(0x61) & 0x20).toBe(0x20);
  });

  test("mode 2 interrupts at its rate without drift", () => {
    const board = new Board();
    board.initializePics([0xfe, 0xff]);
    const latch = 1193; // HZ=1000
    program(board, 0, 2, latch);
    if (board.pending) {
      board.acknowledge();
      board.out(0x20, 0x60);
    }
    let count = 0;
    for (let i = 0; i < 10_000; i++) {
      board.advance(100_000);
      if (!board.pending) continue;
      expect(board.acknowledge()).toBe(0x30);
      board.out(0x20, 0x60);
      count++;
    }
    expect(count).toBe(Math.floor(ticksAt(1_000_000_000, HZ) / latch));
  });

  test("mode 2 counts N to 1 and its output is low for the last tick", () => {
    const board = new Board();
    board.out(0x61, 0x01);
    program(board, 2, 2, 4);
    const seen: [number, number][] = [];
    for (let tick = 0; tick < 8; tick++) {
      board.clock.time = timeOfTick(tick, HZ);
      seen.push([readCount(board, 2), (board.in(0x61) >> 5) & 1]);
    }
    const period = [
      [4, 1],
      [3, 1],
      [2, 1],
      [1, 0],
    ];
    expect(seen).toEqual([...period, ...period]);
  });

  test("a count written while mode 2 runs counts from the next period, and the status says so", () => {
    const board = new Board();
    board.out(0x61, 0x01);
    program(board, 2, 2, 100);
    board.clock.time = timeOfTick(30, HZ);
    board.out(0x42, 50);
    board.out(0x42, 0);
    board.out(0x43, 0xe8); // read back status of counter 2
    expect(board.in(0x42)).toBe(0x80 | 0x40 | 0x34);
    expect(readCount(board, 2)).toBe(70);
    board.clock.time = timeOfTick(110, HZ);
    expect(readCount(board, 2)).toBe(40);
    board.out(0x43, 0xe8);
    expect(board.in(0x42)).toBe(0x80 | 0x34);
  });

  test("mode 3 counts by two with a square output", () => {
    const board = new Board();
    board.out(0x61, 0x01);
    program(board, 2, 3, 5);
    const seen: [number, number][] = [];
    for (let tick = 0; tick < 5; tick++) {
      board.clock.time = timeOfTick(tick, HZ);
      seen.push([readCount(board, 2), (board.in(0x61) >> 5) & 1]);
    }
    expect(seen).toEqual([
      [4, 1],
      [2, 1],
      [0, 1],
      [4, 0],
      [2, 0],
    ]);
  });

  test("mode 4 (Linux's one-shot clock event) interrupts once per written count", () => {
    const board = new Board();
    board.initializePics([0xfe, 0xff]);
    board.out(0x43, 0x38);
    if (board.pending) board.acknowledge();
    board.out(0x20, 0x60);
    for (let i = 0; i < 3; i++) {
      board.out(0x40, 0x10);
      board.out(0x40, 0x10);
      board.advance(timeOfTick(0x1010, HZ));
      expect(board.pending).toBe(false);
      board.advance(2000);
      expect(board.pending).toBe(true);
      expect(board.acknowledge()).toBe(0x30);
      board.out(0x20, 0x60);
      board.advance(100_000_000);
      expect(board.pending).toBe(false);
    }
  });

  test("latched values stay until read; read-back gives status before count", () => {
    const board = new Board();
    program(board, 0, 2, 0x8000);
    board.clock.time = timeOfTick(0x10, HZ);
    board.out(0x43, 0xc2); // status and count of counter 0
    board.clock.time = timeOfTick(0x100, HZ);
    board.out(0x43, 0x00); // ignored: latched already
    expect(board.in(0x40)).toBe(0xb4);
    expect(board.in(0x40) | (board.in(0x40) << 8)).toBe(0x7ff0);
    expect(board.in(0x40) | (board.in(0x40) << 8)).toBe(0x7f00);
  });

  test("BCD counts and one-byte access", () => {
    const board = new Board();
    board.out(0x43, 0x35);
    board.out(0x40, 0x00);
    board.out(0x40, 0x10); // 1000
    board.clock.time = timeOfTick(1, HZ);
    expect(readCount(board, 0)).toBe(0x0999);
    board.out(0x43, 0x14); // counter 0, low byte, mode 2
    board.out(0x40, 200);
    expect(board.in(0x40)).toBe(200);
    board.out(0x43, 0x24); // high byte
    board.out(0x40, 2);
    expect(board.in(0x40)).toBe(2);
    board.out(0x43, 0x00);
    expect(board.in(0x40)).toBe(2);
  });

  test("a sleeping host gives one interrupt, not a storm, and the grid stays", () => {
    const board = new Board();
    board.initializePics([0xfe, 0xff]);
    program(board, 0, 2, 11932);
    if (board.pending) board.acknowledge();
    board.out(0x20, 0x60);
    board.sleep(3_600_000_000_000);
    expect(board.acknowledge()).toBe(0x30);
    board.out(0x20, 0x60);
    expect(board.pending).toBe(false);
    const next = board.timers.nextDeadline;
    expect(next).toBeGreaterThan(board.clock.time);
    expect(next - board.clock.time).toBeLessThanOrEqual(10_001_000);
    expect(ticksAt(next, HZ) % 11932).toBe(0);
  });

  test("the shortest periods are bounded", () => {
    const board = new Board();
    board.initializePics([0xfe, 0xff]);
    program(board, 0, 2, 2);
    let runs = 0;
    for (let i = 0; i < 1000; i++) {
      board.sleep(1000);
      if (board.pending) {
        board.acknowledge();
        board.out(0x20, 0x60);
        runs++;
      }
    }
    expect(runs).toBeGreaterThan(10);
    expect(runs).toBeLessThanOrEqual(52);
  });

  test("port 0x61: the refresh bit toggles, bits 3:0 read back", () => {
    const board = new Board();
    board.out(0x61, 0xff);
    expect(board.in(0x61) & 0x0f).toBe(0x0f);
    const before = board.in(0x61) & 0x10;
    board.advance(15_085);
    expect(board.in(0x61) & 0x10).not.toBe(before);
  });
});
