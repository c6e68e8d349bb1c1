// Vectors, error codes and restart points of faults; what happens when their delivery faults in turn. SDM volume 3, 7.

import { beforeEach, describe, expect, test } from "vitest";
import * as S from "../../assembly/state";
import { CODE, DATA, FREE_SELECTOR, Guest, KERNEL_CS, KERNEL_CS64, KERNEL_DS, STACK_TOP } from "./harness";
import {
  ACCESS_DATA,
  FLAG_D,
  FLAG_G,
  descriptor,
  gate,
  hex,
  put,
  quads,
  selector,
  setDescriptor,
  setGate,
  setU64,
  u64,
} from "./system-helpers";

const IDT_LIMIT = S.IDTR + 8;

describe("double and triple faults", () => {
  test.each([32, 64] as const)("contributory upon contributory is #DF with code 0 (%i bit)", (mode) => {
    const guest = new Guest(mode);
    const cs = mode === 64 ? KERNEL_CS64 : KERNEL_CS;
    // #DE's gate is not present: #NP while #DE is delivered.
    setGate(guest, 0, gate(cs, 0x3000, 0x0e));
    expect(guest.run(hex("90", "31 c9", "f7 f1"))).toMatchObject({ vector: 8, errorCode: 0, offset: 3 });
    expect(guest.cpu.state.getUint32(S.EXCEPTION_DELIVERING, true)).toBe(0);
  });

  test("a fault in delivering a benign exception is delivered itself, with EXT", () => {
    const guest = new Guest(32);
    setGate(guest, 6, gate(KERNEL_CS, 0x3006, 0x0e));
    expect(guest.run(hex("0f 0b"))).toMatchObject({ vector: 11, errorCode: 6 * 8 + 3, offset: 0 });
  });

  test("a fault in delivering INT n has no EXT", () => {
    const guest = new Guest(32);
    setGate(guest, 0x60, gate(KERNEL_CS, 0x3060, 0x0e));
    expect(guest.run(hex("90", "cd 60"))).toMatchObject({ vector: 11, errorCode: 0x60 * 8 + 2, offset: 1 });
  });

  test("a bad gate type is #GP, a bad code selector too", () => {
    const guest = new Guest(32);
    setGate(guest, 0x60, gate(KERNEL_CS, 0x3060, 0x8c));
    expect(guest.run(hex("cd 60"))).toMatchObject({ vector: 13, errorCode: 0x60 * 8 + 2 });
    guest.setUp();
    setGate(guest, 0x60, gate(KERNEL_DS, 0x3060, 0x8e));
    expect(guest.run(hex("cd 60"))).toMatchObject({ vector: 13, errorCode: KERNEL_DS });
    guest.setUp();
    setGate(guest, 0x60, gate(0, 0x3060, 0x8e));
    expect(guest.run(hex("cd 60"))).toMatchObject({ vector: 13, errorCode: 0 });
  });

  test("a vector beyond the IDT is #GP; when #GP and #DF lie beyond too, the processor shuts down", () => {
    const guest = new Guest(32);
    guest.cpu.state.setUint32(IDT_LIMIT, 0x20 * 8 - 1, true);
    expect(guest.run(hex("cd 20"))).toMatchObject({ vector: 13, errorCode: 0x20 * 8 + 2 });
    guest.setUp();
    guest.cpu.state.setUint32(IDT_LIMIT, 8 * 8 - 1, true);
    guest.set({ rbx: 7n });
    expect(guest.run(hex("cd 20")).exit).toBe(S.EXIT_SHUTDOWN);
    expect(guest.cpu.rip).toBe(BigInt(CODE));
    expect(guest.get("rsp")).toBe(BigInt(STACK_TOP));
  });

  test("a page fault while a page fault is delivered is #DF, and CR2 is the second address", () => {
    const guest = new Guest(64);
    // The page tables hold 2 MiB pages: 0x400000 and the stack's 0x600000 go.
    guest.cpu.memory.writeU64(0x12000 + 2 * 8, 0n);
    guest.cpu.memory.writeU64(0x12000 + 3 * 8, 0n);
    // #DF by IST1.
    guest.cpu.memory.writeU64(0x4000 + 0x24, BigInt(STACK_TOP));
    setGate(guest, 8, gate(KERNEL_CS64, 0x3008, 0x8e, 1));
    guest.set({ rsp: 0x600800n, rax: 0x400123n });
    expect(guest.run(hex("48 8b 18"))).toMatchObject({ vector: 8, errorCode: 0, offset: 0 });
    expect(u64(guest, S.CR2)).toBe(0x6007f8n);
    expect(quads(guest, STACK_TOP - 16, 2)).toEqual([0x600800, KERNEL_DS]);
  });

  test("an external interrupt whose gate is bad raises #GP with EXT and is not a double fault with a later fault", () => {
    const guest = new Guest(32, {
      acknowledgeInterrupt: () => {
        guest.cpu.state.setUint32(S.INTERRUPT_PENDING, 0, true);
        return 0x40;
      },
    });
    setGate(guest, 0x40, gate(KERNEL_CS, 0x3040, 0x0e));
    guest.cpu.state.setUint32(S.INTERRUPT_PENDING, 1, true);
    guest.flags = 0x202;
    expect(guest.run(hex("90"))).toMatchObject({ vector: 11, errorCode: 0x40 * 8 + 3 });
  });
});

