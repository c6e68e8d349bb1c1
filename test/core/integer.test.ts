// What recorded vectors cannot show of the integer instructions: faults and their restart, page crossings, long string
// runs, code overwritten by strings, privilege, 16-bit addresses, and which encodings do not exist.

import { describe, expect, it } from "vitest";
import { CODE, DATA, Guest, KERNEL_DS, TSS, type Mode } from "./harness";
import * as S from "../../assembly/state";
import { EXIT_BUDGET, EXIT_HALT } from "../../assembly/state";

const PAGE_DIRECTORY = 0x12000;
const UD = 6;
const GP = 13;
const PF = 14;

/** Makes the 2 MiB page at `address` not present, or read-only. */
function restrict(guest: Guest, address: number, attributes: "absent" | "readonly"): void {
  const base = BigInt(address & ~0x1fffff);
  guest.cpu.memory.writeU64(PAGE_DIRECTORY + (address >>> 21) * 8, base | (attributes === "absent" ? 0x86n : 0x85n));
  // WP, so that the supervisor honours it.
  guest.cpu.state.setBigUint64(S.CR0, guest.cpu.state.getBigUint64(S.CR0, true) | 0x10000n, true);
  guest.cpu.updateMode();
}

function pattern(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
}

describe("faults change nothing", () => {
  it("read-modify-write of a read-only page reports a write and keeps flags and registers", () => {
    const guest = new Guest(64);
    guest.cpu.memory.writeU32(0x400010, 5);
    restrict(guest, 0x400000, "readonly");
    guest.set({ rdi: 0x400010n, rax: 7n });
    guest.flags = 0x8d7;
    // add [rdi], eax
    expect(guest.run([0x01, 0x07])).toMatchObject({ vector: PF, errorCode: 3, offset: 0 });
    expect(guest.cpu.memory.readU32(0x400010)).toBe(5);
    expect(guest.get("rax")).toBe(7n);
    // Error code, RIP, CS, RFLAGS; RF is set in the image of a fault.
    expect(guest.cpu.memory.readU64(Number(guest.get("rsp")) + 24)).toBe(0x108d7n);
    expect(guest.cpu.state.getBigUint64(S.CR2, true)).toBe(0x400010n);
  });

  it("a store that crosses into an absent page writes nothing", () => {
    const guest = new Guest(64);
    restrict(guest, 0x600000, "absent");
    guest.cpu.memory.write(0x5ffff8, new Uint8Array(8).fill(0x11));
    guest.set({ rdi: 0x5ffffcn, rax: -1n });
    expect(guest.run([0x48, 0x89, 0x07])).toMatchObject({ vector: PF, errorCode: 2, offset: 0 });
    expect(guest.cpu.state.getBigUint64(S.CR2, true)).toBe(0x600000n);
    expect(guest.cpu.memory.read(0x5ffff8, 8)).toEqual(new Uint8Array(8).fill(0x11));
  });

  it("an access across two present pages works both ways", () => {
    const guest = new Guest(64);
    guest.set({ rdi: 0x5ffffdn, rax: 0x1122334455667788n });
    // mov [rdi], rax; add [rdi], rax; mov rbx, [rdi]
    expect(guest.run([0x48, 0x89, 0x07, 0x48, 0x01, 0x07, 0x48, 0x8b, 0x1f]).vector).toBeUndefined();
    expect(guest.get("rbx")).toBe(0x22446688aaccef10n);
  });

  it("POP to memory that faults leaves RSP", () => {
    const guest = new Guest(64);
    restrict(guest, 0x400000, "absent");
    guest.set({ rdi: 0x400000n, rsp: 0x8000n });
    expect(guest.run([0x8f, 0x07])).toMatchObject({ vector: PF, offset: 0 });
    // The frame lies below the RSP of the instruction.
    expect(guest.cpu.memory.readU64((Number(guest.get("rsp")) + 8 + 24) as number)).toBe(0x8000n);
  });

  it("DIV by zero leaves the accumulator", () => {
    const guest = new Guest(64).set({ rax: 5n, rdx: 6n, rcx: 0n });
    expect(guest.run([0x48, 0xf7, 0xf1])).toMatchObject({ vector: 0, offset: 0 });
    expect([guest.get("rax"), guest.get("rdx")]).toEqual([5n, 6n]);
  });
});

