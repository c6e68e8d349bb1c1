import { describe, expect, test } from "vitest";
import { Board } from "./fixture";

const COM1 = 0x3f8;
const IER = COM1 + 1;
const IIR = COM1 + 2;
const FCR = COM1 + 2;
const LCR = COM1 + 3;
const MCR = COM1 + 4;
const LSR = COM1 + 5;
const MSR = COM1 + 6;
const SCR = COM1 + 7;

/** 115200 8N1: ten bits. */
const CHARACTER = 86_806;

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A board with the line routed through the I/O APIC as vector 0x44. */
function routed(): Board {
  const board = new Board();
  board.setIoApic(0x10 + 8, 0x44);
  return board;
}

/** As Linux's serial8250_startup leaves it: FIFO on with trigger 8, DTR, RTS and OUT2. */
function started(): Board {
  const board = routed();
  board.out(FCR, 0x81);
  board.out(LCR, 0x83);
  board.out(COM1, 1);
  board.out(IER, 0);
  board.out(LCR, 0x03);
  board.out(MCR, 0x0b);
  board.in(MSR);
  return board;
}

describe("16550A", () => {
  test("autoconfig: IER, loopback and FIFO tests name a 16550A and nothing newer", () => {
    const board = new Board();
    board.out(IER, 0);
    expect(board.in(IER)).toBe(0);
    board.out(IER, 0xff);
    expect(board.in(IER)).toBe(0x0f);
    board.out(IER, 0);
    board.out(MCR, 0x10 | 0x0a);
    expect(board.in(MSR) & 0xf0).toBe(0x90);
    board.out(MCR, 0x10 | 0x05);
    expect(board.in(MSR) & 0xf0).toBe(0x60);
    board.out(MCR, 0);
    board.out(LCR, 0xbf); // EFR of a 16650
    board.out(FCR, 0);
    board.out(LCR, 0);
    board.out(FCR, 0x01);
    expect(board.in(IIR) >> 6).toBe(3);
    board.out(LCR, 0x80);
    expect(board.in(IIR)).not.toBe(0); // no EFR at DLAB
    board.out(FCR, 0x21);
    expect(board.in(IIR) >> 5).toBe(6); // no 64-byte FIFO of a 16750
    board.out(LCR, 0);
    board.out(IER, 0x40);
    expect(board.in(IER)).toBe(0); // no UUE of an XScale
    board.out(FCR, 0);
    expect(board.in(IIR)).toBe(0x01);
    board.out(SCR, 0x5a);
    expect(board.in(SCR)).toBe(0x5a);
  });

  test("the divisor latch hides behind DLAB", () => {
    const board = new Board();
    board.out(LCR, 0x80);
    board.out(COM1, 0x0c);
    board.out(IER, 0x01);
    expect([board.in(COM1), board.in(IER)]).toEqual([0x0c, 0x01]);
    board.out(LCR, 0x03);
    expect(board.in(IER)).toBe(0);
    expect(board.serial).toEqual([]);
  });

  test("startup's THRE test: enabling THRI with an empty transmitter interrupts each time", () => {
    const board = started();
    for (let i = 0; i < 2; i++) {
      board.out(IER, 0x02);
      board.advance(1000);
      expect(board.pending).toBe(true);
      expect(board.in(IIR)).toBe(0xc2);
      expect(board.in(IIR)).toBe(0xc1); // reading it took it
      board.out(IER, 0);
    }
    expect(board.in(LSR)).toBe(0x60);
  });

  test("output leaves at once; its interrupt comes after the handler had time to return", () => {
    const board = started();
    board.out(IER, 0x03);
    expect(board.acknowledge()).toBe(0x44);
    expect(board.in(IIR)).toBe(0xc2);
    for (const byte of bytes("hello, sixteen!!")) board.out(COM1, byte);
    expect(board.in(LSR) & 0x60).toBe(0x60);
    expect(board.in(IIR)).toBe(0xc1);
    board.setApic(0xb0, 0);
    expect(board.pending).toBe(false);
    board.advance(10_000);
    expect(board.pending).toBe(true);
    expect(board.in(IIR)).toBe(0xc2);
    expect(String.fromCharCode(...board.serial)).toBe("hello, sixteen!!");
  });

  test("a long line of input: every byte arrives, none before its time, FIFO never over 16", () => {
    const board = started();
    board.out(IER, 0x05);
    const text = Array.from({ length: 10_000 }, (_, i) => String.fromCharCode(32 + (i % 90))).join("");
    board.chipset.serialInput(bytes(text));
    let received = "";
    let services = 0;
    while (received.length < text.length && services < 5000) {
      board.advance(10 * CHARACTER);
      if (!board.pending) continue;
      services++;
      board.acknowledge();
      const id = board.in(IIR) & 0x0f;
      expect([0x04, 0x0c]).toContain(id);
      let burst = 0;
      while (board.in(LSR) & 1) {
        received += String.fromCharCode(board.in(COM1));
        burst++;
      }
      expect(burst).toBeLessThanOrEqual(17);
      board.setApic(0xb0, 0);
    }
    expect(received).toBe(text);
    expect(board.clock.time).toBeGreaterThan(9_900 * CHARACTER);
  });

  test("a guest that does not read loses nothing", () => {
    const board = started();
    board.chipset.serialInput(bytes("0123456789abcdefghijklmnopqrstuvwxyz"));
    board.advance(1_000_000_000);
    let received = "";
    for (let i = 0; i < 100; i++) {
      while (board.in(LSR) & 1) received += String.fromCharCode(board.in(COM1));
      expect(board.in(LSR) & 0x1e).toBe(0);
      board.advance(CHARACTER);
    }
    expect(received).toBe("0123456789abcdefghijklmnopqrstuvwxyz");
  });

  test("typed ahead of the driver: waits for RTS, survives the FIFO being cleared and a reset", () => {
    const board = routed();
    board.chipset.serialInput(bytes("ls\n"));
    board.advance(1_000_000_000);
    expect(board.in(LSR) & 1).toBe(0);
    board.chipset.reset();
    board.setIoApic(0x10 + 8, 0x44);
    board.out(FCR, 0x01);
    board.out(MCR, 0x0b);
    board.advance(1_000_000);
    expect(board.in(LSR) & 1).toBe(1);
    board.out(FCR, 0x07);
    expect(board.in(LSR) & 1).toBe(0);
    board.advance(1_000_000);
    const received = [board.in(COM1), board.in(COM1), board.in(COM1)];
    expect(String.fromCharCode(...received)).toBe("ls\n");
  });

  test("autoconfig_irq, which asserts RTS for a moment and reads RBR, takes no byte", () => {
    const board = routed();
    board.chipset.serialInput(bytes("cat"));
    board.out(MCR, 0x0b);
    board.out(IER, 0x0f);
    board.in(LSR);
    board.in(COM1);
    board.in(IIR);
    board.in(MSR);
    board.out(COM1, 0xff);
    board.advance(20_000);
    expect(board.pending).toBe(true); // the transmitter's interrupt: IRQ 4 is found
    board.out(IER, 0);
    board.out(MCR, 0);
    board.advance(10_000_000);
    board.out(FCR, 0x07);
    board.in(COM1);
    board.out(MCR, 0x0b);
    board.advance(2_000_000);
    expect(String.fromCharCode(board.in(COM1), board.in(COM1), board.in(COM1))).toBe("cat");
  });

  test("below the trigger level the character time-out interrupts; a read ends it", () => {
    const board = started();
    board.out(IER, 0x01);
    board.advance(1_000_000);
    board.chipset.serialInput(bytes("ab"));
    board.advance(CHARACTER);
    expect(board.pending).toBe(false);
    board.advance(4 * CHARACTER - 1);
    expect(board.pending).toBe(false);
    board.advance(1);
    expect(board.acknowledge()).toBe(0x44);
    expect(board.in(IIR)).toBe(0xcc);
    expect(board.in(COM1)).toBe(0x61);
    expect(board.in(IIR)).toBe(0xc1);
    expect(board.in(COM1)).toBe(0x62);
    expect(board.in(LSR) & 1).toBe(0);
  });

  test("priorities: line status, data, transmitter, modem", () => {
    const board = started();
    board.out(FCR, 0x00);
    board.out(MCR, 0x1b); // loopback
    board.out(IER, 0x0f);
    board.out(COM1, 0x31);
    board.out(COM1, 0x32); // overruns the one-byte buffer
    board.out(MCR, 0x10); // CTS, DSR and DCD change
    board.advance(10_000);
    expect(board.in(IIR)).toBe(0x06);
    expect(board.in(LSR)).toBe(0x63);
    expect(board.in(IIR)).toBe(0x04);
    expect(board.in(COM1)).toBe(0x32);
    expect(board.in(IIR)).toBe(0x02);
    expect(board.in(IIR)).toBe(0x00);
    expect(board.in(MSR) & 0x0f).not.toBe(0);
    expect(board.in(IIR)).toBe(0x01);
    expect(board.serial).toEqual([]); // loopback stays inside
  });

  test("OUT2 gates the interrupt, and the line falls when all is served", () => {
    const board = started();
    board.out(MCR, 0x03);
    board.out(IER, 0x02);
    expect(board.pending).toBe(false);
    board.out(MCR, 0x0b);
    expect(board.acknowledge()).toBe(0x44);
    board.in(IIR);
    board.setApic(0xb0, 0);
    board.out(COM1, 0x41);
    board.advance(10_000);
    expect(board.acknowledge()).toBe(0x44); // a new edge
  });
});
