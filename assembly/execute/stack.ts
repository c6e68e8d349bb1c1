// Push and pop by the stack's own address size (STACK_SIZE). RSP changes only after the access went through, so
// that a fault restarts the instruction.

import { CODE_MODE, MODE_64, RSP, SS, STACK_SIZE } from "../state";
import { read, write } from "../memory/access";
import { segmentAddress } from "./address";

/** The stack pointer, zero-extended from the stack's address size. */
// @ts-ignore: decorator
@inline export function stackPointer(): u64 {
  const size = load<u32>(STACK_SIZE);
  return size == 8 ? load<u64>(RSP) : size == 4 ? <u64>load<u32>(RSP) : <u64>load<u16>(RSP);
}

/** Sets as much of RSP as the stack's address size covers. */
// @ts-ignore: decorator
@inline export function setStackPointer(value: u64): void {
  const size = load<u32>(STACK_SIZE);
  if (size == 8) store<u64>(RSP, value);
  else if (size == 4) store<u64>(RSP, value & 0xffffffff);
  else store<u16>(RSP, <u16>value);
}

/** Linear address of a place on the stack, `pointer` wrapped to the stack's address size. */
// @ts-ignore: decorator
@inline export function stackAddress(pointer: u64, size: u32, isWrite: bool): u64 {
  if (load<u32>(CODE_MODE) == MODE_64) return pointer;
  const offset = load<u32>(STACK_SIZE) == 2 ? <u32>pointer & 0xffff : <u32>pointer;
  return segmentAddress(SS, offset, size, isWrite);
}

// Operands of eight bytes exist in 64-bit mode only, where the stack is flat and RSP is used whole.

/** Pushes a T. */
// @ts-ignore: decorator
@inline export function push<T>(value: T): void {
  if (sizeof<T>() == 8) {
    const top = load<u64>(RSP) - 8;
    write<T>(top, value);
    store<u64>(RSP, top);
    return;
  }
  const pointer = stackPointer() - sizeof<T>();
  write<T>(stackAddress(pointer, sizeof<T>(), true), value);
  setStackPointer(pointer);
}

/** Reads a T at `distance` bytes above the top of the stack. */
// @ts-ignore: decorator
@inline export function peek<T>(distance: u32): T {
  if (sizeof<T>() == 8) return read<T>(load<u64>(RSP) + distance);
  return read<T>(stackAddress(stackPointer() + distance, sizeof<T>(), false));
}

/** Moves the stack pointer up by `bytes`, for an instruction whose operand is a T. */
// @ts-ignore: decorator
@inline export function release<T>(bytes: u32): void {
  if (sizeof<T>() == 8) store<u64>(RSP, load<u64>(RSP) + bytes);
  else setStackPointer(stackPointer() + bytes);
}

/** Pops a T. */
// @ts-ignore: decorator
@inline export function pop<T>(): T {
  const value = peek<T>(0);
  release<T>(sizeof<T>());
  return value;
}
