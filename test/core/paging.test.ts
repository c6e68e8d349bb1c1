// Paging, by small programs on page tables made here: SDM volume 3, chapter 4.
import { beforeEach, describe, expect, test } from "vitest";
import * as S from "../../assembly/state";
import { CODE, Guest } from "./harness";

const PF = 14;
const GP = 13;
const SS = 12;

// Error-code bits.
const P = 1;
const W = 2;
const U = 4;
const RSVD = 8;
const ID = 16;

// Entry bits.
const PRESENT = 1n;
const WRITE = 2n;
const USER = 4n;
const ACCESSED = 0x20n;
const DIRTY = 0x40n;
const LARGE = 0x80n;
const GLOBAL = 0x100n;
const NX = 1n << 63n;

/** The linear addresses under test lie in PML4 entry 1; its tables are at 0x20000. */
const BASE = 0x8000000000n;
const PDPT = 0x20000;
const PD = 0x21000;
const PT = 0x22000;
const FRAME = 0x300000n;

// mov rax, [rbx]; mov [rbx], rax; add qword [rbx], 1; jmp rbx; invlpg [rbx]; mov rcx, cr3 and back
const READ = [0x48, 0x8b, 0x03];
const WRITE_IT = [0x48, 0x89, 0x03];
const MODIFY = [0x48, 0x83, 0x03, 0x01];
const JUMP = [0xff, 0xe3];
const INVLPG = [0x0f, 0x01, 0x3b];
const RELOAD_CR3 = [0x0f, 0x20, 0xd9, 0x0f, 0x22, 0xd9];
const CR4_SMEP = 0x100000n;
const CR4_SMAP = 0x200000n;
const CR4_PGE = 0x80n;

let guest: Guest;

function pte(index: number, value: bigint): void {
  guest.cpu.memory.writeU64(PT + index * 8, value);
}
function readPte(index: number): bigint {
  return guest.cpu.memory.readU64(PT + index * 8) as bigint;
}
function address(index: number, offset = 0): bigint {
  return BASE + BigInt(index * 4096 + offset);
}
function setControl(register: number, change: (value: bigint) => bigint): void {
  const state = guest.cpu.state;
  state.setBigUint64(register, change(state.getBigUint64(register, true)), true);
  guest.cpu.updateMode();
}
function cr2(): bigint {
  return guest.cpu.state.getBigUint64(S.CR2, true);
}

beforeEach(() => {
  guest = new Guest(64);
  const memory = guest.cpu.memory;
  memory.writeU64(0x10008, BigInt(PDPT) | PRESENT | WRITE | USER);
  memory.writeU64(PDPT, BigInt(PD) | PRESENT | WRITE | USER);
  memory.writeU64(PD, BigInt(PT) | PRESENT | WRITE | USER);
});

