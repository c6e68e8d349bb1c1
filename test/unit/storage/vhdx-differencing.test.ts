import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FileStore } from "../../../cli/disk/file-store";
import { ConfigurationError } from "../../../emulator/machine-types";
import { MemoryStore } from "../../../emulator/storage/block/memory-store";
import { checkVhdx } from "../../../emulator/storage/vhdx/check";
import { createDifferencing, createVhdx } from "../../../emulator/storage/vhdx/create";
import { FILE_PARAMETERS, PAYLOAD_BLOCK_PARTIALLY_PRESENT } from "../../../emulator/storage/vhdx/format";
import { mergeVhdx } from "../../../emulator/storage/vhdx/merge";
import { openVhdx, type ParentResolver } from "../../../emulator/storage/vhdx/open";
import { besideIt, parentsAmong } from "../../../emulator/storage/vhdx/parents-by-name";
import { type VhdxDisk } from "../../../emulator/storage/vhdx/vhdx-disk";
import { CutStore, CopyStore } from "./cut-store";
import {
  contentOf,
  create,
  inFolder,
  inSameFolder,
  MIB,
  open,
  pattern,
  qemuCheck,
  qemuImg,
  qemuImgIsThere,
  randomNumbers,
  SOUND,
} from "./helpers";

const SIZE = 12 * MIB;

async function scribble(disk: VhdxDisk, expected: Uint8Array, seed: number): Promise<void> {
  const random = randomNumbers(seed);
  for (let count = 0; count < 25; count++) {
    const length = (1 + random(count % 6 === 0 ? 3000 : 20)) * 512;
    const lba = random((expected.length - length) / 512 + 1);
    await disk.write(lba, pattern(length, seed * 100 + count));
    expected.set(pattern(length, seed * 100 + count), lba * 512);
  }
}

async function child(folder: string, parent: string, name: string): Promise<VhdxDisk> {
  const disk = await open(join(folder, parent), { readOnly: true });
  const store = FileStore.create(join(folder, name));
  await createDifferencing(store, disk, { relativePath: `.\\${parent}`, blockSize: 2 * MIB });
  await store.close();
  await disk.close();
  return open(join(folder, name));
}

/** base <- one <- two, and what each shows. */
async function chain(folder: string): Promise<{ base: Uint8Array; one: Uint8Array; two: Uint8Array }> {
  const base = new Uint8Array(SIZE);
  await create(join(folder, "base.vhdx"), { size: SIZE, type: "dynamic" });
  const disk = await open(join(folder, "base.vhdx"));
  await scribble(disk, base, 1);
  await disk.close();
  const one = base.slice();
  const first = await child(folder, "base.vhdx", "one.vhdx");
  await scribble(first, one, 2);
  await first.trim((4 * MIB) / 512, (2 * MIB) / 512);
  one.fill(0, 4 * MIB, 6 * MIB);
  await first.close();
  const two = one.slice();
  const second = await child(folder, "one.vhdx", "two.vhdx");
  await scribble(second, two, 3);
  await second.close();
  return { base, one, two };
}

async function verify(path: string, expected: Uint8Array): Promise<void> {
  const disk = await open(path, { readOnly: true });
  expect({ path, same: Buffer.compare(await contentOf(disk), expected) === 0 }).toEqual({ path, same: true });
  await disk.close();
}

