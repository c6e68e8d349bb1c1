// FXSAVE, FXRSTOR, XSAVE, XRSTOR, the passage between x87 and MMX, and the approximations' bounds.
import { beforeEach, describe, expect, it } from "vitest";
import * as S from "../../assembly/state";
import { DATA, Guest, type Mode } from "./harness";

const UD = 6;
const NM = 7;
const GP = 13;

const FXSAVE = [0x0f, 0xae, 0x06];
const FXRSTOR = [0x0f, 0xae, 0x0e];
const XSAVE = [0x0f, 0xae, 0x26];
const XRSTOR = [0x0f, 0xae, 0x2e];
const withRexW = (code: number[]): number[] => [0x48, ...code];

/** Fills the x87 and SSE state with values that tell where they went: TOP 5, R5..R7 in use. */
function fillState(guest: Guest): void {
  const state = guest.cpu.state;
  for (let n = 0; n < 8; n++) {
    state.setBigUint64(S.FPU_REGISTERS + n * 16, 0x8000000000000000n + BigInt(n), true);
    state.setUint16(S.FPU_REGISTERS + n * 16 + 8, 0x4000 + n, true);
  }
  state.setUint16(S.FPU_CONTROL, 0x27f, true);
  state.setUint16(S.FPU_STATUS, 0x2820, true);
  state.setUint16(S.FPU_TAG, 0x03ff, true);
  state.setUint16(S.FPU_OPCODE, 0x1c8, true);
  state.setBigUint64(S.FPU_INSTRUCTION_POINTER, 0x1122334455667788n, true);
  state.setBigUint64(S.FPU_DATA_POINTER, 0x99aabbccddeeff00n, true);
  state.setUint16(S.FPU_INSTRUCTION_SELECTOR, 0x18, true);
  state.setUint16(S.FPU_DATA_SELECTOR, 0x10, true);
  state.setUint32(S.MXCSR, 0x5fa1, true);
  for (let n = 0; n < 16; n++) {
    state.setBigUint64(S.XMM + n * 16, BigInt(n) * 0x101n, true);
    state.setBigUint64(S.XMM + n * 16 + 8, ~(BigInt(n) * 0x101n) & 0xffffffffffffffffn, true);
  }
}

/** The bytes of the state that save and restore are about. */
function snapshot(guest: Guest): string {
  const state = guest.cpu.state;
  const bytes = new Uint8Array(state.buffer, state.byteOffset + S.FPU_REGISTERS, S.XMM + 256 - S.FPU_REGISTERS);
  return Buffer.from(bytes).toString("hex");
}

function clearState(guest: Guest): void {
  const state = guest.cpu.state;
  new Uint8Array(state.buffer, state.byteOffset + S.FPU_REGISTERS, S.XMM + 256 - S.FPU_REGISTERS).fill(0);
}

