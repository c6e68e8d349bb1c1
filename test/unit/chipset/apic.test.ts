import { describe, expect, test } from "vitest";
import { Board } from "./fixture";

const EOI = 0xb0;
const TPR = 0x80;
const SVR = 0xf0;
const LVT_TIMER = 0x320;
const LVT_LINT0 = 0x350;
const LVT_ERROR = 0x370;
const INITIAL = 0x380;
const CURRENT = 0x390;
const DIVIDE = 0x3e0;

/** Linux's setup_IO_APIC for one pin: vector, and level if asked for; not masked. */
function route(board: Board, pin: number, vector: number, level = false): void {
  board.setIoApic(0x11 + 2 * pin, 0);
  board.setIoApic(0x10 + 2 * pin, vector | (level ? 0x8000 : 0));
}

/** The bit of a vector in ISR (0x100), TMR (0x180) or IRR (0x200). */
function bit(board: Board, set: number, vector: number): number {
  return (board.apic(set + (vector >> 5) * 16) >>> (vector & 31)) & 1;
}

describe("I/O APIC", () => {
  test("24 pins, masked at reset, registers as the 82093AA has them", () => {
    const board = new Board();
    expect(board.ioApic(1)).toBe(0x00170011);
    for (let pin = 0; pin < 24; pin++) expect(board.ioApic(0x10 + 2 * pin)).toBe(0x10000);
    board.setIoApic(0, 0x0f000000);
    expect(board.ioApic(0)).toBe(0x0f000000);
    board.setIoApic(0x10 + 6, 0xffffffff);
    expect(board.ioApic(0x10 + 6)).toBe(0x1afff); // status bits are read-only
    board.setIoApic(0x11 + 6, 0xffffffff);
    expect(board.ioApic(0x11 + 6)).toBe(0xff000000);
  });

  test("check_timer: IRQ 0 arrives as an edge through pin 2", () => {
    const board = new Board();
    board.setApic(LVT_LINT0, 0x10700);
    board.initializePics([0xff, 0xff]);
    route(board, 2, 0x30);
    board.out(0x43, 0x34);
    board.out(0x40, 0xa9);
    board.out(0x40, 0x04);
    let ticks = 0;
    for (let i = 0; i < 100; i++) {
      board.advance(1_000_000);
      if (!board.pending) continue;
      expect(board.acknowledge()).toBe(0x30);
      expect(board.acknowledge()).toBe(-1);
      board.setApic(EOI, 0);
      ticks++;
    }
    expect(ticks).toBeGreaterThanOrEqual(99);
  });

  test("a level comes again after EOI while it is asserted; remote IRR says that it is on its way", () => {
    const board = new Board();
    const line = board.chipset.irqLine(9);
    route(board, 9, 0x51, true);
    line.setLevel(true);
    expect(board.ioApic(0x10 + 18)).toBe(0xc051);
    expect(bit(board, 0x180, 0x51)).toBe(1);
    expect(board.acknowledge()).toBe(0x51);
    expect(board.pending).toBe(false);
    board.setApic(EOI, 0);
    expect(board.pending).toBe(true);
    expect(board.acknowledge()).toBe(0x51);
    line.setLevel(false);
    board.setApic(EOI, 0);
    expect(board.pending).toBe(false);
    expect(board.ioApic(0x10 + 18)).toBe(0x8051);
  });

  test("a level that waits behind the mask comes with the unmasking; switching to edge clears remote IRR", () => {
    const board = new Board();
    route(board, 10, 0x61, true);
    board.setIoApic(0x10 + 20, 0x18061);
    board.chipset.irqLine(10).setLevel(true);
    expect(board.pending).toBe(false);
    board.setIoApic(0x10 + 20, 0x8061);
    expect(board.pending).toBe(true);
    board.setIoApic(0x10 + 20, 0x10061);
    expect(board.ioApic(0x10 + 20)).toBe(0x10061);
  });

  test("an edge during service is kept in IRR and comes after EOI", () => {
    const board = new Board();
    const line = board.chipset.irqLine(4);
    route(board, 4, 0x44);
    line.setLevel(true);
    expect(board.acknowledge()).toBe(0x44);
    line.setLevel(false);
    line.setLevel(true);
    expect(bit(board, 0x200, 0x44)).toBe(1);
    expect(board.pending).toBe(false);
    board.setApic(EOI, 0);
    expect(board.acknowledge()).toBe(0x44);
  });

  test("logical destinations, lowest priority, NMI and ExtINT", () => {
    const board = new Board();
    board.setApic(0xe0, 0xffffffff); // flat
    board.setApic(0xd0, 0x01000000);
    const line = board.chipset.irqLine(5);
    board.setIoApic(0x11 + 10, 0x02000000);
    board.setIoApic(0x10 + 10, 0x0955);
    line.setLevel(true);
    expect(board.pending).toBe(false); // for somebody else
    line.setLevel(false);
    board.setIoApic(0x11 + 10, 0x03000000);
    line.setLevel(true);
    expect(board.acknowledge()).toBe(0x55);
    board.setIoApic(0x10 + 10, 0x0400);
    line.setLevel(false);
    line.setLevel(true);
    expect(board.signals).toEqual([]); // physical destination 3 now
    board.setIoApic(0x11 + 10, 0);
    line.setLevel(false);
    line.setLevel(true);
    expect(board.signals).toEqual(["nmi"]);
    // The 8259s through pin 0, LINT0 masked.
    board.setApic(LVT_LINT0, 0x10700);
    board.initializePics();
    board.setApic(EOI, 0);
    board.setIoApic(0x10, 0x0700);
    board.chipset.irqLine(3).setLevel(true);
    expect(board.acknowledge()).toBe(0x33);
  });
});