describe("page faults", () => {
  let guest: Guest;
  beforeEach(() => {
    guest = new Guest(64);
    guest.cpu.memory.writeU64(0x12000 + 2 * 8, 0n);
  });

  test("CR2, code and restart: nothing changed before the fault", () => {
    guest.set({ rax: 0x400ff0n, rbx: 5n });
    expect(guest.run(hex("ff c3", "48 89 18"))).toMatchObject({ vector: 14, errorCode: 2, offset: 2 });
    expect(u64(guest, S.CR2)).toBe(0x400ff0n);
    expect(guest.get("rbx")).toBe(6n);
  });

  test("PUSH that faults leaves RSP", () => {
    guest.set({ rsp: 0x400008n });
    // The handler's frame needs a stack: IST1.
    guest.cpu.memory.writeU64(0x4000 + 0x24, BigInt(STACK_TOP));
    setGate(guest, 14, gate(KERNEL_CS64, 0x300e, 0x8e, 1));
    expect(guest.run(hex("50"))).toMatchObject({ vector: 14, errorCode: 2, offset: 0 });
    expect(quads(guest, STACK_TOP - 16, 1)).toEqual([0x400008]);
  });

  test("MOV to SS that faults on its descriptor's page leaves SS", () => {
    setU64(guest, S.GDTR, 0x400000n);
    // No descriptor can be read, so the handler comes by... the first fault is enough: #PF, then shutdown.
    expect(guest.run(hex("66 b8 10 00", "8e d0")).exit).toBe(S.EXIT_SHUTDOWN);
    expect(selector(guest, S.SS)).toBe(KERNEL_DS);
    expect(guest.cpu.rip).toBe(BigInt(CODE + 4));
  });
});

