// Replays recorded vectors on the core and says where it differs from the processor that they were recorded on.

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { CODE, Guest, readFlags, writeFlags } from "../core/harness";
import * as S from "../../assembly/state";
import { CASES, NO_VECTOR, VectorReader, physicalOrder, type Form, type Result } from "./format";
import { DATA, OPTION_APPROXIMATE, OPTION_X87, OPTION_XMM, WINDOW, makeInputs, type Inputs } from "./inputs";

const GPR_NAMES = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split(" ");
const INSTRUCTION_LIMIT = 1000;

export interface FormReport {
  readonly form: Form;
  /** Cases that differ. */
  readonly failures: number;
  /** What differed in the first of them. */
  readonly first: string | undefined;
}

/** How much of a replay translated code did. */
export interface EngineUse {
  cases: number;
  /** Entries into translated code. */
  entries: number;
}

/** Replays one group's file by the interpreter; with `use` each case but a form's first by translated code. */
export function replay(group: string, use?: EngineUse): FormReport[] {
  const bytes = gunzipSync(readFileSync(new URL(`./${group}.vectors.gz`, import.meta.url)));
  const reader = new VectorReader(bytes);
  const guests = { 32: new Guest(32), 64: new Guest(64) };
  for (const { cpu } of Object.values(guests)) {
    cpu.setTranslateThreshold(use ? 1 : Infinity);
    cpu.setTranslateAtOnce(use !== undefined);
  }
  const reports: FormReport[] = [];
  while (!reader.atEnd) {
    const form = reader.form();
    const guest = guests[form.mode];
    guest.setUp();
    guest.cpu.memory.write(CODE, Uint8Array.from([...form.code, 0xf4]));
    let failures = 0;
    let first: string | undefined;
    for (let number = 0; number < CASES; number++) {
      const inputs = makeInputs(form, number);
      const expected = reader.result(form, inputs);
      const difference = runCase(guest, form, inputs, expected);
      if (difference === undefined) continue;
      failures++;
      first ??= `case ${number}: ${difference}`;
    }
    reports.push({ form, failures, first });
  }
  if (use) {
    use.cases += reports.length * CASES;
    for (const { cpu } of Object.values(guests)) {
      use.entries += Number(new DataView(cpu.state.buffer).getBigUint64(S.STATISTIC_REGION_ENTRIES, true));
    }
  }
  return reports;
}

function runCase(guest: Guest, form: Form, inputs: Inputs, expected: Result): string | undefined {
  const state = guest.cpu.state;
  for (let i = 0; i < 16; i++) state.setBigUint64(S.REGS + i * 8, inputs.gpr[i] as bigint, true);
  // IF, which programs have set.
  writeFlags(state, inputs.flags | 0x202);
  guest.cpu.memory.write(DATA, inputs.memory);
  if ((form.options & OPTION_XMM) !== 0) {
    for (let i = 0; i < 16; i++) guest.cpu.xmm(i).set(inputs.xmm.subarray(i * 16, i * 16 + 16));
    state.setUint32(S.MXCSR, inputs.mxcsr, true);
  }
  if ((form.options & OPTION_X87) !== 0) setX87(state, inputs);
  state.setBigUint64(S.RIP, BigInt(CODE), true);
  state.setUint32(S.HALTED, 0, true);
  state.setUint32(S.EXCEPTION_DELIVERING, 0, true);
  const exit = guest.cpu.run(guest.cpu.instructionCount + INSTRUCTION_LIMIT);
  const outcome = guest.outcome(exit);
  if (outcome.vector !== undefined) guest.setUp();
  const vector = outcome.vector ?? NO_VECTOR;
  if (vector !== expected.vector) return `vector ${vector}, recorded ${expected.vector} (255: none)`;
  if (vector !== NO_VECTOR) return undefined;
  if (exit !== S.EXIT_HALT) return `run() returned ${exit}`;
  if (outcome.offset !== form.code.length) return `ended at offset ${outcome.offset} of ${form.code.length}`;
  return compare(guest, form, inputs, expected);
}

/** The full tag word derives from the contents; SDM volume 1, 8.1.7. */
function setX87(state: DataView, inputs: Inputs): void {
  const st = physicalOrder(inputs.st, inputs.status);
  const view = new DataView(st.buffer);
  let tags = 0;
  for (let i = 0; i < 8; i++) {
    const significand = view.getBigUint64(i * 10, true);
    const exponent = view.getUint16(i * 10 + 8, true);
    state.setBigUint64(S.FPU_REGISTERS + i * 16, significand, true);
    state.setUint16(S.FPU_REGISTERS + i * 16 + 8, exponent, true);
    const magnitude = exponent & 0x7fff;
    let tag = 3;
    if (((inputs.tag >> i) & 1) !== 0) {
      if (magnitude === 0 && significand === 0n) tag = 1;
      else tag = magnitude === 0 || magnitude === 0x7fff || significand >> 63n === 0n ? 2 : 0;
    }
    tags |= tag << (i * 2);
  }
  state.setUint16(S.FPU_CONTROL, inputs.control, true);
  state.setUint16(S.FPU_STATUS, inputs.status, true);
  state.setUint16(S.FPU_TAG, tags, true);
}

