// What MMX and SSE instructions check before they do anything: availability, alignment, and exactly the memory that
// they access. After a fault nothing has changed.
import { beforeEach, describe, expect, it } from "vitest";
import * as S from "../../assembly/state";
import { CODE, DATA, Guest, type Mode } from "./harness";

const UD = 6;
const NM = 7;
const GP = 13;
const PF = 14;
const MF = 16;
const XM = 19;

const CR0_EM = 4n;
const CR0_TS = 8n;
const CR4_OSFXSR = 0x200n;
const CR4_OSXMMEXCPT = 0x400n;

const ONES = 0xffffffffffffffffn;

/** Register forms on XMM0, XMM1 or MM0, MM1. */
const SSE_FORMS: Record<string, number[]> = {
  addps: [0x0f, 0x58, 0xc1],
  paddb: [0x66, 0x0f, 0xfc, 0xc1],
  movaps: [0x0f, 0x28, 0xc1],
  movdqu: [0xf3, 0x0f, 0x6f, 0xc1],
  movd: [0x66, 0x0f, 0x6e, 0xc0],
  pcmpistri: [0x66, 0x0f, 0x3a, 0x63, 0xc1, 0x0c],
  psrldq: [0x66, 0x0f, 0x73, 0xd8, 0x04],
  cvtsi2sd: [0xf2, 0x0f, 0x2a, 0xc0],
  rcpps: [0x0f, 0x53, 0xc1],
  movmskps: [0x0f, 0x50, 0xc1],
  ldmxcsr: [0x0f, 0xae, 0x16],
  stmxcsr: [0x0f, 0xae, 0x1e],
};
const MMX_FORMS: Record<string, number[]> = {
  paddb: [0x0f, 0xfc, 0xc1],
  movd: [0x0f, 0x6e, 0xc0],
  pshufb: [0x0f, 0x38, 0x00, 0xc1],
  psllw: [0x0f, 0x71, 0xf0, 0x04],
  pmovmskb: [0x0f, 0xd7, 0xc1],
  punpcklbw: [0x0f, 0x60, 0xc1],
  emms: [0x0f, 0x77],
};

function changeControl(guest: Guest, register: number, set: bigint, clear: bigint): void {
  const state = guest.cpu.state;
  state.setBigUint64(register, (state.getBigUint64(register, true) | set) & ~clear, true);
  guest.cpu.updateMode();
}

describe.each<Mode>([64, 32])("availability, %i-bit code", (mode) => {
  const guest = new Guest(mode);
  beforeEach(() => {
    guest.setUp();
    guest.set({ rsi: BigInt(DATA) });
    guest.cpu.memory.writeU32(DATA, 0x1f80);
  });

  it.each(Object.entries(SSE_FORMS))("%s", (_name, code) => {
    expect(guest.run(code).vector).toBeUndefined();
    changeControl(guest, S.CR0, CR0_TS, 0n);
    expect(guest.run(code)).toMatchObject({ vector: NM, offset: 0 });
    changeControl(guest, S.CR0, CR0_EM, 0n);
    expect(guest.run(code)).toMatchObject({ vector: UD, offset: 0 });
    guest.setUp();
    changeControl(guest, S.CR4, 0n, CR4_OSFXSR);
    expect(guest.run(code)).toMatchObject({ vector: UD, offset: 0 });
  });

  it.each(Object.entries(MMX_FORMS))("%s of MMX", (_name, code) => {
    changeControl(guest, S.CR4, 0n, CR4_OSFXSR);
    expect(guest.run(code).vector).toBeUndefined();
    changeControl(guest, S.CR0, CR0_TS, 0n);
    expect(guest.run(code)).toMatchObject({ vector: NM, offset: 0 });
    changeControl(guest, S.CR0, CR0_EM, 0n);
    expect(guest.run(code)).toMatchObject({ vector: UD, offset: 0 });
    guest.setUp();
    guest.cpu.state.setUint16(S.FPU_CONTROL, 0x37e, true);
    guest.cpu.state.setUint16(S.FPU_STATUS, 0x8081, true);
    expect(guest.run(code)).toMatchObject({ vector: MF, offset: 0 });
  });
});