describe("FXSAVE", () => {
  it.each<[string, Mode, boolean]>([
    ["64-bit with REX.W", 64, true],
    ["64-bit", 64, false],
    ["32-bit", 32, false],
  ])("%s: layout, and FXRSTOR of it", (_name, mode, wide) => {
    const guest = new Guest(mode);
    fillState(guest);
    guest.set({ rsi: BigInt(DATA) });
    const memory = guest.cpu.memory;
    memory.write(DATA, new Uint8Array(512).fill(0xee));
    expect(guest.run(wide ? withRexW(FXSAVE) : FXSAVE).vector).toBeUndefined();

    expect(memory.readU16(DATA)).toBe(0x27f);
    expect(memory.readU16(DATA + 2)).toBe(0x2820);
    // R5..R7 in use: the bits of the physical registers.
    expect(memory.readU16(DATA + 4)).toBe(0xe0);
    expect(memory.readU16(DATA + 6)).toBe(0x1c8);
    expect(memory.readU64(DATA + 8)).toBe(wide ? 0x1122334455667788n : 0x0000001855667788n);
    expect(memory.readU64(DATA + 16)).toBe(wide ? 0x99aabbccddeeff00n : 0x00000010ddeeff00n);
    expect(memory.readU32(DATA + 24)).toBe(0x5fa1);
    expect(memory.readU32(DATA + 28)).toBe(0xffff);
    for (let n = 0; n < 8; n++) {
      const physical = (5 + n) & 7;
      expect(memory.readU64(DATA + 32 + n * 16)).toBe(0x8000000000000000n + BigInt(physical));
      expect(memory.readU64(DATA + 40 + n * 16)).toBe(BigInt(0x4000 + physical));
    }
    const registers = mode === 64 ? 16 : 8;
    for (let n = 0; n < 16; n++) {
      const expected = n < registers ? BigInt(n) * 0x101n : 0xeeeeeeeeeeeeeeeen;
      expect(memory.readU64(DATA + 160 + n * 16)).toBe(expected);
    }
    expect(memory.readU64(DATA + 416)).toBe(0xeeeeeeeeeeeeeeeen);

    const saved = snapshot(guest);
    clearState(guest);
    expect(guest.run(wide ? withRexW(FXRSTOR) : FXRSTOR).vector).toBeUndefined();
    if (wide) {
      // The selectors are not in this format.
      guest.cpu.state.setUint16(S.FPU_INSTRUCTION_SELECTOR, 0x18, true);
      guest.cpu.state.setUint16(S.FPU_DATA_SELECTOR, 0x10, true);
      expect(snapshot(guest)).toBe(saved);
    } else {
      expect(guest.cpu.state.getBigUint64(S.FPU_INSTRUCTION_POINTER, true)).toBe(0x55667788n);
      expect(guest.cpu.state.getUint16(S.FPU_INSTRUCTION_SELECTOR, true)).toBe(0x18);
      expect(guest.cpu.state.getUint16(S.FPU_TAG, true)).toBe(0x03ff);
      expect(guest.cpu.state.getBigUint64(S.XMM + (registers - 1) * 16, true)).toBe(BigInt(registers - 1) * 0x101n);
    }
  });

  it("FXRSTOR of a reserved MXCSR bit is #GP(0) and changes nothing", () => {
    const guest = new Guest(64);
    fillState(guest);
    guest.set({ rsi: BigInt(DATA) });
    guest.cpu.memory.write(DATA, new Uint8Array(512));
    guest.cpu.memory.writeU32(DATA + 24, 0x20000);
    const saved = snapshot(guest);
    expect(guest.run(FXRSTOR)).toMatchObject({ vector: GP, errorCode: 0 });
    expect(snapshot(guest)).toBe(saved);
  });

  it("is #NM with CR0.TS or CR0.EM", () => {
    const guest = new Guest(64);
    for (const bit of [4n, 8n]) {
      guest.setUp();
      guest.set({ rsi: BigInt(DATA) });
      guest.cpu.state.setBigUint64(S.CR0, guest.cpu.state.getBigUint64(S.CR0, true) | bit, true);
      guest.cpu.updateMode();
      expect(guest.run(FXSAVE)).toMatchObject({ vector: NM });
      expect(guest.run(FXRSTOR)).toMatchObject({ vector: NM });
    }
  });
});

