// Runs bytes on the core in any mode, with registers and memory given, and tells what came of it: for tests.
// Layout of guest memory: GDT at 0x1000, IDT at 0x2000 with a gate for every vector to a HLT of its own at
// 0x3000 + vector, page tables at 0x10000 (4 GiB identity, 2 MiB pages, user and writable), stack top 0x9000, code at 0xa000, data free from 0x200000.

import { existsSync, readFileSync } from "node:fs";
import { Processor, type ProcessorHost, type Register } from "../../emulator/cpu/processor";
import * as S from "../../assembly/state";

export const CODE = 0xa000;
export const DATA = 0x200000;
export const STACK_TOP = 0x9000;
const GDT = 0x1000;
const IDT = 0x2000;
const HANDLERS = 0x3000;
const TABLES = 0x10000;

export type Mode = 16 | 32 | 64;

/** What ended a snippet: its final HLT, an exception, or neither within the limit. */
export interface Outcome {
  /** Vector of the exception that was delivered, or undefined. */
  readonly vector: number | undefined;
  /** Its error code, if it has one. */
  readonly errorCode: number | undefined;
  /** RIP that the exception pushed, as an offset from CODE; without one, where HLT stands. */
  readonly offset: number;
  readonly exit: number;
}

let module: WebAssembly.Module | undefined;

/** build/core.wasm; the test command builds it first. */
export function coreModule(): WebAssembly.Module {
  const path = new URL("../../build/core.wasm", import.meta.url);
  if (!existsSync(path)) throw new Error("build/core.wasm is missing: npm run build:core");
  module ??= new WebAssembly.Module(readFileSync(path));
  return module;
}

/** A host with nothing attached: ports read as ones, no MSRs, TSC stands at 0. Override what a test needs. */
export function bareHost(overrides: Partial<ProcessorHost> = {}): ProcessorHost {
  return {
    portRead: (_port, size) => (size === 4 ? 0xffffffff : size === 2 ? 0xffff : 0xff),
    portWrite: () => undefined,
    mmioRead: (_address, size) => (1n << BigInt(size * 8)) - 1n,
    mmioWrite: () => undefined,
    acknowledgeInterrupt: () => -1,
    msrRead: () => undefined,
    msrWrite: () => false,
    cpuidHypervisor: () => undefined,
    hypercall: () => false,
    readTsc: () => 0n,
    readTaskPriority: () => 0,
    writeTaskPriority: () => undefined,
    ...overrides,
  };
}

const EXCEPTIONS_WITH_CODE = new Set([8, 10, 11, 12, 13, 14, 17]);

/** Selectors of the harness's GDT. */
export const KERNEL_CS = 0x08;
export const KERNEL_DS = 0x10;
export const KERNEL_CS64 = 0x18;
export const USER_CS = 0x23;
export const USER_DS = 0x2b;
export const USER_CS64 = 0x33;
export const KERNEL_CS16 = 0x38;
export const KERNEL_DS16 = 0x40;
/** TSS descriptor, 16 bytes in long mode; the TSS is at 0x4000. */
export const TSS_SELECTOR = 0x48;
export const FREE_SELECTOR = 0x58;
export const TSS = 0x4000;

export class Guest {
  readonly cpu: Processor;

  /** @param mode of the code: 64 is long mode with paging, 32 and 16 protected mode, flat, without paging */
  constructor(
    readonly mode: Mode,
    host: Partial<ProcessorHost> = {},
    memorySize = 16 << 20,
    videoSize = 0,
  ) {
    this.cpu = new Processor(coreModule(), memorySize, bareHost(host), videoSize);
    this.setUp();
  }

