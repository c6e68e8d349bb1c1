// The functions between the run loop and the regions, and between one region and the next. Every region goes on with the
// first: it looks RIP up in the jump cache and calls the function there as a tail call (WebAssembly tail call proposal:
// return_call_indirect), or returns to the run loop with RIP and the count in memory. The second is what the run loop
// calls. They are a module of their own, since AssemblyScript has no tail calls and no functions of two results, and
// since a module that imports the core's table costs the table's length to make.

import {
  EMITTER,
  ENTRY_LIMIT,
  INSTRUCTION_COUNT,
  JUMP_BASE,
  JUMP_CACHE,
  JUMP_CACHE_ENTRIES,
  JUMP_ENTRY,
  JUMP_ENTRY_SIZE,
  JUMP_FUNCTION,
  JUMP_KEY,
  JUMP_NEEDS,
  JUMP_TAG,
  RIP,
  STATISTIC_CHAINED,
} from "../state";
import { STOPPED } from "./exits";
import {
  FUNCTION_REVIVE,
  TYPE_ENTRY,
  beginBodies,
  beginBody,
  beginChainModule,
  endBody,
  endModule,
  hint,
  hintedIf,
} from "./module";
import {
  BR,
  CALL_INDIRECT,
  ELSE,
  END,
  I32_AND,
  I32_LOAD,
  I32_LOAD16_U,
  I32_SHL,
  I32_WRAP_I64,
  I64_ADD,
  I64_EQ,
  I64_GE_U,
  I64_LOAD,
  I64_LOAD16_U,
  I64_SHR_U,
  I64_STORE,
  I64_SUB,
  I64_XOR,
  IF,
  LOOP,
  RETURN,
  RETURN_CALL_INDIRECT,
  TYPE_I32,
  TYPE_VOID,
  access,
  byte,
  call,
  i32Const,
  i64Const,
  localGet,
  localSet,
  localTee,
  position,
  unsigned,
} from "./wasm";

/** Of the first function. */
const CHAIN_RIP: u32 = 0;
const CHAIN_LEFT: u32 = 1;
const CHAIN_DEPTH: u32 = 2;
const CHAIN_CACHE_ENTRY: u32 = 3;
/** Of the second. */
const ENTER_BLOCK: u32 = 0;
const ENTER_BASE: u32 = 1;
const ENTER_LEFT: u32 = 2;
const ENTER_TARGET: u32 = 3;
const ENTER_RIP: u32 = 4;
const ENTER_CACHE_ENTRY: u32 = 5;

/** Pushes whether the jump cache knows what is at RIP, and whether all of it may run; `entry` is where it would be. */
function lookUp(rip: u32, left: u32, entry: u32): void {
  localGet(rip);
  localGet(rip);
  i64Const(12);
  byte(I64_SHR_U);
  byte(I64_XOR);
  byte(I32_WRAP_I64);
  i32Const(JUMP_CACHE_ENTRIES - 1);
  byte(I32_AND);
  i32Const(ctz<u32>(JUMP_ENTRY_SIZE));
  byte(I32_SHL);
  localTee(entry);
  access(I64_LOAD, JUMP_CACHE + JUMP_TAG);
  localGet(rip);
  i32Const(0);
  access(I64_LOAD, JUMP_KEY);
  byte(I64_XOR);
  byte(I64_EQ);
  // Of another time: the core looks at it.
  hint(true);
  byte(IF);
  byte(TYPE_I32);
  i32Const(1);
  byte(ELSE);
  localGet(rip);
  call(FUNCTION_REVIVE);
  byte(END);
  localGet(left);
  localGet(entry);
  access(I64_LOAD16_U, JUMP_CACHE + JUMP_NEEDS);
  byte(I64_GE_U);
  byte(I32_AND);
}

function countChained(): void {
  i32Const(0);
  i32Const(0);
  access(I64_LOAD, STATISTIC_CHAINED);
  i64Const(1);
  byte(I64_ADD);
  access(I64_STORE, STATISTIC_CHAINED);
}

/** RIP and the count for the run loop. */
function storePlace(rip: u32, left: u32): void {
  i32Const(0);
  localGet(rip);
  access(I64_STORE, RIP);
  i32Const(0);
  i32Const(0);
  access(I64_LOAD, ENTRY_LIMIT);
  localGet(left);
  byte(I64_SUB);
  access(I64_STORE, INSTRUCTION_COUNT);
}

/** The function that regions go on with, TYPE_CHAIN. */
function emitChainBody(): void {
  beginBody(0, 1);
  lookUp(CHAIN_RIP, CHAIN_LEFT, CHAIN_CACHE_ENTRY);
  hintedIf(true);
  countChained();
  localGet(CHAIN_CACHE_ENTRY);
  access(I32_LOAD16_U, JUMP_CACHE + JUMP_ENTRY);
  localGet(CHAIN_CACHE_ENTRY);
  access(I64_LOAD, JUMP_CACHE + JUMP_BASE);
  localGet(CHAIN_LEFT);
  localGet(CHAIN_DEPTH);
  localGet(CHAIN_CACHE_ENTRY);
  access(I32_LOAD, JUMP_CACHE + JUMP_FUNCTION);
  byte(RETURN_CALL_INDIRECT);
  unsigned(TYPE_ENTRY);
  unsigned(0);
  byte(END);
  storePlace(CHAIN_RIP, CHAIN_LEFT);
  i64Const(STOPPED);
  i64Const(0);
  endBody();
}

/** The function that the run loop calls, TYPE_ENTER: what returns to nobody's call goes on from here. */
function emitEnterBody(): void {
  beginBody(1, 1);
  byte(LOOP);
  byte(TYPE_VOID);
  localGet(ENTER_BLOCK);
  localGet(ENTER_BASE);
  localGet(ENTER_LEFT);
  i32Const(0);
  localGet(ENTER_TARGET);
  byte(CALL_INDIRECT);
  unsigned(TYPE_ENTRY);
  unsigned(0);
  localSet(ENTER_LEFT);
  localTee(ENTER_RIP);
  i64Const(STOPPED);
  byte(I64_EQ);
  byte(IF);
  byte(TYPE_VOID);
  byte(RETURN);
  byte(END);
  lookUp(ENTER_RIP, ENTER_LEFT, ENTER_CACHE_ENTRY);
  hintedIf(true);
  countChained();
  localGet(ENTER_CACHE_ENTRY);
  access(I32_LOAD16_U, JUMP_CACHE + JUMP_ENTRY);
  localSet(ENTER_BLOCK);
  localGet(ENTER_CACHE_ENTRY);
  access(I64_LOAD, JUMP_CACHE + JUMP_BASE);
  localSet(ENTER_BASE);
  localGet(ENTER_CACHE_ENTRY);
  access(I32_LOAD, JUMP_CACHE + JUMP_FUNCTION);
  localSet(ENTER_TARGET);
  byte(BR);
  unsigned(1);
  byte(END);
  byte(END);
  storePlace(ENTER_RIP, ENTER_LEFT);
  endBody();
}

/** Writes the module of both at EMITTER, the first exported as "0", the second as "1". @returns its length in bytes */
export function emitChain(): u32 {
  beginBodies();
  emitChainBody();
  emitEnterBody();
  const end = position;
  beginChainModule(EMITTER);
  return endModule(EMITTER, end);
}
