// Instructions on single flags in translated code: CLC STC CMC CLD STD CLI. Status flags are pending in locals;
// those of the system, DF among them, are in EFLAGS.

import { OP_CODE } from "../decode/instruction";
import { DF, IF as INTERRUPT_FLAG } from "../execute/flags";
import { CPL, EFLAGS } from "../state";
import { pushCondition } from "./conditions";
import { LOCAL_B, enterLabel, leaveLabel } from "./context";
import { setCarry } from "./flags";
import { LIGHT_KEEPS_FLAGS, emitLightHandler } from "./handler";
import { flagsAreDead } from "./liveness";
import {
  ELSE,
  END,
  I32_AND,
  I32_GT_U,
  I32_LOAD,
  I32_OR,
  I32_SHR_U,
  I32_STORE,
  I64_EXTEND_I32_U,
  IF,
  TYPE_VOID,
  access,
  byte,
  i32Const,
  i64Const,
  localSet,
} from "./wasm";

const CMC: u32 = 0xf5;
const STC: u32 = 0xf9;

/** F5, F8, F9. */
export function emitCarry(op: u32): bool {
  if (flagsAreDead()) return true;
  const code: u32 = load<u16>(op, OP_CODE);
  if (code == CMC) {
    pushCondition(3);
    byte(I64_EXTEND_I32_U);
  } else i64Const(code == STC ? 1 : 0);
  localSet(LOCAL_B);
  setCarry();
  return true;
}

/** Sets or clears a flag of EFLAGS. */
function changeSystemFlag(flag: u32, set: bool): void {
  i32Const(0);
  i32Const(0);
  access(I32_LOAD, EFLAGS);
  i32Const(set ? flag : ~flag);
  byte(set ? I32_OR : I32_AND);
  access(I32_STORE, EFLAGS);
}

/** FC, FD. */
export function emitDirection(op: u32): bool {
  changeSystemFlag(DF, <u32>load<u16>(op, OP_CODE) == 0xfd);
  return true;
}

/** FA: by the handler where it is not allowed. */
export function emitClearInterrupt(op: u32): bool {
  i32Const(0);
  access(I32_LOAD, CPL);
  i32Const(0);
  access(I32_LOAD, EFLAGS);
  i32Const(12);
  byte(I32_SHR_U);
  i32Const(3);
  byte(I32_AND);
  byte(I32_GT_U);
  byte(IF);
  byte(TYPE_VOID);
  enterLabel();
  emitLightHandler(op, 0, LIGHT_KEEPS_FLAGS);
  leaveLabel();
  byte(ELSE);
  changeSystemFlag(INTERRUPT_FLAG, false);
  byte(END);
  return true;
}
