// The frame of a module of translated code: its types, what it imports from the core, and the export of each function
// as "0", "1", ... (WebAssembly core specification, 5.5). A function's body is written between beginBody() and
// endBody().

import { EMITTER } from "../state";
import {
  END,
  IF,
  TYPE_F32,
  TYPE_F64,
  TYPE_FUNCTION,
  TYPE_I32,
  TYPE_I64,
  TYPE_VOID,
  byte,
  patch,
  position,
  reserve,
  seek,
  unsigned,
} from "./wasm";

/** Type of a translated function: entry (i32), base (i64), instructions left (i64), calls around it (i32) -> RIP (i64),
 * instructions left (i64). */
export const TYPE_ENTRY: u32 = 0;
/** Of the function that goes to the next: RIP (i64), instructions left (i64), calls around it (i32) -> as TYPE_ENTRY. */
const TYPE_CHAIN: u32 = 2;
/** Of the function that the run loop calls: entry (i32), base (i64), instructions left (i64), function (i32) -> (). */
const TYPE_ENTER: u32 = 7;
/** Of the function that both of these ask about an entry in doubt: RIP (i64) -> i32. */
const TYPE_REVIVE: u32 = 8;
/** Of refillTlb(): address (i64), bytes (i32), 1 to write (i32) -> i32. */
const TYPE_REFILL: u32 = 9;

// Indices of the imported functions; the order of importAll().
export const FUNCTION_HANDLER: u32 = 0;
export const FUNCTION_SETTLE_FLAGS: u32 = 1;
export const FUNCTION_CONDITION: u32 = 2;
export const FUNCTION_MULTIPLY_HIGH: u32 = 3;
export const FUNCTION_MULTIPLY_HIGH_SIGNED: u32 = 4;
export const FUNCTION_MAY_CHAIN: u32 = 5;
export const FUNCTION_X87_LOAD: u32 = 6;
export const FUNCTION_X87_STORE: u32 = 7;
export const FUNCTION_X87_OPERATE: u32 = 8;
export const FUNCTION_X87_INTEGER: u32 = 9;
export const FUNCTION_REFILL_TLB: u32 = 10;
export const FUNCTION_CHAIN: u32 = 11;
const IMPORTED_FUNCTIONS: u32 = 12;
/** Of the functions of execute/x87/direct.ts: op (i32), CODE_BASE (i64), offset (i64), pointer (i32) -> (). */
const TYPE_X87: u32 = 7;

/** Where bodies are written before it is known how many they are. */
export const BODIES: u32 = EMITTER + 0x40000;
/** The hints of the functions: for each u32 their number, then u32 offset << 1 | taken. */
const HINTS: u32 = EMITTER + 0x200000;

const SECTION_CUSTOM: u32 = 0;
const SECTION_TYPE: u32 = 1;
const SECTION_IMPORT: u32 = 2;
const SECTION_FUNCTION: u32 = 3;
const SECTION_EXPORT: u32 = 7;
const SECTION_CODE: u32 = 10;

let sectionSize: u32 = 0;
let codeSize: u32 = 0;
let bodySize: u32 = 0;
/** The hints of the function under way, and the end of all. */
let hintsStart: u32 = HINTS;
let hintsEnd: u32 = HINTS;

function beginSection(id: u32): void {
  byte(id);
  sectionSize = reserve();
}
function endSection(): void { patch(sectionSize, position - sectionSize - 5); }

function type(parameters: u32, count: u32, result: u32, results: u32): void {
  byte(TYPE_FUNCTION);
  unsigned(count);
  for (let i: u32 = 0; i < count; i++) byte(((parameters >> i) & 1) != 0 ? TYPE_I64 : TYPE_I32);
  unsigned(results);
  for (let i: u32 = 0; i < results; i++) byte(result);
}

function types(): void {
  beginSection(SECTION_TYPE);
  unsigned(10);
  // Bit i of the first argument: parameter i is an i64.
  type(0b0110, 4, TYPE_I64, 2);
  type(0b1100, 4, 0, 0);
  type(0b011, 3, TYPE_I64, 2);
  type(0, 0, 0, 0);
  type(0, 1, TYPE_I32, 1);
  type(0b11, 2, TYPE_I64, 1);
  type(0, 0, TYPE_I32, 1);
  type(0b0110, 4, 0, 0);
  type(0b1, 1, TYPE_I32, 1);
  type(0b001, 3, TYPE_I32, 1);
  endSection();
}

/** Writes a name of up to eight ASCII characters, the first in the low byte. */
function name(characters: u64): void {
  let length: u32 = 0;
  for (let rest = characters; rest != 0; rest >>= 8) length++;
  unsigned(length);
  for (; characters != 0; characters >>= 8) byte(<u32>characters & 0xff);
}

/** "c": the one module that translated code imports from. */
const MODULE: u64 = 0x63;

function importFunction(index: u32, typeIndex: u32): void {
  name(MODULE);
  // "a", "b", ...: the host gives the functions under these names (emulator/cpu/translations.ts).
  name(0x61 + index);
  byte(0);
  unsigned(typeIndex);
}

/** "M": the memory. */
function importMemory(): void {
  name(MODULE);
  name(0x4d);
  byte(2);
  byte(0);
  unsigned(0);
}

