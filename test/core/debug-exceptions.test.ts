// Debug exceptions, and what holds interrupts off: TF, DR0..DR7, RF, INT1, the shadow of STI and MOV SS, NMI.
// SDM volume 3, chapter 18 and 7.8.

import { beforeEach, describe, expect, test } from "vitest";
import * as S from "../../assembly/state";
import { CODE, DATA, Guest, KERNEL_CS, KERNEL_DS, STACK_TOP } from "./harness";
import { dwords, gate, hex, put, setGate, setU64, u64 } from "./system-helpers";

const DR0 = S.DR;
const DR6 = S.DR + 48;
const DR7 = S.DR + 56;
const HANDLER = 0xb000;
/** Handlers note the EIP they interrupted in a list at DATA, EDI its end. */
const NOTE = hex(
  "50", // push eax
  "8b 44 24 04", // mov eax,DWORD PTR [esp+0x4]
  "ab", // stos DWORD PTR es:[edi],eax
  "58", // pop eax
  "cf", // iret
);
const NOTE_RF = hex(
  "50", // push eax
  "8b 44 24 04", // mov eax,DWORD PTR [esp+0x4]
  "ab", // stos DWORD PTR es:[edi],eax
  "58", // pop eax
  "81 4c 24 08 00 00 01 00", // or DWORD PTR [esp+0x8],0x10000
  "cf", // iret
);

