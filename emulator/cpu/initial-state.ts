import {
  CR0,
  CR3,
  CR4,
  CS,
  DS,
  EFLAGS,
  ES,
  FLAT_READ,
  FLAT_WRITE,
  FS,
  GDTR,
  GS,
  IDTR,
  LDTR,
  MSR_EFER,
  RIP,
  SEGMENTS,
  SEGMENT_ATTRIBUTES,
  SEGMENT_BASE,
  SEGMENT_FLAT,
  SEGMENT_LIMIT,
  SEGMENT_NULL,
  SEGMENT_SELECTOR,
  SEGMENT_STRIDE,
  SS,
  TR,
} from "../../assembly/state";
import type { DescriptorTableState, InitialProcessorState, SegmentState } from "../boot/types";
import { applyMemoryTypes } from "./memory-types";
import type { Processor, Register } from "./processor";

const FLAT_LIMIT = 0xffffffff;

/** Puts a processor that was just reset into the state in which a boot image starts. */
export function applyInitialState(processor: Processor, initial: InitialProcessorState): void {
  const state = processor.state;
  for (const [name, value] of Object.entries(initial.registers)) {
    processor.setRegister(name as Register, BigInt(value as number));
  }
  state.setBigUint64(RIP, BigInt(initial.rip), true);
  state.setUint32(EFLAGS, initial.rflags | 2, true);
  state.setBigUint64(CR0, BigInt(initial.cr0), true);
  state.setBigUint64(CR3, BigInt(initial.cr3), true);
  state.setBigUint64(CR4, BigInt(initial.cr4), true);
  state.setBigUint64(MSR_EFER, BigInt(initial.efer), true);
  setTable(state, GDTR, initial.gdtr);
  setTable(state, IDTR, initial.idtr);
  setSegment(state, CS, initial.cs, FLAT_READ);
  for (const segment of [DS, ES, FS, GS, SS]) setSegment(state, segment, initial.data, FLAT_READ | FLAT_WRITE);
  setSegment(state, LDTR, initial.ldtr, 0);
  setSegment(state, TR, initial.tr, 0);
  applyMemoryTypes(state, processor.memory.size);
  processor.updateMode();
}

function setTable(state: DataView, address: number, table: DescriptorTableState): void {
  state.setBigUint64(address, BigInt(table.base), true);
  state.setUint32(address + 8, table.limit, true);
}

function setSegment(state: DataView, segment: number, value: SegmentState, flat: number): void {
  const address = SEGMENTS + segment * SEGMENT_STRIDE;
  state.setUint16(address + SEGMENT_SELECTOR, value.selector, true);
  state.setBigUint64(address + SEGMENT_BASE, BigInt(value.base), true);
  state.setUint32(address + SEGMENT_LIMIT, value.limit, true);
  state.setUint32(address + SEGMENT_ATTRIBUTES, value.attributes, true);
  state.setUint32(address + SEGMENT_FLAT, value.limit === FLAT_LIMIT ? flat : 0, true);
  state.setUint32(address + SEGMENT_NULL, 0, true);
}
