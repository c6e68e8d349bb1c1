// Tells where two traces of one program part, and cuts a program down to what it takes to part them.

import * as S from "../../../assembly/state";
import { RECORDED_FLAGS, STATE_START, type Stop, type Trace } from "./engine";
import { without, type Piece, type Program } from "./program";

const NAMES = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split(" ");

function hex(value: bigint | number): string {
  return value.toString(16);
}

/** What a byte of the state belongs to. */
function fieldName(offset: number): string {
  const address = offset + STATE_START;
  if (address < S.ZERO_REG) return NAMES[(address - S.REGS) >> 3] as string;
  if (address < S.RIP + 8) return "rip";
  const named: [string, number, number][] = [
    ["flags", S.FLAG_RESULT, 16],
    ["EFLAGS", S.EFLAGS, 4],
    ["CPL", S.CPL, 4],
    ["instruction count", S.INSTRUCTION_COUNT, 8],
    ["segment", S.SEGMENTS, 256],
    ["CR2", S.CR2, 8],
    ["x87", S.FPU_REGISTERS, 0xa0],
    ["MXCSR", S.MXCSR, 4],
    ["XMM", S.XMM, 256],
  ];
  const found = named.find(([, start, length]) => address >= start && address < start + length);
  return found ? `${found[0]}+${hex(address - found[1])}` : `state ${hex(address)}`;
}

function field(stop: Stop, offset: number): string {
  const view = new DataView(stop.state.buffer, stop.state.byteOffset);
  if (offset >= RECORDED_FLAGS && offset < RECORDED_FLAGS + 4) return hex(view.getUint32(RECORDED_FLAGS, true));
  return hex(view.getBigUint64(offset & ~7, true));
}

export function describe(stop: Stop): string {
  const view = new DataView(stop.state.buffer, stop.state.byteOffset);
  const registers = NAMES.map((name, n) => `${name} ${hex(view.getBigUint64(n * 8, true))}`).join(" ");
  const rip = hex(view.getBigUint64(S.RIP - STATE_START, true));
  return `exit ${stop.exit} count ${stop.count} rip ${rip} flags ${field(stop, RECORDED_FLAGS)} ${registers}`;
}

/** @returns the first difference, or undefined if there is none */
export function compare(reference: Trace, other: Trace): string | undefined {
  const count = Math.max(reference.stops.length, other.stops.length);
  for (let n = 0; n < count; n++) {
    const [a, b] = [reference.stops[n], other.stops[n]];
    if (!a || !b) return `stop ${n} is missing in ${a ? "the other" : "the reference"}`;
    const difference = compareStops(a, b);
    if (difference === undefined) continue;
    const before = n > 0 ? `\nbefore:    ${describe(reference.stops[n - 1] as Stop)}` : "";
    const calls = compareCalls(reference, other);
    return `stop ${n}: ${difference}${calls ? `; ${calls}` : ""}${before}\nreference: ${describe(a)}\nother:     ${describe(b)}`;
  }
  const calls = compareCalls(reference, other);
  if (calls) return calls;
  if (Buffer.compare(reference.memory, other.memory) === 0) return undefined;
  const at = reference.memory.findIndex((byte, index) => byte !== other.memory[index]);
  return `memory at ${hex(at)}: ${hex(other.memory[at] as number)}, reference ${hex(reference.memory[at] as number)}`;
}

function compareStops(a: Stop, b: Stop): string | undefined {
  if (a.exit !== b.exit) return `exit ${b.exit}, reference ${a.exit}`;
  if (a.count !== b.count) return `count ${b.count}, reference ${a.count}`;
  if (Buffer.compare(a.state, b.state) === 0) return undefined;
  const parts: string[] = [];
  let last = "";
  for (let offset = 0; offset < a.state.length; offset++) {
    if (a.state[offset] === b.state[offset]) continue;
    const name = fieldName(offset);
    if (name === last) continue;
    last = name;
    parts.push(`${name} = ${field(b, offset)}, reference ${field(a, offset)}`);
    if (parts.length === 6) break;
  }
  return parts.join("; ");
}

function compareCalls(reference: Trace, other: Trace): string | undefined {
  const count = Math.max(reference.calls.length, other.calls.length);
  for (let n = 0; n < count; n++) {
    const [a, b] = [reference.calls[n], other.calls[n]];
    if (a !== b) return `call ${n}: ${b ?? "none"}, reference ${a ?? "none"}`;
  }
  return undefined;
}

/** Leaves out pieces, many at once first, as long as the program still `differs`. */
export function minimise(program: Program, differs: (program: Program) => boolean): Program {
  const removed = new Set<Piece>();
  const all = program.pieces;
  for (let size = all.length >> 1; size >= 1; size >>= 1) {
    for (let start = 0; start < all.length; start += size) {
      const more = all.slice(start, start + size).filter((piece) => !removed.has(piece));
      if (more.length === 0) continue;
      const trial = new Set([...removed, ...more]);
      if (!differs(without(program, trial))) continue;
      more.forEach((piece) => removed.add(piece));
    }
  }
  let least = without(program, removed);
  // Fewer slices: from the end, then joined.
  while (least.slices.length > 1) {
    const shorter = { ...least, slices: least.slices.slice(0, -1) };
    if (!differs(shorter)) break;
    least = shorter;
  }
  return least;
}

/** A program in a few lines: its world, and its pieces as bytes. */
export function listing(program: Program): string {
  const world = JSON.stringify(program.world);
  const pieces = program.pieces.map(({ address, bytes, name }) => {
    const code = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    return `  ${hex(address)}: ${code.padEnd(48)} ${name}`;
  });
  const slices = program.slices.map(({ length, after }) => `${length} ${after.kind} ${hex(after.value)}`).join(", ");
  return [`seed ${program.seed} ${world}`, `entry ${hex(program.entry)}`, ...pieces, `slices ${slices}`].join("\n");
}
