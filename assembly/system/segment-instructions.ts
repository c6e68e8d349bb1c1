// Instructions that move selectors, load far pointers and ask about descriptors.

import {
  CODE_MODE,
  CPL,
  CR4,
  DS,
  ES,
  FS,
  GDTR,
  GS,
  IDTR,
  INTERRUPT_SHADOW,
  LDTR,
  LONG_MODE,
  MODE_64,
  MSR_KERNEL_GS_BASE,
  PROTECTED,
  RSP,
  SEGMENT_BASE,
  SHADOW_SS,
  SS,
  TR,
} from "../state";
import { OPF_REX_W, isRegister, modrmReg, opFlags, operandWidth, rmAddress } from "../decode/instruction";
import {
  DEFAULT64,
  ENDS,
  FORM_MEMORY,
  FORM_REGISTER,
  MODRM,
  NO64,
  ONE,
  PP_F3,
  STACK,
  TWO,
  define,
  defineForm,
  defineGroup,
  definePrefixedForm,
} from "../decode/tables";
import { getReg, getRm, setReg, setRm, storeRegister } from "../execute/operands";
import { operandAddress, segmentState } from "../execute/address";
import { peek, push, setStackPointer, stackPointer } from "../execute/stack";
import { movsxd } from "../execute/data";
import { setZF } from "../execute/flags";
import { read, write } from "../memory/access";
import { isCanonical } from "../memory/slow";
import { EXCEPTION_GP, EXCEPTION_UD, raise, raiseWithCode } from "./exceptions";
import { CR4_FSGSBASE } from "./mode";
import {
  NO_DESCRIPTOR,
  attributesOf,
  descriptorAddress,
  dplOf,
  isCode,
  isConforming,
  isNullSelector,
  isReadable,
  isWritableData,
  limitOf,
  typeOf,
} from "./descriptors";
import { loadLdtr, loadSegment, loadTr, selectorOf } from "./segments";
import { readTable } from "./privileged-memory";

/** A load of SS holds off interrupts and debug traps for one instruction. SDM volume 3, 7.8.3. */
function loadedStackSegment(): void { store<u32>(INTERRUPT_SHADOW, SHADOW_SS); }

/** Stores a selector: memory takes 16 bits, a register the operand size, zero-extended. */
function storeSelector(op: u32, selector: u32): void {
  if (!isRegister(op)) setRm<u16>(op, <u16>selector);
  else if (operandWidth(op) == 2) store<u16>(rmAddress(op), <u16>selector);
  else store<u64>(rmAddress(op), selector);
}

function movFromSegment(op: u32): void { storeSelector(op, selectorOf(modrmReg(op))); }
function movToSegment(op: u32): void { loadSegment(modrmReg(op), getRm<u16>(op)); }
function movToStackSegment(op: u32): void {
  loadSegment(SS, getRm<u16>(op));
  loadedStackSegment();
}

function pushSelector(op: u32, segment: u32): void {
  const selector = selectorOf(segment);
  const width = operandWidth(op);
  if (width == 8) push<u64>(selector);
  else if (width == 4) push<u32>(selector);
  else push<u16>(<u16>selector);
}
function pushEs(op: u32): void { pushSelector(op, ES); }
function pushCs(op: u32): void { pushSelector(op, 1); }
function pushSs(op: u32): void { pushSelector(op, SS); }
function pushDs(op: u32): void { pushSelector(op, DS); }
function pushFs(op: u32): void { pushSelector(op, FS); }
function pushGs(op: u32): void { pushSelector(op, GS); }

function popSelector(op: u32, segment: u32): void {
  const selector: u32 = peek<u16>(0);
  const pointer = stackPointer() + operandWidth(op);
  // A pop into SS changes the size of the stack: the pointer moves by the old one.
  const before = load<u64>(RSP);
  setStackPointer(pointer);
  const after = load<u64>(RSP);
  store<u64>(RSP, before);
  loadSegment(segment, selector);
  store<u64>(RSP, after);
}
function popEs(op: u32): void { popSelector(op, ES); }
function popDs(op: u32): void { popSelector(op, DS); }
function popFs(op: u32): void { popSelector(op, FS); }
function popGs(op: u32): void { popSelector(op, GS); }
function popSs(op: u32): void {
  popSelector(op, SS);
  loadedStackSegment();
}

