import { readFileSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { UsageError } from "./errors";

/** dist/ lies beside build/. */
const coreFile = join(dirname(fileURLToPath(import.meta.url)), "../build/core.wasm");

// Translated code says which of its branches are rare (WebAssembly branch hinting proposal). Chromium heeds that by
// itself; Node 20's V8 has it behind this flag. One that does not know the flag says nothing.
setFlagsFromString("--experimental-wasm-branch-hinting");

/** Compiles the CPU core that `npm run build:core` made. */
export async function loadCore(): Promise<WebAssembly.Module> {
  return WebAssembly.compile(new Uint8Array(await readFile(coreFile)));
}

/** A file that the user named for `option`; throws UsageError when it cannot be read or is empty. */
export function readInput(option: string, path: string): Uint8Array {
  let content: Uint8Array;
  try {
    if (statSync(path).isDirectory()) throw new UsageError(`${option} '${path}' is a folder; it must be a file`);
    content = new Uint8Array(readFileSync(path));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${option} '${path}' cannot be read: ${reasonOf(error)}`);
  }
  if (content.length === 0) throw new UsageError(`${option} '${path}' is empty`);
  return content;
}

function reasonOf(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case "ENOENT":
    case "ENOTDIR":
      return "there is no such file";
    case "EACCES":
      return "permission denied";
    case "ERR_FS_FILE_TOO_LARGE":
      return "it is larger than 2 GiB";
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