describe("string runs", () => {
  it.each([
    ["movsb", [0xa4], 1],
    ["movsw", [0x66, 0xa5], 2],
    ["movsd", [0xa5], 4],
    ["movsq", [0x48, 0xa5], 8],
  ] as const)("REP %s copies over many pages, unaligned", (_name, code, width) => {
    const guest = new Guest(64);
    const length = 3 * 4096 + 5 * 8;
    guest.cpu.memory.write(DATA + 3, pattern(length));
    guest.set({ rsi: BigInt(DATA + 3), rdi: BigInt(DATA + 0x10ffd), rcx: BigInt(length / width) });
    expect(guest.run([0xf3, ...code]).exit).toBe(EXIT_HALT);
    expect(guest.cpu.memory.read(DATA + 0x10ffd, length)).toEqual(pattern(length));
    expect(guest.cpu.memory.read(DATA + 0x10ffd + length, 8)).toEqual(new Uint8Array(8));
    expect(guest.get("rcx")).toBe(0n);
    expect(guest.get("rsi")).toBe(BigInt(DATA + 3 + length));
    expect(guest.get("rdi")).toBe(BigInt(DATA + 0x10ffd + length));
  });

  it("backwards over pages", () => {
    const guest = new Guest(64);
    const length = 10000;
    guest.cpu.memory.write(DATA + 5, pattern(length));
    guest.flags = 0x402;
    const last = length - 4;
    guest.set({ rsi: BigInt(DATA + 5 + last), rdi: BigInt(DATA + 0x20003 + last), rcx: BigInt(length / 4) });
    expect(guest.run([0xf3, 0xa5]).exit).toBe(EXIT_HALT);
    expect(guest.cpu.memory.read(DATA + 0x20003, length)).toEqual(pattern(length));
    expect(guest.get("rdi")).toBe(BigInt(DATA + 0x20003 - 4));
  });

  it("a forward overlap replicates the first bytes over pages", () => {
    const guest = new Guest(64);
    guest.cpu.memory.write(DATA, Uint8Array.from([1, 2, 3]));
    guest.set({ rsi: BigInt(DATA), rdi: BigInt(DATA + 3), rcx: 9000n });
    expect(guest.run([0xf3, 0xa4]).exit).toBe(EXIT_HALT);
    expect(guest.cpu.memory.read(DATA, 9003)).toEqual(Uint8Array.from({ length: 9003 }, (_, i) => (i % 3) + 1));
  });

  it("a backward overlap replicates the last bytes over pages", () => {
    const guest = new Guest(64);
    guest.cpu.memory.write(DATA + 9000, Uint8Array.from([1, 2, 3]));
    guest.flags = 0x402;
    guest.set({ rsi: BigInt(DATA + 9002), rdi: BigInt(DATA + 8999), rcx: 9000n });
    expect(guest.run([0xf3, 0xa4]).exit).toBe(EXIT_HALT);
    expect(guest.cpu.memory.read(DATA, 9003)).toEqual(Uint8Array.from({ length: 9003 }, (_, i) => (i % 3) + 1));
  });

  it.each([
    ["bytes", [0xaa], 1],
    ["words", [0x66, 0xab], 2],
    ["quadwords", [0x48, 0xab], 8],
  ] as const)("REP STOS of %s fills exactly", (_name, code, width) => {
    const guest = new Guest(64);
    const value = 0x1122334455667788n;
    guest.set({ rdi: BigInt(DATA + 0xffb), rax: value, rcx: 1500n });
    expect(guest.run([0xf3, ...code]).exit).toBe(EXIT_HALT);
    const expected = Uint8Array.from({ length: 1500 * width }, (_, i) =>
      Number((value >> BigInt((i % width) * 8)) & 255n),
    );
    expect(guest.cpu.memory.read(DATA + 0xffb, 1500 * width)).toEqual(expected);
    expect(guest.cpu.memory.readU8(DATA + 0xffa)).toBe(0);
    expect(guest.cpu.memory.readU8(DATA + 0xffb + 1500 * width)).toBe(0);
  });

  it("a fault in the middle shows how far it came", () => {
    const guest = new Guest(64);
    restrict(guest, 0x400000, "absent");
    guest.cpu.memory.write(DATA, pattern(64));
    guest.set({ rsi: BigInt(DATA), rdi: 0x3fffe0n, rcx: 20n });
    expect(guest.run([0x90, 0xf3, 0x48, 0xa5])).toMatchObject({ vector: PF, errorCode: 2, offset: 1 });
    expect(guest.get("rcx")).toBe(16n);
    expect(guest.get("rdi")).toBe(0x400000n);
    expect(guest.get("rsi")).toBe(BigInt(DATA + 32));
    expect(guest.cpu.memory.read(0x3fffe0, 32)).toEqual(pattern(32));
  });

  it("stops at the instruction limit with RIP on the instruction, and goes on", () => {
    const guest = new Guest(64);
    guest.set({ rdi: BigInt(DATA), rax: 0x5an, rcx: 0x8000n });
    const stopped = guest.run([0xf3, 0xaa], 3);
    expect(stopped.exit).toBe(EXIT_BUDGET);
    expect(guest.cpu.rip).toBe(BigInt(CODE));
    const done = 0x8000n - guest.get("rcx");
    expect(done).toBeGreaterThan(0n);
    expect(guest.get("rdi")).toBe(BigInt(DATA) + done);
    expect(guest.cpu.run(guest.cpu.instructionCount + 100)).toBe(EXIT_HALT);
    expect(guest.get("rcx")).toBe(0n);
    expect(guest.cpu.memory.read(DATA, 0x8000)).toEqual(new Uint8Array(0x8000).fill(0x5a));
  });

  it("overwrites decoded code, which then runs as written", () => {
    const guest = new Guest(64);
    // 0: call 0x40; rep movsb; call 0x40; hlt    40: mov eax, 1; ret -> becomes mov eax, 2
    const target = 0x40;
    const code = new Uint8Array(0x50).fill(0x90);
    code.set([0xe8, target - 5, 0, 0, 0, 0x89, 0xc3, 0xf3, 0xa4, 0xe8, target - 14, 0, 0, 0, 0xf4]);
    code.set([0xb8, 1, 0, 0, 0, 0xc3], target);
    guest.cpu.memory.write(DATA, Uint8Array.from([0xb8, 2, 0, 0, 0, 0xc3]));
    guest.set({ rsi: BigInt(DATA), rdi: BigInt(CODE + target), rcx: 6n });
    expect(guest.run(code).exit).toBe(EXIT_HALT);
    expect([guest.get("rbx"), guest.get("rax")]).toEqual([1n, 2n]);
  });

  it("single-steps one iteration at a time", () => {
    const guest = new Guest(64);
    guest.set({ rdi: BigInt(DATA), rcx: 5n, rax: 1n });
    guest.flags = 0x102;
    expect(guest.run([0xf3, 0xaa])).toMatchObject({ vector: 1, offset: 0 });
    expect(guest.get("rcx")).toBe(4n);
  });

  it("16-bit addresses wrap at 64 KiB", () => {
    const guest = new Guest(16);
    guest.set({ rdi: 0xfffen, rcx: 4n, rax: 0x77n });
    guest.cpu.memory.write(0xfffe, Uint8Array.from([0, 0, 0x99]));
    expect(guest.run([0xf3, 0xaa]).exit).toBe(EXIT_HALT);
    expect(guest.get("rdi")).toBe(2n);
    expect(guest.cpu.memory.read(0xfffe, 3)).toEqual(Uint8Array.from([0x77, 0x77, 0x99]));
    expect(guest.cpu.memory.read(0, 2)).toEqual(Uint8Array.from([0x77, 0x77]));
  });

  it("respects the segment limit element by element", () => {
    const guest = new Guest(32);
    const es = S.SEGMENTS + S.ES * S.SEGMENT_STRIDE;
    guest.cpu.state.setUint32(es + S.SEGMENT_LIMIT, DATA + 9, true);
    guest.cpu.state.setUint32(es + S.SEGMENT_FLAT, 0, true);
    guest.set({ rdi: BigInt(DATA), rcx: 8n, rax: 1n });
    expect(guest.run([0xf3, 0xab])).toMatchObject({ vector: GP, errorCode: 0, offset: 0 });
    expect(guest.get("rcx")).toBe(6n);
  });

  it("MMIO goes to the device, byte by byte", () => {
    const writes: [number, number, bigint][] = [];
    const guest = new Guest(64, { mmioWrite: (address, size, value) => void writes.push([address, size, value]) });
    guest.cpu.setPageKind(0x300000, 0x1000, S.PAGE_MMIO);
    guest.set({ rdi: 0x300004n, rcx: 3n, rax: 0xabn });
    expect(guest.run([0xf3, 0xaa]).exit).toBe(EXIT_HALT);
    expect(writes).toEqual([
      [0x300004, 1, 0xabn],
      [0x300005, 1, 0xabn],
      [0x300006, 1, 0xabn],
    ]);
  });
});

