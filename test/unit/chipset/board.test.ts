import { describe, expect, test } from "vitest";
import { PciFunction } from "../../../emulator/chipset/pci";
import { Board } from "./fixture";

function config(board: Board, device: number, fn: number, register: number, size = 4): number {
  board.out(0xcf8, 0x80000000 | (device << 11) | (fn << 8) | (register & 0xfc), 4);
  return board.in(0xcfc + (register & 3), size);
}

function setConfig(board: Board, device: number, fn: number, register: number, value: number, size = 4): void {
  board.out(0xcf8, 0x80000000 | (device << 11) | (fn << 8) | (register & 0xfc), 4);
  board.out(0xcfc + (register & 3), value, size);
}

describe("PCI", () => {
  test("Linux's pci_check_type1 and sanity check find mechanism 1", () => {
    const board = new Board();
    board.out(0xcfb, 0x01);
    const before = board.in(0xcf8, 4);
    board.out(0xcf8, 0x80000000, 4);
    expect(board.in(0xcf8, 4)).toBe(0x80000000);
    board.out(0xcf8, before, 4);
    expect(board.power).toEqual([]);
    expect(config(board, 0, 0, 0x0a, 2)).toBe(0x0600);
  });

  test("the bus holds the 440BX bridge and the PIIX4's functions, nothing else", () => {
    const board = new Board();
    const found: string[] = [];
    for (let device = 0; device < 32; device++) {
      for (let fn = 0; fn < 8; fn++) {
        const id = config(board, device, fn, 0);
        if (id !== 0xffffffff)
          found.push(`${device}.${fn} ${id.toString(16)} ${config(board, device, fn, 8).toString(16)}`);
      }
    }
    expect(found).toEqual(["0.0 71928086 6000003", "7.0 71108086 6010001", "7.3 71138086 6800002"]);
    expect(config(board, 7, 0, 0x0e, 1)).toBe(0x80);
    expect(config(board, 7, 3, 0x40)).toBe(0x401);
    board.out(0xcf8, 0x80010000, 4); // bus 1
    expect(board.in(0xcfc, 4)).toBe(0xffffffff);
    board.out(0xcf8, 0, 4);
    expect(board.in(0xcfc, 4)).toBe(0xffffffff);
  });

  test("BARs size as the specification says, and identities are read-only", () => {
    const board = new Board();
    const card = new PciFunction({ vendor: 0x1414, device: 0x5353, revision: 0, classCode: 0x030000 });
    card.declareBar(0, "memory", 0x4000000, { prefetchable: true });
    card.declareBar(1, "io", 0x20);
    card.setBarAddress(0, 0xf8000000);
    board.chipset.pci.add(8, 0, card);
    expect(config(board, 8, 0, 0x10)).toBe(0xf8000008);
    setConfig(board, 8, 0, 0x10, 0xffffffff);
    expect(config(board, 8, 0, 0x10)).toBe(0xfc000008);
    setConfig(board, 8, 0, 0x10, 0xe0000000);
    expect(card.barAddress(0)).toBe(0xe0000000);
    setConfig(board, 8, 0, 0x14, 0xffffffff);
    expect(config(board, 8, 0, 0x14)).toBe(0xffffffe1);
    setConfig(board, 8, 0, 0x18, 0xffffffff);
    expect(config(board, 8, 0, 0x18)).toBe(0);
    setConfig(board, 8, 0, 0x00, 0x12345678);
    expect(config(board, 8, 0, 0x00)).toBe(0x53531414);
    setConfig(board, 8, 0, 0x04, 0x0007, 2);
    expect(card.memoryEnabled && card.ioEnabled).toBe(true);
    setConfig(board, 8, 0, 0x3c, 11, 1);
    expect(config(board, 8, 0, 0x3c, 1)).toBe(11);
    board.chipset.reset();
    expect(card.barAddress(0)).toBe(0xf8000000);
    expect(() => board.chipset.pci.add(8, 0, card)).toThrow(RangeError);
  });
});

describe("ACPI", () => {
  test("the PM timer runs at 3.579545 MHz and agrees with the PIT: verify_pmtmr_rate", () => {
    const board = new Board();
    const before = board.in(0x408, 4);
    board.advance(1_000_000_000);
    expect(board.in(0x408, 4) - before).toBe(3_579_545);
    board.advance(2 ** 33 * 280);
    expect(board.in(0x408, 4)).toBeLessThan(2 ** 32);
    expect(board.in(0x408, 2)).toBe(board.in(0x408, 4) & 0xffff);
  });

  test("S5 turns off, other sleep types don't", () => {
    const board = new Board();
    expect(board.in(0x404, 2)).toBe(0x0001); // SCI_EN
    board.out(0x404, 0x2c01, 2); // SLP_EN with type 3
    expect(board.power).toEqual([]);
    board.out(0x404, 0x0001, 2); // type 0, which _S5 names, alone
    expect(board.power).toEqual([]);
    board.out(0x404, 0x2001, 2);
    expect(board.power).toEqual([{ kind: "power-off" }]);
    expect(board.in(0x404, 2)).toBe(0x0001); // SLP_EN reads as zero
  });

  test("the power button raises SCI as a level until its status is cleared", () => {
    const board = new Board();
    board.setIoApic(0x10 + 18, 0x8059);
    board.out(0x402, 0x0120, 2);
    board.chipset.pressPowerButton();
    expect(board.in(0x400, 2)).toBe(0x0100);
    expect(board.acknowledge()).toBe(0x59);
    board.out(0x400, 0x0100, 2);
    board.setApic(0xb0, 0);
    expect(board.pending).toBe(false);
    expect(board.in(0x400, 4)).toBe(0x01200000);
  });

  test("the PM timer's half-range status and interrupt", () => {
    const board = new Board();
    board.setIoApic(0x10 + 18, 0x8059);
    board.out(0x402, 0x0001, 2);
    board.advance(Math.floor((2 ** 31 / 3_579_545) * 1e9) - 10);
    expect(board.pending).toBe(false);
    board.advance(20);
    expect(board.pending).toBe(true);
    expect(board.in(0x400, 2)).toBe(1);
    board.out(0x400, 1, 2);
    expect(board.in(0x400, 2)).toBe(0);
  });
});

