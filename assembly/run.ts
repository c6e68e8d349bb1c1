// The run loop: between instructions it looks at what asks for attention, in the order that SDM volume 3, 7.9 gives;
// then it finds the block at RIP and runs it.
//
// A handler that faults leaves by the host's exception: run() is entered anew, sees CURRENT_OP, and puts RIP and the
// count back to the start of the instruction that did not complete.

import {
  BLOCK_LIMIT,
  BLOCK_START,
  CODE_BASE,
  CODE_MODE,
  CURRENT_OP,
  EFLAGS,
  EXCEPTION_PENDING,
  ENTER_FUNCTION,
  ENTRY_LIMIT,
  EXIT_BUDGET,
  EXIT_HALT,
  EXIT_REQUEST,
  EXIT_SHUTDOWN,
  HALTED,
  INSTRUCTION_COUNT,
  INSTRUCTION_LIMIT,
  INTERRUPT_PENDING,
  INTERRUPT_SHADOW,
  LEAVE_CAUSE,
  LEAVE_HANDLER,
  LEAVE_PLACE,
  MODE_64,
  NMI_BLOCKED,
  NMI_PENDING,
  PENDING_DEBUG,
  RIP,
  SHADOW_SS,
  SINGLE_STEP,
  STATISTIC_EVICTIONS,
  STATISTIC_INTERRUPTS,
  STATISTIC_LEAVES,
  STATISTIC_REGION_ENTRIES,
  STATISTIC_TRANSLATED_INSTRUCTIONS,
  STOP_REQUEST,
  TRANSLATE_THRESHOLD,
} from "./state";
import { acknowledgeInterrupt } from "./host";
import {
  BLOCK_COUNT,
  BLOCK_DELTA,
  BLOCK_HEADER,
  BLOCK_HEAT,
  BLOCK_NEEDS,
  BLOCK_TRANSLATION,
  findBlock,
  flushBlocks,
  makeBlock,
} from "./decode/blocks";
import { fetchPhysical, fetchSingle, isPlain } from "./decode/fetch";
import { OP_EA, OP_EA_JUMPS, OP_HANDLER, OP_LENGTH, OP_NEXT, OP_SIZE } from "./decode/instruction";
import { IF } from "./execute/flags";
import { checkCodeBreakpoints, deliverPendingDebug, finishStep } from "./system/debug";
import { needsAttention } from "./system/attention";
import { isFlat32 } from "./translate/guard";
import { tlbResize } from "./memory/tlb";
import { fillJump } from "./translate/jump-cache";
import { settleFlags } from "./translate/support";
import { ENTRY_BITS } from "./translate/regions";
import { isFull, request } from "./translate/translator";
import { deliverInterrupt, deliverNmi, deliverPendingException } from "./system/interrupts";

/** Room for one decoded instruction that is run alone. */
const single = memory.data(OP_SIZE, 8);


/** INSTRUCTION_COUNT when translated code was entered that has not come back; NOT_ENTERED if there is none. */
let entered: u64 = u64.MAX_VALUE;
const NOT_ENTERED: u64 = u64.MAX_VALUE;

/** Goes on: nothing that attend() saw ends the run. */
const CONTINUE: i32 = -1;

/**
 * Runs until INSTRUCTION_LIMIT, HLT with nothing pending, shutdown (triple fault), or STOP_REQUEST.
 * @returns EXIT_*
 */
