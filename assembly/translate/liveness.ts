// Whether the status flags that an instruction sets, or those with which a block begins, can be seen by anybody: within
// the block, up to the instruction that sets them all again.

import { OP_CODE, OP_EA, OP_EA_JUMPS, OP_SIZE, OP_WIDTH, immediate, isRegister, modrmReg } from "../decode/instruction";
import { ENDS, MODRM, TWO, attributesAddress } from "../decode/tables";
import { blockCount, blockOps, currentIndex, is64 } from "./context";

/** True for an opcode that does nothing: prefetches, hints, the long NOP. */
export function isHint(code: u32): bool { return code == (TWO | 0x0d) || (code >= (TWO | 0x18) && code <= (TWO | 0x1f)); }

/** True if an instruction may access memory. */
function touchesMemory(op: u32): bool {
  return !isRegister(op) && (load<u32>(attributesAddress(load<u16>(op, OP_CODE), 0, 0)) & MODRM) != 0;
}

/** Somebody may see them. */
export const FLAGS_LIVE: u32 = 0;
/** Nobody sees them in memory unless an instruction before the next that sets all flags is left to its handler. */
export const FLAGS_SHADOWED: u32 = 1;
/** Nobody sees them: another instruction sets all of them first, and nothing in between reads them or can fault. */
export const FLAGS_DEAD: u32 = 2;

/** Who can see the flags after the running instruction. What sees them beyond the block is its edges' business
 * (edges.ts), if the block ends by them. */
export function flagsLife(): u32 {
  let life = FLAGS_DEAD;
  for (let i = currentIndex + 1; i < blockCount; i++) {
    const op = blockOps + i * OP_SIZE;
    const effect = flagEffect(op);
    if (effect == FLAGS_SEEN) return FLAGS_LIVE;
    // What reads them finds them in locals.
    if (mayLeave(op) || effect == FLAGS_READ || effect == FLAGS_READ_AND_SET) life = FLAGS_SHADOWED;
    if (effect == FLAGS_SET || effect == FLAGS_READ_AND_SET) return life;
  }
  return endsByEdges(blockOps + (blockCount - 1) * OP_SIZE) ? FLAGS_SHADOWED : FLAGS_LIVE;
}

/** True if nobody can see the flags with which a block of `count` instructions begins. */
export function setsFlagsFirst(ops: u32, count: u32): bool {
  for (let i: u32 = 0; i < count; i++) {
    const op = ops + i * OP_SIZE;
    const effect = flagEffect(op);
    if ((effect != FLAGS_KEPT && effect != FLAGS_SET) || mayLeave(op)) return false;
    if (effect == FLAGS_SET) return true;
  }
  return false;
}

/** True if control goes on from a block's last instruction by direct jumps, or to the instruction after it. */
function endsByEdges(op: u32): bool {
  const code: u32 = load<u16>(op, OP_CODE);
  if ((load<u8>(op, OP_EA) & <u8>OP_EA_JUMPS) != 0) return isDirectJump(code);
  return (load<u32>(attributesAddress(code, u32(isRegister(op)), modrmReg(op))) & ENDS) == 0;
}

/** Jcc, JMP, LOOP and JRCXZ, near and short. */
export function isDirectJump(code: u32): bool { return isJumpIf(code) || (code >= 0xe0 && code <= 0xe3) || code == 0xe9 || code == 0xeb; }

function isJumpIf(code: u32): bool { return (code >= 0x70 && code <= 0x7f) || (code >= (TWO | 0x80) && code <= (TWO | 0x8f)); }

export function flagsAreDead(): bool { return flagsLife() == FLAGS_DEAD; }

/** True for an instruction with an operand in memory, explicit or on the stack. */
function mayLeave(op: u32): bool {
  const code: u32 = load<u16>(op, OP_CODE);
  if (code == 0x8d || isHint(code)) return false;
  return touchesMemory(op) || isStackMove(code) || code == 0xff || (code >= 0xa0 && code <= 0xa3);
}

/** PUSH and POP of registers, PUSH of an immediate, LEAVE. */
function isStackMove(code: u32): bool {
  return (code >= 0x50 && code <= 0x5f) || code == 0x68 || code == 0x6a || code == 0xc9;
}

/** Reads no flag; what it leaves of the flags is as before, or it changes some. */
const FLAGS_KEPT: u32 = 0;
/** Sets all flags, reads none. */
const FLAGS_SET: u32 = 1;
/** Sees them in memory, or may: nothing more is known of it. */
const FLAGS_SEEN: u32 = 2;
/** Reads some, changes none. */
const FLAGS_READ: u32 = 3;
const FLAGS_READ_AND_SET: u32 = 4;

