// Moving data: MOV, LEA, MOVZX, MOVSX, MOVSXD, CMOVcc, SETcc, sign extension of the accumulator, XLAT, LAHF and SAHF,
// the flag instructions, and the no-operations. MOV of segment, control and debug registers is in system/.

import {
  ANY_REG,
  BYTE,
  FORM_MEMORY,
  FORM_REGISTER,
  IMM8S,
  IMMV,
  IMMZ,
  MODRM,
  MOFFS,
  NO64,
  REG_IN_OPCODE,
  RM_BYTE,
  TWO,
  define,
  defineForm,
  defineFormWidths,
  defineWidths,
} from "../decode/tables";
import { OPF_66, OPF_REX_W, immediate, opFlags, regAddress, rmAddress } from "../decode/instruction";
import { read, write } from "../memory/access";
import { EFLAGS, RAX, RBX, RDX } from "../state";
import { addressSize, effectiveOffset, linearAddress, operandAddress, operandSegment } from "./address";
import { CF, DF, getCF, getOF, getStatusFlags, setCF, setStatusFlags } from "./flags";
import { getRm, setReg, storeRegister } from "./operands";

// MOV

// @ts-ignore: decorator
@inline function movRegisterFromReg<T>(op: u32): void { storeRegister<T>(rmAddress(op), load<T>(regAddress(op))); }
// @ts-ignore: decorator
@inline function movMemoryFromReg<T>(op: u32): void {
  write<T>(operandAddress(op, sizeof<T>(), true), load<T>(regAddress(op)));
}
// @ts-ignore: decorator
@inline function movRegFromRegister<T>(op: u32): void { storeRegister<T>(regAddress(op), load<T>(rmAddress(op))); }
// @ts-ignore: decorator
@inline function movRegFromMemory<T>(op: u32): void {
  storeRegister<T>(regAddress(op), read<T>(operandAddress(op, sizeof<T>(), false)));
}
// @ts-ignore: decorator
@inline function movRegisterImmediate<T>(op: u32): void { storeRegister<T>(rmAddress(op), <T>immediate(op)); }
// @ts-ignore: decorator
@inline function movMemoryImmediate<T>(op: u32): void {
  write<T>(operandAddress(op, sizeof<T>(), true), <T>immediate(op));
}
// @ts-ignore: decorator
@inline function movRegImmediate<T>(op: u32): void { storeRegister<T>(regAddress(op), <T>immediate(op)); }

/** A0 to A3: a full offset in place of ModRM. */
function offsetAddress(op: u32, size: u32, isWrite: bool): u64 {
  return linearAddress(operandSegment(op), <u64>immediate(op), size, isWrite);
}
// @ts-ignore: decorator
@inline function movAccumulatorFromOffset<T>(op: u32): void {
  storeRegister<T>(RAX, read<T>(offsetAddress(op, sizeof<T>(), false)));
}
// @ts-ignore: decorator
@inline function movOffsetFromAccumulator<T>(op: u32): void {
  write<T>(offsetAddress(op, sizeof<T>(), true), load<T>(RAX));
}

