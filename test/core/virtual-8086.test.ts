// Real and virtual-8086 mode: interrupts, IRET, far transfers, and the round trip through a monitor. SDM volume 3, 21.

import { beforeEach, describe, expect, test } from "vitest";
import * as S from "../../assembly/state";
import { CODE, Guest, KERNEL_CS, KERNEL_DS, STACK_TOP, TSS } from "./harness";
import {
  cpl,
  dwords,
  enterRealMode,
  gate,
  hex,
  put,
  segmentBase,
  selector,
  setGate,
  setTss32,
  words,
} from "./system-helpers";

describe("real mode", () => {
  let guest: Guest;
  beforeEach(() => {
    guest = new Guest(16);
    guest.cpu.memory.fill(0, 0x400, 0);
    enterRealMode(guest);
  });
  const vectorTo = (vector: number, segment: number, offset: number): void => {
    guest.cpu.memory.writeU16(vector * 4, offset);
    guest.cpu.memory.writeU16(vector * 4 + 2, segment);
  };

  test("INT n through the vector table and IRET", () => {
    vectorTo(0x21, 0xb00, 0x10);
    put(
      guest,
      0xb010,
      hex(
        "9c", // pushf
        "5b", // pop bx
        "8c c9", // mov cx,cs
        "89 e5", // mov bp,sp
        "f9", // stc
        "cf", // iret
      ),
    );
    guest.flags = 0x246;
    const outcome = guest.run(hex("cd 21", "90"));
    expect(outcome).toMatchObject({ vector: undefined, offset: 3 });
    expect(guest.get("rbx")).toBe(0x46n);
    expect(guest.get("rcx")).toBe(0xb00n);
    expect(guest.get("rbp")).toBe(BigInt(STACK_TOP - 6));
    expect(words(guest, STACK_TOP - 6, 3)).toEqual([CODE + 2, 0, 0x246]);
    expect(guest.flags).toBe(0x246);
    expect(segmentBase(guest, S.CS)).toBe(0);
  });

  test("exceptions push no error code: #DE restarts, #GP at the end of a segment", () => {
    vectorTo(0, 0xb00, 0);
    put(guest, 0xb000, hex("f4"));
    guest.run(hex("31 c9", "f7 f1"));
    expect(guest.cpu.rip).toBe(1n);
    expect(words(guest, STACK_TOP - 6, 3)).toEqual([CODE + 2, 0, 0x46]);
    guest.setUp();
    enterRealMode(guest);
    vectorTo(13, 0xb00, 0);
    guest.run(
      hex(
        "bb ff ff", // mov bx,0xffff
        "8b 07", // mov ax,WORD PTR [bx]
      ),
    );
    expect(guest.cpu.rip).toBe(1n);
    expect(guest.get("rsp")).toBe(BigInt(STACK_TOP - 6));
    expect(words(guest, STACK_TOP - 6, 1)).toEqual([CODE + 3]);
  });

  test("far CALL, RET and JMP; segment loads set the base", () => {
    put(
      guest,
      0xb020,
      hex(
        "b8 34 12", // mov ax,0x1234
        "8e c0", // mov es,ax
        "8c cb", // mov bx,cs
        "ca 02 00", // retf 0x2
      ),
    );
    const outcome = guest.run(
      hex(
        "6a 55", // push 0x55
        "9a 20 00 00 0b", // call 0xb00:0x20
        "89 e1", // mov cx,sp
      ),
    );
    expect(outcome.vector).toBeUndefined();
    expect(segmentBase(guest, S.ES)).toBe(0x12340);
    expect(guest.get("rbx")).toBe(0xb00n);
    expect(guest.get("rcx")).toBe(BigInt(STACK_TOP));
    expect(guest.cpu.rip).toBe(BigInt(CODE + 10));
  });

  test("a vector beyond IDTR's limit ends in shutdown when no handler can be reached", () => {
    guest.cpu.state.setUint32(S.IDTR + 8, 3, true);
    expect(guest.run(hex("cd 21")).exit).toBe(S.EXIT_SHUTDOWN);
  });

  test("LLDT, LTR, LAR, VERR, ARPL and SLDT are #UD", () => {
    for (const code of ["0f 00 d0", "0f 00 d8", "0f 02 c0", "0f 00 e0", "63 c0", "0f 00 c0"]) {
      guest.setUp();
      enterRealMode(guest);
      vectorTo(6, 0xb00, 6);
      put(guest, 0xb006, hex("f4"));
      guest.run(hex(code));
      expect(guest.cpu.rip).toBe(7n);
    }
  });

  test("into protected mode and back, with a limit that stays", () => {
    guest.cpu.memory.writeU16(0x9800, 0xfff);
    guest.cpu.memory.writeU32(0x9802, 0x1000);
    const code = hex(
      "0f 01 16 00 98", // lgdtw ds:0x9800
      "0f 20 c0", // mov eax,cr0
      "0c 01", // or al,0x1
      "0f 22 c0", // mov cr0,eax
      "bb 10 00", // mov bx,0x10
      "8e db", // mov ds,bx
      "24 fe", // and al,0xfe
      "0f 22 c0", // mov cr0,eax
      "31 db", // xor bx,bx
      "8e db", // mov ds,bx
      "66 be 00 00 30 00", // mov esi,0x300000
      "67 66 c7 06 67 45 23 01", // mov DWORD PTR [esi],0x1234567
    );
    expect(guest.run(code).vector).toBeUndefined();
    expect(guest.cpu.memory.readU32(0x300000)).toBe(0x1234567);
    expect(guest.cpu.state.getUint32(S.PROTECTED, true)).toBe(0);
  });
});

