// The jump cache (assembly/translate/jump-cache.ts): what it knows must outlive a change of address spaces where the same
// code is seen again, and must not where other code is. Functions of one page are called through a register, so that each
// call asks the cache.
import { beforeEach, expect, test } from "vitest";
import { DATA, Guest } from "./harness";

const PRESENT_WRITE_USER = 7n;
const PAGE = 4096;
/** The linear page of the functions, in either address space. */
const FUNCTIONS = 0x8000000000n;
const COUNT = 8;
const STRIDE = 16;
const FRAME_A = 0x300000;
const FRAME_B = 0x301000;
const PML4 = 0x10000;
/** For each address space a PDPT, a page directory and a page table, and a PML4 for the second. */
const TABLES_A = 0x20000;
const TABLES_B = 0x24000;
const PML4_B = 0x28000;
const ROUNDS = 200;

/** mov cr3, rsi; mov cr3, rdi */
const LOAD_A = [0x0f, 0x22, 0xde];
const LOAD_B = [0x0f, 0x22, 0xdf];
const INVLPG_RAX = [0x0f, 0x01, 0x38];
/** For each function: lea r8, [rax + n * STRIDE]; call r8; add edx, ebx */
const CALL_ALL = Array.from({ length: COUNT }, (_, n) => [
  ...[0x4c, 0x8d, 0x40, n * STRIDE],
  ...[0x41, 0xff, 0xd0],
  ...[0x01, 0xda],
]).flat();

let guest: Guest;

/** mov ebx, value; ret */
function writeFunctions(frame: number, value: number): void {
  for (let n = 0; n < COUNT; n++) {
    guest.cpu.memory.write(frame + n * STRIDE, Uint8Array.of(0xbb, value & 0xff, value >> 8, 0, 0, 0xc3));
  }
}

function mapFunctions(tables: number, frame: number): void {
  const { memory } = guest.cpu;
  memory.writeU64(tables, BigInt(tables + PAGE) | PRESENT_WRITE_USER);
  memory.writeU64(tables + PAGE, BigInt(tables + 2 * PAGE) | PRESENT_WRITE_USER);
  memory.writeU64(tables + 2 * PAGE, BigInt(frame) | PRESENT_WRITE_USER);
}

/** Runs `body` ROUNDS times (sub ecx, 1; jnz). @returns EDX, which was 0 */
function rounds(body: readonly number[]): number {
  const back = -(body.length + 9);
  const code = [...body, 0x83, 0xe9, 0x01, 0x0f, 0x85, back & 0xff, (back >> 8) & 0xff, 0xff, 0xff];
  guest
    .set({ rax: FUNCTIONS, rcx: BigInt(ROUNDS), rdx: 0n, rsi: BigInt(PML4), rdi: BigInt(PML4_B), r9: BigInt(DATA) })
    .run(code, 100_000);
  expect(guest.get("rcx")).toBe(0n);
  return Number(guest.get("rdx"));
}

beforeEach(() => {
  guest = new Guest(64);
  const { memory } = guest.cpu;
  mapFunctions(TABLES_A, FRAME_A);
  mapFunctions(TABLES_B, FRAME_B);
  memory.writeU64(PML4 + 8, BigInt(TABLES_A) | PRESENT_WRITE_USER);
  memory.write(PML4_B, memory.read(PML4, PAGE)!);
  memory.writeU64(PML4_B + 8, BigInt(TABLES_B) | PRESENT_WRITE_USER);
  writeFunctions(FRAME_A, 1);
  writeFunctions(FRAME_B, 1000);
  guest.cpu.setTranslateAtOnce(true);
  guest.cpu.setTranslateThreshold(3);
});

test("each address space runs its own code at the same addresses", () => {
  expect(rounds([...LOAD_A, ...CALL_ALL, ...LOAD_B, ...CALL_ALL])).toBe(ROUNDS * COUNT * 1001);
});

test("code that is seen again after CR3 was loaded is found without the run loop", () => {
  rounds([...LOAD_A, ...CALL_ALL]);
  const before = guest.cpu.statistics();
  expect(rounds([...LOAD_A, ...CALL_ALL])).toBe(ROUNDS * COUNT);
  const after = guest.cpu.statistics();
  expect(after.chained - before.chained).toBeGreaterThan(ROUNDS * (COUNT - 2));
  // The TLB is filled anew by the run loop: for the loop's page, and for that of the functions.
  expect(after.leaves.miss - before.leaves.miss).toBeLessThan(ROUNDS * 4);
});

test("a page that is mapped elsewhere runs other code from INVLPG on", () => {
  const { memory } = guest.cpu;
  // xor the page table's entry: mov r10, [r9]; xor [table], r10 with the table's address in r11
  memory.writeU64(DATA, BigInt(FRAME_A ^ FRAME_B));
  const table = TABLES_A + 2 * PAGE;
  const remap = [
    ...[0x4d, 0x8b, 0x11],
    ...[0x49, 0xc7, 0xc3, table & 0xff, (table >> 8) & 0xff, (table >> 16) & 0xff, 0],
    ...[0x4d, 0x31, 0x13],
    ...INVLPG_RAX,
  ];
  expect(rounds([...CALL_ALL, ...remap])).toBe((ROUNDS / 2) * COUNT * 1001);
});

test("functions that were written over are not run any more, in any address space", () => {
  mapFunctions(TABLES_B, FRAME_A);
  const both = [...LOAD_A, ...CALL_ALL, ...LOAD_B, ...CALL_ALL];
  for (const value of [1, 7, 300]) {
    writeFunctions(FRAME_A, value);
    expect(rounds(both)).toBe(ROUNDS * COUNT * 2 * value);
  }
  expect(guest.cpu.statistics().translatedInstructions).toBeGreaterThan(ROUNDS * COUNT * 3);
});
