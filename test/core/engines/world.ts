// Where the fuzzer's programs live: descriptor tables, page tables, handlers that let a program go on after a fault,
// and pages of every kind. All below 512 KiB, and mapped there one to one in every mode.

import * as S from "../../../assembly/state";
import type { Processor } from "../../../emulator/cpu/processor";
import { Assembler } from "./assembler";

export const RAM_SIZE = 0x80000;
const GDT = 0x1000;
const IDT = 0x2000;
const TSS = 0x3000;
const HANDLERS = 0x4000;
/** u32: how often a handler ran. */
export const COUNTER = 0x6000;
/** u64: changes with every frame that a handler was given. */
const CHECKSUM = 0x6008;
/** 32 x u64: where the program goes on after a fault. */
export const RECOVERY = 0x6100;
/** Tops of the stacks: the program's, that of the kernel below a user program, and that of faults in long mode. */
export const STACK_TOP = 0xa000;
const KERNEL_STACK_TOP = 0xc000;
const FAULT_STACK_TOP = 0xd000;
const TABLES = 0x10000;
/** Page table of the first 2 MiB (4 MiB without PAE). */
const PAGE_TABLE = TABLES + 0x3000;
export const CODE = 0x20000;
export const CODE_PAGES = 8;
/** Code on a page that programs remap over and over: it adds another number on each of the two pages it may be on. */
export const TWIN = CODE + (CODE_PAGES << 12) + 0x100;
export const DATA = 0x40000;
export const DATA_PAGES = 16;
/** The same memory again, at the top of the lower half of the address space. */
export const TOP_PAGE = 0x7ffffffff000n;
/** Data pages that are not plain; without paging only the last two are. */
export const PAGE_ABSENT = 8;
export const PAGE_READ_ONLY = 9;
export const PAGE_SUPERVISOR = 10;
export const PAGE_NO_EXECUTE = 11;
/** Maps the first page of code. */
export const PAGE_ALIAS = 12;
export const PAGE_DEVICE = 13;
export const PAGE_OF_ROM = 14;

export type Kind = "long" | "compatibility" | "protected";
export type Paging = "none" | "32-bit" | "PAE" | "4-level";

export interface World {
  readonly kind: Kind;
  readonly paging: Paging;
  readonly user: boolean;
  /** Selectors of DS, ES, SS and CS, without RPL. */
  readonly ds: number;
  readonly es: number;
  readonly ss: number;
  readonly cs: number;
  /** EFLAGS as the program begins: IF, TF, IOPL, AC and others. */
  readonly flags: number;
  /** CR0.AM, CR0.WP and CR4.SMAP. */
  readonly alignmentMask: boolean;
  readonly writeProtect: boolean;
  readonly smap: boolean;
  /** DR7, and what DR0 to DR3 hold. */
  readonly dr7: number;
  readonly breakpoints: readonly number[];
}

// Selectors.
export const CODE32 = 0x08;
export const DATA_FLAT = 0x10;
export const CODE64 = 0x18;
const USER_CODE32 = 0x20;
const USER_DATA = 0x28;
const USER_CODE64 = 0x30;
const TSS_SELECTOR = 0x38;
/** For DS and ES, at any privilege: up to 0x4ffff; based at DATA; expand-down from 0x44000; read-only. */
export const DATA_LIMITED = 0x48;
export const DATA_BASED = 0x50;
export const DATA_DOWN = 0x58;
export const DATA_READ_ONLY = 0x60;
/** Code up to 0x7ffff; code that may not be read. */
const CODE_LIMITED = 0x68;
const CODE_UNREADABLE = 0x70;
/** For SS: up to 0x7ffff. */
export const STACK_LIMITED = 0x78;
const USER_CODE_LIMITED = 0x80;
const USER_CODE_UNREADABLE = 0x88;
export const USER_STACK_LIMITED = 0x90;