describe("debug exceptions", () => {
  let guest: Guest;
  beforeEach(() => {
    guest = new Guest(32);
    guest.cpu.memory.fill(DATA, 0x100, 0);
    setGate(guest, 1, gate(KERNEL_CS, HANDLER, 0x8e));
    put(guest, HANDLER, NOTE);
    guest.set({ rdi: BigInt(DATA), rdx: 0n });
  });
  const noted = (): number[] => dwords(guest, DATA, (Number(guest.get("rdi")) - DATA) / 4).map((eip) => eip - CODE);

  test("TF traps after each instruction that began with it", () => {
    const code = hex(
      "68 02 01 00 00", // push 0x102
      "9d", // popf
      "90", // nop
      "43", // inc ebx
      "6a 02", // push 0x2
      "9d", // popf
      "90", // nop
    );
    guest.run(code);
    expect(noted()).toEqual([7, 8, 10, 11]);
    expect(u64(guest, DR6)).toBe(0xffff4ff0n);
  });

  test("TF: INT n traps not, nor does its handler; the instruction after IRET does", () => {
    setGate(guest, 0x60, gate(KERNEL_CS, 0xb100, 0x8e));
    put(
      guest,
      0xb100,
      hex(
        "41", // inc ecx
        "cf", // iret
      ),
    );
    guest.run(
      hex(
        "68 02 01 00 00", // push 0x102
        "9d", // popf
        "cd 60", // int 0x60
        "90", // nop
        "6a 02", // push 0x2
        "9d", // popf
        "90", // nop
      ),
    );
    expect(noted()).toEqual([9, 11, 12]);
    expect(guest.get("rcx")).toBe(1n);
  });

  test("a load of SS puts the trap off by one instruction", () => {
    guest.run(
      hex(
        "8c d3", // mov ebx,ss
        "68 02 01 00 00", // push 0x102
        "9d", // popf
        "8e d3", // mov ss,ebx
        "90", // nop
        "6a 02", // push 0x2
        "9d", // popf
      ),
    );
    expect(noted()).toEqual([11, 13, 14]);
  });

  test("STI holds off interrupts, not the trap", () => {
    guest.run(
      hex(
        "68 02 01 00 00", // push 0x102
        "9d", // popf
        "fb", // sti
        "90", // nop
        "6a 02", // push 0x2
        "9d", // popf
        "90", // nop
      ),
    );
    expect(noted()).toEqual([7, 8, 10, 11]);
  });

  test("a breakpoint that MOV SS meets is reported with the INT1 after it, once", () => {
    guest.cpu.memory.writeU16(0x300010, KERNEL_DS);
    setU64(guest, DR0 + 8, 0x300010n);
    setU64(guest, DR7, 0xf00404n);
    guest.run(
      hex(
        "8e 15 10 00 30 00", // mov ss,WORD PTR ds:0x300010
        "f1", // int1
        "90", // nop
      ),
    );
    expect(noted()).toEqual([7]);
    expect(u64(guest, DR6)).toBe(0xffff0ff2n);
  });

  test("a fault has no trap of its own", () => {
    setGate(guest, 6, gate(KERNEL_CS, 0xb100, 0x8e));
    put(
      guest,
      0xb100,
      hex(
        "83 04 24 02", // add DWORD PTR [esp],0x2
        "cf", // iret
      ),
    );
    guest.run(
      hex(
        "68 02 01 00 00", // push 0x102
        "9d", // popf
        "0f 0b", // ud2
        "90", // nop
        "6a 02", // push 0x2
        "9d", // popf
      ),
    );
    expect(noted()).toEqual([9, 11, 12]);
  });

  test("a breakpoint on code is a fault before the instruction; RF lets it through once", () => {
    setU64(guest, DR0, BigInt(CODE + 1));
    setU64(guest, DR7, 0x401n);
    put(guest, HANDLER, NOTE_RF);
    guest.run(hex("43", "40", "40"));
    expect(noted()).toEqual([1]);
    expect(guest.get("rax")).toBe(2n);
    expect(u64(guest, DR6)).toBe(0xffff0ff1n);
    expect(guest.flags & 0x10000).toBe(0);
  });

  test("a breakpoint in a loop is met each time round", () => {
    setU64(guest, DR0, BigInt(CODE + 5));
    setU64(guest, DR7, 0x402n);
    put(guest, HANDLER, NOTE_RF);
    guest.run(
      hex(
        "b9 03 00 00 00", // mov ecx,0x3
        "43", // inc ebx
        "e2 fd", // loop a005
      ),
    );
    expect(noted()).toEqual([5, 5, 5]);
  });

  test("a breakpoint on a repeated string instruction is met once", () => {
    setU64(guest, DR0, BigInt(CODE + 10));
    setU64(guest, DR7, 0x401n);
    put(
      guest,
      HANDLER,
      hex(
        "42", // inc edx
        "81 4c 24 08 00 00 01 00", // or DWORD PTR [esp+0x8],0x10000
        "cf", // iret
      ),
    );
    guest.run(
      hex(
        "b9 20 4e 00 00", // mov ecx,0x4e20
        "be 00 00 30 00", // mov esi,0x300000
        "f3 ad", // rep lods eax,DWORD PTR ds:[esi]
      ),
      100,
    );
    expect(guest.get("rdx")).toBe(1n);
    expect(guest.get("rcx")).toBe(0n);
    expect(guest.get("rsi")).toBe(0x300000n + 80000n);
  });

  test.each([
    ["write, meets a write", 1, 0, 0x10, "c6 05 10 00 30 00 01", true],
    ["write, passes a read", 1, 0, 0x10, "a0 10 00 30 00", false],
    ["access, meets a read", 3, 0, 0x10, "a0 10 00 30 00", true],
    ["four bytes, meets the last of them", 1, 3, 0x10, "c6 05 13 00 30 00 01", true],
    ["four bytes, passes the next", 1, 3, 0x10, "c6 05 14 00 30 00 01", false],
    ["met by a wider access", 1, 0, 0x12, "c7 05 10 00 30 00 01 00 00 00", true],
  ])("a data breakpoint: %s", (_name, kind, length, offset, code, met) => {
    setU64(guest, DR0 + 8, BigInt(0x300000 + offset));
    setU64(guest, DR7, BigInt(0x400 | (1 << 2) | (kind << 20) | (length << 22)));
    const bytes = hex(code);
    guest.run([...bytes, 0x90]);
    expect(noted()).toEqual(met ? [bytes.length] : []);
    if (met) expect(u64(guest, DR6)).toBe(0xffff0ff2n);
  });

  test("an I/O breakpoint with CR4.DE", () => {
    setU64(guest, S.CR4, 0x608n);
    setU64(guest, DR0, 0x60n);
    setU64(guest, DR7, 0x20401n);
    guest.run(hex("e4 60", "e4 61", "90"));
    expect(noted()).toEqual([2]);
  });

  test("general detect: MOV DR is a fault with DR6.BD, and the handler may use the registers", () => {
    setU64(guest, DR7, 0x2400n);
    put(
      guest,
      HANDLER,
      hex(
        "0f 21 f3", // mov ebx,dr6
        "0f 21 f9", // mov ecx,dr7
        "f4", // hlt
      ),
    );
    guest.run(hex("90", "0f 21 c0"));
    expect(guest.get("rbx")).toBe(0xffff2ff0n);
    expect(guest.get("rcx")).toBe(0x400n);
    expect(dwords(guest, STACK_TOP - 12, 1)).toEqual([CODE + 1]);
  });

  test("INT1 is #DB without a look at DPL; INT3 is #BP with one", () => {
    guest.run(hex("f1", "90"));
    expect(noted()).toEqual([1]);
    expect(u64(guest, DR6)).toBe(0xffff0ff0n);
  });

  test("DR4 and DR5 stand for DR6 and DR7, but with CR4.DE are #UD; reserved bits read fixed", () => {
    guest.run(
      hex(
        "b8 ff ff ff ff", // mov eax,0xffffffff
        "0f 23 f0", // mov dr6,eax
        "0f 21 f3", // mov ebx,dr6
        "b8 00 10 00 00", // mov eax,0x1000
        "0f 23 f8", // mov dr7,eax
        "0f 21 e9", // mov ecx,dr5
      ),
    );
    expect(guest.get("rbx")).toBe(0xffffefffn);
    expect(guest.get("rcx")).toBe(0x400n);
    guest.setUp();
    setU64(guest, S.CR4, 0x608n);
    expect(guest.run(hex("0f 21 e9"))).toMatchObject({ vector: 6, offset: 0 });
  });
});