describe("rights", () => {
  const cases: readonly [string, bigint, number[], boolean, number | undefined][] = [
    ["read of an absent page", 0n, READ, false, 0],
    ["write to an absent page", 0n, WRITE_IT, false, W],
    ["user read of an absent page", 0n, READ, true, U],
    ["user write to an absent page", 0n, WRITE_IT, true, U | W],
    ["fetch from an absent page", 0n, JUMP, false, ID],
    ["supervisor read of a read-only page", PRESENT, READ, false, undefined],
    ["supervisor write to a read-only page", PRESENT, WRITE_IT, false, P | W],
    ["read-modify-write of a read-only page", PRESENT, MODIFY, false, P | W],
    ["user read of a supervisor page", PRESENT | WRITE, READ, true, P | U],
    ["user write to a read-only page", PRESENT | USER, WRITE_IT, true, P | U | W],
    ["user read of a user page", PRESENT | USER, READ, true, undefined],
    ["fetch from a no-execute page", PRESENT | WRITE | NX, JUMP, false, P | ID],
    ["user fetch from a no-execute page", PRESENT | USER | NX, JUMP, true, P | U | ID],
    ["a physical address beyond MAXPHYADDR", PRESENT | (1n << 40n), READ, false, P | RSVD],
  ];
  test.each(cases)("%s", (_name, bits, code, user, expected) => {
    pte(1, bits === 0n ? 0n : FRAME | bits);
    guest.cpu.memory.writeU8(Number(FRAME), 0xf4);
    setControl(S.CR0, (cr0) => cr0 | 0x10000n);
    if (user) guest.asUser();
    const outcome = guest.set({ rbx: address(1) }).run(code);
    if (expected === undefined) {
      // A user program's own HLT is #GP: it came through the access.
      expect(outcome).toMatchObject(
        user ? { vector: GP, offset: code.length } : { vector: undefined, offset: code.length },
      );
    } else {
      expect(outcome).toMatchObject({ vector: PF, errorCode: expected });
      expect(outcome.offset).toBe(code === JUMP ? Number(address(1)) - CODE : 0);
      expect(cr2()).toBe(address(1));
    }
  });

  test("CR0.WP clear lets the supervisor write to read-only pages", () => {
    pte(1, FRAME | PRESENT | USER);
    expect(guest.set({ rbx: address(1), rax: 7n }).run(WRITE_IT).vector).toBeUndefined();
    expect(guest.cpu.memory.readU64(Number(FRAME))).toBe(7n);
  });

  test("without EFER.NXE bit 63 is reserved", () => {
    pte(1, FRAME | PRESENT | NX);
    setControl(S.MSR_EFER, (efer) => efer & ~0x800n);
    expect(guest.set({ rbx: address(1) }).run(READ)).toMatchObject({ vector: PF, errorCode: P | RSVD });
  });

  test("SMEP: the supervisor runs no user page", () => {
    // The identity map's pages are user pages: make the first one, with code, stack and tables, the supervisor's.
    guest.cpu.memory.writeU64(0x12000, 0x83n);
    pte(1, FRAME | PRESENT | USER);
    setControl(S.CR4, (cr4) => cr4 | CR4_SMEP);
    expect(guest.set({ rbx: address(1) }).run(JUMP)).toMatchObject({ vector: PF, errorCode: P | ID });
  });

  test("SMAP: the supervisor reads no user page unless EFLAGS.AC", () => {
    guest.cpu.memory.writeU64(0x12000, 0x83n);
    pte(1, FRAME | PRESENT | WRITE | USER);
    setControl(S.CR4, (cr4) => cr4 | CR4_SMAP);
    expect(guest.set({ rbx: address(1) }).run(READ)).toMatchObject({ vector: PF, errorCode: P });
    guest.setUp();
    guest.cpu.memory.writeU64(0x12000, 0x83n);
    setControl(S.CR4, (cr4) => cr4 | CR4_SMAP);
    guest.flags = 0x40002;
    expect(guest.set({ rbx: address(1) }).run(READ).vector).toBeUndefined();
  });
});

describe("accessed and dirty", () => {
  test("a read sets A, a write after it sets D", () => {
    pte(1, FRAME | PRESENT | WRITE);
    guest.set({ rbx: address(1) }).run(READ);
    expect(readPte(1)).toBe(FRAME | PRESENT | WRITE | ACCESSED);
    guest.run(WRITE_IT);
    expect(readPte(1)).toBe(FRAME | PRESENT | WRITE | ACCESSED | DIRTY);
    expect((guest.cpu.memory.readU64(PD) as bigint) & ACCESSED).toBe(ACCESSED);
  });

  test("a faulting write sets neither", () => {
    pte(1, FRAME | PRESENT);
    setControl(S.CR0, (cr0) => cr0 | 0x10000n);
    guest.set({ rbx: address(1) }).run(WRITE_IT);
    expect(readPte(1)).toBe(FRAME | PRESENT);
  });
});

describe("page sizes", () => {
  test("2 MiB", () => {
    guest.cpu.memory.writeU64(PD + 8, 0x400000n | PRESENT | WRITE | LARGE);
    guest.cpu.memory.writeU64(0x412348, 0x1122334455667788n);
    guest.set({ rbx: BASE + 0x212348n }).run(READ);
    expect(guest.get("rax")).toBe(0x1122334455667788n);
  });

  test("1 GiB", () => {
    guest.cpu.memory.writeU64(PDPT + 8, PRESENT | WRITE | LARGE);
    guest.cpu.memory.writeU64(0x512340, 99n);
    guest.set({ rbx: BASE + 0x40512340n }).run(READ);
    expect(guest.get("rax")).toBe(99n);
  });

  test("a large page's reserved bits", () => {
    guest.cpu.memory.writeU64(PD + 8, 0x402000n | PRESENT | WRITE | LARGE);
    expect(guest.set({ rbx: BASE + 0x200000n }).run(READ)).toMatchObject({ vector: PF, errorCode: P | RSVD });
  });
});

