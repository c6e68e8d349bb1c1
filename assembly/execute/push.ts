// PUSH and POP of registers, memory and immediates, PUSHA, POPA, PUSHF, POPF, ENTER, LEAVE. Segment registers are
// pushed and popped in system/.

import {
  DEFAULT64,
  ENDS,
  IMM8S,
  IMMENTER,
  IMMZ,
  MODRM,
  NO64,
  REG_IN_OPCODE,
  STACK,
  defineGroupWidths,
  defineWidths,
} from "../decode/tables";
import { immediate, isRegister, rmAddress } from "../decode/instruction";
import { probeWrite, read, write } from "../memory/access";
import { CPL, EFLAGS, RBP, REGS, RSP, STACK_SIZE } from "../state";
import { EXCEPTION_GP, raiseWithCode } from "../system/exceptions";
import { updateMode } from "../system/mode";
import { effectiveOffset, linearAddress, operandSegment } from "./address";
import { AC, DF, ID, IF, IOPL, NT, RF, STATUS_FLAGS, TF, VM, getFlags, setStatusFlags } from "./flags";
import { getReg, getRm, setReg, storeRegister } from "./operands";
import { peek, pop, push, setStackPointer, stackAddress, stackPointer } from "./stack";

// @ts-ignore: decorator
@inline function pushReg<T>(op: u32): void { push<T>(getReg<T>(op)); }
/** POP RSP keeps what was popped: the pointer moves first. */
// @ts-ignore: decorator
@inline function popReg<T>(op: u32): void { setReg<T>(op, pop<T>()); }
// @ts-ignore: decorator
@inline function pushImmediate<T>(op: u32): void { push<T>(<T>immediate(op)); }
// @ts-ignore: decorator
@inline function pushRm<T>(op: u32): void { push<T>(getRm<T>(op)); }

/** POP r/m: an address that uses RSP sees it after the pop; a fault leaves it as it was. */
function popRm<T>(op: u32): void {
  const value = peek<T>(0);
  const before = load<u64>(RSP);
  setStackPointer(stackPointer() + sizeof<T>());
  if (isRegister(op)) {
    storeRegister<T>(rmAddress(op), value);
    return;
  }
  const after = load<u64>(RSP);
  const offset = effectiveOffset(op);
  store<u64>(RSP, before);
  write<T>(linearAddress(operandSegment(op), offset, sizeof<T>(), true), value);
  store<u64>(RSP, after);
}

/** PUSHA: AX CX DX BX SP BP SI DI, SP as it was. What a fault leaves half-written is written again later. */
// @ts-ignore: decorator
@inline function pushAll<T>(_op: u32): void {
  const pointer = stackPointer();
  for (let n: u32 = 0; n < 8; n++) {
    write<T>(stackAddress(pointer - (n + 1) * sizeof<T>(), sizeof<T>(), true), load<T>(REGS + (n << 3)));
  }
  setStackPointer(pointer - 8 * sizeof<T>());
}

/** POPA: nothing is loaded before all was read; SP's place is passed over. */
// @ts-ignore: decorator
@inline function popAll<T>(_op: u32): void {
  const di = peek<T>(0);
  const si = peek<T>(sizeof<T>());
  const bp = peek<T>(2 * sizeof<T>());
  const bx = peek<T>(4 * sizeof<T>());
  const dx = peek<T>(5 * sizeof<T>());
  const cx = peek<T>(6 * sizeof<T>());
  const ax = peek<T>(7 * sizeof<T>());
  storeRegister<T>(REGS + 7 * 8, di);
  storeRegister<T>(REGS + 6 * 8, si);
  storeRegister<T>(REGS + 5 * 8, bp);
  storeRegister<T>(REGS + 3 * 8, bx);
  storeRegister<T>(REGS + 2 * 8, dx);
  storeRegister<T>(REGS + 1 * 8, cx);
  storeRegister<T>(REGS, ax);
  setStackPointer(stackPointer() + 8 * sizeof<T>());
}

/** #GP(0) in virtual-8086 mode with IOPL below 3: CPUID does not announce VME. SDM volume 3, 21.2.1. */
function checkFlagsAccess(): void {
  const eflags = load<u32>(EFLAGS);
  if ((eflags & VM) != 0 && (eflags & IOPL) != IOPL) raiseWithCode(EXCEPTION_GP, 0);
}

// @ts-ignore: decorator
@inline function pushFlags<T>(_op: u32): void {
  checkFlagsAccess();
  push<T>(<T>(getFlags() & ~(VM | RF)));
}

// @ts-ignore: decorator
@inline function popFlags<T>(_op: u32): void {
  checkFlagsAccess();
  loadFlags(<u32>pop<T>(), sizeof<T>());
}

