import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { LOGICAL_SECTOR_SIZE } from "../../../emulator/storage/vhdx/format";
import { isZero } from "../../../emulator/storage/zeros";
import {
  create,
  contentOf,
  inFolder,
  MIB,
  open,
  pattern,
  qemuCheck,
  qemuImg,
  qemuImgIsThere,
  randomNumbers,
  SOUND,
} from "./helpers";

/** Writes here and there, across blocks too, to a disk and to a copy of what it must hold. */
async function scribble(disk: Awaited<ReturnType<typeof open>>, expected: Uint8Array, seed: number): Promise<void> {
  const random = randomNumbers(seed);
  const { sectorSize } = disk;
  for (let count = 0; count < 40; count++) {
    const length = (1 + random(count % 8 === 0 ? 1500 : 40)) * sectorSize;
    const lba = random((expected.length - length) / sectorSize + 1);
    const bytes = pattern(length, seed * 1000 + count);
    await disk.write(lba, bytes);
    expected.set(bytes, lba * sectorSize);
    if (count % 13 === 0) await disk.flush();
  }
}

describe.skipIf(!qemuImgIsThere)("VHDX files and qemu-img", () => {
  const modes = (["dynamic", "fixed"] as const).flatMap((type) => [1, 2, 32, 256].map((block) => ({ type, block })));
  test.each(modes)("ours: $type, blocks of $block MiB", async ({ type, block }) => {
    await inFolder(async (folder) => {
      const [path, raw] = [join(folder, "ours.vhdx"), join(folder, "expected.raw")];
      const expected = new Uint8Array(37 * MIB + 512 * 7);
      await create(path, { size: expected.length, type, blockSize: block * MIB });
      expect(qemuCheck(path)).toEqual(SOUND);
      const disk = await open(path);
      await scribble(disk, expected, block);
      await disk.close();
      writeFileSync(raw, expected);
      expect(qemuCheck(path)).toEqual(SOUND);
      qemuImg("compare", "-f", "vhdx", "-F", "raw", path, raw);
      const again = await open(path, { readOnly: true });
      expect(Buffer.compare(await contentOf(again), expected)).toBe(0);
      await again.close();
    });
  });

  test("ours: logical sectors of 4096 bytes", async () => {
    await inFolder(async (folder) => {
      const [path, raw] = [join(folder, "ours.vhdx"), join(folder, "expected.raw")];
      const expected = new Uint8Array(24 * MIB);
      await create(path, { size: expected.length, type: "dynamic", logicalSectorSize: 4096 });
      const disk = await open(path);
      await scribble(disk, expected, 9);
      const { content, regionTable } = disk.image;
      await disk.close();
      const again = await open(path);
      expect(again.sectorSize).toBe(4096);
      expect(Buffer.compare(await contentOf(again), expected)).toBe(0);
      await again.close();
      // qemu-img knows sectors of 512 bytes only; but for the one number, a disk this small looks the same with them.
      const item = content.items.find(({ id }) => id === LOGICAL_SECTOR_SIZE)!;
      const bytes = readFileSync(path);
      bytes.writeUInt32LE(512, regionTable.metadata.offset + item.offset);
      writeFileSync(path, bytes);
      writeFileSync(raw, expected);
      expect(qemuCheck(path)).toEqual(SOUND);
      qemuImg("compare", "-f", "vhdx", "-F", "raw", path, raw);
    });
  });

  test.each(modes)("qemu-img's: $type, blocks of $block MiB, read and written by us", async ({ type, block }) => {
    await inFolder(async (folder) => {
      const [path, raw] = [join(folder, "theirs.vhdx"), join(folder, "expected.raw")];
      const expected = new Uint8Array(19 * MIB);
      for (const at of [0, 3, 4, 11, 18]) expected.set(pattern(MIB / 2, at), at * MIB);
      writeFileSync(raw, expected);
      qemuImg("convert", "-f", "raw", "-O", "vhdx", "-o", `subformat=${type},block_size=${block * MIB}`, raw, path);
      const disk = await open(path);
      expect(Buffer.compare(await contentOf(disk), expected)).toBe(0);
      await scribble(disk, expected, block + 77);
      await disk.close();
      writeFileSync(raw, expected);
      expect(qemuCheck(path)).toEqual(SOUND);
      qemuImg("compare", "-f", "vhdx", "-F", "raw", path, raw);
    });
  });

  test("a log that waits for its replay: ours, replayed by qemu-img", async () => {
    await inFolder(async (folder) => {
      const [path, raw] = [join(folder, "dirty.vhdx"), join(folder, "expected.raw")];
      const expected = new Uint8Array(16 * MIB);
      await create(path, { size: expected.length, type: "dynamic" });
      const disk = await open(path);
      await scribble(disk, expected, 5);
      await disk.flush();
      // As a crash leaves it: the log is in use. To be sure that it is the log that counts, the BAT loses its entries.
      const left = readFileSync(path);
      left.fill(0, 3 * MIB, 4 * MIB);
      await disk.close();
      writeFileSync(path, left);
      writeFileSync(raw, expected);
      const before = qemuCheck(path);
      expect(before.status).not.toBe(0);
      expect(before.output).toContain("log that needs to be replayed");
      // Read only, the replay is in memory.
      const reader = await open(path, { readOnly: true });
      expect(Buffer.compare(await contentOf(reader), expected)).toBe(0);
      await reader.close();
      expect(Buffer.compare(readFileSync(path), left)).toBe(0);
      // Theirs, and ours.
      qemuCheck(path, "-r", "all");
      qemuImg("compare", "-f", "vhdx", "-F", "raw", path, raw);
      writeFileSync(path, left);
      const writer = await open(path);
      await writer.close();
      expect(qemuCheck(path)).toEqual(SOUND);
      qemuImg("compare", "-f", "vhdx", "-F", "raw", path, raw);
    });
  });

  test("trim gives blocks back, and the file becomes smaller", async () => {
    await inFolder(async (folder) => {
      const [path, raw] = [join(folder, "trim.vhdx"), join(folder, "expected.raw")];
      const expected = pattern(16 * MIB, 3).slice();
      await create(path, { size: expected.length, type: "dynamic" });
      const disk = await open(path);
      await disk.write(0, expected);
      await disk.flush();
      const full = disk.image.store.size;
      // Not aligned: the blocks that are cut keep their content.
      await disk.trim(2 * 2048 - 5, 12 * 2048 + 10);
      expected.fill(0, 2 * MIB, 14 * MIB);
      await disk.flush();
      const again = pattern(512, 4);
      await disk.write(5 * 2048 + 1, again);
      expected.set(again, 5 * MIB + 512);
      await disk.writeZeros(0, 3);
      expected.fill(0, 0, 3 * 512);
      expect(Buffer.compare(await contentOf(disk), expected)).toBe(0);
      expect(disk.image.store.size).toBe(full);
      await disk.trim(14 * 2048, 2 * 2048);
      expected.fill(0, 14 * MIB);
      await disk.close();
      expect(readFileSync(path).length).toBeLessThan(full - 8 * MIB);
      writeFileSync(raw, expected);
      expect(qemuCheck(path)).toEqual(SOUND);
      qemuImg("compare", "-f", "vhdx", "-F", "raw", path, raw);
    });
  });

  test.each(["dynamic", "fixed"] as const)("%s disks grow, and shrink where there are zeros", async (type) => {
    await inFolder(async (folder) => {
      const [path, raw] = [join(folder, "resize.vhdx"), join(folder, "expected.raw")];
      let expected = new Uint8Array(5 * MIB + 1024);
      await create(path, { size: expected.length, type, blockSize: 2 * MIB });
      const disk = await open(path);
      const verify = async (): Promise<void> => {
        expect(disk.size).toBe(expected.length);
        expect(Buffer.compare(await contentOf(disk), expected)).toBe(0);
      };
      await scribble(disk, expected, 21);
      for (const size of [23 * MIB, 24 * MIB + 512, 16 * MIB]) {
        const next = new Uint8Array(size);
        next.set(expected.subarray(0, size));
        expected = next;
        await disk.resize(size);
        await verify();
      }
      await scribble(disk, expected, 22);
      await disk.write(12 * 2048, pattern(512, 1));
      expected.set(pattern(512, 1), 12 * MIB);
      await expect(disk.resize(8 * MIB)).rejects.toThrow(/cannot shrink to 8388608 bytes: there is data behind that/);
      await verify();
      await disk.close();
      writeFileSync(raw, expected);
      expect(qemuCheck(path)).toEqual(SOUND);
      qemuImg("compare", "-f", "vhdx", "-F", "raw", path, raw);
    });
  });

  test("a disk that outgrows its BAT gets another one", async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "large.vhdx");
      await create(path, { size: 100 * 1024 * MIB, type: "dynamic", blockSize: MIB });
      const disk = await open(path);
      await disk.write(7, pattern(512, 1));
      await disk.resize(64 * 1024 * 1024 * MIB);
      await disk.write(disk.size / 512 - 1, pattern(512, 2));
      await disk.close();
      expect(qemuCheck(path)).toEqual(SOUND);
      const again = await open(path);
      const sector = new Uint8Array(512);
      await again.read(7, sector);
      expect(sector).toEqual(pattern(512, 1));
      await again.read(again.size / 512 - 1, sector);
      expect(sector).toEqual(pattern(512, 2));
      await again.read(again.size / 512 - 2, sector);
      expect(isZero(sector)).toBe(true);
      await again.close();
    });
  });

  test("a file that was cut short is refused", async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "short.vhdx");
      await create(path, { size: 8 * MIB, type: "fixed", blockSize: MIB });
      truncateSync(path, 9 * MIB);
      await expect(open(path)).rejects.toThrow(/^damaged VHDX file: block 5 lies outside the file/);
    });
  });
});
