// Whether translated code may run at all: what it takes for granted and does not look at.

import {
  BLOCK_LIMIT,
  CODE_MODE,
  DS,
  ES,
  FLAT_READ,
  FLAT_WRITE,
  MODE_32,
  MODE_64,
  SEGMENTS,
  SEGMENT_BASE,
  SEGMENT_FLAT,
  SEGMENT_STRIDE,
  SS,
  STACK_SIZE,
} from "../state";
import { needsAttention } from "../system/attention";

/** True if translated 32-bit code may run: ES, SS and DS cover 4 GiB from 0, and the stack is 32 bits wide. */
export function isFlat32(): bool {
  return isFlatSegment(ES) && isFlatSegment(SS) && isFlatSegment(DS) && load<u32>(STACK_SIZE) == 4;
}

// @ts-ignore: decorator
@inline function isFlatSegment(segment: u32): bool {
  const state = SEGMENTS + segment * SEGMENT_STRIDE;
  return load<u32>(state, SEGMENT_FLAT) == (FLAT_READ | FLAT_WRITE) && load<u64>(state, SEGMENT_BASE) == 0;
}

/** After a handler: whether the jump cache may say what follows, without a look by the run loop. */
export function mayChain(): u32 {
  if (load<u32>(BLOCK_LIMIT) == 0 || needsAttention()) return 0;
  const mode = load<u32>(CODE_MODE);
  return u32(mode == MODE_64 || (mode == MODE_32 && isFlat32()));
}
