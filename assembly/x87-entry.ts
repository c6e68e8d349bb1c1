import { flushBlocks } from "./decode/blocks";
import { registerX87 } from "./execute/x87/index";
import { registerControl } from "./execute/control";
import { tlbFlushAll } from "./memory/tlb";
import { updateMode } from "./system/mode";
import { resetProcessor } from "./system/reset";
import { define, ONE, ENDS } from "./decode/tables";
import { HALTED } from "./state";
export { run } from "./run";
export { invalidateCode } from "./decode/blocks";
export { updateMode } from "./system/mode";
export { tlbFlushAll } from "./memory/tlb";
function hlt(op: u32): void { store<u32>(HALTED, 1); }
export function initialize(): void {
  registerX87(); registerControl();
  define(ONE | 0xf4, ENDS, hlt);
  reset();
}
export function reset(): void { resetProcessor(); tlbFlushAll(); flushBlocks(); updateMode(); }
