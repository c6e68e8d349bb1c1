// Bytes to one decoded instruction (decode/instruction.ts), by the attributes that decode/tables.ts holds.
// SDM volume 2, chapter 2.

import {
  CS,
  DS,
  ES,
  FS,
  GS,
  MODE_32,
  MODE_64,
  RAX,
  REGS,
  RSP,
  SS,
  ZERO_REG,
  DECODE_HANDLERS,
} from "../state";
import {
  EA_64_ADDRESS_32,
  EA_BASED,
  EA_PLAIN,
  EA_RIP,
  EA_RIP_32,
  EA_RIP_BASED,
  EA_SEGMENTED_16,
  EA_SEGMENTED_32,
  OPF_66,
  OPF_ADDRESS_16,
  OPF_ADDRESS_32,
  OPF_F2,
  OPF_F3,
  OPF_LOCK,
  OPF_REGISTER,
  OPF_REX_W,
  OP_CODE,
  OP_DISPLACEMENT,
  OP_EA,
  OP_EA_JUMPS,
  OP_FLAGS,
  OP_HANDLER,
  OP_IMMEDIATE,
  OP_INDEX,
  OP_LENGTH,
  OP_MODRM,
  OP_NEXT,
  OP_REG,
  OP_RM,
  OP_SCALE,
  OP_WIDTH,
} from "./instruction";
import {
  BYTE,
  DEFAULT64,
  ENDS,
  FORCE64,
  Handler,
  IMM16,
  IMM8S,
  IMM8U,
  IMMENTER,
  IMMFAR,
  IMMV,
  IMMZ,
  IMM_IF_TEST,
  IMM_MASK,
  JUMPS,
  LOCKABLE,
  MAP_38,
  MAP_3A,
  MODRM,
  MOFFS,
  NO64,
  ONE,
  PP_66,
  PP_F2,
  PP_F3,
  PP_NONE,
  PREFIXED,
  REG_IN_OPCODE,
  RM_BYTE,
  RM_REGISTER_ONLY,
  STACK,
  TWO,
  VARIANTS,
  attributesAddress,
} from "./tables";
import { EXCEPTION_GP, EXCEPTION_UD, raise, raiseWithCode } from "../system/exceptions";

/** Longest instruction: one more byte raises #GP(0). */
export const MAX_LENGTH: u32 = 15;

/** decode() needs bytes beyond those it was given. */
export const DECODE_MORE: u32 = 0;
/** Results of decode(): the instruction may be followed by others in its block, or ends it. */
export const DECODE_GOES_ON: u32 = 1;
export const DECODE_ENDS: u32 = 2;

/** What a translator sees in place of any encoding that is undefined: an instruction that only faults. */
const UD2: u32 = TWO | 0x0b;

function undefinedOpcode(_op: u32): void {
  raise(EXCEPTION_UD);
}
function tooLong(_op: u32): void {
  raiseWithCode(EXCEPTION_GP, 0);
}

const undefinedHandler: Handler = undefinedOpcode;
const tooLongHandler: Handler = tooLong;

// The cursor. Globals, because several small functions advance it.
let cursor: u32 = 0;
let limit: u32 = 0;
/** Set when the cursor passed the limit. */
let short: bool = false;

// @ts-ignore: decorator
@inline function take<T>(): T {
  const at = cursor;
  cursor += sizeof<T>();
  if (cursor > limit) {
    short = true;
    return <T>0;
  }
  return load<T>(at);
}

/** State address of a byte register: without REX, 4..7 are AH CH DH BH. */
function byteRegister(number: u32, rex: u32): u32 {
  if (rex == 0 && number >= 4 && number < 8) return REGS + ((number - 4) << 3) + 1;
  return REGS + (number << 3);
}

/**
 * Decodes one instruction.
 * @param op where the decoded instruction goes
 * @param bytes address in linear memory of its first byte
 * @param available how many bytes may be read there
 * @param pageOffset offset of the instruction in its linear page
 * @returns DECODE_MORE, DECODE_GOES_ON or DECODE_ENDS
 */
