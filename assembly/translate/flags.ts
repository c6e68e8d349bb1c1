// Flags in translated code. An operation leaves its operands and result in memory, with a kind that says how flags
// follow from them (translate/support.ts), and in locals too, which conditions read as long as the kind is known. An
// instruction that changes one or two flags and keeps the others first has them raw: LOCAL_FLAG_RESULT and LOCAL_FLAG_A
// become what execute/flags.ts calls FLAG_RESULT and FLAG_CARRIES.
//
// Flags that nobody sees unless an instruction on the way to the next that sets them is left to its handler (liveness.ts)
// are deferred: only locals have them, and that way out writes them. So are those at the end of a block (edges.ts).

import { FLAG_CARRIES, FLAG_RESULT, PENDING_B, PENDING_KIND } from "../state";
import {
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
import { KIND_LOGIC, KIND_RAW } from "./support";
import {
  I32_LOAD,
  I32_STORE,
  I64_EXTEND16_S,
  I64_EXTEND32_S,
  I64_EXTEND8_S,
  I64_LOAD,
  I64_STORE,
  access,
  byte,
  call,
  i32Const,
  localGet,
  localSet,
} from "./wasm";
import { addRotate, makeRawWithoutCarryAndOverflow } from "./raw-flags";

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

/** CF and OF are about to be replaced. */
export function forgetRotate(): void { rotate = NO_ROTATE; }

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

export function readFlag(address: u32, local: u32): void {
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
