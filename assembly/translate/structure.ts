// The shape of a region's function. WebAssembly has no jumps, only labels of nested blocks and loops: a branch back
// needs a loop around all from its target on, a branch forward needs a block that ends at its target. Blocks stand in
// the order of their addresses; what a branch back spans, from its target to the last block that takes it, becomes a
// loop, and loops that would cross become nested.
//
// A function is entered at any of its entries. Where these lie within a loop, the loop's head looks at LOCAL_BLOCK, as
// the function's head does, and goes on to the one that it names; NO_BLOCK says that it has been reached.

import { LOCAL_BLOCK, depth, setStructureDepth } from "./context";
import { hintedIf } from "./module";
import { emitBlock } from "./region";
import {
  BLOCK,
  BR,
  BR_TABLE,
  END,
  I32_NE,
  I32_SUB,
  LOOP,
  TYPE_VOID,
  byte,
  i32Const,
  localGet,
  localSet,
  unsigned,
} from "./wasm";

const MAX_BLOCKS: u32 = 128;
const NO_BLOCK: u32 = 0xffffffff;

/** For each block, one more than the last block that branches back to it; 0 if none does. */
const loopEnds = memory.data(128 * 4);
/** For each block, u8: control comes to it from outside the region, or from outside its loops. */
const entries = memory.data(128);
const FROM_OUTSIDE: u8 = 1;
const FROM_WITHIN: u8 = 2;

/** For each block, u8: how many branches come to it, falling into it among them; more than 2 count as 2. */
const sources = memory.data(128);
/** For each block, u8: 1 if the one before it falls into it. */
const fallen = memory.data(128);

// The open labels, outermost first: for a loop its head, for a block the first and last block of what follows its end.
const FRAME_FIRST: u32 = 0;
const FRAME_LAST: u32 = 4;
const FRAME_LOOP: u32 = 8;
const FRAME_SIZE: u32 = 16;
const frames = memory.data(16 * 512);
let frameCount: u32 = 0;

let count: u32 = 0;
let collecting: bool = false;
/** The block being emitted. */
let current: u32 = 0;
/** Loops around it whose heads look at LOCAL_BLOCK. */
let lookingLoops: u32 = 0;

// @ts-ignore: decorator
@inline function loopEnd(head: u32): u32 { return load<u32>(loopEnds + (head << 2)); }

/** True if the function may be called for this block: only these are looked for from its head on. */
export function isEntry(index: u32): bool { return (load<u8>(entries + index) & FROM_OUTSIDE) != 0; }
export function addEntry(index: u32): void { store<u8>(entries + index, load<u8>(entries + index) | FROM_OUTSIDE); }

/** True if a loop around the block is entered for it. */
function isLookedFor(index: u32): bool { return load<u8>(entries + index) != 0; }

/** Begins the pass that learns by branchTo() which block branches to which. */
export function collectBranches(blocks: u32): void {
  count = blocks;
  collecting = true;
  frameCount = 0;
  setStructureDepth(0);
  memory.fill(loopEnds, 0, MAX_BLOCKS << 2);
  memory.fill(entries, 0, MAX_BLOCKS);
  memory.fill(sources, 0, MAX_BLOCKS);
  memory.fill(fallen, 0, MAX_BLOCKS);
}

/** Ends it: loops are nested, and `root` and what lies in no loop, or heads an outermost one, are entries. */
export function settleStructure(root: u32): void {
  collecting = false;
  let changed = true;
  while (changed) {
    changed = false;
    for (let head: u32 = 0; head < count; head++) {
      for (let inner = head + 1; inner < loopEnd(head); inner++) {
        if (loopEnd(inner) <= loopEnd(head)) continue;
        store<u32>(loopEnds + (head << 2), loopEnd(inner));
        changed = true;
      }
    }
  }
  addEntry(root);
  let index: u32 = 0;
  while (index < count) {
    addEntry(index);
    index = max(index + 1, loopEnd(index));
  }
}

/** True if control comes to a block from the one emitted before it, by falling into it, and from nowhere else. */
export function continuesPrevious(index: u32): bool {
  return !collecting && load<u8>(entries + index) == 0 && load<u8>(sources + index) == 1 && load<u8>(fallen + index) != 0;
}

export function beginBlockAt(index: u32): void {
  current = index;
  if (!collecting && lookingLoops != 0 && (isLookedFor(index) || isLoopHead(index))) {
    i32Const(NO_BLOCK);
    localSet(LOCAL_BLOCK);
  }
}

