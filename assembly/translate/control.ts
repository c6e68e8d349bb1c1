// Control flow in translated code. A jump to a block of the same region stays in its function; any other
// leaves it with RIP set, for the run loop to find the next one.

import { OPF_ADDRESS_16, OPF_ADDRESS_32, OP_CODE, immediate, modrmReg, opFlags } from "../decode/instruction";
import { RCX, TLB_EXECUTE_TAG, TLB_PAGE } from "../state";
import { pushCondition } from "./conditions";
import {
  LOCAL_A,
  LOCAL_ADDRESS,
  LOCAL_BASE,
  LOCAL_ENTRY,
  LOCAL_RIP,
  blockDelta,
  enterLabel,
  is64,
  leaveLabel,
  nextOffset,
  pushRip,
} from "./context";
import { branchToExit, exitTo, leaveToHandlerIf } from "./exits";
import { sizeOf } from "./integer";
import { canRm, mask, popRegister, pushRegister, pushRm } from "./operands";
import { pushTlbEntry } from "./memory";
import { hintedIf } from "./module";
import { emitLeafCall } from "./leaf";
import { blockAt, blockPageDelta, blockPhysicalPage, leafOfBlock } from "./region";
import { callAndReturn, returnToCaller } from "./calls";
import { moveStack, pushA, readTop, stackSize } from "./stack";
import { takeEdge } from "./edges";
import { writeDeferred } from "./flags";
import {
  END,
  I32_AND,
  I32_EQ,
  I32_EQZ,
  I32_LOAD,
  I64_ADD,
  I64_EQ,
  I64_EQZ,
  I64_LOAD,
  I64_NE,
  I64_SHL,
  I64_SHR_S,
  I64_SUB,
  IF,
  TYPE_VOID,
  access,
  byte,
  i32Const,
  i64Const,
  localGet,
  localSet,
  localTee,
} from "./wasm";

/** Offset from the region's base of a direct branch's target. */
// @ts-ignore: decorator
@inline export function targetOffset(op: u32): i64 { return nextOffset(op) + immediate(op); }

/** Goes to an offset: within the region if it has a block there, else out. */
export function goTo(offset: i64): void {
  const block = blockAt(offset);
  if (block < 0) {
    exitTo(offset);
    return;
  }
  if (blockPageDelta(<u32>block) != blockDelta) checkPage(blockPhysicalPage(<u32>block), offset, false);
  takeEdge(<u32>block);
}

/** Pushes (i32) whether the page at `delta` from the region's base is not to be seen as this physical one any more. */
export function pushPageIsGone(page: u32, delta: i64): void {
  localGet(LOCAL_BASE);
  i64Const(delta);
  byte(I64_ADD);
  localSet(LOCAL_ADDRESS);
  pushTlbEntry();
  localTee(LOCAL_ENTRY);
  access(I64_LOAD, TLB_EXECUTE_TAG);
  localGet(LOCAL_ADDRESS);
  byte(I64_EQ);
  localGet(LOCAL_ENTRY);
  access(I32_LOAD, TLB_PAGE);
  i32Const(0x3fffffff);
  byte(I32_AND);
  i32Const(page);
  byte(I32_EQ);
  byte(I32_AND);
  byte(I32_EQZ);
}

/** Before control goes to a block on another page: out to `offset`, unless code of that page is seen there still. */
export function checkPage(page: u32, offset: i64, jump: bool): void {
  pushPageIsGone(page, offset & ~0xfff);
  hintedIf(false);
  enterLabel();
  if (jump) leaveByJump(offset);
  else exitTo(offset);
  leaveLabel();
  byte(END);
}

/** True if a jump to this offset may lead out of the canonical addresses: in 64-bit mode, if it leaves the page. */
function mayNotBeCanonical(offset: i64): bool { return is64 && (offset & ~0xfff) != blockDelta; }

/** As goTo(), for the target of a jump: one that is not canonical faults before the jump. */
function jumpTo(offset: i64): void {
  const block = blockAt(offset);
  if (block >= 0) {
    if (blockPageDelta(<u32>block) != blockDelta) checkPage(blockPhysicalPage(<u32>block), offset, true);
    takeEdge(<u32>block);
  } else leaveByJump(offset);
}

