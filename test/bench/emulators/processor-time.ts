import { readdirSync, readFileSync } from "node:fs";

/** Ticks a second of the times in /proc, on every Linux of today (USER_HZ). */
const TICKS = 100;

/**
 * Seconds of processor time that a process and all below it took, by utime and stime of proc(5); these count threads
 * that have ended, too. Undefined where there is no /proc or no such process.
 */
export function processorSeconds(pid: number | undefined): number | undefined {
  if (pid === undefined) return undefined;
  const processes = new Map<number, { parent: number; seconds: number }>();
  try {
    for (const name of readdirSync("/proc")) {
      if (/^\d+$/.test(name)) readStat(Number(name), processes);
    }
  } catch {
    return undefined;
  }
  if (!processes.has(pid)) return undefined;
  const isBelow = (child: number): boolean => {
    for (let at: number | undefined = child, steps = 0; at !== undefined && steps < 100; steps++) {
      if (at === pid) return true;
      at = processes.get(at)?.parent;
    }
    return false;
  };
  return [...processes].reduce((sum, [child, { seconds }]) => (isBelow(child) ? sum + seconds : sum), 0);
}

function readStat(pid: number, processes: Map<number, { parent: number; seconds: number }>): void {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    // It has ended meanwhile.
    return;
  }
  // The name, in parentheses, may hold anything; the third field follows it. ppid is the fourth.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const field = (number: number): number => Number(fields[number - 3]);
  processes.set(pid, { parent: field(4), seconds: (field(14) + field(15)) / TICKS });
}