  /** Puts registers, tables and mode back to the start; memory elsewhere and the core's caches stay. */
  setUp(): void {
    this.cpu.reset();
    this.writeTables();
    const long = this.mode === 64;
    const cs = long ? KERNEL_CS64 : this.mode === 32 ? KERNEL_CS : KERNEL_CS16;
    const ds = this.mode === 16 ? KERNEL_DS16 : KERNEL_DS;
    const state = this.cpu.state;
    state.setBigUint64(S.GDTR, BigInt(GDT), true);
    state.setUint32(S.GDTR + 8, 0xfff, true);
    state.setBigUint64(S.IDTR, BigInt(IDT), true);
    state.setUint32(S.IDTR + 8, 0xfff, true);
    // PE, NE; OSFXSR and OSXMMEXCPT so that SSE runs.
    state.setBigUint64(S.CR0, long ? 0x80000031n : 0x31n, true);
    state.setBigUint64(S.CR4, long ? 0x620n : 0x600n, true);
    if (long) {
      state.setBigUint64(S.CR3, BigInt(TABLES), true);
      state.setBigUint64(S.MSR_EFER, 0xd01n, true);
    }
    for (let segment = 0; segment < 6; segment++) {
      const code = segment === S.CS;
      const address = S.SEGMENTS + segment * S.SEGMENT_STRIDE;
      state.setBigUint64(address + S.SEGMENT_BASE, 0n, true);
      state.setUint32(address + S.SEGMENT_LIMIT, 0xffffffff, true);
      const size = code ? (long ? 0xa000 : this.mode === 32 ? 0xc000 : 0x8000) : this.mode === 16 ? 0x8000 : 0xc000;
      state.setUint32(address + S.SEGMENT_ATTRIBUTES, (code ? 0x9b : 0x93) | size, true);
      state.setUint16(address + S.SEGMENT_SELECTOR, code ? cs : ds, true);
      state.setUint32(address + S.SEGMENT_FLAT, code ? S.FLAT_READ : S.FLAT_READ | S.FLAT_WRITE, true);
      state.setUint32(address + S.SEGMENT_NULL, 0, true);
    }
    const tr = S.SEGMENTS + S.TR * S.SEGMENT_STRIDE;
    state.setBigUint64(tr + S.SEGMENT_BASE, BigInt(TSS), true);
    state.setUint32(tr + S.SEGMENT_LIMIT, 0x67, true);
    state.setUint32(tr + S.SEGMENT_ATTRIBUTES, 0x8b, true);
    state.setUint16(tr + S.SEGMENT_SELECTOR, TSS_SELECTOR, true);
    state.setBigUint64(S.RIP, BigInt(CODE), true);
    this.cpu.setRegister("rsp", BigInt(STACK_TOP));
    this.cpu.updateMode();
  }

  /** Puts the processor at CPL 3, in the mode's user segments. */
  asUser(): this {
    const state = this.cpu.state;
    state.setUint32(S.CPL, 3, true);
    for (let segment = 0; segment < 6; segment++) {
      const address = S.SEGMENTS + segment * S.SEGMENT_STRIDE;
      const attributes = state.getUint32(address + S.SEGMENT_ATTRIBUTES, true);
      state.setUint32(address + S.SEGMENT_ATTRIBUTES, attributes | 0x60, true);
      const cs = this.mode === 64 ? USER_CS64 : USER_CS;
      state.setUint16(address + S.SEGMENT_SELECTOR, segment === S.CS ? cs : USER_DS, true);
    }
    this.cpu.updateMode();
    return this;
  }

  private writeTables(): void {
    const memory = this.cpu.memory;
    const descriptor = (selector: number, value: bigint): void => void memory.writeU64(GDT + (selector & ~7), value);
    descriptor(KERNEL_CS, 0x00cf9b000000ffffn);
    descriptor(KERNEL_DS, 0x00cf93000000ffffn);
    descriptor(KERNEL_CS64, 0x00af9b000000ffffn);
    descriptor(USER_CS, 0x00cffb000000ffffn);
    descriptor(USER_DS, 0x00cff3000000ffffn);
    descriptor(USER_CS64, 0x00affb000000ffffn);
    descriptor(KERNEL_CS16, 0x008f9b000000ffffn);
    descriptor(KERNEL_DS16, 0x008f93000000ffffn);
    descriptor(TSS_SELECTOR, 0x00008b0040000067n);
    memory.writeU64(GDT + TSS_SELECTOR + 8, 0n);
    for (let vector = 0; vector < 256; vector++) {
      const target = BigInt(HANDLERS + vector);
      memory.writeU8(HANDLERS + vector, 0xf4);
      if (this.mode === 64) {
        memory.writeU64(IDT + vector * 16, target | (BigInt(KERNEL_CS64) << 16n) | 0x8e0000000000n);
        memory.writeU64(IDT + vector * 16 + 8, 0n);
      } else {
        // 32-bit interrupt gates to flat 32-bit code, also from 16-bit code.
        memory.writeU64(IDT + vector * 8, target | (BigInt(KERNEL_CS) << 16n) | 0x8e0000000000n);
      }
    }
    if (this.mode !== 64) return;
    memory.writeU64(TABLES, BigInt(TABLES + 0x1000) | 7n);
    for (let gib = 0; gib < 4; gib++) {
      memory.writeU64(TABLES + 0x1000 + gib * 8, BigInt(TABLES + 0x2000 + gib * 0x1000) | 7n);
      for (let entry = 0; entry < 512; entry++) {
        const address = BigInt(gib) * 0x40000000n + BigInt(entry) * 0x200000n;
        memory.writeU64(TABLES + 0x2000 + gib * 0x1000 + entry * 8, address | 0x87n);
      }
    }
    // 64-bit TSS: RSP0.
    memory.writeU64(TSS + 4, BigInt(STACK_TOP - 0x800));
  }

