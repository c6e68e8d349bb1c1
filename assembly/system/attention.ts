// What the run loop has to look at between instructions.

import { HALTED, INTERRUPT_PENDING, PENDING_DEBUG, SINGLE_STEP } from "../state";

/** True if the run loop has something to look at before it goes on with translated code. */
// @ts-ignore: decorator
@inline export function needsAttention(): bool {
  // SINGLE_STEP and INTERRUPT_SHADOW, INTERRUPT_PENDING and NMI_PENDING, HALTED and STOP_REQUEST, PENDING_DEBUG.
  return (
    (load<u64>(SINGLE_STEP) | load<u64>(INTERRUPT_PENDING) | load<u64>(HALTED) | <u64>load<u32>(PENDING_DEBUG)) != 0
  );
}