export function decode(op: u32, bytes: u32, available: u32, mode: u32, pageOffset: u32): u32 {
  cursor = bytes;
  limit = bytes + min(available, MAX_LENGTH);
  short = false;

  // Prefixes.
  let flags: u32 = 0;
  let rex: u32 = 0;
  let segmentPrefix: u32 = 8;
  let address67 = false;
  let byte: u32 = 0;
  for (;;) {
    byte = take<u8>();
    if (short) return outOfBytes(op, bytes, available, pageOffset);
    if ((byte & 0xf0) == 0x40 && mode == MODE_64) {
      rex = byte;
      continue;
    }
    let prefix = true;
    switch (byte) {
      case 0x66:
        flags |= OPF_66;
        break;
      case 0x67:
        address67 = true;
        break;
      case 0xf0:
        flags |= OPF_LOCK;
        break;
      case 0xf2:
        flags = (flags & ~OPF_F3) | OPF_F2;
        break;
      case 0xf3:
        flags = (flags & ~OPF_F2) | OPF_F3;
        break;
      case 0x26:
        segmentPrefix = ES;
        break;
      case 0x2e:
        segmentPrefix = CS;
        break;
      case 0x36:
        segmentPrefix = SS;
        break;
      case 0x3e:
        segmentPrefix = DS;
        break;
      case 0x64:
        segmentPrefix = FS;
        break;
      case 0x65:
        segmentPrefix = GS;
        break;
      default:
        prefix = false;
    }
    if (!prefix) break;
    // REX counts only right before the opcode.
    rex = 0;
  }
  if ((rex & 8) != 0) flags |= OPF_REX_W;
  // In 64-bit mode only FS and GS are segments.
  if (mode == MODE_64 && segmentPrefix < FS) segmentPrefix = 8;

  // Opcode.
  let key = ONE + byte;
  if (byte == 0x0f) {
    byte = take<u8>();
    key = TWO + byte;
    if (byte == 0x38) key = MAP_38 + <u32>take<u8>();
    else if (byte == 0x3a) key = MAP_3A + <u32>take<u8>();
    if (short) return outOfBytes(op, bytes, available, pageOffset);
  }

  // ModRM: which form and which member of a group.
  let modrm: u32 = 0;
  let form: u32 = 0;
  let group: u32 = 0;
  const hasModrm = (load<u32>(attributesAddress(key, 0, 0)) & MODRM) != 0;
  if (hasModrm) {
    modrm = take<u8>();
    if (short) return outOfBytes(op, bytes, available, pageOffset);
    group = (modrm >> 3) & 7;
    form = u32(modrm >= 0xc0);
  }
  let attributes = load<u32>(attributesAddress(key, form, group));
  if ((attributes & RM_REGISTER_ONLY) != 0 && form == 0) {
    form = 1;
    attributes = load<u32>(attributesAddress(key, form, group));
  }

  // Sizes.
  const addressBytes: u32 =
    mode == MODE_64 ? (address67 ? 4 : 8) : (mode == MODE_32) != address67 ? 4 : 2;
  if (addressBytes == 4) flags |= OPF_ADDRESS_32;
  else if (addressBytes == 2) flags |= OPF_ADDRESS_16;
  const has66 = (flags & OPF_66) != 0;
  let width: u32;
  let variant: u32;
  if ((attributes & PREFIXED) != 0) {
    variant = (flags & OPF_F3) != 0 ? PP_F3 : (flags & OPF_F2) != 0 ? PP_F2 : has66 ? PP_66 : PP_NONE;
    width = (rex & 8) != 0 ? 8 : 4;
  } else {
    if ((attributes & BYTE) != 0) width = 1;
    else if (mode == MODE_64) {
      if ((rex & 8) != 0 || (attributes & FORCE64) != 0) width = 8;
      else width = has66 ? 2 : (attributes & DEFAULT64) != 0 ? 8 : 4;
    } else width = (mode == MODE_32) != has66 ? 4 : 2;
    variant = width == 8 ? 3 : width >> 1;
  }

  store<u8>(op, <u8>width, OP_WIDTH);
  store<u16>(op, <u16>key, OP_CODE);
  store<u8>(op, <u8>modrm, OP_MODRM);
  store<u16>(op, <u16>ZERO_REG, OP_INDEX);
  store<u8>(op, 0, OP_SCALE);
  store<i32>(op, 0, OP_DISPLACEMENT);

  // Operands.
  let segment: u32 = segmentPrefix < 8 ? segmentPrefix : (attributes & STACK) != 0 ? SS : DS;
  let kind: u32 = EA_PLAIN;
  let reg: u32 = RAX;
  let rm: u32 = ZERO_REG;
  if (hasModrm) {
    const regNumber = group | ((rex & 4) << 1);
    reg = (attributes & BYTE) != 0 ? byteRegister(regNumber, rex) : REGS + (regNumber << 3);
    if (form == 1) {
      const rmNumber = (modrm & 7) | ((rex & 1) << 3);
      rm = (attributes & (BYTE | RM_BYTE)) != 0 ? byteRegister(rmNumber, rex) : REGS + (rmNumber << 3);
      flags |= OPF_REGISTER;
    } else if (addressBytes == 2) {
      rm = memoryOperand16(op, modrm);
      kind = EA_SEGMENTED_16;
      if (segmentPrefix == 8 && usesBp16(modrm)) segment = SS;
    } else {
      rm = memoryOperand(op, modrm, rex);
      const ripRelative = mode == MODE_64 && (modrm & 0xc7) == 5;
      if (mode != MODE_64) kind = EA_SEGMENTED_32;
      else if (addressBytes == 4) kind = ripRelative ? EA_RIP_32 : EA_64_ADDRESS_32;
      else if (segmentPrefix < 8) kind = ripRelative ? EA_RIP_BASED : EA_BASED;
      else kind = ripRelative ? EA_RIP : EA_PLAIN;
      if (segmentPrefix == 8 && !ripRelative && (rm == RSP || rm == RSP + 8)) segment = SS;
    }
  } else if ((attributes & REG_IN_OPCODE) != 0) {
    const number = (byte & 7) | ((rex & 1) << 3);
    reg = (attributes & BYTE) != 0 ? byteRegister(number, rex) : REGS + (number << 3);
  }
  store<u16>(op, <u16>reg, OP_REG);
  store<u16>(op, <u16>rm, OP_RM);

  let immediateKind = attributes & IMM_MASK;
  if ((attributes & IMM_IF_TEST) != 0 && group > 1) immediateKind = 0;
  takeImmediate(op, immediateKind, width, addressBytes);
  if (short) return outOfBytes(op, bytes, available, pageOffset);

  const length = cursor - bytes;
  const invalid =
    (mode == MODE_64 && (attributes & NO64) != 0) ||
    ((flags & OPF_LOCK) != 0 && !((attributes & LOCKABLE) != 0 && form == 0 && hasModrm));
  let handler = load<u32>(DECODE_HANDLERS + ((key * VARIANTS + (form << 5) + (group << 2) + variant) << 2));
  if (handler == 0 || invalid) {
    handler = load<u32>(changetype<usize>(undefinedHandler));
    attributes = ENDS;
    store<u16>(op, <u16>UD2, OP_CODE);
  }
  const jumps = (attributes & JUMPS) != 0;
  store<u32>(op, handler, OP_HANDLER);
  store<u8>(op, <u8>length, OP_LENGTH);
  store<u16>(op, <u16>(pageOffset + length), OP_NEXT);
  store<u8>(op, <u8>flags, OP_FLAGS);
  store<u8>(op, <u8>(segment | (kind << 3) | (jumps ? OP_EA_JUMPS : 0)), OP_EA);
  return (attributes & (ENDS | JUMPS)) != 0 ? DECODE_ENDS : DECODE_GOES_ON;
}