describe("unmasked exceptions", () => {
  const guest = new Guest(64);
  it("raise #XM, or #UD without CR4.OSXMMEXCPT, set the flag and leave the destination", () => {
    for (const vector of [XM, UD]) {
      guest.setUp();
      if (vector === UD) changeControl(guest, S.CR4, 0n, CR4_OSXMMEXCPT);
      const state = guest.cpu.state;
      state.setUint32(S.MXCSR, 0x1f80 & ~0x200, true);
      state.setBigUint64(S.XMM, 0x3ff0000000000000n, true);
      state.setBigUint64(S.XMM + 16, 0n, true);
      expect(guest.run([0xf2, 0x0f, 0x5e, 0xc1])).toMatchObject({ vector, offset: 0 });
      expect(state.getBigUint64(S.XMM, true)).toBe(0x3ff0000000000000n);
      expect(state.getUint32(S.MXCSR, true)).toBe(0x1d84);
    }
  });

  it("LDMXCSR of an unmasked flag that is set raises nothing; of a reserved bit #GP(0)", () => {
    guest.setUp();
    guest.set({ rsi: BigInt(DATA) });
    guest.cpu.memory.writeU32(DATA, 0x003f);
    expect(guest.run([0x0f, 0xae, 0x16]).vector).toBeUndefined();
    expect(guest.cpu.state.getUint32(S.MXCSR, true)).toBe(0x3f);
    guest.cpu.memory.writeU32(DATA, 0x11f80);
    expect(guest.run([0x0f, 0xae, 0x16])).toMatchObject({ vector: GP, errorCode: 0 });
    expect(guest.cpu.state.getUint32(S.MXCSR, true)).toBe(0x3f);
  });
});

/** Memory forms on [rsi]. */
const ALIGNED: Record<string, number[]> = {
  "movaps load": [0x0f, 0x28, 0x06],
  "movaps store": [0x0f, 0x29, 0x06],
  "movdqa load": [0x66, 0x0f, 0x6f, 0x06],
  movntdq: [0x66, 0x0f, 0xe7, 0x06],
  movntps: [0x0f, 0x2b, 0x06],
  movntdqa: [0x66, 0x0f, 0x38, 0x2a, 0x06],
  addps: [0x0f, 0x58, 0x06],
  pxor: [0x66, 0x0f, 0xef, 0x06],
  pshufd: [0x66, 0x0f, 0x70, 0x06, 0x1b],
  psllw: [0x66, 0x0f, 0xf1, 0x06],
  cvtpd2dq: [0xf2, 0x0f, 0xe6, 0x06],
  cvtpd2pi: [0x66, 0x0f, 0x2d, 0x06],
  movsldup: [0xf3, 0x0f, 0x12, 0x06],
  haddps: [0xf2, 0x0f, 0x7c, 0x06],
  fxsave: [0x0f, 0xae, 0x06],
  fxrstor: [0x0f, 0xae, 0x0e],
};
const UNALIGNED: Record<string, number[]> = {
  "movups load": [0x0f, 0x10, 0x06],
  "movupd store": [0x66, 0x0f, 0x11, 0x06],
  "movdqu load": [0xf3, 0x0f, 0x6f, 0x06],
  lddqu: [0xf2, 0x0f, 0xf0, 0x06],
  pcmpistri: [0x66, 0x0f, 0x3a, 0x63, 0x06, 0x0c],
  pcmpestrm: [0x66, 0x0f, 0x3a, 0x60, 0x06, 0x0c],
};

describe("alignment", () => {
  const guest = new Guest(64);
  const before = (): void => {
    guest.setUp();
    guest.set({ rsi: BigInt(DATA + 8) });
    guest.cpu.memory.write(DATA, new Uint8Array(1024));
    guest.cpu.state.setBigUint64(S.XMM, ONES, true);
  };
  it.each(Object.entries(ALIGNED))("%s raises #GP(0)", (_name, code) => {
    before();
    expect(guest.run(code)).toMatchObject({ vector: GP, errorCode: 0, offset: 0 });
    expect(guest.cpu.state.getBigUint64(S.XMM, true)).toBe(ONES);
    expect(guest.cpu.memory.readU64(DATA + 8)).toBe(0n);
    guest.set({ rsi: BigInt(DATA + 16), rsp: 0x9000n });
    expect(guest.run(code).vector).toBeUndefined();
  });
  it.each(Object.entries(UNALIGNED))("%s does not care", (_name, code) => {
    before();
    expect(guest.run(code).vector).toBeUndefined();
  });
});

