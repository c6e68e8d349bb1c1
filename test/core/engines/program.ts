// Programs of the fuzzer: a world, pieces of code in it, and when the host interferes.

import { Random } from "./random";
import { CodeWriter } from "./code-writer";
import { FOCI, writeLeaf, writePiece } from "./pieces";
import {
  CODE,
  CODE_PAGES,
  DATA,
  DATA_BASED,
  DATA_DOWN,
  DATA_LIMITED,
  DATA_PAGES,
  DATA_READ_ONLY,
  RAM_SIZE,
  RECOVERY,
  STACK_LIMITED,
  STACK_TOP,
  TOP_PAGE,
  USER_STACK_LIMITED,
  buildMemory,
  codeSelectors,
  flatCode,
  flatData,
  type World,
} from "./world";

/** What the host does between two runs. */
export interface Action {
  readonly kind: "none" | "interrupt" | "nmi" | "write";
  readonly value: number;
}

/** A run of so many instructions. */
export interface Slice {
  readonly length: number;
  readonly after: Action;
}

/** Some instructions of a program; one that is left out becomes NOPs. */
export interface Piece {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly name: string;
}

export interface Program {
  readonly seed: number;
  readonly world: World;
  readonly pieces: readonly Piece[];
  readonly entry: number;
  readonly registers: readonly bigint[];
  readonly xmm: Uint8Array;
  readonly memory: Uint8Array;
  readonly slices: readonly Slice[];
}

/** Chunks of code that jumps lead to. */
const CHUNKS = 32;

function makeWorld(random: Random): World {
  const kind = random.pick(["long", "long", "long", "protected", "protected", "protected", "compatibility"] as const);
  const paging = kind === "protected" ? random.pick(["none", "32-bit", "PAE"] as const) : "4-level";
  const user = random.once(2);
  const data = flatData(user);
  const oddSegments = kind !== "long" && random.once(3);
  const anyData = (): number =>
    oddSegments && random.once(2) ? random.pick([DATA_LIMITED, DATA_BASED, DATA_DOWN, DATA_READ_ONLY, 0]) : data;
  const debug = random.once(8);
  const interrupts = random.once(8) ? 0 : 0x200;
  const ioPrivilege = random.once(4) ? 0 : 0x3000;
  const step = random.once(12) ? 0x100 : 0;
  const direction = random.once(8) ? 0x400 : 0;
  const alignment = random.once(10) ? 0x40000 : 0;
  const breakpoints = [0, 1, 2, 3].map(() => (random.once(3) ? CODE : DATA) + random.below(0x3000));
  return {
    kind,
    paging,
    user,
    ds: anyData(),
    es: anyData(),
    ss: oddSegments && random.once(2) ? (user ? USER_STACK_LIMITED : STACK_LIMITED) : data,
    cs: kind !== "long" && random.once(8) ? random.pick(codeSelectors(user)) : flatCode(kind, user),
    flags: interrupts | ioPrivilege | step | direction | alignment,
    alignmentMask: random.once(2),
    writeProtect: random.once(2),
    smap: paging === "4-level" && random.once(4),
    dr7: debug ? random.next() & 0xffff00ff & (random.once(2) ? 0xffff0055 : 0x33330005) : 0,
    breakpoints,
  };
}

function makeSlices(random: Random, instructions: number): Slice[] {
  const slices: Slice[] = [];
  for (let left = instructions; left > 0;) {
    const length = 1 + random.below(random.pick([4, 100, 1000, instructions >> 1]));
    const kind = random.pick(["none", "none", "interrupt", "interrupt", "nmi", "write"] as const);
    const target = random.once(2) ? CODE + random.below(CODE_PAGES << 12) : DATA + random.below(DATA_PAGES << 12);
    const value = kind === "write" ? (target << 8) | random.below(256) : 32 + random.below(16);
    slices.push({ length, after: { kind, value } });
    left -= length;
  }
  return slices;
}