describe("interrupts", () => {
  let guest: Guest;
  beforeEach(() => {
    guest = new Guest(32, {
      acknowledgeInterrupt: () => {
        guest.cpu.state.setUint32(S.INTERRUPT_PENDING, 0, true);
        return 0x40;
      },
    });
    guest.cpu.state.setUint32(S.INTERRUPT_PENDING, 1, true);
  });

  test("wait for IF, and for the instruction after STI", () => {
    expect(guest.run(hex("90", "fb", "43", "43"))).toMatchObject({ vector: 0x40, offset: 3 });
    expect(guest.get("rbx")).toBe(1n);
  });

  test("STI with IF set already has no shadow", () => {
    guest.cpu.state.setUint32(S.INTERRUPT_PENDING, 0, true);
    guest.flags = 0x202;
    guest.run(hex("fb"));
    expect(guest.cpu.state.getUint32(S.INTERRUPT_SHADOW, true)).toBe(0);
  });

  test("wait for the instruction after MOV SS", () => {
    guest.cpu.state.setUint32(S.INTERRUPT_PENDING, 0, true);
    guest.set({ rax: BigInt(KERNEL_DS) });
    guest.cpu.memory.write(CODE, Uint8Array.from(hex("8e d0", "43", "43", "f4")));
    guest.flags = 0x202;
    setU64(guest, S.RIP, BigInt(CODE));
    guest.cpu.run(guest.cpu.instructionCount + 1);
    guest.cpu.state.setUint32(S.INTERRUPT_PENDING, 1, true);
    const exit = guest.cpu.run(guest.cpu.instructionCount + 100);
    expect(guest.outcome(exit)).toMatchObject({ vector: 0x40, offset: 3 });
  });

  test("HLT waits, the interrupt's frame names the instruction after it", () => {
    expect(guest.run(hex("fb", "f4"))).toMatchObject({ vector: 0x40, offset: 2 });
  });

  test("an NMI comes in spite of IF clear, and the next one only after IRET", () => {
    guest = new Guest(32, {
      // The handler asks for another NMI while it runs.
      portWrite: () => void guest.cpu.state.setUint32(S.NMI_PENDING, 1, true),
    });
    setGate(guest, 2, gate(KERNEL_CS, HANDLER, 0x8e));
    put(
      guest,
      HANDLER,
      hex(
        "41", // inc ecx
        "e6 e9", // out 0xe9,al
        "89 cb", // mov ebx,ecx
        "8b 14 24", // mov edx,DWORD PTR [esp]
        "83 f9 02", // cmp ecx,0x2
        "73 01", // jae b00e
        "cf", // iret
        "f4", // hlt
      ),
    );
    guest.cpu.state.setUint32(S.NMI_PENDING, 1, true);
    guest.run(hex("90", "90"));
    expect(guest.get("rcx")).toBe(2n);
    // Both interrupted the program, not the handler.
    expect(guest.get("rdx")).toBe(BigInt(CODE));
    expect(guest.get("rsp")).toBe(BigInt(STACK_TOP - 12));
  });
});
