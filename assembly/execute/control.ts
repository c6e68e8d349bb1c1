// Near jumps, calls and returns, loops. A target outside CS.limit or not canonical is #GP(0), raised before
// anything changed. SDM volume 2.

import { CODE_MODE, CS, MODE_64, RCX, RIP, SEGMENTS, SEGMENT_LIMIT, SEGMENT_STRIDE } from "../state";
import { OP_CODE, immediate, nextRip } from "../decode/instruction";
import {
  FORCE64,
  IMM16,
  IMM8S,
  IMMZ,
  JUMPS,
  MODRM,
  ONE,
  TWO,
  defineGroupWidths,
  defineWidths,
} from "../decode/tables";
import { isCanonical } from "../memory/slow";
import { EXCEPTION_GP, raiseWithCode } from "../system/exceptions";
import { addressSize } from "./address";
import { condition, getZF } from "./flags";
import { getRm } from "./operands";
import { peek, push, release } from "./stack";

/** Cuts a target to the operand size and checks that code may run there. */
// @ts-ignore: decorator
@inline function target<T>(address: u64): u64 {
  if (sizeof<T>() == 2) address &= 0xffff;
  else if (sizeof<T>() == 4) address &= 0xffffffff;
  if (sizeof<T>() == 8 || load<u32>(CODE_MODE) == MODE_64) {
    if (!isCanonical(address)) raiseWithCode(EXCEPTION_GP, 0);
  } else if (<u32>address > load<u32>(SEGMENTS + CS * SEGMENT_STRIDE, SEGMENT_LIMIT)) {
    raiseWithCode(EXCEPTION_GP, 0);
  }
  return address;
}

function jump<T>(op: u32): void {
  store<u64>(RIP, target<T>(nextRip(op) + immediate(op)));
}

/** RIP of the next instruction, as a jump that is not taken leaves it. */
// @ts-ignore: decorator
@inline function fallThrough<T>(op: u32): void {
  store<u64>(RIP, sizeof<T>() == 8 ? nextRip(op) : nextRip(op) & 0xffffffff);
}

// One handler for each condition: the compiler folds `condition(code)`.
// @ts-ignore: decorator
@inline function jumpIf<T>(op: u32, taken: bool): void {
  if (taken) jump<T>(op);
  else fallThrough<T>(op);
}
function jumpO<T>(op: u32): void { jumpIf<T>(op, condition(0)); }
function jumpNO<T>(op: u32): void { jumpIf<T>(op, condition(1)); }
function jumpB<T>(op: u32): void { jumpIf<T>(op, condition(2)); }
function jumpNB<T>(op: u32): void { jumpIf<T>(op, condition(3)); }
function jumpZ<T>(op: u32): void { jumpIf<T>(op, condition(4)); }
function jumpNZ<T>(op: u32): void { jumpIf<T>(op, condition(5)); }
function jumpBE<T>(op: u32): void { jumpIf<T>(op, condition(6)); }
function jumpNBE<T>(op: u32): void { jumpIf<T>(op, condition(7)); }
function jumpS<T>(op: u32): void { jumpIf<T>(op, condition(8)); }
function jumpNS<T>(op: u32): void { jumpIf<T>(op, condition(9)); }
function jumpP<T>(op: u32): void { jumpIf<T>(op, condition(10)); }
function jumpNP<T>(op: u32): void { jumpIf<T>(op, condition(11)); }
function jumpL<T>(op: u32): void { jumpIf<T>(op, condition(12)); }
function jumpNL<T>(op: u32): void { jumpIf<T>(op, condition(13)); }
function jumpLE<T>(op: u32): void { jumpIf<T>(op, condition(14)); }
function jumpNLE<T>(op: u32): void { jumpIf<T>(op, condition(15)); }

function jumpIndirect<T>(op: u32): void {
  store<u64>(RIP, target<T>(<u64>getRm<T>(op)));
}

function call<T>(op: u32): void {
  const next = nextRip(op);
  const to = target<T>(next + immediate(op));
  push<T>(<T>next);
  store<u64>(RIP, to);
}

function callIndirect<T>(op: u32): void {
  const to = target<T>(<u64>getRm<T>(op));
  push<T>(<T>nextRip(op));
  store<u64>(RIP, to);
}

function ret<T>(_op: u32): void {
  const to = target<T>(<u64>peek<T>(0));
  release<T>(sizeof<T>());
  store<u64>(RIP, to);
}

function retImmediate<T>(op: u32): void {
  const to = target<T>(<u64>peek<T>(0));
  release<T>(sizeof<T>() + <u32>(immediate(op) & 0xffff));
  store<u64>(RIP, to);
}

/** The count register by address size, 1 less. */
function countDown(op: u32): u64 {
  const size = addressSize(op);
  const count = load<u64>(RCX) - 1;
  return size == 8 ? count : size == 4 ? count & 0xffffffff : count & 0xffff;
}

