/** LevelDB begins a new log when what the old one holds in memory exceeds 4 MiB (its write_buffer_size). */
const PADDING = 5 << 20;
/** From 64 KiB on a value would go to a file of its own. All is noise, because the browser compresses values. */
const PIECE = 32 << 10;

/** Runs one durable transaction. */
type Transact = (act: (store: IDBObjectStore) => void) => Promise<void>;

/**
 * Makes Chromium's IndexedDB begin a new write-ahead log.
 *
 * A browser that is killed amid an append leaves a torn record at the log's end. The next start overlooks that, goes on
 * writing behind it, and the start after that takes the torn record for corruption and deletes the whole database.
 * Once the log is another one, the torn record is gone with the old. So this must come before anything else is written.
 */
export async function beginFreshLog(transact: Transact): Promise<void> {
  if (!isChromium()) return;
  try {
    await transact((store) => {
      for (let piece = 0; piece < PADDING / PIECE; piece++) {
        store.put(crypto.getRandomValues(new Uint8Array(PIECE)), ["padding", piece]);
      }
    });
    // The write that follows finds the memory full, and moves to the new log.
    await transact((store) => {
      store.delete(IDBKeyRange.bound(["padding"], ["padding", []]));
    });
  } catch {
    // Without room for it the disk can still be used; it is as safe as the browser makes it.
  }
}

function isChromium(): boolean {
  const { userAgentData } = (globalThis.navigator ?? {}) as { userAgentData?: { brands?: { brand: string }[] } };
  return userAgentData?.brands?.some(({ brand }) => brand === "Chromium") ?? false;
}
