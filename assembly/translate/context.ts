// What the emitters share while one region is translated: the locals of its function, the place in it, and the ways
// out. All registers of the guest that the region uses live in locals; memory has them again whenever the region is
// left or a handler runs.

import {
  CODE_BASE,
  FLAG_CARRIES,
  FLAG_RESULT,
  INSTRUCTION_COUNT,
  INSTRUCTION_LIMIT,
  LEAVE_CAUSE,
  LEAVE_HANDLER,
  LEAVE_MODE,
  LEAVE_PLACE,
  PENDING_B,
  PENDING_KIND,
  REGS,
  RIP,
  TLB_SET,
} from "../state";
import { OP_NEXT } from "../decode/instruction";
import { KIND_RAW } from "./support";
import { FUNCTION_CHAIN, FUNCTION_MAY_CHAIN, FUNCTION_STORE_FLAGS, hintedIf } from "./module";
import {
  BR,
  CATCH_ALL,
  END,
  I32_EQZ,
  I32_LOAD,
  I32_STORE,
  I64_ADD,
  I64_AND,
  I64_LOAD,
  I64_STORE,
  I64_SUB,
  IF,
  RETHROW,
  RETURN,
  RETURN_CALL,
  TYPE_VOID,
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

// Locals. 0 and 1 are the parameters: which block to begin with, and the region's base, of which all places in the code
// are a constant away: CODE_BASE of its root block's page.
export const LOCAL_BLOCK: u32 = 0;
export const LOCAL_BASE: u32 = 1;
/** RAX..R15: i64. */
export const LOCAL_REGISTER: u32 = 2;
/** Pending flags: operands and result, i64. */
export const LOCAL_FLAG_A: u32 = 18;
export const LOCAL_FLAG_B: u32 = 19;
export const LOCAL_FLAG_RESULT: u32 = 20;
/** Instructions that may still run, and the limit that they were counted from. */
export const LOCAL_LEFT: u32 = 21;
export const LOCAL_LIMIT: u32 = 22;
/** Operands of the instruction: i64. */
export const LOCAL_A: u32 = 23;
export const LOCAL_B: u32 = 24;
export const LOCAL_RESULT: u32 = 25;
export const LOCAL_ADDRESS: u32 = 26;
/** RIP on the way out; on the way to a handler CODE_BASE. */
export const LOCAL_RIP: u32 = 27;
export const LOCALS_I64: u32 = 26;
/** Kind of the pending flags (translate/support.ts). */
export const LOCAL_FLAG_KIND: u32 = 28;
export const LOCAL_TLB: u32 = 29;
export const LOCAL_ENTRY: u32 = 30;
/** 1 while memory has the flags, not the locals. */
export const LOCAL_IN_MEMORY: u32 = 31;
/** Where a read-modify-write writes. */
export const LOCAL_POINTER: u32 = 32;
/** On the way out: LEAVE_*; 0, which is LEAVE_MISS, to go on by the jump cache. On the way to a handler LEAVE_PLACE. */
export const LOCAL_STOP: u32 = 33;
export const LOCALS_I32: u32 = 6;

/** Registers that the region reads or writes: bit n for register n. */
export let usedRegisters: u32 = 0;

export const ALL_REGISTERS: u32 = 0xffff;

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
/** True if the region calls what may fault while its locals are ahead of memory; the first pass finds out. */
export let catches: bool = false;
export function setCatches(): void { catches = true; }

/** Static kind of the pending flags, or KIND_UNKNOWN. */
export const KIND_UNKNOWN: u32 = 0xff;
export let flagKind: u32 = KIND_UNKNOWN;
export function setFlagKind(kind: u32): void { flagKind = kind; }
export function setStructureDepth(labels: u32): void { structureDepth = labels; }
export function enterLabel(): void { depth++; }
export function leaveLabel(): void { depth--; }

export function beginRegion(mode64: bool, firstPass: bool): void {
  is64 = mode64;
  if (firstPass) {
    usedRegisters = 0;
    catches = false;
  }
}

export function beginBlock(ops: u32, count: u32, delta: i64): void {
  blockOps = ops;
  blockDelta = delta;
  blockCount = count;
  depth = 0;
  flagKind = KIND_UNKNOWN;
}

export function beginInstruction(op: u32, index: u32): void {
  currentOp = op;
  currentIndex = index;
}

/** Pushes register n, all 64 bits. */
export function getRegister(n: u32): void {
  usedRegisters |= 1 << n;
  localGet(LOCAL_REGISTER + n);
}

/** Pops into register n, all 64 bits. Memory has it at once: ways out need nothing of the registers then. */
export function setRegister(n: u32): void {
  usedRegisters |= 1 << n;
  localSet(LOCAL_REGISTER + n);
  i32Const(0);
  localGet(LOCAL_REGISTER + n);
  access(I64_STORE, REGS + (n << 3));
}

/** Pushes the count of instructions retired before this block began. */
function blockStartCount(): void {
  localGet(LOCAL_LIMIT);
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

/** Takes registers of a set (bit n: register n), as far as the region uses them, from memory. */
export function loadRegisters(set: u32): void {
  for (let n: u32 = 0; n < 16; n++) {
    if ((usedRegisters & set & (1 << n)) == 0) continue;
    i32Const(0);
    access(I64_LOAD, REGS + (n << 3));
    localSet(LOCAL_REGISTER + n);
  }
}

/** Takes the flags from memory. */
function loadFlags(): void {
  i32Const(0);
  access(I64_LOAD, FLAG_RESULT);
  localSet(LOCAL_FLAG_RESULT);
  i32Const(0);
  access(I64_LOAD, FLAG_CARRIES);
  localSet(LOCAL_FLAG_A);
  i32Const(KIND_RAW);
  localSet(LOCAL_FLAG_KIND);
}

/** At the entry: the flags as the last region left them. */
function loadPendingFlags(): void {
  loadFlags();
  i32Const(0);
  access(I32_LOAD, PENDING_KIND);
  localTee(LOCAL_FLAG_KIND);
  byte(IF);
  byte(TYPE_VOID);
  i32Const(0);
  access(I64_LOAD, PENDING_B);
  localSet(LOCAL_FLAG_B);
  takeFlagsBack();
  byte(END);
}

/** After leaveFlagsPending(), in a region again: what is in memory means nothing. */
export function takeFlagsBack(): void {
  i32Const(0);
  i32Const(KIND_RAW);
  access(I32_STORE, PENDING_KIND);
}

/** On the way out: left pending, for the next region, or for settleFlags(). */
export function leaveFlagsPending(): void {
  i32Const(0);
  localGet(LOCAL_FLAG_RESULT);
  access(I64_STORE, FLAG_RESULT);
  i32Const(0);
  localGet(LOCAL_FLAG_KIND);
  access(I32_STORE, PENDING_KIND);
  i32Const(0);
  localGet(LOCAL_FLAG_B);
  access(I64_STORE, PENDING_B);
  i32Const(0);
  localGet(LOCAL_FLAG_A);
  access(I64_STORE, FLAG_CARRIES);
}

/** Gives memory the flags, whatever their kind; they stay pending as they are. */
export function storePendingFlags(): void {
  localGet(LOCAL_FLAG_KIND);
  localGet(LOCAL_FLAG_A);
  localGet(LOCAL_FLAG_B);
  localGet(LOCAL_FLAG_RESULT);
  call(FUNCTION_STORE_FLAGS);
}

/** At the region's entry. */
export function prologue(): void {
  loadRegisters(ALL_REGISTERS);
  loadPendingFlags();
  i32Const(0);
  access(I64_LOAD, INSTRUCTION_LIMIT);
  localSet(LOCAL_LIMIT);
  localGet(LOCAL_LIMIT);
  i32Const(0);
  access(I64_LOAD, INSTRUCTION_COUNT);
  byte(I64_SUB);
  localSet(LOCAL_LEFT);
  loadTlbSet();
}

/** Where the ways to the run loop end that leave an instruction to its handler. */
export function handlerEpilogue(): void {
  leaveFlagsPending();
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
  byte(RETURN);
}

function storeCount(): void {
  i32Const(0);
  localGet(LOCAL_LIMIT);
  localGet(LOCAL_LEFT);
  byte(I64_SUB);
  access(I64_STORE, INSTRUCTION_COUNT);
}

/** Where every way out ends: memory gets what the locals hold, and LOCAL_RIP; then on to the next region. */
export function epilogue(): void {
  leaveFlagsPending();
  i32Const(0);
  localGet(LOCAL_RIP);
  access(I64_STORE, RIP);
  storeCount();
  localGet(LOCAL_STOP);
  hintedIf(false);
  i32Const(0);
  localGet(LOCAL_STOP);
  access(I32_STORE, LEAVE_CAUSE);
  byte(RETURN);
  byte(END);
  localGet(LOCAL_RIP);
  byte(RETURN_CALL);
  unsigned(FUNCTION_CHAIN);
}

/** When the slow path or a handler faults: the locals, unless memory is ahead of them; the count is there already. */
export function catchFault(): void {
  byte(CATCH_ALL);
  localGet(LOCAL_IN_MEMORY);
  byte(I32_EQZ);
  byte(IF);
  byte(TYPE_VOID);
  storePendingFlags();
  byte(END);
  byte(RETHROW);
  unsigned(0);
}

/** Whether a fault finds all state in memory, and does not take it from the locals. */
export function setInMemory(inMemory: bool): void {
  i32Const(u32(inMemory));
  localSet(LOCAL_IN_MEMORY);
}

/** Before a handler: memory has all state. */
export function toMemory(): void {
  storePendingFlags();
  setInMemory(true);
}

export function loadTlbSet(): void {
  i32Const(0);
  access(I32_LOAD, TLB_SET);
  localSet(LOCAL_TLB);
}

/** After it. STAC and CLAC are among those that change the TLB set. */
export function fromMemory(): void {
  setInMemory(false);
  loadRegisters(ALL_REGISTERS);
  flagsFromMemory();
  loadTlbSet();
}

/** After a handler that set flags. */
export function flagsFromMemory(): void {
  loadFlags();
  flagKind = KIND_RAW;
}

/** Branches to where every way out ends; LOCAL_RIP is set. */
export function branchToExit(): void {
  byte(BR);
  unsigned(handlerLabel() + 1);
}

/** Leaves the running instruction, of which nothing is done yet, to its handler. */
export function leaveToHandler(): void {
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

/** Beyond the blocks' labels and the try, if there is one; the exit's label follows. */
function handlerLabel(): u32 { return depth + structureDepth + u32(catches); }

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
  pushRip(offset);
  localSet(LOCAL_RIP);
  branchToExit();
}

/** After a handler that may have changed what the run loop looks at: only if it did not, the jump cache may be asked. */
export function stopIfModeChanged(): void {
  call(FUNCTION_MAY_CHAIN);
  byte(I32_EQZ);
  byte(IF);
  byte(TYPE_VOID);
  stopFor(LEAVE_MODE);
  byte(END);
}
