import { ConfigurationError } from "../emulator/machine-types";
import { StorageError } from "../emulator/storage/block/block-store";

/** Wrong use of the command line: one line that says what was wrong and what would be right; exit 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Whether the user, a file or a full disk, not the program, is at fault: reported as one line without a stack, exit 2. */
export function isUserError(error: unknown): error is Error {
  return [UsageError, ConfigurationError, StorageError].some((kind) => error instanceof kind);
}

/** The message as one line, whatever was thrown. */
export function oneLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/\s*[\r\n]+\s*/g, "; ").trim();
}
