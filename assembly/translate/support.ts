// What translated code calls in the core: the slow path of memory, and flags whose kind is known only at run time.
// A module of translated code imports these by name (translate/module.ts).

import {
  BLOCK_START,
  CODE_BASE,
  CURRENT_OP,
  FLAG_CARRIES,
  FLAG_RESULT,
  HANDLER_COUNTS,
  INSTRUCTION_COUNT,
  PENDING_B,
  PENDING_KIND,
} from "../state";
import { OP_CODE, OP_HANDLER } from "../decode/instruction";
import { condition, setFlagsAdd, setFlagsIncDec, setFlagsLogic, setFlagsSub } from "../execute/flags";

// Kinds of pending flags. The low two bits are log2 of the operand's bytes.
/** `result` and `a` are FLAG_RESULT and FLAG_CARRIES themselves. */
export const KIND_RAW: u32 = 0;
export const KIND_ADD: u32 = 4;
export const KIND_SUB: u32 = 8;
export const KIND_LOGIC: u32 = 12;
/** Of INC and DEC; `b` is the carry that they keep, 0 or 1. */
export const KIND_INC: u32 = 16;
export const KIND_DEC: u32 = 20;
/** As ADD and SUB, but the result has a carry in it too. */
export const KIND_ADC: u32 = 24;
export const KIND_SBB: u32 = 28;

/** Notes which instruction runs, so that a fault or a look at the clock finds the exact place. */
// @ts-ignore: decorator
@inline function enterInstruction(op: u32, block: u32, count: u64, codeBase: u64): void {
  store<u64>(CODE_BASE, codeBase);
  store<u32>(CURRENT_OP, op);
  store<u32>(BLOCK_START, block);
  store<u64>(INSTRUCTION_COUNT, count);
}

/** Runs the interpreter's handler of an instruction. */
export function runHandler(op: u32, block: u32, count: u64, codeBase: u64): void {
  enterInstruction(op, block, count, codeBase);
  const counter = HANDLER_COUNTS + (<u32>load<u16>(op, OP_CODE) << 3);
  store<u64>(counter, load<u64>(counter) + 1);
  call_indirect(load<u32>(op, OP_HANDLER), op);
}

// @ts-ignore: decorator
@inline function storeFlagsOf<T>(kind: u32, a: u64, b: u64, result: u64): void {
  switch (kind) {
    case KIND_ADD:
    case KIND_ADC:
      setFlagsAdd<T>(<T>a, <T>b, <T>result);
      break;
    case KIND_SUB:
    case KIND_SBB:
      setFlagsSub<T>(<T>a, <T>b, <T>result);
      break;
    case KIND_LOGIC:
      setFlagsLogic<T>(<T>result);
      break;
    default: {
      // INC and DEC: setFlagsIncDec() takes the carry from where it stands.
      store<u64>(FLAG_CARRIES, b << 63);
      const minimum = <T>(<u64>1 << (sizeof<T>() * 8 - 1));
      const increment = kind == KIND_INC;
      setFlagsIncDec<T>(
        <T>result,
        (increment ? <T>result : <T>a) == minimum,
        ((increment ? <u32>result : <u32>a) & 15) == 0,
      );
    }
  }
}

/** Puts pending flags into FLAG_RESULT and FLAG_CARRIES. */
function storeFlags(kind: u32, a: u64, b: u64, result: u64): void {
  if (kind < 4) {
    store<u64>(FLAG_RESULT, result);
    store<u64>(FLAG_CARRIES, a);
    return;
  }
  switch (kind & 3) {
    case 0:
      storeFlagsOf<u8>(kind & ~3, a, b, result);
      break;
    case 1:
      storeFlagsOf<u16>(kind & ~3, a, b, result);
      break;
    case 2:
      storeFlagsOf<u32>(kind & ~3, a, b, result);
      break;
    default:
      storeFlagsOf<u64>(kind & ~3, a, b, result);
  }
}

/** Puts the flags that translated code left pending into FLAG_RESULT and FLAG_CARRIES. */
export function settleFlags(): void {
  const kind = load<u32>(PENDING_KIND);
  if (kind == KIND_RAW) return;
  store<u32>(PENDING_KIND, KIND_RAW);
  storeFlags(kind, load<u64>(FLAG_CARRIES), load<u64>(PENDING_B), load<u64>(FLAG_RESULT));
}

/** A condition code, 0..15, on the flags in memory, pending or not. */
export function testCondition(code: u32): u32 {
  settleFlags();
  return u32(condition(code));
}
