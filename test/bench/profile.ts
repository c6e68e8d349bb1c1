// What the processor's two engines do in each phase of a guest: the counters of MachineStatistics at its end less
// those at its begin. It says what to translate next.

import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDrives } from "../../cli/drives";
import { loadCore } from "../../cli/load";
import { describeStatistics } from "../../emulator/describe-statistics";
import { Machine } from "../../emulator/machine";
import type { HandlerCount, MachineStatistics } from "../../emulator/machine-types";
import { newDisk, prepare, type BenchSettings } from "./bench";
import { BEGIN, DONE, END, MarkerReader } from "./markers";

/** Boots each guest in ours, within this process, and reports each phase's statistics. */
export async function profile(settings: BenchSettings): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "hypertab-profile-"));
  try {
    for (const guest of settings.guests) {
      const files = await prepare(guest, folder, settings);
      const disk = await newDisk(folder, settings.phases);
      const drives =
        disk === undefined ? undefined : await openDrives([{ path: disk.path, place: undefined }], undefined);
      const machine = await Machine.create({
        core: await loadCore(),
        boot: {
          kernel: readFileSync(files.kernel),
          initrd: readFileSync(files.initrd),
          commandLine: files.commandLine,
        },
        memoryMiB: settings.memoryMiB,
        time: "real",
        drives: drives?.attachments,
      });
      await runPhases(machine, settings.report);
      await drives?.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runPhases(machine: Machine, report: (line: string) => void): Promise<void> {
  const reader = new MarkerReader();
  const decoder = new TextDecoder("latin1");
  const look = () => ({ ms: performance.now(), cpu: process.cpuUsage(), statistics: machine.statistics() });
  let begin = look();
  const through = new Promise<void>((resolve) => {
    machine.on("serial", (bytes) => {
      for (const { kind, phase } of reader.feed(decoder.decode(bytes))) {
        const now = look();
        if (kind === DONE && phase === "all") resolve();
        else if (kind === BEGIN) begin = now;
        else if (kind === END || kind === DONE) {
          const seconds = (now.ms - begin.ms) / 1000;
          const cpuSeconds = (now.cpu.user + now.cpu.system - begin.cpu.user - begin.cpu.system) / 1e6;
          const spent = difference(now.statistics, begin.statistics);
          const rate = spent.instructions / seconds / 1e6;
          report(
            `phase ${phase}: ${seconds.toFixed(2)} s, ${rate.toFixed(0)} million/s, ` +
              `${cpuSeconds.toFixed(2)} s of processor time with the compiler's`,
          );
          for (const [name, value] of describeStatistics(spent)) report(`  ${name.padEnd(18)} ${value}`);
        }
      }
    });
  });
  await machine.start();
  await Promise.race([through, machine.stopped]);
  await machine.turnOff();
}

/** What is no counter. */
const LEVELS: readonly string[] = ["regionsAlive", "tlbEntries"] satisfies (keyof MachineStatistics)[];

/** Counter by counter; a level is as it is now. */
function difference(now: MachineStatistics, before: MachineStatistics): MachineStatistics {
  const numbers: Record<string, number> = {};
  for (const [key, value] of Object.entries(now)) {
    if (typeof value !== "number") continue;
    numbers[key] = LEVELS.includes(key) ? value : value - (before[key as keyof MachineStatistics] as number);
  }
  return {
    ...now,
    ...numbers,
    exits: countsSince(now.exits, before.exits),
    leaves: countsSince(now.leaves, before.leaves),
    handlers: handlersSince(now, before),
  };
}

function countsSince<Counts extends { readonly [Cause in keyof Counts]: number }>(now: Counts, before: Counts): Counts {
  const causes = Object.keys(now) as (keyof Counts)[];
  return Object.fromEntries(causes.map((cause) => [cause, now[cause] - before[cause]])) as Counts;
}

function handlersSince(now: MachineStatistics, before: MachineStatistics): HandlerCount[] {
  const earlier = new Map(before.handlers.map(({ opcode, count }) => [opcode, count]));
  return now.handlers
    .map(({ opcode, count }) => ({ opcode, count: count - (earlier.get(opcode) ?? 0) }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count);
}
