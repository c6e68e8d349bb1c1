// The one function that every region ends with: it looks RIP up in the jump cache and calls the function there as a
// tail call (WebAssembly tail call proposal: return_call_indirect), or returns to the run loop. It is a module of its
// own, since AssemblyScript has no tail calls, and since a module that imports the core's table costs the table's
// length to make.

import {
  EMITTER,
  JUMP_BASE,
  JUMP_CACHE,
  JUMP_CACHE_ENTRIES,
  JUMP_ENTRY,
  JUMP_ENTRY_SIZE,
  JUMP_FUNCTION,
  JUMP_KEY,
  JUMP_TAG,
  STATISTIC_CHAINED,
} from "../state";
import { TYPE_ENTRY, beginBodies, beginBody, beginChainModule, endBody, endModule, hintedIf } from "./module";
import {
  END,
  I32_ADD,
  I32_AND,
  I32_LOAD,
  I32_SHL,
  I32_WRAP_I64,
  I64_ADD,
  I64_EQ,
  I64_LOAD,
  I64_SHR_U,
  I64_STORE,
  I64_XOR,
  RETURN_CALL_INDIRECT,
  access,
  byte,
  i32Const,
  i64Const,
  localGet,
  localSet,
  localTee,
  position,
  unsigned,
} from "./wasm";

/** The parameter. */
const LOCAL_RIP: u32 = 0;
const LOCAL_CACHE_ENTRY: u32 = 1;

/** Writes the module at EMITTER: one function, (i64 RIP) -> (). @returns its length in bytes */
export function emitChain(): u32 {
  beginBodies();
  beginBody(0, 1);
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
  byte(I64_EQ);
  hintedIf(true);
  i32Const(0);
  i32Const(0);
  access(I64_LOAD, STATISTIC_CHAINED);
  i64Const(1);
  byte(I64_ADD);
  access(I64_STORE, STATISTIC_CHAINED);
  localGet(LOCAL_CACHE_ENTRY);
  access(I32_LOAD, JUMP_CACHE + JUMP_ENTRY);
  localGet(LOCAL_CACHE_ENTRY);
  access(I64_LOAD, JUMP_CACHE + JUMP_BASE);
  localGet(LOCAL_CACHE_ENTRY);
  access(I32_LOAD, JUMP_CACHE + JUMP_FUNCTION);
  byte(RETURN_CALL_INDIRECT);
  unsigned(TYPE_ENTRY);
  unsigned(0);
  byte(END);
  endBody();
  const end = position;
  beginChainModule(EMITTER);
  return endModule(EMITTER, end);
}
