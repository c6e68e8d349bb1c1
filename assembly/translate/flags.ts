// Flags in translated code. An operation leaves its operands and result in memory, with a kind that says how flags
// follow from them (translate/support.ts), and in locals too, which conditions read as long as the kind is known. An
// instruction that changes one or two flags and keeps the others first has them raw: LOCAL_FLAG_RESULT and LOCAL_FLAG_A
// become what execute/flags.ts calls FLAG_RESULT and FLAG_CARRIES.
//
// Flags that nobody sees unless an instruction on the way to the next that sets them is left to its handler (liveness.ts)
// are deferred: only locals have them, and that way out writes them. So are those at the end of a block (edges.ts).

import { FLAG_CARRIES, FLAG_RESULT, PENDING_B, PENDING_KIND } from "../state";
import { pushCarries, pushOverflow } from "./conditions";
import {
  KIND_UNKNOWN,
  LOCAL_A,
  LOCAL_B,
  LOCAL_FLAG_A,
  LOCAL_FLAG_B,
  LOCAL_FLAG_KIND,
  LOCAL_FLAG_RESULT,
  LOCAL_RESULT,
  LOCAL_ROTATED,
  flagKind,
  setFlagKind,
} from "./context";
import { FLAGS_SHADOWED, flagsLife } from "./liveness";
import { FUNCTION_SETTLE_FLAGS } from "./module";
import { KIND_DEC, KIND_INC, KIND_LOGIC, KIND_RAW, KIND_SBB, KIND_SUB } from "./support";
import {
  I32_LOAD,
  I32_STORE,
  I64_AND,
  I64_EXTEND16_S,
  I64_EXTEND32_S,
  I64_EXTEND8_S,
  I64_EXTEND_I32_U,
  I64_LOAD,
  I64_OR,
  I64_SHL,
  I64_SHR_S,
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

/** Bits of raw carries: CF, and CF xor OF. */
const CARRY_AND_CARRY_IN: i64 = (<i64>3) << 62;
/** AF. */
const AUXILIARY: i64 = 8;

/** The flags now follow from LOCAL_A, LOCAL_B and LOCAL_RESULT. */
export function setFlags(kind: u32, size: u32): void {
  if (kind != KIND_LOGIC) {
    localGet(LOCAL_A);
    localSet(LOCAL_FLAG_A);
    localGet(LOCAL_B);
    localSet(LOCAL_FLAG_B);
  }
  localGet(LOCAL_RESULT);
  localSet(LOCAL_FLAG_RESULT);
  noteKind(kind | size);
}

/** True if locals have the flags, by flagKind, but memory has not. */
let deferred: bool = false;
/** If not NO_ROTATE: CF and OF are those of a rotate to LOCAL_ROTATED, ROTATE_* and its size; what else there is has
 * the other flags. */
let rotate: u32 = 0;
const NO_ROTATE: u32 = 0;
export const ROTATE_LEFT: u32 = 4;
export const ROTATE_RIGHT: u32 = 8;

/** At a block's beginning memory has all, or nobody looks at it. */
export function forgetDeferred(): void {
  deferred = false;
  rotate = NO_ROTATE;
}

let keptDeferred: bool = false;
let keptRotate: u32 = 0;
let keptKind: u32 = 0;

/** Before code that is on one of two ways and writes flags to memory, but does not change them. */
export function keepFlags(): void {
  keptDeferred = deferred;
  keptRotate = rotate;
  keptKind = flagKind;
}

/** After it: those who came the other way have them where they were. */
export function recallFlags(): void {
  deferred = keptDeferred;
  rotate = keptRotate;
  setFlagKind(keptKind);
}

/** The flags now follow from the flag locals by this kind: memory gets them, now or if it must. */
export function noteKind(kind: u32): void {
  setFlagKind(kind);
  rotate = NO_ROTATE;
  deferred = flagsLife() == FLAGS_SHADOWED;
  if (!deferred) writeKind(kind);
}

/** CF and OF now follow from LOCAL_RESULT, of a rotate (ROTATE_*) of a size; the other flags stay. */
export function noteRotate(direction: u32, size: u32): void {
  rotate = NO_ROTATE;
  if (flagsLife() == FLAGS_SHADOWED) {
    localGet(LOCAL_RESULT);
    localSet(LOCAL_ROTATED);
    rotate = direction | size;
    return;
  }
  makeRawWithoutCarryAndOverflow();
  addRotate(direction, size, LOCAL_RESULT);
  noteKind(KIND_RAW);
}

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

/** Before something reads flags: locals have all that are deferred. */
export function gatherFlags(): void {
  if (rotate == NO_ROTATE) return;
  const direction = rotate & ~3;
  const size = rotate & 3;
  rotate = NO_ROTATE;
  makeRawWithoutCarryAndOverflow();
  addRotate(direction, size, LOCAL_ROTATED);
  deferred = true;
}

/** Before a handler, and before code that may or may not set flags: memory has them. */
export function flushFlags(): void {
  gatherFlags();
  if (deferred) writeKind(flagKind);
  deferred = false;
}

/** On a way out of the midst of a block; those who stay have them deferred still. */
export function writeDeferred(): void {
  const deferredHere = deferred;
  const rotateHere = rotate;
  const kindHere = flagKind;
  flushFlags();
  deferred = deferredHere;
  rotate = rotateHere;
  setFlagKind(kindHere);
}

/** Writes the flags, by the flag locals and this kind, to memory. */
export function writeKind(kind: u32): void {
  const operation = kind & ~3;
  writeFlag(FLAG_RESULT, LOCAL_FLAG_RESULT);
  if (operation != KIND_LOGIC) writeFlag(FLAG_CARRIES, LOCAL_FLAG_A);
  if (operation != KIND_LOGIC && kind != KIND_RAW) writeFlag(PENDING_B, LOCAL_FLAG_B);
  i32Const(0);
  i32Const(kind);
  access(I32_STORE, PENDING_KIND);
}

function writeFlag(address: u32, local: u32): void {
  i32Const(0);
  localGet(local);
  access(I64_STORE, address);
}

function readFlag(address: u32, local: u32): void {
  i32Const(0);
  access(I64_LOAD, address);
  localSet(local);
}

/** Gives the flag locals, LOCAL_FLAG_KIND with them, what memory has. */
export function readFlags(): void {
  readFlag(FLAG_RESULT, LOCAL_FLAG_RESULT);
  readFlag(FLAG_CARRIES, LOCAL_FLAG_A);
  readFlag(PENDING_B, LOCAL_FLAG_B);
  i32Const(0);
  access(I32_LOAD, PENDING_KIND);
  localSet(LOCAL_FLAG_KIND);
}

/** The flags in memory are what their names say. */
export function forgetPending(): void {
  i32Const(0);
  i32Const(KIND_RAW);
  access(I32_STORE, PENDING_KIND);
}

/** Before a handler that reads flags: none are pending. */
export function settle(): void {
  flushFlags();
  if (flagKind != KIND_RAW) call(FUNCTION_SETTLE_FLAGS);
}

/** Sign-extends the i64 on the stack from a width. */
export function signExtend(size: u32): void {
  if (size == 0) byte(I64_EXTEND8_S);
  else if (size == 1) byte(I64_EXTEND16_S);
  else if (size == 2) byte(I64_EXTEND32_S);
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
  rotate = NO_ROTATE;
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