const DESCRIPTORS: readonly (readonly [number, bigint])[] = [
  [CODE32, 0x00cf9b000000ffffn],
  [DATA_FLAT, 0x00cf93000000ffffn],
  [CODE64, 0x00af9b000000ffffn],
  [USER_CODE32, 0x00cffb000000ffffn],
  [USER_DATA, 0x00cff3000000ffffn],
  [USER_CODE64, 0x00affb000000ffffn],
  [TSS_SELECTOR, 0x00008b0030000067n],
  [DATA_LIMITED, 0x0044f3000000ffffn],
  [DATA_BASED, 0x0040f3040000ffffn],
  [DATA_DOWN, 0x00c0f70000000043n],
  [DATA_READ_ONLY, 0x00cff1000000ffffn],
  [CODE_LIMITED, 0x00c09b000000007fn],
  [CODE_UNREADABLE, 0x00cf99000000ffffn],
  [STACK_LIMITED, 0x00c093000000007fn],
  [USER_CODE_LIMITED, 0x00c0fb000000007fn],
  [USER_CODE_UNREADABLE, 0x00cff9000000ffffn],
  [USER_STACK_LIMITED, 0x00c0f3000000007fn],
];

/** What a program's code segment may be, besides the flat one; outside long mode. */
export function codeSelectors(user: boolean): readonly number[] {
  return user ? [USER_CODE_LIMITED, USER_CODE_UNREADABLE] : [CODE_LIMITED, CODE_UNREADABLE];
}
export function flatCode(kind: Kind, user: boolean): number {
  if (kind === "long") return user ? USER_CODE64 : CODE64;
  return user ? USER_CODE32 : CODE32;
}
export function flatData(user: boolean): number {
  return user ? USER_DATA : DATA_FLAT;
}

/** Linear address of the page-table entry of a page below 2 MiB. */
export function entryAddress(world: World, page: number): number {
  return PAGE_TABLE + page * (world.paging === "32-bit" ? 4 : 8);
}

const VECTORS_WITH_CODE = new Set([8, 10, 11, 12, 13, 14, 17]);
const CODE_AND_FLAGS_CLEARED = ~(0x100 | 0x4000 | 0x40000);

/** Handlers in 64-bit code: a fault goes on at the next recovery address, a debug trap steps on, interrupts return. */
function handlers64(world: World): Uint8Array {
  const a = new Assembler(HANDLERS);
  stubs(a);
  a.label("common").bytes(0x50, 0x53); // push rax; push rbx
  a.bytes(0xff, 0x04, 0x25).u32(COUNTER); // inc dword [COUNTER]
  for (const item of [0x18, 0x20, 0x28, 0x30, 0x38]) {
    a.bytes(0x48, 0x8b, 0x44, 0x24, item); // mov rax, [rsp+item]
    a.bytes(0x48, 0xc1, 0x04, 0x25).u32(CHECKSUM).bytes(7); // rol qword [CHECKSUM], 7
    a.bytes(0x48, 0x31, 0x04, 0x25).u32(CHECKSUM); // xor [CHECKSUM], rax
  }
  a.bytes(0x8b, 0x44, 0x24, 0x10); // mov eax, [rsp+16]: the vector
  a.bytes(0x83, 0xf8, 0x01).jump("debug", 4, 0x0f, 0x84); // cmp eax, 1; je
  a.bytes(0x83, 0xf8, 0x20).jump("interrupt", 4, 0x0f, 0x83); // cmp eax, 32; jae
  a.bytes(0x83, 0xf8, 0x02).jump("out", 4, 0x0f, 0x84);
  a.bytes(0x83, 0xf8, 0x03).jump("out", 4, 0x0f, 0x84);
  a.bytes(0x83, 0xf8, 0x04).jump("out", 4, 0x0f, 0x84);
  a.bytes(0x8b, 0x04, 0x25).u32(COUNTER); // mov eax, [COUNTER]
  a.bytes(0x83, 0xe0, 0x1f); // and eax, 31
  a.bytes(0x48, 0x8b, 0x04, 0xc5).u32(RECOVERY); // mov rax, [RECOVERY+rax*8]
  a.bytes(0x48, 0x89, 0x44, 0x24, 0x20); // mov [rsp+32], rax
  a.bytes(0x48, 0xc7, 0x44, 0x24, 0x38).u32(STACK_TOP - 0x800); // mov qword [rsp+56], ...
  a.bytes(0x81, 0x64, 0x24, 0x30).u32(CODE_AND_FLAGS_CLEARED); // and dword [rsp+48], ...
  if (world.kind === "compatibility") reloadData(a, world);
  a.jump("out", 4, 0xe9);
  a.label("debug").bytes(0x81, 0x4c, 0x24, 0x30).u32(0x10000); // or dword [rsp+48], RF
  a.bytes(0xf6, 0x04, 0x25).u32(COUNTER).bytes(0x0f); // test byte [COUNTER], 15
  a.jump("out", 4, 0x0f, 0x85);
  a.bytes(0x81, 0x64, 0x24, 0x30).u32(~0x100); // TF goes
  a.jump("out", 4, 0xe9);
  a.label("interrupt").bytes(0xb0, 0x20, 0xe6, 0x20); // mov al, 0x20; out 0x20, al
  a.label("out").bytes(0x5b, 0x58, 0x48, 0x83, 0xc4, 0x10, 0x48, 0xcf); // pop rbx; pop rax; add rsp, 16; iretq
  return a.finish();
}

