// A decoded instruction: 32 bytes in the code arena. The decoder writes it once; the interpreter runs it, and
// a translator reads it. Every field is fixed at decode time and holds for any linear address that the physical
// page is mapped at: RIP comes from CODE_BASE at run time.

import { CODE_BASE, FPU_REGISTERS, REGS, XMM } from "../state";

/** u32, index of the handler in the function table. */
export const OP_HANDLER: u32 = 0;
/** u8, length in bytes, 1..15. */
export const OP_LENGTH: u32 = 4;
/** u8, operand size in bytes: 1, 2, 4, 8. */
export const OP_WIDTH: u32 = 5;
/** u16, offset in the page of the next instruction; may pass 4096 for one that crosses into the next page. */
export const OP_NEXT: u32 = 6;
/** u16, map << 8 | opcode. */
export const OP_CODE: u32 = 8;
/** u8, the ModRM byte. */
export const OP_MODRM: u32 = 10;
/** u8, OPF_* */
export const OP_FLAGS: u32 = 11;
/** u16, state address of the r/m register if OPF_REGISTER, else of the base register (ZERO_REG if none). */
export const OP_RM: u32 = 12;
/** u16, state address of the index register (ZERO_REG if none). */
export const OP_INDEX: u32 = 14;
/** u16, state address of the register operand (ModRM.reg, or the low three opcode bits). */
export const OP_REG: u32 = 16;
/** u8, log2 of the index scale. */
export const OP_SCALE: u32 = 18;
/** u8, segment 2:0, EA_* kind 6:3, bit 7: OP_EA_JUMPS. */
export const OP_EA: u32 = 19;
/** The handler stores RIP itself, in every case. */
export const OP_EA_JUMPS: u32 = 0x80;
/** i32 */
export const OP_DISPLACEMENT: u32 = 20;
/** i64, immediate, sign- or zero-extended as the instruction defines. */
export const OP_IMMEDIATE: u32 = 24;
export const OP_SIZE: u32 = 32;

/** r/m is a register. */
export const OPF_REGISTER: u32 = 1;
export const OPF_LOCK: u32 = 2;
/** Last repeat prefix was F3. */
export const OPF_F3: u32 = 4;
/** Last repeat prefix was F2. */
export const OPF_F2: u32 = 8;
/** Prefix 66 is present. */
export const OPF_66: u32 = 16;
export const OPF_REX_W: u32 = 32;
/** Address size is 2 bytes below the default's width class: see addressSize(). */
export const OPF_ADDRESS_32: u32 = 64;
export const OPF_ADDRESS_16: u32 = 128;

/** Address kinds. EA_PLAIN: 64-bit, no segment base. */
export const EA_PLAIN: u32 = 0;
/** 64-bit with the base of FS or GS. */
export const EA_BASED: u32 = 1;
/** 64-bit code, address-size prefix: 32-bit offset, then the segment base. */
export const EA_64_ADDRESS_32: u32 = 2;
/** 16- and 32-bit code: offset of 32 or 16 bits, checked against the segment. */
export const EA_SEGMENTED_32: u32 = 3;
export const EA_SEGMENTED_16: u32 = 4;
/** RIP-relative, 64-bit, no segment base; and with one; and with a 32-bit offset. */
export const EA_RIP: u32 = 5;
export const EA_RIP_BASED: u32 = 6;
export const EA_RIP_32: u32 = 7;

// @ts-ignore: decorator
@inline export function opFlags(i: u32): u32 { return load<u8>(i, OP_FLAGS); }
// @ts-ignore: decorator
@inline export function isRegister(i: u32): bool { return (load<u8>(i, OP_FLAGS) & <u8>OPF_REGISTER) != 0; }
/** State address of the register operand. */
// @ts-ignore: decorator
@inline export function regAddress(i: u32): u32 { return load<u16>(i, OP_REG); }
/** State address of the r/m register; meaningful if isRegister(). */
// @ts-ignore: decorator
@inline export function rmAddress(i: u32): u32 { return load<u16>(i, OP_RM); }
/** Operand size in bytes. */
// @ts-ignore: decorator
@inline export function operandWidth(i: u32): u32 { return load<u8>(i, OP_WIDTH); }
// @ts-ignore: decorator
@inline export function modrm(i: u32): u32 { return load<u8>(i, OP_MODRM); }
/** ModRM.reg without REX.R, 0..7. */
// @ts-ignore: decorator
@inline export function modrmReg(i: u32): u32 { return (load<u8>(i, OP_MODRM) >> 3) & 7; }
// @ts-ignore: decorator
@inline export function immediate(i: u32): i64 { return load<i64>(i, OP_IMMEDIATE); }
/** RIP of the instruction after this one. */
// @ts-ignore: decorator
@inline export function nextRip(i: u32): u64 { return load<u64>(CODE_BASE) + <u64>load<u16>(i, OP_NEXT); }
/** RIP of this instruction. */
// @ts-ignore: decorator
@inline export function thisRip(i: u32): u64 { return nextRip(i) - <u64>load<u8>(i, OP_LENGTH); }
/** State address of the XMM register that ModRM.reg (with REX.R) names. */
// @ts-ignore: decorator
@inline export function xmmReg(i: u32): u32 { return XMM + ((load<u16>(i, OP_REG) - REGS) << 1); }
/** State address of the XMM register that ModRM.rm (with REX.B) names; meaningful if isRegister(). */
// @ts-ignore: decorator
@inline export function xmmRm(i: u32): u32 { return XMM + ((load<u16>(i, OP_RM) - REGS) << 1); }
/** State address of the MMX register (the significand of a physical x87 register) that ModRM.reg names. */
// @ts-ignore: decorator
@inline export function mmxReg(i: u32): u32 { return FPU_REGISTERS + (modrmReg(i) << 4); }
// @ts-ignore: decorator
@inline export function mmxRm(i: u32): u32 { return FPU_REGISTERS + ((modrm(i) & 7) << 4); }
