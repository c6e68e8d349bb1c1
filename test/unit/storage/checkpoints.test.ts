import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { IndexedDbFiles } from "../../../emulator/storage/block/indexeddb";
import {
  deleteCheckpoint,
  forgetCheckpoints,
  goBack,
  makeCheckpoint,
} from "../../../emulator/storage/library/checkpoints";
import { DiskLibrary } from "../../../emulator/storage/library/disk-library";
import { type Job } from "../../../emulator/storage/library/job";
import { type MachineDisk } from "../../../emulator/storage/library/machine-disk";
import { checkpointName } from "../../../emulator/storage/library/names";
import { checkVhdx } from "../../../emulator/storage/vhdx/check";
import { BrowserStorage } from "./browser-storage";
import { contentOf, MIB, pattern, randomNumbers } from "./helpers";

const SIZE = 6 * MIB;
const JOB: Job = { signal: new AbortController().signal, progress: () => undefined };

let storage: BrowserStorage;
beforeEach(() => use(new BrowserStorage()));
afterEach(() => vi.unstubAllGlobals());

/** From here on, libraries are in this storage. */
function use(next: BrowserStorage): void {
  storage = next;
  storage.install();
}

/** A cache of one MiB, so that long work takes several transactions. */
function openLibrary(): DiskLibrary {
  return new DiskLibrary(new IndexedDbFiles("test", { capacity: MIB }));
}

async function scribble(library: DiskLibrary, name: string, expected: Uint8Array, seed: number): Promise<void> {
  const disk = await library.openFile(name);
  const random = randomNumbers(seed);
  for (let count = 0; count < 12; count++) {
    const length = (1 + random(count % 6 === 0 ? 1500 : 20)) * 512;
    const lba = random((expected.length - length) / 512 + 1);
    await disk.write(lba, pattern(length, seed * 100 + count));
    expected.set(pattern(length, seed * 100 + count), lba * 512);
  }
  const trimmed = random(3) * 2 * MIB;
  await disk.writeZeros(trimmed / 512, MIB / 512);
  expected.fill(0, trimmed, trimmed + MIB);
  await disk.close();
}