/** Memory forms on [rsi] and how many bytes they access. */
const SIZES: [string, number, number[]][] = [
  ["movss", 4, [0xf3, 0x0f, 0x10, 0x06]],
  ["movss store", 4, [0xf3, 0x0f, 0x11, 0x06]],
  ["movsd", 8, [0xf2, 0x0f, 0x10, 0x06]],
  ["movlps", 8, [0x0f, 0x12, 0x06]],
  ["movhps", 8, [0x0f, 0x16, 0x06]],
  ["movhps store", 8, [0x0f, 0x17, 0x06]],
  ["movddup", 8, [0xf2, 0x0f, 0x12, 0x06]],
  ["movd", 4, [0x66, 0x0f, 0x6e, 0x06]],
  ["movd store", 4, [0x66, 0x0f, 0x7e, 0x06]],
  ["movq", 8, [0xf3, 0x0f, 0x7e, 0x06]],
  ["movq with REX.W", 8, [0x66, 0x48, 0x0f, 0x6e, 0x06]],
  ["movups", 16, [0x0f, 0x10, 0x06]],
  ["movups store", 16, [0x0f, 0x11, 0x06]],
  ["addss", 4, [0xf3, 0x0f, 0x58, 0x06]],
  ["addsd", 8, [0xf2, 0x0f, 0x58, 0x06]],
  ["comiss", 4, [0x0f, 0x2f, 0x06]],
  ["cvtps2pd", 8, [0x0f, 0x5a, 0x06]],
  ["cvtdq2pd", 8, [0xf3, 0x0f, 0xe6, 0x06]],
  ["cvtsi2sd", 4, [0xf2, 0x0f, 0x2a, 0x06]],
  ["cvtpi2pd", 8, [0x66, 0x0f, 0x2a, 0x06]],
  ["cvtps2pi", 8, [0x0f, 0x2d, 0x06]],
  ["pmovzxbw", 8, [0x66, 0x0f, 0x38, 0x30, 0x06]],
  ["pmovzxbd", 4, [0x66, 0x0f, 0x38, 0x31, 0x06]],
  ["pmovsxbq", 2, [0x66, 0x0f, 0x38, 0x22, 0x06]],
  ["pinsrb", 1, [0x66, 0x0f, 0x3a, 0x20, 0x06, 0x03]],
  ["pinsrw", 2, [0x66, 0x0f, 0xc4, 0x06, 0x03]],
  ["pinsrq", 8, [0x66, 0x48, 0x0f, 0x3a, 0x22, 0x06, 0x01]],
  ["pextrb", 1, [0x66, 0x0f, 0x3a, 0x14, 0x06, 0x03]],
  ["pextrw", 2, [0x66, 0x0f, 0x3a, 0x15, 0x06, 0x03]],
  ["extractps", 4, [0x66, 0x0f, 0x3a, 0x17, 0x06, 0x03]],
  ["insertps", 4, [0x66, 0x0f, 0x3a, 0x21, 0x06, 0x10]],
  ["roundss", 4, [0x66, 0x0f, 0x3a, 0x0a, 0x06, 0x00]],
  ["punpcklbw of MMX", 4, [0x0f, 0x60, 0x06]],
  ["punpckhbw of MMX", 8, [0x0f, 0x68, 0x06]],
  ["paddb of MMX", 8, [0x0f, 0xfc, 0x06]],
  ["movntq", 8, [0x0f, 0xe7, 0x06]],
  ["stmxcsr", 4, [0x0f, 0xae, 0x1e]],
  ["clflush", 1, [0x0f, 0xae, 0x3e]],
];

