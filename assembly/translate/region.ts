// Regions: the blocks that a hot block reaches by direct jumps, compiled as one function. They may be of
// several pages: each place is the region's base and a constant, and control goes to another page only after a look
// at the TLB. Blocks stand in the order of their addresses.

import { LEAVE_LIMIT, MODE_64, TLB_EXECUTE_TAG, TLB_PAGE, TLB_SET } from "../state";
import { BLOCK_COUNT, BLOCK_HEADER, BLOCK_HEAT, BLOCK_MODE, BLOCK_PHYSICAL, BLOCK_TRANSLATION, findBlock } from "../decode/blocks";
import { OP_CODE, OP_EA, OP_EA_JUMPS, OP_IMMEDIATE, OP_NEXT, OP_SIZE, isRegister, modrmReg } from "../decode/instruction";
import { ENDS, attributesAddress } from "../decode/tables";
import { tlbEntry } from "../memory/tlb";
import {
  LOCALS_I32,
  LOCALS_I64,
  LOCAL_LEFT,
  beginBlock,
  beginInstruction,
  enterLabel,
  leaveLabel,
  nextOffset,
  prologue,
  setMode,
} from "./context";
import { epilogue, exitTo, handlerEpilogue, stopAt, stopIfModeChanged } from "./exits";
import { goTo } from "./control";
import { isLeaf } from "./leaf";
import { addEntry, beginBlockAt, collectBranches, continuesPrevious, emitStructure, isLoopHead, settleStructure } from "./structure";
import { emitInstruction } from "./instructions";
import { beginBody, discardBody, endBody, hintedIf } from "./module";
import {
  BLOCK,
  END,
  I64_LT_U,
  I64_SUB,
  TYPE_VOID,
  byte,
  i64Const,
  localGet,
  localSet,
} from "./wasm";

/** Most blocks of a region; an entry fits a byte. */
export const MAX_BLOCKS: u32 = 128;
/** Most instructions of a region: what V8 compiles well. */
const MAX_INSTRUCTIONS: u32 = 300;
/** Blocks that ran less often than this part of the root's runs are left out. */
const WARM_PART: u32 = 8;

// The blocks, and for each the offset of its first byte from the region's base, which is the root block's page.
const blocks = memory.data(128 * 4);
const offsets = memory.data(128 * 4);
/** For each, the block of the leaf function (leaf.ts) that it calls at its end; 0 if it calls none. */
const leaves = memory.data(128 * 4);
let count: u32 = 0;
let instructions: u32 = 0;
let mode: u32 = 0;
let warm: u32 = 0;
/** Linear address of the region's base while it is collected. */
let base: u64 = 0;
/** Index of the block that the region was made for. */
let root: u32 = 0;

export function regionBlockCount(): u32 { return count; }
export function regionBlock(index: u32): u32 { return load<u32>(blocks + (index << 2)); }
export function regionOffset(index: u32): i32 { return load<i32>(offsets + (index << 2)); }
export function regionLeaf(index: u32): u32 { return load<u32>(leaves + (index << 2)); }
/** Bytes from the region's base to a block's page. */
export function blockPageDelta(index: u32): i64 { return regionOffset(index) & ~0xfff; }
export function blockPhysicalPage(index: u32): u32 { return load<u32>(regionBlock(index), BLOCK_PHYSICAL) >> 12; }

/** Index of the region's block at an offset, -1 if it has none there. */
export function blockAt(offset: i64): i32 {
  for (let i: u32 = 0; i < count; i++) {
    if (<i64>regionOffset(i) == offset) return <i32>i;
  }
  return -1;
}

/** The block that is decoded at an offset, 0 if there is none. */
function decodedAt(offset: i64): u32 {
  // Far away code would need wide constants and is another module's or process's business.
  if (offset < -0x40000000 || offset > 0x40000000) return 0;
  const address = base + offset;
  const entry = tlbEntry(load<u32>(TLB_SET), address);
  if (load<u64>(entry, TLB_EXECUTE_TAG) != (address & ~0xfff)) return 0;
  const page = load<u32>(entry, TLB_PAGE) & 0x3fffffff;
  return findBlock((page << 12) | (<u32>address & 0xfff), mode);
}

