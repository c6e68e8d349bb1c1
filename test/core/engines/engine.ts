// Runs a program of the fuzzer on one engine and records what it did: the state at each stop, every call to the host
// with the instruction it came from, and memory at the end.

import * as S from "../../../assembly/state";
import { Processor, type ProcessorHost } from "../../../emulator/cpu/processor";
import { bareHost, coreModule, readFlags } from "../harness";
import type { Program, Slice } from "./program";
import { RAM_SIZE, enterWorld } from "./world";

/** The architectural state at a stop, and why run() returned. */
export interface Stop {
  readonly exit: number;
  readonly count: number;
  readonly state: Uint8Array;
}

export interface Trace {
  readonly stops: readonly Stop[];
  readonly calls: readonly string[];
  readonly memory: Uint8Array;
}

export interface EngineOptions {
  /** Runs of a block before it is translated; Infinity for the interpreter alone. */
  readonly threshold: number;
  /** Compiles between slices, away from this thread, instead of at once. */
  readonly asynchronous?: boolean;
}

const STATE_START = S.REGS;
const STATE_BYTES = 0xa00 - STATE_START;
/** What is not architecture, or means the same in different ways: [first, end). */
const LEFT_OUT: readonly (readonly [number, number])[] = [
  [S.CODE_BASE, S.EFLAGS],
  [S.INSTRUCTION_LIMIT, S.TLB_SET],
  [S.BLOCK_LIMIT, S.SEGMENTS],
  [S.EXCEPTION_PENDING, S.FPU_REGISTERS],
];
/** Where the status flags stand in the recorded state: in place of FLAG_RESULT. */
export const RECORDED_FLAGS = S.FLAG_RESULT - STATE_START;
export { STATE_START };

// Ports that the host answers (system/input-output.ts has no part in it).
export const PORT_INTERRUPT = 0x10;
export const PORT_LIMIT = 0x11;
export const PORT_STOP = 0x13;
export const PORT_WRITE_MEMORY = 0x14;
export const PORT_NMI = 0x15;

/** One processor with one engine, for many programs. */
export class Engine {
  readonly cpu: Processor;
  private calls: string[] = [];
  private pending: number[] = [];
  private entropy = 0;

  constructor(readonly options: EngineOptions) {
    this.cpu = new Processor(coreModule(), RAM_SIZE, bareHost(this.host()));
  }

  /** Instructions that translated code ran since the start. */
  get translated(): number {
    return Number(new DataView(this.cpu.state.buffer).getBigUint64(S.STATISTIC_TRANSLATED_INSTRUCTIONS, true));
  }

  private note(call: string): void {
    this.calls.push(`${this.cpu.instructionCount}: ${call}`);
  }

  /** What devices answer: the same for the same question at the same place. */
  private answer(question: number): number {
    this.entropy = (Math.imul(this.entropy ^ question, 0x01000193) + 0x9e3779b9) >>> 0;
    return this.entropy;
  }

  private interrupt(vector: number): void {
    if (!this.pending.includes(vector)) this.pending.push(vector);
    this.cpu.setInterruptPending(true);
  }

  /** Now and then a device asks for something as it is touched. */
  private react(question: number): void {
    const dice = this.answer(question);
    if (dice % 4 === 0) this.interrupt(32 + ((dice >>> 8) & 15));
    else if (dice % 4 === 1) this.cpu.lowerLimit(this.cpu.instructionCount + 1 + ((dice >>> 8) & 31));
  }

  private writeMemory(value: number): void {
    this.cpu.memory.writeU8((value >>> 8) & (RAM_SIZE - 1), value & 0xff);
  }

  private portWrite(port: number, size: number, value: number): void {
    this.note(`port ${port.toString(16)} = ${value.toString(16)} (${size})`);
    switch (port) {
      case PORT_INTERRUPT:
        return this.interrupt(32 + (value & 15));
      case PORT_LIMIT:
        return this.cpu.lowerLimit(this.cpu.instructionCount + 1 + (value & 31));
      case PORT_STOP:
        return this.cpu.requestStop();
      case PORT_WRITE_MEMORY:
        return this.writeMemory(0x2000000 + (value & 0x7ffff));
      case PORT_NMI:
        return this.cpu.raiseNmi();
    }
  }