describe("memory operands at the end of what is mapped", () => {
  const guest = new Guest(64);
  const END = 0x400000;
  const PDE = 0x10000 + 0x2000 + (END >> 21) * 8;
  const before = (): void => {
    guest.setUp();
    guest.cpu.memory.writeU64(PDE, 0n);
    guest.cpu.memory.write(END - 1024, new Uint8Array(1024).fill(0x11));
    guest.cpu.state.setBigUint64(S.XMM, ONES, true);
    guest.cpu.state.setBigUint64(S.FPU_REGISTERS, ONES, true);
    guest.cpu.state.setUint16(S.FPU_STATUS, 0x1800, true);
  };
  it.each(SIZES)("%s accesses %i bytes", (_name, size, code) => {
    before();
    guest.set({ rsi: BigInt(END - size) });
    expect(guest.run(code).vector).toBeUndefined();

    before();
    guest.set({ rsi: BigInt(END - size + 1) });
    expect(guest.run(code)).toMatchObject({ vector: PF, offset: 0 });
    expect(guest.cpu.state.getBigUint64(S.CR2, true)).toBe(BigInt(END));
    expect(guest.cpu.state.getBigUint64(S.XMM, true)).toBe(ONES);
    expect(guest.cpu.state.getBigUint64(S.FPU_REGISTERS, true)).toBe(ONES);
    // The change to MMX state did not happen either.
    expect(guest.cpu.state.getUint16(S.FPU_STATUS, true)).toBe(0x1800);
    expect(guest.cpu.memory.readU8(END - 1)).toBe(0x11);
  });

  it("FXSAVE writes nothing if its second page cannot be written; FXRSTOR loads nothing", () => {
    before();
    guest.set({ rsi: BigInt(END - 256) });
    expect(guest.run([0x0f, 0xae, 0x06])).toMatchObject({ vector: PF, errorCode: 2 });
    expect(guest.cpu.memory.readU64(END - 256)).toBe(0x1111111111111111n);
    before();
    guest.set({ rsi: BigInt(END - 256) });
    expect(guest.run([0x0f, 0xae, 0x0e])).toMatchObject({ vector: PF, errorCode: 0 });
    expect(guest.cpu.state.getUint16(S.FPU_CONTROL, true)).not.toBe(0x1111);
    expect(guest.cpu.state.getBigUint64(S.XMM, true)).toBe(ONES);
  });

  it("MASKMOVDQU writes the bytes whose mask is set, all or none", () => {
    before();
    const state = guest.cpu.state;
    const set = (register: number, low: bigint, high: bigint): void => {
      state.setBigUint64(S.XMM + register * 16, low, true);
      state.setBigUint64(S.XMM + register * 16 + 8, high, true);
    };
    set(0, 0x0706050403020100n, 0x0f0e0d0c0b0a0908n);
    set(1, 0x80007fff00ff0080n, 0n);
    guest.set({ rdi: BigInt(END - 8) });
    expect(guest.run([0x66, 0x0f, 0xf7, 0xc1]).vector).toBeUndefined();
    expect(guest.cpu.memory.readU64(END - 8)).toBe(0x0711110411021100n);
    set(1, 0x8080808080808080n, 0x80n);
    expect(guest.run([0x66, 0x0f, 0xf7, 0xc1])).toMatchObject({ vector: PF, errorCode: 2 });
    expect(guest.cpu.memory.readU64(END - 8)).toBe(0x0711110411021100n);
  });
});

describe("encodings", () => {
  const guest = new Guest(64);
  it.each([
    ["movlps between registers by 0F 13", [0x0f, 0x13, 0xc1]],
    ["movntps of a register", [0x0f, 0x2b, 0xc1]],
    ["movmskps from memory", [0x0f, 0x50, 0x06]],
    ["lddqu of a register", [0xf2, 0x0f, 0xf0, 0xc1]],
    ["psllw immediate on memory", [0x66, 0x0f, 0x71, 0x36, 0x04]],
    ["punpcklqdq of MMX", [0x0f, 0x6c, 0xc1]],
    ["pblendvb of MMX", [0x0f, 0x38, 0x10, 0xc1]],
    ["LOCK paddb", [0xf0, 0x66, 0x0f, 0xfc, 0xc1]],
    ["F3 paddb", [0xf3, 0x0f, 0xfc, 0xc1]],
  ])("%s is #UD", (_name, code) => {
    guest.setUp();
    guest.set({ rsi: BigInt(DATA) });
    expect(guest.run(code)).toMatchObject({ vector: UD, offset: 0 });
  });

  it("REX reaches XMM8 and up, and not MMX registers", () => {
    guest.setUp();
    const state = guest.cpu.state;
    state.setBigUint64(S.XMM + 9 * 16, 0x1111n, true);
    state.setBigUint64(S.FPU_REGISTERS + 16, 0x2222n, true);
    // paddq xmm15, xmm9; paddq mm7, mm1 with REX.R and REX.B
    expect(guest.run([0x66, 0x45, 0x0f, 0xd4, 0xf9, 0x45, 0x0f, 0xd4, 0xf9]).vector).toBeUndefined();
    expect(state.getBigUint64(S.XMM + 15 * 16, true)).toBe(0x1111n);
    expect(state.getBigUint64(S.FPU_REGISTERS + 7 * 16, true)).toBe(0x2222n);
    expect(guest.cpu.rip).toBe(BigInt(CODE + 10));
  });
});
