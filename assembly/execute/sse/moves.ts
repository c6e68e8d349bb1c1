// Moves: whole registers, halves and elements, between XMM, MMX and general registers and memory. Cache hints of the
// non-temporal forms have no meaning here; their alignment does.

import {
  OPF_REX_W,
  immediate,
  isRegister,
  mmxReg,
  mmxRm,
  opFlags,
  regAddress,
  xmmReg,
  xmmRm,
} from "../../decode/instruction";
import {
  FORM_MEMORY,
  FORM_REGISTER,
  ANY_REG,
  IMM8U,
  MAP_38,
  MAP_3A,
  MODRM,
  PP_66,
  PP_F2,
  PP_F3,
  PP_NONE,
  TWO,
  definePrefixed,
  definePrefixedForm,
} from "../../decode/tables";
import { probeWrite, write, writeVector } from "../../memory/access";
import { RDI } from "../../state";
import { addressSize, linearAddress, operandAddress, operandSegment } from "../address";
import { getRm, setRm, storeRegister } from "../operands";
import { enterMmx, storeMmx } from "../x87/state";
import {
  alignedAddress,
  checkMmx,
  checkSse,
  first,
  putLow32,
  putLow64,
  putMmx,
  setAligned,
  setMemory64,
  setUnaligned,
  source32,
  source64,
  source128,
  sourceMmx,
  sourceUnaligned,
} from "./operands";

// 128 bits.
function loadAligned(op: u32): void { v128.store(xmmReg(op), source128(op)); }
function loadUnaligned(op: u32): void { v128.store(xmmReg(op), sourceUnaligned(op)); }
function storeAligned(op: u32): void { setAligned(op, first<v128>(op)); }
function storeUnaligned(op: u32): void { setUnaligned(op, first<v128>(op)); }

// Scalars: from memory they clear the rest of the register, from a register they keep it.
function movssLoad(op: u32): void {
  const value = source32(op);
  if (isRegister(op)) putLow32(op, value);
  else v128.store(xmmReg(op), i32x4.replace_lane(i32x4.splat(0), 0, value));
}
function movsdLoad(op: u32): void {
  const value = source64(op);
  if (isRegister(op)) putLow64(op, value);
  else movqLoad64(op, value);
}
function movssStore(op: u32): void {
  checkSse();
  const value = load<u32>(xmmReg(op));
  if (isRegister(op)) store<u32>(xmmRm(op), value);
  else write<u32>(operandAddress(op, 4, true), value);
}
function movsdStore(op: u32): void {
  checkSse();
  const value = load<u64>(xmmReg(op));
  if (isRegister(op)) store<u64>(xmmRm(op), value);
  else write<u64>(operandAddress(op, 8, true), value);
}

/** MOVQ xmm: clears the upper half. */
function movqLoad64(op: u32, value: u64): void {
  store<u64>(xmmReg(op), value);
  store<u64>(xmmReg(op), 0, 8);
}
function movqLoad(op: u32): void { movqLoad64(op, source64(op)); }
function movqStore(op: u32): void {
  checkSse();
  const value = load<u64>(xmmReg(op));
  if (isRegister(op)) {
    store<u64>(xmmRm(op), value);
    store<u64>(xmmRm(op), 0, 8);
  } else write<u64>(operandAddress(op, 8, true), value);
}

// Halves: MOVLPS, MOVHPS, and between registers MOVHLPS, MOVLHPS.
function loadLow(op: u32): void { putLow64(op, source64(op)); }
function loadHigh(op: u32): void { store<u64>(xmmReg(op), source64(op), 8); }
function storeLow(op: u32): void { setMemory64(op, load<u64>(xmmReg(op))); }
function storeHigh(op: u32): void { setMemory64(op, load<u64>(xmmReg(op), 8)); }
function movhlps(op: u32): void {
  checkSse();
  store<u64>(xmmReg(op), load<u64>(xmmRm(op), 8));
}

// Duplicates.
function movddup(op: u32): void { v128.store(xmmReg(op), i64x2.splat(source64(op))); }
function movsldup(op: u32): void {
  const value = source128(op);
  v128.store(xmmReg(op), v128.shuffle<i32>(value, value, 0, 0, 2, 2));
}
function movshdup(op: u32): void {
  const value = source128(op);
  v128.store(xmmReg(op), v128.shuffle<i32>(value, value, 1, 1, 3, 3));
}

