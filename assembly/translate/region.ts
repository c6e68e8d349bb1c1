// Regions: the blocks of one page that a hot block reaches by direct jumps, compiled as one function. Blocks stand in
// the order of their addresses; control falls from one to the next, branches forward directly, and back through the
// dispatch loop at the top, which is also how the function is entered at any of them.

import { MODE_64 } from "../state";
import { BLOCK_COUNT, BLOCK_HEADER, BLOCK_HEAT, BLOCK_MODE, BLOCK_PHYSICAL, findBlock } from "../decode/blocks";
import { OP_CODE, OP_NEXT, OP_SIZE } from "../decode/instruction";
import {
  LOCALS_I32,
  LOCALS_I64,
  LOCAL_ATTENTION,
  LOCAL_BLOCK,
  LOCAL_LEFT,
  beginBlock,
  beginInstruction,
  beginRegion,
  blockCount,
  catchFault,
  currentIndex,
  depth,
  enterLabel,
  epilogue,
  exitTo,
  leaveLabel,
  needsAttention,
  prologue,
} from "./context";
import { targetOffset } from "./control";
import { emitInstruction } from "./instructions";
import { beginBody, endBody } from "./module";
import {
  BLOCK,
  BR,
  BR_TABLE,
  END,
  I64_LT_U,
  I64_SUB,
  IF,
  LOOP,
  TRY,
  TYPE_VOID,
  byte,
  i32Const,
  i64Const,
  localGet,
  localSet,
  position,
  seek,
  unsigned,
} from "./wasm";

/** Most blocks of a region; an entry fits a byte. */
export const MAX_BLOCKS: u32 = 128;
/** Most instructions of a region: what V8 compiles well. */
const MAX_INSTRUCTIONS: u32 = 1200;
/** Blocks run less often than this are left out. */
const WARM: u32 = 4;

const blocks = memory.data(128 * 4);
let count: u32 = 0;
let instructions: u32 = 0;
let page: u32 = 0;
let mode: u32 = 0;
/** The block being emitted. */
let current: u32 = 0;

export function regionBlockCount(): u32 { return count; }
export function regionBlock(index: u32): u32 { return load<u32>(blocks + (index << 2)); }

/** Index of the region's block at an offset in its page, -1 if it has none there. */
export function blockAt(offset: i64): i32 {
  if (offset < 0 || offset > 0xfff) return -1;
  const physical = (page << 12) | <u32>offset;
  for (let i: u32 = 0; i < count; i++) {
    if (load<u32>(regionBlock(i), BLOCK_PHYSICAL) == physical) return <i32>i;
  }
  return -1;
}

function include(offset: i64): void {
  if (offset < 0 || offset > 0xfff || count >= MAX_BLOCKS || blockAt(offset) >= 0) return;
  const block = findBlock((page << 12) | <u32>offset, mode);
  if (block == 0 || load<u32>(block, BLOCK_HEAT) < WARM) return;
  const ops = load<u32>(block, BLOCK_COUNT);
  if (instructions + ops > MAX_INSTRUCTIONS) return;
  instructions += ops;
  store<u32>(blocks + (count << 2), block);
  count++;
}

// @ts-ignore: decorator
@inline function lastOp(block: u32): u32 {
  return block + BLOCK_HEADER + (load<u32>(block, BLOCK_COUNT) - 1) * OP_SIZE;
}

/** Direct jumps, by opcode: near and short, conditional and not, and CALL. */
function isDirectBranch(code: u32): bool {
  return (code >= 0x70 && code <= 0x7f) || (code >= 0x180 && code <= 0x18f) || code == 0xe8 || code == 0xe9 || code == 0xeb;
}

