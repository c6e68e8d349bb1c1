// The core's exports, and the one place that names every family of instructions.

import { flushBlocks } from "./decode/blocks";
import { registerInstructions } from "./execute/index";
import { tlbFlushAll, tlbInitialize } from "./memory/tlb";
import { registerSystem } from "./system/index";
import { updateMode } from "./system/mode";
import { resetProcessor } from "./system/reset";

export { run } from "./run";
export { invalidateCode } from "./decode/blocks";
export { updateMode } from "./system/mode";
export { emitChain } from "./translate/chain";
export { mayChain } from "./translate/guard";
export { refillTlb } from "./memory/paging";
export { reviveJump } from "./translate/jump-cache";
export { emitQueued, emittedFunctions, installed } from "./translate/translator";
// For translated code (emulator/cpu/translations.ts).
export {
  runHandler,
  settleFlags,
  testCondition,
} from "./translate/support";
export { x87Integer, x87Load, x87Operate, x87Store } from "./execute/x87/direct";
export { multiplyHighSigned } from "./execute/multiply";
export { multiplyHigh } from "./execute/wide";
export { tlbFlushAll } from "./memory/tlb";

/** Fills the decode tables; once, after instantiation. */
export function initialize(): void {
  tlbInitialize();
  registerInstructions();
  registerSystem();
  reset();
}

/** Puts the processor into its state after RESET (SDM volume 3, table 10-1) and forgets all decoded code. */
export function reset(): void {
  resetProcessor();
  tlbFlushAll();
  flushBlocks();
  updateMode();
}
