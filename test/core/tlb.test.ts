// The TLB's size, which no program may notice: growth and shrinking, and that what forgets translations forgets them
// at every size. The guest's tables are made here, as in paging.test.ts.
import { beforeEach, describe, expect, test } from "vitest";
import * as S from "../../assembly/state";
import { Guest } from "./harness";

const PRESENT = 1n;
const WRITE = 2n;
const USER = 4n;
const LARGE = 0x80n;
const GLOBAL = 0x100n;
const CR4_PGE = 0x80n;
const PAGE = 4096;
const MIB = 1 << 20;

/** Linear addresses from here on are mapped by PD at 0x21000: 128 MiB by 4 KiB pages, PT after PT from 0x100000 on. */
const BASE = 0x8000000000n;
const PDPT = 0x20000;
const PD = 0x21000;
const PTS = 0x100000;
const TABLES = 64;
const FRAME = 0x300000;
/** The smallest TLB has one entry for pages this far apart. */
const APART = S.TLB_ENTRIES_MIN * PAGE;

// mov rax, [rbx]; mov [rbx], rax; invlpg [rbx]; mov rdx, cr3 and back
const READ = [0x48, 0x8b, 0x03];
const STORE = [0x48, 0x89, 0x03];
const INVLPG = [0x0f, 0x01, 0x3b];
const RELOAD_CR3 = [0x0f, 0x20, 0xda, 0x0f, 0x22, 0xda];
/** mov rcx, cr4; btc rcx, 7; mov cr4, rcx */
const SWITCH_PGE = [0x0f, 0x20, 0xe1, 0x48, 0x0f, 0xba, 0xf9, 0x07, 0x0f, 0x22, 0xe1];
/** sub ecx, 1; jnz to the start of `body` */
const repeat = (body: readonly number[]): number[] => [...body, 0x83, 0xe9, 0x01, 0x75, -(body.length + 5) & 0xff];

let guest: Guest;

function map(offset: number, physical: number, bits = 0n): void {
  guest.cpu.memory.writeU64(PTS + (offset / PAGE) * 8, BigInt(physical) | PRESENT | WRITE | USER | bits);
}
function at(offset: number): bigint {
  return BASE + BigInt(offset);
}
function entries(): number {
  return guest.cpu.statistics().tlbEntries;
}
function fills(): number {
  return guest.cpu.statistics().tlbFills;
}
function read(offset: number): bigint {
  guest.set({ rbx: at(offset) }).run(READ);
  return guest.get("rax");
}

function makeGuest(): Guest {
  guest = new Guest(64);
  const { memory, state } = guest.cpu;
  memory.writeU64(0x10008, BigInt(PDPT) | PRESENT | WRITE | USER);
  memory.writeU64(PDPT, BigInt(PD) | PRESENT | WRITE | USER);
  for (let n = 0; n < TABLES; n++) {
    memory.writeU64(PD + n * 8, BigInt(PTS + n * PAGE) | PRESENT | WRITE | USER);
  }
  for (let page = 0; page < TABLES * 512; page++) map(page * PAGE, FRAME);
  state.setBigUint64(S.CR4, state.getBigUint64(S.CR4, true) | CR4_PGE, true);
  guest.cpu.updateMode();
  return guest;
}

/** Reads two pages in turn that take the same entry, until the TLB has grown. */
function grow(): void {
  // mov rax, [rbx]; mov rdx, [rsi]
  guest.set({ rbx: at(0), rsi: at(APART), rcx: 40_000n }).run(repeat([...READ, 0x48, 0x8b, 0x16]), 1_000_000);
  guest.run([]);
  expect(entries()).toBe(S.TLB_ENTRIES_MAX);
}

/** Loads CR3 again and again, with little in between, until the TLB has shrunk. */
function shrink(): void {
  // What was filled since the size was last thought about must not count.
  for (let n = 0; n < 2; n++) guest.set({ rcx: 3000n }).run(repeat(RELOAD_CR3), 100_000);
  guest.run([]);
  expect(entries()).toBe(S.TLB_ENTRIES_MIN);
}

