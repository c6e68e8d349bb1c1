// Blocks: runs of decoded instructions that lie in one page, found by physical address and mode. A block ends at a
// jump, at an instruction that may change what later code means, or at the end of its page; an instruction that
// crosses into the next page is never part of one. Blocks are bump-allocated in the code arena; when it is full all
// are forgotten. A write to decoded code forgets exactly the blocks that it touches.

import {
  BLOCK_HASH,
  BLOCK_HASH_ENTRIES,
  BLOCK_LIMIT,
  CODE_ARENA,
  CODE_ARENA_END,
  PAGE_BLOCKS,
  PAGE_CODE,
  PAGE_KIND,
  PAGE_RAM,
  RAM_BASE,
  STATISTIC_BLOCKS_DECODED,
  STATISTIC_BLOCK_FLUSHES,
} from "../state";
import { tlbProtectPage } from "../memory/tlb";
import { endRegionsOf } from "../translate/regions";
import { dropTranslations } from "../translate/translator";
import { DECODE_ENDS, DECODE_MORE, decode } from "./decoder";
import { OP_LENGTH, OP_SIZE } from "./instruction";

/** u32, physical address of the first byte. */
export const BLOCK_PHYSICAL: u32 = 0;
/** u32, MODE_*. */
export const BLOCK_MODE: u32 = 4;
/** u32, number of decoded instructions; they follow the header. */
export const BLOCK_COUNT: u32 = 8;
/** u32, bytes of guest code. */
export const BLOCK_BYTES: u32 = 12;
/** u32, next older block of the same page. */
export const BLOCK_PAGE_NEXT: u32 = 16;
/** u32, next block in the same hash bucket. */
export const BLOCK_HASH_NEXT: u32 = 20;
/** u32, times run: for the choice of what to translate. */
export const BLOCK_HEAT: u32 = 24;
/** u32, function in the table << 8 | entry, of the translation that begins here; 0 if none. */
export const BLOCK_TRANSLATION: u32 = 28;
/** i32, bytes from the base of the translation's region to this block's page. */
export const BLOCK_DELTA: u32 = 32;
/** u32, instructions that must be left to run before the limit, for the translation to be entered here. */
export const BLOCK_NEEDS: u32 = 36;
export const BLOCK_HEADER: u32 = 48;

const MAX_OPS: u32 = 64;
const MAX_BLOCK: u32 = BLOCK_HEADER + MAX_OPS * OP_SIZE;

let arena: u32 = CODE_ARENA;

// @ts-ignore: decorator
@inline function bucket(physical: u32, mode: u32): u32 {
  return BLOCK_HASH + (((physical ^ (physical >> 14) ^ (mode << 16)) & (BLOCK_HASH_ENTRIES - 1)) << 2);
}

/** The block that starts at a physical address, 0 if it is not decoded yet. */
// @ts-ignore: decorator
@inline export function findBlock(physical: u32, mode: u32): u32 {
  let block = load<u32>(bucket(physical, mode));
  while (block != 0 && (load<u32>(block, BLOCK_PHYSICAL) != physical || load<u32>(block, BLOCK_MODE) != mode)) {
    block = load<u32>(block, BLOCK_HASH_NEXT);
  }
  return block;
}

/** Decodes the block at a physical address in RAM or ROM; 0 if its first instruction crosses into the next page. */
export function makeBlock(physical: u32, mode: u32): u32 {
  if (arena + MAX_BLOCK > CODE_ARENA_END) flushBlocks();
  const block = arena;
  const page = physical >> 12;
  const start = physical & 0xfff;
  let offset = start;
  let op = block + BLOCK_HEADER;
  let count: u32 = 0;
  while (count < MAX_OPS && offset < 0x1000) {
    const result = decode(op, RAM_BASE + (page << 12) + offset, 0x1000 - offset, mode, offset);
    if (result == DECODE_MORE) break;
    offset += load<u8>(op, OP_LENGTH);
    // Too long and at the page's end: its bytes are not all here.
    if (offset > 0x1000) break;
    op += OP_SIZE;
    count++;
    if (result == DECODE_ENDS) break;
  }
  if (count == 0) return 0;
  arena = op;

  store<u32>(block, physical, BLOCK_PHYSICAL);
  store<u32>(block, mode, BLOCK_MODE);
  store<u32>(block, count, BLOCK_COUNT);
  store<u32>(block, min(offset, 0x1000) - start, BLOCK_BYTES);
  store<u32>(block, 0, BLOCK_HEAT);
  store<u32>(block, 0, BLOCK_TRANSLATION);
  const head = bucket(physical, mode);
  store<u32>(block, load<u32>(head), BLOCK_HASH_NEXT);
  store<u32>(head, block);
  const pageHead = PAGE_BLOCKS + (page << 2);
  store<u32>(block, load<u32>(pageHead), BLOCK_PAGE_NEXT);
  store<u32>(pageHead, block);
  markCode(page, start, min(offset, 0x1000) - start);
  store<u64>(STATISTIC_BLOCKS_DECODED, load<u64>(STATISTIC_BLOCKS_DECODED) + 1);
  return block;
}

