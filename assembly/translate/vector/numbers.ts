// When WebAssembly's arithmetic is the processor's, to the last bit of result and MXCSR: the conditions of the quick path
// in execute/sse/float.ts, as code. An instruction's code is a block that any condition leaves for the handler:
// beginQuick(), conditions, the result, endQuick(). Bits of numbers are in i64 locals; `size` is 2 for single, 3 for
// double.

import { DAZ, PE, PM, RC } from "../../execute/sse/mxcsr";
import { MXCSR } from "../../state";
import { enterLabel, leaveLabel } from "../context";
import { emitHandlerAside } from "../handler";
import { hint } from "../module";
import {
  BLOCK,
  BR,
  BR_IF,
  END,
  I32_AND,
  I32_LOAD,
  I32_NE,
  I64_EQZ,
  I64_LT_U,
  I64_SHL,
  I64_SUB,
  TYPE_VOID,
  access,
  byte,
  i32Const,
  i64Const,
  localGet,
  unsigned,
} from "../wasm";

/** Opens the labels: of the end, and of the way to the handler. */
export function beginQuick(): void {
  byte(BLOCK);
  byte(TYPE_VOID);
  enterLabel();
  byte(BLOCK);
  byte(TYPE_VOID);
  enterLabel();
}

/** Pops an i32: to the handler if it is not 0. `inner` labels are open within the block. */
export function orHandler(inner: u32): void {
  hint(false);
  byte(BR_IF);
  unsigned(inner);
}

/** After the result: what follows runs only on the way to the handler, up to endQuick(). */
export function beginHandlerPath(): void {
  byte(BR);
  unsigned(1);
  leaveLabel();
  byte(END);
}
export function endQuick(): void {
  leaveLabel();
  byte(END);
}

/** The whole second half: the handler by a light call. */
export function endWithHandler(op: u32, writes: u32): void {
  beginHandlerPath();
  emitHandlerAside(op, writes);
  endQuick();
}

/** To the handler unless rounding is to nearest, denormals are what they are, and a result that is not exact changes
 * nothing, because its exception is masked and noted already. */
export function requireQuickMode(inner: u32): void {
  i32Const(0);
  access(I32_LOAD, MXCSR);
  i32Const(RC | DAZ | PM | PE);
  byte(I32_AND);
  i32Const(PM | PE);
  byte(I32_NE);
  orHandler(inner);
}

// Bits without the sign, at the top of an i64.
// @ts-ignore: decorator
@inline function signBits(size: u32): i64 { return size == 2 ? 33 : 1; }
/** Of the least normal number. */
// @ts-ignore: decorator
@inline function leastNormal(size: u32): u64 { return (<u64>1) << (size == 2 ? 56 : 53); }
// @ts-ignore: decorator
@inline function infinity(size: u32): u64 { return size == 2 ? 0xff00000000000000 : 0xffe0000000000000; }

function pushMagnitude(local: u32, size: u32): void {
  localGet(local);
  i64Const(signBits(size));
  byte(I64_SHL);
}

/** Pushes (i32) whether the number is zero. */
export function pushIsZero(local: u32, size: u32): void {
  pushMagnitude(local, size);
  byte(I64_EQZ);
}

/** To the handler if the number is denormal. */
export function refuseDenormal(local: u32, size: u32): void {
  const unit: u64 = (<u64>1) << signBits(size);
  pushMagnitude(local, size);
  i64Const(<i64>unit);
  byte(I64_SUB);
  i64Const(<i64>(leastNormal(size) - unit));
  byte(I64_LT_U);
  orHandler(0);
}

/** Pushes (i32) whether a number of these bits is normal, and did not come from below the least one by rounding. */
export function pushIsPlain(local: u32, size: u32): void {
  pushMagnitude(local, size);
  i64Const(<i64>(leastNormal(size) << 1));
  byte(I64_SUB);
  i64Const(<i64>(infinity(size) - (leastNormal(size) << 1)));
  byte(I64_LT_U);
}