/** Takes a block into the region, if it is decoded, warm, and there is room. */
function include(offset: i64): void {
  if (count >= MAX_BLOCKS || blockAt(offset) >= 0) return;
  const block = decodedAt(offset);
  if (block == 0 || load<u32>(block, BLOCK_HEAT) < warm) return;
  if (load<u32>(block, BLOCK_TRANSLATION) != 0) return;
  const ops = load<u32>(block, BLOCK_COUNT);
  if (instructions + ops > MAX_INSTRUCTIONS) return;
  instructions += ops;
  store<u32>(blocks + (count << 2), block);
  store<i32>(offsets + (count << 2), <i32>offset);
  store<u32>(leaves + (count << 2), 0);
  count++;
}

/** Notes that block i ends with a call of what is at an offset, if that is a leaf function and there is room. */
function includeLeaf(i: u32, offset: i64): void {
  const leaf = decodedAt(offset);
  if (leaf == 0 || !isLeaf(leaf) || instructions + load<u32>(leaf, BLOCK_COUNT) > MAX_INSTRUCTIONS) return;
  instructions += load<u32>(leaf, BLOCK_COUNT);
  store<u32>(leaves + (i << 2), leaf);
}

// @ts-ignore: decorator
@inline function lastOp(block: u32): u32 {
  return block + BLOCK_HEADER + (load<u32>(block, BLOCK_COUNT) - 1) * OP_SIZE;
}

/** Direct jumps, by opcode: near and short, conditional and not, and CALL. */
function isDirectBranch(code: u32): bool {
  return (code >= 0x70 && code <= 0x7f) || (code >= 0x180 && code <= 0x18f) || code == 0xe8 || code == 0xe9 || code == 0xeb;
}

/**
 * Collects the region whose root is `block`, seen at `pageBase` now, in the order of addresses. What it calls is not
 * part of it: with that regions get large, which V8 takes long to compile, and returns make loops of all they span.
 * Only leaf functions are, in place of each call.
 */
export function findRegion(block: u32, pageBase: u64): void {
  count = 0;
  instructions = 0;
  mode = load<u32>(block, BLOCK_MODE);
  warm = max<u32>(load<u32>(block, BLOCK_HEAT) / WARM_PART, 1);
  base = pageBase;
  setMode(mode == MODE_64);
  include(load<u32>(block, BLOCK_PHYSICAL) & 0xfff);
  for (let i: u32 = 0; i < count; i++) {
    const op = lastOp(regionBlock(i));
    const code: u32 = load<u16>(op, OP_CODE);
    const next = blockPageDelta(i) + <i64>load<u16>(op, OP_NEXT);
    // What follows: by falling through, or on return from a call.
    if (code != 0xe9 && code != 0xeb && code != 0xc3) include(next);
    if (code == 0xe8) includeLeaf(i, next + load<i64>(op, OP_IMMEDIATE));
    else if (isDirectBranch(code)) include(next + load<i64>(op, OP_IMMEDIATE));
  }
  sort();
}

/** Makes a region of blocks that findRegion() collected before, for one of them. */
export function recallRegion(rootBlock: u32, from: u32, fromOffsets: u32, fromLeaves: u32, length: u32): void {
  memory.copy(blocks, from, length << 2);
  memory.copy(offsets, fromOffsets, length << 2);
  memory.copy(leaves, fromLeaves, length << 2);
  count = length;
  mode = load<u32>(regionBlock(0), BLOCK_MODE);
  for (let i: u32 = 0; i < count; i++) if (regionBlock(i) == rootBlock) root = i;
}