// MOVD and MOVQ between general registers or memory and XMM or MMX: REX.W makes 64 bits.
function movdToXmm(op: u32): void {
  checkSse();
  movqLoad64(op, (opFlags(op) & OPF_REX_W) != 0 ? getRm<u64>(op) : <u64>getRm<u32>(op));
}
function movdFromXmm(op: u32): void {
  checkSse();
  if ((opFlags(op) & OPF_REX_W) != 0) setRm<u64>(op, load<u64>(xmmReg(op)));
  else setRm<u32>(op, load<u32>(xmmReg(op)));
}
function movdToMmx(op: u32): void {
  checkMmx();
  putMmx(op, (opFlags(op) & OPF_REX_W) != 0 ? getRm<u64>(op) : <u64>getRm<u32>(op));
}
function movdFromMmx(op: u32): void {
  checkMmx();
  if ((opFlags(op) & OPF_REX_W) != 0) setRm<u64>(op, load<u64>(mmxReg(op)));
  else setRm<u32>(op, load<u32>(mmxReg(op)));
  enterMmx();
}
function movqMmxLoad(op: u32): void { putMmx(op, sourceMmx(op)); }
function movqMmxStore(op: u32): void {
  checkMmx();
  const value = load<u64>(mmxReg(op));
  if (isRegister(op)) storeMmx(mmxRm(op), value);
  else write<u64>(operandAddress(op, 8, true), value);
  enterMmx();
}
function movq2dq(op: u32): void {
  checkSse();
  checkMmx();
  const value = load<u64>(mmxRm(op));
  enterMmx();
  movqLoad64(op, value);
}
function movdq2q(op: u32): void {
  checkSse();
  checkMmx();
  putMmx(op, load<u64>(xmmRm(op)));
}

/** MOVNTDQA: memory only, aligned. */
function movntdqa(op: u32): void { v128.store(xmmReg(op), source128(op)); }
function storeNonTemporal(op: u32): void {
  checkSse();
  writeVector(alignedAddress(op, true), first<v128>(op));
}

/** Linear address of `size` bytes at DS:(E/R)DI (segment override allowed), for MASKMOVQ and MASKMOVDQU. */
function maskedAddress(op: u32, offset: u32): u64 {
  const size = addressSize(op);
  const start = load<u64>(RDI) + offset;
  const wrapped = size == 8 ? start : size == 4 ? start & 0xffffffff : start & 0xffff;
  return linearAddress(operandSegment(op), wrapped, 1, true);
}

/** Writes the bytes of `value` whose mask byte has its top bit set; every page is checked before the first write. */
function writeMasked(op: u32, value: v128, mask: u32): void {
  const scratch = scratchBytes;
  v128.store(scratch, value);
  for (let n: u32 = 0; n < 16; n++) if ((mask & (1 << n)) != 0) probeWrite(maskedAddress(op, n), 1);
  for (let n: u32 = 0; n < 16; n++) if ((mask & (1 << n)) != 0) write<u8>(maskedAddress(op, n), load<u8>(scratch + n));
}
const scratchBytes = memory.data(16, 16);

function maskmovdqu(op: u32): void {
  checkSse();
  writeMasked(op, first<v128>(op), i8x16.bitmask(v128.load(xmmRm(op))));
}
function maskmovq(op: u32): void {
  checkMmx();
  writeMasked(op, v128.load64_zero(mmxReg(op)), i8x16.bitmask(v128.load64_zero(mmxRm(op))));
  enterMmx();
}

