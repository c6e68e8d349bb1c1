// From a hot block to a function in the table: find its region, write a module, have the host compile it, and tell
// the region's blocks where their code is. Translations of a page are dropped together when its code changes, and all
// of them when they are many.

import { EMITTER, MODE_16, STATISTIC_REGIONS, STATISTIC_TRANSLATED_BYTES, TRANSLATED_FUNCTIONS } from "../state";
import { install, uninstallAll } from "../host";
import { BLOCK_MODE, BLOCK_TRANSLATION } from "../decode/blocks";
import { beginModule, endModule } from "./module";
import { emitRegion, findRegion, regionBlock, regionBlockCount } from "./region";

/** Bits of BLOCK_TRANSLATION below the function's index: the entry. */
export const ENTRY_BITS: u32 = 8;

/** Most functions alive; the next one drops all. */
const MAX_FUNCTIONS: u32 = 6000;

/** Translates the region of a hot block. */
export function translate(block: u32): void {
  if (load<u32>(block, BLOCK_MODE) == MODE_16) return;
  findRegion(block);
  if (regionBlockCount() == 0) return;
  beginModule(EMITTER, 1);
  emitRegion();
  const length = endModule(EMITTER);
  const index = install(EMITTER, length);
  store<u32>(TRANSLATED_FUNCTIONS, load<u32>(TRANSLATED_FUNCTIONS) + 1);
  store<u64>(STATISTIC_REGIONS, load<u64>(STATISTIC_REGIONS) + 1);
  store<u64>(STATISTIC_TRANSLATED_BYTES, load<u64>(STATISTIC_TRANSLATED_BYTES) + length);
  for (let i: u32 = 0; i < regionBlockCount(); i++) {
    store<u32>(regionBlock(i), (index << ENTRY_BITS) | i, BLOCK_TRANSLATION);
  }
}

/** True if no more functions may be added. */
export function isFull(): bool { return load<u32>(TRANSLATED_FUNCTIONS) >= MAX_FUNCTIONS; }

/** Drops every function; the blocks that named them must be gone. */
export function dropTranslations(): void {
  if (load<u32>(TRANSLATED_FUNCTIONS) == 0) return;
  store<u32>(TRANSLATED_FUNCTIONS, 0);
  uninstallAll();
}