/** What POPF may change: SDM volume 2, table 4-16. */
function loadFlags(value: u32, size: u32): void {
  const before = load<u32>(EFLAGS);
  const cpl = load<u32>(CPL);
  let changeable = TF | DF | NT | AC | ID;
  if (cpl == 0) changeable |= IF | IOPL;
  else if (cpl <= (before & IOPL) >> 12) changeable |= IF;
  if (size == 2) changeable &= 0xffff;
  else changeable |= RF;
  // RF is always popped as 0.
  const after = (before & ~changeable) | (value & changeable & ~RF);
  store<u32>(EFLAGS, after);
  setStatusFlags(value & STATUS_FLAGS);
  if (((before ^ after) & (TF | AC | RF)) != 0) updateMode();
}

/** ENTER: SDM volume 2. Registers change after the last access that may fault. */
// @ts-ignore: decorator
@inline function enter<T>(op: u32): void {
  const allocate = <u64>immediate(op) & 0xffff;
  const level = <u32>(immediate(op) >> 16) & 31;
  let pointer = stackPointer() - sizeof<T>();
  write<T>(stackAddress(pointer, sizeof<T>(), true), load<T>(RBP));
  // FrameTemp is ESP: on a 16-bit stack its upper half does not take part in the push.
  const frame = load<u32>(STACK_SIZE) == 2 ? (load<u64>(RSP) & ~0xffff) | (pointer & 0xffff) : pointer;
  if (level > 0) {
    let outer = load<u64>(RBP);
    for (let n: u32 = 1; n < level; n++) {
      outer -= sizeof<T>();
      pointer -= sizeof<T>();
      const value = read<T>(stackAddress(outer, sizeof<T>(), false));
      write<T>(stackAddress(pointer, sizeof<T>(), true), value);
    }
    pointer -= sizeof<T>();
    write<T>(stackAddress(pointer, sizeof<T>(), true), <T>frame);
  }
  pointer -= allocate;
  // The processor checks that the new top can be written.
  probeWrite(stackAddress(pointer, sizeof<T>(), true), sizeof<T>());
  storeRegister<T>(RBP, <T>frame);
  setStackPointer(pointer);
}

// @ts-ignore: decorator
@inline function leave<T>(_op: u32): void {
  if (sizeof<T>() == 8) {
    const top = load<u64>(RBP);
    store<u64>(RBP, read<u64>(top));
    store<u64>(RSP, top + 8);
    return;
  }
  const size = load<u32>(STACK_SIZE);
  const frame = size == 8 ? load<u64>(RBP) : size == 4 ? <u64>load<u32>(RBP) : <u64>load<u16>(RBP);
  const value = read<T>(stackAddress(frame, sizeof<T>(), false));
  setStackPointer(frame + sizeof<T>());
  storeRegister<T>(RBP, value);
}

/** Registers the stack instructions. */
export function registerPush(): void {
  const stack = DEFAULT64 | STACK;
  for (let n: u32 = 0; n < 8; n++) {
    defineWidths(
      0x50 + n, stack | REG_IN_OPCODE,
      (op) => pushReg<u16>(op),
      (op) => pushReg<u32>(op),
      (op) => pushReg<u64>(op),
    );
    defineWidths(
      0x58 + n, stack | REG_IN_OPCODE,
      (op) => popReg<u16>(op),
      (op) => popReg<u32>(op),
      (op) => popReg<u64>(op),
    );
  }
  defineWidths(
    0x68, stack | IMMZ,
    (op) => pushImmediate<u16>(op),
    (op) => pushImmediate<u32>(op),
    (op) => pushImmediate<u64>(op),
  );
  defineWidths(
    0x6a, stack | IMM8S,
    (op) => pushImmediate<u16>(op),
    (op) => pushImmediate<u32>(op),
    (op) => pushImmediate<u64>(op),
  );
  // The segment of these two is the memory operand's.
  defineGroupWidths(
    0x8f, 0, MODRM | DEFAULT64,
    (op) => popRm<u16>(op),
    (op) => popRm<u32>(op),
    (op) => popRm<u64>(op),
  );
  defineGroupWidths(
    0xff, 6, MODRM | DEFAULT64,
    (op) => pushRm<u16>(op),
    (op) => pushRm<u32>(op),
    (op) => pushRm<u64>(op),
  );
  defineWidths(0x60, STACK | NO64, (op) => pushAll<u16>(op), (op) => pushAll<u32>(op), (op) => pushAll<u32>(op));
  defineWidths(0x61, STACK | NO64, (op) => popAll<u16>(op), (op) => popAll<u32>(op), (op) => popAll<u32>(op));
  defineWidths(0x9c, stack, (op) => pushFlags<u16>(op), (op) => pushFlags<u32>(op), (op) => pushFlags<u64>(op));
  // Interrupts may be let in, and single-stepping begin.
  defineWidths(0x9d, stack | ENDS, (op) => popFlags<u16>(op), (op) => popFlags<u32>(op), (op) => popFlags<u64>(op));
  defineWidths(
    0xc8, stack | IMMENTER,
    (op) => enter<u16>(op),
    (op) => enter<u32>(op),
    (op) => enter<u64>(op),
  );
  defineWidths(0xc9, stack, (op) => leave<u16>(op), (op) => leave<u32>(op), (op) => leave<u64>(op));
}