describe("segment loads", () => {
  let guest: Guest;
  beforeEach(() => {
    guest = new Guest(32);
  });
  const load = (segment: "ds" | "ss", value: number) =>
    guest.run([0x66, 0xb8, value & 0xff, value >> 8, 0x8e, segment === "ds" ? 0xd8 : 0xd0]);

  test.each([
    ["ds", "execute-only code", 0x98, 13],
    ["ds", "not present", 0x12, 11],
    ["ds", "a system segment", 0x82, 13],
    ["ss", "read-only data", 0x90, 13],
    ["ss", "code", 0x9a, 13],
    ["ss", "not present", 0x12, 12],
    ["ss", "of another level", 0xf2, 13],
  ] as const)("%s with %s", (segment, _name, access, vector) => {
    setDescriptor(guest, FREE_SELECTOR, descriptor(0, 0xfffff, access, FLAG_G | FLAG_D));
    expect(load(segment, FREE_SELECTOR)).toMatchObject({ vector, errorCode: FREE_SELECTOR, offset: 4 });
  });

  test("null in SS is #GP(0); null in DS faults when it is used", () => {
    expect(load("ss", 0)).toMatchObject({ vector: 13, errorCode: 0, offset: 4 });
    guest.setUp();
    expect(guest.run(hex("31 c0", "8e d8", "8b 05 00 00 20 00"))).toMatchObject({
      vector: 13,
      errorCode: 0,
      offset: 4,
    });
  });

  test("limits: the last byte is inside, the next is not; SS gives #SS", () => {
    setDescriptor(guest, FREE_SELECTOR, descriptor(DATA, 0xfff, ACCESS_DATA, FLAG_D));
    const use = hex(
      "b8 58 00 00 00", // mov eax,0x58
      "8e d8", // mov ds,eax
      "8b 1d fc 0f 00 00", // mov ebx,DWORD PTR ds:0xffc
      "8b 1d fd 0f 00 00", // mov ebx,DWORD PTR ds:0xffd
    );
    expect(guest.run(use)).toMatchObject({ vector: 13, errorCode: 0, offset: 13 });
    guest.setUp();
    setDescriptor(guest, FREE_SELECTOR, descriptor(DATA, 0xfff, ACCESS_DATA, FLAG_D));
    const stack = hex(
      "89 e2", // mov edx,esp
      "b8 58 00 00 00", // mov eax,0x58
      "8e d0", // mov ss,eax
      "bc 00 10 00 00", // mov esp,0x1000
      "50", // push eax
      "5b", // pop ebx
      "59", // pop ecx
    );
    setGate(guest, 12, gate(KERNEL_CS, 0xb000, 0x8e));
    put(guest, 0xb000, hex("f4"));
    guest.run(stack);
    expect(guest.get("rbx")).toBe(BigInt(FREE_SELECTOR));
    // The handler's frame went below the stack's top, with error code 0 and the address of POP ECX.
    expect(guest.cpu.memory.readU32(DATA + 0x1000 - 16)).toBe(0);
    expect(guest.cpu.memory.readU32(DATA + 0x1000 - 12)).toBe(CODE + stack.length - 1);
  });

  test("expand-down: offsets above the limit are inside", () => {
    setDescriptor(guest, FREE_SELECTOR, descriptor(0, 0x200, 0x96, FLAG_G | FLAG_D));
    expect(
      guest.run(
        hex(
          "b8 58 00 00 00", // mov eax,0x58
          "8e d8", // mov ds,eax
          "8b 1d 00 10 20 00", // mov ebx,DWORD PTR ds:0x201000
          "8b 1d fc 0f 20 00", // mov ebx,DWORD PTR ds:0x200ffc
        ),
      ),
    ).toMatchObject({
      vector: 13,
      offset: 13,
    });
  });

  test("writes to read-only data and to code fault, reads do not", () => {
    setDescriptor(guest, FREE_SELECTOR, descriptor(0, 0xfffff, 0x90, FLAG_G | FLAG_D));
    expect(
      guest.run(
        hex(
          "b8 58 00 00 00", // mov eax,0x58
          "8e d8", // mov ds,eax
          "8b 1d 00 00 20 00", // mov ebx,DWORD PTR ds:0x200000
          "89 1d 00 00 20 00", // mov DWORD PTR ds:0x200000,ebx
        ),
      ),
    ).toMatchObject({
      vector: 13,
      offset: 13,
    });
    guest.setUp();
    expect(
      guest.run(
        hex(
          "2e 8b 1d 00 00 20 00", // mov ebx,DWORD PTR cs:0x200000
          "2e 89 1d 00 00 20 00", // mov DWORD PTR cs:0x200000,ebx
        ),
      ),
    ).toMatchObject({ vector: 13, offset: 7 });
  });

  test("the accessed bit is set in memory", () => {
    setDescriptor(guest, FREE_SELECTOR, descriptor(0, 0xfffff, ACCESS_DATA, FLAG_G | FLAG_D));
    expect(load("ds", FREE_SELECTOR).vector).toBeUndefined();
    expect(guest.cpu.memory.readU8(0x1000 + FREE_SELECTOR + 5)).toBe(0x93);
  });

  test("LAR, LSL, VERR, VERW, ARPL", () => {
    setDescriptor(guest, FREE_SELECTOR, descriptor(0x12345678, 0x54321, 0xf0, FLAG_G | FLAG_D));
    guest.run(
      hex(
        "b8 58 00 00 00", // mov eax,0x58
        "0f 02 d8", // lar ebx,eax
        "0f 03 c8", // lsl ecx,eax
        "0f 00 e0", // verr ax
        "0f 94 c2", // sete dl
        "0f 00 e8", // verw ax
        "0f 94 c6", // sete dh
        "66 be 58 00", // mov si,0x58
        "66 bf 03 00", // mov di,0x3
        "63 fe", // arpl si,di
        "0f 94 c0", // sete al
      ),
    );
    expect(guest.get("rbx")).toBe((0xc5f000n & 0xf0ff00n) | 0x050000n);
    expect(guest.get("rcx")).toBe(0x54321fffn);
    expect(Number(guest.get("rdx")) & 0xffff).toBe(0x0001);
    expect(Number(guest.get("rsi"))).toBe(0x5b);
    expect(Number(guest.get("rax")) & 0xff).toBe(1);
  });

  test("LDS loads both; LES with a bad selector loads neither", () => {
    guest.cpu.memory.writeU32(DATA, 0x11223344);
    guest.cpu.memory.writeU16(DATA + 4, KERNEL_DS);
    guest.cpu.memory.writeU32(DATA + 8, 0x55667788);
    guest.cpu.memory.writeU16(DATA + 12, 0x2000);
    guest.set({ rcx: 0x99n });
    expect(
      guest.run(
        hex(
          "c5 1d 00 00 20 00", // lds ebx,FWORD PTR ds:0x200000
          "c4 0d 08 00 20 00", // les ecx,FWORD PTR ds:0x200008
        ),
      ),
    ).toMatchObject({ vector: 13, errorCode: 0x2000, offset: 6 });
    expect(guest.get("rbx")).toBe(0x11223344n);
    expect(guest.get("rcx")).toBe(0x99n);
  });

  test("SLDT, STR and the descriptor tables", () => {
    setDescriptor(guest, FREE_SELECTOR, descriptor(0x5000, 0x17, 0x82, 0));
    guest.cpu.memory.writeU64(0x5008, descriptor(0x7000, 0xff, ACCESS_DATA, FLAG_D));
    guest.cpu.memory.writeU32(0x7010, 0xcafef00d);
    const outcome = guest.run(
      hex(
        "b8 58 00 00 00", // mov eax,0x58
        "0f 00 d0", // lldt ax
        "b8 0c 00 00 00", // mov eax,0xc
        "8e e0", // mov fs,eax
        "64 8b 1d 10 00 00 00", // mov ebx,DWORD PTR fs:0x10
        "0f 00 c1", // sldt ecx
        "0f 00 ca", // str edx
        "0f 01 05 00 00 20 00", // sgdtd ds:0x200000
        "b8 1c 00 00 00", // mov eax,0x1c
        "8e e0", // mov fs,eax
      ),
    );
    expect(outcome).toMatchObject({ vector: 13, errorCode: 0x1c });
    expect(guest.get("rbx")).toBe(0xcafef00dn);
    expect(guest.get("rcx")).toBe(BigInt(FREE_SELECTOR));
    expect(guest.get("rdx")).toBe(0x48n);
    expect(guest.cpu.memory.readU16(DATA)).toBe(0xfff);
    expect(guest.cpu.memory.readU32(DATA + 2)).toBe(0x1000);
  });
});

