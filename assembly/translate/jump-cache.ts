// The jump cache: by RIP, the translated function that runs there now, so that one region goes to the next without the
// run loop. An entry's tag is RIP with the key of the moment in its upper 16 bits. The key holds all that decides what
// RIP means: the TLB set (privilege), 64-bit mode or not, and a generation that changes whenever a mapping or a
// translation ends; a change of it empties the cache at once.
//
// Its top bit is 0: no key makes of a canonical RIP the tag of one that is not.

import {
  CALL_KEY,
  CODE_MODE,
  JUMP_BASE,
  JUMP_CACHE,
  JUMP_CACHE_ENTRIES,
  JUMP_ENTRY,
  JUMP_ENTRY_SIZE,
  JUMP_FUNCTION,
  JUMP_KEY,
  JUMP_NEEDS,
  JUMP_TAG,
  MODE_64,
  TLB,
  TLB_SET,
  TLB_SET_SIZE,
} from "../state";
import { BLOCK_NEEDS, BLOCK_TRANSLATION } from "../decode/blocks";
import { ENTRY_BITS } from "./regions";

const KEY_SHIFT: u64 = 48;
const GENERATION_SHIFT: u32 = 3;
const GENERATIONS: u32 = 0x1000;

/** No tag: nothing jumps there, since it is not canonical. */
const NO_TAG: u64 = 0x8000_0000_0000_0000;

/** The first flush makes it 0 and gives every entry NO_TAG. */
let generation: u32 = GENERATIONS - 1;
/** Flushes since the start. */
let flushes: u64 = 0;

/** Puts the key together anew: the TLB set or the mode may have changed. */
export function updateJumpKey(): void {
  const set = (load<u32>(TLB_SET) - TLB) / TLB_SET_SIZE;
  const view = (set << 1) | u32(load<u32>(CODE_MODE) == MODE_64);
  store<u64>(JUMP_KEY, <u64>((generation << GENERATION_SHIFT) | view) << KEY_SHIFT);
  store<u64>(CALL_KEY, (flushes << GENERATION_SHIFT) | view);
}

/** Empties the cache: a mapping or a translation ended. */
export function flushJumps(): void {
  flushes++;
  generation++;
  if (generation == GENERATIONS) {
    generation = 0;
    for (let i: u32 = 0; i < JUMP_CACHE_ENTRIES; i++) store<u64>(JUMP_CACHE + i * JUMP_ENTRY_SIZE, NO_TAG, JUMP_TAG);
  }
  updateJumpKey();
}

/** From `rip` on the translation of `block` runs, with `base` for its region's base. */
export function fillJump(rip: u64, block: u32, base: u64): void {
  const translation = load<u32>(block, BLOCK_TRANSLATION);
  const entry = JUMP_CACHE + (<u32>(rip ^ (rip >> 12)) & (JUMP_CACHE_ENTRIES - 1)) * JUMP_ENTRY_SIZE;
  store<u64>(entry, rip ^ load<u64>(JUMP_KEY), JUMP_TAG);
  store<u64>(entry, base, JUMP_BASE);
  store<u32>(entry, translation >> ENTRY_BITS, JUMP_FUNCTION);
  store<u32>(entry, translation & ((1 << ENTRY_BITS) - 1), JUMP_ENTRY);
  store<u64>(entry, load<u32>(block, BLOCK_NEEDS), JUMP_NEEDS);
}
