// Flags in translated code. An operation leaves its operands and result in locals, with a kind that says how flags
// follow from them (translate/support.ts); a condition is tested on those, straight where the kind is known.

import { OP_CODE, OP_SIZE, isRegister, modrmReg } from "../decode/instruction";
import {
  KIND_UNKNOWN,
  LOCAL_A,
  LOCAL_B,
  LOCAL_FLAG_A,
  LOCAL_FLAG_B,
  LOCAL_FLAG_KIND,
  LOCAL_FLAG_RESULT,
  LOCAL_RESULT,
  blockCount,
  blockOps,
  currentIndex,
  currentOp,
  flagKind,
  is64,
  setFlagKind,
} from "./context";
import { MODRM, attributesAddress } from "../decode/tables";
import { FUNCTION_CONDITION } from "./module";
import { KIND_ADD, KIND_DEC, KIND_INC, KIND_LOGIC, KIND_RAW, KIND_SUB } from "./support";
import {
  I32_EQZ,
  I32_OR,
  I32_WRAP_I64,
  I64_EQZ,
  I64_EXTEND16_S,
  I64_EXTEND32_S,
  I64_EXTEND8_S,
  I64_LE_S,
  I64_LE_U,
  I64_LT_S,
  I64_LT_U,
  I64_SHR_U,
  byte,
  call,
  i32Const,
  i64Const,
  localGet,
  localSet,
} from "./wasm";

/** The flags now follow from LOCAL_A, LOCAL_B and LOCAL_RESULT. */
export function setFlags(kind: u32, size: u32): void {
  if (kind != KIND_LOGIC) {
    localGet(LOCAL_A);
    localSet(LOCAL_FLAG_A);
    localGet(LOCAL_B);
    localSet(LOCAL_FLAG_B);
  }
  localGet(LOCAL_RESULT);
  localSet(LOCAL_FLAG_RESULT);
  noteKind(kind | size);
}

/** The flags now follow from the flag locals by this kind. */
export function noteKind(kind: u32): void {
  i32Const(kind);
  localSet(LOCAL_FLAG_KIND);
  setFlagKind(kind);
}

/** Sign-extends the i64 on the stack from a width. */
export function signExtend(size: u32): void {
  if (size == 0) byte(I64_EXTEND8_S);
  else if (size == 1) byte(I64_EXTEND16_S);
  else if (size == 2) byte(I64_EXTEND32_S);
}

function pushSigned(local: u32, size: u32): void {
  localGet(local);
  signExtend(size);
}

/** Pushes 0 or 1 (i32): a condition code, 0..15. */
export function pushCondition(code: u32): void {
  if (!pushKnown(code >> 1)) {
    localGet(LOCAL_FLAG_KIND);
    localGet(LOCAL_FLAG_A);
    localGet(LOCAL_FLAG_B);
    localGet(LOCAL_FLAG_RESULT);
    i32Const(code & ~1);
    call(FUNCTION_CONDITION);
  }
  if ((code & 1) != 0) byte(I32_EQZ);
}

/** Pushes a condition (code without its lowest bit, halved) if it follows straight from the kind; else false. */
function pushKnown(condition: u32): bool {
  if (flagKind == KIND_UNKNOWN) return false;
  const kind = flagKind & ~3;
  const size = flagKind & 3;
  switch (condition) {
    case 1:
      return pushCarry(kind);
    case 2:
      pushZero();
      return true;
    case 3:
      if (kind == KIND_SUB) {
        localGet(LOCAL_FLAG_A);
        localGet(LOCAL_FLAG_B);
        byte(I64_LE_U);
        return true;
      }
      if (!pushCarry(kind)) return false;
      pushZero();
      byte(I32_OR);
      return true;
    case 4:
      if (kind == KIND_RAW) return false;
      pushSign(size);
      return true;
    case 6:
      if (kind == KIND_SUB) {
        pushSigned(LOCAL_FLAG_A, size);
        pushSigned(LOCAL_FLAG_B, size);
        byte(I64_LT_S);
        return true;
      }
      if (kind != KIND_LOGIC) return false;
      pushSign(size);
      return true;
    case 7:
      if (kind == KIND_SUB) {
        pushSigned(LOCAL_FLAG_A, size);
        pushSigned(LOCAL_FLAG_B, size);
        byte(I64_LE_S);
        return true;
      }
      if (kind != KIND_LOGIC) return false;
      pushSigned(LOCAL_FLAG_RESULT, size);
      i64Const(0);
      byte(I64_LE_S);
      return true;
    default:
      return false;
  }
}

