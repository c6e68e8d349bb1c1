// What RET far and IRET share: the checks of the code segment and stack segment returned to. SDM volume 2, RET, IRET.

import {
  CODE_MODE,
  CPL,
  CS,
  LONG_MODE,
  MODE_64,
  RIP,
  RSP,
  SEGMENT_ATTRIBUTES,
  SEGMENT_LIMIT,
  SS,
} from "../state";
import { isCanonical } from "../memory/slow";
import { EXCEPTION_GP, EXCEPTION_NP, raiseWithCode } from "./exceptions";
import { updateMode } from "./mode";
import {
  ATTRIBUTE_DB,
  ATTRIBUTE_L,
  attributesOf,
  commitSegment,
  dplOf,
  fillFromDescriptor,
  isCode,
  isConforming,
  isNullSelector,
  isPresent,
  raiseSelector,
  readDescriptor,
  setAccessed,
} from "./descriptors";
import { checkStackSegment, dropInnerSegments } from "./segments";

const newCode = <u32>memory.data(32, 8);
const newStack = <u32>memory.data(32, 8);

/** True if the image of a code segment is 64-bit code. */
// @ts-ignore: decorator
@inline export function isLongCode(image: u32): bool {
  return load<u32>(LONG_MODE) != 0 && (load<u32>(image, SEGMENT_ATTRIBUTES) & ATTRIBUTE_L) != 0;
}

/** Raises #GP(0) if `rip` lies outside the code segment of `image`, or is not canonical in 64-bit code. */
export function checkCodeOffset(image: u32, rip: u64): void {
  const outside = isLongCode(image) ? !isCanonical(rip) : rip > <u64>load<u32>(image, SEGMENT_LIMIT);
  if (outside) raiseWithCode(EXCEPTION_GP, 0);
}

/** Raises #GP if both L and D are set in long mode. */
export function checkLongAndDefault(selector: u32, attributes: u32): void {
  const both = ATTRIBUTE_L | ATTRIBUTE_DB;
  if (load<u32>(LONG_MODE) != 0 && (attributes & both) == both) raiseSelector(EXCEPTION_GP, selector);
}

/** Checks the code segment of a return and keeps its image for commitReturn(). */
export function checkReturnCode(selector: u32, rip: u64): void {
  if (isNullSelector(selector)) raiseWithCode(EXCEPTION_GP, 0);
  const raw = readDescriptor(selector, EXCEPTION_GP);
  const attributes = attributesOf(raw);
  const rpl = selector & 3;
  if (!isCode(attributes) || rpl < load<u32>(CPL)) raiseSelector(EXCEPTION_GP, selector);
  checkLongAndDefault(selector, attributes);
  if (isConforming(attributes) ? dplOf(attributes) > rpl : dplOf(attributes) != rpl) {
    raiseSelector(EXCEPTION_GP, selector);
  }
  if (!isPresent(attributes)) raiseSelector(EXCEPTION_NP, selector);
  fillFromDescriptor(newCode, selector, setAccessed(selector, raw));
  checkCodeOffset(newCode, rip);
}

/** Checks the stack segment of a return at the level of its code segment; a null one only serves 64-bit code. */
export function checkReturnStack(selector: u32, codeSelector: u32): void {
  checkStackSegment(newStack, selector, codeSelector & 3, EXCEPTION_GP, isLongCode(newCode));
}

/** Sets CS, RIP and CPL; with `takesStack` also SS and RSP (moved by `release` bytes), dropping segments that an outer
 * level may not see. The caller has set the flags; mode is updated here. */
export function commitReturn(codeSelector: u32, rip: u64, takesStack: bool, rsp: u64, release: u32): void {
  const cpl = codeSelector & 3;
  const outer = cpl > load<u32>(CPL);
  commitSegment(CS, newCode);
  store<u32>(CPL, cpl);
  store<u64>(RIP, rip);
  if (takesStack) commitSegment(SS, newStack);
  updateMode();
  if (takesStack) {
    // A 16-bit stack takes SP alone.
    if (load<u32>(CODE_MODE) == MODE_64) store<u64>(RSP, rsp + release);
    else if ((load<u32>(newStack, SEGMENT_ATTRIBUTES) & ATTRIBUTE_DB) != 0) store<u64>(RSP, <u32>rsp + release);
    else store<u16>(RSP, <u16>(<u32>rsp + release));
  }
  if (outer) dropInnerSegments(cpl);
}
