// What the emitters share while one region is translated: the locals of its function, the place in it, and the ways
// out. Registers and flags live in memory: a block reads a register once, then has it in a local, and what changes one
// writes it to memory at once, so that no way in has anything to fetch and no way out, and no fault, anything to put
// back. WebAssembly's compilers make the better code for it: no value lives longer than its block.

import {
  CODE_BASE,
  ENTRY_LIMIT,
  INSTRUCTION_COUNT,
  LEAVE_CAUSE,
  LEAVE_HANDLER,
  LEAVE_MODE,
  LEAVE_PLACE,
  REGS,
  RIP,
  TLB_MASK,
  TLB_SET,
} from "../state";
import { OP_NEXT } from "../decode/instruction";
import { forgetDeferred, writeDeferred } from "./flags";
import { FUNCTION_CHAIN, FUNCTION_MAY_CHAIN, hintedIf } from "./module";
import {
  BR,
  END,
  I32_EQZ,
  I32_LOAD,
  I32_STORE,
  I64_ADD,
  I64_AND,
  I64_LOAD,
  I64_STORE,
  I64_SUB,
  RETURN,
  RETURN_CALL,
  access,
  byte,
  call,
  i32Const,
  i64Const,
  localGet,
  localSet,
  localTee,
  unsigned,
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

/** What a translated function returns in place of RIP if the run loop is to go on. No canonical address. */
export const STOPPED: i64 = i64.MIN_VALUE;

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
let structureDepth: u32 = 0;

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

export function beginRegion(mode64: bool): void { is64 = mode64; }

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

/** Pushes the arguments that tell the core which instruction runs: op, block, count, CODE_BASE. */
export function pushPlace(): void {
  i32Const(currentOp);
  i32Const(blockOps);
  blockStartCount();
  localGet(LOCAL_BASE);
  if (blockDelta != 0) {
    i64Const(blockDelta);
    byte(I64_ADD);
  }
}

/** At the region's entry. */
export function prologue(): void {
  loadTlbSet();
  i32Const(0);
  access(I32_LOAD, TLB_MASK);
  localSet(LOCAL_TLB_MASK);
}

/** Where the ways to the run loop end that leave an instruction to its handler. */
export function handlerEpilogue(): void {
  i32Const(0);
  localGet(LOCAL_RIP);
  access(I64_STORE, CODE_BASE);
  storeCount();
  i32Const(0);
  localGet(LOCAL_STOP);
  access(I32_STORE, LEAVE_PLACE);
  i32Const(0);
  i32Const(LEAVE_HANDLER);
  access(I32_STORE, LEAVE_CAUSE);
  returnStopped();
}

/** To the run loop, which finds all it needs in memory. */
function returnStopped(): void {
  i64Const(STOPPED);
  i64Const(0);
  byte(RETURN);
}

function storeCount(): void {
  i32Const(0);
  i32Const(0);
  access(I64_LOAD, ENTRY_LIMIT);
  localGet(LOCAL_LEFT);
  byte(I64_SUB);
  access(I64_STORE, INSTRUCTION_COUNT);
}

/** Where every other way out ends: on to the next region, or to the run loop. */
export function epilogue(): void {
  localGet(LOCAL_STOP);
  hintedIf(false);
  i32Const(0);
  localGet(LOCAL_RIP);
  access(I64_STORE, RIP);
  storeCount();
  i32Const(0);
  localGet(LOCAL_STOP);
  access(I32_STORE, LEAVE_CAUSE);
  returnStopped();
  byte(END);
  localGet(LOCAL_RIP);
  localGet(LOCAL_LEFT);
  localGet(LOCAL_DEPTH);
  byte(RETURN_CALL);
  unsigned(FUNCTION_CHAIN);
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

/** Branches to where every way out ends; LOCAL_RIP is set. */
export function branchToExit(): void {
  byte(BR);
  unsigned(handlerLabel() + 1);
}

/** Leaves the running instruction, of which nothing is done yet, to its handler. */
export function leaveToHandler(): void {
  writeDeferred();
  i32Const((currentOp << 2) | currentIndex);
  localSet(LOCAL_STOP);
  localGet(LOCAL_BASE);
  if (blockDelta != 0) {
    i64Const(blockDelta);
    byte(I64_ADD);
  }
  localSet(LOCAL_RIP);
  byte(BR);
  unsigned(handlerLabel());
}

/** Beyond the blocks' labels; the exit's label follows. */
function handlerLabel(): u32 { return depth + structureDepth; }

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

/** The way out that is taken now leads to the run loop, for a LEAVE_*. */
export function stopFor(cause: u32): void {
  i32Const(cause);
  localSet(LOCAL_STOP);
}

/** Leaves the region for an offset from its base, to the run loop, with `unrun` instructions of the block not run. */
export function stopAt(offset: i64, unrun: u32, cause: u32): void {
  stopFor(cause);
  if (unrun != 0) {
    localGet(LOCAL_LEFT);
    i64Const(unrun);
    byte(I64_ADD);
    localSet(LOCAL_LEFT);
  }
  exitTo(offset);
}

/** Leaves the region for an offset from its base. */
export function exitTo(offset: i64): void {
  writeDeferred();
  pushRip(offset);
  localSet(LOCAL_RIP);
  branchToExit();
}

/** After a handler that may have changed what the run loop looks at: only if it did not, the jump cache may be asked. */
export function stopIfModeChanged(): void {
  call(FUNCTION_MAY_CHAIN);
  byte(I32_EQZ);
  hintedIf(false);
  stopFor(LEAVE_MODE);
  byte(END);
}
