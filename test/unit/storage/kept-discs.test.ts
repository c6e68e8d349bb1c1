import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { IndexedDbFiles } from "../../../emulator/storage/block/indexeddb";
import { DiskLibrary } from "../../../emulator/storage/library/disk-library";
import { type Job } from "../../../emulator/storage/library/job";
import { KeptDiscs } from "../../../emulator/storage/library/kept-discs";
import { discName } from "../../../emulator/storage/library/names";
import { BrowserStorage } from "./browser-storage";
import { contentOf, MIB, pattern } from "./helpers";

const IMAGE = pattern(3 * MIB + 2048, 4);
const JOB: Job = { signal: new AbortController().signal, progress: () => undefined };

let storage: BrowserStorage;
let library: DiskLibrary;
let discs: KeptDiscs;
beforeEach(() => use(new BrowserStorage()));
afterEach(() => vi.unstubAllGlobals());

function use(next: BrowserStorage): void {
  storage = next;
  storage.install();
  library = new DiskLibrary(new IndexedDbFiles("test", { capacity: MIB }));
  discs = new KeptDiscs(library);
}

function keep(name: string, job = JOB): Promise<void> {
  return discs.keep(name, new Blob([IMAGE.slice()]), job);
}

test("a disc that is kept is in the drive, and holds what its file did", async () => {
  await keep("debian.iso");
  const [disc] = await discs.list();
  expect(disc).toMatchObject({ name: "debian.iso", size: IMAGE.length, inserted: true });
  expect(disc!.used).toBeGreaterThanOrEqual(IMAGE.length);
  const [one, two] = [await discs.open("debian.iso"), await discs.open("debian.iso")];
  expect(one).toMatchObject({ sectorSize: 2048, readOnly: true });
  expect(Buffer.compare(await contentOf(two), IMAGE)).toBe(0);
  await expect(discs.remove("debian.iso")).rejects.toThrow("has the disc 'debian.iso' in its drive; eject it there");
  await one.close();
  await two.close();
  await discs.remove("debian.iso");
  expect(await discs.list()).toEqual([]);
  expect(storage.keys("chunk")).toEqual([]);
  expect(storage.keys("note")).toEqual([]);
});

test("one disc is in the drive at a time, or none", async () => {
  await keep("one.iso");
  await keep("two.iso");
  const inserted = async (): Promise<string[]> =>
    (await discs.list()).flatMap((disc) => (disc.inserted ? [disc.name] : []));
  expect(await inserted()).toEqual(["two.iso"]);
  await discs.setInserted("one.iso");
  expect(await inserted()).toEqual(["one.iso"]);
  await discs.setInserted(undefined);
  expect(await inserted()).toEqual([]);
});

test("discs and disks are no business of each other", async () => {
  await keep("data");
  await library.create("data", { size: MIB, type: "dynamic" });
  await library.create("disc", { size: MIB, type: "dynamic" });
  await library.checkpoint("disc");
  expect((await library.list()).map(({ name }) => name)).toEqual(["data", "disc"]);
  expect((await discs.list()).map(({ name }) => name)).toEqual(["data"]);
  await library.remove("data");
  await library.cleanUp();
  expect((await discs.list()).map(({ name }) => name)).toEqual(["data"]);
});

test("what is no disc, is there already or is cancelled leaves nothing behind", async () => {
  await expect(discs.keep("bad.iso", new Blob([new Uint8Array(3000)]), JOB)).rejects.toThrow("whole sectors of 2048");
  await keep("debian.iso");
  await expect(keep("debian.iso")).rejects.toThrow("there is a disc 'debian.iso' already; delete it first");
  const controller = new AbortController();
  const job: Job = { signal: controller.signal, progress: () => controller.abort(new Error("cancelled")) };
  await expect(keep("other.iso", job)).rejects.toThrow("cancelled");
  expect(await library.fileNames()).toHaveLength(1);
});

test("a browser that is killed while it keeps a disc has all of it, or nothing", async () => {
  await keep("debian.iso");
  const { transactions } = storage;
  expect(transactions.length).toBeGreaterThan(4);
  let whole = 0;
  for (let count = 0; count <= transactions.length; count++) {
    use(BrowserStorage.after(transactions, count));
    await library.cleanUp();
    const [disc] = await discs.list();
    if (disc) {
      whole++;
      expect(Buffer.compare(await contentOf(await discs.open(disc.name)), IMAGE)).toBe(0);
    } else expect(storage.keys("chunk")).toEqual([]);
  }
  expect(whole).toBe(1);
});

test.each([
  ["debian 12.iso", "debian 12.iso"],
  ["a/b\\c\nd.iso", "a b c d.iso"],
  [" ", "disc.iso"],
  [`${"z".repeat(80)}.iso`, "z".repeat(60)],
])("a disc from a file %j is called %j", (file, name) => expect(discName(file)).toBe(name));
