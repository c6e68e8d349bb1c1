import type { BootSource } from "../emulator/machine-types";
import { Machine } from "../emulator/machine";
import { describeStatistics } from "../emulator/describe-statistics";
import { describeStop } from "../emulator/stop-reason";
import { getGuest, guestOptions } from "../images/catalog";
import { openDrives } from "./drives";
import { EXIT_GUEST_CRASH, EXIT_SUCCESS, EXIT_TIMEOUT, exitCodeOf } from "./exit-codes";
import { HostConsole } from "./host-console";
import { loadCore, readInput } from "./load";
import { parseRunOptions, runHelp, type RunSource } from "./run-options";
import { runSession, type Outcome } from "./session";
import { traceVmbus } from "./vmbus-trace";

/** `hypertab run`: boots a machine with its serial console on stdin and stdout. Returns the exit code. */
export async function run(argv: readonly string[], report: (line: string) => void): Promise<number> {
  const options = parseRunOptions(argv);
  if (!options) {
    process.stdout.write(runHelp);
    return EXIT_SUCCESS;
  }
  const boot = await loadBootSource(options.source, report);
  const drives = await openDrives(options.disks, options.iso);
  try {
    const machine = await Machine.create({
      core: await loadCore(),
      boot,
      memoryMiB: options.memoryMiB,
      time: options.time,
      translateAfter: options.interpret ? Infinity : undefined,
      drives: drives.attachments,
    });
    // There is none to see it: the guest need not say what it paints.
    machine.screen.watched = false;
    const begun = performance.now();
    const console = new HostConsole(report);
    const endTrace = traceVmbus(machine, options, (line) => console.notice(line));
    const outcome = await runSession(machine, console, options).finally(endTrace);
    if (options.stats) reportStatistics(machine, (performance.now() - begun) / 1000, report);
    await machine.stopped;
    return conclude(outcome, options.timeoutSeconds, report);
  } finally {
    await drives.close();
  }
}

async function loadBootSource(source: RunSource, report: (line: string) => void): Promise<BootSource> {
  if (source.kind === "files") {
    return {
      kernel: readInput("--kernel", source.kernel),
      initrd: source.initrd === undefined ? undefined : readInput("--initrd", source.initrd),
      commandLine: source.commandLine,
    };
  }
  const guest = await getGuest(source.name, guestOptions(process.env, { log: report }));
  return {
    kernel: readInput("the guest's kernel", guest.kernel),
    initrd: readInput("the guest's initrd", guest.initrd),
    commandLine: [guest.commandLine, source.extraCommandLine].filter(Boolean).join(" "),
  };
}

function reportStatistics(machine: Machine, hostSeconds: number, report: (line: string) => void): void {
  const { guestSeconds, instructions } = machine.status();
  const rate = instructions / hostSeconds / 1e6;
  report(
    `hypertab: ${guestSeconds.toFixed(3)} s guest time, ${instructions} instructions, ` +
      `${hostSeconds.toFixed(3)} s host time, ${rate.toFixed(1)} million instructions/s`,
  );
  for (const [name, value] of describeStatistics(machine.statistics())) report(`  ${name.padEnd(18)} ${value}`);
}

function conclude(outcome: Outcome, timeoutSeconds: number | undefined, report: (line: string) => void): number {
  switch (outcome.kind) {
    case "time-out":
      report(`hypertab: time-out after ${timeoutSeconds} s`);
      return EXIT_TIMEOUT;
    case "panic":
      report("hypertab: the guest's kernel panicked");
      return EXIT_GUEST_CRASH;
    case "stopped":
      if (outcome.reason.kind !== "power-off") report(`hypertab: ${describeStop(outcome.reason)}`);
      return exitCodeOf(outcome.reason);
  }
}