describe("differencing VHDX files", () => {
  test("each of a chain shows its own content, partly by sector bitmaps", async () => {
    await inFolder(async (folder) => {
      const { base, one, two } = await chain(folder);
      await verify(join(folder, "base.vhdx"), base);
      await verify(join(folder, "one.vhdx"), one);
      await verify(join(folder, "two.vhdx"), two);
      const { bat, geometry } = (await open(join(folder, "two.vhdx"), { readOnly: true })).image;
      const states = Array.from({ length: 6 }, (_, block) => bat.state(geometry.payloadEntry(block)));
      expect(states).toContain(PAYLOAD_BLOCK_PARTIALLY_PRESENT);
    });
  });

  test("a parent that changed is refused, a missing one is named", async () => {
    await inFolder(async (folder) => {
      await chain(folder);
      const base = await open(join(folder, "base.vhdx"));
      await base.write(0, new Uint8Array(512));
      await base.close();
      await expect(open(join(folder, "two.vhdx"))).rejects.toThrow(/^the parent '.\\base.vhdx' was written to after/);
      await expect(open(join(folder, "two.vhdx"), { resolveParent: undefined })).rejects.toThrow(
        /its parent '.\\one.vhdx' is needed too/,
      );
    });
  });

  test("a chain that bites its tail is refused", async () => {
    await inFolder(async (folder) => {
      await chain(folder);
      const path = join(folder, "two.vhdx");
      const disk = await open(path);
      await disk.image.journal.setDataWriteGuid(disk.image.metadata.parentLocator!.linkage[0]!);
      await disk.close();
      const itself: ParentResolver = async () => ({
        store: FileStore.open(path, { readOnly: true }),
        resolveParent: itself,
      });
      await expect(open(path, { resolveParent: itself })).rejects.toThrow(/more than 64 parents, or is among them/);
    });
  });

  test("merging the middle one leaves its child whole", async () => {
    await inFolder(async (folder) => {
      const { one, two } = await chain(folder);
      await mergeVhdx({
        child: FileStore.open(join(folder, "one.vhdx"), { readOnly: true }),
        parent: FileStore.open(join(folder, "base.vhdx")),
      });
      await verify(join(folder, "base.vhdx"), one);
      // The base has taken the place of the one that was merged; only the name differs.
      const parent = FileStore.open(join(folder, "base.vhdx"), { readOnly: true });
      const disk = await open(join(folder, "two.vhdx"), {
        resolveParent: async () => ({ store: parent, resolveParent: inSameFolder(folder) }),
      });
      expect(Buffer.compare(await contentOf(disk), two)).toBe(0);
      await disk.close();
      if (!qemuImgIsThere) return;
      writeFileSync(join(folder, "one.raw"), one);
      expect(qemuCheck(join(folder, "base.vhdx"))).toEqual(SOUND);
      qemuImg("compare", "-f", "vhdx", "-F", "raw", join(folder, "base.vhdx"), join(folder, "one.raw"));
    });
  });

  test("a merge that is cut off anywhere can be repeated, and until then the child shows the same", async () => {
    await inFolder(async (folder) => {
      const { one } = await chain(folder);
      const load = async (name: string): Promise<CopyStore> => {
        const bytes = readFileSync(join(folder, name));
        const store = new CopyStore(false, bytes.length);
        store.put(0, bytes);
        return store;
      };
      const [base, child] = [await load("base.vhdx"), await load("one.vhdx")];
      const cut = new CutStore(base, false);
      await mergeVhdx({ child: child.copy(), parent: cut });
      expect(cut.operations.length).toBeGreaterThan(20);
      let index = 0;
      for (const medium of cut.media(randomNumbers(5))) {
        if (index++ % 3 !== 0 && index < cut.operations.length - 4) continue;
        await mergeVhdx({ child: child.copy(), parent: medium });
        const path = join(folder, `merged.vhdx`);
        const bytes = new Uint8Array(medium.size);
        await medium.read(0, bytes);
        writeFileSync(path, bytes);
        await verify(path, one);
        expect((await checkVhdx(medium)).errors).toEqual([]);
      }
    });
  });

  test("a child may grow beyond its parent", async () => {
    await inFolder(async (folder) => {
      const { two } = await chain(folder);
      const path = join(folder, "two.vhdx");
      const disk = await open(path);
      await disk.resize(SIZE + 3 * MIB + 512);
      const larger = new Uint8Array(SIZE + 3 * MIB + 512);
      larger.set(two);
      await scribble(disk, larger, 9);
      await disk.close();
      await verify(path, larger);
      await mergeVhdx({
        child: FileStore.open(path, { readOnly: true }),
        parent: FileStore.open(join(folder, "one.vhdx")),
        resolveParent: inSameFolder(join(folder, "one.vhdx")),
      });
      await verify(join(folder, "one.vhdx"), larger);
    });
  });

  test("parents are found by name among files without folders", async () => {
    const files = new Map<string, MemoryStore>();
    const resolveParent = parentsAmong({
      open: async (name) => {
        const store = files.get(name);
        if (!store) throw new ConfigurationError(`there is no disk '${name}'`);
        return store;
      },
    });
    for (const name of ["a", "b", "c"]) files.set(name, new MemoryStore());
    await createVhdx(files.get("a")!, { size: 4 * MIB, type: "dynamic" });
    for (const [parent, child] of [
      ["a", "b"],
      ["b", "c"],
    ] as const) {
      const disk = await openVhdx(files.get(parent)!, { resolveParent });
      await disk.write(parent === "a" ? 1 : 2, pattern(512, parent.charCodeAt(0)));
      await disk.flush();
      await createDifferencing(files.get(child)!, disk, { relativePath: besideIt(parent) });
      await disk.close();
    }
    const disk = await openVhdx(files.get("c")!, { resolveParent });
    const sectors = new Uint8Array(1024);
    await disk.read(1, sectors);
    expect(Buffer.compare(sectors.subarray(0, 512), pattern(512, "a".charCodeAt(0)))).toBe(0);
    expect(Buffer.compare(sectors.subarray(512), pattern(512, "b".charCodeAt(0)))).toBe(0);
    files.delete("a");
    await expect(openVhdx(files.get("c")!, { resolveParent })).rejects.toThrow("there is no disk 'a'");
  });

  test.skipIf(!qemuImgIsThere)("qemu-img finds the file sound, once it is told that there is no parent", async () => {
    await inFolder(async (folder) => {
      await create(join(folder, "base.vhdx"), { size: SIZE, type: "dynamic" });
      const disk = await child(folder, "base.vhdx", "child.vhdx");
      const expected = new Uint8Array(SIZE);
      for (const block of [1, 4]) {
        expected.set(pattern(2 * MIB, block), block * 2 * MIB);
        await disk.write(block * 4096, pattern(2 * MIB, block));
      }
      const { content, regionTable } = disk.image;
      await disk.close();
      const path = join(folder, "child.vhdx");
      expect(qemuCheck(path).status).not.toBe(0);
      const bytes = readFileSync(path);
      const item = content.items.find(({ id }) => id === FILE_PARAMETERS)!;
      bytes.writeUInt32LE(0, regionTable.metadata.offset + item.offset + 4);
      // The parent locator is the last item in the table.
      bytes.writeUInt16LE(content.items.length - 1, regionTable.metadata.offset + 10);
      writeFileSync(path, bytes);
      writeFileSync(join(folder, "expected.raw"), expected);
      expect(qemuCheck(path)).toEqual(SOUND);
      qemuImg("compare", "-f", "vhdx", "-F", "raw", path, join(folder, "expected.raw"));
    });
  });
});
