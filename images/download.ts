import { createHash } from "node:crypto";
import { ConfigurationError } from "../emulator/machine-types";

/** Nothing that a recipe fetches is larger. */
const MAXIMUM_SIZE = 256 * 1024 * 1024;
/** Milliseconds without an answer, or without a byte more, until a mirror counts as unreachable. */
const PATIENCE = 30_000;

export interface DownloadOptions {
  /** Lower-case hexadecimal; what does not match is thrown away. */
  readonly sha256?: string;
  readonly log?: (line: string) => void;
}

/**
 * Fetches a file into memory and checks it there, so that nothing unchecked reaches the disk.
 * @throws ConfigurationError if the mirror is unreachable, has no such file, or gives something else
 */
export async function download(url: string, options: DownloadOptions = {}): Promise<Uint8Array> {
  options.log?.(`fetching ${url}`);
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(), PATIENCE);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    const response = await fetch(url, { signal: abort.signal });
    if (!response.ok)
      throw new ConfigurationError(`${url}: the mirror answered ${response.status} ${response.statusText}.`);
    if (response.body) {
      let reported = 0;
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        clearTimeout(timer);
        timer = setTimeout(() => abort.abort(), PATIENCE);
        chunks.push(chunk);
        size += chunk.length;
        if (size > MAXIMUM_SIZE) throw new ConfigurationError(`${url}: larger than anything a guest needs.`);
        if (size - reported >= 8 * 1024 * 1024) {
          reported = size;
          options.log?.(`  ${Math.floor(size / 0x100000)} MiB`);
        }
      }
    }
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    throw new ConfigurationError(
      `${url}: the mirror cannot be reached (${reasonOf(error)}); another can be named with --mirror or HYPERTAB_MIRROR.`,
    );
  } finally {
    clearTimeout(timer);
  }
  const bytes = Buffer.concat(chunks);
  if (options.sha256 !== undefined) {
    const actual = createHash("sha256").update(bytes).digest("hex");
    if (actual !== options.sha256) {
      throw new ConfigurationError(`${url}: wrong checksum: sha256 ${actual}, and ${options.sha256} would be right.`);
    }
  }
  return bytes;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "AbortError") return `no answer for ${PATIENCE / 1000} s`;
  const cause = error.cause;
  if (cause instanceof Error) return ("code" in cause && String(cause.code)) || cause.message;
  return error.message;
}
