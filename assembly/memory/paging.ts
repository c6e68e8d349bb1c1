// Linear to physical addresses: SDM volume 3, chapter 4. A walk checks rights, sets A and D, and fills the TLB.

import {
  CR0,
  CR3,
  CR4,
  DR,
  MSR_EFER,
  PAGE_CODE,
  PAGE_KIND,
  PAGE_RAM,
  PAGE_VIDEO,
  RAM_BASE,
  STATISTIC_TLB_FILLS,
  LONG_MODE,
  TLB,
  TLB_READ_TAG,
  TLB_SET,
  TLB_SET_SIZE,
  TLB_WRITE_TAG,
} from "../state";
import {
  CR0_PG,
  CR0_WP,
  CR4_PAE,
  CR4_PGE,
  CR4_PSE,
  CR4_SMAP,
  CR4_SMEP,
  EFER_LMA,
  EFER_NXE,
} from "../system/mode";
import { raisePageFault } from "../system/exceptions";
import { TLB_GLOBAL, TLB_INVALID, TLB_LARGE, tlbEntry, tlbFill, tlbNoteLarge } from "./tlb";
import { isCanonical, plainAddend, readPhysical, writePhysical } from "./slow";

export const ACCESS_READ: u32 = 0;
export const ACCESS_WRITE: u32 = 1;
export const ACCESS_EXECUTE: u32 = 2;

/** MAXPHYADDR, as CPUID 0x80000008 tells. */
export const PHYSICAL_BITS: u32 = 36;

const P: u64 = 1;
const RW: u64 = 2;
const US: u64 = 4;
const A: u64 = 0x20;
const D: u64 = 0x40;
const PS: u64 = 0x80;
const G: u64 = 0x100;
const PAT_LARGE: u64 = 0x1000;
const NX: u64 = 0x8000000000000000;
const FRAME: u64 = 0x000ffffffffff000;
const RESERVED_HIGH: u64 = 0x000ffff000000000;

// Page-fault error code.
const CODE_P: u32 = 1;
const CODE_W: u32 = 2;
const CODE_U: u32 = 4;
const CODE_RSVD: u32 = 8;
const CODE_ID: u32 = 16;

// What a walk found.
let leaf: u64 = 0;
/** US and RW of all levels and-ed, NX of all levels or-ed. */
let rights: u64 = 0;
let pageShift: u32 = 0;

const entryBuffer = memory.data(8, 8);

/** True while tables that are in no RAM count as not present: their device must not notice. */
let onlyRam: bool = false;

function readEntry(physical: u64, size: u32): u64 {
  if (physical < 0x100000000 && load<u8>(PAGE_KIND + <u32>(physical >> 12)) == <u8>PAGE_RAM) {
    const pointer = RAM_BASE + <u32>physical;
    return size == 8 ? load<u64>(pointer) : <u64>load<u32>(pointer);
  }
  if (onlyRam) return 0;
  store<u64>(entryBuffer, 0);
  readPhysical(physical, size, <u32>entryBuffer);
  return load<u64>(entryBuffer);
}

function writeEntry(physical: u64, size: u32, value: u64): void {
  store<u64>(entryBuffer, value);
  writePhysical(physical, size, <u32>entryBuffer);
}

/** Physical address of a linear one for an access, by the rights of a TLB set; raises #PF. Fills the TLB. */
export function translate(address: u64, access: u32, set: u32): u64 {
  const index = (set - TLB) / TLB_SET_SIZE;
  // Set 3, user with alignment checks, has user rights and is never filled.
  const user = (index & 1) != 0;
  const fill = index != 3;
  if ((load<u64>(CR0) & CR0_PG) == 0) {
    if (fill) fillEntry(set, address, address & ~0xfff, true, true, true, TLB_GLOBAL);
    return address;
  }
  const fault = walk(address, access, user, index);
  if (fault >= 0) raisePageFault(address, <u32>fault);

  if (fill) fillFromLeaf(set, address, user, index);
  return physicalOf(address);
}

/** Of an address that was walked to last. */
// @ts-ignore: decorator
@inline function physicalOf(address: u64): u64 {
  const mask = ((<u64>1) << pageShift) - 1;
  return (leaf & FRAME & ~mask) | (address & mask);
}