describe("XSAVE", () => {
  const guest = new Guest(64);
  const enable = (components: bigint): void => {
    const state = guest.cpu.state;
    state.setBigUint64(S.CR4, state.getBigUint64(S.CR4, true) | 0x40000n, true);
    state.setBigUint64(S.XCR0, 3n, true);
    guest.cpu.updateMode();
    guest.set({ rsi: BigInt(DATA), rax: components, rdx: 0n });
  };
  beforeEach(() => {
    guest.setUp();
    guest.cpu.memory.write(DATA, new Uint8Array(1024).fill(0xee));
    guest.cpu.memory.write(DATA + 512, new Uint8Array(64));
  });

  it("saves what is asked for and leaves the rest, and says so in XSTATE_BV", () => {
    const memory = guest.cpu.memory;
    fillState(guest);
    enable(2n);
    expect(guest.run(withRexW(XSAVE)).vector).toBeUndefined();
    expect(memory.readU64(DATA + 512)).toBe(2n);
    expect(memory.readU64(DATA)).toBe(0xeeeeeeeeeeeeeeeen);
    expect(memory.readU64(DATA + 16)).toBe(0xeeeeeeeeeeeeeeeen);
    expect(memory.readU64(DATA + 24)).toBe(0x0000ffff00005fa1n);
    expect(memory.readU64(DATA + 32)).toBe(0xeeeeeeeeeeeeeeeen);
    expect(memory.readU64(DATA + 160 + 15 * 16)).toBe(0xf0fn);
    enable(1n);
    memory.writeU64(DATA + 24, 0n);
    expect(guest.run(withRexW(XSAVE)).vector).toBeUndefined();
    // The bit of the component that was not saved stays.
    expect(memory.readU64(DATA + 512)).toBe(3n);
    expect(memory.readU64(DATA + 8)).toBe(0x1122334455667788n);
    expect(memory.readU64(DATA + 24)).toBe(0n);
    // Components outside XCR0 are not asked for.
    enable(0xffffffffn);
    expect(guest.run(XSAVE).vector).toBeUndefined();
    expect(memory.readU64(DATA + 512)).toBe(3n);
  });

  it("XRSTOR loads what is there and initializes what is not", () => {
    fillState(guest);
    const saved = snapshot(guest);
    enable(3n);
    expect(guest.run(withRexW(XSAVE)).vector).toBeUndefined();
    clearState(guest);
    enable(3n);
    expect(guest.run(withRexW(XRSTOR)).vector).toBeUndefined();
    guest.cpu.state.setUint16(S.FPU_INSTRUCTION_SELECTOR, 0x18, true);
    guest.cpu.state.setUint16(S.FPU_DATA_SELECTOR, 0x10, true);
    expect(snapshot(guest)).toBe(saved);

    const state = guest.cpu.state;
    guest.cpu.memory.writeU64(DATA + 512, 0n);
    guest.cpu.memory.writeU32(DATA + 24, 0x1f80);
    expect(guest.run(withRexW(XRSTOR)).vector).toBeUndefined();
    expect(state.getUint16(S.FPU_CONTROL, true)).toBe(0x37f);
    expect(state.getUint16(S.FPU_TAG, true)).toBe(0xffff);
    expect(state.getBigUint64(S.FPU_REGISTERS + 16, true)).toBe(0n);
    expect(state.getBigUint64(S.XMM + 5 * 16, true)).toBe(0n);
    // MXCSR comes from memory whatever XSTATE_BV says.
    expect(state.getUint32(S.MXCSR, true)).toBe(0x1f80);
  });

  it.each<[string, number, bigint]>([
    ["a component outside XCR0", 512, 4n],
    ["XCOMP_BV", 520, 1n << 63n],
    ["a reserved byte of the header", 528, 1n],
    ["a reserved bit of MXCSR", 24, 0x10000n],
  ])("XRSTOR with %s is #GP(0)", (_name, offset, value) => {
    enable(3n);
    guest.cpu.memory.writeU64(DATA + 24, 0x1f80n);
    guest.cpu.memory.writeU64(DATA + offset, value);
    const saved = snapshot(guest);
    expect(guest.run(XRSTOR)).toMatchObject({ vector: GP, errorCode: 0 });
    expect(snapshot(guest)).toBe(saved);
  });

  it("is #UD without CR4.OSXSAVE, #NM with CR0.TS, #GP(0) off a 64-byte boundary", () => {
    guest.set({ rsi: BigInt(DATA) });
    expect(guest.run(XSAVE)).toMatchObject({ vector: UD });
    enable(3n);
    guest.set({ rsi: BigInt(DATA + 32) });
    expect(guest.run(XSAVE)).toMatchObject({ vector: GP, errorCode: 0 });
    expect(guest.run(XRSTOR)).toMatchObject({ vector: GP, errorCode: 0 });
    guest.cpu.state.setBigUint64(S.CR0, guest.cpu.state.getBigUint64(S.CR0, true) | 8n, true);
    guest.cpu.updateMode();
    expect(guest.run(XSAVE)).toMatchObject({ vector: NM });
  });
});

