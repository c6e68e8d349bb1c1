import { describe, expect, test } from "vitest";
import {
  deleteCheckpoint,
  forgetCheckpoints,
  goBack,
  makeCheckpoint,
} from "../../../emulator/storage/library/checkpoints";
import { type DiskLibrary } from "../../../emulator/storage/library/disk-library";
import { type Job } from "../../../emulator/storage/library/job";
import { type MachineDisk } from "../../../emulator/storage/library/machine-disk";
import { BrowserStorage } from "./browser-storage";
import {
  content,
  diskWithCheckpoints,
  JOB,
  openLibrary,
  same,
  SIZE,
  storage,
  use,
  useFreshStorage,
  verify,
} from "./checkpoint-disk";
import { contentOf, pattern } from "./helpers";

useFreshStorage();

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
