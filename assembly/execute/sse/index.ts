// MMX, SSE, SSE2, SSE3, SSSE3, SSE4.1, SSE4.2, and the instructions that save their state. MOVNTI, CRC32 and POPCNT
// work on general registers and are registered with the integer instructions.

import { registerFloatCompares } from "./compares";
import { registerSseControl } from "./control";
import { registerFloatConversions } from "./conversions";
import { registerFloatArithmetic } from "./float";
import { registerIntegerVectors } from "./integer";
import { registerMoves } from "./moves";
import { registerStateSaves } from "./save";
import { registerShifts } from "./shifts";
import { registerShuffles } from "./shuffles";
import { registerStringCompares } from "./strings";

/** Registers every instruction of this folder in the decode tables. */
export function registerSse(): void {
  registerMoves();
  registerIntegerVectors();
  registerShuffles();
  registerShifts();
  registerFloatArithmetic();
  registerFloatCompares();
  registerFloatConversions();
  registerStringCompares();
  registerStateSaves();
  registerSseControl();
}
