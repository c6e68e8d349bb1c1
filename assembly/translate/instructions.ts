// Which emitter translates which instruction.

import { OP_CODE, OP_EA, OP_EA_JUMPS, OP_WIDTH, modrm, modrmReg, regAddress } from "../decode/instruction";
import { FS, GS, RAX } from "../state";
import { emitBitScan, emitBitTest, emitPopulationCount } from "./bits";
import { emitCall, emitIndirect, emitJump, emitJumpIf, emitLoop, emitReturn } from "./control";
import { emitByteSwap, emitCompareExchange, emitExchange, emitExchangeAdd } from "./exchange";
import { flushFlags } from "./flags";
import { emitHandler } from "./handler";
import { emitBinary, emitBinaryImmediate, emitGroup3, emitIncDec, emitTest } from "./integer";
import { emitLight } from "./light";
import { isDirectJump, isHint } from "./liveness";
import {
  emitConditionalMove,
  emitConvert,
  emitConvertDouble,
  emitExtend,
  emitLea,
  emitMove,
  emitMoveImmediate,
  emitMoveOffset,
  emitSet,
} from "./move";
import { emitMultiply } from "./multiply";
import { emitDoubleShift, emitShift } from "./shift";
import { emitLeave, emitPop, emitPush, emitPushSegment } from "./stack";
import { emitCarry, emitClearInterrupt, emitDirection, emitSetInterrupt, emitSwapBase } from "./status";
import { emitString } from "./string";
import { emitVector } from "./vector";

/** Emits an instruction. @returns true if it left the block: nothing after it is reached */
export function emitInstruction(op: u32): bool {
  const jumps = (load<u8>(op, OP_EA) & <u8>OP_EA_JUMPS) != 0;
  if (jumps) {
    if (!isDirectJump(load<u16>(op, OP_CODE))) flushFlags();
    if (!emitBranch(op)) emitHandler(op);
    return true;
  }
  if (!emitPlain(op) && !emitVector(op) && !emitLight(op)) emitHandler(op);
  return false;
}

function emitBranch(op: u32): bool {
  const code: u32 = load<u16>(op, OP_CODE);
  if ((code >= 0x70 && code <= 0x7f) || (code >= 0x180 && code <= 0x18f)) return emitJumpIf(op);
  switch (code) {
    case 0xa4:
    case 0xa5:
    case 0xa6:
    case 0xa7:
    case 0xaa:
    case 0xab:
    case 0xac:
    case 0xad:
    case 0xae:
    case 0xaf:
      return emitString(op);
    case 0xe0:
    case 0xe1:
    case 0xe2:
    case 0xe3:
      return emitLoop(op);
    case 0xe9:
    case 0xeb:
      return emitJump(op);
    case 0xe8:
      return emitCall(op);
    case 0xc2:
    case 0xc3:
      return emitReturn(op);
    case 0xff:
      return (modrmReg(op) == 2 || modrmReg(op) == 4) && emitIndirect(op);
    default:
      return false;
  }
}

function emitPlain(op: u32): bool {
  const code: u32 = load<u16>(op, OP_CODE);
  if (code < 0x40) {
    if ((code & 7) < 6) return emitBinary(op);
    // ES, CS, SS, DS.
    return (code & 0x27) == 6 && emitPushSegment(op, code >> 3);
  }
  if (code >= 0x40 && code <= 0x4f) return emitIncDec(op, code >= 0x48, true);
  if (code >= 0x50 && code <= 0x57) return emitPush(op);
  if (code >= 0x58 && code <= 0x5f) return emitPop(op);
  if (code >= 0xb0 && code <= 0xbf) return emitMoveImmediate(op);
  if (code >= 0x140 && code <= 0x14f) return emitConditionalMove(op, code & 15);
  if (code >= 0x190 && code <= 0x19f) return emitSet(op, code & 15);
  if (code >= 0x1c8 && code <= 0x1cf) return emitByteSwap(op);
  if (code >= 0x91 && code <= 0x97) return emitExchange(op);
  switch (code) {
    case 0x63:
      // ARPL outside 64-bit mode.
      return load<u8>(op, OP_WIDTH) == 8 && emitExtend(op, 2, true);
    case 0x68:
    case 0x6a:
      return emitPush(op);
    case 0x69:
    case 0x6b:
    case 0x1af:
      return emitMultiply(op);
    case 0x80:
    case 0x81:
    case 0x83:
      return emitBinaryImmediate(op);
    case 0x84:
    case 0x85:
    case 0xa8:
    case 0xa9:
      return emitTest(op);
    case 0x86:
    case 0x87:
      return emitExchange(op);
    case 0x88:
    case 0x89:
    case 0x8a:
    case 0x8b:
    case 0xc6:
    case 0xc7:
      return emitMove(op);
    case 0x8d:
      return emitLea(op);
    case 0x90:
      // NOP and PAUSE, but XCHG with R8.
      return regAddress(op) == RAX || emitExchange(op);
    case 0x98:
      return emitConvert(op);
    case 0x99:
      return emitConvertDouble(op);
    case 0xa0:
    case 0xa1:
    case 0xa2:
    case 0xa3:
      return emitMoveOffset(op);
    case 0xc0:
    case 0xc1:
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
      return emitShift(op);
    case 0xc9:
      return emitLeave(op);
    case 0xf5:
    case 0xf8:
    case 0xf9:
      return emitCarry(op);
    case 0xf6:
    case 0xf7:
      return emitGroup3(op);
    case 0xfa:
      return emitClearInterrupt(op);
    case 0xfb:
      return emitSetInterrupt(op);
    case 0xfc:
    case 0xfd:
      return emitDirection(op);
    case 0xfe:
      return modrmReg(op) < 2 && emitIncDec(op, modrmReg(op) == 1, false);
    case 0xff:
      if (modrmReg(op) < 2) return emitIncDec(op, modrmReg(op) == 1, false);
      return modrmReg(op) == 6 && emitPush(op);
    case 0x101:
      return modrm(op) == 0xf8 && emitSwapBase();
    case 0x1a0:
      return emitPushSegment(op, FS);
    case 0x1a8:
      return emitPushSegment(op, GS);
    case 0x1a3:
    case 0x1ab:
    case 0x1b3:
    case 0x1ba:
    case 0x1bb:
      return emitBitTest(op);
    case 0x1a4:
    case 0x1a5:
    case 0x1ac:
    case 0x1ad:
      return emitDoubleShift(op);
    case 0x1b0:
    case 0x1b1:
      return emitCompareExchange(op);
    case 0x1b6:
      return emitExtend(op, 0, false);
    case 0x1b7:
      return emitExtend(op, 1, false);
    case 0x1b8:
      return emitPopulationCount(op);
    case 0x1bc:
    case 0x1bd:
      return emitBitScan(op);
    case 0x1be:
      return emitExtend(op, 0, true);
    case 0x1bf:
      return emitExtend(op, 1, true);
    case 0x1c0:
    case 0x1c1:
      return emitExchangeAdd(op);
    default:
      // Prefetches, hints, the long NOP.
      return isHint(code);
  }
}
