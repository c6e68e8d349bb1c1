import { describe, expect, test } from "vitest";
import { MemoryStore } from "../../../emulator/storage/block/memory-store";
import { ExchangeableDisk } from "../../../emulator/storage/exchangeable-disk";
import { refuseForeignImage } from "../../../emulator/storage/library/foreign-image";
import {
  checkpointName,
  checkpointsAmong,
  isUserName,
  nameFromFile,
  newTemporaryName,
  verifyName,
} from "../../../emulator/storage/library/names";
import { RawDisk } from "../../../emulator/storage/raw-disk";
import { parseSize, readable } from "../../../emulator/storage/size-text";
import { MIB, pattern } from "./helpers";

describe("names of disks", () => {
  test.each(["", " a", "a ", "a/b", "a\\b", "a\nb", "a\u202eb", "x".repeat(61)])("%j is none", (name) => {
    expect(() => verifyName(name)).toThrow(/choose another one/);
  });

  test.each([
    ["data.vhdx", "data"],
    ["C:\\x\\data.img", "C: x data"],
    [".vhdx", "disk"],
    ["archive.tar.raw", "archive.tar"],
    [`${"y".repeat(80)}.vhdx`, "y".repeat(60)],
  ])("%j makes %j", (file, name) => {
    expect(nameFromFile(file)).toBe(name);
    expect(() => verifyName(name)).not.toThrow();
  });

  test("checkpoints come in their order, and only their disk's", () => {
    const files = [10, 2, 1].map((number) => checkpointName("a", number));
    const all = [...files, "a", checkpointName("ab", 1), newTemporaryName()];
    expect(checkpointsAmong(all, "a")).toEqual([1, 2, 10].map((number) => checkpointName("a", number)));
    expect(all.filter(isUserName)).toEqual(["a"]);
  });
});

test.each([
  ["512M", 512 * MIB],
  ["1.5 GiB", 1536 * MIB],
  ["4096", 4096],
  ["0", undefined],
  ["-1", undefined],
  ["1Q", undefined],
  ["0.3", undefined],
])("a size of %j", (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
  if (bytes !== undefined) expect(parseSize(readable(bytes).replace(" bytes", ""))).toBe(bytes);
});

test("images of other kinds are not taken for raw ones", async () => {
  const refusal = async (begin: string): Promise<void> =>
    refuseForeignImage(await MemoryStore.of(Uint8Array.from(begin, (character) => character.charCodeAt(0))));
  await expect(refusal("QFI\xfb\0\0\0\x03")).rejects.toThrow("a qcow2 image; convert it first: qemu-img convert");
  await expect(refusal("\x1f\x8b\x08")).rejects.toThrow("packed with gzip; unpack it first");
  await expect(refusal("\xeb\x63\x90")).resolves.toBeUndefined();
  await expect(refusal("")).resolves.toBeUndefined();
});

describe("a disk whose image is exchanged", () => {
  test("waits for requests that are under way, and has later ones wait", async () => {
    const events: string[] = [];
    let finishRead: () => void = () => undefined;
    class Slow extends RawDisk {
      override async read(): Promise<void> {
        await new Promise<void>((resolve) => (finishRead = resolve));
        events.push("old read");
      }
    }
    const other = new RawDisk(await MemoryStore.of(pattern(MIB, 3)));
    const disk = new ExchangeableDisk<RawDisk>(new Slow(new MemoryStore(MIB)));
    const first = disk.read(0, new Uint8Array(512));
    const exchanged = disk.exchange(async () => {
      events.push("exchange");
      return other;
    });
    const bytes = new Uint8Array(512);
    const second = disk.read(0, bytes).then(() => events.push("new read"));
    await Promise.resolve();
    expect(events).toEqual([]);
    finishRead();
    await Promise.all([first, exchanged, second]);
    expect(events).toEqual(["old read", "exchange", "new read"]);
    expect(Buffer.compare(bytes, pattern(MIB, 3).subarray(0, 512))).toBe(0);
  });

  test("fails from then on when that fails, and after it was closed", async () => {
    const disk = new ExchangeableDisk<RawDisk>(new RawDisk(new MemoryStore(MIB)));
    await expect(disk.exchange(() => Promise.reject(new Error("no room")))).rejects.toThrow("no room");
    await expect(disk.read(0, new Uint8Array(512))).rejects.toThrow("the disk was lost: no room");
    const closed = new ExchangeableDisk<RawDisk>(new RawDisk(new MemoryStore(MIB)));
    await closed.close();
    await expect(closed.write(0, new Uint8Array(512))).rejects.toThrow("the disk is closed");
    await closed.close();
  });
});