function sort(): void {
  for (let i: u32 = 1; i < count; i++) {
    const block = regionBlock(i);
    const offset = regionOffset(i);
    const leaf = regionLeaf(i);
    let j = i;
    while (j > 0 && regionOffset(j - 1) > offset) {
      store<u32>(blocks + (j << 2), regionBlock(j - 1));
      store<i32>(offsets + (j << 2), regionOffset(j - 1));
      store<u32>(leaves + (j << 2), regionLeaf(j - 1));
      j--;
    }
    store<u32>(blocks + (j << 2), block);
    store<i32>(offsets + (j << 2), offset);
    store<u32>(leaves + (j << 2), leaf);
  }
}

/** True for an instruction after which the run loop must look up. */
function endsBlock(op: u32): bool {
  const attributes = load<u32>(attributesAddress(load<u16>(op, OP_CODE), u32(isRegister(op)), modrmReg(op)));
  return (attributes & ENDS) != 0;
}

/** Instructions of a block and those that follow it. */
export function instructionsFrom(index: u32): u32 {
  let sum: u32 = 0;
  for (let i = index; i < count; i++) sum += instructionsOf(regionBlock(i), regionLeaf(i));
  return sum;
}

/** Instructions of a block with those of the leaf function that it calls, 0 if it calls none. */
export function instructionsOf(block: u32, leaf: u32): u32 {
  return load<u32>(block, BLOCK_COUNT) + (leaf != 0 ? load<u32>(leaf, BLOCK_COUNT) : 0);
}

/** The leaf function that the block under way calls, 0 if it calls none. */
export let leafOfBlock: u32 = 0;

export function emitBlock(index: u32): void {
  const block = regionBlock(index);
  const ops = load<u32>(block, BLOCK_COUNT);
  const first = block + BLOCK_HEADER;
  const start: i64 = regionOffset(index);
  beginBlock(first, ops, blockPageDelta(index), continuesPrevious(index));
  beginBlockAt(index);
  leafOfBlock = regionLeaf(index);
  if (isLoopHead(index)) {
    // All that may run before a head is reached again, or nothing: a limit within is the interpreter's to keep.
    localGet(LOCAL_LEFT);
    i64Const(instructionsFrom(index));
    byte(I64_LT_U);
    hintedIf(false);
    enterLabel();
    stopAt(start, 0, LEAVE_LIMIT);
    leaveLabel();
    byte(END);
  }
  localGet(LOCAL_LEFT);
  i64Const(ops);
  byte(I64_SUB);
  localSet(LOCAL_LEFT);

  for (let i: u32 = 0; i < ops; i++) {
    const op = first + i * OP_SIZE;
    beginInstruction(op, i);
    const left = emitInstruction(op);
    if (left) return;
  }
  // The block ended because it was long, at its page's end, or by an instruction after which the run loop must look up.
  if (endsBlock(lastOp(block))) {
    stopIfModeChanged();
    exitTo(nextOffset(lastOp(block)));
  } else goTo(nextOffset(lastOp(block)));
}

function emitBody(): void {
  beginBody(LOCALS_I64, LOCALS_I32);
  prologue();
  byte(BLOCK);
  byte(TYPE_VOID);
  byte(BLOCK);
  byte(TYPE_VOID);
  emitStructure();
  byte(END);
  handlerEpilogue();
  byte(END);
  epilogue();
  endBody();
}

/** Where control comes back to the region after the last instruction of a block, by way of others, is an entry. */
function addResumption(index: u32): void {
  const op = lastOp(regionBlock(index));
  const code: u32 = load<u16>(op, OP_CODE);
  const jumps = (load<u8>(op, OP_EA) & <u8>OP_EA_JUMPS) != 0;
  if (jumps && isDirectBranch(code) && (code != 0xe8 || regionLeaf(index) != 0)) return;
  if (!jumps && !endsBlock(op)) return;
  const next = blockAt(blockPageDelta(index) + <i64>load<u16>(op, OP_NEXT));
  if (next >= 0) addEntry(next);
}

/** Writes the function of the region that findRegion() collected. */
export function emitRegion(): void {
  // The first pass finds out where branches go; the second writes the code that needs to know.
  setMode(mode == MODE_64);
  collectBranches(count);
  emitBody();
  discardBody();
  for (let i: u32 = 0; i < count; i++) addResumption(i);
  settleStructure(root);
  emitBody();
}
