import { ConfigurationError } from "../../machine-types";
import { StorageBusyError } from "./block-store";

const PREFIX = "hypertab: ";

/**
 * Holds a Web Lock until the returned function is called, or the page is gone: one writer, or any number of readers,
 * among all tabs and workers of the origin. Throws StorageBusyError when others have it still after `patienceMs`.
 */
export async function holdLock(name: string, mode: LockMode, what: string, patienceMs = 0): Promise<() => void> {
  // Typed as always there, but missing outside secure contexts.
  const locks = globalThis.navigator?.locks as LockManager | undefined;
  if (!locks) {
    throw new ConfigurationError("this page cannot keep disks: Web Locks need a secure context (https, or localhost)");
  }
  const patience = patienceMs > 0 ? { signal: AbortSignal.timeout(patienceMs) } : { ifAvailable: true };
  const busy = (): StorageBusyError => new StorageBusyError(`${what} is open in another tab; close it there first`);
  return new Promise((resolve, reject) => {
    locks
      .request(`${PREFIX}${name}`, { mode, ...patience }, (lock) => {
        if (lock) return new Promise<void>((release) => resolve(release));
        reject(busy());
        return undefined;
      })
      .catch((error: unknown) => reject((error as Error).name === "TimeoutError" ? busy() : error));
  });
}

/** The names of the locks that are held now, by any tab or worker of the origin. */
export async function heldLocks(): Promise<ReadonlySet<string>> {
  const locks = globalThis.navigator?.locks as LockManager | undefined;
  const { held = [] } = (await locks?.query()) ?? {};
  return new Set(held.flatMap(({ name }) => (name?.startsWith(PREFIX) ? [name.slice(PREFIX.length)] : [])));
}
