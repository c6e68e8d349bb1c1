import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { FileStore } from "../../cli/disk/file-store";
import { createVhdx } from "../../emulator/storage/vhdx/create";
import { checkoutDirectory } from "../../images/checkout";
import { getGuest, type GuestOptions } from "../../images/catalog";
import { BENCH_DISK_SIZE } from "./disk-phases";
import type { Emulator, GuestFiles } from "./emulators/emulator";
import { measure, type ClockName, type Run } from "./measure";
import type { Phase } from "./phases";
import { SCRIPT_PATH, withScript } from "./script";

/** A guest of images/ that the benchmark knows. */
export interface BenchGuest {
  readonly name: string;
  readonly bits: 32 | 64;
}

export const BENCH_GUESTS: readonly BenchGuest[] = [
  { name: "el6", bits: 64 },
  { name: "debian", bits: 64 },
  { name: "debian-686", bits: 32 },
  { name: "debian-686-pae", bits: 32 },
];

export interface BenchSettings {
  readonly guests: readonly BenchGuest[];
  readonly phases: readonly Phase[];
  /** Ours and the peers; in each run all take their turn. */
  readonly emulators: readonly Emulator[];
  readonly runs: number;
  readonly clock: ClockName;
  readonly memoryMiB: number;
  /** Host seconds that one boot with all its phases may take. */
  readonly timeoutSeconds: number;
  readonly guestOptions: GuestOptions;
  readonly report: (line: string) => void;
}

/** All runs of one guest in one emulator. */
export interface Measured {
  readonly guest: string;
  readonly emulator: string;
  /** For a peer, the emulator of ours that it is compared with. */
  readonly ours?: string;
  readonly runs: readonly Run[];
}

export interface BenchResult {
  readonly date: string;
  readonly host: { readonly processor: string; readonly processors: number };
  readonly commit?: string;
  /** By name, what each emulator said of itself. */
  readonly emulators: Readonly<Record<string, string>>;
  readonly phases: readonly { readonly id: string; readonly title: string }[];
  readonly memoryMiB: number;
  /** Which of the runs' times the tables show. */
  readonly clock: ClockName;
  readonly measured: readonly Measured[];
}

/** @throws ConfigurationError if a guest or an emulator is not to be had, one line */
export async function bench(settings: BenchSettings): Promise<BenchResult> {
  const { emulators, phases, memoryMiB } = settings;
  const descriptions: Record<string, string> = {};
  for (const emulator of emulators) descriptions[emulator.name] = await emulator.describe();

  const measured: Measured[] = [];
  const folder = await mkdtemp(join(tmpdir(), "hypertab-bench-"));
  try {
    for (const guest of settings.guests) measured.push(...(await benchGuest(guest, folder, settings)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return {
    date: new Date().toISOString(),
    host: { processor: cpus()[0]?.model ?? "unknown", processors: cpus().length },
    commit: await commit(),
    emulators: descriptions,
    phases: phases.map(({ id, title }) => ({ id, title })),
    memoryMiB,
    clock: settings.clock,
    measured,
  };
}

async function benchGuest(guest: BenchGuest, folder: string, settings: BenchSettings): Promise<Measured[]> {
  const { report, runs, timeoutSeconds } = settings;
  const files = await prepare(guest, folder, settings);
  const able = settings.emulators.filter(({ is64Bit }) => is64Bit || guest.bits === 32);
  const byEmulator = new Map(able.map(({ name }) => [name, [] as Run[]]));
  for (let run = 1; run <= runs; run++) {
    for (const emulator of able) {
      const disk = await newDisk(folder, settings.phases);
      const result = await measure(emulator, { ...files, disk }, timeoutSeconds);
      byEmulator.get(emulator.name)!.push(result);
      const times = Object.entries(result[settings.clock]).map(([phase, time]) => `${phase} ${time.toFixed(2)}`);
      const line = `${guest.name}, run ${run} of ${runs}, ${emulator.name}: ${times.join("  ")}`;
      report(result.failure === undefined ? line : `${line} (${result.failure})`);
    }
  }
  return able.map(({ name, ours }) => ({ guest: guest.name, emulator: name, ours, runs: byEmulator.get(name)! }));
}

/** A disk as it is made by us for everyone: dynamic, of the usual block size. None for phases without one. */
export async function newDisk(folder: string, phases: readonly Phase[]): Promise<GuestFiles["disk"]> {
  if (!phases.some(({ disk }) => disk)) return undefined;
  const path = join(folder, "disk.vhdx");
  await rm(path, { force: true });
  const store = FileStore.create(path);
  await createVhdx(store, { size: BENCH_DISK_SIZE, type: "dynamic" });
  await store.close();
  return { path, size: BENCH_DISK_SIZE };
}

/** The same files for all: the guest's kernel, and its initramfs with the phases. */
export async function prepare(guest: BenchGuest, folder: string, settings: BenchSettings): Promise<GuestFiles> {
  const { kernel, initrd, commandLine } = await getGuest(guest.name, settings.guestOptions);
  const withPhases = join(folder, `${guest.name}.initramfs`);
  await writeFile(withPhases, withScript(new Uint8Array(await readFile(initrd)), settings.phases, guest.bits));
  return {
    kernel,
    initrd: withPhases,
    // No modules: those of Hyper-V would find their devices in ours and nothing in the peers.
    commandLine: `${commandLine} hv.nomodules hv.script=${SCRIPT_PATH}`,
    memoryMiB: settings.memoryMiB,
  };
}

function commit(): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile("git", ["-C", checkoutDirectory(), "rev-parse", "HEAD"], (error, stdout) => {
      resolve(error ? undefined : stdout.trim());
    });
  });
}