function loadFarPointer(op: u32, segment: u32): void {
  const width = operandWidth(op);
  const address = operandAddress(op, width + 2, false);
  const mask: u64 = load<u32>(LONG_MODE) != 0 ? u64.MAX_VALUE : 0xffffffff;
  const offset: u64 = width == 8 ? read<u64>(address) : width == 4 ? read<u32>(address) : read<u16>(address);
  loadSegment(segment, read<u16>((address + width) & mask));
  if (width == 8) setReg<u64>(op, offset);
  else if (width == 4) setReg<u32>(op, <u32>offset);
  else setReg<u16>(op, <u16>offset);
}
function les(op: u32): void { loadFarPointer(op, ES); }
function lds(op: u32): void { loadFarPointer(op, DS); }
function lfs(op: u32): void { loadFarPointer(op, FS); }
function lgs(op: u32): void { loadFarPointer(op, GS); }
function lss(op: u32): void {
  loadFarPointer(op, SS);
  loadedStackSegment();
}

function requireProtected(): void {
  if (load<u32>(PROTECTED) == 0) raise(EXCEPTION_UD);
}

/** The descriptor that LAR, LSL, VERR and VERW ask about, or 0 (never a valid one) where the selector names none. */
function queriedDescriptor(selector: u32): u64 {
  if (isNullSelector(selector)) return 0;
  const address = descriptorAddress(selector, 8);
  return address == NO_DESCRIPTOR ? 0 : readTable<u64>(address);
}

/** True if the running code may see the descriptor: by CPL and RPL, except conforming code. */
function visible(selector: u32, attributes: u32): bool {
  if (isCode(attributes) && isConforming(attributes)) return true;
  return max(selector & 3, load<u32>(CPL)) <= dplOf(attributes);
}

/** True if LAR (and, without gates, LSL) accept a system descriptor of this type. SDM volume 2, tables of LAR, LSL. */
function systemTypeQueried(type: u32, gates: bool): bool {
  if (load<u32>(LONG_MODE) != 0) return type == 2 || type == 9 || type == 11 || (gates && type == 12);
  if (type == 1 || type == 2 || type == 3 || type == 9 || type == 11) return true;
  return gates && (type == 4 || type == 5 || type == 12);
}

function setQueried(op: u32, value: u32): void {
  const width = operandWidth(op);
  if (width == 2) setReg<u16>(op, <u16>value);
  else setReg<u32>(op, value);
  setZF(1);
}

function lar(op: u32): void {
  requireProtected();
  const selector: u32 = getRm<u16>(op);
  const raw = queriedDescriptor(selector);
  const attributes = attributesOf(raw);
  const type = typeOf(attributes);
  if (raw == 0 || (type < 16 && !systemTypeQueried(type, true)) || !visible(selector, attributes)) setZF(0);
  else setQueried(op, <u32>(raw >> 32) & 0x00ffff00);
}

function lsl(op: u32): void {
  requireProtected();
  const selector: u32 = getRm<u16>(op);
  const raw = queriedDescriptor(selector);
  const attributes = attributesOf(raw);
  const type = typeOf(attributes);
  if (raw == 0 || (type < 16 && !systemTypeQueried(type, false)) || !visible(selector, attributes)) setZF(0);
  else setQueried(op, limitOf(raw));
}

function verr(op: u32): void {
  requireProtected();
  const selector: u32 = getRm<u16>(op);
  const attributes = attributesOf(queriedDescriptor(selector));
  setZF(u32(isReadable(attributes) && visible(selector, attributes)));
}

function verw(op: u32): void {
  requireProtected();
  const selector: u32 = getRm<u16>(op);
  const attributes = attributesOf(queriedDescriptor(selector));
  setZF(u32(isWritableData(attributes) && visible(selector, attributes)));
}

