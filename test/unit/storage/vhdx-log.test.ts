import { describe, expect, test } from "vitest";
import { MemoryStore } from "../../../emulator/storage/block/memory-store";
import { crc32c } from "../../../emulator/crc";
import { checksumWithout } from "../../../emulator/storage/vhdx/checksum";
import { BatGeometry } from "../../../emulator/storage/vhdx/bat";
import { createVhdx } from "../../../emulator/storage/vhdx/create";
import { Fields, formatGuid, guidBytes, newGuid } from "../../../emulator/storage/vhdx/fields";
import { HEADER_OFFSETS, MIB } from "../../../emulator/storage/vhdx/format";
import { decodeLogEntry, encodeLogEntry, entryLength, LogRing } from "../../../emulator/storage/vhdx/log-entry";
import { findActiveSequence } from "../../../emulator/storage/vhdx/log-search";
import { openVhdx } from "../../../emulator/storage/vhdx/open";
import { pattern } from "./helpers";

const GUID = "01234567-89ab-4def-8123-456789abcdef";

interface Entry {
  readonly at: number;
  readonly sequence: number;
  readonly tail: number;
  readonly pages: number;
}

function log(entries: readonly Entry[], guid = GUID): Uint8Array {
  const ring = new Uint8Array(MIB);
  for (const { at, sequence, tail, pages } of entries) {
    const bytes = encode(sequence, tail, pages, guid);
    for (let index = 0; index < bytes.length; index += 4096) {
      ring.set(bytes.subarray(index, index + 4096), (at + index) % MIB);
    }
  }
  return ring;
}

function encode(sequence: number, tail: number, pages: number, logGuid: string): Uint8Array {
  return encodeLogEntry(
    { tail, sequenceNumber: BigInt(sequence), logGuid, flushedFileOffset: 4 * MIB, lastFileOffset: 5 * MIB },
    Array.from({ length: pages }, (_, page) => ({
      offset: (sequence * 1000 + page) * 4096,
      content: pattern(4096, sequence + page),
    })),
  );
}

const sequences = (ring: Uint8Array): number[] =>
  findActiveSequence(ring, GUID).map((entry) => Number(entry.sequenceNumber));

describe("CRC-32C", () => {
  test.each([
    // RFC 3720, appendix B.4
    [new Uint8Array(32), 0x8a9136aa],
    [new Uint8Array(32).fill(0xff), 0x62a8ab43],
    [Uint8Array.from({ length: 32 }, (_, index) => index), 0x46dd794e],
    [new TextEncoder().encode("123456789"), 0xe3069283],
  ])("%#", (bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
    expect(crc32c(bytes.subarray(5), crc32c(bytes.subarray(0, 5)))).toBe(expected);
  });
});