/** The bytes ran out: more are needed, or the instruction is longer than any may be. */
function outOfBytes(op: u32, _bytes: u32, available: u32, pageOffset: u32): u32 {
  if (available < MAX_LENGTH) return DECODE_MORE;
  memory.fill(op, 0, 32);
  store<u32>(op, load<u32>(changetype<usize>(tooLongHandler)), OP_HANDLER);
  store<u16>(op, <u16>UD2, OP_CODE);
  store<u8>(op, <u8>MAX_LENGTH, OP_LENGTH);
  store<u16>(op, <u16>(pageOffset + MAX_LENGTH), OP_NEXT);
  return DECODE_ENDS;
}

/** SDM volume 2, tables 2-2 and 2-3: 32- and 64-bit forms. Stores index, scale, displacement; returns the base. */
function memoryOperand(op: u32, modrm: u32, rex: u32): u32 {
  const mod = modrm >> 6;
  let base = modrm & 7;
  let address = REGS + ((base | ((rex & 1) << 3)) << 3);
  if (base == 4) {
    const sib: u32 = take<u8>();
    base = sib & 7;
    address = REGS + ((base | ((rex & 1) << 3)) << 3);
    const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
    if (index != 4) {
      store<u16>(op, <u16>(REGS + (index << 3)), OP_INDEX);
      store<u8>(op, <u8>(sib >> 6), OP_SCALE);
    }
  }
  if (mod == 0) {
    // No base, or RIP-relative: the caller tells them apart by the ModRM byte.
    if (base == 5) {
      address = ZERO_REG;
      store<i32>(op, take<i32>(), OP_DISPLACEMENT);
    }
  } else if (mod == 1) store<i32>(op, <i32>take<i8>(), OP_DISPLACEMENT);
  else store<i32>(op, take<i32>(), OP_DISPLACEMENT);
  return address;
}