export function run(): u32 {
  settleFlags();
  tlbResize();
  if (load<u32>(CURRENT_OP) != 0) recover();
  if (load<u32>(EXCEPTION_PENDING) != 0) {
    if (!deliverPendingException()) return EXIT_SHUTDOWN;
    countOne();
  }
  while (true) {
    if (needsAttention()) {
      settleFlags();
      const exit = attend();
      if (exit != CONTINUE) return <u32>exit;
    }
    const count = load<u64>(INSTRUCTION_COUNT);
    const limit = load<u64>(INSTRUCTION_LIMIT);
    if (count >= limit) {
      settleFlags();
      return EXIT_BUDGET;
    }
    if (load<u32>(SINGLE_STEP) != 0) {
      step();
      continue;
    }
    const rip = load<u64>(RIP);
    const physical = fetchPhysical(rip);
    const mode = load<u32>(CODE_MODE);
    let block: u32 = 0;
    if (isPlain(physical)) {
      block = findBlock(<u32>physical, mode);
      if (block == 0) block = makeBlock(<u32>physical, mode);
    }
    if (block == 0) {
      settleFlags();
      step();
      continue;
    }
    const ops = load<u32>(block, BLOCK_COUNT);
    let room = limit - count;
    const translation = load<u32>(block, BLOCK_TRANSLATION);
    if (translation != 0 && room >= <u64>load<u32>(block, BLOCK_NEEDS) && load<u32>(INTERRUPT_SHADOW) == 0 && (mode == MODE_64 || isFlat32())) {
      const pageBase = rip - (physical & 0xfff);
      const base = pageBase - <u64><i64>load<i32>(block, BLOCK_DELTA);
      fillJump(rip, <u32>physical >> 12, block, base);
      runTranslation(translation, base, count, limit);
      continue;
    }
    settleFlags();
    if (heatUp(block, rip - (physical & 0xfff))) continue;
    if (load<u32>(INTERRUPT_SHADOW) != 0) {
      store<u32>(INTERRUPT_SHADOW, 0);
      room = 1;
    }
    const start = block + BLOCK_HEADER;
    store<u64>(CODE_BASE, rip - (physical & 0xfff));
    runBlock(start, start + (room < <u64>ops ? <u32>room : ops) * OP_SIZE, mode);
  }
}

/** Runs translated code, region after region, until it wants the run loop. `count` and `limit` are INSTRUCTION_*. */
// @ts-ignore: decorator
@inline function runTranslation(translation: u32, base: u64, count: u64, limit: u64): void {
  store<u64>(ENTRY_LIMIT, limit);
  store<u32>(BLOCK_LIMIT, 0xffffffff);
  store<u32>(LEAVE_CAUSE, 0);
  store<u64>(STATISTIC_REGION_ENTRIES, load<u64>(STATISTIC_REGION_ENTRIES) + 1);
  entered = count;
  const entry = translation & ((1 << ENTRY_BITS) - 1);
  call_indirect(load<u32>(ENTER_FUNCTION), entry, base, limit - count, translation >> ENTRY_BITS);
  // Handlers that ran within left their place.
  store<u64>(CURRENT_OP, 0);
  if (load<u32>(LEAVE_CAUSE) == LEAVE_HANDLER) finishBlock();
  else countTranslated();
  const counter = STATISTIC_LEAVES + (load<u32>(LEAVE_CAUSE) << 3);
  store<u64>(counter, load<u64>(counter) + 1);
}

/** Translated code has come back, or was left by a fault: what it retired goes to the statistics. */
// @ts-ignore: decorator
@inline function countTranslated(): void {
  const ran = load<u64>(INSTRUCTION_COUNT) - entered;
  store<u64>(STATISTIC_TRANSLATED_INSTRUCTIONS, load<u64>(STATISTIC_TRANSLATED_INSTRUCTIONS) + ran);
  entered = NOT_ENTERED;
}

/** Counts a run of a block by the interpreter; a hot one is queued. @returns true if all blocks were forgotten */
function heatUp(block: u32, pageBase: u64): bool {
  const heat = load<u32>(block, BLOCK_HEAT) + 1;
  store<u32>(block, heat, BLOCK_HEAT);
  if (heat != load<u32>(TRANSLATE_THRESHOLD)) return false;
  if (isFull()) {
    store<u64>(STATISTIC_EVICTIONS, load<u64>(STATISTIC_EVICTIONS) + 1);
    flushBlocks();
    return true;
  }
  if (!request(block, pageBase)) store<u32>(block, 0, BLOCK_HEAT);
  return false;
}

/** Runs decoded instructions from `start` up to `end`, or to where a handler moved BLOCK_LIMIT. */
// @ts-ignore: decorator
@inline function runBlock(start: u32, end: u32, mode: u32): void { runOps(start, start, end, mode); }

