import { check, checkpoint, convert, create, info, merge, resize } from "./disk/actions";
import { size } from "./disk/size";
import { UsageError } from "./errors";
import { EXIT_SUCCESS } from "./exit-codes";
import { type Arguments, parse, text } from "./options";

const help = `usage: hypertab disk create FILE --size SIZE [--type dynamic|fixed] [--block-size SIZE] [--sector-size 512|4096]
       hypertab disk info FILE
       hypertab disk check FILE [--repair]
       hypertab disk resize FILE --size SIZE
       hypertab disk convert FILE NEW [--type dynamic|fixed|raw] [--block-size SIZE] [--sector-size 512|4096]
       hypertab disk checkpoint FILE NEW [--block-size SIZE]
       hypertab disk merge FILE [--keep]

create      makes a VHDX file, all zeros
info        says what a VHDX file is
check       finds errors; with --repair, replays the log and restores copies of headers that are damaged
resize      makes a disk larger, or smaller where only zeros are cut off
convert     copies a VHDX file or a raw image to a new file
checkpoint  keeps FILE as it is: NEW shows the same, and takes what is written from now on (a differencing file);
            to go back, delete NEW
merge       writes what a differencing FILE holds to its parent, and deletes FILE

  --size SIZE          of the disk, at most 64T; K, M, G and T are powers of 1024
  --type TYPE          dynamic (default): the file grows with what is written; fixed: it has its full size at once;
                       raw: no VHDX file, but the disk's bytes alone
  --block-size SIZE    what the file grows by: a power of two from 1M to 256M
                       (default 1M, from 1T on and for fixed disks 32M, for checkpoints 2M)
  --sector-size BYTES  of the disk's logical sectors (default 512)
  --repair             see check
  --keep               does not delete the differencing file after a merge
  --help               this text
`;

/** `hypertab disk`. Returns the exit code. */
export async function disk(argv: readonly string[], report: (line: string) => void): Promise<number> {
  const args = parse("hypertab disk --help", argv, {
    size: { type: "string" },
    type: { type: "string" },
    "block-size": { type: "string" },
    "sector-size": { type: "string" },
    repair: { type: "boolean" },
    keep: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  });
  if (args.values["help"]) process.stdout.write(help);
  else await act(args, report);
  return EXIT_SUCCESS;
}

async function act(args: Arguments, report: (line: string) => void): Promise<void> {
  const [action, ...files] = args.positionals;
  const one = (): string => named(files, 1, `hypertab disk ${action} FILE`)[0]!;
  const two = (): readonly [string, string] => {
    const [first, second] = named(files, 2, `hypertab disk ${action} FILE NEW`);
    return [first!, second!];
  };
  switch (action) {
    case "create":
      allow(args, "size", "type", "block-size", "sector-size");
      return create(one(), {
        size: size(args, "size"),
        type: oneOf(args, "type", ["dynamic", "fixed"]),
        blockSize: size(args, "block-size"),
        sectorSize: sectorSize(args),
      });
    case "info":
      allow(args);
      process.stdout.write(await info(one()));
      return;
    case "check":
      allow(args, "repair");
      process.stdout.write(await check(one(), args.values["repair"] === true));
      return;
    case "resize":
      allow(args, "size");
      return resize(one(), size(args, "size"));
    case "convert":
      allow(args, "type", "block-size", "sector-size");
      return convert(...two(), {
        type: oneOf(args, "type", ["dynamic", "fixed", "raw"]),
        blockSize: size(args, "block-size"),
        sectorSize: sectorSize(args),
      });
    case "checkpoint":
      allow(args, "block-size");
      return checkpoint(...two(), size(args, "block-size"));
    case "merge":
      allow(args, "keep");
      report(`merged into ${await merge(one(), args.values["keep"] === true)}`);
      return;
    default: {
      const wrong = action === undefined ? "no action given" : `unknown action '${action}'`;
      throw new UsageError(
        `${wrong}; known are create, info, check, resize, convert, checkpoint and merge (try: hypertab disk --help)`,
      );
    }
  }
}

function named(files: readonly string[], count: number, usage: string): readonly string[] {
  if (files.length !== count || files.includes("")) throw new UsageError(`give: ${usage} (try: hypertab disk --help)`);
  return files;
}

/** An option that the action has no use for is a misunderstanding. */
function allow(args: Arguments, ...names: readonly string[]): void {
  for (const [name, value] of Object.entries(args.values)) {
    if (value === undefined || names.includes(name)) continue;
    throw new UsageError(`hypertab disk ${args.positionals[0]} takes no --${name} (try: hypertab disk --help)`);
  }
}

function oneOf<T extends string>(args: Arguments, name: string, choices: readonly T[]): T | undefined {
  const value = text(args, name);
  const choice = choices.find((candidate) => candidate === value);
  if (value === undefined || choice !== undefined) return choice;
  throw new UsageError(`--${name} is '${value}'; it must be ${choices.join(" or ")}`);
}

function sectorSize(args: Arguments): 512 | 4096 | undefined {
  const value = oneOf(args, "sector-size", ["512", "4096"]);
  return value === undefined ? undefined : value === "512" ? 512 : 4096;
}
