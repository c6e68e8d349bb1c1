import {
  STATISTIC_BLOCKS_DECODED,
  STATISTIC_BLOCK_FLUSHES,
  STATISTIC_CODE_WRITES,
  STATISTIC_EVICTIONS,
  STATISTIC_EXCEPTIONS,
  STATISTIC_INTERRUPTS,
  STATISTIC_REGIONS,
  STATISTIC_REGION_ENTRIES,
  STATISTIC_TLB_FILLS,
  STATISTIC_TRANSLATED_BYTES,
  STATISTIC_TRANSLATED_INSTRUCTIONS,
} from "../../assembly/state";
import type { MachineStatistics } from "../machine-types";

type HostCounted = Pick<MachineStatistics, "instructions" | "regionsAlive" | "compileMs" | "exits">;

/** The core's counters, by `counter` which reads 64 bits of its state, with those that the host keeps. */
export function readStatistics(counter: (address: number) => number, host: HostCounted): MachineStatistics {
  return {
    ...host,
    translatedInstructions: counter(STATISTIC_TRANSLATED_INSTRUCTIONS),
    regions: counter(STATISTIC_REGIONS),
    translatedBytes: counter(STATISTIC_TRANSLATED_BYTES),
    evictions: counter(STATISTIC_EVICTIONS),
    regionEntries: counter(STATISTIC_REGION_ENTRIES),
    blocksDecoded: counter(STATISTIC_BLOCKS_DECODED),
    blockFlushes: counter(STATISTIC_BLOCK_FLUSHES),
    codeWrites: counter(STATISTIC_CODE_WRITES),
    exceptions: counter(STATISTIC_EXCEPTIONS),
    interrupts: counter(STATISTIC_INTERRUPTS),
    tlbFills: counter(STATISTIC_TLB_FILLS),
  };
}
