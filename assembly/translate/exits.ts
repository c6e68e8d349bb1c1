// The ways out of a region: to its next one by the jump cache, to the run loop, and to the handler of an instruction of
// which nothing is done yet.

import {
  CODE_BASE,
  ENTRY_LIMIT,
  INSTRUCTION_COUNT,
  LEAVE_CAUSE,
  LEAVE_HANDLER,
  LEAVE_MODE,
  LEAVE_PLACE,
  RIP,
} from "../state";
import { writeDeferred } from "./flags";
import { FUNCTION_CHAIN, FUNCTION_MAY_CHAIN, hintedIf } from "./module";
import {
  BR,
  END,
  I32_EQZ,
  I32_STORE,
  I64_ADD,
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
  unsigned,
} from "./wasm";
import {
  LOCAL_DEPTH,
  LOCAL_LEFT,
  LOCAL_RIP,
  LOCAL_STOP,
  currentIndex,
  currentOp,
  depth,
  enterLabel,
  leaveLabel,
  pushCodeBase,
  pushRip,
  structureDepth,
} from "./context";

/** What a translated function returns in place of RIP if the run loop is to go on. No canonical address. */
export const STOPPED: i64 = i64.MIN_VALUE;

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
  pushCodeBase();
  localSet(LOCAL_RIP);
  byte(BR);
  unsigned(handlerLabel());
}

/** The same if the i32 on the stack is not 0, which is rare. */
export function leaveToHandlerIf(): void {
  hintedIf(false);
  enterLabel();
  leaveToHandler();
  leaveLabel();
  byte(END);
}

/** Beyond the blocks' labels; the exit's label follows. */
function handlerLabel(): u32 { return depth + structureDepth; }

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
