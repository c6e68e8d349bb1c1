import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { StorageFullError } from "../../../emulator/storage/block/block-store";
import { IndexedDbFiles } from "../../../emulator/storage/block/indexeddb";
import { MemoryStore } from "../../../emulator/storage/block/memory-store";
import { type ImageStream, wholeBytes } from "../../../emulator/storage/image-stream";
import { DiskLibrary } from "../../../emulator/storage/library/disk-library";
import { exportAttached, exportDisk, type ExportFormat } from "../../../emulator/storage/library/export-disk";
import { type Job } from "../../../emulator/storage/library/job";
import { type MachineDisk } from "../../../emulator/storage/library/machine-disk";
import { checkVhdx } from "../../../emulator/storage/vhdx/check";
import { openVhdx } from "../../../emulator/storage/vhdx/open";
import { BrowserStorage } from "./browser-storage";
import { contentOf, inFolder, MIB, pattern, qemuCheck, qemuImg, qemuImgIsThere, randomNumbers, SOUND } from "./helpers";

const SIZE = 12 * MIB;
const JOB: Job = { signal: new AbortController().signal, progress: () => undefined };
const FORMATS = ["vhdx", "raw"] as const;

let library: DiskLibrary;
beforeEach(() => {
  new BrowserStorage().install();
  library = new DiskLibrary(new IndexedDbFiles("test", { capacity: MIB }));
});
afterEach(() => vi.unstubAllGlobals());

/** Writes here and there, and clears and trims; `disk` shows `expected` before and after. */
async function scribble(
  disk: Pick<MachineDisk, "write" | "trim" | "writeZeros" | "sectorSize" | "trimGranularity">,
  expected: Uint8Array,
  seed: number,
  count = 12,
): Promise<void> {
  const random = randomNumbers(seed);
  const { sectorSize } = disk;
  for (let step = 0; step < count; step++) {
    const length = (1 + random(step % 6 === 0 ? 300 : 20)) * sectorSize;
    const lba = random((expected.length - length) / sectorSize + 1);
    const kind = random(4);
    if (kind === 0) {
      const unit = disk.trimGranularity;
      const at = random(expected.length / unit) * unit;
      await disk.trim(at / sectorSize, unit / sectorSize);
      expected.fill(0, at, at + unit);
    } else if (kind === 1) {
      await disk.writeZeros(lba, length / sectorSize);
      expected.fill(0, lba * sectorSize, lba * sectorSize + length);
    } else {
      await disk.write(lba, pattern(length, seed * 100 + step));
      expected.set(pattern(length, seed * 100 + step), lba * sectorSize);
    }
  }
}

async function madeDisk(checkpoints: number, sectorSize: 512 | 4096 = 512): Promise<Uint8Array> {
  await library.create("data", { size: SIZE, type: "dynamic", logicalSectorSize: sectorSize });
  const expected = new Uint8Array(SIZE);
  for (let number = 0; number <= checkpoints; number++) {
    const disk = await library.openFile("data");
    await scribble(disk, expected, number + 1);
    await disk.close();
    if (number < checkpoints) await library.checkpoint("data");
  }
  return expected;
}

/** Where an export goes in these tests. */
class Target {
  private bytes = new Uint8Array(0);

  readonly write = async (stream: ImageStream): Promise<void> => {
    this.bytes = new Uint8Array(await new Response(wholeBytes(stream)).arrayBuffer());
  };

  async verify(format: ExportFormat, expected: Uint8Array): Promise<void> {
    if (format === "raw") {
      expect(Buffer.compare(this.bytes, expected)).toBe(0);
      return;
    }
    const store = await MemoryStore.of(this.bytes);
    expect((await checkVhdx(store)).errors).toEqual([]);
    const disk = await openVhdx(store, { readOnly: true });
    expect(Buffer.compare(await contentOf(disk), expected)).toBe(0);
    if (!qemuImgIsThere || disk.sectorSize !== 512) return;
    await inFolder(async (folder) => {
      const [image, raw] = [join(folder, "image.vhdx"), join(folder, "expected.raw")];
      writeFileSync(image, this.bytes);
      writeFileSync(raw, expected);
      expect(qemuCheck(image)).toEqual(SOUND);
      qemuImg("compare", "-f", "vhdx", "-F", "raw", image, raw);
    });
  }
}