function leaveByJump(offset: i64): void {
  if (!mayNotBeCanonical(offset)) {
    exitTo(offset);
    return;
  }
  pushRip(offset);
  localSet(LOCAL_RIP);
  checkTarget();
  writeDeferred();
  branchToExit();
}

/** 70..7F, 0F 80..8F. */
export function emitJumpIf(op: u32): bool {
  if (sizeOf(op) != stackSize()) return false;
  pushCondition(<u32>load<u16>(op, OP_CODE) & 15);
  byte(IF);
  byte(TYPE_VOID);
  enterLabel();
  jumpTo(targetOffset(op));
  leaveLabel();
  byte(END);
  goTo(nextOffset(op));
  return true;
}

/** E0..E3: LOOPNE, LOOPE, LOOP, JRCXZ, counting by the mode's address size. */
export function emitLoop(op: u32): bool {
  const size = stackSize();
  const flags = opFlags(op);
  const counts16 = (flags & OPF_ADDRESS_16) != 0;
  const counts32 = (flags & OPF_ADDRESS_32) != 0;
  // A bad target faults before the count changes.
  if (sizeOf(op) != size || counts16 || counts32 == is64 || mayNotBeCanonical(targetOffset(op))) return false;
  const code: u32 = load<u16>(op, OP_CODE);
  pushRegister(RCX, size);
  if (code == 0xe3) byte(I64_EQZ);
  else {
    i64Const(1);
    byte(I64_SUB);
    mask(size);
    popRegister(RCX, size);
    pushRegister(RCX, size);
    i64Const(0);
    byte(I64_NE);
    if (code != 0xe2) {
      pushCondition(code == 0xe1 ? 4 : 5);
      byte(I32_AND);
    }
  }
  byte(IF);
  byte(TYPE_VOID);
  enterLabel();
  jumpTo(targetOffset(op));
  leaveLabel();
  byte(END);
  goTo(nextOffset(op));
  return true;
}

/** E9, EB. */
export function emitJump(op: u32): bool {
  if (sizeOf(op) != stackSize()) return false;
  jumpTo(targetOffset(op));
  return true;
}

/** E8. */
export function emitCall(op: u32): bool {
  if (sizeOf(op) != stackSize()) return false;
  if (mayNotBeCanonical(targetOffset(op))) {
    pushRip(targetOffset(op));
    localSet(LOCAL_RIP);
    checkTarget();
  }
  if (leafOfBlock != 0) {
    emitLeafCall(leafOfBlock, targetOffset(op), nextOffset(op));
    goTo(nextOffset(op));
    return true;
  }
  pushRip(nextOffset(op));
  localSet(LOCAL_A);
  pushA();
  if (targetOffset(op) == nextOffset(op)) goTo(targetOffset(op));
  else {
    pushRip(targetOffset(op));
    localSet(LOCAL_RIP);
    callAndReturn(nextOffset(op));
  }
  return true;
}

/** Pushes (i32) whether LOCAL_RIP is canonical. */
function pushIsCanonical(): void {
  localGet(LOCAL_RIP);
  i64Const(16);
  byte(I64_SHL);
  i64Const(16);
  byte(I64_SHR_S);
  localGet(LOCAL_RIP);
  byte(I64_EQ);
}

/** Leaves the instruction to its handler, which raises the fault, if LOCAL_RIP is no place to go. */
export function checkTarget(): void {
  if (!is64) return;
  pushIsCanonical();
  byte(I32_EQZ);
  leaveToHandlerIf();
}

/** C2, C3. */
export function emitReturn(op: u32): bool {
  const size = sizeOf(op);
  if (size != stackSize()) return false;
  readTop();
  localGet(LOCAL_A);
  localSet(LOCAL_RIP);
  checkTarget();
  moveStack((1 << size) + (<u32>load<u16>(op, OP_CODE) == 0xc2 ? immediate(op) & 0xffff : 0));
  returnToCaller();
  return true;
}

/** FF /2 and /4. */
export function emitIndirect(op: u32): bool {
  const size = sizeOf(op);
  if (size != stackSize() || !canRm(op, false)) return false;
  pushRm(op, size);
  localSet(LOCAL_RIP);
  checkTarget();
  if (modrmReg(op) == 2) {
    pushRip(nextOffset(op));
    localSet(LOCAL_A);
    pushA();
    callAndReturn(nextOffset(op));
  } else branchToExit();
  return true;
}