  set(registers: Partial<Record<Register, bigint>>): this {
    for (const [name, value] of Object.entries(registers)) {
      this.cpu.setRegister(name as Register, BigInt.asUintN(64, value));
    }
    return this;
  }

  get(register: Register): bigint {
    return this.cpu.getRegister(register);
  }

  /** EFLAGS' bits other than the status flags come from the state; the status flags from the two lazy words. */
  get flags(): number {
    return readFlags(this.cpu.state);
  }

  set flags(value: number) {
    writeFlags(this.cpu.state, value);
    this.cpu.updateMode();
  }

  /** Runs `code` followed by HLT from CODE with the registers as set. */
  run(code: readonly number[] | Uint8Array, limit = 10000): Outcome {
    const memory = this.cpu.memory;
    const bytes = Uint8Array.from([...code, 0xf4]);
    memory.write(CODE, bytes);
    this.cpu.state.setBigUint64(S.RIP, BigInt(CODE), true);
    this.cpu.state.setUint32(S.HALTED, 0, true);
    this.cpu.state.setUint32(S.EXCEPTION_DELIVERING, 0, true);
    const exit = this.cpu.run(this.cpu.instructionCount + limit);
    return this.outcome(exit);
  }

  /** Reads what happened after run(): whether an exception's HLT was reached, and its frame. */
  outcome(exit: number): Outcome {
    const rip = Number(this.cpu.rip);
    const vector = rip > HANDLERS && rip <= HANDLERS + 256 ? rip - 1 - HANDLERS : undefined;
    if (vector === undefined) return { vector, errorCode: undefined, offset: rip - 1 - CODE, exit };
    const memory = this.cpu.memory;
    let sp = Number(this.cpu.getRegister("rsp"));
    const word = this.mode === 64 ? 8 : 4;
    let errorCode: number | undefined;
    if (EXCEPTIONS_WITH_CODE.has(vector)) {
      errorCode = memory.readU32(sp);
      sp += word;
    }
    const pushed = this.mode === 64 ? Number(memory.readU64(sp)) : (memory.readU32(sp) ?? 0);
    return { vector, errorCode, offset: pushed - CODE, exit };
  }
}

/** EFLAGS from the core's state: execute/flags.ts says how the status flags are kept. */
export function readFlags(state: DataView): number {
  const result = state.getBigUint64(S.FLAG_RESULT, true);
  const carries = state.getBigUint64(S.FLAG_CARRIES, true);
  const bit = (value: bigint, at: number): number => Number((value >> BigInt(at)) & 1n);
  const cf = bit(carries, 63);
  const overflow = cf ^ bit(carries, 62);
  const zf = result === 0n ? 1 : 0;
  const sf = bit(result, 63) ^ bit(carries, 0);
  let parity = Number(result & 0xffn) ^ Number((carries >> 8n) & 0xffn);
  parity ^= parity >> 4;
  parity ^= parity >> 2;
  parity ^= parity >> 1;
  return (
    (state.getUint32(S.EFLAGS, true) |
      2 |
      cf |
      ((~parity & 1) << 2) |
      (bit(carries, 3) << 4) |
      (zf << 6) |
      (sf << 7) |
      (overflow << 11)) >>>
    0
  );
}

/** Sets EFLAGS in the core's state. */
export function writeFlags(state: DataView, flags: number): void {
  const bit = (at: number): bigint => BigInt((flags >> at) & 1);
  state.setUint32(S.EFLAGS, (flags & ~0x8d5) | 2, true);
  state.setBigUint64(S.FLAG_RESULT, bit(6) === 1n ? 0n : 0x100n, true);
  const cf = bit(0);
  const carries = (cf << 63n) | ((cf ^ bit(11)) << 62n) | (bit(4) << 3n) | ((bit(2) ^ 1n) << 8n) | bit(7);
  state.setBigUint64(S.FLAG_CARRIES, carries, true);
}
