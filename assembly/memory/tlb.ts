// The software TLB: direct-mapped, one set for each privilege under which memory may be seen. An entry holds one tag
// for each kind of access, so that the fast path is one compare; a page that needs care at every access (MMIO,
// a data breakpoint, decoded code for writes) simply has no tag.

import {
  STATISTIC_TLB_FLUSHES,
  STATISTIC_TLB_RESIZES,
  TLB,
  TLB_ADDEND,
  TLB_ENTRIES_MAX,
  TLB_ENTRIES_MIN,
  TLB_ENTRY_SIZE,
  TLB_EXECUTE_TAG,
  TLB_FILLED,
  TLB_MASK,
  TLB_PAGE,
  TLB_READ_TAG,
  TLB_SETS,
  TLB_SET_SIZE,
  TLB_WRITE_TAG,
} from "../state";
import { flushJumps, flushJumpsOf } from "../translate/jump-cache";

/** A tag that no access matches: tags are compared with page addresses, to which an access that must be aligned adds the
 * low four bits of its own address. */
export const TLB_INVALID: u64 = 0x800;
export const TLB_GLOBAL: u32 = 0x80000000;
export const TLB_LARGE: u32 = 0x40000000;
const PAGE_NUMBER: u32 = 0x3fffffff;

/** One byte for each 2 MiB region (hashed): 1 if an entry of a large page was filled there since the last full flush. */
const LARGE_REGIONS: u32 = 4096;
const largeRegions = memory.data(4096);
/** As largeRegions, for 1 GiB pages and regions. */
const GIANT_REGIONS: u32 = 64;
const giantRegions = memory.data(64);

/** Entries in TLB_FILLED; past `filledMax` they are not noted any more, and a flush looks at every entry. */
let filledCount: u32 = 0;
let filledMax: u32 = TLB_ENTRIES_MIN / 2;
/** Bit n: set n may hold an entry. What looks at every entry passes over the others. */
let filledSets: u32 = 0;

// What happened since the size was last thought about.
let fills: u32 = 0;
let flushes: u32 = 0;
/** Fills, and flushes, after which it is thought about again. */
const FILLS_TO_GROW: u32 = 0x10000;
const FLUSHES_TO_SHRINK: u32 = 64;

// @ts-ignore: decorator
@inline export function tlbEntry(set: u32, address: u64): u32 {
  return set + (<u32>(address >> 7) & load<u32>(TLB_MASK));
}

/** The last set is never filled. */
const FILLED_SETS: u32 = TLB_SETS - 1;

// @ts-ignore: decorator
@inline function isFilled(set: u32): bool { return ((filledSets >> set) & 1) != 0; }
// @ts-ignore: decorator
@inline function setStart(set: u32): u32 { return TLB + set * TLB_SET_SIZE; }
// @ts-ignore: decorator
@inline function setEnd(set: u32): u32 { return setStart(set) + load<u32>(TLB_MASK) + TLB_ENTRY_SIZE; }

/**
 * Between runs of the core: a program that misses often, without flushes that would make it, gets a larger TLB; many
 * flushes that find little in it, a smaller one again. What decides are counts only, so that runs repeat.
 */
export function tlbResize(): void {
  const entries = (load<u32>(TLB_MASK) >> 5) + 1;
  if (flushes >= FLUSHES_TO_SHRINK) {
    if (entries > TLB_ENTRIES_MIN && fills / flushes < entries / 8) setSize(TLB_ENTRIES_MIN);
    fills = flushes = 0;
  } else if (fills >= FILLS_TO_GROW) {
    if (entries < TLB_ENTRIES_MAX && fills / (flushes + 1) > entries) setSize(TLB_ENTRIES_MAX);
    fills = flushes = 0;
  }
}

/** Entries beyond the size are never looked at; a larger size begins by clearing them. */
function setSize(entries: u32): void {
  store<u32>(TLB_MASK, (entries - 1) << 5);
  store<u64>(STATISTIC_TLB_RESIZES, load<u64>(STATISTIC_TLB_RESIZES) + 1);
  filledMax = entries / 2;
  filledSets = (1 << FILLED_SETS) - 1;
  forgetAll();
}

/** Empties every set, the one that is never filled too; once, before anything else. */
export function tlbInitialize(): void {
  store<u32>(TLB_MASK, (TLB_ENTRIES_MIN - 1) << 5);
  const end = TLB + TLB_SETS * TLB_SET_SIZE;
  for (let entry = TLB; entry < end; entry += TLB_ENTRY_SIZE) clear(entry);
}

// @ts-ignore: decorator
@inline function clear(entry: u32): void {
  store<u64>(entry, TLB_INVALID, TLB_READ_TAG);
  store<u64>(entry, TLB_INVALID, TLB_WRITE_TAG);
  store<u64>(entry, TLB_INVALID, TLB_EXECUTE_TAG);
  store<u32>(entry, 0, TLB_PAGE);
}