describe("the TLB", () => {
  test("keeps a translation until INVLPG", () => {
    pte(1, FRAME | PRESENT | WRITE);
    guest.cpu.memory.writeU64(Number(FRAME), 1n);
    guest.cpu.memory.writeU64(Number(FRAME) + 0x1000, 2n);
    guest.set({ rbx: address(1) }).run(READ);
    pte(1, (FRAME + 0x1000n) | PRESENT | WRITE);
    guest.run([...INVLPG, ...READ]);
    expect(guest.get("rax")).toBe(2n);
  });

  test("INVLPG forgets all of a large page", () => {
    const memory = guest.cpu.memory;
    memory.writeU64(PD + 8, 0x400000n | PRESENT | WRITE | LARGE);
    memory.writeU64(0x405000, 5n);
    memory.writeU64(0x605000, 6n);
    guest.set({ rbx: BASE + 0x205000n }).run(READ);
    expect(guest.get("rax")).toBe(5n);
    memory.writeU64(PD + 8, 0x600000n | PRESENT | WRITE | LARGE);
    guest.set({ rbx: BASE + 0x200000n }).run(INVLPG);
    guest.set({ rbx: BASE + 0x205000n }).run(READ);
    expect(guest.get("rax")).toBe(6n);
  });

  test("a load of CR3 forgets what is not global; clearing CR4.PGE forgets the rest", () => {
    setControl(S.CR4, (cr4) => cr4 | CR4_PGE);
    pte(1, FRAME | PRESENT | WRITE | GLOBAL);
    pte(2, FRAME | PRESENT | WRITE);
    guest.cpu.memory.writeU64(Number(FRAME), 1n);
    guest.cpu.memory.writeU64(Number(FRAME) + 0x1000, 2n);
    guest.set({ rbx: address(1) }).run(READ);
    guest.set({ rbx: address(2) }).run(READ);
    pte(1, (FRAME + 0x1000n) | PRESENT | WRITE | GLOBAL);
    pte(2, (FRAME + 0x1000n) | PRESENT | WRITE);
    guest.run([...RELOAD_CR3, ...READ]);
    expect(guest.get("rax")).toBe(2n);
    guest.set({ rbx: address(1) }).run(READ);
    expect(guest.get("rax")).toBe(1n);
    // mov rcx, cr4; btc rcx, 7; mov cr4, rcx
    guest.run([0x0f, 0x20, 0xe1, 0x48, 0x0f, 0xba, 0xf9, 0x07, 0x0f, 0x22, 0xe1, ...READ]);
    expect(guest.get("rax")).toBe(2n);
  });
});

describe("accesses across pages", () => {
  test("a write whose second page is absent writes nothing and reports that page", () => {
    pte(1, FRAME | PRESENT | WRITE);
    guest.cpu.memory.writeU64(Number(FRAME) + 0xff8, 0x5555555555555555n);
    const outcome = guest.set({ rbx: address(1, 0xffc), rax: 0n }).run(WRITE_IT);
    expect(outcome).toMatchObject({ vector: PF, errorCode: W, offset: 0 });
    expect(cr2()).toBe(address(2));
    expect(guest.cpu.memory.readU64(Number(FRAME) + 0xff8)).toBe(0x5555555555555555n);
  });

  test("reads and writes join pages that are apart in memory", () => {
    pte(1, FRAME | PRESENT | WRITE);
    pte(2, (FRAME + 0x5000n) | PRESENT | WRITE);
    guest.set({ rbx: address(1, 0xffd), rax: 0x8877665544332211n }).run([...WRITE_IT, 0x31, 0xc0, ...READ]);
    expect(guest.get("rax")).toBe(0x8877665544332211n);
    expect(guest.cpu.memory.readU8(Number(FRAME) + 0xfff)).toBe(0x33);
    expect(guest.cpu.memory.readU8(Number(FRAME) + 0x5000)).toBe(0x44);
  });

  test("an instruction across pages: the second page's fault is a fetch at its start", () => {
    pte(1, FRAME | PRESENT);
    // mov eax, imm32 with two bytes on the next page
    guest.cpu.memory.write(Number(FRAME) + 0xffd, Uint8Array.of(0xb8, 0x11, 0x22));
    const outcome = guest.set({ rbx: address(1, 0xffd) }).run(JUMP);
    expect(outcome).toMatchObject({ vector: PF, errorCode: ID, offset: Number(address(1, 0xffd)) - CODE });
    expect(cr2()).toBe(address(2));
    guest.setUp();
    pte(2, (FRAME + 0x5000n) | PRESENT);
    guest.cpu.memory.write(Number(FRAME) + 0x5000, Uint8Array.of(0x33, 0x44, 0xf4));
    guest.set({ rbx: address(1, 0xffd) }).run(JUMP);
    expect(guest.get("rax")).toBe(0x44332211n);
  });

  test("addresses that are not canonical: #GP(0), #SS(0) through the stack", () => {
    expect(guest.set({ rbx: 0x800000000000n }).run(READ)).toMatchObject({ vector: GP, errorCode: 0, offset: 0 });
    guest.setUp();
    // mov rax, [rsp]
    const outcome = guest.set({ rbp: 0x800000000000n }).run([0x48, 0x8b, 0x45, 0x00]);
    expect(outcome).toMatchObject({ vector: SS, errorCode: 0, offset: 0 });
  });
});

