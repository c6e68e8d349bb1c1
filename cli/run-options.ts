import { resolve } from "node:path";
import type { TimeMode } from "../emulator/machine-types";
import { type DriveOption, parseDrive } from "./drive-place";
import { UsageError } from "./errors";
import { parse, seconds, text, texts, wholeNumber } from "./options";

/** Where the kernel comes from: files of the user's, or a guest that images/ knows. */
export type RunSource =
  | { readonly kind: "files"; readonly kernel: string; readonly initrd?: string; readonly commandLine: string }
  | { readonly kind: "guest"; readonly name: string; readonly extraCommandLine: string };

export interface RunOptions {
  readonly source: RunSource;
  readonly memoryMiB: number;
  readonly time: TimeMode;
  readonly timeoutSeconds?: number;
  readonly interpret: boolean;
  readonly stats: boolean;
  /** In order. */
  readonly disks: readonly DriveOption[];
  readonly iso?: DriveOption;
  /** Where a pcapng file of the bus goes. */
  readonly vmbusTrace?: string;
  /** Prints each message of the bus. */
  readonly vmbusLog: boolean;
}

export const runHelp = `usage: hypertab run (--kernel FILE [--initrd FILE] | --guest NAME) [options]

Boots a machine. Its serial console is on stdin and stdout.

  --kernel FILE      Linux bzImage, or ELF image with a multiboot 1 header
  --initrd FILE      initial RAM disk
  --append STRING    kernel command line; with --guest, added to the guest's own
  --guest NAME       a guest that 'hypertab guest list' names; got first when it is not there yet
  --memory MIB       RAM, 16 to 2048 (default 256)
  --disk FILE[,PLACE]
                     a disk: VHDX or raw image, read and written; may be given again. PLACE is ide or scsi, or exactly
                     ide0:0 to ide1:1 or scsi0 to scsi63; of those without, the first is at ide0:0
  --iso FILE[,PLACE] a DVD drive with this image in it; without PLACE at scsi. At ide, guests find it by their
                     drivers for IDE only
  --cpus N           processors; only 1 so far
  --time MODE        real: the guest's clock follows the host's (default)
                     virtual: time advances with instructions, each run is identical
  --timeout SECONDS  ends the run after so long; in virtual time these are the guest's seconds
  --interpret        runs everything by interpretation; nothing is translated
  --stats            at the end, prints speed, and what the processor's two engines did, on stderr
  --vmbus-trace FILE writes all that goes over VMBus to FILE as pcapng, each message with what it says and means; for
                     Wireshark, which needs no plug-in for it. The file is written anew
  --vmbus-log        prints the same on stderr, a line for each message
  --help             this text

At a terminal, Ctrl-A x turns the machine off and Ctrl-A Ctrl-A sends Ctrl-A. SIGINT asks the guest to shut
down, a second one turns the machine off.

Exit code: 0 the guest powered off, 2 wrong use, 3 time-out, 4 the guest panicked or triple-faulted,
130 turned off from outside; port 0xf4 (debug-exit): twice the status plus 1.
`;

/** Reads the options of `run`; undefined stands for --help. Throws UsageError. */
export function parseRunOptions(argv: readonly string[]): RunOptions | undefined {
  const args = parse("hypertab run --help", argv, {
    kernel: { type: "string" },
    initrd: { type: "string" },
    append: { type: "string" },
    guest: { type: "string" },
    memory: { type: "string" },
    disk: { type: "string", multiple: true },
    iso: { type: "string" },
    cpus: { type: "string" },
    time: { type: "string" },
    timeout: { type: "string" },
    interpret: { type: "boolean" },
    stats: { type: "boolean" },
    "vmbus-trace": { type: "string" },
    "vmbus-log": { type: "boolean" },
    help: { type: "boolean", short: "h" },
  });
  if (args.values["help"]) return undefined;
  const extra = args.positionals[0];
  if (extra !== undefined) throw new UsageError(`unexpected argument '${extra}'; a kernel is given as --kernel FILE`);

  const cpus = text(args, "cpus") ?? "1";
  if (cpus !== "1") throw new UsageError(`--cpus is '${cpus}'; a machine has 1 processor so far`);
  const time = text(args, "time") ?? "real";
  if (time !== "real" && time !== "virtual") throw new UsageError(`--time is '${time}'; it must be real or virtual`);
  const iso = text(args, "iso");
  const vmbusTrace = text(args, "vmbus-trace");
  const disks = texts(args, "disk").map((value) => parseDrive("disk", value));
  const drive = iso === undefined ? undefined : parseDrive("iso", iso);
  const inputs = [...disks, ...(drive ? [drive] : [])].map(({ path }) => path);
  checkTraceFile(vmbusTrace, [...inputs, text(args, "kernel"), text(args, "initrd")]);
  return {
    source: parseSource(text(args, "kernel"), text(args, "initrd"), text(args, "guest"), text(args, "append") ?? ""),
    memoryMiB: wholeNumber(args, "memory", { least: 16, most: 2048, unit: "MiB", otherwise: 256 }),
    time,
    timeoutSeconds: seconds(args, "timeout"),
    interpret: args.values["interpret"] === true,
    stats: args.values["stats"] === true,
    disks,
    iso: drive,
    vmbusTrace,
    vmbusLog: args.values["vmbus-log"] === true,
  };
}

/** The file is written anew: it must not be one that the machine is made of. */
function checkTraceFile(path: string | undefined, inputs: readonly (string | undefined)[]): void {
  if (path === undefined) return;
  if (path === "") throw new UsageError("--vmbus-trace is empty; it must name a file");
  if (inputs.some((input) => input !== undefined && resolve(input) === resolve(path))) {
    throw new UsageError(`--vmbus-trace would overwrite ${path}, which the machine uses; name another file`);
  }
}

function parseSource(
  kernel: string | undefined,
  initrd: string | undefined,
  guest: string | undefined,
  append: string,
): RunSource {
  if (guest !== undefined) {
    if (kernel !== undefined || initrd !== undefined) {
      throw new UsageError("--guest brings its own kernel and initrd; give either --guest or --kernel and --initrd");
    }
    return { kind: "guest", name: guest, extraCommandLine: append };
  }
  if (kernel === undefined) throw new UsageError("nothing to boot; give --kernel FILE or --guest NAME");
  return { kind: "files", kernel, initrd, commandLine: append };
}