/** Code in chunks: each begins where jumps may lead, and ends with a jump to another or by running into the next. */
function writeCode(random: Random, world: World): { pieces: Piece[]; chunks: number[] } {
  const chunks: number[] = [];
  let address = CODE + random.below(64);
  for (let n = 0; n < CHUNKS; n++) {
    chunks.push(address);
    // Some of them just before the end of a page, so that code runs across it.
    if (random.once(6)) address = ((address + 0xfff) & ~0xfff) + (random.once(2) ? -random.below(40) : 0);
    address += 64 + random.below(random.once(4) ? 700 : 120);
  }
  const limit = CODE + (CODE_PAGES << 12) - 64;
  // The last page has code in any case: it is mapped at the top of the lower half of the address space, too.
  const last = CODE + (CODE_PAGES << 12) - 0x800;
  const used = [...chunks.filter((chunk) => chunk < last - 64), last];
  const leaves = used.filter(() => random.once(5));
  const focus = random.once(2) ? random.pick(FOCI) : undefined;
  const pieces: Piece[] = [];
  used.forEach((chunk, n) => {
    const end = Math.min(used[n + 1] ?? limit, chunk + 600);
    const writer = new CodeWriter(random, world, chunk, end, used, leaves);
    const length = 3 + random.below(24);
    if (leaves.includes(chunk)) writeLeaf(writer);
    while (writer.pieces.length < length && writer.room > 80) writePiece(writer, focus);
    writer.finish(used[n + 1] ?? (used[0] as number));
    pieces.push(...writer.pieces);
  });
  return { pieces, chunks: used };
}

/** A double, or two singles, such as programs compute with: results are mostly normal numbers, now and then exact. */
function writeFloat(random: Random, view: DataView, at: number): void {
  const number = (): number => {
    const value = random.once(3)
      ? random.below(64) - 32
      : (random.next() / 0x10000000 - 8) * 2 ** (random.below(40) - 20);
    return random.once(12)
      ? random.pick([0, -0, Infinity, NaN, 1e-310, 1e-40, 1e-200, 1e-200, 1e-25, 1e300, 4294967296.5, -2147483648])
      : value;
  };
  if (random.once(3)) {
    view.setFloat32(at, number(), true);
    view.setFloat32(at + 4, number(), true);
  } else view.setFloat64(at, number(), true);
}

/** The program of a seed, to run for about so many instructions. */
export function makeProgram(seed: number, instructions: number): Program {
  const random = new Random(seed);
  const world = makeWorld(random);
  const { pieces, chunks } = writeCode(random, world);
  const memory = buildMemory(world);
  const view = new DataView(memory.buffer);
  for (let at = DATA; at < DATA + (DATA_PAGES << 12); at += 8) {
    // Data has addresses in it, too: for what loads pointers from memory.
    if (random.once(4)) writeFloat(random, view, at);
    else view.setBigUint64(at, random.once(4) ? BigInt(random.pick(chunks)) : random.value(64), true);
  }
  for (let at = STACK_TOP - 0x1000; at < STACK_TOP; at += 8) view.setBigUint64(at, BigInt(random.pick(chunks)), true);
  for (let n = 0; n < 32; n++) view.setBigUint64(RECOVERY + n * 8, BigInt(random.pick(chunks)), true);
  if (world.kind === "long") {
    // Code at the top of the lower half is the last page of code under another address.
    view.setBigUint64(RECOVERY, TOP_PAGE + 0x800n, true);
  }
  for (const { address, bytes } of pieces) memory.set(bytes, address);
  const registers = Array.from({ length: 16 }, (_, n) => {
    if (n === 4) return BigInt(STACK_TOP - 0x400);
    if (world.kind !== "long" && n > 7) return 0n;
    if (n === 3 || n === 6 || n === 7 || n === 13) return BigInt(DATA + random.below(DATA_PAGES << 12));
    return random.value(world.kind === "long" ? 64 : 32);
  });
  const xmm = Uint8Array.from({ length: 256 }, () => random.below(256));
  for (let n = 0; n < 32; n++) if (random.once(2)) writeFloat(random, new DataView(xmm.buffer), n * 8);
  return {
    seed,
    world,
    pieces,
    entry: chunks[0] as number,
    registers,
    xmm,
    memory,
    slices: makeSlices(random, instructions),
  };
}

/** The same program with some of its pieces blanked. */
export function without(program: Program, removed: ReadonlySet<Piece>): Program {
  const memory = program.memory.slice();
  for (const { address, bytes } of removed) memory.fill(0x90, address, address + bytes.length);
  return { ...program, memory, pieces: program.pieces.filter((piece) => !removed.has(piece)) };
}

export { RAM_SIZE };