beforeEach(() => {
  makeGuest();
});

describe("the size", () => {
  test("grows when two pages take an entry from each other, which then have one each", () => {
    expect(entries()).toBe(S.TLB_ENTRIES_MIN);
    grow();
    read(0);
    read(APART);
    const before = fills();
    guest.set({ rbx: at(0), rsi: at(APART), rcx: 1000n }).run(repeat([...READ, 0x48, 0x8b, 0x16]));
    expect(fills() - before).toBeLessThan(5);
  });

  test("shrinks when little is found at each flush, and grows again", () => {
    const before = guest.cpu.statistics();
    grow();
    shrink();
    grow();
    const after = guest.cpu.statistics();
    expect(after.tlbResizes - before.tlbResizes).toBe(3);
    expect(after.tlbFlushes - before.tlbFlushes).toBe(6000);
  });

  test("stays while each flush comes before the next entries are needed", () => {
    // mov rax, [rbx]; add rbx, 4096; the start again, and CR3, after each 256 pages
    const walk = [...READ, 0x48, 0x81, 0xc3, 0, 0x10, 0, 0];
    for (let n = 0; n < 300; n++) {
      guest.set({ rbx: at(0), rcx: 256n }).run([...RELOAD_CR3, ...repeat(walk)]);
    }
    expect(fills()).toBeGreaterThan(0x10000);
    expect(entries()).toBe(S.TLB_ENTRIES_MIN);
  });

  test("is decided by what the program does alone", () => {
    const run = (): unknown => {
      makeGuest();
      grow();
      shrink();
      const { tlbFills, tlbFlushes, tlbResizes } = guest.cpu.statistics();
      return { tlbFills, tlbFlushes, tlbResizes };
    };
    expect(run()).toEqual(run());
  });

  test("is the size that translated code goes by", () => {
    guest.cpu.setTranslateAtOnce(true);
    guest.cpu.setTranslateThreshold(10);
    // mov rax, [rbx]; add rdi, rax; mov rdx, [rsi]; add rdi, rdx
    const loop = repeat([...READ, 0x48, 0x01, 0xc7, 0x48, 0x8b, 0x16, 0x48, 0x01, 0xd7]);
    const { memory } = guest.cpu;
    map(0, FRAME);
    map(APART, FRAME + PAGE);
    memory.writeU64(FRAME, 1n);
    memory.writeU64(FRAME + PAGE, 1000n);
    const sum = (): bigint => {
      guest.set({ rbx: at(0), rsi: at(APART), rcx: 40_000n, rdi: 0n }).run(loop, 1_000_000);
      return guest.get("rdi");
    };
    expect(sum()).toBe(40_040_000n);
    const before = guest.cpu.statistics();
    expect(sum()).toBe(40_040_000n);
    const after = guest.cpu.statistics();
    expect(after.tlbEntries).toBe(S.TLB_ENTRIES_MAX);
    // Each miss would have left a block to the interpreter.
    expect(after.translatedInstructions - before.translatedInstructions).toBeGreaterThan(6 * 39_000);
    shrink();
    expect(sum()).toBe(40_040_000n);
  });
});

