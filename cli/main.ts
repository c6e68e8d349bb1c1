import { EXIT_FAILURE, EXIT_SUCCESS, EXIT_USAGE } from "./exit-codes";
import { disk } from "./disk";
import { isUserError, oneLine, UsageError } from "./errors";
import { benchCommand } from "./bench";
import { guest } from "./guest";
import { run } from "./run";

const help = `usage: hypertab COMMAND [options]

A Hyper-V host in software: boots unmodified Linux kernels that find Hyper-V and VMBus around them.

  run      boot a machine, its serial console on stdin and stdout
  guest    list the guests that are known, or get one
  bench    time guests here and in other emulators, side by side
  disk     make, look at, check, resize, convert and merge VHDX files

'hypertab COMMAND --help' tells more. 'npm start' in a checkout opens the same machine in a browser.
`;

const commands: Readonly<Record<string, (argv: readonly string[], report: Report) => Promise<number>>> = {
  run,
  guest,
  bench: benchCommand,
  disk,
};

type Report = (line: string) => void;

/** Runs the command line; returns the exit code. Errors are one line on stderr. */
export async function main(argv: readonly string[]): Promise<number> {
  const report: Report = (line) => void process.stderr.write(`${line}\n`);
  try {
    const [name, ...rest] = argv;
    if (name === "--help" || name === "-h" || name === "help") {
      process.stdout.write(help);
      return EXIT_SUCCESS;
    }
    if (name === undefined) throw new UsageError("no command given; try: hypertab --help");
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (!command) throw new UsageError(`unknown command '${name}'; known are ${Object.keys(commands).join(", ")}`);
    return await command(rest, report);
  } catch (error) {
    report(`hypertab: ${oneLine(error)}`);
    if (isUserError(error)) return EXIT_USAGE;
    if (process.env["HYPERTAB_DEBUG"] && error instanceof Error && error.stack) report(error.stack);
    return EXIT_FAILURE;
  }
}