describe("encodings", () => {
  const undefinedIn = (mode: Mode, code: number[]): number | undefined => {
    const guest = new Guest(mode);
    guest.set({ rsi: BigInt(mode === 16 ? 0x5000 : DATA), rdi: BigInt(mode === 16 ? 0x5000 : DATA) });
    return guest.run(code).vector;
  };

  it.each([
    ["lock add eax, ebx", [0xf0, 0x01, 0xd8]],
    ["lock add eax, [rdi]", [0xf0, 0x03, 0x07]],
    ["lock cmp [rdi], eax", [0xf0, 0x39, 0x07]],
    ["lock test [rdi], eax", [0xf0, 0x85, 0x07]],
    ["lock mov [rdi], eax", [0xf0, 0x89, 0x07]],
    ["lock bt [rdi], eax", [0xf0, 0x0f, 0xa3, 0x07]],
    ["lea with a register", [0x8d, 0xc0]],
    ["cmpxchg8b with a register", [0x0f, 0xc7, 0xc8]],
    ["movbe with a register", [0x0f, 0x38, 0xf0, 0xc0]],
    ["movnti with a register", [0x0f, 0xc3, 0xc0]],
    ["0f b8 without F3", [0x0f, 0xb8, 0xc0]],
    ["FE /2", [0xfe, 0xd0]],
    ["C6 /1", [0xc6, 0xc8, 0]],
    ["8F /1", [0x8f, 0xc8]],
    ["0F BA /0", [0x0f, 0xba, 0xc0, 0]],
    ["daa", [0x27]],
    ["aam", [0xd4, 10]],
    ["pusha", [0x60]],
    ["82 /0", [0x82, 0xc0, 1]],
    ["salc", [0xd6]],
  ])("%s is undefined in 64-bit mode", (_name, code) => {
    expect(undefinedIn(64, code)).toBe(UD);
  });

  it.each([
    ["lock add [rdi], eax", [0xf0, 0x01, 0x07]],
    ["lock inc dword [rdi]", [0xf0, 0xff, 0x07]],
    ["lock btc [rdi], eax", [0xf0, 0x0f, 0xbb, 0x07]],
    ["lock xchg [rdi], eax", [0xf0, 0x87, 0x07]],
    ["lock cmpxchg8b [rdi]", [0xf0, 0x0f, 0xc7, 0x0f]],
    ["lock not byte [rdi]", [0xf0, 0xf6, 0x17]],
  ])("%s exists", (_name, code) => {
    expect(undefinedIn(64, code)).toBeUndefined();
  });

  it("TEST has an immediate under both of its encodings, NOT has none", () => {
    const guest = new Guest(64).set({ rax: 0x80n });
    expect(guest.run([0xf6, 0xc8, 0x80]).offset).toBe(3);
    expect(guest.flags & 0x40).toBe(0);
    expect(guest.run([0xf6, 0xd0]).offset).toBe(2);
    expect(guest.get("rax")).toBe(0x7fn);
  });

  it("F3 BSR is BSR, as CPUID announces no LZCNT", () => {
    const guest = new Guest(64).set({ rbx: 0x100n });
    guest.run([0xf3, 0x0f, 0xbd, 0xc3]);
    expect(guest.get("rax")).toBe(8n);
  });
});