describe.each(FORMATS)("an export as %s", (format) => {
  test.each([
    [0, 512],
    [2, 512],
    [1, 4096],
  ] as const)("of a disk with %i checkpoints and sectors of %i bytes", async (checkpoints, sectorSize) => {
    const expected = await madeDisk(checkpoints, sectorSize);
    const target = new Target();
    await exportDisk(library, "data", format, target.write, JOB);
    await target.verify(format, expected);
    expect((await library.fileNames()).filter((name) => name.startsWith("temporary/"))).toEqual([]);
  });

  test("of a fixed disk with checkpoints is one of a fixed disk", async () => {
    await library.create("data", { size: 3 * MIB, type: "fixed", blockSize: MIB });
    await library.checkpoint("data");
    const target = new Target();
    await exportDisk(library, "data", format, target.write, JOB);
    await target.verify(format, new Uint8Array(3 * MIB));
  });

  test.each([0, 1])(
    "of a disk that a machine writes to, with %i checkpoints, is what there was",
    async (checkpoints) => {
      for (let seed = 1; seed <= 3; seed++) {
        const now = await madeDisk(checkpoints);
        const before = now.slice();
        const disk = await library.open("data");
        const target = new Target();
        let pulls = 0;
        let last = Promise.resolve();
        // The machine writes between any two parts of the export, and while it is at one.
        const exported = exportAttached(
          disk,
          format,
          async (stream) => {
            const busy = new TransformStream({
              async transform(part, controller) {
                await last;
                await scribble(disk, now, seed * 1000 + pulls++, 4);
                controller.enqueue(part);
                last = scribble(disk, now, seed * 2000 + pulls, 2);
              },
            });
            await target.write(stream.pipeThrough(busy));
          },
          JOB,
        );
        await exported;
        await last;
        expect(pulls).toBeGreaterThan(1);
        await target.verify(format, before);
        expect(Buffer.compare(await contentOf(disk), now)).toBe(0);
        await disk.close();
        const [first] = await library.list();
        expect(first).toMatchObject({ name: "data", checkpoints: Array.from({ length: checkpoints }, () => ({})) });
        expect(await library.fileNames()).toHaveLength(checkpoints + 1);
        await library.remove("data");
      }
    },
  );

  test("goes on when the machine's disk gets a checkpoint meanwhile", async () => {
    const now = await madeDisk(0);
    const before = now.slice();
    const disk = await library.open("data");
    const target = new Target();
    let done = false;
    await exportAttached(
      disk,
      format,
      async (stream) => {
        const busy = new TransformStream({
          async transform(part, controller) {
            controller.enqueue(part);
            if (!done) await disk.checkpoint();
            done = true;
            await scribble(disk, now, 77, 3);
          },
        });
        await target.write(stream.pipeThrough(busy));
      },
      JOB,
    );
    await target.verify(format, before);
    expect(Buffer.compare(await contentOf(disk), now)).toBe(0);
    await disk.close();
  });

  test("ends when there is no room for what the machine overwrites, and the machine goes on", async () => {
    const now = await madeDisk(0);
    const disk = await library.open("data");
    const create = vi.spyOn(library.files, "create").mockImplementation(async () => {
      const store = new MemoryStore();
      store.write = () => Promise.reject(new StorageFullError("the browser's storage is full"));
      return store;
    });
    const exported = exportAttached(
      disk,
      format,
      async (stream) => {
        await scribble(disk, now, 5, 20);
        await new Target().write(stream);
      },
      JOB,
    );
    await expect(exported).rejects.toThrow("the browser's storage is full");
    create.mockRestore();
    await scribble(disk, now, 6);
    expect(Buffer.compare(await contentOf(disk), now)).toBe(0);
    await disk.close();
  });

  test("ends when it is cancelled, or the disk is detached; one at a time", async () => {
    await madeDisk(0);
    const disk = await library.open("data");
    const controller = new AbortController();
    const job: Job = { signal: controller.signal, progress: () => controller.abort(new Error("cancelled")) };
    await expect(exportAttached(disk, format, new Target().write, job)).rejects.toThrow("cancelled");
    await exportAttached(
      disk,
      format,
      async (stream) => {
        await expect(exportAttached(disk, format, new Target().write, JOB)).rejects.toThrow("exported already");
        await expect(disk.resize(2 * SIZE)).rejects.toThrow("is being exported; resize it afterwards");
        await stream.cancel();
      },
      JOB,
    );
    const cut = exportAttached(
      disk,
      format,
      async (stream) => {
        await disk.close();
        await new Target().write(stream);
      },
      JOB,
    );
    await expect(cut).rejects.toThrow("the disk is closed");
    expect(await library.fileNames()).toEqual(["data"]);
  });
});

test("a disk of 64 TiB that is discarded as a whole costs an export nothing", async () => {
  const size = 64 * 2 ** 40;
  await library.create("data", { size, type: "dynamic" });
  const disk = await library.open("data");
  await disk.write(0, pattern(MIB, 1));
  const steps: string[] = [];
  await exportAttached(
    disk,
    "vhdx",
    async (stream) => {
      await disk.trim(0, size / 512);
      const reader = stream.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        steps.push(value.type === "write" ? `write ${value.data.length}` : "truncate");
      }
    },
    JOB,
  );
  // The begin of the file with the BAT, and the one block that was there.
  expect(steps.at(-1)).toBe("truncate");
  expect(steps.length).toBeLessThan(10);
  await disk.close();
});
