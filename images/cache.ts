import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigurationError } from "../emulator/machine-types";
import type { Guest } from "./types";

const KERNEL = "vmlinuz";
const INITRD = "initramfs.gz";
const RECORD = "guest.json";

/** What lies beside a built guest's files: how they were made, and their hashes. */
interface GuestRecord {
  /** Changes when the recipe's outcome would. */
  readonly recipe: string;
  readonly source: string;
  readonly commandLine: string;
  readonly sha256: { readonly kernel: string; readonly initrd: string };
}

export interface BuiltGuest {
  readonly kernel: Uint8Array;
  readonly initrd: Uint8Array;
  readonly recipe: string;
  /** What it was built from, one line. */
  readonly source: string;
  readonly commandLine: string;
}

export function sha256(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

const guestDirectory = (cacheDir: string, name: string): string => join(cacheDir, "guests", name);

/** A guest built earlier by the same recipe, if its files are whole. */
export async function cachedGuest(cacheDir: string, name: string, recipe: string): Promise<Guest | undefined> {
  const directory = guestDirectory(cacheDir, name);
  try {
    const record = JSON.parse(await readFile(join(directory, RECORD), "utf8")) as GuestRecord;
    if (record.recipe !== recipe) return undefined;
    const [kernel, initrd] = await Promise.all([KERNEL, INITRD].map((file) => readFile(join(directory, file))));
    if (sha256(kernel!) !== record.sha256.kernel || sha256(initrd!) !== record.sha256.initrd) return undefined;
    return describe(directory, name, record, "built earlier");
  } catch {
    // Missing or unreadable: built anew.
    return undefined;
  }
}

/**
 * Stores a guest under its name; the folder appears whole or not at all.
 * @throws ConfigurationError if the cache cannot be written
 */
export async function storeGuest(cacheDir: string, name: string, built: BuiltGuest): Promise<Guest> {
  const directory = guestDirectory(cacheDir, name);
  const record: GuestRecord = {
    recipe: built.recipe,
    source: built.source,
    commandLine: built.commandLine,
    sha256: { kernel: sha256(built.kernel), initrd: sha256(built.initrd) },
  };
  let temporary: string | undefined;
  try {
    await mkdir(join(cacheDir, "guests"), { recursive: true });
    temporary = await mkdtemp(`${directory}.partial-`);
    await chmod(temporary, 0o755);
    await writeFile(join(temporary, KERNEL), built.kernel);
    await writeFile(join(temporary, INITRD), built.initrd);
    await writeFile(join(temporary, RECORD), `${JSON.stringify(record, undefined, 2)}\n`);
    await rm(directory, { recursive: true, force: true });
    await rename(temporary, directory);
  } catch (error) {
    // Another process may have built the same guest meanwhile.
    const other = await cachedGuest(cacheDir, name, built.recipe);
    if (other) return other;
    const reason = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new ConfigurationError(
      `The cache folder ${cacheDir} cannot be written (${reason}); HYPERTAB_CACHE names another.`,
    );
  } finally {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  }
  return describe(directory, name, record, "built now");
}

function describe(directory: string, name: string, record: GuestRecord, when: string): Guest {
  return {
    name,
    kernel: join(directory, KERNEL),
    initrd: join(directory, INITRD),
    commandLine: record.commandLine,
    why: `${when} from ${record.source}`,
  };
}
