import {
  HANDLER_COUNTS,
  HANDLER_COUNTS_ENTRIES,
  LEAVE_ATTENTION,
  LEAVE_HANDLER,
  LEAVE_LIMIT,
  LEAVE_MISS,
  LEAVE_MODE,
  STATISTIC_BLOCKS_DECODED,
  STATISTIC_BLOCK_FLUSHES,
  STATISTIC_CHAINED,
  STATISTIC_CODE_WRITES,
  STATISTIC_EVICTIONS,
  STATISTIC_EXCEPTIONS,
  STATISTIC_INTERRUPTS,
  STATISTIC_LEAVES,
  STATISTIC_REGIONS,
  STATISTIC_REGION_ENTRIES,
  STATISTIC_TLB_FILLS,
  STATISTIC_TLB_FLUSHES,
  STATISTIC_TLB_RESIZES,
  STATISTIC_TRANSLATED_BYTES,
  STATISTIC_TRANSLATED_INSTRUCTIONS,
} from "../../assembly/state";
import type { HandlerCount, MachineStatistics } from "../machine-types";

type HostCounted = Pick<MachineStatistics, "instructions" | "regionsAlive" | "tlbEntries" | "compileMs" | "exits">;

/** The core's counters, by `counter` which reads 64 bits of its state, with those that the host keeps. */
export function readStatistics(counter: (address: number) => number, host: HostCounted): MachineStatistics {
  return {
    ...host,
    translatedInstructions: counter(STATISTIC_TRANSLATED_INSTRUCTIONS),
    regions: counter(STATISTIC_REGIONS),
    translatedBytes: counter(STATISTIC_TRANSLATED_BYTES),
    evictions: counter(STATISTIC_EVICTIONS),
    regionEntries: counter(STATISTIC_REGION_ENTRIES),
    chained: counter(STATISTIC_CHAINED),
    leaves: {
      miss: counter(STATISTIC_LEAVES + LEAVE_MISS * 8),
      limit: counter(STATISTIC_LEAVES + LEAVE_LIMIT * 8),
      attention: counter(STATISTIC_LEAVES + LEAVE_ATTENTION * 8),
      mode: counter(STATISTIC_LEAVES + LEAVE_MODE * 8),
      handler: counter(STATISTIC_LEAVES + LEAVE_HANDLER * 8),
    },
    blocksDecoded: counter(STATISTIC_BLOCKS_DECODED),
    blockFlushes: counter(STATISTIC_BLOCK_FLUSHES),
    codeWrites: counter(STATISTIC_CODE_WRITES),
    exceptions: counter(STATISTIC_EXCEPTIONS),
    interrupts: counter(STATISTIC_INTERRUPTS),
    tlbFills: counter(STATISTIC_TLB_FILLS),
    tlbFlushes: counter(STATISTIC_TLB_FLUSHES),
    tlbResizes: counter(STATISTIC_TLB_RESIZES),
    handlers: handlerCounts(counter),
  };
}

const MAPS = ["", "0F ", "0F 38 ", "0F 3A "];

function handlerCounts(counter: (address: number) => number): HandlerCount[] {
  const counts: HandlerCount[] = [];
  for (let key = 0; key < HANDLER_COUNTS_ENTRIES; key++) {
    const count = counter(HANDLER_COUNTS + key * 8);
    if (count === 0) continue;
    const opcode = `${MAPS[key >> 8]}${(key & 0xff).toString(16).toUpperCase().padStart(2, "0")}`;
    counts.push({ opcode, count });
  }
  return counts.sort((a, b) => b.count - a.count);
}
