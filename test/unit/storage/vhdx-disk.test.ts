import { describe, expect, test } from "vitest";
import { StorageFullError } from "../../../emulator/storage/block/block-store";
import { MemoryStore } from "../../../emulator/storage/block/memory-store";
import { RawDisk } from "../../../emulator/storage/raw-disk";
import { checkVhdx } from "../../../emulator/storage/vhdx/check";
import { createDifferencing, createVhdx } from "../../../emulator/storage/vhdx/create";
import { Mutex, SharedLock } from "../../../emulator/storage/vhdx/async-lock";
import { Fields } from "../../../emulator/storage/vhdx/fields";
import { openVhdx, type ParentResolver } from "../../../emulator/storage/vhdx/open";
import { type VhdxDisk } from "../../../emulator/storage/vhdx/vhdx-disk";
import { isZero } from "../../../emulator/storage/zeros";
import { contentOf, MIB, pattern, randomNumbers, readSoon, writeSoon } from "./helpers";

/** A store whose file system has this many bytes. */
class SmallStore extends MemoryStore {
  room = Infinity;
  override async resize(size: number): Promise<void> {
    if (size > this.room) throw new StorageFullError("no room");
    await super.resize(size);
  }
}

async function newDisk(size: number, type: "fixed" | "dynamic" = "dynamic") {
  const store = new SmallStore();
  await createVhdx(store, { size, type, blockSize: MIB });
  return { store, disk: await openVhdx(store) };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("an open VHDX disk", () => {
  test("without room a write fails, and nothing else", async () => {
    const { store, disk } = await newDisk(8 * MIB);
    await disk.write(0, pattern(512, 1));
    store.room = store.size;
    await expect(disk.write(4096, pattern(512, 2))).rejects.toThrow(StorageFullError);
    await disk.write(1, pattern(512, 3));
    await disk.flush();
    const sector = new Uint8Array(512);
    await disk.read(4096, sector);
    expect(isZero(sector)).toBe(true);
    // What is given back can be used again.
    await disk.trim(0, 2048);
    await disk.flush();
    await disk.write(4096, pattern(512, 2));
    store.room = Infinity;
    await disk.write(8192, pattern(512, 4));
    await disk.close();
    expect(await checkVhdx(store)).toMatchObject({ errors: [], notes: [] });
    const again = await openVhdx(store);
    for (const [lba, seed] of [
      [4096, 2],
      [8192, 4],
    ] as const) {
      await again.read(lba, sector);
      expect(sector).toEqual(pattern(512, seed));
    }
    await again.read(1, sector);
    expect(isZero(sector)).toBe(true);
  });

  test("what needs no new block is read and written at once, through a chain of files, and comes out the same", async () => {
    const stores = [new MemoryStore(), new MemoryStore()] as const;
    await createVhdx(stores[0], { size: 8 * MIB, type: "dynamic", blockSize: MIB });
    const base = await openVhdx(stores[0]);
    const random = randomNumbers(11);
    const expected = new Uint8Array(8 * MIB);
    const fill = async (disk: VhdxDisk, seed: number): Promise<number[]> => {
      const atOnce = [0, 0];
      for (let step = 0; step < 300; step++) {
        const lba = random(8 * 2048 - 64);
        const bytes = pattern((1 + random(64)) * 512, seed + step);
        if (step % 40 === 39) await disk.trim(2048 * random(8), 2048);
        if (step % 40 === 39) expected.set(await contentOf(disk));
        atOnce[0]! += Number(await writeSoon(disk, lba, bytes));
        expected.set(bytes, lba * 512);
        const from = random(8 * 2048 - 256);
        const back = new Uint8Array((1 + random(256)) * 512).fill(0xa5);
        atOnce[1]! += Number(await readSoon(disk, from, back));
        expect(Buffer.compare(back, expected.subarray(from * 512, from * 512 + back.length))).toBe(0);
        if (step % 50 === 0) void disk.flush();
      }
      return atOnce;
    };
    const [written, read] = await fill(base, 1000);
    expect(written).toBeGreaterThan(200);
    expect(read).toBe(300);
    await base.close();

    await createDifferencing(stores[1], await openVhdx(stores[0], { readOnly: true }), { relativePath: "base.vhdx" });
    const resolveParent: ParentResolver = async () => ({ store: stores[0], resolveParent });
    const child = await openVhdx(stores[1], { resolveParent });
    for (let lba = 0; lba < 8 * 2048; lba += 512) {
      const back = new Uint8Array(512 * 512);
      expect(child.readNow(lba, back)).toBe(true);
      expect(Buffer.compare(back, expected.subarray(lba * 512, (lba + 512) * 512))).toBe(0);
    }
    await fill(child, 5000);
    expect(Buffer.compare(await contentOf(child), expected)).toBe(0);
    await child.close();
    for (const store of stores) expect((await checkVhdx(store)).errors).toEqual([]);
  });

  test("nothing is done at once while the disk is changed as a whole, or before its first write", async () => {
    const { disk } = await newDisk(8 * MIB);
    const sector = new Uint8Array(512);
    expect(disk.readNow(0, sector)).toBe(true);
    expect(disk.writeNow(0, sector)).toBe(false);
    await disk.write(0, pattern(512, 1));
    expect(disk.writeNow(0, pattern(512, 2))).toBe(true);
    const growing = disk.resize(16 * MIB);
    // It has the disk for itself a moment later.
    await Promise.resolve();
    await Promise.resolve();
    expect(disk.readNow(0, sector)).toBe(false);
    expect(disk.writeNow(0, sector)).toBe(false);
    await growing;
    expect(disk.readNow(0, sector)).toBe(true);
    expect(sector).toEqual(pattern(512, 2));
    expect(() => disk.readNow(disk.size / 512, sector)).toThrow(RangeError);
    expect(() => disk.writeNow(-1, sector)).toThrow(RangeError);
    await disk.close();
  });

  test("many requests at once to blocks that are not there yet", async () => {
    const { store, disk } = await newDisk(16 * MIB);
    const random = randomNumbers(3);
    const expected = new Uint8Array(16 * MIB);
    await Promise.all(
      Array.from({ length: 400 }, async (_, index) => {
        const lba = index * 80;
        const bytes = pattern((1 + random(80)) * 512, index);
        expected.set(bytes, lba * 512);
        await disk.write(lba, bytes);
        if (index % 50 === 0) await disk.flush();
        const back = new Uint8Array(bytes.length);
        await disk.read(lba, back);
        expect(Buffer.compare(back, bytes)).toBe(0);
      }),
    );
    expect(Buffer.compare(await contentOf(disk), expected)).toBe(0);
    await disk.close();
    expect((await checkVhdx(store)).errors).toEqual([]);
  });

  test.each([
    [-1, 512],
    [0.5, 512],
    [0, 511],
    [16384, 512],
    [16383, 1024],
    [2 ** 53, 512],
    [NaN, 512],
  ])("sector %d with %d bytes is refused", async (lba, length) => {
    const { disk } = await newDisk(8 * MIB);
    await expect(disk.read(lba, new Uint8Array(length))).rejects.toThrow(RangeError);
    await expect(disk.write(lba, new Uint8Array(length))).rejects.toThrow(RangeError);
    await expect(disk.trim(lba, length / 512)).rejects.toThrow(RangeError);
  });

  test("nothing is written to a file that is only read, or opened for writing but not written", async () => {
    const { store, disk } = await newDisk(8 * MIB, "fixed");
    await disk.write(0, pattern(MIB, 1));
    await disk.close();
    const before = new Uint8Array(store.size);
    await store.read(0, before);
    const again = await openVhdx(store);
    await contentOf(again);
    await again.flush();
    await again.close();
    const after = new Uint8Array(store.size);
    await store.read(0, after);
    expect(Buffer.compare(before, after)).toBe(0);
  });

  test("metadata of other programs is kept", async () => {
    const { store, disk } = await newDisk(8 * MIB);
    const { metadata } = disk.image.regionTable;
    await disk.close();
    // A user's item behind ours: [MS-VHDX] 2.6.1.2.
    const table = new Fields(new Uint8Array(65536));
    await store.read(metadata.offset, table.bytes);
    const count = table.u16(10);
    const id = "11111111-2222-4333-8444-555555555555";
    table
      .putU16(10, count + 1)
      .putGuid(32 + 32 * count, id)
      .putU32(32 + 32 * count + 16, 70000);
    table.putU32(32 + 32 * count + 20, 100).putU32(32 + 32 * count + 24, 1);
    await store.write(metadata.offset, table.bytes);
    await store.write(metadata.offset + 70000, pattern(100, 5));
    const again = await openVhdx(store);
    await again.resize(9 * MIB);
    await again.write(0, pattern(512, 1));
    await again.close();
    const item = new Uint8Array(100);
    await store.read(metadata.offset + 70000, item);
    expect(item).toEqual(pattern(100, 5));
    expect((await checkVhdx(store)).notes).toEqual(["1 items of metadata belong to other programs"]);
    // Were it required, the file could not be used.
    table.putU32(32 + 32 * count + 24, 5);
    await store.write(metadata.offset, table.bytes);
    await expect(openVhdx(store)).rejects.toThrow(`the VHDX file needs a metadata item ${id}, which is not known here`);
  });

  test("an image of 64 TiB with blocks of 1 MiB opens, and its last sector is there", { timeout: 60_000 }, async () => {
    const store = new MemoryStore();
    await createVhdx(store, { size: 2 ** 46, type: "dynamic", blockSize: MIB });
    const disk = await openVhdx(store);
    await disk.write(2 ** 37 - 1, pattern(512, 9));
    await disk.close();
    const again = await openVhdx(store);
    const sector = new Uint8Array(512);
    await again.read(2 ** 37 - 1, sector);
    expect(sector).toEqual(pattern(512, 9));
  });
});

describe("raw disks", () => {
  test("sectors of 2048 bytes lie one after the other", async () => {
    const disk = new RawDisk(await MemoryStore.of(pattern(10 * 2048, 1)), 2048, true);
    const sector = new Uint8Array(2048);
    await disk.read(9, sector);
    expect(Buffer.compare(sector, pattern(10 * 2048, 1).subarray(9 * 2048))).toBe(0);
    await expect(disk.read(10, sector)).rejects.toThrow(RangeError);
  });
  test("part of a sector is refused", async () => {
    const store = await MemoryStore.of(new Uint8Array(1000));
    expect(() => new RawDisk(store)).toThrow("the image has 1000 bytes; it must have whole sectors of 512");
  });
});

describe("locks", () => {
  test("shared holders run side by side, an exclusive one alone and before later ones", async () => {
    const lock = new SharedLock();
    const log: string[] = [];
    const action = (name: string) => async (): Promise<void> => {
      log.push(`${name} begins`);
      await settle();
      log.push(`${name} ends`);
    };
    await Promise.all([
      lock.runShared(action("a")),
      lock.runShared(action("b")),
      lock.runExclusive(action("X")),
      lock.runShared(action("c")),
      lock.runExclusive(async () => Promise.reject(new Error("no"))).catch(() => undefined),
      lock.runShared(action("d")),
    ]);
    expect(log.slice(0, 6)).toEqual(["a begins", "b begins", "a ends", "b ends", "X begins", "X ends"]);
    expect(log.slice(6)).toEqual(["c begins", "c ends", "d begins", "d ends"]);
  });
  test("a mutex goes on after a failure", async () => {
    const mutex = new Mutex();
    const failed = mutex.run(() => Promise.reject(new Error("no")));
    await expect(Promise.all([failed.catch(() => 1), mutex.run(async () => 2)])).resolves.toEqual([1, 2]);
  });
});