function registerMov(): void {
  defineForm(0x88, ANY_REG, FORM_REGISTER, MODRM | BYTE, (op) => movRegisterFromReg<u8>(op));
  defineForm(0x88, ANY_REG, FORM_MEMORY, MODRM | BYTE, (op) => movMemoryFromReg<u8>(op));
  defineFormWidths(
    0x89, ANY_REG, FORM_REGISTER, MODRM,
    (op) => movRegisterFromReg<u16>(op),
    (op) => movRegisterFromReg<u32>(op),
    (op) => movRegisterFromReg<u64>(op),
  );
  defineFormWidths(
    0x89, ANY_REG, FORM_MEMORY, MODRM,
    (op) => movMemoryFromReg<u16>(op),
    (op) => movMemoryFromReg<u32>(op),
    (op) => movMemoryFromReg<u64>(op),
  );
  defineForm(0x8a, ANY_REG, FORM_REGISTER, MODRM | BYTE, (op) => movRegFromRegister<u8>(op));
  defineForm(0x8a, ANY_REG, FORM_MEMORY, MODRM | BYTE, (op) => movRegFromMemory<u8>(op));
  defineFormWidths(
    0x8b, ANY_REG, FORM_REGISTER, MODRM,
    (op) => movRegFromRegister<u16>(op),
    (op) => movRegFromRegister<u32>(op),
    (op) => movRegFromRegister<u64>(op),
  );
  defineFormWidths(
    0x8b, ANY_REG, FORM_MEMORY, MODRM,
    (op) => movRegFromMemory<u16>(op),
    (op) => movRegFromMemory<u32>(op),
    (op) => movRegFromMemory<u64>(op),
  );
  defineForm(0xc6, 0, FORM_REGISTER, MODRM | BYTE | IMM8S, (op) => movRegisterImmediate<u8>(op));
  defineForm(0xc6, 0, FORM_MEMORY, MODRM | BYTE | IMM8S, (op) => movMemoryImmediate<u8>(op));
  defineFormWidths(
    0xc7, 0, FORM_REGISTER, MODRM | IMMZ,
    (op) => movRegisterImmediate<u16>(op),
    (op) => movRegisterImmediate<u32>(op),
    (op) => movRegisterImmediate<u64>(op),
  );
  defineFormWidths(
    0xc7, 0, FORM_MEMORY, MODRM | IMMZ,
    (op) => movMemoryImmediate<u16>(op),
    (op) => movMemoryImmediate<u32>(op),
    (op) => movMemoryImmediate<u64>(op),
  );
  for (let n: u32 = 0; n < 8; n++) {
    define(0xb0 + n, REG_IN_OPCODE | BYTE | IMM8S, (op) => movRegImmediate<u8>(op));
    defineWidths(
      0xb8 + n, REG_IN_OPCODE | IMMV,
      (op) => movRegImmediate<u16>(op),
      (op) => movRegImmediate<u32>(op),
      (op) => movRegImmediate<u64>(op),
    );
  }
  define(0xa0, BYTE | MOFFS, (op) => movAccumulatorFromOffset<u8>(op));
  defineWidths(
    0xa1, MOFFS,
    (op) => movAccumulatorFromOffset<u16>(op),
    (op) => movAccumulatorFromOffset<u32>(op),
    (op) => movAccumulatorFromOffset<u64>(op),
  );
  define(0xa2, BYTE | MOFFS, (op) => movOffsetFromAccumulator<u8>(op));
  defineWidths(
    0xa3, MOFFS,
    (op) => movOffsetFromAccumulator<u16>(op),
    (op) => movOffsetFromAccumulator<u32>(op),
    (op) => movOffsetFromAccumulator<u64>(op),
  );
  // MOVNTI: a hint to caches that are not there.
  defineFormWidths(
    TWO | 0xc3, ANY_REG, FORM_MEMORY, MODRM,
    (op) => movMemoryFromReg<u32>(op),
    (op) => movMemoryFromReg<u32>(op),
    (op) => movMemoryFromReg<u64>(op),
  );
}

// LEA, MOVZX, MOVSX, MOVSXD

// @ts-ignore: decorator
@inline function lea<T>(op: u32): void { setReg<T>(op, <T>effectiveOffset(op)); }

/** To is the destination's type, signed for MOVSX; From the source's. */
// @ts-ignore: decorator
@inline function extendRegister<To, From>(op: u32): void { setReg<To>(op, <To>load<From>(rmAddress(op))); }
// @ts-ignore: decorator
@inline function extendMemory<To, From>(op: u32): void {
  setReg<To>(op, <To>read<From>(operandAddress(op, sizeof<From>(), false)));
}

/** MOVSXD in 64-bit mode. Elsewhere 63 is ARPL, which system/ registers: it calls this when the mode is MODE_64. */
export function movsxd(op: u32): void {
  if ((opFlags(op) & OPF_66) != 0 && (opFlags(op) & OPF_REX_W) == 0) setReg<u16>(op, getRm<u16>(op));
  else {
    const value = getRm<i32>(op);
    if ((opFlags(op) & OPF_REX_W) != 0) setReg<i64>(op, <i64>value);
    else setReg<i32>(op, value);
  }
}

