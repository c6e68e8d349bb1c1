// An instruction that translated code leaves to the interpreter's handler: all state goes to memory, the handler runs
// as it would in the run loop, and the registers come back.

import { BLOCK_LIMIT, LEAVE_ATTENTION, RIP } from "../state";
import { OP_EA, OP_EA_JUMPS } from "../decode/instruction";
import {
  LOCAL_RIP,
  blockCount,
  branchToExit,
  currentIndex,
  enterLabel,
  fromMemory,
  leaveLabel,
  nextOffset,
  pushPlace,
  stopAt,
  stopIfModeChanged,
  toMemory,
} from "./context";
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
  toMemory();
  pushPlace();
  call(FUNCTION_HANDLER);
  fromMemory();
  if ((load<u8>(op, OP_EA) & <u8>OP_EA_JUMPS) != 0) {
    i32Const(0);
    access(I64_LOAD, RIP);
    localSet(LOCAL_RIP);
    stopIfModeChanged();
    branchToExit();
    return;
  }
  i32Const(0);
  access(I32_LOAD, BLOCK_LIMIT);
  byte(I32_EQZ);
  hintedIf(false);
  enterLabel();
  stopAt(nextOffset(op), blockCount - currentIndex - 1, LEAVE_ATTENTION);
  leaveLabel();
  byte(END);
}
