import { describe, expect, test } from "vitest";
import { deleteCheckpoint, forgetCheckpoints, goBack } from "../../../emulator/storage/library/checkpoints";
import { type Job } from "../../../emulator/storage/library/job";
import { checkpointName } from "../../../emulator/storage/library/names";
import {
  content,
  diskWithCheckpoints,
  JOB,
  openLibrary,
  same,
  scribble,
  SIZE,
  useFreshStorage,
  verify,
} from "./checkpoint-disk";
import { MIB } from "./helpers";

useFreshStorage();

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