  private host(): Partial<ProcessorHost> {
    const truncate = (value: number, size: number): number => (size === 4 ? value : value & ((1 << (size * 8)) - 1));
    return {
      portRead: (port, size) => {
        this.note(`port ${port.toString(16)} read (${size})`);
        this.react(port);
        return truncate(this.answer(port), size);
      },
      portWrite: (port, size, value) => this.portWrite(port, size, value),
      mmioRead: (address, size) => {
        this.note(`device ${address.toString(16)} read (${size})`);
        this.react(address & 0xffff);
        const value = (BigInt(this.answer(address & 0xffff)) << 32n) | BigInt(this.answer(size));
        return BigInt.asUintN(size * 8, value);
      },
      mmioWrite: (address, size, value) => {
        this.note(`device ${address.toString(16)} = ${value.toString(16)} (${size})`);
        this.react(address & 0xffff);
      },
      acknowledgeInterrupt: () => {
        const vector = this.pending.shift() ?? -1;
        const flags = readFlags(this.cpu.state);
        this.note(`interrupt ${vector} at ${this.cpu.rip.toString(16)}, flags ${flags.toString(16)}`);
        this.cpu.setInterruptPending(this.pending.length > 0);
        return vector;
      },
      msrRead: (index) => {
        this.note(`MSR ${index.toString(16)} read`);
        return undefined;
      },
      msrWrite: (index) => {
        this.note(`MSR ${index.toString(16)} written`);
        return false;
      },
      readTsc: () => {
        this.note("TSC");
        return BigInt(this.cpu.instructionCount);
      },
      hypercall: () => {
        this.note("hypercall");
        return true;
      },
    };
  }

  /** Puts everything to the start of `program`. */
  private begin(program: Program): void {
    const { cpu } = this;
    this.calls = [];
    this.pending = [];
    this.entropy = program.seed;
    cpu.reset();
    const { state } = cpu;
    // Instructions are counted on over a reset; traces start from 0.
    state.setBigUint64(S.INSTRUCTION_COUNT, 0n, true);
    cpu.memory.write(0, program.memory);
    enterWorld(cpu, program.world, program.entry);
    program.registers.forEach((value, n) => state.setBigUint64(S.REGS + n * 8, value, true));
    program.xmm.forEach((byte, n) => state.setUint8(S.XMM + n, byte));
    cpu.setTranslateThreshold(this.options.threshold);
    cpu.setTranslateAtOnce(this.options.asynchronous !== true);
  }

  private runSlice(slice: Slice, stops: Stop[]): boolean {
    const { cpu } = this;
    const end = cpu.instructionCount + slice.length;
    // Of itself a guest may ask to stop over and over.
    for (let again = 0; cpu.instructionCount < end && again < slice.length; again++) {
      const exit = cpu.run(end);
      stops.push({ exit, count: cpu.instructionCount, state: this.record() });
      if (exit === S.EXIT_SHUTDOWN) return false;
      if (exit === S.EXIT_HALT) this.interrupt(0x30);
      if (exit === S.EXIT_HALT && (cpu.state.getUint32(S.EFLAGS, true) & 0x200) === 0) cpu.raiseNmi();
    }
    switch (slice.after.kind) {
      case "interrupt":
        this.interrupt(slice.after.value);
        break;
      case "nmi":
        cpu.raiseNmi();
        break;
      case "write":
        this.writeMemory(slice.after.value);
        break;
    }
    return true;
  }

  run(program: Program): Trace {
    this.begin(program);
    const stops: Stop[] = [];
    for (const slice of program.slices) if (!this.runSlice(slice, stops)) break;
    return this.trace(stops);
  }

  /** As run(), with time for the host to compile between slices. */
  async runAsynchronously(program: Program): Promise<Trace> {
    this.begin(program);
    const stops: Stop[] = [];
    for (const slice of program.slices) {
      if (!this.runSlice(slice, stops)) break;
      this.cpu.compileQueued();
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    return this.trace(stops);
  }

  private trace(stops: Stop[]): Trace {
    return { stops, calls: this.calls, memory: this.cpu.memory.read(0, RAM_SIZE) as Uint8Array };
  }

  private record(): Uint8Array {
    const { state } = this.cpu;
    const copy = new Uint8Array(state.buffer, STATE_START, STATE_BYTES).slice();
    for (const [first, end] of LEFT_OUT) copy.fill(0, first - STATE_START, end - STATE_START);
    new DataView(copy.buffer).setUint32(RECORDED_FLAGS, readFlags(state), true);
    return copy;
  }
}