/** Fills the entry of an address that was walked to last. */
function fillFromLeaf(set: u32, address: u64, user: bool, index: u32): void {
  const readable = allows(ACCESS_READ, user, index);
  const writable = (leaf & D) != 0 && allows(ACCESS_WRITE, user, index);
  const executable = allows(ACCESS_EXECUTE, user, index);
  let attributes: u32 = (leaf & G) != 0 && (load<u64>(CR4) & CR4_PGE) != 0 ? TLB_GLOBAL : 0;
  if (pageShift != 12) {
    attributes |= TLB_LARGE;
    tlbNoteLarge(address, pageShift);
  }
  fillEntry(set, address, physicalOf(address) & ~0xfff, readable, writable, executable, attributes);
}

/** In place of a size: 16 bytes at a multiple of 16. */
export const ALIGNED_16_BYTES: u32 = 32;

/**
 * For translated code that has not found its access in the TLB: fills it, if the access is to plain RAM and allowed.
 * @returns 1 if the TLB lets the access through now; 0 if the instruction is its handler's business, faults included
 */
export function refillTlb(address: u64, size: u32, write: u32): u32 {
  const set = load<u32>(TLB_SET);
  const index = (set - TLB) / TLB_SET_SIZE;
  if (index == 3 || (load<u64>(CR0) & CR0_PG) == 0) return 0;
  if (load<u32>(LONG_MODE) != 0 && !isCanonical(address)) return 0;
  if (size == ALIGNED_16_BYTES ? (address & 15) != 0 : (<u32>address & 0xfff) + size > 0x1000) return 0;
  const user = (index & 1) != 0;
  onlyRam = true;
  const fault = walk(address, write, user, index);
  onlyRam = false;
  if (fault >= 0) return 0;
  fillFromLeaf(set, address, user, index);
  const entry = tlbEntry(set, address);
  const tag = write != 0 ? load<u64>(entry, TLB_WRITE_TAG) : load<u64>(entry, TLB_READ_TAG);
  return u32(tag == (address & ~0xfff));
}

function fillEntry(
  set: u32,
  address: u64,
  physical: u64,
  readable: bool,
  writable: bool,
  executable: bool,
  attributes: u32,
): void {
  if (physical >= 0x100000000) return;
  const page = <u32>(physical >> 12);
  const kind: u32 = load<u8>(PAGE_KIND + page);
  const addend = plainAddend(kind);
  if (addend == 0) return;
  store<u64>(STATISTIC_TLB_FILLS, load<u64>(STATISTIC_TLB_FILLS) + 1);
  const tag = address & ~0xfff;
  const watch = watched(tag);
  // Clean video memory is written the slow way once, which notes it. Code there is for the interpreter, as a device's.
  const direct = kind == PAGE_RAM ? load<u64>(PAGE_CODE + (page << 3)) == 0 : kind == PAGE_VIDEO;
  const video = addend != RAM_BASE;
  tlbFill(
    tlbEntry(set, address),
    readable && !watch ? tag : TLB_INVALID,
    writable && !watch && direct ? tag : TLB_INVALID,
    executable && !video ? tag : TLB_INVALID,
    addend + <u32>physical - <u32>tag,
    page | attributes,
  );
}

/** True if an enabled data breakpoint lies in this page, or in the first bytes after it. */
function watched(tag: u64): bool {
  const dr7 = <u32>load<u64>(DR + 56);
  if ((dr7 & 0xff) == 0) return false;
  for (let n: u32 = 0; n < 4; n++) {
    if (((dr7 >> (n * 2)) & 3) == 0 || ((dr7 >> (16 + n * 4)) & 3) == 0) continue;
    if ((load<u64>(DR + n * 8) & ~0xfff) == tag) return true;
  }
  return false;
}

/** Checks the rights of the last walk. */
function allows(access: u32, user: bool, set: u32): bool {
  const userPage = (rights & US) != 0;
  if (user) {
    if (!userPage) return false;
    if (access == ACCESS_WRITE) return (rights & RW) != 0;
    return access != ACCESS_EXECUTE || (rights & NX) == 0;
  }
  if (access == ACCESS_EXECUTE) {
    return (rights & NX) == 0 && !(userPage && (load<u64>(CR4) & CR4_SMEP) != 0);
  }
  if (userPage && set == 0 && (load<u64>(CR4) & CR4_SMAP) != 0) return false;
  return access != ACCESS_WRITE || (rights & RW) != 0 || (load<u64>(CR0) & CR0_WP) == 0;
}