// Elements into and out of a register. A register destination is zero-extended to its full width.
// @ts-ignore: decorator
@inline function elementAddress(op: u32, size: u32): u32 {
  return xmmReg(op) + (<u32>immediate(op) & (16 / size - 1)) * size;
}
function pextrb(op: u32): void {
  checkSse();
  const value = load<u8>(elementAddress(op, 1));
  if (isRegister(op)) setRm<u32>(op, value);
  else setRm<u8>(op, value);
}
function pextrwStore(op: u32): void {
  checkSse();
  const value = load<u16>(elementAddress(op, 2));
  if (isRegister(op)) setRm<u32>(op, value);
  else setRm<u16>(op, value);
}
function pextrd(op: u32): void {
  checkSse();
  if ((opFlags(op) & OPF_REX_W) != 0) setRm<u64>(op, load<u64>(elementAddress(op, 8)));
  else setRm<u32>(op, load<u32>(elementAddress(op, 4)));
}
function extractps(op: u32): void {
  checkSse();
  setRm<u32>(op, load<u32>(elementAddress(op, 4)));
}
function pextrw(op: u32): void {
  checkSse();
  storeRegister<u32>(regAddress(op), load<u16>(xmmRm(op) + ((<u32>immediate(op) & 7) << 1)));
}
function pextrwMmx(op: u32): void {
  checkMmx();
  storeRegister<u32>(regAddress(op), load<u16>(mmxRm(op) + ((<u32>immediate(op) & 3) << 1)));
  enterMmx();
}
function pinsrb(op: u32): void {
  checkSse();
  store<u8>(elementAddress(op, 1), isRegister(op) ? <u8>getRm<u32>(op) : getRm<u8>(op));
}
function pinsrw(op: u32): void {
  checkSse();
  store<u16>(elementAddress(op, 2), isRegister(op) ? <u16>getRm<u32>(op) : getRm<u16>(op));
}
function pinsrwMmx(op: u32): void {
  checkMmx();
  const value = isRegister(op) ? <u16>getRm<u32>(op) : getRm<u16>(op);
  store<u16>(mmxReg(op) + ((<u32>immediate(op) & 3) << 1), value);
  putMmx(op, load<u64>(mmxReg(op)));
}
function pinsrd(op: u32): void {
  checkSse();
  if ((opFlags(op) & OPF_REX_W) != 0) store<u64>(elementAddress(op, 8), getRm<u64>(op));
  else store<u32>(elementAddress(op, 4), getRm<u32>(op));
}
/** INSERTPS: source element 7:6 (of a register), destination element 5:4, elements to clear 3:0. */
function insertps(op: u32): void {
  const control = <u32>immediate(op);
  checkSse();
  const value = isRegister(op) ? load<u32>(xmmRm(op) + ((control >> 6) << 2)) : source32(op);
  store<u32>(xmmReg(op) + (((control >> 4) & 3) << 2), value);
  for (let n: u32 = 0; n < 4; n++) if ((control & (1 << n)) != 0) store<u32>(xmmReg(op) + (n << 2), 0);
}

// Sign bits.
function movmskps(op: u32): void {
  checkSse();
  storeRegister<u32>(regAddress(op), i32x4.bitmask(v128.load(xmmRm(op))));
}
function movmskpd(op: u32): void {
  checkSse();
  storeRegister<u32>(regAddress(op), i64x2.bitmask(v128.load(xmmRm(op))));
}
function pmovmskb(op: u32): void {
  checkSse();
  storeRegister<u32>(regAddress(op), i8x16.bitmask(v128.load(xmmRm(op))));
}
function pmovmskbMmx(op: u32): void {
  checkMmx();
  storeRegister<u32>(regAddress(op), i8x16.bitmask(v128.load64_zero(mmxRm(op))));
  enterMmx();
}

function memoryForm(key: u32, prefix: u32, handler: (op: u32) => void): void {
  definePrefixedForm(key, prefix, ANY_REG, FORM_MEMORY, MODRM, handler);
}
function registerForm(key: u32, prefix: u32, handler: (op: u32) => void): void {
  definePrefixedForm(key, prefix, ANY_REG, FORM_REGISTER, MODRM, handler);
}

