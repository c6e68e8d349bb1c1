import type { MachineStatistics } from "./machine-types";

/** A name and a value, for people. */
export type StatisticLine = readonly [name: string, value: string];

const whole = (value: number): string => value.toLocaleString("en-US");

/** The statistics as lines of a table, for the command line and the page. */
export function describeStatistics(statistics: MachineStatistics): StatisticLine[] {
  const { instructions, translatedInstructions, regionEntries, exits } = statistics;
  const share = instructions > 0 ? (100 * translatedInstructions) / instructions : 0;
  const { chained, leaves } = statistics;
  const regionRuns = regionEntries + chained;
  const perRun = regionRuns > 0 ? translatedInstructions / regionRuns : 0;
  return [
    ["instructions", whole(instructions)],
    ["translated share", `${share.toFixed(1)} %`],
    ["regions made", `${whole(statistics.regions)}, ${whole(statistics.regionsAlive)} alive`],
    ["WebAssembly made", `${(statistics.translatedBytes / 1024).toFixed(0)} KiB`],
    ["compile time", `${(statistics.compileMs / 1000).toFixed(2)} s, beside the run`],
    ["evictions", whole(statistics.evictions)],
    ["region runs", `${whole(regionRuns)}, ${perRun.toFixed(0)} instructions each, ${whole(chained)} chained`],
    [
      "left regions for",
      `${whole(leaves.miss)} miss, ${whole(leaves.limit)} limit, ${whole(leaves.attention)} attention, ` +
        `${whole(leaves.mode)} mode, ${whole(leaves.handler)} handler`,
    ],
    ["blocks decoded", `${whole(statistics.blocksDecoded)}, emptied ${whole(statistics.blockFlushes)} times`],
    ["writes to code", whole(statistics.codeWrites)],
    ["left to handlers", describeHandlers(statistics)],
    [
      "TLB fills",
      `${whole(statistics.tlbFills)}, ${whole(statistics.tlbFlushes)} flushes, ` +
        `${whole(statistics.tlbResizes)} changes of size, ${whole(statistics.tlbEntries)} entries a set`,
    ],
    ["exceptions", whole(statistics.exceptions)],
    ["interrupts", whole(statistics.interrupts)],
    [
      "exits to the host",
      `${whole(exits.budget)} budget, ${whole(exits.halt)} HLT, ${whole(exits.request)} stop, ` +
        `${whole(exits.fault)} fault, ${whole(exits.shutdown)} shutdown`,
    ],
  ];
}

/** Most opcodes named. */
const HANDLERS_SHOWN = 12;

function describeHandlers({ handlers, translatedInstructions }: MachineStatistics): string {
  const total = handlers.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return "none";
  const share = (count: number): string => `${((100 * count) / translatedInstructions).toFixed(2)} %`;
  const named = handlers.slice(0, HANDLERS_SHOWN).map(({ opcode, count }) => `${opcode} ${share(count)}`);
  return `${share(total)}: ${named.join(", ")}`;
}
