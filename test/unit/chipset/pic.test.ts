import { describe, expect, test } from "vitest";
import { Board } from "./fixture";

describe("8259 pair", () => {
  test("an edge is latched, masked ones wait, EOI lets the next come", () => {
    const board = new Board();
    board.initializePics([0xff, 0xff]);
    const line3 = board.chipset.irqLine(3);
    line3.setLevel(true);
    line3.setLevel(false);
    expect(board.pending).toBe(false);
    board.out(0x21, 0xf7);
    expect(board.pending).toBe(true);
    expect(board.acknowledge()).toBe(0x33);
    expect(board.pending).toBe(false);
    line3.setLevel(true);
    expect(board.pending).toBe(false); // in service
    board.out(0x20, 0x63); // specific EOI
    expect(board.pending).toBe(true);
    expect(board.acknowledge()).toBe(0x33);
    board.out(0x20, 0x20);
    expect(board.acknowledge()).toBe(-1);
  });

  test("the slave's requests pass the cascade, both need EOI", () => {
    const board = new Board();
    board.initializePics();
    const line8 = board.chipset.irqLine(8);
    const line12 = board.chipset.irqLine(12);
    line12.setLevel(true);
    line8.setLevel(true);
    expect(board.acknowledge()).toBe(0x38);
    board.out(0xa0, 0x20);
    expect(board.pending).toBe(false); // IR2 of the master still in service
    board.out(0x20, 0x62);
    expect(board.pending).toBe(true);
    expect(board.acknowledge()).toBe(0x3c);
    board.out(0xa0, 0x0b);
    expect(board.in(0xa0)).toBe(0x10);
    board.out(0x20, 0x0b);
    expect(board.in(0x20)).toBe(0x04);
  });

  test("a level-triggered request that goes is no interrupt; the poll command acknowledges", () => {
    const board = new Board();
    board.initializePics();
    board.out(0x4d0, 0x20);
    const line5 = board.chipset.irqLine(5);
    line5.setLevel(true);
    line5.setLevel(false);
    expect(board.pending).toBe(false);
    // The poll command acknowledges like INTA: nothing there.
    board.out(0x20, 0x0c);
    expect(board.in(0x20)).toBe(0);
    line5.setLevel(true);
    board.out(0x20, 0x0c);
    expect(board.in(0x20)).toBe(0x85);
    board.out(0x20, 0x0b);
    expect(board.in(0x20)).toBe(0x20);
  });

  test("level-triggered lines come again after EOI, edges don't", () => {
    const board = new Board();
    board.initializePics();
    const sci = board.chipset.irqLine(9); // ELCR as firmware leaves it
    expect(board.in(0x4d1)).toBe(0x0a);
    sci.setLevel(true);
    expect(board.acknowledge()).toBe(0x39);
    board.out(0xa0, 0x20);
    board.out(0x20, 0x20);
    expect(board.pending).toBe(true);
    sci.setLevel(false);
    expect(board.pending).toBe(false);
    const line1 = board.chipset.irqLine(4);
    line1.setLevel(true);
    expect(board.acknowledge()).toBe(0x34);
    board.out(0x20, 0x20);
    expect(board.pending).toBe(false);
  });

  test("ELCR keeps IRQ 0, 1, 2, 8 and 13 edges", () => {
    const board = new Board();
    board.out(0x4d0, 0xffff, 2);
    expect(board.in(0x4d0, 2)).toBe(0xdef8);
  });

  test("priorities rotate, special mask lets lower requests through, AEOI leaves nothing in service", () => {
    const board = new Board();
    board.initializePics();
    const lines = [0, 1, 3, 4].map((irq) => board.chipset.irqLine(irq));
    lines[3]?.setLevel(true);
    expect(board.acknowledge()).toBe(0x34);
    board.out(0x20, 0xa0); // rotate on non-specific EOI: 4 is lowest now
    lines[0]?.setLevel(true);
    board.chipset.irqLine(5).setLevel(true);
    expect(board.acknowledge()).toBe(0x35);
    expect(board.pending).toBe(false); // 0 is below 5 now
    board.out(0x20, 0x68); // special mask mode
    board.out(0x21, 0x20);
    expect(board.pending).toBe(true);
    expect(board.acknowledge()).toBe(0x30);

    board.initializePics([0, 0], true);
    lines[2]?.setLevel(true);
    lines[1]?.setLevel(true);
    expect(board.acknowledge()).toBe(0x31);
    expect(board.acknowledge()).toBe(0x33);
    board.out(0x20, 0x0b);
    expect(board.in(0x20)).toBe(0);
  });

  test("IMR reads back as Linux's probe_8259A expects", () => {
    const board = new Board();
    board.out(0xa1, 0xff);
    board.out(0x21, 0xfb);
    expect(board.in(0x21)).toBe(0xfb);
    expect(board.in(0xa1)).toBe(0xff);
  });

  test("two sources of one IRQ are ORed", () => {
    const board = new Board();
    board.initializePics();
    const [a, b] = [board.chipset.irqLine(11), board.chipset.irqLine(11)];
    a.setLevel(true);
    b.setLevel(true);
    a.setLevel(false);
    expect(board.acknowledge()).toBe(0x3b);
    board.out(0xa0, 0x20);
    board.out(0x20, 0x20);
    expect(board.pending).toBe(true);
    b.setLevel(false);
    expect(board.pending).toBe(false);
  });
});