/** ARPL: raises the RPL of the destination to that of the source. In 64-bit mode its opcode is MOVSXD. */
function arpl(op: u32): void {
  if (load<u32>(CODE_MODE) == MODE_64) {
    movsxd(op);
    return;
  }
  requireProtected();
  const target = getRm<u16>(op);
  const source = getReg<u16>(op);
  const adjust = (target & 3) < (source & 3);
  // Memory that stays as it is need not be writable.
  if (adjust) setRm<u16>(op, (target & 0xfffc) | (source & 3));
  setZF(u32(adjust));
}

function requirePrivilege0(): void {
  if (load<u32>(CPL) != 0) raiseWithCode(EXCEPTION_GP, 0);
}

function sldt(op: u32): void {
  requireProtected();
  storeSelector(op, selectorOf(LDTR));
}
function str(op: u32): void {
  requireProtected();
  storeSelector(op, selectorOf(TR));
}
function lldt(op: u32): void {
  requireProtected();
  requirePrivilege0();
  loadLdtr(getRm<u16>(op));
}
function ltr(op: u32): void {
  requireProtected();
  requirePrivilege0();
  loadTr(getRm<u16>(op));
}

/** Stores limit and base: 2 + 8 bytes in 64-bit mode, else 2 + 4 (all 32 bits on processors since the 386). */
function storeTable(op: u32, table: u32): void {
  const long = load<u32>(CODE_MODE) == MODE_64;
  const address = operandAddress(op, long ? 10 : 6, true);
  const mask: u64 = load<u32>(LONG_MODE) != 0 ? u64.MAX_VALUE : 0xffffffff;
  write<u16>(address, load<u16>(table, 8));
  if (long) write<u64>(address + 2, load<u64>(table));
  else write<u32>((address + 2) & mask, load<u32>(table));
}
function sgdt(op: u32): void { storeTable(op, GDTR); }
function sidt(op: u32): void { storeTable(op, IDTR); }

function loadTable(op: u32, table: u32): void {
  requirePrivilege0();
  const long = load<u32>(CODE_MODE) == MODE_64;
  const address = operandAddress(op, long ? 10 : 6, false);
  const mask: u64 = load<u32>(LONG_MODE) != 0 ? u64.MAX_VALUE : 0xffffffff;
  const limit: u32 = read<u16>(address);
  let base: u64 = long ? read<u64>(address + 2) : <u64>read<u32>((address + 2) & mask);
  if (long && !isCanonical(base)) raiseWithCode(EXCEPTION_GP, 0);
  // A 16-bit operand size loads 24 bits of base.
  if (!long && operandWidth(op) == 2) base &= 0xffffff;
  store<u64>(table, base);
  store<u32>(table, limit, 8);
}
function lgdt(op: u32): void { loadTable(op, GDTR); }
function lidt(op: u32): void { loadTable(op, IDTR); }

/** RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE: state address of the base. */
function baseAddress(segment: u32): u32 {
  if (load<u32>(CODE_MODE) != MODE_64 || (load<u64>(CR4) & CR4_FSGSBASE) == 0) raise(EXCEPTION_UD);
  return segmentState(segment) + SEGMENT_BASE;
}
function readBase(op: u32, segment: u32): void {
  const base = load<u64>(baseAddress(segment));
  if ((opFlags(op) & OPF_REX_W) != 0) store<u64>(rmAddress(op), base);
  else storeRegister<u32>(rmAddress(op), <u32>base);
}
function writeBase(op: u32, segment: u32): void {
  const target = baseAddress(segment);
  const value = (opFlags(op) & OPF_REX_W) != 0 ? load<u64>(rmAddress(op)) : <u64>load<u32>(rmAddress(op));
  if (!isCanonical(value)) raiseWithCode(EXCEPTION_GP, 0);
  store<u64>(target, value);
}
function rdfsbase(op: u32): void { readBase(op, FS); }
function rdgsbase(op: u32): void { readBase(op, GS); }
function wrfsbase(op: u32): void { writeBase(op, FS); }
function wrgsbase(op: u32): void { writeBase(op, GS); }