describe.each([
  ["as it begins", () => undefined],
  ["grown", grow],
  [
    "shrunk",
    () => {
      grow();
      shrink();
    },
  ],
])("the TLB %s", (_name, prepare) => {
  /** The page's entry in a large TLB lies beyond those of a small one. */
  const FAR = 48 * MIB;
  const memory = (): Guest["cpu"]["memory"] => guest.cpu.memory;

  beforeEach(() => {
    prepare();
    memory().writeU64(FRAME, 1n);
    memory().writeU64(FRAME + PAGE, 2n);
    memory().writeU64(FRAME + 2 * PAGE, 3n);
  });

  test("keeps a translation, until INVLPG", () => {
    expect(read(FAR)).toBe(1n);
    map(FAR, FRAME + PAGE);
    expect(read(FAR)).toBe(1n);
    guest.run([...INVLPG, ...READ]);
    expect(guest.get("rax")).toBe(2n);
  });

  test("forgets all of a large page at INVLPG", () => {
    const entry = PD + (FAR / (2 * MIB)) * 8;
    memory().writeU64(0x405000, 5n);
    memory().writeU64(0x605000, 6n);
    memory().writeU64(entry, 0x400000n | PRESENT | WRITE | LARGE);
    guest.set({ rbx: at(FAR) }).run(INVLPG);
    expect(read(FAR + 0x5000)).toBe(5n);
    memory().writeU64(entry, 0x600000n | PRESENT | WRITE | LARGE);
    expect(read(FAR + 0x5000)).toBe(5n);
    guest.set({ rbx: at(FAR) }).run(INVLPG);
    expect(read(FAR + 0x5000)).toBe(6n);
  });

  test("forgets all of a 1 GiB page at INVLPG, and nothing of it at that of another page", () => {
    const giant = 1024 * MIB;
    memory().writeU64(PDPT + 8, PRESENT | WRITE | LARGE);
    expect(read(giant + FRAME)).toBe(1n);
    expect(read(FAR)).toBe(1n);
    memory().writeU64(PDPT + 8, BigInt(PD) | PRESENT | WRITE);
    map(FRAME, FRAME + PAGE);
    const before = fills();
    guest.set({ rbx: at(FAR) }).run(INVLPG);
    expect(read(giant + FRAME)).toBe(1n);
    expect(fills()).toBe(before);
    guest.set({ rbx: at(giant + FRAME + 16 * PAGE) }).run(INVLPG);
    expect(read(giant + FRAME)).toBe(2n);
  });

  /**
   * By the time that many() comes here, more entries were filled than are noted one by one, at any size; and in a small
   * TLB none of those that were noted is this page's.
   */
  const LATE = (TABLES * 512 - 1000) * PAGE;
  /** Reads every page from the first on. */
  const many = (): void => {
    // mov rax, [rbx]; add rbx, 4096
    guest.set({ rbx: at(0), rcx: BigInt(TABLES * 512) });
    guest.run(repeat([...READ, 0x48, 0x81, 0xc3, 0, 0x10, 0, 0]), 200_000);
    expect(guest.get("rcx")).toBe(0n);
  };
  test.each([
    ["few", () => undefined],
    ["many", many],
  ])("at a load of CR3 keeps what is global alone, after %s fills", (_fills, fill) => {
    map(LATE, FRAME, GLOBAL);
    map(LATE + PAGE, FRAME);
    guest.set({ rbx: at(LATE) }).run(INVLPG);
    guest.set({ rbx: at(LATE + PAGE) }).run(INVLPG);
    fill();
    expect(read(LATE)).toBe(1n);
    expect(read(LATE + PAGE)).toBe(1n);
    map(LATE, FRAME + PAGE, GLOBAL);
    map(LATE + PAGE, FRAME + 2 * PAGE);
    guest.run(RELOAD_CR3);
    expect(read(LATE)).toBe(1n);
    expect(read(LATE + PAGE)).toBe(3n);
    guest.run(SWITCH_PGE);
    expect(read(LATE)).toBe(2n);
  });

  test("takes the right to write from a page that comes to hold code", () => {
    const page = FRAME + 3 * PAGE;
    map(FAR, page);
    guest.set({ rbx: at(FAR) }).run(INVLPG);
    // inc eax; ret
    memory().write(page, Uint8Array.of(0xff, 0xc0, 0xc3));
    // Not run yet: it may be written at will.
    guest.set({ rbx: at(FAR + 0x800) }).run(STORE);
    // call rdi; mov byte [rbx], 0xc8; call rdi: the second one finds dec eax
    guest.set({ rbx: at(FAR + 1), rdi: BigInt(page), rax: 10n });
    guest.run([0xff, 0xd7, 0xc6, 0x03, 0xc8, 0xff, 0xd7]);
    expect(guest.get("rax")).toBe(10n);
  });
});