test("ARPL that changes nothing does not write: read-only data is good enough", () => {
  const guest = new Guest(32);
  setDescriptor(guest, FREE_SELECTOR, descriptor(0, 0xfffff, 0x90, FLAG_G | FLAG_D));
  guest.cpu.memory.writeU16(DATA, 3);
  const code = hex(
    "b8 58 00 00 00", // mov eax,0x58
    "8e d8", // mov ds,eax
    "b9 02 00 00 00", // mov ecx,0x2
    "63 0d 00 00 20 00", // arpl WORD PTR ds:0x200000,cx
    "2e 66 a3 00 90 00 00", // mov cs:0x9000,ax
  );
  expect(guest.run(code)).toMatchObject({ vector: 13, offset: 18 });
});

test("ENTER with a 32-bit operand on a 16-bit stack", () => {
  const guest = new Guest(32);
  setDescriptor(guest, FREE_SELECTOR, descriptor(DATA, 0xffff, ACCESS_DATA, 0));
  guest.run(
    hex(
      "b8 58 00 00 00", // mov eax,0x58
      "8e d0", // mov ss,eax
      "bc 00 00 34 12", // mov esp,0x12340000
      "bd 00 00 55 55", // mov ebp,0x55550000
      "c8 04 00 01", // enter 0x4,0x1
      "89 e3", // mov ebx,esp
      "b9 10 00 00 00", // mov ecx,0x10
      "8e d1", // mov ss,ecx
      "bc 00 90 00 00", // mov esp,0x9000
    ),
  );
  expect(guest.get("rbp")).toBe(0x1234fffcn);
  expect(guest.get("rbx")).toBe(0x1234fff4n);
  expect(guest.cpu.memory.readU32(DATA + 0xfff8)).toBe(0x1234fffc);
  expect(guest.cpu.memory.readU32(DATA + 0xfffc)).toBe(0x55550000);
});
