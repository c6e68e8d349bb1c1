// SSE instructions in translated code.

import { OP_CODE } from "../../decode/instruction";
import { emitVectorConversion } from "./conversions";
import { emitVectorFloat } from "./float";
import { emitVectorInteger } from "./integer";
import { emitVectorMove } from "./moves";
import { emitVectorShuffle } from "./shuffles";

/** Emits an SSE instruction. @returns false if it is none, or one for its handler */
export function emitVector(op: u32): bool {
  if (load<u16>(op, OP_CODE) < 0x110) return false;
  return (
    emitVectorMove(op) ||
    emitVectorShuffle(op) ||
    emitVectorInteger(op) ||
    emitVectorFloat(op) ||
    emitVectorConversion(op)
  );
}
