// The code segment that a far JMP or CALL, or a call gate, goes to. SDM volume 3, 6.8.1.

import { CPL, CS, RIP } from "../state";
import { EXCEPTION_GP, EXCEPTION_NP } from "./exceptions";
import { updateMode } from "./mode";
import {
  attributesOf,
  commitSegment,
  dplOf,
  fillFromDescriptor,
  isCode,
  isConforming,
  isPresent,
  raiseSelector,
  setAccessed,
} from "./descriptors";
import { checkCodeOffset, checkLongAndDefault } from "./returns";

const newCode = <u32>memory.data(32, 8);

/** Checks a code segment reached without a gate; CPL stays. */
export function checkDirectTarget(selector: u32, raw: u64, rip: u64): void {
  const attributes = attributesOf(raw);
  const cpl = load<u32>(CPL);
  if (!isCode(attributes)) raiseSelector(EXCEPTION_GP, selector);
  checkLongAndDefault(selector, attributes);
  const refused = isConforming(attributes)
    ? dplOf(attributes) > cpl
    : dplOf(attributes) != cpl || (selector & 3) > cpl;
  if (refused) raiseSelector(EXCEPTION_GP, selector);
  prepareTarget(selector, raw, cpl, rip);
}

/** Keeps the image of a checked code segment that will run at `cpl`; checks presence and the offset. */
export function prepareTarget(selector: u32, raw: u64, cpl: u32, rip: u64): void {
  if (!isPresent(attributesOf(raw))) raiseSelector(EXCEPTION_NP, selector);
  fillFromDescriptor(newCode, (selector & 0xfffc) | cpl, setAccessed(selector, raw));
  checkCodeOffset(newCode, rip);
}

/** Makes the kept code segment current. */
export function commitTarget(cpl: u32, rip: u64): void {
  commitSegment(CS, newCode);
  store<u32>(CPL, cpl);
  store<u64>(RIP, rip);
  updateMode();
}