describe("32-bit paging", () => {
  const DIRECTORY = 0x20000;
  function enable(pae: boolean): void {
    const state = guest.cpu.state;
    state.setBigUint64(S.CR3, BigInt(DIRECTORY), true);
    state.setBigUint64(S.CR4, pae ? 0x620n : 0x610n, true);
    state.setBigUint64(S.CR0, 0x80010031n, true);
    guest.cpu.updateMode();
  }
  // mov eax, [ebx]; mov [ebx], eax
  const READ32 = [0x8b, 0x03];
  const WRITE32 = [0x89, 0x03];

  test("4 KiB and 4 MiB pages of two levels", () => {
    guest = new Guest(32);
    const memory = guest.cpu.memory;
    memory.writeU32(DIRECTORY, 0x83);
    memory.writeU32(DIRECTORY + 4, 0x21003);
    memory.writeU32(0x21000 + 8, 0x300001);
    memory.writeU32(0x300010, 0xabcd);
    enable(false);
    guest.set({ rbx: 0x402010n }).run(READ32);
    expect(guest.get("rax")).toBe(0xabcdn);
    expect(guest.set({ rbx: 0x402010n }).run(WRITE32)).toMatchObject({ vector: PF, errorCode: P | W });
    expect(cr2()).toBe(0x402010n);
    expect(memory.readU32(DIRECTORY)).toBe(0xe3);
  });

  test("PAE: 4 KiB and 2 MiB pages, an absent directory", () => {
    guest = new Guest(32);
    const memory = guest.cpu.memory;
    memory.writeU64(DIRECTORY, 0x21001n);
    memory.writeU64(0x21000, 0x83n);
    memory.writeU64(0x21008, 0x22003n);
    memory.writeU64(0x22000, 0x300003n);
    memory.writeU32(0x300004, 77);
    enable(true);
    guest.set({ rbx: 0x200004n }).run(READ32);
    expect(guest.get("rax")).toBe(77n);
    expect(guest.set({ rbx: 0x40000000n }).run(READ32)).toMatchObject({ vector: PF, errorCode: 0 });
  });
});

describe("code that changes", () => {
  test("an instruction that overwrites the next one", () => {
    // mov byte [rip+1], 0x41 -> the immediate of: mov al, 0x40
    const outcome = guest.run([0xc6, 0x05, 0x01, 0x00, 0x00, 0x00, 0x41, 0xb0, 0x40]);
    expect(outcome.vector).toBeUndefined();
    expect(guest.get("rax") & 0xffn).toBe(0x41n);
  });

  test("code written through another linear address", () => {
    pte(1, BigInt(CODE & ~0xfff) | PRESENT | WRITE);
    // call what increments eax, change it through the alias to decrement, call it again
    const target = 0x40;
    guest.cpu.memory.write(CODE + target, Uint8Array.of(0xff, 0xc0, 0xc3));
    const call = (at: number): number[] => [0xe8, target - (at + 5), 0, 0, 0];
    guest.set({ rbx: address(1, (CODE & 0xfff) + target + 1), rax: 10n });
    guest.run([...call(0), 0xc6, 0x03, 0xc8, ...call(8)]);
    expect(guest.get("rax")).toBe(10n);
  });

  test("code that the host writes", () => {
    guest.set({ rax: 0n }).run([0xff, 0xc0]);
    guest.run([0xff, 0xc8]);
    expect(guest.get("rax")).toBe(0n);
  });
});
