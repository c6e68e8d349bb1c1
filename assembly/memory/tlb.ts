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

/** A tag that no access matches: bit 0 is set, and tags are compared with page addresses. */
export const TLB_INVALID: u64 = 1;
export const TLB_GLOBAL: u32 = 0x80000000;

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
  const end = TLB + TLB_SETS * TLB_SET_SIZE;
  for (let entry = TLB; entry < end; entry += TLB_ENTRY_SIZE) clear(entry);
  filledCount = 0;
}

/** Forgets what is not global, as a load of CR3 does. */
export function tlbFlush(): void {
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

/** Forgets one linear page in every set, global or not, as INVLPG does. */
export function tlbInvalidate(address: u64): void {
  for (let s: u32 = 0; s < TLB_SETS; s++) clear(tlbEntry(TLB + s * TLB_SET_SIZE, address));
}

/** Takes the write tag from every entry that maps a physical page (it has come to hold decoded code). */
export function tlbProtectPage(page: u32): void {
  const end = TLB + TLB_SETS * TLB_SET_SIZE;
  for (let entry = TLB; entry < end; entry += TLB_ENTRY_SIZE) {
    if ((load<u32>(entry, TLB_PAGE) & ~TLB_GLOBAL) == page) store<u64>(entry, TLB_INVALID, TLB_WRITE_TAG);
  }
}

/** Fills an entry; tags are TLB_INVALID or the linear page address. */
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
