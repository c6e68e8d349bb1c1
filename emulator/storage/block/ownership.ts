import { ConfigurationError } from "../../machine-types";
import { StorageBusyError } from "./block-store";

const PREFIX = "hypertab: ";

/**
 * Holds a Web Lock until the returned function is called, or the page is gone: one writer, or any number of readers,
 * among all tabs and workers of the origin. Throws StorageBusyError when others have it; it does not wait.
 */
export async function holdLock(name: string, mode: LockMode, what: string): Promise<() => void> {
  // Typed as always there, but missing outside secure contexts.
  const locks = globalThis.navigator?.locks as LockManager | undefined;
  if (!locks) {
    throw new ConfigurationError("this page cannot keep disks: Web Locks need a secure context (https, or localhost)");
  }
  return new Promise((resolve, reject) => {
    locks
      .request(`${PREFIX}${name}`, { mode, ifAvailable: true }, (lock) => {
        if (lock) return new Promise<void>((release) => resolve(release));
        reject(new StorageBusyError(`${what} is open in another tab; close it there first`));
        return undefined;
      })
      .catch(reject);
  });
}

/** The names of the locks that are held now, by any tab or worker of the origin. */
export async function heldLocks(): Promise<ReadonlySet<string>> {
  const locks = globalThis.navigator?.locks as LockManager | undefined;
  const { held = [] } = (await locks?.query()) ?? {};
  return new Set(held.flatMap(({ name }) => (name?.startsWith(PREFIX) ? [name.slice(PREFIX.length)] : [])));
}