/** Collects the region that begins with `block`, in the order of addresses. */
export function findRegion(block: u32): void {
  count = 0;
  instructions = 0;
  page = load<u32>(block, BLOCK_PHYSICAL) >> 12;
  mode = load<u32>(block, BLOCK_MODE);
  include(load<u32>(block, BLOCK_PHYSICAL) & 0xfff);
  for (let i: u32 = 0; i < count; i++) {
    const op = lastOp(regionBlock(i));
    const code: u32 = load<u16>(op, OP_CODE);
    // What follows: by falling through, or on return from a call.
    include(load<u16>(op, OP_NEXT));
    if (isDirectBranch(code)) include(targetOffset(op));
  }
  sort();
}

function sort(): void {
  for (let i: u32 = 1; i < count; i++) {
    const block = regionBlock(i);
    let j = i;
    while (j > 0 && load<u32>(regionBlock(j - 1), BLOCK_PHYSICAL) > load<u32>(block, BLOCK_PHYSICAL)) {
      store<u32>(blocks + (j << 2), regionBlock(j - 1));
      j--;
    }
    store<u32>(blocks + (j << 2), block);
  }
}

/** Branches to a block of the region. */
export function branchTo(index: u32): void {
  if (index > current) {
    // Labels between: those inside the block's code, and those of the blocks up to the target.
    const inner = depth - (count - 1 - current);
    if (index == current + 1 && inner == 0) return;
    byte(BR);
    unsigned(inner + index - current - 1);
    return;
  }
  i32Const(index);
  localSet(LOCAL_BLOCK);
  byte(BR);
  unsigned(depth);
}

function emitBlock(index: u32): void {
  const block = regionBlock(index);
  const ops = load<u32>(block, BLOCK_COUNT);
  const first = block + BLOCK_HEADER;
  const start: i64 = load<u32>(block, BLOCK_PHYSICAL) & 0xfff;
  current = index;
  beginBlock(first, ops, count - 1 - index);
  // All of the block, or none: a limit within it is the interpreter's to keep.
  localGet(LOCAL_LEFT);
  i64Const(ops);
  byte(I64_LT_U);
  byte(IF);
  byte(TYPE_VOID);
  enterLabel();
  exitTo(start, 0);
  leaveLabel();
  byte(END);
  localGet(LOCAL_LEFT);
  i64Const(ops);
  byte(I64_SUB);
  localSet(LOCAL_LEFT);

  for (let i: u32 = 0; i < ops; i++) {
    const op = first + i * OP_SIZE;
    beginInstruction(op, i);
    const left = emitInstruction(op);
    if (left) return;
    if (needsAttention) {
      localGet(LOCAL_ATTENTION);
      byte(IF);
      byte(TYPE_VOID);
      enterLabel();
      exitTo(load<u16>(op, OP_NEXT), blockCount - currentIndex - 1);
      leaveLabel();
      byte(END);
    }
  }
  // The block ended because it was long, or by an instruction after which the run loop must look up.
  exitTo(load<u16>(lastOp(block), OP_NEXT), 0);
}

function emitBody(): void {
  beginBody(LOCALS_I64, LOCALS_I32);
  prologue();
  byte(BLOCK);
  byte(TYPE_VOID);
  byte(TRY);
  byte(TYPE_VOID);
  byte(LOOP);
  byte(TYPE_VOID);
  for (let i: u32 = 0; i < count; i++) {
    byte(BLOCK);
    byte(TYPE_VOID);
  }
  localGet(LOCAL_BLOCK);
  byte(BR_TABLE);
  unsigned(count - 1);
  for (let i: u32 = 0; i < count; i++) unsigned(i);
  for (let i: u32 = 0; i < count; i++) {
    byte(END);
    emitBlock(i);
  }
  byte(END);
  catchFault();
  byte(END);
  byte(END);
  epilogue();
  endBody();
}

/** Writes the function of the region that findRegion() collected. */
export function emitRegion(): void {
  const start = position;
  // The first pass finds out which registers are used; the second writes the code that needs to know.
  beginRegion(mode == MODE_64, true);
  emitBody();
  seek(start);
  beginRegion(mode == MODE_64, false);
  emitBody();
}
