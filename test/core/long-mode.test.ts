// Long mode: interrupts with 16-byte gates, IRETQ, SYSCALL, SYSENTER, call gates, compatibility mode, the way there
// and back. SDM volume 3, 7.14 and 10.8.5; volume 2, SYSCALL, SYSRET, SYSENTER, SYSEXIT.

import { beforeEach, describe, expect, test } from "vitest";
import * as S from "../../assembly/state";
import {
  CODE,
  DATA,
  FREE_SELECTOR,
  Guest,
  KERNEL_CS,
  KERNEL_CS64,
  KERNEL_DS,
  STACK_TOP,
  TSS,
  USER_CS64,
  USER_DS,
} from "./harness";
import {
  ACCESS_CODE,
  FLAG_D,
  FLAG_G,
  FLAG_L,
  cpl,
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

const USER_CODE = 0xb000;
const USER_STACK = 0x8808;
const RSP0 = STACK_TOP - 0x800;

describe("64-bit mode", () => {
  let guest: Guest;
  const toRing3 = hex(
    "6a 2b", // push 0x2b
    "68 08 88 00 00", // push 0x8808
    "68 02 02 00 00", // push 0x202
    "6a 33", // push 0x33
    "68 00 b0 00 00", // push 0xb000
    "48 cf", // iretq
  );

  beforeEach(() => {
    guest = new Guest(64);
    setGate(guest, 0x80, gate(KERNEL_CS64, 0x3080, 0xee));
  });

  test("IRETQ to ring 3 and back: null SS with the new RPL, stack aligned to 16 bytes", () => {
    put(
      guest,
      USER_CODE,
      hex(
        "8c cb", // mov ebx,cs
        "cd 80", // int 0x80
      ),
    );
    expect(guest.run(toRing3).vector).toBe(0x80);
    expect(guest.get("rbx")).toBe(BigInt(USER_CS64));
    expect(selector(guest, S.SS)).toBe(0);
    expect(cpl(guest)).toBe(0);
    expect(guest.get("rsp")).toBe(BigInt(RSP0 - 40));
    expect(quads(guest, RSP0 - 40, 5)).toEqual([USER_CODE + 4, USER_CS64, 0x202, USER_STACK, USER_DS]);
  });

  test("IRETQ back to ring 0 with a null SS", () => {
    setGate(guest, 0x80, gate(KERNEL_CS64, 0xb100, 0xee));
    put(
      guest,
      0xb100,
      hex(
        "8c d1", // mov ecx,ss
        "cd 81", // int 0x81
        "8c d2", // mov edx,ss
        "48 cf", // iretq
      ),
    );
    setGate(guest, 0x81, gate(KERNEL_CS64, 0xb200, 0x8e));
    put(
      guest,
      0xb200,
      hex(
        "48 8b 5c 24 20", // mov rbx,QWORD PTR [rsp+0x20]
        "48 cf", // iretq
      ),
    );
    put(
      guest,
      USER_CODE,
      hex(
        "89 e6", // mov esi,esp
        "cd 80", // int 0x80
        "89 e7", // mov edi,esp
        "8c d0", // mov eax,ss
        "0f 0b", // ud2
      ),
    );
    expect(guest.run(toRing3)).toMatchObject({ vector: 6, offset: USER_CODE + 9 - CODE - 1 });
    expect([guest.get("rcx"), guest.get("rbx"), guest.get("rdx"), guest.get("rax")]).toEqual([
      0n,
      0n,
      0n,
      BigInt(USER_DS),
    ]);
    expect(guest.get("rsi")).toBe(BigInt(USER_STACK));
    expect(guest.get("rdi")).toBe(BigInt(USER_STACK));
  });

  test("an unaligned stack is aligned, and the old RSP saved", () => {
    guest.set({ rsp: BigInt(STACK_TOP - 3) });
    guest.run(hex("cd 80"));
    expect(guest.get("rsp")).toBe(BigInt(STACK_TOP - 16 - 40));
    expect(quads(guest, STACK_TOP - 16 - 16, 2)).toEqual([STACK_TOP - 3, KERNEL_DS]);
  });

  test("IST switches the stack without a change of level", () => {
    guest.cpu.memory.writeU64(TSS + 0x24 + 8, 0x7000n);
    setGate(guest, 0x80, gate(KERNEL_CS64, 0x3080, 0xee, 2));
    guest.run(hex("cd 80"));
    expect(guest.get("rsp")).toBe(BigInt(0x7000 - 40));
    expect(selector(guest, S.SS)).toBe(KERNEL_DS);
  });

  test("a gate to code that is not 64-bit is #GP with its selector", () => {
    setGate(guest, 0x80, gate(KERNEL_CS, 0x3080, 0xee));
    expect(guest.run(hex("cd 80"))).toMatchObject({ vector: 13, errorCode: KERNEL_CS, offset: 0 });
  });

  test("IRETQ with NT set is #GP(0)", () => {
    const code = hex(
      "68 02 40 00 00", // push 0x4002
      "9d", // popf
      "48 cf", // iretq
    );
    expect(guest.run(code)).toMatchObject({ vector: 13, errorCode: 0, offset: code.length - 2 });
  });

  test("IRETQ to a RIP that is not canonical is #GP(0) at the IRETQ", () => {
    const code = hex(
      "48 b8 00 00 00 00 00 80 00 00", // movabs rax,0x800000000000
      "6a 10", // push 0x10
      "68 00 90 00 00", // push 0x9000
      "6a 02", // push 0x2
      "6a 18", // push 0x18
      "50", // push rax
      "48 cf", // iretq
    );
    expect(guest.run(code)).toMatchObject({ vector: 13, errorCode: 0, offset: code.length - 2 });
  });

  test("FS and GS with null selectors keep their bases through IRETQ to ring 3", () => {
    put(
      guest,
      USER_CODE,
      hex(
        "65 48 8b 1c 25 10 00 00 00", // mov rbx,QWORD PTR gs:0x10
        "cd 80", // int 0x80
      ),
    );
    guest.cpu.memory.writeU64(DATA + 0x10, 0x1234n);
    const code = [
      ...hex(
        "31 c0", // xor eax,eax
        "8e e8", // mov gs,eax
        "b9 01 01 00 c0", // mov ecx,0xc0000101
        "b8 00 00 20 00", // mov eax,0x200000
        "31 d2", // xor edx,edx
        "0f 30", // wrmsr
      ),
      ...toRing3,
    ];
    expect(guest.run(code).vector).toBe(0x80);
    expect(guest.get("rbx")).toBe(0x1234n);
  });

  test("a data segment that ring 3 may not see becomes null but keeps its base", () => {
    put(
      guest,
      USER_CODE,
      hex(
        "8c eb", // mov ebx,gs
        "cd 80", // int 0x80
      ),
    );
    const code = [
      ...hex(
        "b9 01 01 00 c0", // mov ecx,0xc0000101
        "b8 00 00 20 00", // mov eax,0x200000
        "31 d2", // xor edx,edx
        "0f 30", // wrmsr
      ),
      ...toRing3,
    ];
    expect(guest.run(code).vector).toBe(0x80);
    expect(guest.get("rbx")).toBe(0n);
    expect(u64(guest, S.SEGMENTS + S.GS * S.SEGMENT_STRIDE)).toBe(0x200000n);
  });

  test("SWAPGS and the FSGSBASE instructions", () => {
    setU64(guest, S.MSR_KERNEL_GS_BASE, 0x1111n);
    expect(guest.run(hex("f3 0f ae c0")).vector).toBe(6);
    guest.setUp();
    setU64(guest, S.MSR_KERNEL_GS_BASE, 0x1111n);
    setU64(guest, S.CR4, 0x10620n);
    const code = hex(
      "48 b8 22 22 00 00 00 80 ff ff", // movabs rax,0xffff800000002222
      "f3 48 0f ae d8", // wrgsbase rax
      "0f 01 f8", // swapgs
      "f3 48 0f ae cb", // rdgsbase rbx
      "0f 01 f8", // swapgs
      "f3 48 0f ae c9", // rdgsbase rcx
      "f3 0f ae ca", // rdgsbase edx
      "f3 0f ae d1", // wrfsbase ecx
      "f3 48 0f ae c6", // rdfsbase rsi
      "48 b8 00 00 00 00 00 80 00 00", // movabs rax,0x800000000000
      "f3 48 0f ae d0", // wrfsbase rax
    );
    expect(guest.run(code)).toMatchObject({ vector: 13, errorCode: 0, offset: code.length - 5 });
    expect(guest.get("rbx")).toBe(0x1111n);
    expect(guest.get("rcx")).toBe(0xffff800000002222n);
    expect(guest.get("rdx")).toBe(0x2222n);
    expect(guest.get("rsi")).toBe(0x2222n);
  });

  describe("SYSCALL and SYSRET", () => {
    beforeEach(() => {
      // SYSCALL: CS 0x18, SS 0x20 (never read); SYSRET: CS 0x20 + 16 = 0x33, SS 0x2b.
      setU64(guest, S.MSR_STAR, 0x0023001800000000n);
      setU64(guest, S.MSR_LSTAR, 0xb100n);
      setU64(guest, S.MSR_FMASK, 0x4700n);
    });

    test("round trip", () => {
      put(
        guest,
        0xb100,
        hex(
          "8c cb", // mov ebx,cs
          "8c d2", // mov edx,ss
          "9c", // pushf
          "5e", // pop rsi
          "48 89 cf", // mov rdi,rcx
          "4d 89 d8", // mov r8,r11
          "48 0f 07", // sysretq
        ),
      );
      put(
        guest,
        USER_CODE,
        hex(
          "f9", // stc
          "0f 05", // syscall
          "41 8c c9", // mov r9d,cs
          "41 8c d2", // mov r10d,ss
          "9c", // pushf
          "41 5c", // pop r12
          "cd 80", // int 0x80
        ),
      );
      expect(guest.run(toRing3).vector).toBe(0x80);
      expect([guest.get("rbx"), guest.get("rdx")]).toEqual([0x18n, 0x20n]);
      expect(guest.get("rsi")).toBe(0x3n);
      expect(guest.get("rdi")).toBe(BigInt(USER_CODE + 3));
      expect(guest.get("r8")).toBe(0x203n);
      expect([guest.get("r9"), guest.get("r10")]).toEqual([0x33n, 0x2bn]);
      expect(guest.get("r12")).toBe(0x203n);
    });

    test("SYSRET without REX.W returns to compatibility mode", () => {
      put(
        guest,
        0xb100,
        hex(
          "b9 00 b2 00 00", // mov ecx,0xb200
          "41 bb 02 02 00 00", // mov r11d,0x202
          "0f 07", // sysretd
        ),
      );
      put(
        guest,
        0xb200,
        hex(
          "8c cb", // mov ebx,cs
          "48", // dec eax
          "cd 80", // int 0x80
        ),
      );
      put(
        guest,
        USER_CODE,
        hex(
          "b8 05 00 00 00", // mov eax,0x5
          "0f 05", // syscall
        ),
      );
      expect(guest.run(toRing3).vector).toBe(0x80);
      expect(guest.get("rbx")).toBe(0x23n);
      // 48 is DEC EAX there and not a REX prefix.
      expect(guest.get("rax")).toBe(4n);
    });

    test("#UD without EFER.SCE and outside 64-bit mode; SYSRET above ring 0 and to a bad RIP is #GP(0)", () => {
      setU64(guest, S.MSR_EFER, 0xd00n);
      expect(guest.run(hex("0f 05"))).toMatchObject({ vector: 6, offset: 0 });
      const flat = new Guest(32);
      expect(flat.run(hex("0f 05"))).toMatchObject({ vector: 6, offset: 0 });
      guest.setUp();
      put(guest, USER_CODE, hex("0f 07"));
      expect(guest.run(toRing3)).toMatchObject({ vector: 13, errorCode: 0, offset: USER_CODE - CODE });
      guest.setUp();
      guest.set({ rcx: 0x800000000000n });
      expect(guest.run(hex("48 0f 07"))).toMatchObject({ vector: 13, errorCode: 0, offset: 0 });
    });
  });

  describe("SYSENTER and SYSEXIT", () => {
    beforeEach(() => {
      // CS 0x08: but SYSENTER in long mode makes 64-bit code whatever the GDT says. SYSEXIT: +16, +24 or +32, +40.
      setU64(guest, S.MSR_SYSENTER_CS, 0x08n);
      setU64(guest, S.MSR_SYSENTER_ESP, BigInt(RSP0));
      setU64(guest, S.MSR_SYSENTER_EIP, 0xb100n);
    });

    test("from 64-bit ring 3 and back", () => {
      put(
        guest,
        0xb100,
        hex(
          "8c cb", // mov ebx,cs
          "8c d7", // mov edi,ss
          "48 89 e6", // mov rsi,rsp
          "9c", // pushf
          "41 58", // pop r8
          "fb", // sti
          "ba 00 b2 00 00", // mov edx,0xb200
          "b9 00 88 00 00", // mov ecx,0x8800
          "48 0f 35", // sysexitq
        ),
      );
      put(
        guest,
        0xb200,
        hex(
          "41 8c c9", // mov r9d,cs
          "41 8c d2", // mov r10d,ss
          "49 89 e3", // mov r11,rsp
          "0f 0b", // ud2
        ),
      );
      put(guest, USER_CODE, hex("0f 34"));
      expect(guest.run(toRing3).vector).toBe(6);
      expect([guest.get("rbx"), guest.get("rdi")]).toEqual([0x08n, 0x10n]);
      expect(guest.get("rsi")).toBe(BigInt(RSP0));
      expect(Number(guest.get("r8")) & 0x200).toBe(0);
      expect([guest.get("r9"), guest.get("r10"), guest.get("r11")]).toEqual([0x2bn, 0x33n, 0x8800n]);
    });

    test("#GP(0) with a null IA32_SYSENTER_CS", () => {
      setU64(guest, S.MSR_SYSENTER_CS, 3n);
      expect(guest.run(hex("0f 34"))).toMatchObject({ vector: 13, errorCode: 0, offset: 0 });
    });
  });

  test("a 64-bit call gate: null SS, RSP0, 8-byte pushes; RETFQ", () => {
    guest.cpu.memory.writeU64(0x1000 + FREE_SELECTOR, gate(KERNEL_CS64, 0xb300, 0xec));
    guest.cpu.memory.writeU64(0x1000 + FREE_SELECTOR + 8, 0n);
    put(
      guest,
      0xb300,
      hex(
        "8c d3", // mov ebx,ss
        "48 8b 4c 24 10", // mov rcx,QWORD PTR [rsp+0x10]
        "48 8b 54 24 08", // mov rdx,QWORD PTR [rsp+0x8]
        "48 cb", // retfq
      ),
    );
    guest.cpu.memory.writeU64(DATA, 0x5b00000000n);
    put(
      guest,
      USER_CODE,
      hex(
        "ff 1c 25 00 00 20 00", // call FWORD PTR ds:0x200000
        "48 89 e6", // mov rsi,rsp
        "8c d7", // mov edi,ss
        "cd 80", // int 0x80
      ),
    );
    expect(guest.run(toRing3).vector).toBe(0x80);
    expect([guest.get("rbx"), guest.get("rcx"), guest.get("rdx")]).toEqual([0n, BigInt(USER_STACK), BigInt(USER_CS64)]);
    expect([guest.get("rsi"), guest.get("rdi")]).toEqual([BigInt(USER_STACK), BigInt(USER_DS)]);
  });

  test("task gates and TSS descriptors are no targets", () => {
    guest.cpu.memory.writeU64(DATA, 0x4800000000n);
    expect(
      guest.run(
        hex(
          "ff 2c 25 00 00 20 00", // jmp FWORD PTR ds:0x200000
        ),
      ),
    ).toMatchObject({ vector: 13, errorCode: 0x48, offset: 0 });
  });

  test("far jumps between 64-bit and compatibility mode; L and D together are #GP", () => {
    guest.cpu.memory.writeU64(DATA, 0x080000b400n);
    put(
      guest,
      0xb400,
      hex(
        "b8 07 00 00 00", // mov eax,0x7
        "48", // dec eax
        "ea 00 b5 00 00 18 00", // jmp 0x18:0xb500
      ),
    );
    put(
      guest,
      0xb500,
      hex(
        "48 bb 88 77 66 55 44 33 22 11", // movabs rbx,0x1122334455667788
        "0f 0b", // ud2
      ),
    );
    expect(
      guest.run(
        hex(
          "ff 2c 25 00 00 20 00", // jmp FWORD PTR ds:0x200000
        ),
      ).vector,
    ).toBe(6);
    expect(guest.get("rax")).toBe(6n);
    expect(guest.get("rbx")).toBe(0x1122334455667788n);
    setDescriptor(guest, FREE_SELECTOR, descriptor(0, 0xfffff, ACCESS_CODE, FLAG_G | FLAG_D | FLAG_L));
    guest.cpu.memory.writeU64(DATA, 0x580000b400n);
    guest.setUp();
    expect(
      guest.run(
        hex(
          "ff 2c 25 00 00 20 00", // jmp FWORD PTR ds:0x200000
        ),
      ),
    ).toMatchObject({ vector: 13, errorCode: FREE_SELECTOR });
  });

  test("LLDT and LTR read 16 bytes", () => {
    guest.cpu.memory.writeU64(0x1000 + FREE_SELECTOR, descriptor(0x200000, 0xff, 0x82, 0));
    guest.cpu.memory.writeU64(0x1000 + FREE_SELECTOR + 8, 0xffff8000n);
    guest.cpu.memory.writeU64(0x1000 + FREE_SELECTOR + 16, descriptor(0x210000, 0x67, 0x89, 0));
    guest.cpu.memory.writeU64(0x1000 + FREE_SELECTOR + 24, 0x1n);
    expect(
      guest.run(
        hex(
          "b8 58 00 00 00", // mov eax,0x58
          "0f 00 d0", // lldt ax
          "b8 68 00 00 00", // mov eax,0x68
          "0f 00 d8", // ltr ax
          "0f 00 cb", // str ebx
          "0f 00 d8", // ltr ax
        ),
      ),
    ).toMatchObject({ vector: 13, errorCode: 0x68 });
    expect(u64(guest, S.SEGMENTS + S.LDTR * S.SEGMENT_STRIDE)).toBe(0xffff800000200000n);
    expect(u64(guest, S.SEGMENTS + S.TR * S.SEGMENT_STRIDE)).toBe(0x100210000n);
    expect(guest.get("rbx")).toBe(0x68n);
  });
});

describe("activating long mode", () => {
  test("from protected mode to 64-bit code, and back", () => {
    const guest = new Guest(32);
    // PML4 at 0x10000: one 1 GiB page at 0.
    guest.cpu.memory.fill(0x10000, 0x2000, 0);
    guest.cpu.memory.writeU64(0x10000, 0x11003n);
    guest.cpu.memory.writeU64(0x11000, 0x83n);
    put(
      guest,
      0xb000,
      hex(
        "48 bb 9a 78 56 34 12 00 00 00", // movabs rbx,0x123456789a
        "b9 80 00 00 c0", // mov ecx,0xc0000080
        "0f 32", // rdmsr
        "89 c6", // mov esi,eax
        "6a 08", // push 0x8
        "68 00 b1 00 00", // push 0xb100
        "48 cb", // retfq
      ),
    );
    put(
      guest,
      0xb100,
      hex(
        "0f 20 c0", // mov eax,cr0
        "0f ba f0 1f", // btr eax,0x1f
        "0f 22 c0", // mov cr0,eax
        "b9 80 00 00 c0", // mov ecx,0xc0000080
        "0f 32", // rdmsr
        "89 c7", // mov edi,eax
        "f4", // hlt
      ),
    );
    guest.run(
      hex(
        "b8 00 00 01 00", // mov eax,0x10000
        "0f 22 d8", // mov cr3,eax
        "0f 20 e0", // mov eax,cr4
        "83 c8 20", // or eax,0x20
        "0f 22 e0", // mov cr4,eax
        "b9 80 00 00 c0", // mov ecx,0xc0000080
        "b8 00 01 00 00", // mov eax,0x100
        "31 d2", // xor edx,edx
        "0f 30", // wrmsr
        "0f 20 c0", // mov eax,cr0
        "0f ba e8 1f", // bts eax,0x1f
        "0f 22 c0", // mov cr0,eax
        "ea 00 b0 00 00 18 00", // jmp 0x18:0xb000
      ),
    );
    // Bits above 31 are undefined once 64-bit mode is left; this core clears them.
    expect(guest.get("rbx")).toBe(0x3456789an);
    expect(guest.get("rsi")).toBe(0x500n);
    expect(guest.get("rdi")).toBe(0x100n);
    expect(u64(guest, S.CR0)).toBe(0x31n);
  });

  test("#GP(0) without PAE, for PG without PE, NW without CD, and for clearing PG in 64-bit mode", () => {
    const guest = new Guest(32);
    setU64(guest, S.MSR_EFER, 0x100n);
    expect(
      guest.run(
        hex(
          "b8 31 00 00 80", // mov eax,0x80000031
          "0f 22 c0", // mov cr0,eax
        ),
      ),
    ).toMatchObject({ vector: 13, errorCode: 0, offset: 5 });
    expect(u64(guest, S.CR0)).toBe(0x31n);
    guest.setUp();
    expect(
      guest.run(
        hex(
          "b8 30 00 00 80", // mov eax,0x80000030
          "0f 22 c0", // mov cr0,eax
        ),
      ),
    ).toMatchObject({ vector: 13, errorCode: 0, offset: 5 });
    guest.setUp();
    expect(
      guest.run(
        hex(
          "b8 31 00 00 20", // mov eax,0x20000031
          "0f 22 c0", // mov cr0,eax
        ),
      ),
    ).toMatchObject({ vector: 13, errorCode: 0, offset: 5 });
    const long = new Guest(64);
    expect(
      long.run(
        hex(
          "b8 31 00 00 00", // mov eax,0x31
          "0f 22 c0", // mov cr0,rax
        ),
      ),
    ).toMatchObject({ vector: 13, errorCode: 0, offset: 5 });
    long.setUp();
    expect(
      long.run(
        hex(
          "0f 20 e0", // mov rax,cr4
          "0f ba f0 05", // btr eax,0x5
          "0f 22 e0", // mov cr4,rax
        ),
      ),
    ).toMatchObject({ vector: 13, errorCode: 0, offset: 7 });
  });
});

describe("TF and the fast system calls", () => {
  const DEBUG_HANDLER = 0xb800;
  const start = (flags: number): number[] => [
    ...hex(
      "6a 2b", // push 0x2b
      "68 08 88 00 00", // push 0x8808
    ),
    0x68,
    flags & 0xff,
    flags >> 8,
    0,
    0,
    ...hex(
      "6a 33", // push 0x33
      "68 00 b0 00 00", // push 0xb000
      "48 cf", // iretq
    ),
  ];

  test("SYSCALL that masks TF traps not in the kernel; SYSRET that sets it traps at its target", () => {
    const guest = new Guest(64);
    setU64(guest, S.MSR_STAR, 0x0023001800000000n);
    setU64(guest, S.MSR_LSTAR, 0xb100n);
    setU64(guest, S.MSR_FMASK, 0x4700n);
    setGate(guest, 0x80, gate(KERNEL_CS64, 0x3080, 0xee));
    setGate(guest, 1, gate(KERNEL_CS64, DEBUG_HANDLER, 0x8e));
    guest.cpu.memory.fill(DATA, 64, 0);
    // Notes each RIP it interrupted.
    put(
      guest,
      DEBUG_HANDLER,
      hex(
        "48 8b 04 24", // mov rax,QWORD PTR [rsp]
        "89 07", // mov DWORD PTR [rdi],eax
        "83 c7 04", // add edi,0x4
        "48 cf", // iretq
      ),
    );
    put(
      guest,
      0xb100,
      hex(
        "90", // nop
        "90", // nop
        "48 0f 07", // sysretq
      ),
    );
    put(
      guest,
      0xb000,
      hex(
        "0f 05", // syscall
        "90", // nop
        "cd 80", // int 0x80
      ),
    );
    guest.set({ rdi: BigInt(DATA) });
    expect(guest.run(start(0x302)).vector).toBe(0x80);
    const noted = Array.from({ length: 4 }, (_, n) => guest.cpu.memory.readU32(DATA + n * 4));
    expect(noted).toEqual([0xb002, 0xb003, 0, 0]);
  });
});
