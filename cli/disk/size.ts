import { parseSize, SIZE_EXAMPLE } from "../../emulator/storage/size-text";
import { UsageError } from "../errors";
import { type Arguments, text } from "../options";

/** An option's size in bytes; undefined when not given. Throws UsageError. */
export function size(args: Arguments, name: string): number | undefined {
  const value = text(args, name);
  if (value === undefined) return undefined;
  const bytes = parseSize(value);
  if (bytes === undefined) throw new UsageError(`--${name} is '${value}'; it must be ${SIZE_EXAMPLE}`);
  return bytes;
}
