// Instructions on single flags in translated code: CLC STC CMC CLD STD CLI STI SAHF; and SWAPGS. Status flags are pending in
// locals; those of the system, DF among them, are in EFLAGS.

import { OP_CODE } from "../decode/instruction";
import { DF, IF as INTERRUPT_FLAG } from "../execute/flags";
import { CPL, EFLAGS, GS, MSR_KERNEL_GS_BASE, RAX, SEGMENTS, SEGMENT_BASE, SEGMENT_STRIDE } from "../state";
import { pushCondition } from "./conditions";
import {
  LOCAL_A,
  LOCAL_B,
  LOCAL_FLAG_A,
  LOCAL_FLAG_RESULT,
  LOCAL_LEFT,
  LOCAL_RESULT,
  enterLabel,
  is64,
  leaveLabel,
  nextOffset,
} from "./context";
import { leaveToHandlerIf } from "./exits";
import { goTo } from "./control";
import { noteKind } from "./flags";
import { setCarry } from "./raw-flags";
import { LIGHT_KEEPS_FLAGS, emitLightHandler } from "./handler";
import { flagsAreDead } from "./liveness";
import { FUNCTION_MAY_CHAIN, hintedIf } from "./module";
import { pushRegister } from "./operands";
import { KIND_RAW } from "./support";
import {
  END,
  I32_AND,
  I32_EQZ,
  I32_GT_U,
  I32_LOAD,
  I32_OR,
  I32_SHR_U,
  I32_STORE,
  I64_AND,
  I64_EQZ,
  I64_EXTEND_I32_U,
  I64_LOAD,
  I64_OR,
  I64_SHL,
  I64_SHR_U,
  I64_STORE,
  I64_XOR,
  access,
  byte,
  call,
  i32Const,
  i64Const,
  localGet,
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

/** 9E: SAHF. The flags become raw, as setStatusFlags() has them; OF stays. */
export function emitStoreFlags(): bool {
  if (flagsAreDead()) return true;
  pushCondition(0);
  byte(I64_EXTEND_I32_U);
  localSet(LOCAL_RESULT);
  pushRegister(RAX + 1, 0);
  localSet(LOCAL_B);
  // ZF.
  pushFlagOf(6, 0);
  i64Const(1);
  byte(I64_XOR);
  i64Const(8);
  byte(I64_SHL);
  localSet(LOCAL_FLAG_RESULT);
  // CF, and beside it OF xor CF.
  pushFlagOf(0, 63);
  localGet(LOCAL_B);
  localGet(LOCAL_RESULT);
  byte(I64_XOR);
  i64Const(1);
  byte(I64_AND);
  i64Const(62);
  byte(I64_SHL);
  byte(I64_OR);
  // AF, PF, SF.
  pushFlagOf(4, 3);
  byte(I64_OR);
  pushFlagOf(2, 8);
  i64Const(1 << 8);
  byte(I64_XOR);
  byte(I64_OR);
  pushFlagOf(7, 0);
  byte(I64_OR);
  localSet(LOCAL_FLAG_A);
  noteKind(KIND_RAW);
  return true;
}

/** Pushes a bit of LOCAL_B at another place. */
function pushFlagOf(bit: u32, place: u32): void {
  localGet(LOCAL_B);
  i64Const(bit);
  byte(I64_SHR_U);
  i64Const(1);
  byte(I64_AND);
  i64Const(place);
  byte(I64_SHL);
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

/** Pushes (i32) whether CPL exceeds IOPL. */
function pushLacksPrivilege(): void {
  i32Const(0);
  access(I32_LOAD, CPL);
  i32Const(0);
  access(I32_LOAD, EFLAGS);
  i32Const(12);
  byte(I32_SHR_U);
  i32Const(3);
  byte(I32_AND);
  byte(I32_GT_U);
}

/** FA. */
export function emitClearInterrupt(_op: u32): bool {
  pushLacksPrivilege();
  leaveToHandlerIf();
  changeSystemFlag(INTERRUPT_FLAG, false);
  return true;
}

/**
 * FB. It holds interrupts off for one more instruction; but if none is pending then none can become so before the
 * next instruction has begun, unless the run ends here. So only in these cases it is left to the handler.
 */
export function emitSetInterrupt(op: u32): bool {
  pushLacksPrivilege();
  localGet(LOCAL_LEFT);
  byte(I64_EQZ);
  byte(I32_OR);
  call(FUNCTION_MAY_CHAIN);
  byte(I32_EQZ);
  byte(I32_OR);
  byte(I32_EQZ);
  hintedIf(true);
  enterLabel();
  changeSystemFlag(INTERRUPT_FLAG, true);
  goTo(nextOffset(op));
  leaveLabel();
  byte(END);
  emitLightHandler(op, 0, LIGHT_KEEPS_FLAGS);
  return true;
}

/** 0F 01 F8: SWAPGS. */
export function emitSwapBase(): bool {
  if (!is64) return false;
  const base = SEGMENTS + GS * SEGMENT_STRIDE + SEGMENT_BASE;
  i32Const(0);
  access(I32_LOAD, CPL);
  leaveToHandlerIf();
  i32Const(0);
  access(I64_LOAD, base);
  localSet(LOCAL_A);
  i32Const(0);
  i32Const(0);
  access(I64_LOAD, MSR_KERNEL_GS_BASE);
  access(I64_STORE, base);
  i32Const(0);
  localGet(LOCAL_A);
  access(I64_STORE, MSR_KERNEL_GS_BASE);
  return true;
}
