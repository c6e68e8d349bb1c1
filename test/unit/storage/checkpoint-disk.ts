import { afterEach, beforeEach, expect, vi } from "vitest";
import { IndexedDbFiles } from "../../../emulator/storage/block/indexeddb";
import { DiskLibrary } from "../../../emulator/storage/library/disk-library";
import { type Job } from "../../../emulator/storage/library/job";
import { checkpointName } from "../../../emulator/storage/library/names";
import { checkVhdx } from "../../../emulator/storage/vhdx/check";
import { BrowserStorage } from "./browser-storage";
import { contentOf, MIB, pattern, randomNumbers } from "./helpers";

export const SIZE = 4 * MIB;
export const JOB: Job = { signal: new AbortController().signal, progress: () => undefined };

/** Where libraries are. */
export let storage: BrowserStorage;

/** Gives each test a storage of its own. */
export function useFreshStorage(): void {
  beforeEach(() => use(new BrowserStorage()));
  afterEach(() => vi.unstubAllGlobals());
}

/** From here on, libraries are in this storage. */
export function use(next: BrowserStorage): void {
  storage = next;
  storage.install();
}

/** A cache of one MiB, so that long work takes several transactions. */
export function openLibrary(): DiskLibrary {
  return new DiskLibrary(new IndexedDbFiles("test", { capacity: MIB }));
}

export async function scribble(library: DiskLibrary, name: string, expected: Uint8Array, seed: number): Promise<void> {
  const disk = await library.openFile(name);
  const random = randomNumbers(seed);
  for (let count = 0; count < 12; count++) {
    const length = (1 + random(count % 6 === 0 ? 1500 : 20)) * 512;
    const lba = random((expected.length - length) / 512 + 1);
    await disk.write(lba, pattern(length, seed * 100 + count));
    expected.set(pattern(length, seed * 100 + count), lba * 512);
  }
  const trimmed = random(2) * 2 * MIB;
  await disk.writeZeros(trimmed / 512, MIB / 512);
  expected.fill(0, trimmed, trimmed + MIB);
  await disk.close();
}

/** A disk with checkpoints; what each state holds, the disk's own at the end. */
export async function diskWithCheckpoints(
  library: DiskLibrary,
  count: number,
  type: "fixed" | "dynamic" = "dynamic",
): Promise<Uint8Array[]> {
  await library.create("data", { size: SIZE, type, blockSize: MIB });
  const states: Uint8Array[] = [];
  const now = new Uint8Array(SIZE);
  for (let number = 1; number <= count + 1; number++) {
    await scribble(library, "data", now, number);
    states.push(now.slice());
    if (number <= count) await library.checkpoint("data", `State ${number}`);
  }
  return states;
}

export async function content(library: DiskLibrary, file: string): Promise<Uint8Array> {
  const disk = await library.openFile(file, { readOnly: true });
  try {
    return await contentOf(disk);
  } finally {
    await disk.close();
  }
}

export function same(actual: Uint8Array, expected: Uint8Array): boolean {
  return Buffer.compare(actual, expected) === 0;
}

/** Each checkpoint that there is, and the disk, shows what it did when it was made; nothing else is in the database. */
export async function verify(library: DiskLibrary, states: readonly Uint8Array[]): Promise<number[]> {
  const [disk] = await library.list();
  expect(disk).toMatchObject({ name: "data", problem: undefined });
  const numbers = disk!.checkpoints.map(({ number }) => number);
  const files = ["data", ...numbers.map((number) => checkpointName("data", number))];
  expect(new Set(await library.fileNames())).toEqual(new Set(files));
  for (const number of numbers) {
    expect({ number, same: same(await content(library, checkpointName("data", number)), states[number - 1]!) }).toEqual(
      { number, same: true },
    );
  }
  for (const file of files) {
    const store = await library.files.open(file, { readOnly: true });
    expect((await checkVhdx(store)).errors).toEqual([]);
    await store.close();
  }
  // No chunk is left of a file that is gone.
  const records = await Promise.all(files.map((file) => library.files.usedBytes(file)));
  const chunks = storage.keys("chunk").length;
  expect(chunks * 32 * 1024).toBe(records.reduce((sum, bytes) => sum + bytes, 0));
  expect(new Set(storage.keys("note").map((key) => (key as string[])[1]))).toEqual(
    new Set(numbers.map((number) => checkpointName("data", number))),
  );
  return numbers;
}
