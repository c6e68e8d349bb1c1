// The x87 FPU against recorded hardware, and its exceptions, pointers and state images.

import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import * as S from "../../assembly/state";
import { CODE, DATA, Guest, KERNEL_CS, KERNEL_DS } from "./harness";
import { runVector } from "./x87/vectors";

const FLD1 = [0xd9, 0xe8];
const FLDZ = [0xd9, 0xee];
const FLDPI = [0xd9, 0xeb];
const FDIVP = [0xde, 0xf9];
const FNINIT = [0xdb, 0xe3];
const FNSTSW_AX = [0xdf, 0xe0];
const FWAIT = [0x9b];
/** x87 instructions with the memory operand [rdi + displacement]. */
const at = (opcode: number, reg: number, displacement: number): number[] => [opcode, 0x47 | (reg << 3), displacement];
const fldcw = (displacement: number): number[] => at(0xd9, 5, displacement);

const NM = 7;
const MF = 16;
const UD = 6;
const PF = 14;
const BUSY_AND_SUMMARY = 0x8080;

describe("x87 against recorded hardware", () => {
  const vectors = readFileSync(new URL("./x87/vectors.txt", import.meta.url), "utf8")
    .trim()
    .split("\n");

  it(`gives the recorded results, flags and status in ${vectors.length} cases`, () => {
    expect(vectors.length).toBeGreaterThan(1500);
    const guest = new Guest(64);
    const differences: string[] = [];
    for (const line of vectors) {
      const difference = runVector(guest, line);
      if (difference !== undefined) differences.push(difference);
    }
    expect(differences).toEqual([]);
  });
});

describe("x87 exceptions", () => {
  let guest: Guest;
  beforeEach(() => {
    guest = new Guest(64);
    guest.set({ rdi: BigInt(DATA) });
  });
  const setCr0 = (bits: bigint): void => {
    guest.cpu.state.setBigUint64(S.CR0, 0x80000001n | bits, true);
    guest.cpu.updateMode();
  };
  const control = (word: number): void => void guest.cpu.memory.writeU16(DATA, word);

  it("raises #NM under CR0.TS and CR0.EM, before anything changes", () => {
    for (const bit of [0x8n, 0x4n]) {
      setCr0(0x20n | bit);
      for (const code of [FLD1, FNINIT, FNSTSW_AX, fldcw(0), at(0xdd, 6, 0), at(0xd9, 0, 0)]) {
        expect(guest.run(code)).toMatchObject({ vector: NM, offset: 0 });
        guest.set({ rsp: 0x9000n });
      }
    }
  });

  it("raises #NM for WAIT only if MP and TS are set", () => {
    setCr0(0x28n);
    expect(guest.run(FWAIT).vector).toBeUndefined();
    setCr0(0x24n);
    expect(guest.run(FWAIT).vector).toBeUndefined();
    setCr0(0x2an);
    expect(guest.run(FWAIT)).toMatchObject({ vector: NM, offset: 0 });
  });

  it("raises #MF at the next waiting instruction after an unmasked exception", () => {
    control(0x37b);
    const divide = [...FNINIT, ...fldcw(0), ...FLD1, ...FLDZ, ...FDIVP];
    for (const waiting of [FWAIT, FLD1, fldcw(0), [0xd9, 0xd0], at(0xdd, 3, 8)]) {
      expect(guest.run([...divide, ...waiting])).toMatchObject({ vector: MF, offset: divide.length });
      guest.set({ rsp: 0x9000n });
    }
    // The ones that do not wait, and what follows FNCLEX, run.
    expect(guest.run([...divide, ...FNSTSW_AX]).vector).toBeUndefined();
    // TOP 6, ZE: operands stay and nothing is popped.
    expect(Number(guest.get("rax") & 0xffffn)).toBe(BUSY_AND_SUMMARY | (6 << 11) | 4);
    expect(guest.run([...divide, 0xdb, 0xe2, ...FLD1, ...FNSTSW_AX]).vector).toBeUndefined();
    expect(Number(guest.get("rax") & 0xffffn)).toBe(5 << 11);
  });

  it("goes on without #MF while CR0.NE is clear", () => {
    setCr0(0n);
    control(0x37b);
    expect(guest.run([...FNINIT, ...fldcw(0), ...FLD1, ...FLDZ, ...FDIVP, ...FWAIT, ...FLD1]).vector).toBeUndefined();
  });

  it("makes an exception pending that FLDCW or FLDENV unmasks", () => {
    control(0x37b);
    const zeroDivide = [...FNINIT, ...FLD1, ...FLDZ, ...FDIVP];
    const code = [...zeroDivide, ...fldcw(0), ...FWAIT];
    expect(guest.run(code)).toMatchObject({ vector: MF, offset: code.length - 1 });
    guest.set({ rsp: 0x9000n });
    // FNSTENV masks all, FLDENV brings back what was.
    const both = [...zeroDivide, ...fldcw(0), ...at(0xd9, 6, 32), ...FWAIT, ...at(0xd9, 4, 32), ...FWAIT];
    expect(guest.run(both)).toMatchObject({ vector: MF, offset: both.length - 1 });
    expect(guest.cpu.memory.readU16(DATA + 36)).toBe(BUSY_AND_SUMMARY | (7 << 11) | 4);
  });

  it("raises #UD for what no processor defines, whatever CR0 says", () => {
    setCr0(0x28n);
    for (const code of [
      [0xd9, 0xd1],
      [0xd9, 0xe2],
      [0xd9, 0xe6],
      [0xd9, 0xef],
      [0xda, 0xe0],
      [0xda, 0xf0],
      [0xdb, 0xe5],
      [0xdb, 0xf8],
      [0xdd, 0xf0],
      [0xde, 0xd8],
      [0xdf, 0xe1],
      [0xdf, 0xf8],
      at(0xd9, 1, 0),
      at(0xdb, 4, 0),
      at(0xdb, 6, 0),
      at(0xdd, 5, 0),
    ]) {
      expect(guest.run(code), code.join()).toMatchObject({ vector: UD, offset: 0 });
      guest.set({ rsp: 0x9000n });
    }
  });

  it("stores nothing and pops nothing when a store faults in its second page", () => {
    const memory = guest.cpu.memory;
    // The page directory of the harness: the entry of 0x400000 is not present.
    memory.writeU64(0x12000 + 2 * 8, 0n);
    const edge = 0x3ffff8;
    for (const [code, size] of [
      [at(0xdb, 7, 0), 10],
      [at(0xdf, 6, 0), 10],
      [at(0xd9, 6, 0), 28],
      [at(0xdd, 6, 0), 108],
    ] as const) {
      memory.writeU64(edge, 0x1122334455667788n);
      guest.set({ rdi: BigInt(edge), rsp: 0x9000n });
      const outcome = guest.run([...FNINIT, ...FLDPI, ...code]);
      expect(outcome, `store of ${size} bytes`).toMatchObject({ vector: PF, offset: 4 });
      expect(guest.cpu.state.getBigUint64(S.CR2, true)).toBe(0x400000n);
      expect(memory.readU64(edge)).toBe(0x1122334455667788n);
      expect(guest.cpu.state.getUint16(S.FPU_STATUS, true)).toBe(7 << 11);
      expect(guest.cpu.state.getUint16(S.FPU_CONTROL, true)).toBe(0x37f);
    }
    guest.set({ rdi: BigInt(edge), rsp: 0x9000n });
    expect(guest.run([...FNINIT, ...FLDPI, ...at(0xdd, 4, 0)])).toMatchObject({ vector: PF, offset: 4 });
    expect(guest.cpu.state.getUint16(S.FPU_STATUS, true)).toBe(7 << 11);
  });
});

