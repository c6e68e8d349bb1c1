// Leaf functions in place of their calls: a function of one short block that ends with a return, such as those by which
// 32-bit position-independent code finds out where it is. Its block is emitted once more at each call, and the code
// goes on behind the call if that is where the return leads. Two ways through the jump cache are saved, and what the
// region has in locals stays there.

import {
  EA_SEGMENTED_32,
  OP_CODE,
  OP_DISPLACEMENT,
  OP_EA,
  OP_INDEX,
  OP_RM,
  OP_SIZE,
  OP_WIDTH,
  isRegister,
  regAddress,
} from "../decode/instruction";
import { BLOCK_COUNT, BLOCK_HEADER, BLOCK_PHYSICAL } from "../decode/blocks";
import { RSP, SS, ZERO_REG } from "../state";
import {
  LOCAL_A,
  LOCAL_ADDRESS,
  LOCAL_LEFT,
  LOCAL_RIP,
  beginBlock,
  beginInstruction,
  blockCount,
  blockDelta,
  blockOps,
  enterLabel,
  is64,
  leaveLabel,
  pushRip,
} from "./context";
import { branchToExit, leaveToHandlerIf } from "./exits";
import { checkPage, checkTarget, pushPageIsGone } from "./control";
import { flushFlags } from "./flags";
import { emitInstruction } from "./instructions";
import { hintedIf } from "./module";
import { mask, popRegister, pushRegister } from "./operands";
import { writeMemory } from "./memory";
import { moveStack, pushA, readTop, stackSize } from "./stack";
import { END, I64_NE, I64_SUB, byte, i64Const, localGet, localSet } from "./wasm";

/** Most instructions of a function that is taken in, its return among them. */
const MAX_LEAF: u32 = 12;

/** True for a block that may be taken in: it ends with RET, and nothing in it jumps or ends a block before. */
export function isLeaf(block: u32): bool {
  const count = load<u32>(block, BLOCK_COUNT);
  const last = block + BLOCK_HEADER + (count - 1) * OP_SIZE;
  return count <= MAX_LEAF && load<u16>(last, OP_CODE) == 0xc3 && load<u8>(last, OP_WIDTH) == (<u8>1 << <u8>stackSize());
}

/** True for MOV reg, [ESP] and RET, in 32-bit mode: they leave the return address in a register. */
function isThunk(block: u32): bool {
  const op = block + BLOCK_HEADER;
  return (
    !is64 &&
    load<u32>(block, BLOCK_COUNT) == 2 &&
    load<u16>(op, OP_CODE) == 0x8b &&
    load<u8>(op, OP_WIDTH) == 4 &&
    !isRegister(op) &&
    load<u8>(op, OP_EA) == <u8>((EA_SEGMENTED_32 << 3) | SS) &&
    load<u16>(op, OP_RM) == <u16>RSP &&
    load<u16>(op, OP_INDEX) == <u16>ZERO_REG &&
    load<i32>(op, OP_DISPLACEMENT) == 0 &&
    regAddress(op) != RSP
  );
}

/** Emits the running CALL of a leaf at `target` that returns to `next`, both offsets from the region's base; code that
 * follows is behind the call. */
export function emitLeafCall(leaf: u32, target: i64, next: i64): void {
  if (isThunk(leaf)) emitThunk(leaf, target, next);
  else emitLeaf(leaf, target, next);
}

function countInstructions(leaf: u32): void {
  localGet(LOCAL_LEFT);
  i64Const(load<u32>(leaf, BLOCK_COUNT));
  byte(I64_SUB);
  localSet(LOCAL_LEFT);
}

/** The stack has the return address, as if it had been pushed and popped. */
function emitThunk(leaf: u32, target: i64, next: i64): void {
  if ((target & ~0xfff) != blockDelta) {
    pushPageIsGone(load<u32>(leaf, BLOCK_PHYSICAL) >> 12, target & ~0xfff);
    leaveToHandlerIf();
  }
  const size = stackSize();
  pushRip(next);
  localSet(LOCAL_A);
  pushRegister(RSP, size);
  i64Const(1 << size);
  byte(I64_SUB);
  mask(size);
  localSet(LOCAL_ADDRESS);
  writeMemory(size, LOCAL_A);
  countInstructions(leaf);
  localGet(LOCAL_A);
  popRegister(regAddress(leaf + BLOCK_HEADER), size);
}

function emitLeaf(leaf: u32, target: i64, next: i64): void {
  pushRip(next);
  localSet(LOCAL_A);
  pushA();
  if ((target & ~0xfff) != blockDelta) checkPage(load<u32>(leaf, BLOCK_PHYSICAL) >> 12, target, false);
  const ops = blockOps;
  const count = blockCount;
  const delta = blockDelta;
  const leafOps = leaf + BLOCK_HEADER;
  const leafCount = load<u32>(leaf, BLOCK_COUNT);
  beginBlock(leafOps, leafCount, target & ~0xfff, true);
  countInstructions(leaf);
  for (let i: u32 = 0; i < leafCount - 1; i++) {
    beginInstruction(leafOps + i * OP_SIZE, i);
    emitInstruction(leafOps + i * OP_SIZE);
  }
  beginInstruction(leafOps + (leafCount - 1) * OP_SIZE, leafCount - 1);
  flushFlags();
  emitLeafReturn(next);
  beginBlock(ops, count, delta, true);
}

/** RET, most likely to `next`. */
function emitLeafReturn(next: i64): void {
  const bytes: i64 = 1 << stackSize();
  readTop();
  localGet(LOCAL_A);
  pushRip(next);
  byte(I64_NE);
  hintedIf(false);
  enterLabel();
  localGet(LOCAL_A);
  localSet(LOCAL_RIP);
  checkTarget();
  moveStack(bytes);
  branchToExit();
  leaveLabel();
  byte(END);
  moveStack(bytes);
}
