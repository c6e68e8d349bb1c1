// IRET in every mode. SDM volume 2, IRET/IRETD/IRETQ.

import {
  CODE_MODE,
  CPL,
  CR0,
  CS,
  DS,
  EFLAGS,
  ES,
  FS,
  GS,
  LONG_MODE,
  MODE_64,
  NMI_BLOCKED,
  RIP,
  RSP,
  SEGMENT_LIMIT,
  SS,
} from "../state";
import { nextRip, operandWidth } from "../decode/instruction";
import { ENDS, JUMPS, ONE, STACK, define } from "../decode/tables";
import { AC, DF, ID, IF, IOPL, NT, RF, STATUS_FLAGS, TF, VIF, VIP, VM, setStatusFlags } from "../execute/flags";
import { segmentState } from "../execute/address";
import { peek, setStackPointer, stackPointer } from "../execute/stack";
import { EXCEPTION_GP, raiseWithCode } from "./exceptions";
import { CR0_PE, updateMode } from "./mode";
import { keepResumeFlag } from "./debug";
import { fillVirtual8086 } from "./descriptors";
import { loadRealSegment } from "./segments";
import { checkReturnCode, checkReturnStack, commitReturn } from "./returns";
import { returnFromTask } from "./task";

/** The item at `index` of the frame, items of `size` bytes. */
function frame(index: u32, size: u32): u64 {
  const distance = index * size;
  if (size == 8) return peek<u64>(distance);
  if (size == 4) return peek<u32>(distance);
  return peek<u16>(distance);
}

/** Sets the flags in `mask` from `value`. */
function writeFlags(value: u32, mask: u32, size: u32): void {
  if (size == 2) mask &= 0xffff;
  setStatusFlags(value);
  const kept = load<u32>(EFLAGS) & ~mask;
  store<u32>(EFLAGS, (kept | (value & mask & ~STATUS_FLAGS)) | 2);
  keepResumeFlag();
}

function iret(op: u32): void {
  const size = operandWidth(op);
  const eflags = load<u32>(EFLAGS);
  if ((load<u64>(CR0) & CR0_PE) == 0) iretReal(size, TF | IF | DF | IOPL | NT | RF | AC | ID);
  else if ((eflags & VM) != 0) {
    if ((eflags & IOPL) != IOPL) raiseWithCode(EXCEPTION_GP, 0);
    iretReal(size, TF | IF | DF | NT | RF | AC | ID);
  } else iretProtected(op, size);
  store<u32>(NMI_BLOCKED, 0);
}

/** Real and virtual-8086 mode, which does not change IOPL. */
function iretReal(size: u32, mask: u32): void {
  const rip = frame(0, size);
  const selector = <u32>frame(1, size) & 0xffff;
  const flags = <u32>frame(2, size);
  const limit = (load<u32>(EFLAGS) & VM) != 0 ? 0xffff : load<u32>(segmentState(CS), SEGMENT_LIMIT);
  if (rip > <u64>limit) raiseWithCode(EXCEPTION_GP, 0);
  setStackPointer(stackPointer() + size * 3);
  loadRealSegment(CS, selector);
  store<u64>(RIP, rip);
  writeFlags(flags, mask, size);
  updateMode();
}

function iretProtected(op: u32, size: u32): void {
  if ((load<u32>(EFLAGS) & NT) != 0) {
    if (load<u32>(LONG_MODE) != 0) raiseWithCode(EXCEPTION_GP, 0);
    returnFromTask(nextRip(op));
    return;
  }
  const rip = frame(0, size);
  const codeSelector = <u32>frame(1, size) & 0xffff;
  const flags = <u32>frame(2, size);
  const cpl = load<u32>(CPL);
  if ((flags & VM) != 0 && size == 4 && cpl == 0 && load<u32>(LONG_MODE) == 0) {
    iretToVirtual8086(<u32>rip & 0xffff, codeSelector, flags);
    return;
  }

  checkReturnCode(codeSelector, rip);
  const takesStack = load<u32>(CODE_MODE) == MODE_64 || (codeSelector & 3) > cpl;
  let rsp: u64 = 0;
  if (takesStack) {
    rsp = frame(3, size);
    checkReturnStack(<u32>frame(4, size) & 0xffff, codeSelector);
  }

  let mask = TF | DF | NT | RF | AC | ID;
  if (cpl == 0) mask |= IOPL | VIF | VIP;
  if (cpl <= (load<u32>(EFLAGS) & IOPL) >> 12) mask |= IF;
  if (!takesStack) setStackPointer(stackPointer() + size * 3);
  writeFlags(flags, mask, size);
  commitReturn(codeSelector, rip, takesStack, rsp, 0);
}

/** From CPL 0 to virtual-8086 mode: the frame goes on with ESP, SS, ES, DS, FS, GS. */
function iretToVirtual8086(rip: u32, codeSelector: u32, flags: u32): void {
  const rsp = frame(3, 4);
  const ss = <u32>frame(4, 4);
  const es = <u32>frame(5, 4);
  const ds = <u32>frame(6, 4);
  const fs = <u32>frame(7, 4);
  const gs = <u32>frame(8, 4);
  writeFlags(flags, TF | IF | DF | IOPL | NT | RF | VM | AC | VIF | VIP | ID, 4);
  fillVirtual8086(segmentState(CS), codeSelector);
  fillVirtual8086(segmentState(SS), ss & 0xffff);
  fillVirtual8086(segmentState(ES), es & 0xffff);
  fillVirtual8086(segmentState(DS), ds & 0xffff);
  fillVirtual8086(segmentState(FS), fs & 0xffff);
  fillVirtual8086(segmentState(GS), gs & 0xffff);
  store<u32>(CPL, 3);
  store<u64>(RSP, rsp);
  store<u64>(RIP, rip);
  updateMode();
}

export function registerInterruptReturn(): void {
  define(ONE | 0xcf, STACK | ENDS | JUMPS, iret);
}