describe("x87 environment and state", () => {
  const PI = [0x35, 0xc2, 0x68, 0x21, 0xa2, 0xda, 0x0f, 0xc9, 0x00, 0x40];

  it("stores the 32-bit protected-mode environment", () => {
    const guest = new Guest(32);
    guest.set({ rdi: BigInt(DATA) });
    guest.cpu.memory.writeU32(DATA, 0x3f800000);
    // FADD m32, then FNSTENV, which masks all exceptions and is not itself recorded.
    guest.run([...FNINIT, ...FLDPI, ...FLDZ, ...at(0xd8, 0, 0), ...at(0xd9, 6, 32)]);
    const word = (offset: number): number | undefined => guest.cpu.memory.readU32(DATA + 32 + offset);
    expect(word(0)).toBe(0xffff037f);
    expect(word(4)).toBe(0xffff0000 + (6 << 11));
    // R7 holds pi, R6 holds 1, the others are empty.
    expect(word(8)).toBe(0xffff0fff);
    expect(word(12)).toBe(CODE + 6);
    expect(word(16)).toBe(KERNEL_CS | (0x047 << 16));
    expect(word(20)).toBe(DATA);
    expect(word(24)).toBe(0xffff0000 + KERNEL_DS);
  });

  it("computes the tags from the contents: valid, zero, special, empty", () => {
    const guest = new Guest(64);
    guest.set({ rdi: BigInt(DATA) });
    guest.cpu.memory.write(DATA, new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    guest.run([...FNINIT, ...FLD1, ...FLDZ, ...at(0xdb, 5, 0), ...at(0xd9, 6, 32)]);
    // R7 valid 0, R6 zero 1, R5 denormal 2, the rest empty 3.
    expect(guest.cpu.memory.readU16(DATA + 40)).toBe(0b00_01_10_11_11_11_11_11);
  });

  it("stores the 16-bit formats, and linear addresses in real mode", () => {
    const guest = new Guest(16);
    const code = [...FNINIT, ...FLDPI, 0xd8, 0x06, 0x00, 0x80, 0xd9, 0x36, 0x00, 0x81];
    guest.run(code);
    const word = (offset: number): number | undefined => guest.cpu.memory.readU16(0x8100 + offset);
    expect([word(0), word(2), word(4)]).toEqual([0x37f, 7 << 11, 0x3fff]);
    expect([word(6), word(8), word(10), word(12)]).toEqual([CODE + 4, 0x38, 0x8000, 0x40]);

    guest.setUp();
    const state = guest.cpu.state;
    state.setBigUint64(S.CR0, 0x30n, true);
    state.setUint16(S.SEGMENTS + S.CS * S.SEGMENT_STRIDE + S.SEGMENT_SELECTOR, 0, true);
    const ds = S.SEGMENTS + S.DS * S.SEGMENT_STRIDE;
    state.setUint16(ds + S.SEGMENT_SELECTOR, 0x2000, true);
    state.setBigUint64(ds + S.SEGMENT_BASE, 0x20000n, true);
    state.setUint32(ds + S.SEGMENT_FLAT, 0, true);
    state.setUint32(ds + S.SEGMENT_LIMIT, 0xffff, true);
    guest.cpu.updateMode();
    guest.run(code);
    const real = (offset: number): number | undefined => guest.cpu.memory.readU16(0x28100 + offset);
    // IP 15:0; IP 19:16 and opcode 10:0; operand 15:0; operand 19:16.
    expect([real(6), real(8), real(10), real(12)]).toEqual([CODE + 4, 0x006, 0x8000, 0x2000]);
    // The 32-bit real-mode format.
    guest.run([...FNINIT, ...FLDPI, 0xd8, 0x06, 0x00, 0x80, 0x66, 0xd9, 0x36, 0x00, 0x81]);
    const wide = (offset: number): number | undefined => guest.cpu.memory.readU32(0x28100 + offset);
    expect([wide(12), wide(16), wide(20), wide(24)]).toEqual([0xffff0000 + CODE + 4, 0x006, 0xffff8000, 0x2000]);
  });

  it("saves and restores everything, in stack order, with 108 and with 94 bytes", () => {
    for (const [prefix, environment] of [
      [[], 28],
      [[0x66], 14],
    ] as const) {
      const guest = new Guest(32);
      guest.set({ rdi: BigInt(DATA) });
      guest.cpu.memory.writeU16(DATA, 0x27f);
      const save = [...FNINIT, ...fldcw(0), ...FLD1, ...FLDPI, ...prefix, 0xdd, 0x77, 0x20];
      guest.run(save);
      const image = DATA + 0x20;
      expect([...guest.cpu.memory.read(image + environment, 10)!]).toEqual(PI);
      expect(guest.cpu.state.getUint16(S.FPU_CONTROL, true)).toBe(0x37f);
      expect(guest.cpu.state.getUint16(S.FPU_STATUS, true)).toBe(0);
      expect(guest.cpu.state.getUint16(S.FPU_TAG, true)).toBe(0xffff);
      // Restore, then add: only with both registers, TOP and control back does this give 1 + pi in double precision.
      guest.run([...prefix, 0xdd, 0x67, 0x20, 0xde, 0xc1, ...at(0xdb, 7, 16), ...FNSTSW_AX]);
      expect(guest.cpu.state.getUint16(S.FPU_CONTROL, true)).toBe(0x27f);
      const bytes = guest.cpu.memory.read(DATA + 16, 10)!;
      expect(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)).toBe(0x8487ed5110b46000n);
      expect(bytes[8]! | (bytes[9]! << 8)).toBe(0x4001);
      // The stack is empty again, and the sum was not exact.
      expect(Number(guest.get("rax") & 0xffffn) & ~0x200).toBe(0x20);
    }
  });

  it("reduces angles by the processor's 66-bit pi", () => {
    const guest = new Guest(64);
    guest.set({ rdi: BigInt(DATA) });
    // The double nearest to pi; FSIN gives pi66 - pi53, 0x8d3p-62 exactly, and not 1.2246467991473532e-16.
    guest.cpu.memory.writeU64(DATA, 0x400921fb54442d18n);
    guest.run([...FNINIT, ...at(0xdd, 0, 0), 0xd9, 0xfe, ...at(0xdb, 7, 16)]);
    expect(guest.cpu.memory.readU64(DATA + 16)).toBe(0x8d30000000000000n);
    expect(guest.cpu.memory.readU16(DATA + 24)).toBe(0x3fff - 53);
  });
});
