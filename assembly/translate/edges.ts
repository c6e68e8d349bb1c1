// The ways from one block of a region to another: flags that are deferred are written on the way, unless the block sets
// all flags anew before anything can happen. A block that goes on from the one before it, and from nowhere else, takes
// things as they are there.

import { BLOCK_COUNT, BLOCK_HEADER } from "../decode/blocks";
import { writeDeferred } from "./flags";
import { setsFlagsFirst } from "./liveness";
import { regionBlock } from "./region";
import { branchTo, continuesPrevious, isLoopHead } from "./structure";

/** True if nobody can see the flags with which a block begins. A loop's head may find the limit reached. */
function needsNoFlags(index: u32): bool {
  const block = regionBlock(index);
  return !isLoopHead(index) && setsFlagsFirst(block + BLOCK_HEADER, load<u32>(block, BLOCK_COUNT));
}

/** Goes to a block of the region. */
export function takeEdge(index: u32): void {
  if (!continuesPrevious(index) && !needsNoFlags(index)) writeDeferred();
  branchTo(index);
}
