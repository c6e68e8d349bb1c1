// The ways from one block of a region to another, and what becomes of flags that are deferred there: most blocks set all
// flags before anybody looks at them, so that those of the block before need not be written. What a block needs:
//  - it may see them: memory has them;
//  - it sets them all before it looks at them, but may be left before: locals may have them, and LOCAL_FLAG_CARRIED says
//    whether they do;
//  - nothing, if it sets them before anything at all can happen.
// A block that goes on from the one before it, and from nowhere else, takes things as they are there.

import { BLOCK_COUNT, BLOCK_HEADER } from "../decode/blocks";
import { carryFlags, writeDeferred } from "./flags";
import { FLAGS_DEAD, FLAGS_LIVE, FLAGS_SHADOWED, flagsLifeAtEntry } from "./liveness";
import { regionBlock } from "./region";
import { branchTo, continuesPrevious, isLoopHead } from "./structure";

/** FLAGS_*: who can see the flags with which a block begins. */
function lifeAtEntry(index: u32): u32 {
  const block = regionBlock(index);
  const life = flagsLifeAtEntry(block + BLOCK_HEADER, load<u32>(block, BLOCK_COUNT));
  // A loop's head may find the limit reached.
  return life == FLAGS_DEAD && isLoopHead(index) ? FLAGS_SHADOWED : life;
}

/** True if flags may be carried to a block. */
export function carriesFlags(index: u32): bool { return lifeAtEntry(index) == FLAGS_SHADOWED; }

/** Goes to a block of the region. */
export function takeEdge(index: u32): void {
  if (!continuesPrevious(index)) {
    const life = lifeAtEntry(index);
    if (life == FLAGS_LIVE) writeDeferred();
    else if (life == FLAGS_SHADOWED) carryFlags();
  }
  branchTo(index);
}