test("GUIDs: the first three fields are little-endian", () => {
  const bytes = guidBytes("2dc27766-f623-4200-9d64-115e9bfd4a08");
  expect([...bytes.subarray(0, 8)]).toEqual([0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42]);
  expect(formatGuid(bytes)).toBe("2dc27766-f623-4200-9d64-115e9bfd4a08");
  expect(newGuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

describe("BAT geometry", () => {
  const disk = { leaveBlockAllocated: false, virtualDiskId: GUID, physicalSectorSize: 4096 as const };
  test("chunks of 128 blocks of 32 MiB, each with a bitmap entry after it", () => {
    const geometry = new BatGeometry({
      ...disk,
      blockSize: 32 * MIB,
      logicalSectorSize: 512,
      virtualDiskSize: 257 * 32 * MIB,
      hasParent: false,
    });
    expect([geometry.chunkRatio, geometry.payloadBlocks, geometry.entries]).toEqual([128, 257, 259]);
    expect([0, 127, 128, 256].map((block) => geometry.payloadEntry(block))).toEqual([0, 127, 129, 258]);
    expect(geometry.meaning(128)).toEqual({ kind: "bitmap", index: 0 });
    expect(geometry.meaning(258)).toEqual({ kind: "payload", index: 256 });
  });
  test("with a parent the last chunk is whole", () => {
    const geometry = new BatGeometry({
      ...disk,
      blockSize: MIB,
      logicalSectorSize: 4096,
      virtualDiskSize: 5 * MIB,
      hasParent: true,
    });
    expect([geometry.chunkRatio, geometry.entries, geometry.bitmapEntry(0)]).toEqual([32768, 32769, 32768]);
  });
});

describe("log entries", () => {
  test.each([1, 2, 126])("%i pages come back as they were", (pages) => {
    const ring = new LogRing(log([{ at: 8192, sequence: 7, tail: 8192, pages }]));
    const entry = decodeLogEntry(ring, 2, GUID)!;
    expect(entry.entryLength).toBe(entryLength(pages));
    expect(entry.updates.length).toBe(pages);
    entry.updates.forEach(({ offset, content }, page) => {
      expect(offset).toBe((7000 + page) * 4096);
      expect(Buffer.compare(content!, pattern(4096, 7 + page))).toBe(0);
    });
  });

  test("two of the largest fit the smallest log", () => expect(2 * entryLength(126)).toBeLessThanOrEqual(MIB));

  test("each byte that is wrong makes an entry invalid", () => {
    const good = log([{ at: 0, sequence: 1, tail: 0, pages: 1 }]);
    for (let at = 0; at < entryLength(1); at += 61) {
      const bad = good.slice();
      bad[at] = bad[at]! ^ 0x10;
      expect({ at, entry: decodeLogEntry(new LogRing(bad), 0, GUID) }).toEqual({ at, entry: undefined });
    }
    expect(decodeLogEntry(new LogRing(good), 0, newGuid())).toBeUndefined();
  });
});

describe("the active sequence of a log", () => {
  test("is the one with the highest number", () => {
    const ring = log([
      { at: 0, sequence: 8, tail: 0, pages: 1 },
      { at: 40960, sequence: 5, tail: 40960, pages: 2 },
      { at: 409600, sequence: 12, tail: 409600, pages: 1 },
    ]);
    expect(sequences(ring)).toEqual([12]);
  });
  test("begins at the newest entry's tail", () => {
    const ring = log([
      { at: 0, sequence: 1, tail: 0, pages: 1 },
      { at: 8192, sequence: 2, tail: 0, pages: 1 },
      { at: 16384, sequence: 3, tail: 8192, pages: 1 },
    ]);
    expect(sequences(ring)).toEqual([2, 3]);
  });
  test("may go round the ring's end, and an entry too", () => {
    const ring = log([
      { at: MIB - 8192, sequence: 4, tail: MIB - 8192, pages: 3 },
      { at: 8192, sequence: 5, tail: MIB - 8192, pages: 1 },
    ]);
    expect(sequences(ring)).toEqual([4, 5]);
  });
  test("does not use an entry whose beginning was overwritten", () => {
    const ring = log([
      { at: 0, sequence: 1, tail: 0, pages: 1 },
      { at: 8192, sequence: 2, tail: 0, pages: 1 },
    ]);
    ring.fill(0, 0, 4096);
    expect(sequences(ring)).toEqual([]);
  });
  test("of another log is none of ours", () => {
    expect(sequences(log([{ at: 0, sequence: 1, tail: 0, pages: 1 }], newGuid()))).toEqual([]);
  });
});

test("zero descriptors and several entries are replayed in order", async () => {
  const store = new MemoryStore();
  await createVhdx(store, { size: 4 * MIB, type: "fixed", blockSize: MIB });
  const file = new Uint8Array(store.size);
  await store.read(0, file);
  const payload = file.length - 4 * MIB;
  file.set(pattern(4 * MIB, 1), payload);
  const page = (at: number, seed: number) => ({ offset: payload + at * 4096, content: pattern(4096, seed) });
  const common = { tail: 0, logGuid: GUID, flushedFileOffset: file.length, lastFileOffset: file.length };
  const first = encodeLogEntry({ ...common, sequenceNumber: 1n }, [page(0, 50), page(1, 51)]);
  // Zeros over the second page and the next one, then the third again.
  const second = encodeLogEntry({ ...common, sequenceNumber: 2n }, [page(0, 0), page(2, 52)]);
  const fields = new Fields(second)
    .putAscii(64, "zero")
    .putU32(68, 0)
    .putU64(72, 8192)
    .putU64(80, payload + 4096);
  // The zeros have no data sector.
  const shorter = new Fields(new Uint8Array(8192));
  shorter.bytes.set(second.subarray(0, 4096));
  shorter.bytes.set(second.subarray(8192), 4096);
  shorter.putU32(8, 8192).putU32(4, checksumWithout(shorter.putU32(8, 8192).bytes, 4));
  expect(fields.bytes).toBe(second);
  file.set(first, MIB);
  file.set(shorter.bytes, MIB + first.length);
  for (const offset of HEADER_OFFSETS) {
    const header = new Fields(file.subarray(offset, offset + 4096)).putGuid(48, GUID);
    header.putU32(4, checksumWithout(header.bytes, 4));
  }
  const expected = pattern(4 * MIB, 1).slice();
  expected.set(pattern(4096, 50), 0);
  expected.fill(0, 4096, 3 * 4096);
  expected.set(pattern(4096, 52), 2 * 4096);
  for (const readOnly of [true, false, true]) {
    const image = await MemoryStore.of(file);
    const disk = await openVhdx(image, { readOnly });
    const content = new Uint8Array(disk.size);
    await disk.read(0, content);
    expect({ readOnly, same: Buffer.compare(content, expected) === 0 }).toEqual({ readOnly, same: true });
  }
});
