// x87 instructions with an operand in memory: its place is found inline, the rest is a call that cannot fault
// (execute/x87/direct.ts). FNSTSW AX is inline. All others are light calls of their handlers.

import { OP_CODE, OP_EA, isRegister, modrm, modrmReg } from "../decode/instruction";
import { integerSize } from "../execute/x87/direct";
import { ES_SUMMARY } from "../execute/x87/state";
import { CR0, FPU_STATUS, FS, RAX, TLB_READ_TAG, TLB_WRITE_TAG } from "../state";
import { CR0_EM, CR0_TS } from "../system/mode";
import { LOCAL_ADDRESS, LOCAL_POINTER, currentOp, pushCodeBase } from "./context";
import { leaveToHandlerIf } from "./exits";
import { FUNCTION_X87_INTEGER, FUNCTION_X87_LOAD, FUNCTION_X87_OPERATE, FUNCTION_X87_STORE } from "./module";
import { popRegister } from "./operands";
import { canAddress, computeAddress, locateMemory, locateWithoutFill } from "./memory";
import {
  I32_AND,
  I32_LOAD,
  I32_LOAD16_U,
  I32_OR,
  I64_LOAD16_U,
  access,
  byte,
  call,
  i32Const,
  localGet,
  localSet,
} from "./wasm";

/** @returns false if the instruction is none of these */
export function emitX87(op: u32): bool {
  const code: u32 = load<u16>(op, OP_CODE);
  if (code < 0xd8 || code > 0xdf) return false;
  if (isRegister(op)) return code == 0xdf && modrm(op) == 0xe0 && emitStatus();
  // With a base, the offset that the FPU notes is another than the address.
  if ((<u32>load<u8>(op, OP_EA) & 7) >= FS) return false;
  const reg = modrmReg(op);
  switch (code) {
    case 0xd8:
    case 0xda:
      return emitCall(op, FUNCTION_X87_OPERATE, 2, false);
    case 0xdc:
      return emitCall(op, FUNCTION_X87_OPERATE, 3, false);
    case 0xde:
      return emitCall(op, FUNCTION_X87_OPERATE, 1, false);
    case 0xd9:
    case 0xdd: {
      const size: u32 = code == 0xd9 ? 2 : 3;
      if (reg == 0) return emitCall(op, FUNCTION_X87_LOAD, size, false);
      if (reg == 2 || reg == 3) return emitCall(op, FUNCTION_X87_STORE, size, true);
      return code == 0xdd && reg == 1 && emitInteger(op, reg);
    }
    case 0xdb:
      return reg < 4 && emitInteger(op, reg);
    default:
      return (reg < 4 || reg == 5 || reg == 7) && emitInteger(op, reg);
  }
}

function emitInteger(op: u32, reg: u32): bool {
  return emitCall(op, FUNCTION_X87_INTEGER, ctz<u32>(integerSize(op)), reg != 0 && reg != 5);
}

function emitCall(op: u32, index: u32, size: u32, write: bool): bool {
  if (!canAddress(op, write)) return false;
  requireFpu(true);
  computeAddress(op);
  // A store whose exception is not masked does not write.
  if (write) locateWithoutFill(size, TLB_WRITE_TAG);
  else locateMemory(size, TLB_READ_TAG);
  localSet(LOCAL_POINTER);
  i32Const(currentOp);
  pushCodeBase();
  localGet(LOCAL_ADDRESS);
  localGet(LOCAL_POINTER);
  call(index);
  return true;
}

/** FNSTSW AX. */
function emitStatus(): bool {
  requireFpu(false);
  i32Const(0);
  access(I64_LOAD16_U, FPU_STATUS);
  popRegister(RAX, 1);
  return true;
}

/** Leaves the instruction to its handler, which faults, if the FPU is not to be used or, for one that waits, has an
 * exception pending. */
function requireFpu(waits: bool): void {
  i32Const(0);
  access(I32_LOAD, CR0);
  i32Const(<u32>(CR0_EM | CR0_TS));
  byte(I32_AND);
  if (waits) {
    i32Const(0);
    access(I32_LOAD16_U, FPU_STATUS);
    i32Const(ES_SUMMARY);
    byte(I32_AND);
    byte(I32_OR);
  }
  leaveToHandlerIf();
}