/** As handlers64(). Memory goes through SS: DS may be anything. A fault at CPL 0 makes itself a new frame. */
function handlers32(world: World): Uint8Array {
  const a = new Assembler(HANDLERS);
  stubs(a);
  a.label("common").bytes(0x50, 0x53);
  a.bytes(0x36, 0xff, 0x05).u32(COUNTER);
  for (const item of [0x0c, 0x10, 0x14, 0x18]) {
    a.bytes(0x8b, 0x44, 0x24, item); // mov eax, [esp+item]
    a.bytes(0x36, 0xc1, 0x05).u32(CHECKSUM).bytes(7);
    a.bytes(0x36, 0x31, 0x05).u32(CHECKSUM);
  }
  a.bytes(0x8b, 0x44, 0x24, 0x08);
  a.bytes(0x83, 0xf8, 0x01).jump("debug", 4, 0x0f, 0x84);
  a.bytes(0x83, 0xf8, 0x20).jump("interrupt", 4, 0x0f, 0x83);
  a.bytes(0x83, 0xf8, 0x02).jump("out", 4, 0x0f, 0x84);
  a.bytes(0x83, 0xf8, 0x03).jump("out", 4, 0x0f, 0x84);
  a.bytes(0x83, 0xf8, 0x04).jump("out", 4, 0x0f, 0x84);
  reloadData(a, world);
  a.bytes(0x36, 0xa1).u32(COUNTER);
  a.bytes(0x83, 0xe0, 0x1f);
  a.bytes(0x36, 0x8b, 0x04, 0xc5).u32(RECOVERY); // mov eax, ss:[RECOVERY+eax*8]
  a.bytes(0x81, 0x64, 0x24, 0x18).u32(CODE_AND_FLAGS_CLEARED); // and dword [esp+24], ...
  a.bytes(0xf6, 0x44, 0x24, 0x14, 0x03); // test byte [esp+20], 3: from user code?
  a.jump("user", 1, 0x75);
  a.bytes(0x8b, 0x5c, 0x24, 0x18); // mov ebx, [esp+24]
  a.bytes(0x8b, 0x4c, 0x24, 0x14); // mov ecx, [esp+20]
  a.bytes(0xbc)
    .u32(STACK_TOP - 0x800)
    .bytes(0x53, 0x51, 0x50, 0xcf); // mov esp, ...; push ebx, ecx, eax; iretd
  a.label("user").bytes(0x89, 0x44, 0x24, 0x10); // mov [esp+16], eax
  a.bytes(0xc7, 0x44, 0x24, 0x1c).u32(STACK_TOP - 0x800);
  a.jump("out", 4, 0xe9);
  a.label("debug").bytes(0x81, 0x4c, 0x24, 0x18).u32(0x10000);
  a.bytes(0x36, 0xf6, 0x05).u32(COUNTER).bytes(0x0f);
  a.jump("out", 4, 0x0f, 0x85);
  a.bytes(0x81, 0x64, 0x24, 0x18).u32(~0x100);
  a.jump("out", 4, 0xe9);
  a.label("interrupt").bytes(0xb0, 0x20, 0xe6, 0x20);
  a.label("out").bytes(0x5b, 0x58, 0x83, 0xc4, 0x08, 0xcf);
  return a.finish();
}

/** mov ebx, selector; mov ds, ebx; and ES likewise. */
function reloadData(a: Assembler, world: World): void {
  const rpl = world.user ? 3 : 0;
  a.bytes(0xbb)
    .u32(world.ds | rpl)
    .bytes(0x8e, 0xdb);
  a.bytes(0xbb)
    .u32(world.es | rpl)
    .bytes(0x8e, 0xc3);
}

const STUB_SIZE = 16;
const VECTORS = 64;

