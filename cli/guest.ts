import { getGuest, guestOptions, listGuests, type GuestOptions } from "../images/catalog";
import { UsageError } from "./errors";
import { EXIT_SUCCESS } from "./exit-codes";
import { parse, text } from "./options";

const help = `usage: hypertab guest list
       hypertab guest get NAME [--cache FOLDER] [--mirror URL]

list    names the guests that are known
get     fetches or builds one, and prints the paths of its files and its kernel command line

  --cache FOLDER     where guests are kept (default: HYPERTAB_CACHE, or .cache in the checkout)
  --mirror URL       takes packages from here (default: HYPERTAB_MIRROR, or where the distribution publishes them)
  --help             this text

el6 is found in the folder that HYPERTAB_GUESTS names (default: ../shared/guests).
`;

/** `hypertab guest list|get`. Returns the exit code. */
export async function guest(argv: readonly string[], report: (line: string) => void): Promise<number> {
  const args = parse("hypertab guest --help", argv, {
    cache: { type: "string" },
    mirror: { type: "string" },
    help: { type: "boolean", short: "h" },
  });
  const [action, name, extra] = args.positionals;
  const options = guestOptions(process.env, {
    cacheDir: text(args, "cache"),
    mirror: text(args, "mirror"),
    log: report,
  });
  if (args.values["help"]) process.stdout.write(help);
  else if (action === "list" && name === undefined) await list(options);
  else if (action === "get" && name !== undefined && extra === undefined) await get(name, options);
  else throw new UsageError("give: hypertab guest list, or: hypertab guest get NAME");
  return EXIT_SUCCESS;
}

async function list(options: GuestOptions): Promise<void> {
  const guests = await listGuests(options);
  const width = Math.max(...guests.map(({ name }) => name.length));
  for (const { name, description, available, from } of guests) {
    const where = available ? `here: ${from}` : `not here: ${from}`;
    process.stdout.write(`${name.padEnd(width)}  ${description}\n${" ".repeat(width)}  ${where}\n`);
  }
}

async function get(name: string, options: GuestOptions): Promise<void> {
  const { kernel, initrd, commandLine, why } = await getGuest(name, options);
  process.stdout.write(
    `guest         ${name}, from ${why}\nkernel        ${kernel}\ninitrd        ${initrd}\ncommand line  ${commandLine}\n`,
  );
}
