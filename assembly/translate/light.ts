// What handlers change, of the instructions that translated code leaves to the interpreter: x87, MMX and SSE, and
// those integer and system instructions that are seen now and then. Of general registers they change few, and of flags
// most touch none; their other state lies in memory for both engines.

import { OP_CODE, isRegister, modrm, modrmReg, regAddress, rmAddress } from "../decode/instruction";
import { TWO } from "../decode/tables";
import { RAX, RBP, RCX, RDX, RSP } from "../state";
import { loadTlbSet } from "./context";
import {
  LIGHT_KEEPS_FLAGS,
  LIGHT_READS_FLAGS,
  LIGHT_SETS_FLAGS,
  emitLightHandler,
  registerSet,
} from "./handler";

/** Leaves an instruction to its handler by a light call. @returns false if this one needs all state in memory */
export function emitLight(op: u32): bool {
  const code: u32 = load<u16>(op, OP_CODE);
  if (code >= 0xd8 && code <= 0xdf) return emitX87(op, code);
  switch (code >> 8) {
    case 0:
      return emitInteger(op, code);
    case 1:
      return isVector(code) ? emitVector(op, code) : emitSystem(op, code);
    case 2:
      // MOVBE and CRC32; PTEST.
      if (code >= 0x2f0) return leave(op, registerSet(regAddress(op)), LIGHT_KEEPS_FLAGS);
      return leave(op, 0, code == 0x217 ? LIGHT_SETS_FLAGS : LIGHT_KEEPS_FLAGS);
    default:
      return emitVectorWithImmediate(op, code);
  }
}

function leave(op: u32, writes: u32, flags: u32): bool {
  emitLightHandler(op, writes, flags);
  return true;
}

/** What a general register as r/m adds to the registers written. */
// @ts-ignore: decorator
@inline function rmSet(op: u32): u32 { return isRegister(op) ? registerSet(rmAddress(op)) : 0; }

function emitX87(op: u32, code: u32): bool {
  const group = modrmReg(op);
  if (!isRegister(op)) return leave(op, 0, LIGHT_KEEPS_FLAGS);
  // FNSTSW AX; FCOMI and its kin; FCMOVcc. r/m is no general register.
  if (code == 0xdf && group == 4) return leave(op, registerSet(RAX), LIGHT_KEEPS_FLAGS);
  if ((code == 0xdb || code == 0xdf) && (group == 5 || group == 6)) return leave(op, 0, LIGHT_SETS_FLAGS);
  if ((code == 0xda || code == 0xdb) && group < 4) return leave(op, 0, LIGHT_READS_FLAGS);
  return leave(op, 0, LIGHT_KEEPS_FLAGS);
}

/** MMX and SSE in the map of 0F. */
function isVector(code: u32): bool {
  const low = code & 0xff;
  return (
    (low >= 0x10 && low < 0x18) ||
    (low >= 0x28 && low < 0x30) ||
    (low >= 0x50 && low < 0x80) ||
    low == 0xae ||
    low == 0xc2 ||
    (low >= 0xc4 && low <= 0xc6) ||
    (low >= 0xd0 && low < 0xff)
  );
}

function emitVector(op: u32, code: u32): bool {
  switch (code) {
    case TWO | 0x2c:
    case TWO | 0x2d:
    case TWO | 0x50:
    case TWO | 0xc5:
    case TWO | 0xd7:
      // CVT(T)SS2SI and its kin, MOVMSKPS, PEXTRW, PMOVMSKB. Of those that convert to MMX it names no such register.
      return leave(op, registerSet(regAddress(op)), LIGHT_KEEPS_FLAGS);
    case TWO | 0x2e:
    case TWO | 0x2f:
      return leave(op, 0, LIGHT_SETS_FLAGS);
    case TWO | 0x7e:
    case TWO | 0xae:
      // MOVD and MOVQ to r/m; with F3 the bases of FS and GS.
      return leave(op, rmSet(op), LIGHT_KEEPS_FLAGS);
    default:
      return leave(op, 0, LIGHT_KEEPS_FLAGS);
  }
}

