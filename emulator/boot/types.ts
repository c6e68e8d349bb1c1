import type { E820Entry } from "./e820";

/**
 * A segment register with its hidden part, in the form of assembly/state.ts: the limit in bytes with granularity
 * applied; attributes as descriptor bits 55:40 (type 3:0, S 4, DPL 6:5, P 7, AVL 12, L 13, D/B 14, G 15).
 */
export interface SegmentState {
  readonly selector: number;
  readonly base: number;
  readonly limit: number;
  readonly attributes: number;
}

export interface DescriptorTableState {
  readonly base: number;
  readonly limit: number;
}

/** General registers at entry; those not named are zero. */
export interface GeneralRegisters {
  readonly rax?: number;
  readonly rbx?: number;
  readonly rcx?: number;
  readonly rdx?: number;
  readonly rsp?: number;
  readonly rbp?: number;
  readonly rsi?: number;
  readonly rdi?: number;
}

/** The state in which the boot processor executes its first instruction. Everything not here is as after a reset. */
export interface InitialProcessorState {
  readonly mode: "real" | "protected" | "long";
  readonly rip: number;
  readonly rflags: number;
  readonly registers: GeneralRegisters;
  readonly cr0: number;
  readonly cr3: number;
  readonly cr4: number;
  readonly efer: number;
  readonly gdtr: DescriptorTableState;
  readonly idtr: DescriptorTableState;
  readonly cs: SegmentState;
  /** DS, ES, FS, GS and SS alike. */
  readonly data: SegmentState;
  readonly ldtr: SegmentState;
  readonly tr: SegmentState;
}

/** Bytes to copy to guest RAM; [gpa, gpa + bytes.length) lies in RAM. */
export interface BootRegion {
  readonly name: string;
  readonly gpa: number;
  readonly bytes: Uint8Array;
}

/** How the kernel is entered. */
export type BootMethod =
  /** The ELF kernel, unpacked on the host, at its 64-bit or 32-bit entry. */
  | "vmlinux-64"
  | "vmlinux-32"
  /** The bzImage's own decompressor, at its 64-bit or 32-bit entry. */
  | "bzImage-64"
  | "bzImage-32"
  | "multiboot";

/** What a machine copies to guest RAM (zero until then) and the processor state it starts from. */
export interface BootImage {
  readonly method: BootMethod;
  /** Why this method, one line for the log. */
  readonly why: string;
  /** No two regions overlap. */
  readonly regions: readonly BootRegion[];
  readonly processor: InitialProcessorState;
  readonly e820: readonly E820Entry[];
  readonly acpi: { readonly rsdp: number; readonly tables: readonly string[] };
}
