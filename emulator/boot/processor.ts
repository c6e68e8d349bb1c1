import { Structure } from "./bytes";
import { GDT_BASE, PAGE_SIZE, PAGE_TABLES_BASE } from "./layout";
import type { BootRegion, GeneralRegisters, InitialProcessorState, SegmentState } from "./types";

/** Selectors that the Linux boot protocol names: Documentation/x86/boot.rst, "32-bit boot protocol". */
export const BOOT_CS = 0x10;
export const BOOT_DS = 0x18;

const CR0_PE = 1;
const CR0_ET = 1 << 4;
const CR0_PG = 0x8000_0000;
const CR4_PAE = 1 << 5;
const EFER_LME = 1 << 8;
const EFER_LMA = 1 << 10;
/** Bit 1 of RFLAGS is always set. */
const RFLAGS_FIXED = 2;

const PAGE_PRESENT = 1;
const PAGE_WRITABLE = 2;
const PAGE_LARGE = 0x80;
const LARGE_PAGE = 0x20_0000;
const GIGABYTES_MAPPED = 4;

// Attributes as in SegmentState. Types are "accessed", as they are once loaded: SDM volume 3, table 3-1.
const CODE_32 = 0xc09b;
const CODE_64 = 0xa09b;
const DATA = 0xc093;
const LDT = 0x0082;
const TSS_BUSY = 0x008b;

/** A descriptor's 8 bytes for a flat segment with these attributes: SDM volume 3, figure 3-8. */
function flatDescriptor(attributes: number): bigint {
  const limit = 0xfffffn;
  const type = BigInt(attributes);
  return (limit & 0xffffn) | ((type & 0xffn) << 40n) | (((type >> 8n) & 0xf0n) << 48n) | ((limit >> 16n) << 48n);
}

function flat(selector: number, attributes: number): SegmentState {
  return { selector, base: 0, limit: 0xffff_ffff, attributes };
}

const GDT_SIZE = 0x20;

function descriptorTable(codeAttributes: number): BootRegion {
  const table = new Structure(GDT_SIZE);
  table.u64(BOOT_CS, flatDescriptor(codeAttributes)).u64(BOOT_DS, flatDescriptor(DATA));
  return { name: "GDT", gpa: GDT_BASE, bytes: table.bytes };
}

/** Page tables that map the first 4 GiB onto themselves with 2 MiB pages. */
function identityPageTables(): BootRegion {
  const tables = new Structure((2 + GIGABYTES_MAPPED) * PAGE_SIZE);
  const pointers = PAGE_SIZE;
  const directories = 2 * PAGE_SIZE;
  const flags = PAGE_PRESENT | PAGE_WRITABLE;
  tables.u64(0, PAGE_TABLES_BASE + pointers + flags);
  for (let gigabyte = 0; gigabyte < GIGABYTES_MAPPED; gigabyte++) {
    tables.u64(pointers + gigabyte * 8, PAGE_TABLES_BASE + directories + gigabyte * PAGE_SIZE + flags);
  }
  for (let page = 0; page < GIGABYTES_MAPPED * 512; page++) {
    tables.u64(directories + page * 8, page * LARGE_PAGE + flags + PAGE_LARGE);
  }
  return { name: "page tables", gpa: PAGE_TABLES_BASE, bytes: tables.bytes };
}

/** The boot processor's state at a kernel's entry, and the tables in memory that this state refers to. */
export interface Entry {
  readonly processor: InitialProcessorState;
  readonly regions: readonly BootRegion[];
}

const common = {
  rflags: RFLAGS_FIXED,
  gdtr: { base: GDT_BASE, limit: GDT_SIZE - 1 },
  idtr: { base: 0, limit: 0 },
  data: flat(BOOT_DS, DATA),
  ldtr: { selector: 0, base: 0, limit: 0xffff, attributes: LDT },
  tr: { selector: 0, base: 0, limit: 0xffff, attributes: TSS_BUSY },
};

/** Protected mode, paging off, interrupts off, flat segments. */
export function enterProtected(rip: number, registers: GeneralRegisters): Entry {
  return {
    processor: {
      ...common,
      mode: "protected",
      rip,
      registers,
      cr0: CR0_PE | CR0_ET,
      cr3: 0,
      cr4: 0,
      efer: 0,
      cs: flat(BOOT_CS, CODE_32),
    },
    regions: [descriptorTable(CODE_32)],
  };
}

/** 64-bit mode, the first 4 GiB mapped onto themselves, interrupts off. */
export function enterLong(rip: number, registers: GeneralRegisters): Entry {
  return {
    processor: {
      ...common,
      mode: "long",
      rip,
      registers,
      cr0: (CR0_PG | CR0_PE | CR0_ET) >>> 0,
      cr3: PAGE_TABLES_BASE,
      cr4: CR4_PAE,
      efer: EFER_LME | EFER_LMA,
      cs: flat(BOOT_CS, CODE_64),
    },
    regions: [descriptorTable(CODE_64), identityPageTables()],
  };
}