describe("reset, debug and legacy ports", () => {
  test("0xcf9 resets on a rising bit 2, port 0x92 on a rising bit 0", () => {
    const board = new Board();
    board.out(0xcf9, 0x02);
    expect(board.power).toEqual([]);
    board.out(0xcf9, 0x06);
    expect(board.power).toEqual([{ kind: "reset" }]);
    board.out(0xcf9, 0x06);
    expect(board.power).toHaveLength(1);
    expect(board.in(0x92)).toBe(0x02);
    board.out(0x92, 0x03);
    expect(board.power).toHaveLength(2);
    expect(board.in(0xcf8, 4)).toBe(0);
  });

  test("debug exit and debug console", () => {
    const board = new Board();
    board.out(0xf4, 0x2a, 4);
    board.out(0xf4, 0, 1);
    expect(board.power).toEqual([
      { kind: "debug-exit", status: 42 },
      { kind: "debug-exit", status: 0 },
    ]);
    expect(board.in(0xe9)).toBe(0xe9);
    board.out(0xe9, 0x48);
    expect(board.debug).toEqual([0x48]);
  });

  test("POST and DMA ports are harmless", () => {
    const board = new Board();
    board.out(0x80, 0x55);
    expect(board.in(0x80)).toBe(0x55);
    board.out(0xed, 1);
    board.out(0x0d, 1);
    expect(board.in(0x08)).toBe(0);
    expect(board.power).toEqual([]);
  });

  test("reset brings back the state of a new board", () => {
    const observe = (board: Board): unknown => [
      [0x21, 0xa1, 0x61, 0x64, 0x92, 0x3f9, 0x3fb, 0x3fc, 0x3ff].map((port) => board.in(port)),
      [0x400, 0x404, 0xcf8].map((port) => board.in(port, 4)),
      [0x20, 0x80, 0xa0, 0xd0, 0xe0, 0xf0, 0x320, 0x350, 0x360, 0x370, 0x380, 0x390].map((at) => board.apic(at)),
      Array.from({ length: 48 }, (_, i) => board.ioApic(0x10 + i)),
      config(board, 7, 0, 0x60),
      board.pending,
      board.timers.nextDeadline,
    ];
    const board = new Board();
    board.initializePics();
    board.setIoApic(0x10 + 8, 0x44);
    board.setApic(0x3e0, 0xb);
    board.setApic(0x320, 0x200ef);
    board.setApic(0x380, 1000);
    board.out(0x43, 0x34);
    board.out(0x40, 0x10);
    board.out(0x40, 0x10);
    board.out(0x61, 3);
    board.out(0x3fc, 0x0b);
    board.out(0x3f9, 0x0f);
    board.out(0x402, 0x121, 2);
    board.out(0x92, 0x03);
    setConfig(board, 7, 0, 0x60, 0x0b, 1);
    board.chipset.injectVector(0, 0x88, false);
    board.advance(12_345_678);
    board.chipset.reset();
    const fresh = new Board();
    fresh.clock.time = board.clock.time;
    fresh.chipset.reset();
    expect(observe(board)).toEqual(observe(fresh));
  });

  test("hostile accesses of every size everywhere never throw", () => {
    const board = new Board({ x2apic: true });
    let seed = 12345;
    const random = (): number => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0);
    for (let i = 0; i < 60_000; i++) {
      const port = (random() >>> 8) & 0xfff;
      const size = [1, 2, 4][(random() >>> 8) % 3] as number;
      board.out(port, random(), size);
      board.in(port, size);
      const bytes = [1, 2, 4, 8][(random() >>> 8) % 4] as number;
      const base = random() & 0x100 ? 0xfee00000 : 0xfec00000;
      const offset = (random() >>> 8) & 0xffc;
      board.mmio.write(base + offset, bytes, BigInt(random()));
      board.mmio.read(base + offset, bytes);
      if (i % 50 === 0) board.advance(random() >>> 16);
      board.acknowledge();
    }
    expect(board.in(0xcf8, 4)).toBeLessThan(2 ** 32);
    board.chipset.reset();
    expect(board.apic(0x30)).toBe(0x50014);
  });
});
