// Operands of vector instructions in translated code. XMM registers stay in the state, for both engines; what an
// emitter here cannot do is left to the handler, which sees to faults.

import { OPF_66, OPF_F2, OPF_F3, isRegister, opFlags, xmmReg, xmmRm } from "../../decode/instruction";
import { PP_66, PP_F2, PP_F3, PP_NONE } from "../../decode/tables";
import { CR0, CR4, TLB_READ_TAG, TLB_WRITE_TAG } from "../../state";
import { CR0_EM, CR0_TS, CR4_OSFXSR } from "../../system/mode";
import { LOCAL_POINTER, noteSseEnabled, sseIsEnabled } from "../context";
import { leaveToHandlerIf } from "../exits";
import { canRm } from "../operands";
import { ALIGNED_16, computeAddress, locateMemory } from "../memory";
import {
  I32_AND,
  I32_LOAD,
  I32_NE,
  I32_OR,
  access,
  byte,
  i32Const,
  localGet,
  localSet,
  vector,
  vectorAccess,
} from "../wasm";

export const V128_LOAD: u32 = 0;
export const V128_LOAD32_ZERO: u32 = 0x5c;
export const V128_LOAD64_ZERO: u32 = 0x5d;
export const V128_STORE: u32 = 0x0b;
const V128_CONST: u32 = 0x0c;

/** log2 of 16 bytes of any alignment. */
export const UNALIGNED_16: u32 = 4;
export { ALIGNED_16 };

/** The mandatory prefix, PP_*. */
export function prefixOf(op: u32): u32 {
  const flags = opFlags(op);
  if ((flags & OPF_F3) != 0) return PP_F3;
  if ((flags & OPF_F2) != 0) return PP_F2;
  return (flags & OPF_66) != 0 ? PP_66 : PP_NONE;
}

/** Leaves the instruction to its handler, which faults, if SSE is not enabled. */
export function requireSse(): void {
  if (sseIsEnabled) return;
  noteSseEnabled();
  i32Const(0);
  access(I32_LOAD, CR0);
  i32Const(<u32>(CR0_EM | CR0_TS));
  byte(I32_AND);
  i32Const(0);
  access(I32_LOAD, CR4);
  i32Const(<u32>CR4_OSFXSR);
  byte(I32_AND);
  // Both are as they must be if the one is 0 and the other is not.
  i32Const(<u32>CR4_OSFXSR);
  byte(I32_NE);
  byte(I32_OR);
  leaveToHandlerIf();
}

/** What the r/m of the instruction under way is: the state address of an XMM register; 0: memory at LOCAL_POINTER. */
let sourceRegister: u32 = 0;

/** Finds r/m, an XMM register or `size` (log2) bytes of memory, for pushSource(). @returns false: nothing is written */
export function locateSource(op: u32, size: u32): bool {
  if (!canRm(op, false)) return false;
  requireSse();
  sourceRegister = isRegister(op) ? xmmRm(op) : 0;
  if (sourceRegister != 0) return true;
  computeAddress(op);
  locateMemory(size, TLB_READ_TAG);
  localSet(LOCAL_POINTER);
  return true;
}

/** Pushes what locateSource() found, by a load. */
export function pushSource(opcode: u32): void {
  pushSourceAddress();
  access(opcode, sourceRegister);
}
export function pushSourceVector(opcode: u32): void {
  pushSourceAddress();
  vectorAccess(opcode, sourceRegister);
}
function pushSourceAddress(): void {
  if (sourceRegister != 0) i32Const(0);
  else localGet(LOCAL_POINTER);
}

/** Pushes ModRM.reg, or some bytes of it, by a load. */
export function pushFirst(op: u32, opcode: u32): void {
  i32Const(0);
  access(opcode, xmmReg(op));
}
export function pushFirstVector(op: u32): void { pushVector(xmmReg(op)); }

/** Pushes a register by its state address. */
export function pushVector(register: u32): void {
  i32Const(0);
  vectorAccess(V128_LOAD, register);
}

/** Before a value is pushed that is to be stored in the state, by store() or storeVector(). */
// @ts-ignore: decorator
@inline export function beginStore(): void { i32Const(0); }
export function storeVector(register: u32): void { vectorAccess(V128_STORE, register); }

export function pushVectorConstant(low: u64, high: u64): void {
  vector(V128_CONST);
  for (let n = 0; n < 64; n += 8) byte(<u32>(low >> n) & 0xff);
  for (let n = 0; n < 64; n += 8) byte(<u32>(high >> n) & 0xff);
}

/** Pushes where in linear memory r/m is, for a write. */
export function locateDestination(op: u32, size: u32): void {
  computeAddress(op);
  locateMemory(size, TLB_WRITE_TAG);
}
