// Changes of privilege in protected mode: interrupts and IRET, call gates and RET, and what they check.
// Intel SDM volume 3, chapters 6 and 7.

import { beforeEach, describe, expect, test } from "vitest";
import * as S from "../../assembly/state";
import {
  CODE,
  FREE_SELECTOR,
  Guest,
  KERNEL_CS,
  KERNEL_DS,
  STACK_TOP,
  TSS,
  TSS_SELECTOR,
  USER_CS,
  USER_DS,
} from "./harness";
import {
  ACCESS_CODE,
  ACCESS_CONFORMING,
  ACCESS_DATA,
  DPL3,
  FLAG_D,
  FLAG_G,
  cpl,
  descriptor,
  dwords,
  gate,
  hex,
  put,
  selector,
  setDescriptor,
  setGate,
  setTss32,
  words,
} from "./system-helpers";

const USER_STACK = 0x8800;
const USER_CODE = 0xb000;
const INNER_STACK = 0x8000;
const HANDLER_80 = 0x3080;

describe("privilege changes in 32-bit protected mode", () => {
  let guest: Guest;
  /** Drops to ring 3 at USER_CODE with interrupts on. */
  const toRing3 = hex(
    "6a 2b", // push 0x2b
    "68 00 88 00 00", // push 0x8800
    "68 02 02 00 00", // push 0x202
    "6a 23", // push 0x23
    "68 00 b0 00 00", // push 0xb000
    "b8 2b 00 00 00", // mov eax,0x2b
    "8e d8", // mov ds,eax
    "8e c0", // mov es,eax
    "b8 10 00 00 00", // mov eax,0x10
    "8e e8", // mov gs,eax
    "cf", // iret
  );

  beforeEach(() => {
    guest = new Guest(32);
    setTss32(guest, TSS, INNER_STACK, KERNEL_DS);
    setGate(guest, 0x80, gate(KERNEL_CS, HANDLER_80, 0xee));
  });

  test("IRET to ring 3 and an interrupt gate back: stack from the TSS, IF clear, inner data segments null", () => {
    put(
      guest,
      USER_CODE,
      hex(
        "bb 34 12 00 00", // mov ebx,0x1234
        "8c e9", // mov ecx,gs
        "8c da", // mov edx,ds
        "cd 80", // int 0x80
      ),
    );
    const outcome = guest.run(toRing3);
    expect(outcome.vector).toBe(0x80);
    expect(guest.get("rbx")).toBe(0x1234n);
    expect(guest.get("rcx")).toBe(0n);
    expect(guest.get("rdx")).toBe(BigInt(USER_DS));
    expect(cpl(guest)).toBe(0);
    expect(selector(guest, S.CS)).toBe(KERNEL_CS);
    expect(selector(guest, S.SS)).toBe(KERNEL_DS);
    expect(guest.flags & 0x200).toBe(0);
    expect(guest.get("rsp")).toBe(BigInt(INNER_STACK - 20));
    expect(dwords(guest, INNER_STACK - 20, 5)).toEqual([USER_CODE + 11, USER_CS, 0x202, USER_STACK, USER_DS]);
  });

  test("a trap gate leaves IF set", () => {
    setGate(guest, 0x80, gate(KERNEL_CS, HANDLER_80, 0xef));
    put(guest, USER_CODE, hex("cd 80"));
    expect(guest.run(toRing3).vector).toBe(0x80);
    expect(guest.flags & 0x200).toBe(0x200);
  });

  test("a 16-bit interrupt gate pushes words", () => {
    setGate(guest, 0x80, gate(KERNEL_CS, HANDLER_80, 0xe6));
    put(guest, USER_CODE, hex("cd 80"));
    guest.run(toRing3);
    expect(guest.get("rsp")).toBe(BigInt(INNER_STACK - 10));
    expect(words(guest, INNER_STACK - 10, 5)).toEqual([USER_CODE + 2, USER_CS, 0x202, USER_STACK, USER_DS]);
  });

  test("INT n through a gate of DPL 0 is #GP with the IDT bit and without EXT", () => {
    put(guest, USER_CODE, hex("cd 81"));
    const outcome = guest.run(toRing3);
    expect(outcome).toMatchObject({ vector: 13, errorCode: 0x81 * 8 + 2, offset: USER_CODE - CODE });
    expect(guest.get("rsp")).toBe(BigInt(INNER_STACK - 24));
  });

  test("a fault in ring 3 does not ask for the gate's DPL and sets RF in the saved flags", () => {
    put(guest, USER_CODE, hex("0f 0b"));
    expect(guest.run(toRing3)).toMatchObject({ vector: 6, offset: USER_CODE - CODE });
    expect(dwords(guest, INNER_STACK - 12, 1)).toEqual([0x10202]);
  });

  test.each([
    ["CLI", "fa"],
    ["STI", "fb"],
    ["HLT", "f4"],
    ["MOV from CR0", "0f 20 c0"],
    ["MOV to CR3", "0f 22 d8"],
    ["MOV from DR7", "0f 21 f8"],
    ["CLTS", "0f 06"],
    ["LGDT", "0f 01 15 00 00 20 00"],
    ["LLDT", "0f 00 d0"],
    ["LTR", "0f 00 d8"],
    ["LMSW", "0f 01 f0"],
    ["INVLPG", "0f 01 38"],
    ["WBINVD", "0f 09"],
    ["RDMSR", "0f 32"],
    ["WRMSR", "0f 30"],
    ["IN AL, DX", "ec"],
    ["OUT DX, EAX", "ef"],
    ["INSB", "6c"],
    ["OUTSD", "6f"],
  ])("%s in ring 3 is #GP(0)", (_name, bytes) => {
    put(guest, USER_CODE, hex(bytes));
    expect(guest.run(toRing3)).toMatchObject({ vector: 13, errorCode: 0, offset: USER_CODE - CODE });
  });

  test("POPF in ring 3 keeps IF and IOPL silently; with IOPL 3 CLI is allowed", () => {
    put(
      guest,
      USER_CODE,
      hex(
        "68 d5 3c 00 00", // push 0x3cd5
        "9d", // popf
        "9c", // pushf
        "5b", // pop ebx
        "cd 80", // int 0x80
      ),
    );
    guest.run(toRing3);
    expect(Number(guest.get("rbx"))).toBe(0xed7);
    const withIopl = [...toRing3];
    // The pushed flags: IOPL 3.
    const at = withIopl.findIndex((byte, index) => byte === 0x68 && withIopl[index + 1] === 0x02);
    withIopl[at + 2] = 0x32;
    guest.setUp();
    setTss32(guest, TSS, INNER_STACK, KERNEL_DS);
    setGate(guest, 0x80, gate(KERNEL_CS, HANDLER_80, 0xee));
    put(
      guest,
      USER_CODE,
      hex(
        "fa", // cli
        "9c", // pushf
        "5b", // pop ebx
        "fb", // sti
        "cd 80", // int 0x80
      ),
    );
    expect(guest.run(withIopl).vector).toBe(0x80);
    expect(Number(guest.get("rbx")) & 0x3200).toBe(0x3000);
  });

  test("a conforming handler runs at the interrupted level on the same stack", () => {
    setDescriptor(guest, FREE_SELECTOR, descriptor(0, 0xfffff, ACCESS_CONFORMING, FLAG_G | FLAG_D));
    setGate(guest, 0x80, gate(FREE_SELECTOR, 0xb100, 0xee));
    put(
      guest,
      0xb100,
      hex(
        "8c cb", // mov ebx,cs
        "89 e1", // mov ecx,esp
        "0f 0b", // ud2
      ),
    );
    put(guest, USER_CODE, hex("cd 80"));
    expect(guest.run(toRing3).vector).toBe(6);
    expect(guest.get("rbx")).toBe(BigInt(FREE_SELECTOR | 3));
    expect(guest.get("rcx")).toBe(BigInt(USER_STACK - 12));
  });

  describe("faults on the way to the inner stack", () => {
    const cases: [string, (g: Guest) => void, number, number][] = [
      // Each leads to #TS or #SS; the handler's own delivery fails the same way, so that it comes to #DF by a task
      // gate or not at all: read the first exception from what the core left.
      ["null SS0", (g) => g.cpu.memory.writeU32(TSS + 8, 0), 10, 0],
      ["SS0 of the wrong RPL", (g) => g.cpu.memory.writeU32(TSS + 8, KERNEL_DS | 1), 10, KERNEL_DS],
      ["SS0 of code", (g) => g.cpu.memory.writeU32(TSS + 8, KERNEL_CS), 10, KERNEL_CS],
      ["SS0 beyond the GDT", (g) => g.cpu.memory.writeU32(TSS + 8, 0x1000), 10, 0x1000],
      [
        "SS0 not present",
        (g) => {
          setDescriptor(g, FREE_SELECTOR, descriptor(0, 0xfffff, ACCESS_DATA & 0x7f, FLAG_G | FLAG_D));
          g.cpu.memory.writeU32(TSS + 8, FREE_SELECTOR);
        },
        12,
        FREE_SELECTOR,
      ],
      [
        "no room",
        (g) => {
          setDescriptor(g, FREE_SELECTOR, descriptor(0, 0xfff, ACCESS_DATA, FLAG_D));
          g.cpu.memory.writeU32(TSS + 8, FREE_SELECTOR);
        },
        12,
        FREE_SELECTOR,
      ],
      [
        "a TSS too short",
        (g) => g.cpu.state.setUint32(S.SEGMENTS + S.TR * S.SEGMENT_STRIDE + S.SEGMENT_LIMIT, 5, true),
        10,
        TSS_SELECTOR,
      ],
    ];
    test.each(cases)("%s", (_name, prepare, vector, code) => {
      prepare(guest);
      // #TS and #SS go to conforming code, which needs no inner stack.
      setDescriptor(guest, FREE_SELECTOR + 8, descriptor(0, 0xfffff, ACCESS_CONFORMING, FLAG_G | FLAG_D));
      setGate(guest, 10, gate(FREE_SELECTOR + 8, 0xb100, 0x8e));
      setGate(guest, 12, gate(FREE_SELECTOR + 8, 0xb110, 0x8e));
      put(
        guest,
        0xb100,
        hex(
          "bb 0a 00 00 00", // mov ebx,0xa
          "59", // pop ecx
          "5a", // pop edx
          "eb fe", // jmp b107
        ),
      );
      put(
        guest,
        0xb110,
        hex(
          "bb 0c 00 00 00", // mov ebx,0xc
          "59", // pop ecx
          "5a", // pop edx
          "eb fe", // jmp b117
        ),
      );
      put(guest, USER_CODE, hex("cd 80"));
      guest.run(toRing3, 40);
      expect([Number(guest.get("rbx")), Number(guest.get("rcx")), Number(guest.get("rdx"))]).toEqual([
        vector,
        code,
        USER_CODE,
      ]);
    });
  });

  describe("call gates", () => {
    const GATE = FREE_SELECTOR;
    const PROCEDURE = 0xb200;

    test("CALL to ring 0 copies parameters; RET releases them on both stacks", () => {
      setDescriptor(guest, GATE, gate(KERNEL_CS, PROCEDURE, 0xec, 2));
      put(
        guest,
        PROCEDURE,
        hex(
          "8b 5c 24 08", // mov ebx,DWORD PTR [esp+0x8]
          "8b 4c 24 0c", // mov ecx,DWORD PTR [esp+0xc]
          "8b 54 24 10", // mov edx,DWORD PTR [esp+0x10]
          "8b 74 24 14", // mov esi,DWORD PTR [esp+0x14]
          "8c cf", // mov edi,cs
          "89 e5", // mov ebp,esp
          "ca 08 00", // retf 0x8
        ),
      );
      put(
        guest,
        USER_CODE,
        hex(
          "68 11 11 00 00", // push 0x1111
          "68 22 22 00 00", // push 0x2222
          "9a ef be ad de 5b 00", // call 0x5b:0xdeadbeef
          "89 e0", // mov eax,esp
          "cd 80", // int 0x80
        ),
      );
      expect(guest.run(toRing3)).toMatchObject({ vector: 0x80 });
      expect(guest.get("rbx")).toBe(0x2222n);
      expect(guest.get("rcx")).toBe(0x1111n);
      expect(guest.get("rdx")).toBe(BigInt(USER_STACK - 8));
      expect(guest.get("rsi")).toBe(BigInt(USER_DS));
      expect(guest.get("rdi")).toBe(BigInt(KERNEL_CS));
      expect(guest.get("rbp")).toBe(BigInt(INNER_STACK - 24));
      expect(guest.get("rax")).toBe(BigInt(USER_STACK));
      expect(dwords(guest, INNER_STACK - 20, 5)).toEqual(
        [USER_CODE + 0x15, USER_CS, 0x202, USER_STACK, USER_DS].slice(0, 5),
      );
    });

    test("the gate's DPL is checked against CPL and RPL; a gate that is not present is #NP", () => {
      setDescriptor(guest, GATE, gate(KERNEL_CS, PROCEDURE, 0x8c));
      put(
        guest,
        USER_CODE,
        hex(
          "9a 00 00 00 00 5b 00", // call 0x5b:0x0
        ),
      );
      expect(guest.run(toRing3)).toMatchObject({ vector: 13, errorCode: GATE, offset: USER_CODE - CODE });
      guest.setUp();
      setTss32(guest, TSS, INNER_STACK, KERNEL_DS);
      setDescriptor(guest, GATE, gate(KERNEL_CS, PROCEDURE, 0x6c));
      expect(guest.run(toRing3)).toMatchObject({ vector: 11, errorCode: GATE });
    });

    test("JMP may not go to an inner level", () => {
      setDescriptor(guest, GATE, gate(KERNEL_CS, PROCEDURE, 0xec));
      put(
        guest,
        USER_CODE,
        hex(
          "ea 00 00 00 00 5b 00", // jmp 0x5b:0x0
        ),
      );
      expect(guest.run(toRing3)).toMatchObject({ vector: 13, errorCode: KERNEL_CS });
    });
  });

  describe("far transfers without a gate", () => {
    test.each([
      ["null", 0, 13, 0],
      ["data", KERNEL_DS, 13, KERNEL_DS],
      ["outer code", USER_CS, 13, USER_CS & ~3],
      ["beyond the table", 0x2000, 13, 0x2000],
      ["local without an LDT", 0x0c, 13, 0x0c],
      ["not present", FREE_SELECTOR, 11, FREE_SELECTOR],
    ])("JMP to a selector that is %s", (_name, target, vector, code) => {
      setDescriptor(guest, FREE_SELECTOR, descriptor(0, 0xfffff, ACCESS_CODE & 0x7f, FLAG_G | FLAG_D));
      const outcome = guest.run([0x90, 0xea, 0, 0xb0, 0, 0, target & 0xff, target >> 8]);
      expect(outcome).toMatchObject({ vector, errorCode: code, offset: 1 });
    });

    test("an offset beyond the limit is #GP(0); CALL pushes nothing then", () => {
      setDescriptor(guest, FREE_SELECTOR, descriptor(0, 0xfff, ACCESS_CODE, FLAG_D));
      const outcome = guest.run([0x9a, 0, 0x10, 0, 0, FREE_SELECTOR, 0]);
      expect(outcome).toMatchObject({ vector: 13, errorCode: 0, offset: 0 });
      expect(guest.get("rsp")).toBe(BigInt(STACK_TOP - 16));
    });

    test("CALL and RET to a segment with a base of its own set the accessed bit", () => {
      setDescriptor(guest, FREE_SELECTOR, descriptor(0x5000, 0xfff, ACCESS_CODE, FLAG_D));
      put(
        guest,
        0x5010,
        hex(
          "8b 1c 24", // mov ebx,DWORD PTR [esp]
          "8b 4c 24 04", // mov ecx,DWORD PTR [esp+0x4]
          "8c ca", // mov edx,cs
          "cb", // retf
        ),
      );
      const outcome = guest.run([0x9a, 0x10, 0, 0, 0, FREE_SELECTOR, 0, 0x40]);
      expect(outcome).toMatchObject({ vector: undefined, offset: 8 });
      expect(guest.get("rbx")).toBe(BigInt(CODE + 7));
      expect(guest.get("rcx")).toBe(BigInt(KERNEL_CS));
      expect(guest.get("rdx")).toBe(BigInt(FREE_SELECTOR));
      expect((guest.cpu.memory.readU8(0x1000 + FREE_SELECTOR + 5) ?? 0) & 1).toBe(1);
      expect(guest.get("rsp")).toBe(BigInt(STACK_TOP));
    });

    test("RET cannot go inward", () => {
      put(
        guest,
        USER_CODE,
        hex(
          "6a 08", // push 0x8
          "68 00 b0 00 00", // push 0xb000
          "cb", // retf
        ),
      );
      expect(guest.run(toRing3)).toMatchObject({ vector: 13, errorCode: KERNEL_CS, offset: USER_CODE + 7 - CODE });
    });

    test("IRET to outer code with a stack of another level is #GP with its selector, and restartable", () => {
      const code = hex(
        "6a 13", // push 0x13
        "68 00 88 00 00", // push 0x8800
        "68 02 02 00 00", // push 0x202
        "6a 23", // push 0x23
        "68 00 b0 00 00", // push 0xb000
        "cf", // iret
      );
      expect(guest.run(code)).toMatchObject({ vector: 13, errorCode: KERNEL_DS, offset: code.length - 1 });
      expect(guest.get("rsp")).toBe(BigInt(STACK_TOP - 20 - 16));
    });

    test("DPL3 data may be loaded from ring 0 with any RPL, DPL0 data not with RPL 3", () => {
      expect(
        guest.run(
          hex(
            "b8 2b 00 00 00", // mov eax,0x2b
            "8e d8", // mov ds,eax
            "b8 28 00 00 00", // mov eax,0x28
            "8e c0", // mov es,eax
            "b8 13 00 00 00", // mov eax,0x13
            "8e e0", // mov fs,eax
          ),
        ),
      ).toMatchObject({
        vector: 13,
        errorCode: KERNEL_DS,
        offset: 19,
      });
      expect(DPL3).toBe(0x60);
    });
  });
});
