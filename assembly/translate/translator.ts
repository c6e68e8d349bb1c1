// From hot blocks to functions in the table. The run loop queues a block's region when the block gets hot;
// emitQueued() writes one module with a function for each region; the host compiles it, away from this thread where
// it can, and installed() tells the regions' blocks where their code is. Meanwhile the interpreter goes on.
//
// A region ends when code of it changes, under way or not; all of them are dropped when they are many.

import {
  EMITTER,
  MODE_16,
  STATISTIC_REGIONS,
  STATISTIC_TRANSLATED_BYTES,
  TRANSLATED_FUNCTIONS,
  TRANSLATE_AT_ONCE,
} from "../state";
import { installNow, uninstallAll } from "../host";
import { BLOCK_MODE } from "../decode/blocks";
import { BODIES, beginBodies, beginModule, endModule } from "./module";
import { emitRegion, findRegion, recallRegion, regionBlockCount } from "./region";
import {
  connect,
  forgetRegions,
  isDead,
  noteEntries,
  recordBlocks,
  recordCount,
  recordLeaves,
  recordOffsets,
  recordRegion,
  recordRoot,
  recordsAreFull,
} from "./regions";
import { position } from "./wasm";

/** Most functions alive; more drop all. */
const MAX_FUNCTIONS: u32 = 10000;

/** Regions that wait; a block that finds no room gets another chance when it is hot again. */
const QUEUE_LENGTH: u32 = 256;
const queue = memory.data(256 * 4);
let queued: u32 = 0;

/** One module: most functions, and bytes of code. */
const BATCH_FUNCTIONS: u32 = 48;
const BATCH_BYTES: u32 = 0x40000;

/** The regions of the module under way. */
const batch = memory.data(48 * 4);
let functions: u32 = 0;
/** True if all translations were dropped since it was written. */
let batchIsStale: bool = false;

/** Queues the region of a block that got hot; its page is at `pageBase`. @returns false if it must get hot again */
export function request(block: u32, pageBase: u64): bool {
  if (load<u32>(block, BLOCK_MODE) == MODE_16 || queued == QUEUE_LENGTH) return false;
  findRegion(block, pageBase);
  if (regionBlockCount() == 0) return false;
  store<u32>(queue + (queued << 2), recordRegion(block));
  queued++;
  if (load<u32>(TRANSLATE_AT_ONCE) != 0) {
    const length = emitQueued();
    if (length != 0) installed(installNow(EMITTER, length, functions));
  }
  return true;
}

/** Writes a module for the queued regions at EMITTER. @returns its length in bytes; 0 if there is nothing to do yet */
export function emitQueued(): u32 {
  if (functions != 0 || queued == 0) return 0;
  beginBodies();
  batchIsStale = false;
  let done: u32 = 0;
  while (done < queued && functions < BATCH_FUNCTIONS && position < BODIES + BATCH_BYTES) {
    const record = load<u32>(queue + (done << 2));
    done++;
    if (isDead(record)) continue;
    recallRegion(recordRoot(record), recordBlocks(record), recordOffsets(record), recordLeaves(record), recordCount(record));
    emitRegion();
    noteEntries(record);
    store<u32>(batch + (functions << 2), record);
    functions++;
  }
  queued -= done;
  memory.copy(queue, queue + (done << 2), queued << 2);
  if (functions == 0) return 0;
  const bodiesEnd = position;
  beginModule(EMITTER, functions);
  const length = endModule(EMITTER, bodiesEnd);
  store<u64>(STATISTIC_REGIONS, load<u64>(STATISTIC_REGIONS) + functions);
  store<u64>(STATISTIC_TRANSLATED_BYTES, load<u64>(STATISTIC_TRANSLATED_BYTES) + length);
  return length;
}

/** Functions in the module that emitQueued() wrote last, until it is installed. */
export function emittedFunctions(): u32 { return functions; }

/** The module's functions are in the table from index `first`: blocks that still stand use them from now on. */
export function installed(first: u32): void {
  for (let i: u32 = 0; i < functions && !batchIsStale; i++) {
    const record = load<u32>(batch + (i << 2));
    if (!isDead(record)) connect(record, first + i);
  }
  store<u32>(TRANSLATED_FUNCTIONS, load<u32>(TRANSLATED_FUNCTIONS) + functions);
  functions = 0;
}

/** True if no more functions may be added. */
export function isFull(): bool { return load<u32>(TRANSLATED_FUNCTIONS) >= MAX_FUNCTIONS || recordsAreFull(); }

/** Drops every function, and what waits or is under way; the blocks that named them must be gone. */
export function dropTranslations(): void {
  queued = 0;
  batchIsStale = true;
  forgetRegions();
  if (load<u32>(TRANSLATED_FUNCTIONS) == 0) return;
  store<u32>(TRANSLATED_FUNCTIONS, 0);
  uninstallAll();
}