describe("16-bit code", () => {
  it("adds, pushes and pops words, and addresses by BX and SI", () => {
    const guest = new Guest(16);
    guest.set({ rbx: 0x5000n, rsi: 0x10n, rsp: 0x8000n });
    guest.cpu.memory.writeU16(0x5014, 0x1234);
    // add word [bx+si+4], 0x11; push word [bx+si+4]; pop ax; push eax (66)
    expect(guest.run([0x83, 0x40, 0x04, 0x11, 0xff, 0x70, 0x04, 0x58, 0x66, 0x50]).exit).toBe(EXIT_HALT);
    expect(guest.get("rax")).toBe(0x1245n);
    expect(guest.get("rsp")).toBe(0x7ffcn);
    expect(guest.cpu.memory.readU16(0x7ffc)).toBe(0x1245);
  });

  it("BT with a register offset wraps with the address size", () => {
    const guest = new Guest(16);
    // bt [bx], ax with bx = 2 and ax = -32 reaches 0xfffe.
    guest.cpu.memory.writeU16(0xfffe, 1);
    guest.set({ rbx: 2n, rax: 0xffe0n });
    expect(guest.run([0x0f, 0xa3, 0x07]).exit).toBe(EXIT_HALT);
    expect(guest.flags & 1).toBe(1);
  });
});