/** A disk with checkpoints; what each state holds, the disk's own at the end. */
async function diskWithCheckpoints(
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

async function content(library: DiskLibrary, file: string): Promise<Uint8Array> {
  const disk = await library.openFile(file, { readOnly: true });
  try {
    return await contentOf(disk);
  } finally {
    await disk.close();
  }
}

function same(actual: Uint8Array, expected: Uint8Array): boolean {
  return Buffer.compare(actual, expected) === 0;
}

/** Each checkpoint that there is, and the disk, shows what it did when it was made; nothing else is in the database. */
async function verify(library: DiskLibrary, states: readonly Uint8Array[]): Promise<number[]> {
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

describe("checkpoints", () => {
  test("are listed with their name, date and room", async () => {
    const library = openLibrary();
    const before = Date.now();
    await diskWithCheckpoints(library, 2, "fixed");
    const [disk] = await library.list();
    expect(disk).toMatchObject({
      size: SIZE,
      format: { kind: "differencing", base: "fixed", sectorSize: 512 },
      checkpoints: [
        { number: 1, label: "State 1" },
        { number: 2, label: "State 2" },
      ],
    });
    for (const { created, used } of disk!.checkpoints) {
      expect(created).toBeGreaterThanOrEqual(before);
      expect(created).toBeLessThanOrEqual(Date.now());
      expect(used).toBeGreaterThan(0);
    }
    expect(disk!.used).toBeGreaterThan(disk!.checkpoints.reduce((sum, { used }) => sum + used, 0));
  });

  test.each([
    ["no note", undefined],
    ["another page's note", { label: 7, created: "yesterday" }],
    ["a date that is none", { label: " \n", created: 1e300 }],
    ["something else", 5],
  ])("with %s have their number for a name", async (_, note) => {
    const library = openLibrary();
    await diskWithCheckpoints(library, 1);
    await library.files.setNote(checkpointName("data", 1), note);
    const [disk] = await library.list();
    expect(disk!.checkpoints).toMatchObject([{ number: 1, label: "Checkpoint 1", created: undefined }]);
  });

  test("are at most fifty, and the disk goes on", async () => {
    const library = openLibrary();
    await library.create("data", { size: MIB, type: "dynamic" });
    for (let number = 1; number <= 50; number++) {
      await (await library.files.create(checkpointName("data", number))).close();
    }
    await expect(library.checkpoint("data")).rejects.toThrow("at most 50 checkpoints; delete one of 'data' first");
    expect(same(await content(library, "data"), new Uint8Array(MIB))).toBe(true);
  });

  test("of a disk that is called like temporary files outlive the next start", async () => {
    const library = openLibrary();
    await library.create("temporary", { size: MIB, type: "dynamic" });
    await library.checkpoint("temporary");
    await library.cleanUp();
    expect(same(await content(library, "temporary"), new Uint8Array(MIB))).toBe(true);
  });

  test.each([1, 2, 3])("number %i can be gone back to, again and again", async (number) => {
    const library = openLibrary();
    const states = await diskWithCheckpoints(library, 3);
    await goBack(library, "data", number);
    expect(same(await content(library, "data"), states[number - 1]!)).toBe(true);
    expect(await verify(library, states)).toEqual([1, 2, 3].slice(0, number));
    await scribble(library, "data", states[number - 1]!.slice(), 9);
    await goBack(library, "data", number);
    expect(same(await content(library, "data"), states[number - 1]!)).toBe(true);
    // A new one gets a number that none of the others has.
    await library.checkpoint("data");
    expect((await library.list())[0]!.checkpoints.map((checkpoint) => checkpoint.number)).toEqual(
      [1, 2, 3, 4].slice(0, number + 1),
    );
  });

  test("help a disk that is damaged", async () => {
    const library = openLibrary();
    const states = await diskWithCheckpoints(library, 2);
    const store = await library.files.open("data");
    await store.zero(0, MIB);
    await store.commit();
    await store.close();
    expect((await library.list())[0]).toMatchObject({ size: undefined, checkpoints: [{ number: 1 }, { number: 2 }] });
    await expect(deleteCheckpoint(library, "data", 2, JOB)).rejects.toThrow("VHDX");
    await goBack(library, "data", 2);
    expect(await verify(library, states)).toEqual([1, 2]);
    expect(same(await content(library, "data"), states[1]!)).toBe(true);
  });

  test.each(["fixed", "dynamic"] as const)("are deleted one by one, in any order: %s", async (type) => {
    const library = openLibrary();
    const states = await diskWithCheckpoints(library, 3, type);
    const left = [1, 2, 3];
    for (const number of [2, 1, 3]) {
      await deleteCheckpoint(library, "data", number, JOB);
      left.splice(left.indexOf(number), 1);
      expect(await verify(library, states)).toEqual(left);
      expect(same(await content(library, "data"), states[3]!)).toBe(true);
    }
    expect((await library.list())[0]!.format).toMatchObject({ kind: type, base: type, blockSize: MIB });
    await expect(deleteCheckpoint(library, "data", 2, JOB)).rejects.toThrow("has no such checkpoint any more");
  });

  test("are put together to a disk like the one that there was", async () => {
    const library = openLibrary();
    const states = await diskWithCheckpoints(library, 2, "fixed");
    await library.files.setNote("data", { lun: 5 });
    await forgetCheckpoints(library, "data", JOB);
    expect(same(await content(library, "data"), states[2]!)).toBe(true);
    const [disk] = await library.list();
    expect(disk).toMatchObject({ format: { kind: "fixed", blockSize: MIB }, checkpoints: [], lun: 5 });
    expect(await library.fileNames()).toEqual(["data"]);
  });

  test("of a disk that grew are deleted too", async () => {
    const library = openLibrary();
    await diskWithCheckpoints(library, 1);
    await library.resize("data", SIZE + 3 * MIB);
    const grown = new Uint8Array(SIZE + 3 * MIB);
    grown.set(await content(library, "data"));
    await scribble(library, "data", grown, 5);
    await deleteCheckpoint(library, "data", 1, JOB);
    expect(same(await content(library, "data"), grown)).toBe(true);
  });

  test("stay when the work is cancelled, or another tab has the disk", async () => {
    const library = openLibrary();
    const states = await diskWithCheckpoints(library, 2);
    const controller = new AbortController();
    const job: Job = {
      signal: controller.signal,
      progress: (step) => step.startsWith("Putting") && controller.abort(new Error("cancelled")),
    };
    await expect(deleteCheckpoint(library, "data", 1, job)).rejects.toThrow("cancelled");
    await expect(forgetCheckpoints(library, "data", { ...job, signal: AbortSignal.abort() })).rejects.toThrow();
    expect(await verify(library, states)).toEqual([1, 2]);
    const disk = await openLibrary().open("data");
    await expect(deleteCheckpoint(library, "data", 1, JOB)).rejects.toThrow("open in another tab");
    await expect(goBack(library, "data", 1)).rejects.toThrow("open in another tab");
    await disk.close();
    expect(await verify(library, states)).toEqual([1, 2]);
  });
});

/** Has the machine write something and flush it, over and over, until `work` is done. */
async function writeDuring(
  disk: MachineDisk,
  expected: Uint8Array,
  work: Promise<void>,
  flushed: (content: Uint8Array) => void = () => undefined,
): Promise<void> {
  let done = false;
  const end = work.finally(() => (done = true));
  end.catch(() => undefined);
  for (let count = 0; !done; count++) {
    const bytes = pattern(4096, 7000 + count);
    const lba = (count * 977) % ((SIZE - 4096) / 512);
    await disk.write(lba, bytes);
    expected.set(bytes, lba * 512);
    await disk.flush();
    flushed(expected.slice());
  }
  await end;
}

describe("checkpoints under a machine", () => {
  test("are deleted while it writes, all but the last", async () => {
    const library = openLibrary();
    const states = await diskWithCheckpoints(library, 3);
    const disk = await library.open("data");
    const now = states[3]!.slice();
    for (const number of [2, 1]) await writeDuring(disk, now, disk.deleteCheckpoint(number, JOB));
    await expect(disk.deleteCheckpoint(3, JOB)).rejects.toThrow(
      "the machine writes upon the last checkpoint of 'data'",
    );
    expect(same(await contentOf(disk), now)).toBe(true);
    await disk.close();
    expect(await verify(library, states)).toEqual([3]);
    expect(same(await content(library, "data"), now)).toBe(true);
  });

  test("are deleted one at a time, and stay when that is cancelled", async () => {
    const library = openLibrary();
    const states = await diskWithCheckpoints(library, 3);
    const disk = await library.open("data");
    const controller = new AbortController();
    const job: Job = { signal: controller.signal, progress: () => undefined };
    const first = disk.deleteCheckpoint(1, job);
    await expect(disk.deleteCheckpoint(2, JOB)).rejects.toThrow("is being deleted already");
    controller.abort(new Error("cancelled"));
    await expect(first).rejects.toThrow("cancelled");
    await disk.close();
    expect(await verify(library, states)).toEqual([1, 2, 3]);
  });

  test(
    "deleted while the browser is killed at any point: what was flushed is there",
    { timeout: 120_000 },
    async () => {
      const library = openLibrary();
      const states = await diskWithCheckpoints(library, 3);
      const disk = await library.open("data");
      const start = storage.transactions.length;
      const flushes = [{ at: start, content: states[3]! }];
      await writeDuring(disk, states[3]!.slice(), disk.deleteCheckpoint(2, JOB), (content) =>
        flushes.push({ at: storage.transactions.length, content }),
      );
      const { transactions } = storage;
      expect(flushes.length).toBeGreaterThan(5);
      const seen = new Set<string>();
      for (let count = start; count <= transactions.length; count++) {
        use(BrowserStorage.after(transactions, count));
        const survivor = openLibrary();
        await survivor.cleanUp();
        seen.add((await verify(survivor, states)).join());
        const now = await content(survivor, "data");
        const last = flushes.findLastIndex(({ at }) => at <= count);
        // The flush after the last acknowledged one may have come to its end.
        expect({ count, same: flushes.slice(last, last + 2).some((flush) => same(now, flush.content)) }).toEqual({
          count,
          same: true,
        });
      }
      expect([...seen]).toEqual(["1,2,3", "1,3"]);
    },
  );
});

describe("a browser that is killed at every point of", () => {
  const works: [
    name: string,
    work: (library: DiskLibrary) => Promise<void>,
    after: readonly number[],
    /** What the disk shows at the end, of the four states. */
    state: number,
  ][] = [
    ["deleting the first checkpoint", (library) => deleteCheckpoint(library, "data", 1, JOB), [2, 3], 4],
    ["deleting a middle checkpoint", (library) => deleteCheckpoint(library, "data", 2, JOB), [1, 3], 4],
    ["deleting the last checkpoint", (library) => deleteCheckpoint(library, "data", 3, JOB), [1, 2], 4],
    ["going back", (library) => goBack(library, "data", 2), [1, 2], 2],
    ["forgetting them all", (library) => forgetCheckpoints(library, "data", JOB), [], 4],
    ["making another one", (library) => library.owning("data", () => makeCheckpoint(library, "data")), [1, 2, 3, 4], 4],
  ];
  test.each(works)("%s finds the disk as before, or as after", { timeout: 120_000 }, async (_, work, after, state) => {
    const library = openLibrary();
    const states = await diskWithCheckpoints(library, 3);
    // The disk is the state that a fourth checkpoint would keep.
    const start = storage.transactions.length;
    await work(library);
    const { transactions } = storage;
    // Something was written in several transactions before the one that counts.
    expect(transactions.length - start).toBeGreaterThan(2);
    let done = 0;
    for (let count = start; count <= transactions.length; count++) {
      use(BrowserStorage.after(transactions, count));
      const survivor = openLibrary();
      await survivor.cleanUp();
      const numbers = await verify(survivor, states);
      const isAfter = numbers.join() === after.join();
      if (!isAfter) expect(numbers).toEqual([1, 2, 3]);
      expect(same(await content(survivor, "data"), states[(isAfter ? state : 4) - 1]!)).toBe(true);
      // Once done, it stays done.
      expect(done).toBeLessThanOrEqual(Number(isAfter));
      done = Number(isAfter);
      // It can be used, and the work can be done over.
      if (!isAfter) await work(survivor);
      expect(await verify(survivor, states)).toEqual(after);
    }
    expect(done).toBe(1);
  });
});
