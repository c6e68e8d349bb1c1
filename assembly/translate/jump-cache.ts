// The jump cache: by RIP, the translated function that runs there now, so that one region goes to the next without the
// run loop. An entry's tag is RIP with the key of the moment in its upper 16 bits. The key holds all that decides what
// RIP means: the TLB set (privilege), 64-bit mode or not, and a generation that changes whenever a mapping or a
// translation ends; a change of it puts every entry in doubt at once. One in doubt is looked at again when it is needed:
// if the TLB still maps RIP to the same physical page, and the block there still has the same translation, it gets the
// tag of today. So a switch to another process and back leaves the kernel's code and the shared libraries' in place.
//
// The key's top bit is 0: no key makes of a canonical RIP the tag of one that is not.

import {
  CALL_KEY,
  CODE_MODE,
  JUMP_BASE,
  JUMP_BLOCK,
  JUMP_CACHE,
  JUMP_CACHE_ENTRIES,
  JUMP_ENTRY,
  JUMP_ENTRY_SIZE,
  JUMP_FUNCTION,
  JUMP_KEY,
  JUMP_NEEDS,
  JUMP_PAGE,
  JUMP_TAG,
  MODE_64,
  TLB,
  TLB_EXECUTE_TAG,
  TLB_PAGE,
  TLB_SET,
  TLB_SET_SIZE,
} from "../state";
import { BLOCK_NEEDS, BLOCK_TRANSLATION } from "../decode/blocks";
import { tlbEntry } from "../memory/tlb";
import { ENTRY_BITS } from "./regions";

const KEY_SHIFT: u64 = 48;
const GENERATION_SHIFT: u32 = 3;
const GENERATIONS: u32 = 0x1000;
/** The bits of a tag that tell its generation. */
const GENERATION_BITS: u64 = <u64>((GENERATIONS - 1) << GENERATION_SHIFT) << KEY_SHIFT;

/** No tag: nothing jumps there, since it is not canonical. */
const NO_TAG: u64 = 0x8000_0000_0000_0000;

let generation: u32 = 0;
/** Times that a mapping or a translation ended, since the start. */
let endings: u64 = 0;

/** One byte for each linear page (hashed): 1 if the cache may have an entry for a RIP of it. */
const CODE_PAGES: u32 = 8192;
const codePages = memory.data(8192);

// @ts-ignore: decorator
@inline function codePage(address: u64): u32 {
  return <u32>codePages + (<u32>((address >> 12) ^ (address >> 25)) & (CODE_PAGES - 1));
}

// @ts-ignore: decorator
@inline function entryOf(rip: u64): u32 {
  return JUMP_CACHE + (<u32>(rip ^ (rip >> 12)) & (JUMP_CACHE_ENTRIES - 1)) * JUMP_ENTRY_SIZE;
}

/** Puts the key together anew: the TLB set or the mode may have changed. */
export function updateJumpKey(): void {
  const set = (load<u32>(TLB_SET) - TLB) / TLB_SET_SIZE;
  const view = (set << 1) | u32(load<u32>(CODE_MODE) == MODE_64);
  store<u64>(JUMP_KEY, <u64>((generation << GENERATION_SHIFT) | view) << KEY_SHIFT);
  store<u64>(CALL_KEY, (endings << GENERATION_SHIFT) | view);
}

/** A mapping or a translation ended: every entry is in doubt. */
export function flushJumps(): void {
  endings++;
  generation++;
  if (generation == GENERATIONS) dropJumps();
  else updateJumpKey();
}

/** The mapping of one page of 4 KiB ended; as a rule it has no code. */
export function flushJumpsOf(address: u64): void {
  if (load<u8>(codePage(address)) != 0) flushJumps();
  else {
    // A region may have come to the page by itself, and a call of it may be under way.
    endings++;
    updateJumpKey();
  }
}

/** Empties the cache: blocks are gone, or generations begin anew. */
export function dropJumps(): void {
  endings++;
  generation = 0;
  for (let i: u32 = 0; i < JUMP_CACHE_ENTRIES; i++) store<u64>(JUMP_CACHE + i * JUMP_ENTRY_SIZE, NO_TAG, JUMP_TAG);
  memory.fill(codePages, 0, CODE_PAGES);
  updateJumpKey();
}

/** From `rip` on, which is on a physical page, the translation of `block` runs, with `base` for its region's base. */
export function fillJump(rip: u64, page: u32, block: u32, base: u64): void {
  const translation = load<u32>(block, BLOCK_TRANSLATION);
  const entry = entryOf(rip);
  store<u64>(entry, rip ^ load<u64>(JUMP_KEY), JUMP_TAG);
  store<u64>(entry, base, JUMP_BASE);
  store<u32>(entry, translation >> ENTRY_BITS, JUMP_FUNCTION);
  store<u32>(entry, block, JUMP_BLOCK);
  store<u16>(entry, <u16>load<u32>(block, BLOCK_NEEDS), JUMP_NEEDS);
  store<u16>(entry, <u16>(translation & ((1 << ENTRY_BITS) - 1)), JUMP_ENTRY);
  store<u32>(entry, page, JUMP_PAGE);
  store<u8>(codePage(rip), 1);
}

/** Called where the tag of today was not found. @returns 1 if the entry for `rip` holds all the same: it has it now */
export function reviveJump(rip: u64): u32 {
  const entry = entryOf(rip);
  const tag = rip ^ load<u64>(JUMP_KEY);
  if (((load<u64>(entry, JUMP_TAG) ^ tag) & ~GENERATION_BITS) != 0) return 0;
  const mapping = tlbEntry(load<u32>(TLB_SET), rip);
  if (load<u64>(mapping, TLB_EXECUTE_TAG) != (rip & ~0xfff)) return 0;
  if ((load<u32>(mapping, TLB_PAGE) & 0x3fffffff) != load<u32>(entry, JUMP_PAGE)) return 0;
  const translation = (load<u32>(entry, JUMP_FUNCTION) << ENTRY_BITS) | <u32>load<u16>(entry, JUMP_ENTRY);
  if (load<u32>(load<u32>(entry, JUMP_BLOCK), BLOCK_TRANSLATION) != translation) return 0;
  store<u64>(entry, tag, JUMP_TAG);
  return 1;
}
