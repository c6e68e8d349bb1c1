import {
  BLOCK_LIMIT,
  BLOCK_START,
  CODE_MODE,
  CPL,
  CR0,
  CURRENT_OP,
  EXIT_BUDGET,
  EXIT_HALT,
  EXIT_REQUEST,
  EXIT_SHUTDOWN,
  HALTED,
  INSTRUCTION_COUNT,
  INSTRUCTION_LIMIT,
  INTERRUPT_PENDING,
  MODE_64,
  NMI_PENDING,
  PAGE_KIND,
  PAGE_RAM,
  RAM_BASE,
  REGS,
  RIP,
  STATE_END,
  STATISTIC_INTERRUPTS,
  STOP_REQUEST,
  TLB_ENTRY_SIZE,
  TLB_MASK,
  TRANSLATED_FUNCTIONS,
  TRANSLATE_AT_ONCE,
  TRANSLATE_THRESHOLD,
  TSC_OFFSET,
  XMM,
} from "../../assembly/state";
import type { MachineStatistics } from "../machine-types";
import { GuestMemory } from "./guest-memory";
import { imports, Unwind } from "./imports";
import { readStatistics } from "./statistics";
import { Translations } from "./translations";
import { VideoMemory } from "./video-memory";

/** What the processor asks of the machine around it. Addresses and 64-bit values as the guest sees them. */
export interface ProcessorHost {
  portRead(port: number, size: number): number;
  portWrite(port: number, size: number, value: number): void;
  /** `address` is a guest physical address; sizes 1, 2, 4, 8. */
  mmioRead(address: number, size: number): bigint;
  mmioWrite(address: number, size: number, value: bigint): void;
  /** The vector to deliver, or -1 if the request has gone. */
  acknowledgeInterrupt(): number;
  /** MSRs that the core does not know; undefined or false raise #GP(0). */
  msrRead(index: number): bigint | undefined;
  msrWrite(index: number, value: bigint): boolean;
  /** CPUID leaves 0x40000000.. as [EAX, EBX, ECX, EDX]; undefined if there is no hypervisor. */
  cpuidHypervisor(leaf: number, subleaf: number): readonly [number, number, number, number] | undefined;
  /** VMCALL at CPL 0; false raises #UD. */
  hypercall(): boolean;
  /** The time-stamp counter before the guest's own offset. */
  readTsc(): bigint;
  /** CR8: the local APIC's task priority class, 0..15. */
  readTaskPriority(): number;
  writeTaskPriority(value: number): void;
}

interface CoreExports {
  initialize(): void;
  reset(): void;
  run(): number;
  updateMode(): void;
  tlbFlushAll(): void;
  invalidateCode(physical: number, length: number): void;
}

/** General registers in the order of their encoding. */
export type Register =
  | "rax"
  | "rcx"
  | "rdx"
  | "rbx"
  | "rsp"
  | "rbp"
  | "rsi"
  | "rdi"
  | "r8"
  | "r9"
  | "r10"
  | "r11"
  | "r12"
  | "r13"
  | "r14"
  | "r15";

const REGISTERS: readonly Register[] = [
  "rax",
  "rcx",
  "rdx",
  "rbx",
  "rsp",
  "rbp",
  "rsi",
  "rdi",
  "r8",
  "r9",
  "r10",
  "r11",
  "r12",
  "r13",
  "r14",
  "r15",
];

const PAGE = 4096;

/** Runs of a block after which compiling it pays. */
const TRANSLATE_AFTER = 1000;

/** One instance of the core: a processor and the RAM it sees. */
export class Processor {
  readonly memory: GuestMemory;
  readonly video: VideoMemory;
  private readonly core: CoreExports;
  private readonly view: DataView;
  private readonly bytes: Uint8Array;
  private readonly translations: Translations;
  /** By EXIT_*. */
  private readonly exits = [0, 0, 0, 0];
  private faults = 0;

  /**
   * @param module assembly/, compiled
   * @param memorySize bytes of guest RAM from guest physical address 0, a multiple of 64 KiB
   * @param videoSize bytes of video memory, a multiple of 64 KiB
   */
  constructor(module: WebAssembly.Module, memorySize: number, host: ProcessorHost, videoSize = 0) {
    const pages = (RAM_BASE + memorySize + videoSize) / 0x10000;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.view = new DataView(memory.buffer);
    this.bytes = new Uint8Array(memory.buffer);
    this.translations = new Translations(memory);
    const instance = new WebAssembly.Instance(module, imports(memory, host, this.translations));
    this.translations.connect(instance.exports);
    this.core = instance.exports as unknown as CoreExports;
    this.memory = new GuestMemory(memory, memorySize, (gpa, length) => this.core.invalidateCode(gpa, length));
    this.video = new VideoMemory(memory, RAM_BASE + memorySize, videoSize, () => this.forgetMappings());
    this.bytes.fill(PAGE_RAM, PAGE_KIND, PAGE_KIND + memorySize / PAGE);
    this.core.initialize();
    this.setTranslateThreshold(TRANSLATE_AFTER);
  }

  /** After how many runs of a block its region is translated, Infinity for never. */
  setTranslateThreshold(runs: number): void {
    this.setU32(TRANSLATE_THRESHOLD, Number.isFinite(runs) ? runs : 0xffffffff);
  }

  /** Translates in the midst of a run instead of in compileQueued(): for tests, which want it exact. */
  setTranslateAtOnce(atOnce: boolean): void {
    this.setU32(TRANSLATE_AT_ONCE, atOnce ? 1 : 0);
  }