/** One bit for each 64 bytes that a range touches. */
function granules(start: u32, length: u32): u64 {
  const first = start >> 6;
  const last = (start + length - 1) >> 6;
  return (~(<u64>0) >> (63 - (last - first))) << first;
}

function markCode(page: u32, start: u32, length: u32): void {
  if (load<u8>(PAGE_KIND + page) != <u8>PAGE_RAM) return;
  const address = PAGE_CODE + (page << 3);
  const before = load<u64>(address);
  store<u64>(address, before | granules(start, length));
  if (before == 0) tlbProtectPage(page);
}

/** Forgets decoded code in [physical, physical + length), length at least 1. The running block, if hit, ends. */
export function invalidateCode(physical: u32, length: u32): void {
  const last = physical + length - 1;
  for (let page = physical >> 12; page <= last >> 12; page++) {
    const start = page == physical >> 12 ? physical & 0xfff : 0;
    const end = page == last >> 12 ? (last & 0xfff) + 1 : 0x1000;
    if ((load<u64>(PAGE_CODE + (page << 3)) & granules(start, end - start)) != 0) invalidateInPage(page, start, end);
  }
}

function invalidateInPage(page: u32, start: u32, end: u32): void {
  // What runs may be of this page, interpreted or translated: it ends after the running instruction.
  store<u32>(BLOCK_LIMIT, 0);
  endRegionsOf(page);
  let left: u64 = 0;
  let link = PAGE_BLOCKS + (page << 2);
  let block = load<u32>(link);
  while (block != 0) {
    const next = load<u32>(block, BLOCK_PAGE_NEXT);
    const blockStart = load<u32>(block, BLOCK_PHYSICAL) & 0xfff;
    const bytes = load<u32>(block, BLOCK_BYTES);
    if (blockStart < end && start < blockStart + bytes) {
      store<u32>(link, next);
      forget(block);
    } else {
      left |= granules(blockStart, bytes);
      link = block + BLOCK_PAGE_NEXT;
    }
    block = next;
  }
  // Once no code is left, the next miss gives the page its write tag back.
  store<u64>(PAGE_CODE + (page << 3), left);
}

function forget(block: u32): void {
  let link = bucket(load<u32>(block, BLOCK_PHYSICAL), load<u32>(block, BLOCK_MODE));
  while (load<u32>(link) != block) link = load<u32>(link) + BLOCK_HASH_NEXT;
  store<u32>(link, load<u32>(block, BLOCK_HASH_NEXT));
}

/** Forgets all blocks. Only between blocks: the running one would be overwritten. */
export function flushBlocks(): void {
  for (let block = CODE_ARENA; block < arena; ) {
    const page = load<u32>(block, BLOCK_PHYSICAL) >> 12;
    store<u32>(PAGE_BLOCKS + (page << 2), 0);
    store<u64>(PAGE_CODE + (page << 3), 0);
    block += BLOCK_HEADER + load<u32>(block, BLOCK_COUNT) * OP_SIZE;
  }
  dropTranslations();
  memory.fill(BLOCK_HASH, 0, BLOCK_HASH_ENTRIES << 2);
  arena = CODE_ARENA;
  store<u64>(STATISTIC_BLOCK_FLUSHES, load<u64>(STATISTIC_BLOCK_FLUSHES) + 1);
}
