// Calls and returns of the guest's as calls and returns of WebAssembly's: a return comes back to where the call left the
// region, and the processor below predicts it. Nothing is taken for granted: a function returns RIP, and if that is not
// the instruction after the call, or if anything has ended meanwhile that the caller knew, the caller goes to RIP by the
// jump cache in its own place. So a guest that switches stacks, or returns to where nobody called, only costs time.

import { CALL_KEY } from "../state";
import { LOCAL_DEPTH, LOCAL_KEY, LOCAL_LEFT, LOCAL_RIP, enterLabel, leaveLabel, pushRip } from "./context";
import { STOPPED, branchToExit } from "./exits";
import { goTo } from "./control";
import { FUNCTION_CHAIN, hintedIf } from "./module";
import { blockAt, instructionsFrom } from "./region";
import {
  END,
  I32_ADD,
  I32_GE_U,
  I32_OR,
  I64_EQ,
  I64_LOAD,
  I64_LT_U,
  I64_NE,
  IF,
  RETURN,
  TYPE_VOID,
  access,
  byte,
  call,
  i32Const,
  i64Const,
  localGet,
  localSet,
} from "./wasm";

/** Most calls in one another: WebAssembly's stack is not the guest's. Deeper ones leave the region for good. */
const MAX_DEPTH: u32 = 64;

function pushCallKey(): void {
  i32Const(0);
  access(I64_LOAD, CALL_KEY);
}

/** Calls the code at LOCAL_RIP, after which the block at offset `next` from the region's base should go on. */
export function callAndReturn(next: i64): void {
  localGet(LOCAL_DEPTH);
  i32Const(MAX_DEPTH);
  byte(I32_GE_U);
  hintedIf(false);
  enterLabel();
  branchToExit();
  leaveLabel();
  byte(END);
  const block = blockAt(next);
  if (block >= 0) {
    pushCallKey();
    localSet(LOCAL_KEY);
  }
  localGet(LOCAL_RIP);
  localGet(LOCAL_LEFT);
  localGet(LOCAL_DEPTH);
  i32Const(1);
  byte(I32_ADD);
  call(FUNCTION_CHAIN);
  localSet(LOCAL_LEFT);
  localSet(LOCAL_RIP);
  if (block >= 0) {
    localGet(LOCAL_RIP);
    pushRip(next);
    byte(I64_NE);
    pushCallKey();
    localGet(LOCAL_KEY);
    byte(I64_NE);
    byte(I32_OR);
    localGet(LOCAL_LEFT);
    i64Const(instructionsFrom(block));
    byte(I64_LT_U);
    byte(I32_OR);
    hintedIf(false);
    enterLabel();
    goOnElsewhere();
    leaveLabel();
    byte(END);
    goTo(next);
  } else goOnElsewhere();
}

/** After a call: to wherever LOCAL_RIP is, if it is not the run loop's turn. */
function goOnElsewhere(): void {
  localGet(LOCAL_RIP);
  i64Const(STOPPED);
  byte(I64_EQ);
  byte(IF);
  byte(TYPE_VOID);
  enterLabel();
  returnToCaller();
  leaveLabel();
  byte(END);
  branchToExit();
}

/** Returns to the code that called this region, or to the run loop: it goes on at LOCAL_RIP. */
export function returnToCaller(): void {
  localGet(LOCAL_RIP);
  localGet(LOCAL_LEFT);
  byte(RETURN);
}