describe("PUSHF and POPF", () => {
  /** POPF of `value` at a privilege level with an IOPL, in 32-bit code; the flags after, IF and IOPL among them. */
  function popf(cpl: number, iopl: number, value: number): number {
    const guest = new Guest(32);
    guest.cpu.memory.writeU32(0x8000, value);
    guest.cpu.memory.writeU8(CODE, 0x9d);
    guest.set({ rsp: 0x8000n });
    guest.flags = 2 | (iopl << 12);
    guest.cpu.state.setUint32(S.CPL, cpl, true);
    guest.cpu.updateMode();
    guest.cpu.state.setBigUint64(S.RIP, BigInt(CODE), true);
    guest.cpu.run(guest.cpu.instructionCount + 1);
    return guest.flags;
  }

  it("CPL 0 sets IF and IOPL but neither VM, VIF, VIP nor RF", () => {
    expect(popf(0, 0, 0xffffffff & ~0x100)).toBe(0x247ed7);
  });
  it("CPL 3 with IOPL 3 sets IF, not IOPL", () => {
    expect(popf(3, 3, 0x200) & 0x3200).toBe(0x3200);
  });
  it("CPL 3 with IOPL 0 sets neither", () => {
    expect(popf(3, 0, 0x3200) & 0x3200).toBe(0);
  });

  it("virtual-8086 mode with IOPL below 3 raises #GP(0) for both", () => {
    for (const opcode of [0x9c, 0x9d]) {
      const guest = new Guest(32);
      guest.cpu.memory.writeU32(TSS + 4, 0x7000);
      guest.cpu.memory.writeU32(TSS + 8, KERNEL_DS);
      guest.set({ rsp: 0x8000n });
      guest.flags = 0x20002;
      expect(guest.run([opcode])).toMatchObject({ vector: GP, errorCode: 0, offset: 0 });
    }
    const allowed = new Guest(32).set({ rsp: 0x8000n });
    allowed.flags = 0x23003;
    allowed.cpu.memory.writeU8(CODE, 0x9c);
    allowed.cpu.state.setBigUint64(S.RIP, BigInt(CODE), true);
    allowed.cpu.run(allowed.cpu.instructionCount + 1);
    // The image has VM clear.
    expect(allowed.cpu.memory.readU32(Number(allowed.get("rsp")))).toBe(0x3003);
  });
});

describe("BOUND", () => {
  it.each([
    [-5, undefined],
    [-6, 5],
    [9, undefined],
    [10, 5],
  ])("of an index %d between -5 and 9", (index, vector) => {
    const guest = new Guest(32).set({ rax: BigInt.asUintN(32, BigInt(index)), rdi: BigInt(DATA) });
    guest.cpu.memory.writeU32(DATA, 0xfffffffb);
    guest.cpu.memory.writeU32(DATA + 4, 9);
    expect(guest.run([0x62, 0x07]).vector).toBe(vector);
  });

  it("is undefined in 64-bit mode and with a register", () => {
    expect(new Guest(64).run([0x62, 0x07]).vector).toBe(UD);
    expect(new Guest(32).run([0x62, 0xc7]).vector).toBe(UD);
  });
});

describe("ENTER", () => {
  it("checks that the new top of the stack can be written before it changes anything", () => {
    const guest = new Guest(64);
    restrict(guest, 0x400000, "absent");
    guest.set({ rsp: 0x600100n, rbp: 0x77n });
    // enter 0x1000, 0: the frame's own page is there, the one of the new top is not.
    expect(guest.run([0xc8, 0x00, 0x10, 0x00])).toMatchObject({ vector: PF, errorCode: 2, offset: 0 });
    expect(guest.get("rbp")).toBe(0x77n);
  });
});
