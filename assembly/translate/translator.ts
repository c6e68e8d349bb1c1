// From hot blocks to functions in the table. The run loop queues a block when it gets hot; emitQueued() writes one
// module with a function for the region of each; the host compiles it, away from this thread where it can, and
// installed() tells the regions' blocks where their code is. Meanwhile the interpreter goes on.
//
// A page's translations are dropped together when its code changes, those under way too; all of them are dropped when
// they are many.

import {
  EMITTER,
  MODE_16,
  STATISTIC_REGIONS,
  STATISTIC_TRANSLATED_BYTES,
  TRANSLATED_FUNCTIONS,
  TRANSLATE_AT_ONCE,
} from "../state";
import { installNow, uninstallAll } from "../host";
import { BLOCK_MODE, BLOCK_PHYSICAL, BLOCK_TRANSLATION } from "../decode/blocks";
import { beginBodies, beginModule, endModule } from "./module";
import { emitRegion, findRegion, regionBlock, regionBlockCount } from "./region";
import { position } from "./wasm";

/** Bits of BLOCK_TRANSLATION below the function's index: the entry. */
export const ENTRY_BITS: u32 = 8;

/** Most functions alive; more drop all. */
const MAX_FUNCTIONS: u32 = 6000;

/** Hot blocks that wait; one that finds no room gets another chance when it is hot again. */
const QUEUE_LENGTH: u32 = 256;
const queue = memory.data(256 * 4);
let queued: u32 = 0;

/** One module: most functions, blocks and bytes of code. */
const BATCH_FUNCTIONS: u32 = 48;
const BATCH_BLOCKS: u32 = 2048;
const BATCH_BYTES: u32 = 0x30000;
/** Where bodies are written before it is known how many they are. */
const BODIES: u32 = EMITTER + 0x1000;

// The module under way: for each function its first block's index in batchBlocks, and how many.
const batchFirst = memory.data(48 * 4);
const batchCount = memory.data(48 * 4);
const batchBlocks = memory.data(2048 * 4);
let functions: u32 = 0;

/** Queues a block that got hot. @returns false if it must get hot again first */
export function request(block: u32): bool {
  if (load<u32>(block, BLOCK_MODE) == MODE_16 || queued == QUEUE_LENGTH) return false;
  store<u32>(queue + (queued << 2), block);
  queued++;
  if (load<u32>(TRANSLATE_AT_ONCE) != 0) {
    const length = emitQueued();
    if (length != 0) installed(installNow(EMITTER, length, functions));
  }
  return true;
}

/** Writes a module for the queued blocks at EMITTER. @returns its length in bytes; 0 if there is nothing to do yet */
export function emitQueued(): u32 {
  if (functions != 0 || queued == 0) return 0;
  beginBodies(BODIES);
  let blocks: u32 = 0;
  let done: u32 = 0;
  while (done < queued && functions < BATCH_FUNCTIONS && position < BODIES + BATCH_BYTES) {
    const block = load<u32>(queue + (done << 2));
    done++;
    // Another region may have taken it in.
    if (load<u32>(block, BLOCK_TRANSLATION) != 0 || isInBatch(block, blocks)) continue;
    findRegion(block);
    const count = regionBlockCount();
    if (blocks + count > BATCH_BLOCKS) break;
    emitRegion();
    store<u32>(batchFirst + (functions << 2), blocks);
    store<u32>(batchCount + (functions << 2), count);
    for (let i: u32 = 0; i < count; i++) store<u32>(batchBlocks + ((blocks + i) << 2), regionBlock(i));
    blocks += count;
    functions++;
  }
  queued -= done;
  memory.copy(queue, queue + (done << 2), queued << 2);
  if (functions == 0) return 0;
  const bodiesEnd = position;
  beginModule(EMITTER, functions);
  const length = endModule(EMITTER, BODIES, bodiesEnd);
  store<u64>(STATISTIC_REGIONS, load<u64>(STATISTIC_REGIONS) + functions);
  store<u64>(STATISTIC_TRANSLATED_BYTES, load<u64>(STATISTIC_TRANSLATED_BYTES) + length);
  return length;
}

/** Functions in the module that emitQueued() wrote last, until it is installed. */
export function emittedFunctions(): u32 { return functions; }

function isInBatch(block: u32, blocks: u32): bool {
  for (let i: u32 = 0; i < blocks; i++) {
    if (load<u32>(batchBlocks + (i << 2)) == block) return true;
  }
  return false;
}

/** The module's functions are in the table from index `first`: blocks that still stand use them from now on. */
export function installed(first: u32): void {
  for (let f: u32 = 0; f < functions; f++) {
    const blocks = batchBlocks + (load<u32>(batchFirst + (f << 2)) << 2);
    const count = load<u32>(batchCount + (f << 2));
    for (let i: u32 = 0; i < count; i++) {
      store<u32>(load<u32>(blocks + (i << 2)), ((first + f) << ENTRY_BITS) | i, BLOCK_TRANSLATION);
    }
  }
  store<u32>(TRANSLATED_FUNCTIONS, load<u32>(TRANSLATED_FUNCTIONS) + functions);
  functions = 0;
}

/** Code of a physical page changed: nothing that waits or is under way may use what was decoded there. */
export function forgetPage(page: u32): void {
  let kept: u32 = 0;
  for (let i: u32 = 0; i < queued; i++) {
    const block = load<u32>(queue + (i << 2));
    if (load<u32>(block, BLOCK_PHYSICAL) >> 12 == page) continue;
    store<u32>(queue + (kept << 2), block);
    kept++;
  }
  queued = kept;
  for (let f: u32 = 0; f < functions; f++) {
    const first = load<u32>(batchBlocks + (load<u32>(batchFirst + (f << 2)) << 2));
    if (load<u32>(first, BLOCK_PHYSICAL) >> 12 == page) store<u32>(batchCount + (f << 2), 0);
  }
}

/** True if no more functions may be added. */
export function isFull(): bool { return load<u32>(TRANSLATED_FUNCTIONS) >= MAX_FUNCTIONS; }

/** Drops every function, and what waits or is under way; the blocks that named them must be gone. */
export function dropTranslations(): void {
  queued = 0;
  for (let f: u32 = 0; f < functions; f++) store<u32>(batchCount + (f << 2), 0);
  if (load<u32>(TRANSLATED_FUNCTIONS) == 0) return;
  store<u32>(TRANSLATED_FUNCTIONS, 0);
  uninstallAll();
}