export function registerMoves(): void {
  definePrefixed(TWO | 0x10, PP_NONE, MODRM, loadUnaligned);
  definePrefixed(TWO | 0x10, PP_66, MODRM, loadUnaligned);
  definePrefixed(TWO | 0x10, PP_F3, MODRM, movssLoad);
  definePrefixed(TWO | 0x10, PP_F2, MODRM, movsdLoad);
  definePrefixed(TWO | 0x11, PP_NONE, MODRM, storeUnaligned);
  definePrefixed(TWO | 0x11, PP_66, MODRM, storeUnaligned);
  definePrefixed(TWO | 0x11, PP_F3, MODRM, movssStore);
  definePrefixed(TWO | 0x11, PP_F2, MODRM, movsdStore);
  memoryForm(TWO | 0x12, PP_NONE, loadLow);
  registerForm(TWO | 0x12, PP_NONE, movhlps);
  memoryForm(TWO | 0x12, PP_66, loadLow);
  definePrefixed(TWO | 0x12, PP_F3, MODRM, movsldup);
  definePrefixed(TWO | 0x12, PP_F2, MODRM, movddup);
  memoryForm(TWO | 0x13, PP_NONE, storeLow);
  memoryForm(TWO | 0x13, PP_66, storeLow);
  // MOVHPS from memory and MOVLHPS differ in nothing but the operand.
  definePrefixed(TWO | 0x16, PP_NONE, MODRM, loadHigh);
  memoryForm(TWO | 0x16, PP_66, loadHigh);
  definePrefixed(TWO | 0x16, PP_F3, MODRM, movshdup);
  memoryForm(TWO | 0x17, PP_NONE, storeHigh);
  memoryForm(TWO | 0x17, PP_66, storeHigh);
  definePrefixed(TWO | 0x28, PP_NONE, MODRM, loadAligned);
  definePrefixed(TWO | 0x28, PP_66, MODRM, loadAligned);
  definePrefixed(TWO | 0x29, PP_NONE, MODRM, storeAligned);
  definePrefixed(TWO | 0x29, PP_66, MODRM, storeAligned);
  memoryForm(TWO | 0x2b, PP_NONE, storeNonTemporal);
  memoryForm(TWO | 0x2b, PP_66, storeNonTemporal);
  registerForm(TWO | 0x50, PP_NONE, movmskps);
  registerForm(TWO | 0x50, PP_66, movmskpd);
  definePrefixed(TWO | 0x6e, PP_NONE, MODRM, movdToMmx);
  definePrefixed(TWO | 0x6e, PP_66, MODRM, movdToXmm);
  definePrefixed(TWO | 0x6f, PP_NONE, MODRM, movqMmxLoad);
  definePrefixed(TWO | 0x6f, PP_66, MODRM, loadAligned);
  definePrefixed(TWO | 0x6f, PP_F3, MODRM, loadUnaligned);
  definePrefixed(TWO | 0x7e, PP_NONE, MODRM, movdFromMmx);
  definePrefixed(TWO | 0x7e, PP_66, MODRM, movdFromXmm);
  definePrefixed(TWO | 0x7e, PP_F3, MODRM, movqLoad);
  definePrefixed(TWO | 0x7f, PP_NONE, MODRM, movqMmxStore);
  definePrefixed(TWO | 0x7f, PP_66, MODRM, storeAligned);
  definePrefixed(TWO | 0x7f, PP_F3, MODRM, storeUnaligned);
  definePrefixed(TWO | 0xc4, PP_NONE, MODRM | IMM8U, pinsrwMmx);
  definePrefixed(TWO | 0xc4, PP_66, MODRM | IMM8U, pinsrw);
  definePrefixedForm(TWO | 0xc5, PP_NONE, ANY_REG, FORM_REGISTER, MODRM | IMM8U, pextrwMmx);
  definePrefixedForm(TWO | 0xc5, PP_66, ANY_REG, FORM_REGISTER, MODRM | IMM8U, pextrw);
  definePrefixed(TWO | 0xd6, PP_66, MODRM, movqStore);
  registerForm(TWO | 0xd6, PP_F3, movq2dq);
  registerForm(TWO | 0xd6, PP_F2, movdq2q);
  registerForm(TWO | 0xd7, PP_NONE, pmovmskbMmx);
  registerForm(TWO | 0xd7, PP_66, pmovmskb);
  memoryForm(TWO | 0xe7, PP_NONE, movqMmxStore);
  memoryForm(TWO | 0xe7, PP_66, storeNonTemporal);
  memoryForm(TWO | 0xf0, PP_F2, loadUnaligned);
  registerForm(TWO | 0xf7, PP_NONE, maskmovq);
  registerForm(TWO | 0xf7, PP_66, maskmovdqu);
  memoryForm(MAP_38 | 0x2a, PP_66, movntdqa);
  definePrefixed(MAP_3A | 0x14, PP_66, MODRM | IMM8U, pextrb);
  definePrefixed(MAP_3A | 0x15, PP_66, MODRM | IMM8U, pextrwStore);
  definePrefixed(MAP_3A | 0x16, PP_66, MODRM | IMM8U, pextrd);
  definePrefixed(MAP_3A | 0x17, PP_66, MODRM | IMM8U, extractps);
  definePrefixed(MAP_3A | 0x20, PP_66, MODRM | IMM8U, pinsrb);
  definePrefixed(MAP_3A | 0x21, PP_66, MODRM | IMM8U, insertps);
  definePrefixed(MAP_3A | 0x22, PP_66, MODRM | IMM8U, pinsrd);
}