/** What an instruction does to flags. One that changes some counts as one that keeps them: if what comes before it is
 * dead by what comes after it, its own flags are dead too, and it computes none; else it reads what is deferred. */
function flagEffect(op: u32): u32 {
  const code: u32 = load<u16>(op, OP_CODE);
  if (isHint(code) || isStackMove(code)) return FLAGS_KEPT;
  if (code < 0x40) {
    const operation = code >> 3;
    // ADC and SBB read the carry; the columns 6 and 7 are something else.
    if ((code & 7) > 5) return FLAGS_SEEN;
    return operation == 2 || operation == 3 ? FLAGS_READ_AND_SET : FLAGS_SET;
  }
  // Jcc, CMOVcc, SETcc.
  if (isJumpIf(code) || (code >= (TWO | 0x40) && code <= (TWO | 0x4f)) || (code >= (TWO | 0x90) && code <= (TWO | 0x9f))) {
    return FLAGS_READ;
  }
  switch (code) {
    case 0x80:
    case 0x81:
    case 0x83:
      return modrmReg(op) == 2 || modrmReg(op) == 3 ? FLAGS_READ_AND_SET : FLAGS_SET;
    case 0x84:
    case 0x85:
    case 0xa8:
    case 0xa9:
    case 0x69:
    case 0x6b:
    case TWO | 0xaf:
    case TWO | 0xb0:
    case TWO | 0xb1:
    case TWO | 0xbc:
    case TWO | 0xbd:
    case TWO | 0xc0:
    case TWO | 0xc1:
      return FLAGS_SET;
    case 0xe0:
    case 0xe1:
      return FLAGS_READ;
    case 0xe2:
    case 0xe3:
    case 0xe9:
    case 0xeb:
      return FLAGS_KEPT;
    case 0x63:
      // ARPL outside 64-bit mode.
      return is64 ? FLAGS_KEPT : FLAGS_SEEN;
    case 0xc0:
    case 0xc1:
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
      return shiftEffect(op, code);
    case 0xf6:
    case 0xf7:
      return group3Effect(modrmReg(op));
    case 0xfe:
    case 0xff:
      return modrmReg(op) < 2 || modrmReg(op) == 6 ? FLAGS_KEPT : FLAGS_SEEN;
    default:
      return isMove(code) ? FLAGS_KEPT : FLAGS_SEEN;
  }
}

function shiftEffect(op: u32, code: u32): u32 {
  const operation = modrmReg(op);
  // RCL and RCR read the carry; rotates keep four flags; by CL it may be by nothing.
  if (operation == 2 || operation == 3) return FLAGS_SEEN;
  if (operation < 2 || code >= 0xd2) return FLAGS_KEPT;
  const count: u32 = code >= 0xd0 ? 1 : <u32>immediate(op) & (load<u8>(op, OP_WIDTH) == 8 ? 63 : 31);
  return count == 0 ? FLAGS_KEPT : FLAGS_SET;
}

/** TEST, NOT, NEG, MUL, IMUL; divisions fault by their operands. */
function group3Effect(operation: u32): u32 {
  if (operation > 5) return FLAGS_SEEN;
  return operation == 2 ? FLAGS_KEPT : FLAGS_SET;
}

/** Those that have nothing to do with flags, INC and DEC, and BT and its kin: see flagEffect(). */
function isMove(code: u32): bool {
  if (code >= 0x40 && code <= 0x4f) return true;
  if (code >= 0x90 && code <= 0x99) return true;
  if (code >= 0xa0 && code <= 0xa3) return true;
  if (code >= 0xb0 && code <= 0xbf) return true;
  if (code >= (TWO | 0xc8) && code <= (TWO | 0xcf)) return true;
  switch (code) {
    case 0x86:
    case 0x87:
    case 0x88:
    case 0x89:
    case 0x8a:
    case 0x8b:
    case 0x8d:
    case 0xc6:
    case 0xc7:
    case TWO | 0xa3:
    case TWO | 0xab:
    case TWO | 0xb3:
    case TWO | 0xba:
    case TWO | 0xbb:
    case TWO | 0xb6:
    case TWO | 0xb7:
    case TWO | 0xbe:
    case TWO | 0xbf:
      return true;
    default:
      return false;
  }
}
