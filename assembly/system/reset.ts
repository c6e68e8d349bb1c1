// The processor's state after RESET: SDM volume 3, table 10-1.

import {
  CR0,
  CS,
  DR,
  EFLAGS,
  FLAG_RESULT,
  FPU_CONTROL,
  FPU_TAG,
  GDTR,
  IDTR,
  INSTRUCTION_COUNT,
  INSTRUCTION_LIMIT,
  LDTR,
  MSR_MISC_ENABLE,
  MSR_PAT,
  MXCSR,
  RDX,
  REGS,
  RIP,
  SEGMENTS,
  SEGMENT_ATTRIBUTES,
  SEGMENT_BASE,
  SEGMENT_LIMIT,
  SEGMENT_SELECTOR,
  SEGMENT_STRIDE,
  STATE_END,
  TR,
  XCR0,
} from "../state";

/** Family, model and stepping: CPUID leaf 1 EAX, and EDX after RESET. */
export const SIGNATURE: u32 = 0x000106a5;

/** Sets registers; instruction count and limit, which are the machine's, stay. */
export function resetProcessor(): void {
  const count = load<u64>(INSTRUCTION_COUNT);
  const limit = load<u64>(INSTRUCTION_LIMIT);
  memory.fill(REGS, 0, STATE_END - REGS);
  store<u64>(INSTRUCTION_COUNT, count);
  store<u64>(INSTRUCTION_LIMIT, limit);

  store<u64>(RDX, SIGNATURE);
  store<u64>(RIP, 0xfff0);
  store<u32>(EFLAGS, 2);
  // ZF and the others clear: any positive result with odd parity.
  store<u64>(FLAG_RESULT, 1);
  store<u64>(CR0, 0x60000010);
  store<u64>(XCR0, 1);
  store<u64>(DR + 6 * 8, 0xffff0ff0);
  store<u64>(DR + 7 * 8, 0x400);
  for (let segment: u32 = 0; segment < 6; segment++) resetSegment(segment, 0x93);
  resetSegment(LDTR, 0x82);
  resetSegment(TR, 0x8b);
  store<u16>(SEGMENTS + CS * SEGMENT_STRIDE, 0xf000, SEGMENT_SELECTOR);
  store<u64>(SEGMENTS + CS * SEGMENT_STRIDE, 0xffff0000, SEGMENT_BASE);
  store<u32>(SEGMENTS + CS * SEGMENT_STRIDE, 0x9b, SEGMENT_ATTRIBUTES);
  store<u32>(GDTR + 8, 0xffff);
  store<u32>(IDTR + 8, 0xffff);
  store<u64>(MSR_PAT, 0x0007040600070406);
  // Fast strings: without the bit Linux avoids REP MOVS and STOS.
  store<u64>(MSR_MISC_ENABLE, 1);
  store<u16>(FPU_CONTROL, 0x40);
  store<u16>(FPU_TAG, 0x5555);
  store<u32>(MXCSR, 0x1f80);
}

function resetSegment(segment: u32, attributes: u32): void {
  const state = SEGMENTS + segment * SEGMENT_STRIDE;
  store<u32>(state, 0xffff, SEGMENT_LIMIT);
  store<u32>(state, attributes, SEGMENT_ATTRIBUTES);
}