  /** Has code that got hot compiled; to be called between runs. */
  compileQueued(): void {
    this.translations.compileQueued();
  }

  /** Tells the core what a range of guest physical pages is: PAGE_MMIO, PAGE_ROM ... Before the guest runs. */
  setPageKind(gpa: number, length: number, kind: number): void {
    this.bytes.fill(kind, PAGE_KIND + gpa / PAGE, PAGE_KIND + Math.ceil((gpa + length) / PAGE));
  }

  /** The state after RESET; RAM and the instruction count stay. */
  reset(): void {
    this.core.reset();
  }

  /**
   * Runs the guest until the instruction count reaches `limit`, or one of EXIT_*'s other reasons.
   * @returns EXIT_*
   */
  run(limit: number): number {
    this.setU64(INSTRUCTION_LIMIT, limit);
    for (;;) {
      try {
        const exit = this.core.run();
        this.exits[exit]!++;
        return exit;
      } catch (error) {
        // The core left an instruction that faulted; run() delivers the exception.
        if (error !== Unwind) throw error;
        this.faults++;
      }
      if (this.instructionCount >= limit) return EXIT_BUDGET;
    }
  }

  /** Makes a run() that is under way end earlier, exactly at `limit` instructions or right after the running one. */
  lowerLimit(limit: number): void {
    if (limit >= this.getU64(INSTRUCTION_LIMIT)) return;
    this.setU64(INSTRUCTION_LIMIT, limit);
    this.setU32(BLOCK_LIMIT, 0);
  }

  /** Instructions retired, exact even while a handler calls the host. */
  get instructionCount(): number {
    const partial = (this.getU32(CURRENT_OP) - this.getU32(BLOCK_START)) / 32;
    return this.getU64(INSTRUCTION_COUNT) + partial;
  }

  /** Interrupts taken since the start. */
  get interruptCount(): number {
    return this.getU64(STATISTIC_INTERRUPTS);
  }

  statistics(): MachineStatistics {
    return readStatistics((address) => this.getU64(address), {
      instructions: this.instructionCount,
      regionsAlive: this.getU32(TRANSLATED_FUNCTIONS),
      tlbEntries: this.getU32(TLB_MASK) / TLB_ENTRY_SIZE + 1,
      compileMs: this.translations.compileMs,
      exits: {
        budget: this.exits[EXIT_BUDGET]!,
        halt: this.exits[EXIT_HALT]!,
        request: this.exits[EXIT_REQUEST]!,
        shutdown: this.exits[EXIT_SHUTDOWN]!,
        fault: this.faults,
      },
    });
  }

  get halted(): boolean {
    return this.getU32(HALTED) !== 0;
  }

  get cpl(): number {
    return this.getU32(CPL);
  }

  /** True in 64-bit mode, false in compatibility mode too. */
  get is64BitMode(): boolean {
    return this.getU32(CODE_MODE) === MODE_64;
  }

  get protectedMode(): boolean {
    return (this.getU32(CR0) & 1) !== 0;
  }

  get tscOffset(): bigint {
    return this.view.getBigUint64(TSC_OFFSET, true);
  }

  /** The interrupt request pin: true while the local APIC or the PIC has something to deliver. */
  setInterruptPending(pending: boolean): void {
    this.setU32(INTERRUPT_PENDING, pending ? 1 : 0);
    if (pending) this.setU32(BLOCK_LIMIT, 0);
  }

  raiseNmi(): void {
    this.setU32(NMI_PENDING, 1);
    this.setU32(BLOCK_LIMIT, 0);
  }

  /** Makes run() return EXIT_REQUEST before the next instruction. */
  requestStop(): void {
    this.setU32(STOP_REQUEST, 1);
    this.setU32(BLOCK_LIMIT, 0);
  }

  getRegister(register: Register): bigint {
    return this.view.getBigUint64(REGS + REGISTERS.indexOf(register) * 8, true);
  }

  setRegister(register: Register, value: bigint): void {
    this.view.setBigUint64(REGS + REGISTERS.indexOf(register) * 8, value, true);
  }

  get rip(): bigint {
    return this.view.getBigUint64(RIP, true);
  }

  /** The 16 bytes of an XMM register, a view that the core shares. */
  xmm(index: number): Uint8Array {
    return this.bytes.subarray(XMM + index * 16, XMM + index * 16 + 16);
  }

  /** The state's bytes (assembly/state.ts), a view that the core shares; for tests, tools and boot. */
  get state(): DataView {
    return new DataView(this.view.buffer, 0, STATE_END);
  }

  /** To be called after state that the mode derives from (control registers, EFER, EFLAGS, segments) was written. */
  updateMode(): void {
    this.core.updateMode();
    this.core.tlbFlushAll();
  }

  /** Has the guest's next access to any page look at its kind again. */
  private forgetMappings(): void {
    this.core.tlbFlushAll();
    this.setU32(BLOCK_LIMIT, 0);
  }

  private getU32(address: number): number {
    return this.view.getUint32(address, true);
  }
  private setU32(address: number, value: number): void {
    this.view.setUint32(address, value, true);
  }
  private getU64(address: number): number {
    return this.view.getUint32(address, true) + this.view.getUint32(address + 4, true) * 0x100000000;
  }
  private setU64(address: number, value: number): void {
    this.view.setUint32(address, value >>> 0, true);
    this.view.setUint32(address + 4, Math.floor(value / 0x100000000), true);
  }
}