describe("MMX and the x87 registers", () => {
  const guest = new Guest(64);
  beforeEach(() => {
    guest.setUp();
    fillState(guest);
  });
  const status = (): number => guest.cpu.state.getUint16(S.FPU_STATUS, true);
  const tag = (): number => guest.cpu.state.getUint16(S.FPU_TAG, true);

  it.each<[string, number[], boolean]>([
    ["paddb mm0, mm1", [0x0f, 0xfc, 0xc1], true],
    ["movq mm1, mm0 by 0F 7F", [0x0f, 0x7f, 0xc1], true],
    ["psllw mm0, 1", [0x0f, 0x71, 0xf0, 0x01], true],
    ["pinsrw mm0, eax, 0", [0x0f, 0xc4, 0xc0, 0x00], true],
    ["movdq2q mm0, xmm1", [0xf2, 0x0f, 0xd6, 0xc1], true],
    ["cvttps2pi mm0, xmm1", [0x0f, 0x2c, 0xc1], true],
    ["pmovmskb eax, mm1", [0x0f, 0xd7, 0xc1], false],
    ["movd eax, mm0", [0x0f, 0x7e, 0xc0], false],
    ["movq2dq xmm0, mm1", [0xf3, 0x0f, 0xd6, 0xc1], false],
    ["cvtpi2pd xmm0, mm1", [0x66, 0x0f, 0x2a, 0xc1], false],
  ])("%s: TOP is 0 and every register in use", (_name, code, writes) => {
    expect(guest.run(code).vector).toBeUndefined();
    expect(status()).toBe(0x20);
    expect(tag()).toBe(0);
    // A register that is written gets sign and exponent of ones, so that it reads as NaN or infinity.
    const exponents = [0, 1].map((n) => guest.cpu.state.getUint16(S.FPU_REGISTERS + n * 16 + 8, true));
    expect(exponents.filter((exponent) => exponent === 0xffff).length).toBe(writes ? 1 : 0);
  });

  it("EMMS empties every register; TOP is 0", () => {
    expect(guest.run([0x0f, 0x77]).vector).toBeUndefined();
    expect(tag()).toBe(0xffff);
    expect(status()).toBe(0x20);
  });

  it("CVTPI2PD and CVTPI2PS from memory leave the x87 state", () => {
    guest.set({ rsi: BigInt(DATA) });
    guest.cpu.memory.writeU64(DATA, 0xffffffff00000007n);
    expect(guest.run([0x0f, 0x2a, 0x06]).vector).toBeUndefined();
    expect(guest.cpu.state.getFloat32(S.XMM, true)).toBe(7);
    expect(guest.cpu.state.getFloat32(S.XMM + 4, true)).toBe(-1);
    expect(guest.run([0x66, 0x0f, 0x2a, 0x06]).vector).toBeUndefined();
    expect(guest.cpu.state.getFloat64(S.XMM, true)).toBe(7);
    expect(guest.cpu.state.getFloat64(S.XMM + 8, true)).toBe(-1);
    expect(status()).toBe(0x2820);
    expect(tag()).toBe(0x03ff);
  });
});

describe("RCPSS and RSQRTSS", () => {
  const guest = new Guest(64);
  const RCPSS = [0xf3, 0x0f, 0x53, 0xc1];
  const RSQRTSS = [0xf3, 0x0f, 0x52, 0xc1];
  const compute = (code: number[], bits: number): number => {
    guest.cpu.state.setUint32(S.XMM + 16, bits, true);
    expect(guest.run(code).vector).toBeUndefined();
    return guest.cpu.state.getUint32(S.XMM, true);
  };
  const value = (bits: number): number => new Float32Array(Uint32Array.of(bits).buffer)[0] ?? NaN;

  it("keep within 1.5 * 2^-12 and report nothing", () => {
    guest.setUp();
    guest.cpu.state.setUint32(S.MXCSR, 0, true);
    let worst = 0;
    for (let bits = 0x01000000; bits < 0x7e000000; bits += 0x7654321) {
      const x = value(bits);
      worst = Math.max(worst, Math.abs(value(compute(RCPSS, bits)) * x - 1));
      worst = Math.max(worst, Math.abs(value(compute(RSQRTSS, bits)) * Math.sqrt(x) - 1));
    }
    expect(worst).toBeLessThan(1.5 * 2 ** -12);
    expect(guest.cpu.state.getUint32(S.MXCSR, true)).toBe(0);
  });

  // SDM volume 2, RCPPS and RSQRTPS: what holds for every processor.
  it.each([
    ["rcpss of 0", RCPSS, 0x00000000, 0x7f800000],
    ["rcpss of -0", RCPSS, 0x80000000, 0xff800000],
    ["rcpss of a denormal", RCPSS, 0x807fffff, 0xff800000],
    ["rcpss of infinity", RCPSS, 0x7f800000, 0x00000000],
    ["rcpss of -infinity", RCPSS, 0xff800000, 0x80000000],
    ["rcpss whose result would be denormal", RCPSS, 0xfe800001, 0x80000000],
    ["rcpss of a signaling NaN", RCPSS, 0x7f812345, 0x7fc12345],
    ["rsqrtss of 0", RSQRTSS, 0x00000000, 0x7f800000],
    ["rsqrtss of a negative denormal", RSQRTSS, 0x80000001, 0xff800000],
    ["rsqrtss of -1", RSQRTSS, 0xbf800000, 0xffc00000],
    ["rsqrtss of infinity", RSQRTSS, 0x7f800000, 0x00000000],
    ["rsqrtss of a signaling NaN", RSQRTSS, 0xff812345, 0xffc12345],
  ])("%s", (_name, code, input, result) => {
    guest.setUp();
    expect(compute(code, input).toString(16)).toBe(result.toString(16));
  });
});