describe("local APIC", () => {
  test("hands over in virtual wire mode", () => {
    const board = new Board();
    expect(board.apic(0x30)).toBe(0x50014);
    expect(board.apic(0x20)).toBe(0);
    expect(board.apic(SVR)).toBe(0x1ff);
    expect(board.apic(LVT_LINT0)).toBe(0x700);
    expect(board.apic(0x360)).toBe(0x400);
    expect(board.chipset.msrRead(0x1b)).toBe(0xfee00900n);
    board.initializePics();
    board.chipset.irqLine(1).setLevel(true);
    expect(board.pending).toBe(true);
    board.setApic(LVT_LINT0, 0x10700);
    expect(board.pending).toBe(false);
  });

  test("priorities: PPR from TPR and ISR decides what is deliverable, exactly", () => {
    const board = new Board();
    board.setApic(TPR, 0x40);
    board.chipset.injectVector(0, 0x4f, false);
    expect(board.pending).toBe(false);
    board.chipset.writeTaskPriority(3);
    expect(board.pending).toBe(true);
    expect(board.apic(TPR)).toBe(0x30);
    expect(board.acknowledge()).toBe(0x4f);
    expect(board.apic(0xa0)).toBe(0x40);
    board.chipset.injectVector(0, 0x41, false);
    expect(board.pending).toBe(false);
    board.chipset.injectVector(0, 0x80, false);
    expect(board.acknowledge()).toBe(0x80);
    board.setApic(EOI, 0);
    expect(bit(board, 0x100, 0x80)).toBe(0);
    expect(bit(board, 0x100, 0x4f)).toBe(1);
    board.chipset.apicEoi();
    expect(board.acknowledge()).toBe(0x41);
    expect(board.chipset.readTaskPriority()).toBe(3);
  });

  test("auto-EOI leaves nothing in service, and both kinds of end are reported", () => {
    const board = new Board();
    const ended: number[] = [];
    board.chipset.onEoi = (vector) => ended.push(vector);
    board.chipset.injectVector(0, 0xf3, true);
    expect(board.acknowledge()).toBe(0xf3);
    expect(bit(board, 0x100, 0xf3)).toBe(0);
    board.chipset.injectVector(0, 0xf3, false);
    expect(board.acknowledge()).toBe(0xf3);
    expect(bit(board, 0x100, 0xf3)).toBe(1);
    expect(ended).toEqual([0xf3]);
    board.setApic(EOI, 0);
    expect(ended).toEqual([0xf3, 0xf3]);
    board.setApic(EOI, 0); // nothing in service: no report
    expect(ended).toHaveLength(2);
  });

  test("pending is told only when it changes", () => {
    const board = new Board();
    const before = board.pendingCalls;
    board.chipset.injectVector(0, 0x50, false);
    board.chipset.injectVector(0, 0x60, false);
    expect(board.pendingCalls).toBe(before + 1);
    board.acknowledge();
    expect(board.pendingCalls).toBe(before + 2);
  });

  test("the timer counts 200 MHz through its divider: Linux's calibration", () => {
    const board = new Board();
    board.setApic(LVT_TIMER, 0x300ef); // periodic, masked
    board.setApic(DIVIDE, 0x3); // by 16
    board.setApic(INITIAL, 0xffffffff);
    const before = board.apic(CURRENT);
    board.advance(100_000_000);
    expect(before - board.apic(CURRENT)).toBe(200_000_000 / 16 / 10);
    board.setApic(DIVIDE, 0xb); // by 1: the count goes on from where it was
    const at = board.apic(CURRENT);
    board.advance(5_000);
    expect(at - board.apic(CURRENT)).toBe(1000);
    for (const [code, divider] of [
      [0x0, 2],
      [0x1, 4],
      [0x2, 8],
      [0x8, 32],
      [0x9, 64],
      [0xa, 128],
    ] as const) {
      board.setApic(DIVIDE, code);
      board.setApic(INITIAL, 1_000_000);
      board.advance(5 * divider * 777);
      expect(board.apic(CURRENT)).toBe(1_000_000 - 777);
    }
  });

  test("one-shot fires once, periodic at its rate without drift or storms", () => {
    const board = new Board();
    board.setApic(DIVIDE, 0xb);
    board.setApic(LVT_TIMER, 0xef);
    board.setApic(INITIAL, 20_000); // 100 us
    board.advance(99_999);
    expect(board.pending).toBe(false);
    board.advance(1);
    expect(board.acknowledge()).toBe(0xef);
    board.setApic(EOI, 0);
    expect(board.apic(CURRENT)).toBe(0);
    board.advance(1_000_000_000);
    expect(board.pending).toBe(false);

    board.setApic(LVT_TIMER, 0x200ef);
    board.setApic(INITIAL, 200_000); // 1 ms
    let count = 0;
    const start = board.clock.time;
    for (let i = 0; i < 3001; i++) {
      board.sleep(333_333);
      if (!board.pending) continue;
      board.acknowledge();
      board.setApic(EOI, 0);
      count++;
    }
    expect(count).toBe(Math.floor((board.clock.time - start) / 1_000_000));
    // Ticks that a sleeping host missed come one after each EOI; of a long pause only the last few.
    const drain = (): number => {
      let ticks = 0;
      for (; board.pending; ticks++) {
        expect(board.acknowledge()).toBe(0xef);
        expect(board.pending).toBe(false);
        board.setApic(EOI, 0);
      }
      return ticks;
    };
    // The grid's point before this was the last one counted above.
    const soFar = Math.floor((board.clock.time - start) / 1_000_000);
    board.sleep(4_500_000);
    expect(drain()).toBe(Math.floor((board.clock.time - start) / 1_000_000) - soFar);
    board.sleep(60_000_000_000);
    expect(drain()).toBe(49);
    expect((board.timers.nextDeadline - start) % 1_000_000).toBe(0);

    board.setApic(INITIAL, 1); // 5 ns
    count = 0;
    for (let i = 0; i < 100; i++) {
      board.sleep(1_000);
      if (board.acknowledge() < 0) continue;
      board.setApic(EOI, 0);
      count++;
    }
    expect(count).toBeLessThanOrEqual(6);
    expect(count).toBeGreaterThan(2);
    board.setApic(INITIAL, 0);
    board.advance(1_000_000);
    expect(board.pending).toBe(false);
  });

  test("a masked timer fires nothing, an expiry that is due is not lost to reprogramming", () => {
    const board = new Board();
    board.setApic(DIVIDE, 0xb);
    board.setApic(LVT_TIMER, 0x100ef);
    board.setApic(INITIAL, 200);
    board.advance(10_000);
    expect(board.pending).toBe(false);
    board.setApic(LVT_TIMER, 0xef);
    expect(board.pending).toBe(false);
    board.setApic(INITIAL, 200);
    board.clock.time += 10_000; // the queue has not run yet
    board.setApic(INITIAL, 2_000_000);
    expect(board.pending).toBe(true);
  });

  test("TSC deadline, where it is given", () => {
    const plain = new Board();
    expect(plain.chipset.msrRead(0x6e0)).toBeUndefined();
    expect(plain.chipset.msrWrite(0x6e0, 5n)).toBe(false);

    const offset = 1_000_000n;
    const board: Board = new Board({
      tsc: {
        readTsc: () => BigInt(board.clock.time) + offset,
        tscToNs: (tsc) => Number(tsc - offset),
      },
    });
    board.setApic(LVT_TIMER, 0x400ec);
    expect(board.chipset.msrWrite(0x6e0, offset + 5_000n)).toBe(true);
    expect(board.chipset.msrRead(0x6e0)).toBe(offset + 5_000n);
    board.advance(4_999);
    expect(board.pending).toBe(false);
    board.advance(1);
    expect(board.acknowledge()).toBe(0xec);
    board.setApic(EOI, 0);
    expect(board.chipset.msrRead(0x6e0)).toBe(0n);
    board.chipset.msrWrite(0x6e0, 1n); // long past: at once
    board.advance(0);
    expect(board.pending).toBe(true);
  });

  test("ICR: self, physical, logical, broadcast, NMI, INIT and SIPI", () => {
    const board = new Board();
    board.setApic(0x300, 0x000400fd | 0x0); // self
    expect(board.acknowledge()).toBe(0xfd);
    board.setApic(EOI, 0);
    board.setApic(0x310, 0);
    board.setApic(0x300, 0x40fc);
    expect(board.acknowledge()).toBe(0xfc);
    board.setApic(EOI, 0);
    board.setApic(0x310, 0x05000000);
    board.setApic(0x300, 0x40fb);
    expect(board.acknowledge()).toBe(-1);
    board.setApic(0xd0, 0x04000000);
    board.setApic(0x300, 0x48fb);
    expect(board.acknowledge()).toBe(0xfb);
    board.setApic(EOI, 0);
    board.setApic(0x300, 0xc40fa); // all but self
    expect(board.acknowledge()).toBe(-1);
    board.setApic(0x300, 0x840fa); // all
    expect(board.acknowledge()).toBe(0xfa);
    expect(board.apic(0x300) & 0x1000).toBe(0); // idle
    board.chipset.writeIcr(0x4400n);
    board.chipset.writeIcr(0x4608n);
    board.chipset.writeIcr(0x8500n); // INIT de-assert does nothing
    expect(board.signals).toEqual(["nmi", "startup 8"]);
    board.chipset.writeIcr(0xc500n);
    expect(board.signals[2]).toBe("init");
    expect(board.apic(SVR)).toBe(0xff);
    expect(board.apic(LVT_LINT0)).toBe(0x10000);
    expect(board.pending).toBe(false);
  });

  test("errors: illegal vectors and registers, latched by a write to ESR, through LVT error", () => {
    const board = new Board();
    board.setApic(LVT_ERROR, 0xfe);
    board.setApic(0x300, 0x40003);
    expect(board.apic(0x280)).toBe(0);
    board.setApic(0x280, 0);
    expect(board.apic(0x280)).toBe(0x20);
    expect(board.acknowledge()).toBe(0xfe);
    board.setApic(EOI, 0);
    route(board, 7, 0x0f);
    board.chipset.irqLine(7).setLevel(true);
    board.apic(0x3f0);
    board.setApic(0x280, 0);
    expect(board.apic(0x280)).toBe(0xc0);
    board.setApic(0x280, 0);
    expect(board.apic(0x280)).toBe(0);
    board.setApic(LVT_ERROR, 0x05); // an illegal vector in the error entry itself
    board.setApic(0x300, 0x40003);
  });

  test("software disable masks all LVT entries and refuses vectors", () => {
    const board = new Board();
    board.setApic(LVT_TIMER, 0xef);
    board.setApic(SVR, 0xff);
    expect(board.apic(LVT_TIMER)).toBe(0x100ef);
    board.setApic(LVT_TIMER, 0xef);
    expect(board.apic(LVT_TIMER)).toBe(0x100ef);
    board.chipset.injectVector(0, 0x50, false);
    expect(board.pending).toBe(false);
  });

  test("globally disabled, the 8259s reach the processor directly and the registers are gone", () => {
    const board = new Board();
    board.setApic(LVT_LINT0, 0x10700);
    expect(board.chipset.msrWrite(0x1b, 0xfee00100n)).toBe(true);
    expect(board.apic(0x30)).toBe(0xffffffff);
    board.initializePics();
    board.chipset.irqLine(6).setLevel(true);
    expect(board.acknowledge()).toBe(0x36);
  });

  test("fixed LINT0 (Linux's virtual wire fallback) and LINT0 as level", () => {
    const board = new Board();
    board.initializePics();
    board.setApic(LVT_LINT0, 0x31);
    const line = board.chipset.irqLine(5);
    board.out(0x4d0, 0x20);
    line.setLevel(true);
    expect(board.acknowledge()).toBe(0x31);
    board.setApic(EOI, 0);
    expect(board.pending).toBe(false);
    board.setApic(LVT_LINT0, 0x8032);
    expect(board.acknowledge()).toBe(0x32);
    expect(board.apic(LVT_LINT0)).toBe(0xc032);
    board.setApic(EOI, 0);
    expect(board.acknowledge()).toBe(0x32);
    line.setLevel(false);
    board.setApic(EOI, 0);
    expect(board.pending).toBe(false);
  });
});

