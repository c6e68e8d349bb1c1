import { getGuest, listGuests } from "../images/catalog";
import { UsageError } from "./errors";
import { EXIT_SUCCESS } from "./exit-codes";
import { parse, text } from "./options";

const help = `usage: hypertab guest list
       hypertab guest get NAME [--cache FOLDER] [--mirror URL]

list    names the guests that are known
get     fetches or builds one, and prints the paths of its files and its kernel command line

  --cache FOLDER     where guests are kept
  --mirror URL       takes CentOS's packages from here instead of the CentOS vault
  --help             this text

el6 is taken from the folder that the environment variable HYPERTAB_GUESTS names.
`;

/** `hypertab guest list|get`. Returns the exit code. */
export async function guest(argv: readonly string[], report: (line: string) => void): Promise<number> {
  const args = parse("guest", argv, {
    cache: { type: "string" },
    mirror: { type: "string" },
    help: { type: "boolean", short: "h" },
  });
  const [action, name, extra] = args.positionals;
  if (args.values["help"]) process.stdout.write(help);
  else if (action === "list" && name === undefined) list();
  else if (action === "get" && name !== undefined && extra === undefined) {
    const { kernel, initrd, commandLine } = await getGuest(name, {
      cacheDir: text(args, "cache"),
      mirror: text(args, "mirror"),
      progress: report,
    });
    process.stdout.write(`kernel        ${kernel}\ninitrd        ${initrd}\ncommand line  ${commandLine}\n`);
  } else throw new UsageError("give: hypertab guest list, or: hypertab guest get NAME");
  return EXIT_SUCCESS;
}

function list(): void {
  const guests = listGuests();
  const width = Math.max(...guests.map((known) => known.name.length));
  for (const known of guests) process.stdout.write(`${known.name.padEnd(width)}  ${known.description}\n`);
}