// @ts-ignore: decorator
@inline function countFlush(): void {
  flushes++;
  store<u64>(STATISTIC_TLB_FLUSHES, load<u64>(STATISTIC_TLB_FLUSHES) + 1);
}

/** Forgets everything, global entries too. */
export function tlbFlushAll(): void {
  countFlush();
  forgetAll();
}

function forgetAll(): void {
  flushJumps();
  for (let s: u32 = 0; s < FILLED_SETS; s++) {
    if (!isFilled(s)) continue;
    const end = setEnd(s);
    for (let entry = setStart(s); entry < end; entry += TLB_ENTRY_SIZE) clear(entry);
  }
  filledSets = 0;
  memory.fill(largeRegions, 0, LARGE_REGIONS);
  memory.fill(giantRegions, 0, GIANT_REGIONS);
  filledCount = 0;
}

/** Forgets what is not global, as a load of CR3 does. */
export function tlbFlush(): void {
  flushJumps();
  countFlush();
  if (filledCount > filledMax) {
    for (let s: u32 = 0; s < FILLED_SETS; s++) {
      if (!isFilled(s)) continue;
      const end = setEnd(s);
      for (let entry = setStart(s); entry < end; entry += TLB_ENTRY_SIZE) {
        if ((load<u32>(entry, TLB_PAGE) & TLB_GLOBAL) == 0) clear(entry);
      }
    }
  } else {
    for (let i: u32 = 0; i < filledCount; i++) {
      const entry = load<u32>(TLB_FILLED + (i << 2));
      if ((load<u32>(entry, TLB_PAGE) & TLB_GLOBAL) == 0) clear(entry);
    }
  }
  filledCount = 0;
}

/** Forgets the page that maps a linear address in every set, global or not, all of it if it is large: INVLPG. */
export function tlbInvalidate(address: u64): void {
  if (load<u8>(giantRegions + giantRegion(address)) != 0) {
    tlbFlushAll();
    return;
  }
  for (let s: u32 = 0; s < FILLED_SETS; s++) clear(tlbEntry(setStart(s), address));
  if (load<u8>(largeRegions + largeRegion(address)) == 0) {
    flushJumpsOf(address);
    return;
  }
  flushJumps();
  for (let s: u32 = 0; s < FILLED_SETS; s++) if (isFilled(s)) invalidateLarge(s, address);
}

function invalidateLarge(set: u32, address: u64): void {
  const end = setEnd(set);
  // A 4 MiB page is two regions; clearing both costs little and forgets nothing that may not be forgotten.
  const region = address >> 22;
  for (let entry = setStart(set); entry < end; entry += TLB_ENTRY_SIZE) {
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

// @ts-ignore: decorator
@inline function giantRegion(address: u64): u32 { return <u32>(address >> 30) & (GIANT_REGIONS - 1); }

/** Notes that an entry of a large page of 2^shift bytes was filled. */
export function tlbNoteLarge(address: u64, shift: u32): void {
  if (shift == 30) store<u8>(giantRegions + giantRegion(address), 1);
  else {
    store<u8>(largeRegions + largeRegion(address), 1);
    if (shift == 22) store<u8>(largeRegions + largeRegion(address ^ 0x200000), 1);
  }
}

/** Takes the write tag from every entry that maps a physical page (it has come to hold decoded code). */
export function tlbProtectPage(page: u32): void {
  for (let s: u32 = 0; s < FILLED_SETS; s++) {
    if (!isFilled(s)) continue;
    const end = setEnd(s);
    for (let entry = setStart(s); entry < end; entry += TLB_ENTRY_SIZE) {
      if ((load<u32>(entry, TLB_PAGE) & PAGE_NUMBER) == page) store<u64>(entry, TLB_INVALID, TLB_WRITE_TAG);
    }
  }
}

/** Fills an entry; tags are TLB_INVALID or the linear page address. `page` carries TLB_GLOBAL and TLB_LARGE. */
export function tlbFill(entry: u32, read: u64, write: u64, execute: u64, addend: u32, page: u32): void {
  store<u64>(entry, read, TLB_READ_TAG);
  store<u64>(entry, write, TLB_WRITE_TAG);
  store<u64>(entry, execute, TLB_EXECUTE_TAG);
  store<u32>(entry, addend, TLB_ADDEND);
  store<u32>(entry, page, TLB_PAGE);
  fills++;
  filledSets |= 1 << ((entry - TLB) / TLB_SET_SIZE);
  if ((page & TLB_GLOBAL) == 0) {
    if (filledCount < filledMax) store<u32>(TLB_FILLED + (filledCount << 2), entry);
    filledCount = min(filledCount + 1, filledMax + 1);
  }
}