function stubs(a: Assembler): void {
  for (let vector = 0; vector < VECTORS; vector++) {
    a.pad(HANDLERS + vector * STUB_SIZE);
    if (!VECTORS_WITH_CODE.has(vector)) a.bytes(0x6a, 0);
    a.bytes(0x6a, vector).jump("common", 4, 0xe9);
  }
}

/** Writes everything but the program. */
export function buildMemory(world: World): Uint8Array {
  const memory = new Uint8Array(RAM_SIZE);
  const view = new DataView(memory.buffer);
  const long = world.kind !== "protected";
  for (const [selector, descriptor] of DESCRIPTORS) view.setBigUint64(GDT + selector, descriptor, true);
  memory.set(long ? handlers64(world) : handlers32(world), HANDLERS);
  for (let vector = 0; vector < VECTORS; vector++) {
    const target = BigInt(HANDLERS + vector * STUB_SIZE);
    // INT3 and INTO may come from user code.
    const gate = vector === 3 || vector === 4 || vector === 0x30 ? 0xee0000000000n : 0x8e0000000000n;
    if (long) {
      const stack = vector < 32 ? 1n << 32n : 0n;
      view.setBigUint64(IDT + vector * 16, target | (BigInt(CODE64) << 16n) | gate | stack, true);
    } else view.setBigUint64(IDT + vector * 8, target | (BigInt(CODE32) << 16n) | gate, true);
  }
  if (long) {
    view.setBigUint64(TSS + 4, BigInt(KERNEL_STACK_TOP), true);
    view.setBigUint64(TSS + 0x24, BigInt(FAULT_STACK_TOP), true);
  } else {
    view.setUint32(TSS + 4, KERNEL_STACK_TOP, true);
    view.setUint32(TSS + 8, DATA_FLAT, true);
  }
  // add eax, n; ret
  memory.set([0x05, 1, 0, 0, 0, 0xc3], TWIN);
  memory.set([0x05, 0, 1, 0, 0, 0xc3], TWIN + 0x1000);
  writePageTables(view, world);
  return memory;
}

function writePageTables(view: DataView, world: World): void {
  if (world.paging === "none") return;
  const wide = world.paging !== "32-bit";
  if (!wide) view.setUint32(TABLES, PAGE_TABLE | 7, true);
  else {
    const directory = BigInt(TABLES + 0x2000);
    if (world.paging === "PAE") view.setBigUint64(TABLES, directory | 1n, true);
    else {
      view.setBigUint64(TABLES, BigInt(TABLES + 0x1000) | 7n, true);
      view.setBigUint64(TABLES + 0x1000, directory | 7n, true);
      // The page at the top of the lower half: its tables have only their last entries.
      view.setBigUint64(TABLES + 255 * 8, BigInt(TABLES + 0x4000) | 7n, true);
      view.setBigUint64(TABLES + 0x4000 + 511 * 8, BigInt(TABLES + 0x5000) | 7n, true);
      view.setBigUint64(TABLES + 0x5000 + 511 * 8, BigInt(TABLES + 0x6000) | 7n, true);
      view.setBigUint64(TABLES + 0x6000 + 511 * 8, BigInt(CODE + (CODE_PAGES - 1) * 0x1000) | 7n, true);
    }
    view.setBigUint64(TABLES + 0x2000, BigInt(PAGE_TABLE) | 7n, true);
  }
  for (let page = 0; page < RAM_SIZE >> 12; page++) {
    const entry = pageEntry(world, page);
    if (wide) view.setBigUint64(PAGE_TABLE + page * 8, entry, true);
    else view.setUint32(PAGE_TABLE + page * 4, Number(entry & 0xffffffffn), true);
  }
}

/** The entry that maps a page at first: code, data and the user's stack are the user's. */
export function pageEntry(world: World, page: number): bigint {
  const address = BigInt(page) << 12n;
  const address32 = page << 12;
  const system = address32 < 0x8000 || (address32 >= STACK_TOP && address32 < CODE);
  const forUser = world.user && !system;
  const plain = address | (forUser ? 7n : 3n);
  switch (page - (DATA >> 12)) {
    case PAGE_ABSENT:
      return 0n;
    case PAGE_READ_ONLY:
      return plain & ~2n;
    case PAGE_SUPERVISOR:
      return plain ^ 4n;
    case PAGE_NO_EXECUTE:
      return plain | (1n << 63n);
    case PAGE_ALIAS:
      return (plain & 0xfffn) | BigInt(CODE);
    default:
      return plain;
  }
}