/** As runBlock(), from `op` on. What ran before it in the block is not counted yet. */
// @ts-ignore: decorator
@inline function runOps(op: u32, start: u32, end: u32, mode: u32): void {
  store<u32>(BLOCK_START, start);
  store<u32>(BLOCK_LIMIT, end);
  while (true) {
    store<u32>(CURRENT_OP, op);
    call_indirect(load<u32>(op, OP_HANDLER), op);
    op += OP_SIZE;
    if (op >= load<u32>(BLOCK_LIMIT)) break;
  }
  store<u64>(INSTRUCTION_COUNT, load<u64>(INSTRUCTION_COUNT) + ((op - start) / OP_SIZE));
  leave(op - OP_SIZE, mode);
}

/** Goes on by the interpreter with the block in which translated code left an instruction to its handler. */
function finishBlock(): void {
  settleFlags();
  const place = load<u32>(LEAVE_PLACE);
  const op = (place >> 6) << 4;
  const start = op - (place & 63) * OP_SIZE;
  const ops = load<u32>(start - BLOCK_HEADER, BLOCK_COUNT);
  store<u64>(INSTRUCTION_COUNT, load<u64>(INSTRUCTION_COUNT) - ops);
  countTranslated();
  runOps(op, start, start + ops * OP_SIZE, load<u32>(CODE_MODE));
}

/** After the last instruction that ran: RIP, unless it set RIP itself. */
// @ts-ignore: decorator
@inline function leave(op: u32, mode: u32): void {
  if ((load<u8>(op, OP_EA) & <u8>OP_EA_JUMPS) == 0) {
    const next = load<u64>(CODE_BASE) + <u64>load<u16>(op, OP_NEXT);
    store<u64>(RIP, mode == MODE_64 ? next : next & 0xffffffff);
  }
  // CURRENT_OP and BLOCK_START: no instruction is running.
  store<u64>(CURRENT_OP, 0);
}

/** An instruction was left by a fault: what ran before it counts, and RIP is its own. */
function recover(): void {
  const op = load<u32>(CURRENT_OP);
  store<u64>(INSTRUCTION_COUNT, load<u64>(INSTRUCTION_COUNT) + ((op - load<u32>(BLOCK_START)) / OP_SIZE));
  const rip = load<u64>(CODE_BASE) + <u64>load<u16>(op, OP_NEXT) - <u64>load<u8>(op, OP_LENGTH);
  store<u64>(RIP, load<u32>(CODE_MODE) == MODE_64 ? rip : rip & 0xffffffff);
  store<u64>(CURRENT_OP, 0);
  if (entered != NOT_ENTERED) countTranslated();
}

/** Runs one instruction with all that a running block need not look at: breakpoints, CS limit, TF, RF. */
function step(): void {
  store<u32>(INTERRUPT_SHADOW, 0);
  checkCodeBreakpoints();
  fetchSingle(<u32>single);
  const mode = load<u32>(CODE_MODE);
  runBlock(<u32>single, <u32>single + OP_SIZE, mode);
  finishStep();
}

function countOne(): void {
  store<u64>(INSTRUCTION_COUNT, load<u64>(INSTRUCTION_COUNT) + 1);
}

/** Between instructions: traps, NMI, interrupts, halt, the host's wish to stop. CONTINUE or EXIT_*. */
function attend(): i32 {
  const shadow = load<u32>(INTERRUPT_SHADOW) != 0;
  if (load<u32>(PENDING_DEBUG) != 0 && load<u32>(INTERRUPT_SHADOW) != SHADOW_SS) {
    deliverPendingDebug();
    store<u32>(HALTED, 0);
    countOne();
  }
  if (load<u32>(NMI_PENDING) != 0 && load<u32>(NMI_BLOCKED) == 0 && !shadow) {
    store<u32>(NMI_PENDING, 0);
    store<u32>(HALTED, 0);
    deliverNmi();
    countOne();
  } else if (load<u32>(INTERRUPT_PENDING) != 0 && (load<u32>(EFLAGS) & IF) != 0 && !shadow) {
    const vector = acknowledgeInterrupt();
    if (vector >= 0) {
      store<u32>(HALTED, 0);
      store<u64>(STATISTIC_INTERRUPTS, load<u64>(STATISTIC_INTERRUPTS) + 1);
      deliverInterrupt(<u32>vector);
      countOne();
    }
  }
  if (load<u32>(STOP_REQUEST) != 0) {
    store<u32>(STOP_REQUEST, 0);
    return EXIT_REQUEST;
  }
  return load<u32>(HALTED) != 0 ? EXIT_HALT : CONTINUE;
}