function emitVectorWithImmediate(op: u32, code: u32): bool {
  const low = code & 0xff;
  // PCMPESTRM and its kin: PCMPESTRI and PCMPISTRI have the place in RCX.
  if (low >= 0x60 && low < 0x64) return leave(op, (low & 1) != 0 ? registerSet(RCX) : 0, LIGHT_SETS_FLAGS);
  // PEXTRB and its kin.
  return leave(op, low >= 0x14 && low < 0x18 ? rmSet(op) : 0, LIGHT_KEEPS_FLAGS);
}

function emitInteger(op: u32, code: u32): bool {
  const stack = registerSet(RSP);
  // Pushes and pops of 16 bits.
  if (code >= 0x50 && code <= 0x57) return leave(op, stack, LIGHT_KEEPS_FLAGS);
  if (code >= 0x58 && code <= 0x5f) return leave(op, stack | registerSet(regAddress(op)), LIGHT_KEEPS_FLAGS);
  switch (code) {
    case 0x68:
    case 0x6a:
    case 0x07:
    case 0x1f:
      // POP ES, POP DS.
      return leave(op, stack, LIGHT_KEEPS_FLAGS);
    case 0x69:
    case 0x6b:
      return leave(op, registerSet(regAddress(op)), LIGHT_SETS_FLAGS);
    case 0x8c:
      // MOV from a segment register.
      return leave(op, rmSet(op), LIGHT_KEEPS_FLAGS);
    case 0x8e:
      return leave(op, 0, LIGHT_KEEPS_FLAGS);
    case 0x8f:
      return leave(op, stack | rmSet(op), LIGHT_KEEPS_FLAGS);
    case 0x9c:
      return leave(op, stack, LIGHT_READS_FLAGS);
    case 0x9d:
      // Its block ends here: a change of privilege to access memory is seen at the next entry.
      return leave(op, stack, LIGHT_SETS_FLAGS);
    case 0x9e:
      return leave(op, 0, LIGHT_READS_FLAGS | LIGHT_SETS_FLAGS);
    case 0x9f:
      return leave(op, registerSet(RAX), LIGHT_READS_FLAGS);
    case 0xc8:
      return leave(op, stack | registerSet(RBP), LIGHT_KEEPS_FLAGS);
    case 0xd7:
      return leave(op, registerSet(RAX), LIGHT_KEEPS_FLAGS);
    case 0xf6:
    case 0xf7:
      // MUL and IMUL; DIV and IDIV.
      if (modrmReg(op) < 4) return false;
      return leave(op, registerSet(RAX) | registerSet(RDX), modrmReg(op) < 6 ? LIGHT_SETS_FLAGS : LIGHT_KEEPS_FLAGS);
    default:
      return false;
  }
}

function emitSystem(op: u32, code: u32): bool {
  switch (code) {
    case TWO | 0x20:
    case TWO | 0x21:
      // From control and debug registers.
      return leave(op, rmSet(op), LIGHT_KEEPS_FLAGS);
    case TWO | 0xaf:
      return leave(op, registerSet(regAddress(op)), LIGHT_SETS_FLAGS);
    case TWO | 0xc7:
      // CMPXCHG8B and CMPXCHG16B: ZF alone.
      if (isRegister(op)) return false;
      return leave(op, registerSet(RAX) | registerSet(RDX), LIGHT_READS_FLAGS | LIGHT_SETS_FLAGS);
    case TWO | 0x01:
      // RDTSCP.
      if (modrm(op) == 0xf9) return leave(op, registerSet(RAX) | registerSet(RCX) | registerSet(RDX), LIGHT_KEEPS_FLAGS);
      // CLAC and STAC.
      if (modrm(op) != 0xca && modrm(op) != 0xcb) return false;
      leave(op, 0, LIGHT_KEEPS_FLAGS);
      loadTlbSet();
      return true;
    case TWO | 0xa1:
    case TWO | 0xa9:
      // POP FS, POP GS.
      return leave(op, registerSet(RSP), LIGHT_KEEPS_FLAGS);
    case TWO | 0x31:
      return leave(op, registerSet(RAX) | registerSet(RDX), LIGHT_KEEPS_FLAGS);
    default:
      return false;
  }
}