/** LOOPNE, LOOPE, LOOP. */
function loop<T>(op: u32): void {
  const count = countDown(op);
  const code = load<u16>(op, OP_CODE);
  const taken = count != 0 && (code == 0xe2 || getZF() == (code & 1));
  // A bad target faults before RCX changes.
  const to = taken ? target<T>(nextRip(op) + immediate(op)) : 0;
  const size = addressSize(op);
  if (size == 2) store<u16>(RCX, <u16>count);
  else store<u64>(RCX, count);
  if (taken) store<u64>(RIP, to);
  else fallThrough<T>(op);
}

/** JCXZ, JECXZ, JRCXZ. */
function jumpCountZero<T>(op: u32): void {
  const size = addressSize(op);
  const count = size == 8 ? load<u64>(RCX) : size == 4 ? <u64>load<u32>(RCX) : <u64>load<u16>(RCX);
  if (count == 0) jump<T>(op);
  else fallThrough<T>(op);
}

export function registerControl(): void {
  const short: u32 = JUMPS | IMM8S | FORCE64;
  const near: u32 = JUMPS | IMMZ | FORCE64;
  defineConditions(ONE + 0x70, short);
  defineConditions(TWO + 0x80, near);
  for (let code: u32 = 0xe0; code <= 0xe2; code++) defineWidths(code, short, (op) => loop<u16>(op), (op) => loop<u32>(op), (op) => loop<u64>(op));
  defineWidths(0xe3, short, (op) => jumpCountZero<u16>(op), (op) => jumpCountZero<u32>(op), (op) => jumpCountZero<u64>(op));
  defineWidths(0xe8, near, (op) => call<u16>(op), (op) => call<u32>(op), (op) => call<u64>(op));
  defineWidths(0xe9, near, (op) => jump<u16>(op), (op) => jump<u32>(op), (op) => jump<u64>(op));
  defineWidths(0xeb, short, (op) => jump<u16>(op), (op) => jump<u32>(op), (op) => jump<u64>(op));
  const returns: u32 = JUMPS | FORCE64;
  defineWidths(0xc2, returns | IMM16, (op) => retImmediate<u16>(op), (op) => retImmediate<u32>(op), (op) => retImmediate<u64>(op));
  defineWidths(0xc3, returns, (op) => ret<u16>(op), (op) => ret<u32>(op), (op) => ret<u64>(op));
  const indirect: u32 = JUMPS | MODRM | FORCE64;
  defineGroupWidths(0xff, 2, indirect, (op) => callIndirect<u16>(op), (op) => callIndirect<u32>(op), (op) => callIndirect<u64>(op));
  defineGroupWidths(0xff, 4, indirect, (op) => jumpIndirect<u16>(op), (op) => jumpIndirect<u32>(op), (op) => jumpIndirect<u64>(op));
}

function defineConditions(key: u32, a: u32): void {
  defineWidths(key + 0, a, (op) => jumpO<u16>(op), (op) => jumpO<u32>(op), (op) => jumpO<u64>(op));
  defineWidths(key + 1, a, (op) => jumpNO<u16>(op), (op) => jumpNO<u32>(op), (op) => jumpNO<u64>(op));
  defineWidths(key + 2, a, (op) => jumpB<u16>(op), (op) => jumpB<u32>(op), (op) => jumpB<u64>(op));
  defineWidths(key + 3, a, (op) => jumpNB<u16>(op), (op) => jumpNB<u32>(op), (op) => jumpNB<u64>(op));
  defineWidths(key + 4, a, (op) => jumpZ<u16>(op), (op) => jumpZ<u32>(op), (op) => jumpZ<u64>(op));
  defineWidths(key + 5, a, (op) => jumpNZ<u16>(op), (op) => jumpNZ<u32>(op), (op) => jumpNZ<u64>(op));
  defineWidths(key + 6, a, (op) => jumpBE<u16>(op), (op) => jumpBE<u32>(op), (op) => jumpBE<u64>(op));
  defineWidths(key + 7, a, (op) => jumpNBE<u16>(op), (op) => jumpNBE<u32>(op), (op) => jumpNBE<u64>(op));
  defineWidths(key + 8, a, (op) => jumpS<u16>(op), (op) => jumpS<u32>(op), (op) => jumpS<u64>(op));
  defineWidths(key + 9, a, (op) => jumpNS<u16>(op), (op) => jumpNS<u32>(op), (op) => jumpNS<u64>(op));
  defineWidths(key + 10, a, (op) => jumpP<u16>(op), (op) => jumpP<u32>(op), (op) => jumpP<u64>(op));
  defineWidths(key + 11, a, (op) => jumpNP<u16>(op), (op) => jumpNP<u32>(op), (op) => jumpNP<u64>(op));
  defineWidths(key + 12, a, (op) => jumpL<u16>(op), (op) => jumpL<u32>(op), (op) => jumpL<u64>(op));
  defineWidths(key + 13, a, (op) => jumpNL<u16>(op), (op) => jumpNL<u32>(op), (op) => jumpNL<u64>(op));
  defineWidths(key + 14, a, (op) => jumpLE<u16>(op), (op) => jumpLE<u32>(op), (op) => jumpLE<u64>(op));
  defineWidths(key + 15, a, (op) => jumpNLE<u16>(op), (op) => jumpNLE<u32>(op), (op) => jumpNLE<u64>(op));
}
