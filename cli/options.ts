import { parseArgs, type ParseArgsConfig } from "node:util";
import { UsageError } from "./errors";

type OptionTable = NonNullable<ParseArgsConfig["options"]>;

/** What parseArgs found, by option; every option of ours is a string, several of them, or a flag. */
export interface Arguments {
  readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  readonly positionals: readonly string[];
}

/** Splits a command's arguments; throws UsageError with one line for what it does not know, and `usage` as a hint. */
export function parse(usage: string, args: readonly string[], options: OptionTable): Arguments {
  const hint = `(try: ${usage})`;
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
    return { values: values as Arguments["values"], positionals };
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    const option = /'(-[^' ]*)/.exec(message)?.[1] ?? "an option";
    if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") throw new UsageError(`unknown option ${option} ${hint}`);
    if (code !== "ERR_PARSE_ARGS_INVALID_OPTION_VALUE") throw error;
    throw new UsageError(
      /does not take/.test(message)
        ? `option ${option} takes no value ${hint}`
        : `option ${option} needs a value; one that begins with a dash is given as ${option}=VALUE ${hint}`,
    );
  }
}

/** An option's text, or undefined when it was not given. */
export function text(args: Arguments, name: string): string | undefined {
  const value = args.values[name];
  return typeof value === "string" ? value : undefined;
}

/** All texts of an option that may be given several times. */
export function texts(args: Arguments, name: string): readonly string[] {
  const value = args.values[name];
  return Array.isArray(value) ? value : [];
}

/** A whole number from `least` to `most`; `unit` is named in the error. */
export function wholeNumber(
  args: Arguments,
  name: string,
  { least, most, unit, otherwise }: { least: number; most: number; unit: string; otherwise: number },
): number {
  const value = text(args, name);
  if (value === undefined) return otherwise;
  const number = /^\d+$/.test(value) ? Number(value) : NaN;
  if (!(number >= least && number <= most)) {
    throw new UsageError(`--${name} is '${value}'; it must be a whole number of ${unit} from ${least} to ${most}`);
  }
  return number;
}

/** A positive number of seconds, or undefined when the option was not given. */
export function seconds(args: Arguments, name: string): number | undefined {
  const value = text(args, name);
  if (value === undefined) return undefined;
  const number = /^\d+(\.\d+)?$/.test(value) ? Number(value) : NaN;
  // The upper bound is that of a timer of the host, 2^31 ms.
  if (!(number > 0 && number <= 2_000_000)) {
    throw new UsageError(`--${name} is '${value}'; it must be a number of seconds above 0, at most 2000000`);
  }
  return number;
}
