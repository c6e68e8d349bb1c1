// The software TLB: direct-mapped, one set for each privilege under which memory may be seen. An entry holds one tag
// for each kind of access, so that the fast path is one compare; a page that needs care at every access (MMIO,
// a data breakpoint, decoded code for writes) simply has no tag.

import {
  TLB,
  TLB_ADDEND,
  TLB_ENTRIES,
  TLB_ENTRY_SIZE,
  TLB_EXECUTE_TAG,
  TLB_PAGE,
  TLB_READ_TAG,
  TLB_SETS,
  TLB_SET_SIZE,
  TLB_WRITE_TAG,
} from "../state";
import { flushJumps } from "../translate/jump-cache";

/** A tag that no access matches: bit 0 is set, and tags are compared with page addresses. */
export const TLB_INVALID: u64 = 1;
export const TLB_GLOBAL: u32 = 0x80000000;
export const TLB_LARGE: u32 = 0x40000000;
const PAGE_NUMBER: u32 = 0x3fffffff;

/** One byte for each 2 MiB region (hashed): 1 if an entry of a large page was filled there since the last full flush. */
const LARGE_REGIONS: u32 = 4096;
const largeRegions = memory.data(4096);
/** A 1 GiB page was filled since the last full flush. */
let giantFilled: bool = false;

/** Entries filled since the last flush that are not global; past this many a flush clears everything. */
const FILLED_MAX: u32 = 2048;
const filled = memory.data(2048 * 4);
let filledCount: u32 = 0;

// @ts-ignore: decorator
@inline export function tlbEntry(set: u32, address: u64): u32 {
  return set + ((<u32>(address >> 12) & (TLB_ENTRIES - 1)) << 5);
}

// @ts-ignore: decorator
@inline function clear(entry: u32): void {
  store<u64>(entry, TLB_INVALID, TLB_READ_TAG);
  store<u64>(entry, TLB_INVALID, TLB_WRITE_TAG);
  store<u64>(entry, TLB_INVALID, TLB_EXECUTE_TAG);
  store<u32>(entry, 0, TLB_PAGE);
}

/** Forgets everything, global entries too. */
export function tlbFlushAll(): void {
  flushJumps();
  const end = TLB + TLB_SETS * TLB_SET_SIZE;
  for (let entry = TLB; entry < end; entry += TLB_ENTRY_SIZE) clear(entry);
  memory.fill(largeRegions, 0, LARGE_REGIONS);
  giantFilled = false;
  filledCount = 0;
}

/** Forgets what is not global, as a load of CR3 does. */
export function tlbFlush(): void {
  flushJumps();
  if (filledCount > FILLED_MAX) {
    const end = TLB + TLB_SETS * TLB_SET_SIZE;
    for (let entry = TLB; entry < end; entry += TLB_ENTRY_SIZE) {
      if ((load<u32>(entry, TLB_PAGE) & TLB_GLOBAL) == 0) clear(entry);
    }
  } else {
    for (let i: u32 = 0; i < filledCount; i++) {
      const entry = load<u32>(filled + (i << 2));
      if ((load<u32>(entry, TLB_PAGE) & TLB_GLOBAL) == 0) clear(entry);
    }
  }
  filledCount = 0;
}

/** Forgets the page that maps a linear address in every set, global or not, all of it if it is large: INVLPG. */
export function tlbInvalidate(address: u64): void {
  if (giantFilled) {
    tlbFlushAll();
    return;
  }
  flushJumps();
  for (let s: u32 = 0; s < TLB_SETS; s++) clear(tlbEntry(TLB + s * TLB_SET_SIZE, address));
  if (load<u8>(largeRegions + largeRegion(address)) == 0) return;
  const end = TLB + TLB_SETS * TLB_SET_SIZE;
  // A 4 MiB page is two regions; clearing both costs little and forgets nothing that may not be forgotten.
  const region = address >> 22;
  for (let entry = TLB; entry < end; entry += TLB_ENTRY_SIZE) {
    if ((load<u32>(entry, TLB_PAGE) & TLB_LARGE) == 0) continue;
    if (
      load<u64>(entry, TLB_READ_TAG) >> 22 == region ||
      load<u64>(entry, TLB_WRITE_TAG) >> 22 == region ||
      load<u64>(entry, TLB_EXECUTE_TAG) >> 22 == region
    ) {
      clear(entry);
    }
  }
}

// @ts-ignore: decorator
@inline function largeRegion(address: u64): u32 { return <u32>(address >> 21) & (LARGE_REGIONS - 1); }

/** Notes that an entry of a large page of 2^shift bytes was filled. */
export function tlbNoteLarge(address: u64, shift: u32): void {
  if (shift == 30) giantFilled = true;
  else {
    store<u8>(largeRegions + largeRegion(address), 1);
    if (shift == 22) store<u8>(largeRegions + largeRegion(address ^ 0x200000), 1);
  }
}

/** Takes the write tag from every entry that maps a physical page (it has come to hold decoded code). */
export function tlbProtectPage(page: u32): void {
  const end = TLB + TLB_SETS * TLB_SET_SIZE;
  for (let entry = TLB; entry < end; entry += TLB_ENTRY_SIZE) {
    if ((load<u32>(entry, TLB_PAGE) & PAGE_NUMBER) == page) store<u64>(entry, TLB_INVALID, TLB_WRITE_TAG);
  }
}

/** Fills an entry; tags are TLB_INVALID or the linear page address. `page` carries TLB_GLOBAL and TLB_LARGE. */
export function tlbFill(entry: u32, read: u64, write: u64, execute: u64, addend: u32, page: u32): void {
  store<u64>(entry, read, TLB_READ_TAG);
  store<u64>(entry, write, TLB_WRITE_TAG);
  store<u64>(entry, execute, TLB_EXECUTE_TAG);
  store<u32>(entry, addend, TLB_ADDEND);
  store<u32>(entry, page, TLB_PAGE);
  if ((page & TLB_GLOBAL) == 0) {
    if (filledCount < FILLED_MAX) store<u32>(filled + (filledCount << 2), entry);
    filledCount = min(filledCount + 1, FILLED_MAX + 1);
  }
}
