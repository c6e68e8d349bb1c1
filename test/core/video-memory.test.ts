// Video memory: plain memory of the core that is seen where the host puts it, and of which writes are noted.
import { beforeEach, describe, expect, test } from "vitest";
import { Guest } from "./harness";

const SIZE = 1 << 20;
const PLACE = 0xf8000000;
const OTHER = 0xfa300000;
const PAGE = 4096;

// mov [rbx], eax; mov eax, [rbx]
const STORE = [0x89, 0x03];
const LOAD = [0x8b, 0x03];
/** Stores EAX at RBX, RBX + 4 and so on, RCX times: mov [rbx], eax; add rbx, 4; sub ecx, 1; jnz. */
const FILL = [0x89, 0x03, 0x48, 0x83, 0xc3, 0x04, 0x83, 0xe9, 0x01, 0x75, 0xf5];
const REP_STOSD = [0xf3, 0xab];

describe.each([
  ["interpreted", Infinity],
  ["translated", 1],
])("video memory, %s", (_, threshold) => {
  let guest: Guest;
  let deviceAccesses: number;

  beforeEach(() => {
    deviceAccesses = 0;
    const device = {
      mmioRead: (_address: number, size: number) => {
        deviceAccesses++;
        return (1n << BigInt(size * 8)) - 1n;
      },
      mmioWrite: () => void deviceAccesses++,
    };
    guest = new Guest(64, device, 16 << 20, SIZE);
    guest.cpu.setTranslateThreshold(threshold);
    guest.cpu.setTranslateAtOnce(true);
    expect(guest.cpu.video.map(PLACE)).toBe(true);
  });

  const written = (): number[] => {
    const marks = new Uint8Array(SIZE / PAGE);
    guest.cpu.video.takeWritten(marks);
    return [...marks.keys()].filter((page) => marks[page] === 1);
  };
  const word = (offset: number): number => {
    const bytes = new Uint8Array(4);
    guest.cpu.video.read(offset, bytes);
    return new DataView(bytes.buffer).getUint32(0, true);
  };

  test("is read and written where it is, and nowhere else", () => {
    guest.set({ rbx: BigInt(PLACE + 0x1234), rax: 0xcafe1234n }).run(STORE);
    expect(word(0x1234)).toBe(0xcafe1234);
    guest.set({ rax: 0n }).run(LOAD);
    expect(guest.get("rax")).toBe(0xcafe1234n);
    expect(deviceAccesses).toBe(0);
    guest.set({ rbx: BigInt(PLACE + SIZE) }).run(LOAD);
    expect(guest.get("rax")).toBe(0xffffffffn);
    expect(deviceAccesses).toBe(1);
  });

  test("moves with what it holds, and what the guest mapped before is forgotten", () => {
    guest.set({ rbx: BigInt(PLACE + 8), rax: 0x11223344n }).run(STORE);
    expect(guest.cpu.video.map(OTHER)).toBe(true);
    guest.run(LOAD);
    expect(guest.get("rax")).toBe(0xffffffffn);
    guest.set({ rbx: BigInt(OTHER + 8) }).run(LOAD);
    expect(guest.get("rax")).toBe(0x11223344n);
    guest.cpu.video.map(undefined);
    guest.run(LOAD);
    expect(guest.get("rax")).toBe(0xffffffffn);
  });

  test("may move to where it partly is, but not on RAM or beyond 4 GiB", () => {
    const { video, memory } = guest.cpu;
    guest.set({ rbx: BigInt(PLACE), rax: 5n }).run(STORE);
    expect(video.map(PLACE + SIZE / 2)).toBe(true);
    for (const place of [0, memory.size - PAGE, 0x100000000 - SIZE + PAGE, PLACE + 1, -PAGE, NaN]) {
      expect(video.map(place)).toBe(false);
    }
    expect(video.gpa).toBe(PLACE + SIZE / 2);
    guest.set({ rbx: BigInt(PLACE + SIZE / 2) }).run(LOAD);
    expect(guest.get("rax")).toBe(5n);
  });

  test("notes each page that is written, once until somebody looks", () => {
    expect(written()).toHaveLength(SIZE / PAGE);
    expect(guest.cpu.video.written).toBe(false);
    expect(written()).toEqual([]);
    for (let round = 0; round < 3; round++) {
      guest.set({ rbx: BigInt(PLACE + 3 * PAGE + 4) }).run(LOAD);
      expect(guest.cpu.video.written).toBe(false);
      guest.set({ rbx: BigInt(PLACE + 3 * PAGE + 4), rax: BigInt(round) }).run(STORE);
      guest.set({ rbx: BigInt(PLACE + 7 * PAGE - 2) }).run(STORE);
      expect(guest.cpu.video.written).toBe(true);
      expect(written()).toEqual([3, 6, 7]);
      expect(word(3 * PAGE + 4)).toBe(round);
    }
  });

  test("is as fast as RAM after a page's first write", () => {
    written();
    const before = guest.cpu.statistics();
    // From a page on that shares no entry of the TLB with the code's.
    const [first, pages] = [32, 128];
    const count = (pages * PAGE) / 4;
    guest.set({ rbx: BigInt(PLACE + first * PAGE), rax: 0x55aa55aan, rcx: BigInt(count) }).run(FILL, 5 * count);
    const after = guest.cpu.statistics();
    expect(guest.get("rcx")).toBe(0n);
    const end = (first + pages) * PAGE;
    expect([first * PAGE - 4, first * PAGE, end - 4, end].map(word)).toEqual([0, 0x55aa55aa, 0x55aa55aa, 0]);
    expect(written()).toHaveLength(pages);
    // A page: translated code looks for its mapping, the write that is noted walks, and the next one maps it.
    expect(after.tlbFills - before.tlbFills).toBeLessThanOrEqual(3 * pages + 2);
    expect(after.leaves.handler - before.leaves.handler).toBeLessThanOrEqual(pages + 1);
    if (threshold === 1)
      expect(after.translatedInstructions - before.translatedInstructions).toBeGreaterThan(3 * count);
    expect(deviceAccesses).toBe(0);
  });

  test("string instructions fill it, and their pages are noted", () => {
    written();
    guest.set({ rdi: BigInt(PLACE + PAGE), rax: 0x01020304n, rcx: BigInt((2 * PAGE) / 4) }).run(REP_STOSD);
    expect(written()).toEqual([1, 2]);
    expect([word(PAGE - 4), word(PAGE), word(3 * PAGE - 4), word(3 * PAGE)]).toEqual([0, 0x01020304, 0x01020304, 0]);
  });

  test("code in it runs, also after it was changed", () => {
    // mov eax, imm32; ret
    for (const value of [7, 9]) {
      guest.set({ rdi: BigInt(PLACE + 0x500), rsi: 0n, rax: BigInt(0xb8 | (value << 8)), rcx: 2n });
      guest.run([0x89, 0x07, 0x66, 0xc7, 0x47, 0x04, 0x00, 0xc3]);
      expect(guest.run([0xff, 0xd7]).vector).toBeUndefined();
      expect(guest.get("rax")).toBe(BigInt(value));
    }
  });
});