/** SWAPGS: called from the group of 0F 01. */
export function swapgs(): void {
  if (load<u32>(CODE_MODE) != MODE_64) raise(EXCEPTION_UD);
  requirePrivilege0();
  const gs = segmentState(GS);
  const base = load<u64>(gs, SEGMENT_BASE);
  store<u64>(gs, load<u64>(MSR_KERNEL_GS_BASE), SEGMENT_BASE);
  store<u64>(MSR_KERNEL_GS_BASE, base);
}

export function registerSegments(): void {
  for (let reg: u32 = 0; reg < 6; reg++) {
    defineGroup(ONE | 0x8c, reg, MODRM, movFromSegment);
    if (reg == SS) defineGroup(ONE | 0x8e, reg, MODRM | ENDS, movToStackSegment);
    else if (reg != 1) defineGroup(ONE | 0x8e, reg, MODRM, movToSegment);
  }
  define(ONE | 0x06, STACK | NO64, pushEs);
  define(ONE | 0x0e, STACK | NO64, pushCs);
  define(ONE | 0x16, STACK | NO64, pushSs);
  define(ONE | 0x1e, STACK | NO64, pushDs);
  define(ONE | 0x07, STACK | NO64, popEs);
  define(ONE | 0x17, STACK | NO64 | ENDS, popSs);
  define(ONE | 0x1f, STACK | NO64, popDs);
  define(TWO | 0xa0, STACK | DEFAULT64, pushFs);
  define(TWO | 0xa8, STACK | DEFAULT64, pushGs);
  define(TWO | 0xa1, STACK | DEFAULT64, popFs);
  define(TWO | 0xa9, STACK | DEFAULT64, popGs);
  for (let reg: u32 = 0; reg < 8; reg++) {
    defineForm(ONE | 0xc4, reg, FORM_MEMORY, MODRM | NO64, les);
    defineForm(ONE | 0xc5, reg, FORM_MEMORY, MODRM | NO64, lds);
    defineForm(TWO | 0xb2, reg, FORM_MEMORY, MODRM | ENDS, lss);
    defineForm(TWO | 0xb4, reg, FORM_MEMORY, MODRM, lfs);
    defineForm(TWO | 0xb5, reg, FORM_MEMORY, MODRM, lgs);
  }
  define(ONE | 0x63, MODRM, arpl);
  define(TWO | 0x02, MODRM, lar);
  define(TWO | 0x03, MODRM, lsl);
  defineGroup(TWO | 0x00, 0, MODRM, sldt);
  defineGroup(TWO | 0x00, 1, MODRM, str);
  defineGroup(TWO | 0x00, 2, MODRM | ENDS, lldt);
  defineGroup(TWO | 0x00, 3, MODRM | ENDS, ltr);
  defineGroup(TWO | 0x00, 4, MODRM, verr);
  defineGroup(TWO | 0x00, 5, MODRM, verw);
  defineForm(TWO | 0x01, 0, FORM_MEMORY, MODRM, sgdt);
  defineForm(TWO | 0x01, 1, FORM_MEMORY, MODRM, sidt);
  defineForm(TWO | 0x01, 2, FORM_MEMORY, MODRM | ENDS, lgdt);
  defineForm(TWO | 0x01, 3, FORM_MEMORY, MODRM | ENDS, lidt);
  definePrefixedForm(TWO | 0xae, PP_F3, 0, FORM_REGISTER, MODRM, rdfsbase);
  definePrefixedForm(TWO | 0xae, PP_F3, 1, FORM_REGISTER, MODRM, rdgsbase);
  definePrefixedForm(TWO | 0xae, PP_F3, 2, FORM_REGISTER, MODRM, wrfsbase);
  definePrefixedForm(TWO | 0xae, PP_F3, 3, FORM_REGISTER, MODRM, wrgsbase);
}