test("an entry that a smaller TLB does not look at is gone when it grows again", () => {
  const far = 48 * MIB;
  const { memory } = guest.cpu;
  memory.writeU64(FRAME, 1n);
  memory.writeU64(FRAME + PAGE, 2n);
  map(far, FRAME, GLOBAL);
  grow();
  expect(read(far)).toBe(1n);
  shrink();
  map(far, FRAME + PAGE, GLOBAL);
  guest.set({ rbx: at(far) }).run(INVLPG);
  grow();
  expect(read(far)).toBe(2n);
});

describe("REP MOVS between pages that take the same entry", () => {
  const COUNT = BigInt(PAGE / 4);
  const REP_MOVSD = [0xf3, 0xa5];

  function set(source: number, target: number): void {
    guest.set({ rsi: at(source), rdi: at(target), rcx: COUNT });
  }

  test("fills once for each page", () => {
    map(0, FRAME);
    map(APART, FRAME + PAGE);
    const data = Uint8Array.from({ length: PAGE }, (_, n) => (n * 7) ^ (n >> 3));
    guest.cpu.memory.write(FRAME, data);
    set(0, APART);
    const before = fills();
    expect(guest.run(REP_MOVSD).vector).toBeUndefined();
    expect(fills() - before).toBeLessThan(5);
    expect(guest.cpu.memory.read(FRAME + PAGE, PAGE)).toEqual(data);
    expect(guest.get("rcx")).toBe(0n);
    expect(guest.get("rdi")).toBe(at(APART + PAGE));
  });

  test.each([
    ["source", 0, 0],
    ["target", APART, 2],
  ])("reports its absent %s, having moved nothing", (_name, absent, errorCode) => {
    guest.cpu.memory.writeU64(PTS + (absent / PAGE) * 8, 0n);
    set(0, APART);
    expect(guest.run(REP_MOVSD)).toMatchObject({ vector: 14, errorCode, offset: 0 });
    expect(guest.cpu.state.getBigUint64(S.CR2, true)).toBe(at(absent));
    expect(guest.get("rcx")).toBe(COUNT);
    expect(guest.get("rsi")).toBe(at(0));
  });
});

describe("the TLB's memory", () => {
  test("has room for the largest size, and reaches into nothing else", () => {
    expect(S.TLB_SET_SIZE).toBe(S.TLB_ENTRIES_MAX * S.TLB_ENTRY_SIZE);
    expect(S.TLB + S.TLB_SETS * S.TLB_SET_SIZE).toBeLessThanOrEqual(S.TLB_FILLED);
    expect(S.TLB_FILLED_END - S.TLB_FILLED).toBe((S.TLB_ENTRIES_MAX / 2) * 4);
    expect(S.TLB_FILLED_END).toBeLessThanOrEqual(S.JUMP_CACHE);
    expect(S.JUMP_CACHE + S.JUMP_CACHE_ENTRIES * S.JUMP_ENTRY_SIZE).toBeLessThanOrEqual(S.REGION_RECORDS);
    expect(S.EMITTER).toBeLessThan(S.TLB);
  });

  test("beyond it nothing changes however much is filled", () => {
    grow();
    const bytes = new Uint8Array(guest.cpu.state.buffer);
    // The last set is never filled; what follows the list of filled entries is nobody's.
    const last = bytes.slice(S.TLB + 3 * S.TLB_SET_SIZE, S.TLB_FILLED);
    const walk = [...READ, 0x48, 0x81, 0xc3, 0, 0x10, 0, 0];
    for (let n = 0; n < 3; n++) {
      guest.set({ rbx: at(0), rcx: BigInt(TABLES * 512) }).run([...RELOAD_CR3, ...repeat(walk)], 200_000);
    }
    expect(Buffer.compare(bytes.subarray(S.TLB + 3 * S.TLB_SET_SIZE, S.TLB_FILLED), last)).toBe(0);
    expect(bytes.subarray(S.TLB_FILLED_END, S.JUMP_CACHE).every((byte) => byte === 0)).toBe(true);
    // The list was used to its end.
    expect(bytes.subarray(S.TLB_FILLED_END - 8, S.TLB_FILLED_END).some((byte) => byte !== 0)).toBe(true);
  });
});
