// The regions that are known: which blocks each has, and which pages its code is from, so that a change of any of
// them ends it. Records are bump-allocated and dropped all at once.

import { PAGE_REGIONS, PAGE_REGIONS_ENTRIES, REGION_RECORDS, REGION_RECORDS_END } from "../state";
import { BLOCK_DELTA, BLOCK_HEAT, BLOCK_NEEDS, BLOCK_PHYSICAL, BLOCK_TRANSLATION } from "../decode/blocks";
import { dropJumps, flushJumps } from "./jump-cache";
import { isEntry } from "./structure";
import { instructionsOf, regionBlock, regionBlockCount, regionLeaf, regionOffset } from "./region";

/** u32, number of blocks; their addresses follow the header, then their offsets (i32), the leaf functions that they
 * call (u32), then for each whether it is an entry (u8), as emitRegion() decides. */
const RECORD_COUNT: u32 = 0;
/** u32, index of the function in the table; 0 until it is there. */
const RECORD_FUNCTION: u32 = 4;
/** u32, 1 once code of the region changed. */
const RECORD_DEAD: u32 = 8;
/** u32, the block that it was made for. */
const RECORD_ROOT: u32 = 12;
const RECORD_HEADER: u32 = 16;

// A node says that a page has code of a region.
const NODE_PAGE: u32 = 0;
const NODE_RECORD: u32 = 4;
const NODE_NEXT: u32 = 8;
const NODE_SIZE: u32 = 16;

/** Bits of BLOCK_TRANSLATION below the function's index: the entry. */
export const ENTRY_BITS: u32 = 8;

/** Room that one region may need: 128 blocks, each on a page of its own and with a leaf function on another. */
const RECORD_MAX: u32 = RECORD_HEADER + 128 * (13 + 2 * NODE_SIZE) + 8;

let end: u32 = REGION_RECORDS;

/** True if no more regions may be recorded. */
export function recordsAreFull(): bool { return end + RECORD_MAX > REGION_RECORDS_END; }

export function recordBlocks(record: u32): u32 { return record + RECORD_HEADER; }
export function recordOffsets(record: u32): u32 { return record + RECORD_HEADER + (load<u32>(record, RECORD_COUNT) << 2); }
export function recordLeaves(record: u32): u32 { return record + RECORD_HEADER + (load<u32>(record, RECORD_COUNT) << 3); }
function recordEntries(record: u32): u32 { return record + RECORD_HEADER + load<u32>(record, RECORD_COUNT) * 12; }
export function recordRoot(record: u32): u32 { return load<u32>(record, RECORD_ROOT); }
export function recordCount(record: u32): u32 { return load<u32>(record, RECORD_COUNT); }
export function isDead(record: u32): bool { return load<u32>(record, RECORD_DEAD) != 0; }

/** Records the region that findRegion() collected. */
export function recordRegion(root: u32): u32 {
  const record = end;
  store<u32>(record, root, RECORD_ROOT);
  const count = regionBlockCount();
  store<u32>(record, count, RECORD_COUNT);
  store<u32>(record, 0, RECORD_FUNCTION);
  store<u32>(record, 0, RECORD_DEAD);
  end += (RECORD_HEADER + count * 13 + 7) & ~7;
  let lastPage: u32 = 0xffffffff;
  let lastLeafPage: u32 = 0xffffffff;
  for (let i: u32 = 0; i < count; i++) {
    const block = regionBlock(i);
    store<u32>(recordBlocks(record) + (i << 2), block);
    store<i32>(recordOffsets(record) + (i << 2), regionOffset(i));
    const page = load<u32>(block, BLOCK_PHYSICAL) >> 12;
    // Blocks are in the order of their addresses: those of a page follow one another.
    if (page != lastPage) addNode(page, record);
    lastPage = page;
    const leaf = regionLeaf(i);
    store<u32>(recordLeaves(record) + (i << 2), leaf);
    if (leaf == 0) continue;
    const leafPage = load<u32>(leaf, BLOCK_PHYSICAL) >> 12;
    if (leafPage != lastLeafPage) addNode(leafPage, record);
    lastLeafPage = leafPage;
  }
  return record;
}

// @ts-ignore: decorator
@inline function bucket(page: u32): u32 { return PAGE_REGIONS + ((page & (PAGE_REGIONS_ENTRIES - 1)) << 2); }

function addNode(page: u32, record: u32): void {
  const node = end;
  end += NODE_SIZE;
  const head = bucket(page);
  store<u32>(node, page, NODE_PAGE);
  store<u32>(node, record, NODE_RECORD);
  store<u32>(node, load<u32>(head), NODE_NEXT);
  store<u32>(head, node);
}

/** Notes which blocks of the region that was emitted last are its entries. */
export function noteEntries(record: u32): void {
  for (let i: u32 = 0; i < recordCount(record); i++) store<u8>(recordEntries(record) + i, <u8>isEntry(i));
}

/** Gives the region's entries their code: the function at an index of the table. */
export function connect(record: u32, functionIndex: u32): void {
  store<u32>(record, functionIndex, RECORD_FUNCTION);
  // From a block on, each that follows runs once at most before a loop's head looks at the limit again.
  let needs: u32 = 0;
  for (let i: i32 = recordCount(record) - 1; i >= 0; i--) {
    const block = load<u32>(recordBlocks(record) + (i << 2));
    needs += instructionsOf(block, load<u32>(recordLeaves(record) + (i << 2)));
    if (load<u8>(recordEntries(record) + i) == 0) {
      // Should control come to it from elsewhere often, it gets a region of its own.
      store<u32>(block, 0, BLOCK_HEAT);
      continue;
    }
    // The first region that took a block in keeps it as an entry; but a root wants the newest.
    if (load<u32>(block, BLOCK_TRANSLATION) != 0 && block != load<u32>(record, RECORD_ROOT)) continue;
    store<u32>(block, (functionIndex << ENTRY_BITS) | i, BLOCK_TRANSLATION);
    store<i32>(block, load<i32>(recordOffsets(record) + (i << 2)) & ~0xfff, BLOCK_DELTA);
    store<u32>(block, needs, BLOCK_NEEDS);
  }
}

/** Code of a physical page changed: every region with code of it ends. */
export function endRegionsOf(page: u32): void {
  let link = bucket(page);
  let node = load<u32>(link);
  while (node != 0) {
    const next = load<u32>(node, NODE_NEXT);
    const record = load<u32>(node, NODE_RECORD);
    if (load<u32>(node, NODE_PAGE) == page && !isDead(record)) kill(record);
    if (isDead(record)) store<u32>(link, next);
    else link = node + NODE_NEXT;
    node = next;
  }
}

function kill(record: u32): void {
  flushJumps();
  store<u32>(record, 1, RECORD_DEAD);
  const functionIndex = load<u32>(record, RECORD_FUNCTION);
  for (let i: u32 = 0; i < recordCount(record); i++) {
    const block = load<u32>(recordBlocks(record) + (i << 2));
    store<u32>(block, 0, BLOCK_HEAT);
    if (functionIndex != 0 && load<u32>(block, BLOCK_TRANSLATION) >> ENTRY_BITS == functionIndex) {
      store<u32>(block, 0, BLOCK_TRANSLATION);
    }
  }
}

/** Forgets every region; the blocks are gone. */
export function forgetRegions(): void {
  dropJumps();
  memory.fill(PAGE_REGIONS, 0, PAGE_REGIONS_ENTRIES << 2);
  end = REGION_RECORDS;
}
