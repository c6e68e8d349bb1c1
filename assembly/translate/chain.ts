// The one function that every region ends with: it looks RIP up in the jump cache and calls the function there as a
// tail call (WebAssembly tail call proposal: return_call_indirect), or returns to the run loop with RIP and the count in
// memory. An entry whose tag is of another time it has looked at by the core. It is a module of its
// own, since AssemblyScript has no tail calls, and since a module that imports the core's table costs the table's
// length to make.

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
import { FUNCTION_REVIVE, TYPE_ENTRY, beginBodies, beginBody, beginChainModule, endBody, endModule, hintedIf } from "./module";
import {
  BLOCK,
  BR_IF,
  END,
  I32_AND,
  I32_EQZ,
  I32_LOAD,
  I32_LOAD16_U,
  I32_SHL,
  I32_WRAP_I64,
  I64_ADD,
  I64_GE_U,
  I64_LOAD,
  I64_LOAD16_U,
  I64_NE,
  I64_SHR_U,
  I64_STORE,
  I64_SUB,
  I64_XOR,
  RETURN_CALL_INDIRECT,
  TYPE_VOID,
  access,
  byte,
  call,
  i32Const,
  i64Const,
  localGet,
  localTee,
  position,
  unsigned,
} from "./wasm";

/** The parameters: RIP, and how many instructions may still run. */
const LOCAL_RIP: u32 = 0;
const LOCAL_LEFT: u32 = 1;
const LOCAL_CACHE_ENTRY: u32 = 2;

/** Writes the module at EMITTER: one function, TYPE_CHAIN. @returns its length in bytes */
export function emitChain(): u32 {
  beginBodies();
  beginBody(0, 1);
  byte(BLOCK);
  byte(TYPE_VOID);
  localGet(LOCAL_RIP);
  localGet(LOCAL_RIP);
  i64Const(12);
  byte(I64_SHR_U);
  byte(I64_XOR);
  byte(I32_WRAP_I64);
  i32Const(JUMP_CACHE_ENTRIES - 1);
  byte(I32_AND);
  i32Const(ctz<u32>(JUMP_ENTRY_SIZE));
  byte(I32_SHL);
  localTee(LOCAL_CACHE_ENTRY);
  access(I64_LOAD, JUMP_CACHE + JUMP_TAG);
  localGet(LOCAL_RIP);
  i32Const(0);
  access(I64_LOAD, JUMP_KEY);
  byte(I64_XOR);
  byte(I64_NE);
  hintedIf(false);
  localGet(LOCAL_RIP);
  call(FUNCTION_REVIVE);
  byte(I32_EQZ);
  byte(BR_IF);
  unsigned(1);
  byte(END);
  localGet(LOCAL_LEFT);
  localGet(LOCAL_CACHE_ENTRY);
  access(I64_LOAD16_U, JUMP_CACHE + JUMP_NEEDS);
  byte(I64_GE_U);
  hintedIf(true);
  i32Const(0);
  i32Const(0);
  access(I64_LOAD, STATISTIC_CHAINED);
  i64Const(1);
  byte(I64_ADD);
  access(I64_STORE, STATISTIC_CHAINED);
  localGet(LOCAL_CACHE_ENTRY);
  access(I32_LOAD16_U, JUMP_CACHE + JUMP_ENTRY);
  localGet(LOCAL_CACHE_ENTRY);
  access(I64_LOAD, JUMP_CACHE + JUMP_BASE);
  localGet(LOCAL_LEFT);
  localGet(LOCAL_CACHE_ENTRY);
  access(I32_LOAD, JUMP_CACHE + JUMP_FUNCTION);
  byte(RETURN_CALL_INDIRECT);
  unsigned(TYPE_ENTRY);
  unsigned(0);
  byte(END);
  byte(END);
  i32Const(0);
  localGet(LOCAL_RIP);
  access(I64_STORE, RIP);
  i32Const(0);
  i32Const(0);
  access(I64_LOAD, ENTRY_LIMIT);
  localGet(LOCAL_LEFT);
  byte(I64_SUB);
  access(I64_STORE, INSTRUCTION_COUNT);
  endBody();
  const end = position;
  beginChainModule(EMITTER);
  return endModule(EMITTER, end);
}
