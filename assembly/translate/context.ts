// What the emitters share while one region is translated: the locals of its function, the place in it, and the ways
// out. Registers and flags live in memory: a block reads a register once, then has it in a local, and what changes one
// writes it to memory at once, so that no way in has anything to fetch and no way out, and no fault, anything to put
// back. WebAssembly's compilers make the better code for it: no value lives longer than its block.

import { ENTRY_LIMIT, REGS, TLB_MASK, TLB_SET } from "../state";
import { OP_NEXT } from "../decode/instruction";
import { forgetDeferred } from "./flags";
import {
  I32_LOAD,
  I64_ADD,
  I64_AND,
  I64_LOAD,
  I64_STORE,
  I64_SUB,
  access,
  byte,
  i32Const,
  i64Const,
  localGet,
  localSet,
  localTee,
} from "./wasm";

// Locals. 0 to 3 are the parameters: which block to begin with; the region's base, of which all places in the code are a
// constant away: CODE_BASE of its root block's page; how many instructions may still run; and how many calls of the
// guest's are calls of WebAssembly's around this one.
export const LOCAL_BLOCK: u32 = 0;

export const LOCAL_BASE: u32 = 1;

export const LOCAL_LEFT: u32 = 2;

export const LOCAL_DEPTH: u32 = 3;

/** RAX..R15: i64. */
export const LOCAL_REGISTER: u32 = 4;

/** Pending flags, where their kind is known: operands and result, i64. */
export const LOCAL_FLAG_A: u32 = 20;

export const LOCAL_FLAG_B: u32 = 21;

export const LOCAL_FLAG_RESULT: u32 = 22;

/** Operands of the instruction: i64. */
export const LOCAL_A: u32 = 23;

export const LOCAL_B: u32 = 24;

export const LOCAL_RESULT: u32 = 25;

export const LOCAL_ADDRESS: u32 = 26;

/** RIP on the way out; on the way to a handler CODE_BASE. */
export const LOCAL_RIP: u32 = 27;

/** Result of a rotate whose flags are deferred (flags.ts). */
export const LOCAL_ROTATED: u32 = 28;

/** CALL_KEY before a call. */
export const LOCAL_KEY: u32 = 29;

export const LOCALS_I64: u32 = 26;

/** Kind of the pending flags (translate/support.ts), where it is looked at at run time. */
export const LOCAL_FLAG_KIND: u32 = 30;

export const LOCAL_TLB: u32 = 31;

export const LOCAL_ENTRY: u32 = 32;

/** Where a read-modify-write writes. */
export const LOCAL_POINTER: u32 = 33;

/** On the way out: LEAVE_*; 0, which is LEAVE_MISS, to go on by the jump cache. On the way to a handler LEAVE_PLACE. */
export const LOCAL_STOP: u32 = 34;

export const LOCAL_TLB_MASK: u32 = 35;

export const LOCALS_I32: u32 = 6;

/** Results of the instruction as numbers. */
export const LOCAL_F64: u32 = 36;

export const LOCAL_F32: u32 = 37;

/** Registers whose locals hold what memory holds: bit n for register n. */
let validRegisters: u32 = 0;

/** After code that may not have run: only these, of a set, are surely in their locals still. */
export function keepRegisters(set: u32): void { validRegisters &= set; }

/** What keepRegisters() takes at the end of code that is about to begin. */
export function registersInLocals(): u32 { return validRegisters; }

/** A handler may have written registers of a set. */
export function forgetRegisters(set: u32): void { validRegisters &= ~set; }

/** True in 64-bit mode, false in flat 32-bit mode. */
export let is64: bool = false;

// The block and instruction in work.
export let blockOps: u32 = 0;

export let blockCount: u32 = 0;

/** Bytes from the region's base to the block's page. */
export let blockDelta: i64 = 0;

export let currentOp: u32 = 0;

export let currentIndex: u32 = 0;

/** Labels open within the block's code, and those around it that give the region its shape (structure.ts). */
export let depth: u32 = 0;