function registerExtensions(): void {
  defineFormWidths(
    0x8d, ANY_REG, FORM_MEMORY, MODRM,
    (op) => lea<u16>(op),
    (op) => lea<u32>(op),
    (op) => lea<u64>(op),
  );
  defineFormWidths(
    TWO | 0xb6, ANY_REG, FORM_REGISTER, MODRM | RM_BYTE,
    (op) => extendRegister<u16, u8>(op),
    (op) => extendRegister<u32, u8>(op),
    (op) => extendRegister<u64, u8>(op),
  );
  defineFormWidths(
    TWO | 0xb6, ANY_REG, FORM_MEMORY, MODRM | RM_BYTE,
    (op) => extendMemory<u16, u8>(op),
    (op) => extendMemory<u32, u8>(op),
    (op) => extendMemory<u64, u8>(op),
  );
  defineFormWidths(
    TWO | 0xb7, ANY_REG, FORM_REGISTER, MODRM,
    (op) => extendRegister<u16, u16>(op),
    (op) => extendRegister<u32, u16>(op),
    (op) => extendRegister<u64, u16>(op),
  );
  defineFormWidths(
    TWO | 0xb7, ANY_REG, FORM_MEMORY, MODRM,
    (op) => extendMemory<u16, u16>(op),
    (op) => extendMemory<u32, u16>(op),
    (op) => extendMemory<u64, u16>(op),
  );
  defineFormWidths(
    TWO | 0xbe, ANY_REG, FORM_REGISTER, MODRM | RM_BYTE,
    (op) => extendRegister<i16, i8>(op),
    (op) => extendRegister<i32, i8>(op),
    (op) => extendRegister<i64, i8>(op),
  );
  defineFormWidths(
    TWO | 0xbe, ANY_REG, FORM_MEMORY, MODRM | RM_BYTE,
    (op) => extendMemory<i16, i8>(op),
    (op) => extendMemory<i32, i8>(op),
    (op) => extendMemory<i64, i8>(op),
  );
  defineFormWidths(
    TWO | 0xbf, ANY_REG, FORM_REGISTER, MODRM,
    (op) => extendRegister<i16, i16>(op),
    (op) => extendRegister<i32, i16>(op),
    (op) => extendRegister<i64, i16>(op),
  );
  defineFormWidths(
    TWO | 0xbf, ANY_REG, FORM_MEMORY, MODRM,
    (op) => extendMemory<i16, i16>(op),
    (op) => extendMemory<i32, i16>(op),
    (op) => extendMemory<i64, i16>(op),
  );
}

// The accumulator

function cbw(_op: u32): void { store<i16>(RAX, <i16>load<i8>(RAX)); }
function cwde(_op: u32): void { storeRegister<i32>(RAX, <i32>load<i16>(RAX)); }
function cdqe(_op: u32): void { store<i64>(RAX, <i64>load<i32>(RAX)); }
function cwd(_op: u32): void { store<i16>(RDX, load<i16>(RAX) >> 15); }
function cdq(_op: u32): void { storeRegister<i32>(RDX, load<i32>(RAX) >> 31); }
function cqo(_op: u32): void { store<i64>(RDX, load<i64>(RAX) >> 63); }

function xlat(op: u32): void {
  let offset = load<u64>(RBX) + <u64>load<u8>(RAX);
  const size = addressSize(op);
  if (size == 4) offset &= 0xffffffff;
  else if (size == 2) offset &= 0xffff;
  store<u8>(RAX, read<u8>(linearAddress(operandSegment(op), offset, 1, false)));
}

// Flags

function lahf(_op: u32): void { store<u8>(RAX, <u8>((getStatusFlags() & 0xd5) | 2), 1); }
function sahf(_op: u32): void { setStatusFlags((getOF() << 11) | (<u32>load<u8>(RAX, 1) & 0xd5)); }
function cmc(_op: u32): void { setCF(getCF() ^ CF); }
function clc(_op: u32): void { setCF(0); }
function stc(_op: u32): void { setCF(1); }
function cld(_op: u32): void { store<u32>(EFLAGS, load<u32>(EFLAGS) & ~DF); }
function std(_op: u32): void { store<u32>(EFLAGS, load<u32>(EFLAGS) | DF); }
/** Undocumented D6: AL = CF ? FF : 00. */
function salc(_op: u32): void { store<u8>(RAX, <u8>(0 - getCF())); }

function nop(_op: u32): void {}

/** Registers the instructions that move data and those that set single flags. */
export function registerData(): void {
  registerMov();
  registerExtensions();
  defineWidths(0x98, 0, cbw, cwde, cdqe);
  defineWidths(0x99, 0, cwd, cdq, cqo);
  define(0xd7, BYTE, xlat);
  define(0x9f, BYTE, lahf);
  define(0x9e, BYTE, sahf);
  define(0xf5, 0, cmc);
  define(0xf8, 0, clc);
  define(0xf9, 0, stc);
  define(0xfc, 0, cld);
  define(0xfd, 0, std);
  define(0xd6, NO64, salc);
  // 0F 0D: prefetch for writing; 0F 18 to 0F 1F: prefetches and hints, among them ENDBR and the long NOP.
  define(TWO | 0x0d, MODRM, nop);
  for (let opcode: u32 = 0x18; opcode < 0x20; opcode++) define(TWO | opcode, MODRM, nop);
}