function compare(guest: Guest, form: Form, inputs: Inputs, expected: Result): string | undefined {
  const state = guest.cpu.state;
  for (let i = 0; i < 16; i++) {
    const got = state.getBigUint64(S.REGS + i * 8, true);
    const want = expected.gpr[i] as bigint;
    if (got !== want) return `${GPR_NAMES[i]} = ${got.toString(16)}, recorded ${want.toString(16)}${context(inputs)}`;
  }
  const flags = readFlags(state);
  if (((flags ^ expected.flags) & form.flagsMask) !== 0) {
    return `flags ${hex(flags & form.flagsMask)}, recorded ${hex(expected.flags & form.flagsMask)}${context(inputs)}`;
  }
  const memory = guest.cpu.memory.read(DATA, WINDOW) as Uint8Array;
  for (let i = 0; i < WINDOW; i++) {
    if (memory[i] !== expected.memory[i]) {
      const end = Math.min(i + 16, WINDOW);
      return `memory at ${hex(i)}: ${bytes(memory.subarray(i, end))}, recorded ${bytes(expected.memory.subarray(i, end))}`;
    }
  }
  if ((form.options & OPTION_XMM) !== 0) {
    for (let i = 0; i < 16; i++) {
      const got = bytes(guest.cpu.xmm(i));
      const want = bytes(expected.xmm.subarray(i * 16, i * 16 + 16));
      if (got !== want) return `xmm${i} = ${got}, recorded ${want}, mxcsr ${hex(inputs.mxcsr)}${vectorContext(inputs)}`;
    }
    const mxcsr = state.getUint32(S.MXCSR, true);
    if (mxcsr !== expected.mxcsr) {
      return `mxcsr ${hex(mxcsr)}, recorded ${hex(expected.mxcsr)}, before ${hex(inputs.mxcsr)}${vectorContext(inputs)}`;
    }
  }
  return (form.options & OPTION_X87) !== 0 ? compareX87(state, form, inputs, expected) : undefined;
}

function compareX87(state: DataView, form: Form, inputs: Inputs, expected: Result): string | undefined {
  const control = state.getUint16(S.FPU_CONTROL, true);
  // Bit 6 reads as one on some processors and zero on others.
  if (((control ^ expected.control) & ~0x40) !== 0) return `fcw ${hex(control)}, recorded ${hex(expected.control)}`;
  const status = state.getUint16(S.FPU_STATUS, true);
  // C1 tells how an approximate result was rounded.
  const mask = form.statusMask & ((form.options & OPTION_APPROXIMATE) !== 0 ? ~0x200 : ~0);
  const before = ` (fcw ${hex(inputs.control)}, st0 ${bytes(inputs.st.subarray(0, 10))}, st1 ${bytes(inputs.st.subarray(10, 20))}, st2 ${bytes(inputs.st.subarray(20, 30))}, memory ${bytes(inputs.memory.subarray(128, 138))})`;
  if (((status ^ expected.status) & mask) !== 0) {
    return `fsw ${hex(status & mask)}, recorded ${hex(expected.status & mask)}${before}`;
  }
  const tags = state.getUint16(S.FPU_TAG, true);
  let tag = 0;
  for (let i = 0; i < 8; i++) if (((tags >> (i * 2)) & 3) !== 3) tag |= 1 << i;
  if (tag !== expected.tag) return `tags ${hex(tag)}, recorded ${hex(expected.tag)}${before}`;
  for (let i = 0; i < 8; i++) {
    const got = new Uint8Array(state.buffer, S.FPU_REGISTERS + i * 16, 10);
    const want = expected.st.subarray(i * 10, i * 10 + 10);
    const same = (form.options & OPTION_APPROXIMATE) !== 0 ? isNear(got, want) : bytes(got) === bytes(want);
    if (!same) return `r${i} = ${bytes(got)}, recorded ${bytes(want)}${before}`;
  }
  return undefined;
}

/** Equal, or both finite and apart by less than 2^-60 of their size: what the specification allows is one unit in the
 * last place, and processors differ within it. */
function isNear(a: Uint8Array, b: Uint8Array): boolean {
  const ordered = (value: Uint8Array): bigint => {
    const view = new DataView(value.buffer, value.byteOffset, 10);
    const exponent = view.getUint16(8, true);
    const magnitude = (BigInt(exponent & 0x7fff) << 63n) | (view.getBigUint64(0, true) & 0x7fffffffffffffffn);
    return (exponent & 0x8000) !== 0 ? -magnitude : magnitude;
  };
  const distance = ordered(a) - ordered(b);
  return distance > -8n && distance < 8n;
}

function hex(value: number): string {
  return value.toString(16);
}
/** Little-endian bytes as one hexadecimal number. */
function bytes(value: Uint8Array): string {
  return [...value]
    .reverse()
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
function context(inputs: Inputs): string {
  const [rax, rcx, rdx, rbx] = inputs.gpr;
  const memory = bytes(inputs.memory.subarray(128, 136));
  const named = { rax, rcx, rdx, rbx };
  const registers = Object.entries(named).map(([name, value]) => `${name} ${value?.toString(16)}`);
  return ` (${registers.join(", ")}, flags ${hex(inputs.flags)}, [rsi] ${memory})`;
}
function vectorContext(inputs: Inputs): string {
  const xmm = (n: number): string => bytes(inputs.xmm.subarray(n * 16, n * 16 + 16));
  return ` (xmm0 ${xmm(0)}, xmm1 ${xmm(1)}, xmm2 ${xmm(2)}, xmm3 ${xmm(3)}, [rsi] ${bytes(inputs.memory.subarray(128, 144))})`;
}
