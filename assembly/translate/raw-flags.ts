// Raw flags in translated code: an instruction that changes one or two flags and keeps the others first has them raw, in
// LOCAL_FLAG_RESULT and LOCAL_FLAG_A, which become what execute/flags.ts calls FLAG_RESULT and FLAG_CARRIES.

import { FLAG_CARRIES, FLAG_RESULT } from "../state";
import { pushCarries, pushOverflow } from "./conditions";
import { KIND_UNKNOWN, LOCAL_B, LOCAL_FLAG_A, LOCAL_FLAG_B, LOCAL_FLAG_RESULT, flagKind, setFlagKind } from "./context";
import { KIND_DEC, KIND_INC, KIND_LOGIC, KIND_RAW, KIND_SBB, KIND_SUB } from "./support";
import {
  I64_AND,
  I64_EXTEND_I32_U,
  I64_OR,
  I64_SHL,
  I64_SHR_S,
  I64_SHR_U,
  I64_XOR,
  byte,
  i64Const,
  localGet,
  localSet,
} from "./wasm";
import { ROTATE_RIGHT, forgetRotate, gatherFlags, noteKind, readFlag, settle, signExtend } from "./flags";

/** Bits of raw carries: CF, and CF xor OF. */
const CARRY_AND_CARRY_IN: i64 = (<i64>3) << 62;

/** AF. */
const AUXILIARY: i64 = 8;

/** To raw carries without CF and OF: those of a rotate with the result in a local. */
export function addRotate(direction: u32, size: u32, result: u32): void {
  localGet(LOCAL_FLAG_A);
  localGet(result);
  if (direction == ROTATE_RIGHT) {
    // CF is the top bit, and CF xor OF the one below it.
    if (size != 3) {
      i64Const(64 - (8 << size));
      byte(I64_SHL);
    }
    i64Const(CARRY_AND_CARRY_IN);
    byte(I64_AND);
  } else {
    // CF is the lowest bit, and CF xor OF the top one.
    i64Const(63);
    byte(I64_SHL);
    byte(I64_OR);
    localGet(result);
    i64Const((8 << size) - 1);
    byte(I64_SHR_U);
    i64Const(62);
    byte(I64_SHL);
  }
  byte(I64_OR);
  localSet(LOCAL_FLAG_A);
}

/** Makes the flags raw, in the locals only: noteKind() is to follow, or nothing that changes them. */
export function makeRaw(): void {
  gatherFlags();
  if (flagKind == KIND_RAW) return;
  if (flagKind == KIND_UNKNOWN) {
    askRaw();
    return;
  }
  const kind = flagKind & ~3;
  const size = flagKind & 3;
  if (kind == KIND_LOGIC) i64Const(0);
  else if (kind == KIND_INC || kind == KIND_DEC) {
    // The carry that they keep; the carry into the top bit is that, xor OF.
    localGet(LOCAL_FLAG_B);
    i64Const(63);
    byte(I64_SHL);
    localGet(LOCAL_FLAG_B);
    pushOverflow(kind, size);
    byte(I64_EXTEND_I32_U);
    byte(I64_XOR);
    i64Const(62);
    byte(I64_SHL);
    byte(I64_OR);
    pushAuxiliary(kind);
    byte(I64_OR);
  } else {
    pushCarries(kind == KIND_SUB || kind == KIND_SBB);
    if (size != 3) {
      i64Const(64 - (8 << size));
      byte(I64_SHL);
    }
    i64Const(CARRY_AND_CARRY_IN);
    byte(I64_AND);
    pushAuxiliary(kind);
    byte(I64_OR);
  }
  finishRaw(size);
}

/** The same where CF and OF are about to be replaced: their bits are 0 afterwards. */
export function makeRawWithoutCarryAndOverflow(): void {
  forgetRotate();
  if (flagKind == KIND_UNKNOWN) askRaw();
  if (flagKind == KIND_RAW) {
    localGet(LOCAL_FLAG_A);
    i64Const(~CARRY_AND_CARRY_IN);
    byte(I64_AND);
    localSet(LOCAL_FLAG_A);
    return;
  }
  const kind = flagKind & ~3;
  const size = flagKind & 3;
  if (kind == KIND_LOGIC) i64Const(0);
  else pushAuxiliary(kind);
  finishRaw(size);
}

/** By the core: the kind is known at run time only. */
function askRaw(): void {
  settle();
  readRaw();
}

/** Gives the flag locals what memory has, which is raw. */
export function readRaw(): void {
  readFlag(FLAG_RESULT, LOCAL_FLAG_RESULT);
  readFlag(FLAG_CARRIES, LOCAL_FLAG_A);
  setFlagKind(KIND_RAW);
}

/** Pops the carries. */
function finishRaw(size: u32): void {
  localSet(LOCAL_FLAG_A);
  localGet(LOCAL_FLAG_RESULT);
  signExtend(size);
  localSet(LOCAL_FLAG_RESULT);
  setFlagKind(KIND_RAW);
}

/** Pushes AF in its place among raw carries: bit 4 of the result is the xor of the operands' unless bit 3 carried. */
function pushAuxiliary(kind: u32): void {
  localGet(LOCAL_FLAG_A);
  if (kind != KIND_INC && kind != KIND_DEC) {
    localGet(LOCAL_FLAG_B);
    byte(I64_XOR);
  }
  localGet(LOCAL_FLAG_RESULT);
  byte(I64_XOR);
  i64Const(1);
  byte(I64_SHR_U);
  i64Const(AUXILIARY);
  byte(I64_AND);
}

/** CF becomes LOCAL_B, 0 or 1; the other flags stay. */
export function setCarry(): void {
  makeRaw();
  // CF in bit 63 changes, and with it bit 62, so that OF, their xor, stays.
  localGet(LOCAL_FLAG_A);
  localGet(LOCAL_FLAG_A);
  localGet(LOCAL_B);
  i64Const(63);
  byte(I64_SHL);
  byte(I64_XOR);
  i64Const(1);
  byte(I64_SHR_S);
  i64Const(CARRY_AND_CARRY_IN);
  byte(I64_AND);
  byte(I64_XOR);
  localSet(LOCAL_FLAG_A);
  noteKind(KIND_RAW);
}