function pushZero(): void {
  localGet(LOCAL_FLAG_RESULT);
  byte(I64_EQZ);
}

function pushSign(size: u32): void {
  localGet(LOCAL_FLAG_RESULT);
  i64Const((8 << size) - 1);
  byte(I64_SHR_U);
  byte(I32_WRAP_I64);
}

function pushCarry(kind: u32): bool {
  switch (kind) {
    case KIND_RAW:
      localGet(LOCAL_FLAG_A);
      i64Const(63);
      byte(I64_SHR_U);
      byte(I32_WRAP_I64);
      return true;
    case KIND_ADD:
      localGet(LOCAL_FLAG_RESULT);
      localGet(LOCAL_FLAG_A);
      byte(I64_LT_U);
      return true;
    case KIND_SUB:
      localGet(LOCAL_FLAG_A);
      localGet(LOCAL_FLAG_B);
      byte(I64_LT_U);
      return true;
    case KIND_LOGIC:
      i32Const(0);
      return true;
    case KIND_INC:
    case KIND_DEC:
      localGet(LOCAL_FLAG_B);
      byte(I32_WRAP_I64);
      return true;
    default:
      return false;
  }
}

/** True if an instruction may access memory. */
function touchesMemory(op: u32): bool {
  return !isRegister(op) && (load<u32>(attributesAddress(load<u16>(op, OP_CODE), 0, 0)) & MODRM) != 0;
}

/** True if the flags after the running instruction can be seen by nobody: another sets all of them first, and nothing
 * in between reads them or can fault. After an access to memory an interrupt may be due: its handler sees them. */
export function flagsAreDead(): bool {
  if (touchesMemory(currentOp)) return false;
  for (let i = currentIndex + 1; i < blockCount; i++) {
    const op = blockOps + i * OP_SIZE;
    const effect = flagEffect(op);
    if (effect == FLAGS_SET) return true;
    if (effect != FLAGS_KEPT) return false;
  }
  return false;
}

const FLAGS_KEPT: u32 = 0;
const FLAGS_SET: u32 = 1;
const FLAGS_SEEN: u32 = 2;

/** What a following instruction does to flags; only what is sure not to fault before it sets them is "set". */
function flagEffect(op: u32): u32 {
  const code: u32 = load<u16>(op, OP_CODE);
  if (code < 0x40) {
    const form = code & 7;
    const operation = code >> 3;
    // ADC and SBB read the carry; forms 6 and 7 are something else.
    if (operation == 2 || operation == 3 || form > 5) return FLAGS_SEEN;
    return form > 3 || isRegister(op) ? FLAGS_SET : FLAGS_SEEN;
  }
  const register = isRegister(op);
  switch (code) {
    case 0x80:
    case 0x81:
    case 0x83:
      return register && modrmReg(op) != 2 && modrmReg(op) != 3 ? FLAGS_SET : FLAGS_SEEN;
    case 0x84:
    case 0x85:
      return register ? FLAGS_SET : FLAGS_SEEN;
    case 0xa8:
    case 0xa9:
      return FLAGS_SET;
    case 0x63:
      // ARPL outside 64-bit mode.
      return register && is64 ? FLAGS_KEPT : FLAGS_SEEN;
    case 0x88:
    case 0x89:
    case 0x8a:
    case 0x8b:
    case 0xc6:
    case 0xc7:
    case 0x1b6:
    case 0x1b7:
    case 0x1be:
    case 0x1bf:
      return register ? FLAGS_KEPT : FLAGS_SEEN;
    case 0x8d:
      return FLAGS_KEPT;
    default:
      if (code >= 0xb0 && code <= 0xbf) return FLAGS_KEPT;
      if (code >= 0x1c8 && code <= 0x1cf) return FLAGS_KEPT;
      return FLAGS_SEEN;
  }
}