describe("virtual-8086 mode", () => {
  let guest: Guest;
  const MONITOR_STACK = 0x8000;
  /** IRETD to CS:IP = 0b00:0010 with the flags given. */
  const enter = (flags: number): number[] => [
    ...hex(
      "68 00 06 00 00", // push 0x600
      "68 00 05 00 00", // push 0x500
      "68 00 04 00 00", // push 0x400
      "68 00 03 00 00", // push 0x300
      "68 00 07 00 00", // push 0x700
      "68 f0 07 00 00", // push 0x7f0
    ),
    0x68,
    flags & 0xff,
    (flags >> 8) & 0xff,
    (flags >> 16) & 0xff,
    0,
    ...hex(
      "68 00 0b 00 00", // push 0xb00
      "6a 10", // push 0x10
      "cf", // iret
    ),
  ];
  const VM = 0x20000;

  beforeEach(() => {
    guest = new Guest(32);
    setTss32(guest, TSS, MONITOR_STACK, KERNEL_DS);
    guest.set({ rdx: 0n });
  });

  test("IRET enters it, an interrupt leaves it: nine dwords on the monitor's stack, data segments null", () => {
    setGate(guest, 0x60, gate(KERNEL_CS, 0x3060, 0xee));
    put(
      guest,
      0xb010,
      hex(
        "8c d8", // mov ax,ds
        "8c e3", // mov bx,fs
        "a3 20 00", // mov ds:0x20,ax
        "8c d1", // mov cx,ss
        "6a 77", // push 0x77
        "cd 60", // int 0x60
      ),
    );
    expect(guest.run(enter(VM | 0x3202)).vector).toBe(0x60);
    expect([guest.get("rax"), guest.get("rbx"), guest.get("rcx")]).toEqual([0x400n, 0x500n, 0x700n]);
    expect(guest.cpu.memory.readU16(0x4020)).toBe(0x400);
    expect(guest.cpu.memory.readU16(0x7000 + 0x7ee)).toBe(0x77);
    expect(dwords(guest, MONITOR_STACK - 36, 9)).toEqual([
      0x1d,
      0xb00,
      VM | 0x3202,
      0x7ee,
      0x700,
      0x300,
      0x400,
      0x500,
      0x600,
    ]);
    expect(guest.get("rsp")).toBe(BigInt(MONITOR_STACK - 36));
    expect([selector(guest, S.DS), selector(guest, S.ES), selector(guest, S.FS), selector(guest, S.GS)]).toEqual([
      0, 0, 0, 0,
    ]);
    expect(guest.flags & VM).toBe(0);
    expect(cpl(guest)).toBe(0);
  });

  test("the monitor's IRET goes on in virtual-8086 mode", () => {
    setGate(guest, 0x60, gate(KERNEL_CS, 0xb200, 0xee));
    put(
      guest,
      0xb200,
      hex(
        "bb 55 55 00 00", // mov ebx,0x5555
        "cf", // iret
      ),
    );
    put(
      guest,
      0xb010,
      hex(
        "cd 60", // int 0x60
        "8c d2", // mov dx,ss
        "8c ee", // mov si,gs
        "0f 0b", // ud2
      ),
    );
    expect(guest.run(enter(VM | 0x3202)).vector).toBe(6);
    expect([guest.get("rbx"), guest.get("rdx"), guest.get("rsi")]).toEqual([0x5555n, 0x700n, 0x600n]);
  });

  test.each([
    ["INT n", "cd 60"],
    ["CLI", "fa"],
    ["STI", "fb"],
    ["PUSHF", "9c"],
    ["POPF", "9d"],
    ["IRET", "cf"],
  ])("%s with IOPL below 3 is #GP(0)", (_name, code) => {
    setGate(guest, 0x60, gate(KERNEL_CS, 0x3060, 0xee));
    put(guest, 0xb010, hex(code));
    expect(guest.run(enter(VM | 0x2202))).toMatchObject({ vector: 13, errorCode: 0 });
    expect(dwords(guest, MONITOR_STACK - 36, 3)).toEqual([0x10, 0xb00, VM | 0x12202]);
  });

  test.each([
    ["HLT", "f4"],
    ["MOV CR0", "0f 22 c0"],
    ["LGDT", "0f 01 16 00 00"],
  ])("%s is #GP(0) whatever IOPL", (_name, code) => {
    put(guest, 0xb010, hex(code));
    expect(guest.run(enter(VM | 0x3202))).toMatchObject({ vector: 13, errorCode: 0 });
  });

  test("IRET in virtual-8086 mode leaves VM and IOPL", () => {
    put(
      guest,
      0xb010,
      hex(
        "6a 46", // push 0x46
        "68 10 0b", // push 0xb10
        "6a 00", // push 0x0
        "cf", // iret
      ),
    );
    put(guest, 0xb100, hex("0f 0b"));
    expect(guest.run(enter(VM | 0x3202)).vector).toBe(6);
    expect(dwords(guest, MONITOR_STACK - 36, 3)).toEqual([0, 0xb10, VM | 0x13046]);
  });

  test("segments end at 64 KiB", () => {
    put(
      guest,
      0xb010,
      hex(
        "bb ff ff", // mov bx,0xffff
        "8b 07", // mov ax,WORD PTR [bx]
      ),
    );
    expect(guest.run(enter(VM | 0x3202))).toMatchObject({ vector: 13, errorCode: 0 });
  });

  test("a handler that is not in ring 0 is #GP with its selector", () => {
    setGate(guest, 0x60, gate(0x23, 0x3060, 0xee));
    put(guest, 0xb010, hex("cd 60"));
    expect(guest.run(enter(VM | 0x3202))).toMatchObject({ vector: 13, errorCode: 0x20 });
  });
});