function faultCode(code: u32, access: u32, user: bool): i32 {
  const executeDisable = (load<u64>(MSR_EFER) & EFER_NXE) != 0 && (load<u64>(CR4) & CR4_PAE) != 0;
  return <i32>(
    (code |
      (access == ACCESS_WRITE ? CODE_W : 0) |
      (user ? CODE_U : 0) |
      (access == ACCESS_EXECUTE && (executeDisable || (load<u64>(CR4) & CR4_SMEP) != 0) ? CODE_ID : 0))
  );
}

/** Walks the tables, sets A and D; the error code of a page fault, or -1. */
function walk(address: u64, access: u32, user: bool, set: u32): i32 {
  const cr4 = load<u64>(CR4);
  if ((cr4 & CR4_PAE) == 0) return walk32(address, access, user, set);
  const noExecute = (load<u64>(MSR_EFER) & EFER_NXE) != 0;
  const reserved = RESERVED_HIGH | (noExecute ? 0 : NX);
  let table = load<u64>(CR3) & FRAME;
  let shift: u32 = 39;
  rights = US | RW;
  if ((load<u64>(MSR_EFER) & EFER_LMA) == 0) {
    // PAE: the four page-directory-pointer entries have no rights and no A bit.
    const entry = readEntry((load<u64>(CR3) & 0xffffffe0) + ((address >> 30) << 3), 8);
    if ((entry & P) == 0) return faultCode(0, access, user);
    if ((entry & (RESERVED_HIGH | NX | 0x1e6)) != 0) return faultCode(CODE_P | CODE_RSVD, access, user);
    table = entry & FRAME;
    shift = 21;
  }
  while (true) {
    const entryAddress = table + (((address >> shift) & 0x1ff) << 3);
    let entry = readEntry(entryAddress, 8);
    if ((entry & P) == 0) return faultCode(0, access, user);
    const large = shift != 12 && (entry & PS) != 0;
    let bad = reserved;
    if (large) bad |= shift == 39 ? PS : ((((<u64>1) << shift) - 1) & FRAME) & ~PAT_LARGE;
    if ((entry & bad) != 0) return faultCode(CODE_P | CODE_RSVD, access, user);
    rights = (rights & entry & (US | RW)) | ((rights | entry) & NX);
    if (shift == 12 || large) {
      leaf = entry;
      pageShift = shift;
      if (!allows(access, user, set)) return faultCode(CODE_P, access, user);
      const marked = entry | A | (access == ACCESS_WRITE ? D : 0);
      if (marked != entry) {
        writeEntry(entryAddress, 8, marked);
        leaf = marked;
      }
      return -1;
    }
    if ((entry & A) == 0) writeEntry(entryAddress, 8, entry | A);
    table = entry & FRAME;
    shift -= 9;
  }
}

/** Two levels of 32-bit entries; 4 MiB pages with PSE, physical bits 39:32 of them in 20:13 (PSE-36). */
function walk32(address: u64, access: u32, user: bool, set: u32): i32 {
  const directoryAddress = (load<u64>(CR3) & 0xfffff000) + ((address >> 22) << 2);
  const directory = readEntry(directoryAddress, 4);
  if ((directory & P) == 0) return faultCode(0, access, user);
  rights = directory & (US | RW);
  let entryAddress = directoryAddress;
  let entry = directory;
  const large = (directory & PS) != 0 && (load<u64>(CR4) & CR4_PSE) != 0;
  if (large) {
    // Bits 20:17 would be physical bits 39:36, beyond MAXPHYADDR; bit 21 is reserved.
    if ((directory & 0x3e0000) != 0) return faultCode(CODE_P | CODE_RSVD, access, user);
    pageShift = 22;
  } else {
    entryAddress = (directory & 0xfffff000) + (((address >> 12) & 0x3ff) << 2);
    entry = readEntry(entryAddress, 4);
    if ((entry & P) == 0) {
      return faultCode(0, access, user);
    }
    rights &= entry;
    pageShift = 12;
  }
  if (!allows(access, user, set)) return faultCode(CODE_P, access, user);
  const marked = entry | A | (access == ACCESS_WRITE ? D : 0);
  if (!large && (directory & A) == 0) writeEntry(directoryAddress, 4, directory | A);
  if (marked != entry) writeEntry(entryAddress, 4, marked);
  leaf = large ? (marked & 0xffc00fff) | (((marked >> 13) & 0xff) << 32) : marked;
  return -1;
}