export function isLoopHead(index: u32): bool { return loopEnd(index) != 0; }

/** Branches to a block of the region. */
export function branchTo(index: u32): void {
  if (collecting) {
    if (index <= current) store<u32>(loopEnds + (index << 2), max(loopEnd(index), current + 1));
    store<u8>(sources + index, min(load<u8>(sources + index) + 1, 2));
    if (index == current + 1 && depth == 0) store<u8>(fallen + index, 1);
    return;
  }
  for (let i = frameCount - 1; ; i--) {
    const frame = frames + i * FRAME_SIZE;
    const first = load<u32>(frame, FRAME_FIRST);
    const isLoop = load<u32>(frame, FRAME_LOOP) != 0;
    if (index <= current ? !isLoop || first != index : isLoop || index < first || index > load<u32>(frame, FRAME_LAST)) continue;
    if (first != index) {
      // Into the midst of a loop.
      store<u8>(entries + index, load<u8>(entries + index) | FROM_WITHIN);
      i32Const(index);
      localSet(LOCAL_BLOCK);
    } else if (index == current + 1 && depth == 0 && i == frameCount - 1) return;
    byte(BR);
    unsigned(depth + frameCount - 1 - i);
    return;
  }
}

function pushFrame(first: u32, last: u32, isLoop: bool): void {
  const frame = frames + frameCount * FRAME_SIZE;
  store<u32>(frame, first, FRAME_FIRST);
  store<u32>(frame, last, FRAME_LAST);
  store<u32>(frame, u32(isLoop), FRAME_LOOP);
  frameCount++;
  setStructureDepth(frameCount);
  byte(isLoop ? LOOP : BLOCK);
  byte(TYPE_VOID);
}

function popFrame(): void {
  byte(END);
  frameCount--;
  setStructureDepth(frameCount);
}

/** Last block of the item that begins with a block: itself, or its loop, unless that is the one around it. */
function itemLast(first: u32, around: u32): u32 {
  return first != around && isLoopHead(first) ? loopEnd(first) - 1 : first;
}

function hasEntryWithin(first: u32, last: u32): bool {
  for (let index = first + 1; index <= last; index++) if (isLookedFor(index)) return true;
  return false;
}

/** Opens a label for every item of a range, so that the first item's is the innermost. */
function openItems(first: u32, last: u32, around: u32, withFirst: bool): void {
  const end = itemLast(first, around);
  if (end < last) openItems(end + 1, last, around, true);
  if (withFirst) pushFrame(first, end, false);
}

/** Branches to the item that LOCAL_BLOCK names, within `labels` labels of the items. */
function lookUp(first: u32, last: u32, around: u32, labels: u32): void {
  localGet(LOCAL_BLOCK);
  if (first != 0) {
    i32Const(first);
    byte(I32_SUB);
  }
  byte(BR_TABLE);
  unsigned(last - first + 1);
  let item: u32 = 0;
  let end = itemLast(first, around);
  for (let index = first; index <= last; index++) {
    if (index > end) {
      item++;
      end = itemLast(index, around);
    }
    unsigned(labels + item);
  }
  unsigned(labels);
}

/** Emits a range of blocks with its loops; `around` is the head of the loop that it is, NO_BLOCK for the whole. */
function emitRange(first: u32, last: u32, around: u32): void {
  const looks = hasEntryWithin(first, last);
  openItems(first, last, around, looks);
  if (looks) {
    if (around == NO_BLOCK) lookUp(first, last, around, 0);
    else {
      lookingLoops++;
      localGet(LOCAL_BLOCK);
      i32Const(NO_BLOCK);
      byte(I32_NE);
      hintedIf(false);
      lookUp(first, last, around, 1);
      byte(END);
    }
  }
  let index = first;
  while (index <= last) {
    const end = itemLast(index, around);
    if (looks || index != first) popFrame();
    if (index != around && isLoopHead(index)) {
      pushFrame(index, end, true);
      emitRange(index, end, index);
      popFrame();
    } else emitBlock(index);
    index = end + 1;
  }
  if (looks && around != NO_BLOCK) lookingLoops--;
}

/** Emits all blocks of the region. */
export function emitStructure(): void {
  if (collecting) for (let index: u32 = 0; index < count; index++) emitBlock(index);
  else emitRange(0, count - 1, NO_BLOCK);
}
