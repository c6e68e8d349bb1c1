import { writeFileSync } from "node:fs";
import { guestOptions } from "../images/catalog";
import { bench, BENCH_GUESTS, type BenchSettings } from "../test/bench/bench";
import { hypertabChromium, v86Chromium } from "../test/bench/emulators/chromium";
import type { Emulator } from "../test/bench/emulators/emulator";
import { hypertab } from "../test/bench/emulators/hypertab";
import { qemu } from "../test/bench/emulators/qemu";
import { v86 } from "../test/bench/emulators/v86";
import { DISK_PHASES } from "../test/bench/disk-phases";
import { BOOT, PHASES } from "../test/bench/phases";
import { profile } from "../test/bench/profile";
import { formatTable, tables } from "../test/bench/report";
import { UsageError } from "./errors";
import { EXIT_FAILURE, EXIT_SUCCESS } from "./exit-codes";
import { parse, text, wholeNumber, type Arguments } from "./options";

/** All but Chromium's, which take as long again, take part unless others are named. */
const DEFAULT_PEERS: readonly Emulator[] = [v86, qemu];
const PEERS = [...DEFAULT_PEERS, v86Chromium, hypertabChromium];

/** Those with a disk run only when they are named. */
const ALL_PHASES = [...PHASES, ...DISK_PHASES];

const help = `usage: hypertab bench [options]

Boots the same guest in ours and in the peers, in turn, and takes each phase's time by the host's clock from what the
guest writes to its console. Prints seconds (the median of the runs) and our time over each peer's.

  --guests NAMES     of ${BENCH_GUESTS.map(({ name }) => name).join(", ")} (default: el6), separated by commas
  --phases LETTERS   of ${ALL_PHASES.map(({ id }) => id).join("")} (default: ${PHASES.map(({ id }) => id).join("")}); a, the boot, is always
                     measured, and i where another phase needs a disk
  --peers NAMES      of ${PEERS.map(({ name }) => name).join(", ")}, or none 
                     (default: ${DEFAULT_PEERS.map(({ name }) => name).join(", ")})
  --runs N           boots of each guest in each emulator, 1 to 100 (default 1)
  --memory MIB       RAM of the guests, 128 to 2048 (default 256)
  --timeout SECONDS  for one boot with all its phases, 1 to 36000 (default 600)
  --clock CLOCK      wall: the host's clock (default)
                     cpu: processor time of the emulator's process, for a host that has other work to do
  --json FILE        writes the result with every run's times there; - is stdout, in place of the tables
  --profile          instead, runs ours alone and prints what its two engines did in each phase
  --help             this text

The phases:
${ALL_PHASES.map(({ id, title }) => `  ${id}  ${title}`).join("\n")}

Exit code: 0 all runs came to their end, 1 some did not, 2 wrong use or a peer that is not here.
`;

/** `hypertab bench`. Returns the exit code. */
export async function benchCommand(argv: readonly string[], report: (line: string) => void): Promise<number> {
  const args = parse("hypertab bench --help", argv, {
    guests: { type: "string" },
    phases: { type: "string" },
    peers: { type: "string" },
    runs: { type: "string" },
    memory: { type: "string" },
    timeout: { type: "string" },
    clock: { type: "string" },
    json: { type: "string" },
    profile: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  });
  if (args.values["help"]) {
    process.stdout.write(help);
    return EXIT_SUCCESS;
  }
  const extra = args.positionals[0];
  if (extra !== undefined) throw new UsageError(`unexpected argument '${extra}'; see hypertab bench --help`);

  const letters = text(args, "phases") ?? PHASES.map(({ id }) => id).join("");
  const named = choose("phases", [...new Set([BOOT.id, ...letters.replaceAll(",", "")])], ALL_PHASES, ({ id }) => id);
  const phases = named.some(({ disk }) => disk) ? [...named, DISK_PHASES[0]!] : named;
  const json = text(args, "json");
  const clock = text(args, "clock") ?? "wall";
  if (clock !== "wall" && clock !== "cpu") throw new UsageError(`--clock is '${clock}'; it must be wall or cpu`);
  const settings: BenchSettings = {
    guests: choose("guests", names(args, "guests") ?? ["el6"], BENCH_GUESTS, ({ name }) => name),
    phases: ALL_PHASES.filter((phase) => phases.includes(phase)),
    emulators: chosenEmulators(args),
    runs: wholeNumber(args, "runs", { least: 1, most: 100, unit: "runs", otherwise: 1 }),
    clock,
    memoryMiB: wholeNumber(args, "memory", { least: 128, most: 2048, unit: "MiB", otherwise: 256 }),
    timeoutSeconds: wholeNumber(args, "timeout", { least: 1, most: 36000, unit: "seconds", otherwise: 600 }),
    guestOptions: guestOptions(process.env, { log: report }),
    report,
  };
  if (args.values["profile"]) {
    await profile(settings);
    return EXIT_SUCCESS;
  }

  const result = await bench(settings);
  const summary = tables(result);
  if (json !== "-") process.stdout.write(summary.map((table) => `${formatTable(table)}\n`).join("\n"));
  if (json !== undefined) writeJson(json, { ...result, tables: summary });
  const failed = result.measured.some(({ runs }) => runs.some(({ failure }) => failure !== undefined));
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

function names(args: Arguments, option: string): string[] | undefined {
  return text(args, option)
    ?.split(",")
    .map((name) => name.trim())
    .filter(Boolean);
}

/** Ours, with the peers that were named, and ours in Chromium where it is compared with one of them. */
function chosenEmulators(args: Arguments): Emulator[] {
  const peers = chosenPeers(args);
  const inChromium = peers.some(({ name, ours }) => ours === hypertabChromium.name || name === hypertabChromium.name);
  const ours = inChromium ? [hypertab, hypertabChromium] : [hypertab];
  return [...ours, ...peers.filter((peer) => peer !== hypertabChromium)];
}

function chosenPeers(args: Arguments): readonly Emulator[] {
  const wanted = names(args, "peers");
  if (wanted === undefined) return DEFAULT_PEERS;
  return wanted.length === 1 && wanted[0] === "none" ? [] : choose("peers", wanted, PEERS, ({ name }) => name);
}

function choose<T>(option: string, wanted: readonly string[], known: readonly T[], nameOf: (item: T) => string): T[] {
  if (wanted.length === 0) throw new UsageError(`--${option} names nothing; known are ${known.map(nameOf).join(", ")}`);
  return wanted.map((name) => {
    const found = known.find((item) => nameOf(item) === name);
    if (!found) throw new UsageError(`--${option} has '${name}'; known are ${known.map(nameOf).join(", ")}`);
    return found;
  });
}

function writeJson(file: string, value: unknown): void {
  const content = `${JSON.stringify(value, undefined, 2)}\n`;
  if (file === "-") {
    process.stdout.write(content);
    return;
  }
  try {
    writeFileSync(file, content);
  } catch (error) {
    throw new UsageError(`--json '${file}' cannot be written: ${error instanceof Error ? error.message : error}`);
  }
}
