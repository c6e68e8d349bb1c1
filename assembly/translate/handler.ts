// An instruction that translated code leaves to the interpreter's handler: memory has all state, the handler runs as it
// would in the run loop, and the registers come back; of a handler about which more is known, only those it writes.

import { BLOCK_LIMIT, LEAVE_ATTENTION, REGS, RIP } from "../state";
import { OP_EA, OP_EA_JUMPS } from "../decode/instruction";
import {
  KIND_UNKNOWN,
  LOCAL_RIP,
  blockCount,
  currentIndex,
  enterLabel,
  forgetRegisters,
  fromMemory,
  leaveLabel,
  nextOffset,
  pushPlace,
  setFlagKind,
} from "./context";
import { branchToExit, stopAt, stopIfModeChanged } from "./exits";
import { flushFlags, forgetPending, keepFlags, recallFlags, settle } from "./flags";
import { FUNCTION_HANDLER, hintedIf } from "./module";
import {
  END,
  I32_EQZ,
  I32_LOAD,
  I64_LOAD,
  access,
  byte,
  call,
  i32Const,
  localSet,
} from "./wasm";

/** Calls the handler of `op`. One that sets RIP itself leaves the region. */
export function emitHandler(op: u32): void {
  settle();
  pushPlace();
  call(FUNCTION_HANDLER);
  if ((load<u8>(op, OP_EA) & <u8>OP_EA_JUMPS) != 0) {
    i32Const(0);
    access(I64_LOAD, RIP);
    localSet(LOCAL_RIP);
    stopIfModeChanged();
    branchToExit();
    return;
  }
  fromMemory();
  leaveIfAsked(op);
}

/** What a light handler does with the status flags: bits. */
export const LIGHT_KEEPS_FLAGS: u32 = 0;
export const LIGHT_READS_FLAGS: u32 = 1;
/** It sets them all, after the last thing that can fault. */
export const LIGHT_SETS_FLAGS: u32 = 2;

/** Calls the handler of `op`. Where it only sets flags they may be pending meanwhile: if it faults they stay so. */
export function callHandler(flags: u32): void {
  if ((flags & LIGHT_READS_FLAGS) != 0) settle();
  else flushFlags();
  pushPlace();
  call(FUNCTION_HANDLER);
  if ((flags & LIGHT_SETS_FLAGS) == 0) return;
  if ((flags & LIGHT_READS_FLAGS) == 0) forgetPending();
  setFlagKind(KIND_UNKNOWN);
}

/**
 * Calls the handler of `op`, which writes no general registers but those of a set (bit n: register n). It must go on to
 * the next instruction, and leave mode, privilege and paging as they are.
 */
export function emitLightHandler(op: u32, writes: u32, flags: u32): void {
  callHandler(flags);
  forgetRegisters(writes);
  leaveIfAsked(op);
}

/** The same on one of two ways, where the other does without the handler. */
export function emitHandlerAside(op: u32, writes: u32): void {
  keepFlags();
  emitLightHandler(op, writes, LIGHT_KEEPS_FLAGS);
  recallFlags();
}

/** The set of one register, by its state address; byte registers are part of theirs. */
export function registerSet(address: u32): u32 { return 1 << ((address - REGS) >> 3); }

/** Out of the region, if the handler asked the run loop to look up. */
function leaveIfAsked(op: u32): void {
  i32Const(0);
  access(I32_LOAD, BLOCK_LIMIT);
  byte(I32_EQZ);
  hintedIf(false);
  enterLabel();
  stopAt(nextOffset(op), blockCount - currentIndex - 1, LEAVE_ATTENTION);
  leaveLabel();
  byte(END);
}