describe("x2APIC", () => {
  test("is refused where it is not announced", () => {
    const board = new Board();
    expect(board.chipset.msrWrite(0x1b, 0xfee00d00n)).toBe(false);
    expect(board.chipset.msrRead(0x802)).toBeUndefined();
    expect(board.chipset.msrWrite(0x1b, 0xfed00900n)).toBe(false);
  });

  test("MSRs with their reserved bits, and the transitions of the base register", () => {
    const board = new Board({ x2apic: true });
    const { chipset } = board;
    expect(chipset.msrWrite(0x1b, 0xfee00d00n)).toBe(true);
    expect(chipset.msrWrite(0x1b, 0xfee00900n)).toBe(false); // only through disabled
    expect(board.apic(0x30)).toBe(0xffffffff);
    expect(chipset.msrRead(0x803)).toBe(0x50014n);
    expect(chipset.msrRead(0x80d)).toBe(1n);
    expect(chipset.msrRead(0x80e)).toBeUndefined(); // DFR
    expect(chipset.msrRead(0x80b)).toBeUndefined(); // EOI
    expect(chipset.msrWrite(0x80b, 1n)).toBe(false);
    expect(chipset.msrWrite(0x802, 0n)).toBe(false);
    expect(chipset.msrWrite(0x808, 0x100n)).toBe(false);
    expect(chipset.msrWrite(0x831, 0n)).toBe(false);
    expect(chipset.msrWrite(0x83f, 0xe1n)).toBe(true);
    expect(board.acknowledge()).toBe(0xe1);
    expect(chipset.msrRead(0x817)).toBe(2n);
    expect(chipset.msrWrite(0x80b, 0n)).toBe(true);
    expect(chipset.msrWrite(0x830, 0x00000001_000048e2n)).toBe(true); // logical: cluster 0, processor 0
    expect(board.acknowledge()).toBe(0xe2);
    expect(chipset.msrRead(0x830)).toBe(0x00000001_000048e2n);
    expect(chipset.msrWrite(0x832, 0x200efn)).toBe(true);
    expect(chipset.msrWrite(0x83e, 0xbn)).toBe(true);
    expect(chipset.msrWrite(0x838, 2_000n)).toBe(true);
    board.advance(4_000);
    expect(chipset.msrRead(0x839)).toBe(1_200n);
    expect(chipset.msrWrite(0x1b, 0xfee00100n)).toBe(true);
    expect(chipset.msrWrite(0x1b, 0xfee00d00n)).toBe(false);
    expect(chipset.msrWrite(0x1b, 0xfee00900n)).toBe(true);
    expect(board.apic(SVR)).toBe(0xff);
  });
});