/** Puts a processor, after reset, to the start of a program. */
export function enterWorld(cpu: Processor, world: World, entry: number): void {
  const { state } = cpu;
  const long = world.kind !== "protected";
  cpu.setPageKind(DATA + PAGE_DEVICE * 0x1000, 0x1000, S.PAGE_MMIO);
  cpu.setPageKind(DATA + PAGE_OF_ROM * 0x1000, 0x1000, S.PAGE_ROM);
  state.setBigUint64(S.GDTR, BigInt(GDT), true);
  state.setUint32(S.GDTR + 8, 0x9f, true);
  state.setBigUint64(S.IDTR, BigInt(IDT), true);
  state.setUint32(S.IDTR + 8, VECTORS * (long ? 16 : 8) - 1, true);
  const paging = world.paging === "none" ? 0n : 0x80000000n;
  const protect = (world.alignmentMask ? 0x40000n : 0n) | (world.writeProtect ? 0x10000n : 0n);
  state.setBigUint64(S.CR0, 0x31n | paging | protect, true);
  const wide = world.paging === "PAE" || world.paging === "4-level";
  state.setBigUint64(S.CR4, 0x10608n | (wide ? 0x20n : 0n) | (world.smap ? 0x200000n : 0n), true);
  state.setBigUint64(S.CR3, BigInt(TABLES), true);
  state.setBigUint64(S.MSR_EFER, (long ? 0x500n : 0n) | (wide ? 0x801n : 1n), true);
  const rpl = world.user ? 3 : 0;
  state.setUint32(S.CPL, rpl, true);
  const selectors = [world.es, world.cs, world.ss, world.ds, flatData(world.user), flatData(world.user)];
  selectors.forEach((selector, segment) => setSegment(state, segment, selector | rpl));
  const tr = S.SEGMENTS + S.TR * S.SEGMENT_STRIDE;
  state.setBigUint64(tr + S.SEGMENT_BASE, BigInt(TSS), true);
  state.setUint32(tr + S.SEGMENT_LIMIT, 0x67, true);
  state.setUint32(tr + S.SEGMENT_ATTRIBUTES, 0x8b, true);
  state.setUint16(tr + S.SEGMENT_SELECTOR, TSS_SELECTOR, true);
  state.setUint32(S.EFLAGS, (world.flags & ~0x8d5) | 2, true);
  state.setBigUint64(S.FLAG_RESULT, 1n, true);
  state.setBigUint64(S.FLAG_CARRIES, 0n, true);
  world.breakpoints.forEach((address, n) => state.setBigUint64(S.DR + n * 8, BigInt(address), true));
  state.setBigUint64(S.DR + 56, BigInt(world.dr7 | 0x400), true);
  state.setBigUint64(S.RIP, BigInt(entry), true);
  cpu.updateMode();
}

/** As system/descriptors.ts fills a segment register. */
function setSegment(state: DataView, segment: number, selector: number): void {
  const raw = DESCRIPTORS.find(([known]) => known === (selector & ~7))?.[1] ?? 0n;
  const attributes = Number((raw >> 40n) & 0xf0ffn);
  const base = ((raw >> 16n) & 0xffffffn) | ((raw >> 32n) & 0xff000000n);
  let limit = Number((raw & 0xffffn) | ((raw >> 32n) & 0xf0000n));
  if ((attributes & 0x8000) !== 0) limit = ((limit << 12) | 0xfff) >>> 0;
  let flat = 0;
  if (limit === 0xffffffff) {
    if ((attributes & 8) !== 0) flat = (attributes & 2) !== 0 ? S.FLAT_READ : 0;
    else if ((attributes & 4) === 0) flat = (attributes & 2) !== 0 ? S.FLAT_READ | S.FLAT_WRITE : S.FLAT_READ;
  }
  const address = S.SEGMENTS + segment * S.SEGMENT_STRIDE;
  state.setBigUint64(address + S.SEGMENT_BASE, base, true);
  state.setUint32(address + S.SEGMENT_LIMIT, limit, true);
  state.setUint32(address + S.SEGMENT_ATTRIBUTES, attributes, true);
  state.setUint16(address + S.SEGMENT_SELECTOR, selector, true);
  state.setUint32(address + S.SEGMENT_FLAT, flat, true);
  state.setUint32(address + S.SEGMENT_NULL, raw === 0n ? 1 : 0, true);
}