export let structureDepth: u32 = 0;

/** Kind of the pending flags, with which their locals hold; KIND_UNKNOWN if only memory knows. */
export const KIND_UNKNOWN: u32 = 0xff;

export let flagKind: u32 = KIND_UNKNOWN;

export function setFlagKind(kind: u32): void { flagKind = kind; }

export function setStructureDepth(labels: u32): void { structureDepth = labels; }

export function enterLabel(): void { depth++; }

export function leaveLabel(): void { depth--; }

/** True if code before this place, on every way to it, has found SSE enabled: what could disable it leaves the region. */
export let sseIsEnabled: bool = false;

export function noteSseEnabled(): void { sseIsEnabled = true; }

export function setMode(mode64: bool): void { is64 = mode64; }

/** `continues`: control comes to the block from the one emitted before it, and from nowhere else. */
export function beginBlock(ops: u32, count: u32, delta: i64, continues: bool): void {
  blockOps = ops;
  blockDelta = delta;
  blockCount = count;
  depth = 0;
  if (continues) return;
  flagKind = KIND_UNKNOWN;
  validRegisters = 0;
  sseIsEnabled = false;
  forgetDeferred();
}

export function beginInstruction(op: u32, index: u32): void {
  currentOp = op;
  currentIndex = index;
}

/** Pushes register n, all 64 bits. */
export function getRegister(n: u32): void {
  if ((validRegisters & (1 << n)) != 0) {
    localGet(LOCAL_REGISTER + n);
    return;
  }
  validRegisters |= 1 << n;
  i32Const(0);
  access(I64_LOAD, REGS + (n << 3));
  localTee(LOCAL_REGISTER + n);
}

/** Pops into register n, all 64 bits. Memory has it at once: ways out need nothing of the registers then. */
export function setRegister(n: u32): void {
  validRegisters |= 1 << n;
  localSet(LOCAL_REGISTER + n);
  i32Const(0);
  localGet(LOCAL_REGISTER + n);
  access(I64_STORE, REGS + (n << 3));
}

/** Pushes the count of instructions retired before this block began. */
function blockStartCount(): void {
  i32Const(0);
  access(I64_LOAD, ENTRY_LIMIT);
  localGet(LOCAL_LEFT);
  byte(I64_SUB);
  i64Const(blockCount);
  byte(I64_SUB);
}

/** Pushes CODE_BASE, as it is for the block. */
export function pushCodeBase(): void {
  localGet(LOCAL_BASE);
  if (blockDelta != 0) {
    i64Const(blockDelta);
    byte(I64_ADD);
  }
}

/** Pushes the arguments that tell the core which instruction runs: op, block, count, CODE_BASE. */
export function pushPlace(): void {
  i32Const(currentOp);
  i32Const(blockOps);
  blockStartCount();
  pushCodeBase();
}

/** At the region's entry. */
export function prologue(): void {
  loadTlbSet();
  i32Const(0);
  access(I32_LOAD, TLB_MASK);
  localSet(LOCAL_TLB_MASK);
}

export function loadTlbSet(): void {
  i32Const(0);
  access(I32_LOAD, TLB_SET);
  localSet(LOCAL_TLB);
}

/** After a handler that may have changed anything. STAC and CLAC are among those that change the TLB set. */
export function fromMemory(): void {
  validRegisters = 0;
  loadTlbSet();
  flagKind = KIND_UNKNOWN;
}

/** Offset of the instruction after `op` from the region's base. */
// @ts-ignore: decorator
@inline export function nextOffset(op: u32): i64 { return blockDelta + <i64>load<u16>(op, OP_NEXT); }

/** Pushes RIP of an offset from the region's base. */
export function pushRip(offset: i64): void {
  localGet(LOCAL_BASE);
  i64Const(offset);
  byte(I64_ADD);
  if (!is64) {
    i64Const(0xffffffff);
    byte(I64_AND);
  }
}