/** SDM volume 2, table 2-1: 16-bit forms. */
function memoryOperand16(op: u32, modrm: u32): u32 {
  const mod = modrm >> 6;
  const rm = modrm & 7;
  let base: u32 = REGS + 3 * 8; // BX
  let index: u32 = ZERO_REG;
  if (rm == 2 || rm == 3 || rm == 6) base = REGS + 5 * 8; // BP
  else if (rm == 4) base = REGS + 6 * 8; // SI
  else if (rm == 5) base = REGS + 7 * 8; // DI
  if (rm == 0 || rm == 2) index = REGS + 6 * 8;
  else if (rm == 1 || rm == 3) index = REGS + 7 * 8;
  if (mod == 0) {
    if (rm == 6) {
      base = ZERO_REG;
      store<i32>(op, <i32>take<u16>(), OP_DISPLACEMENT);
    }
  } else if (mod == 1) store<i32>(op, <i32>take<i8>(), OP_DISPLACEMENT);
  else store<i32>(op, <i32>take<i16>(), OP_DISPLACEMENT);
  store<u16>(op, <u16>index, OP_INDEX);
  return base;
}

/** 16-bit forms with BP address the stack segment. */
function usesBp16(modrm: u32): bool {
  const rm = modrm & 7;
  return rm == 2 || rm == 3 || (rm == 6 && modrm >> 6 != 0);
}

function takeImmediate(op: u32, kind: u32, width: u32, addressBytes: u32): void {
  let value: i64 = 0;
  switch (kind) {
    case 0:
      break;
    case IMM8S:
      value = take<i8>();
      break;
    case IMM8U:
      value = take<u8>();
      break;
    case IMM16:
      value = take<u16>();
      break;
    case IMMZ:
      value = width == 2 ? <i64>take<i16>() : <i64>take<i32>();
      break;
    case IMMV:
      if (width == 8) value = take<i64>();
      else value = width == 4 ? <i64>take<u32>() : width == 2 ? <i64>take<u16>() : <i64>take<u8>();
      break;
    case MOFFS:
      if (addressBytes == 8) value = take<i64>();
      else value = addressBytes == 4 ? <i64>take<u32>() : <i64>take<u16>();
      break;
    case IMMENTER:
      value = take<u16>();
      value |= <i64>take<u8>() << 16;
      break;
    case IMMFAR:
      value = width == 2 ? <i64>take<u16>() : <i64>take<u32>();
      value |= <i64>take<u16>() << 32;
      break;
    default:
      unreachable();
  }
  store<i64>(op, value, OP_IMMEDIATE);
}