/** The table is not imported: an instance that does costs its whole length to make. */
function imports(): void {
  beginSection(SECTION_IMPORT);
  unsigned(1 + IMPORTED_FUNCTIONS);
  importMemory();
  importFunction(FUNCTION_HANDLER, 1);
  importFunction(FUNCTION_SETTLE_FLAGS, 3);
  importFunction(FUNCTION_CONDITION, 4);
  importFunction(FUNCTION_MULTIPLY_HIGH, 5);
  importFunction(FUNCTION_MULTIPLY_HIGH_SIGNED, 5);
  importFunction(FUNCTION_MAY_CHAIN, 6);
  for (let index = FUNCTION_X87_LOAD; index <= FUNCTION_X87_INTEGER; index++) importFunction(index, TYPE_X87);
  importFunction(FUNCTION_REFILL_TLB, TYPE_REFILL);
  importFunction(FUNCTION_CHAIN, TYPE_CHAIN);
  endSection();
}

/** Bodies are written first: only then is known how many there are. */
export function beginBodies(): void {
  seek(BODIES);
  hintsStart = hintsEnd = HINTS;
}

/** Begins an `if` of no result whose condition almost always holds, or almost never. */
export function hintedIf(likely: bool): void {
  hint(likely);
  byte(IF);
  byte(TYPE_VOID);
}

/** Notes for the branch instruction that comes next which way it goes as a rule. */
export function hint(likely: bool): void {
  // Offsets count from the declaration of the locals, right after the body's size.
  store<u32>(hintsEnd, ((position - bodySize - 5) << 1) | u32(likely));
  hintsEnd += 4;
}

/** "metadata.code.branch_hint" (WebAssembly branch hinting proposal): engines that do not know it pass it over. */
function branchHints(count: u32, first: u32): void {
  beginSection(SECTION_CUSTOM);
  unsigned(25);
  store<u64>(position, 0x617461646174656d);
  store<u64>(position, 0x72622e65646f632e, 8);
  store<u64>(position, 0x6e69685f68636e61, 16);
  store<u8>(position, 0x74, 24);
  seek(position + 25);
  unsigned(count);
  let at = HINTS;
  for (let i: u32 = 0; i < count; i++) {
    const hints = load<u32>(at);
    at += 4;
    unsigned(first + i);
    unsigned(hints);
    for (let end = at + (hints << 2); at < end; at += 4) {
      unsigned(load<u32>(at) >> 1);
      unsigned(1);
      byte(load<u32>(at) & 1);
    }
  }
  endSection();
}

function header(address: u32): void {
  seek(address);
  store<u64>(position, 0x000000016d736100);
  seek(position + 8);
  types();
}

/** Begins a module of `count` functions (up to 79, for their names) at `address`, up to where its bodies follow. */
export function beginModule(address: u32, count: u32): void {
  header(address);
  imports();
  beginFunctions(count);
  for (let i: u32 = 0; i < count; i++) unsigned(TYPE_ENTRY);
  endSection();
  exportFunctions(count, IMPORTED_FUNCTIONS);
  branchHints(count, IMPORTED_FUNCTIONS);
  beginCode(count);
}

/** Index of reviveJump() in the module of chain.ts, and of the first of the two functions that it exports. */
export const FUNCTION_REVIVE: u32 = 0;
const FIRST_OF_CHAIN: u32 = 1;

/** As beginModule(), for the two functions of chain.ts: they need the table, and of the core's functions only one. */
export function beginChainModule(address: u32): void {
  header(address);
  beginSection(SECTION_IMPORT);
  unsigned(3);
  importMemory();
  importFunction(FUNCTION_REVIVE, TYPE_REVIVE);
  // "T": a table of functions, of any length.
  name(MODULE);
  name(0x54);
  byte(1);
  byte(0x70);
  byte(0);
  unsigned(0);
  endSection();
  beginFunctions(2);
  unsigned(TYPE_CHAIN);
  unsigned(TYPE_ENTER);
  endSection();
  exportFunctions(2, FIRST_OF_CHAIN);
  branchHints(2, FIRST_OF_CHAIN);
  beginCode(2);
}

/** Begins the section that declares functions: their types' indices follow. */
function beginFunctions(count: u32): void {
  beginSection(SECTION_FUNCTION);
  unsigned(count);
}

/** Exports functions whose indices begin with `first`. */
function exportFunctions(count: u32, first: u32): void {
  beginSection(SECTION_EXPORT);
  unsigned(count);
  for (let i: u32 = 0; i < count; i++) {
    name(0x30 + i);
    byte(0);
    unsigned(first + i);
  }
  endSection();
}

function beginCode(count: u32): void {
  byte(SECTION_CODE);
  codeSize = reserve();
  unsigned(count);
}

/** Begins the next function: `i64s` locals of type i64, then `i32s` of type i32, after the parameters, then
 * one of f64 and one of f32. */
export function beginBody(i64s: u32, i32s: u32): void {
  bodySize = reserve();
  hintsStart = hintsEnd;
  hintsEnd += 4;
  unsigned(4);
  locals(i64s, TYPE_I64);
  locals(i32s, TYPE_I32);
  locals(1, TYPE_F64);
  locals(1, TYPE_F32);
}

function locals(count: u32, type: u32): void {
  unsigned(count);
  byte(type);
}

export function endBody(): void {
  byte(END);
  patch(bodySize, position - bodySize - 5);
  store<u32>(hintsStart, (hintsEnd - hintsStart - 4) >> 2);
}

/** The body that was ended last is written again. */
export function discardBody(): void {
  seek(bodySize);
  hintsEnd = hintsStart;
}

/** Ends the module that began at `start` with the bodies, which end at `end`. @returns its length in bytes */
export function endModule(start: u32, end: u32): u32 {
  memory.copy(position, BODIES, end - BODIES);
  seek(position + end - BODIES);
  patch(codeSize, position - codeSize - 5);
  return position - start;
}
