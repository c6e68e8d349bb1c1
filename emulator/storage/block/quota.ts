/** How much the browser keeps for this origin, and may keep; bytes. */
export interface StorageUse {
  readonly used: number;
  readonly quota: number;
  /** Whether the browser will not delete it by itself when the computer's disk is full. */
  readonly persistent: boolean;
}

/** Undefined where the browser does not say. */
export async function storageUse(): Promise<StorageUse | undefined> {
  const storage = globalThis.navigator?.storage as StorageManager | undefined;
  if (!storage) return undefined;
  const { usage = 0, quota = 0 } = await storage.estimate();
  return { used: usage, quota, persistent: await storage.persisted() };
}
