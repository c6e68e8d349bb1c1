import { beforeAll, describe, expect, test } from "vitest";
import { ConfigurationError } from "../../../emulator/machine-types";
import { createDifferencing, createVhdx } from "../../../emulator/storage/vhdx/create";
import { crc32c } from "../../../emulator/crc";
import { LOG_ENTRY_SIGNATURE, HEADER_OFFSETS, REGION_TABLE_OFFSETS } from "../../../emulator/storage/vhdx/format";
import { openVhdx, type ParentResolver } from "../../../emulator/storage/vhdx/open";
import { CopyStore } from "./cut-store";
import { MIB, pattern, randomNumbers } from "./helpers";

const MUTATIONS = 10_000;
const DISK_SIZE = 9 * MIB;
/** No single mutation may keep us longer, in milliseconds, on a machine that is busy with much else. */
const PATIENCE = 5_000;

interface Sample {
  readonly name: string;
  readonly store: CopyStore;
  readonly resolveParent: ParentResolver | undefined;
  readonly expected: Uint8Array;
}

/** Sectors that tell whether a read is right: some of each block. */
const PLACES = Array.from({ length: 9 }, (_, block) => [block * 2048, block * 2048 + 999]).flat();

async function samples(): Promise<Sample[]> {
  const expected = new Uint8Array(DISK_SIZE);
  const base = new CopyStore(false);
  await createVhdx(base, { size: DISK_SIZE, type: "dynamic", blockSize: MIB });
  const disk = await openVhdx(base);
  for (const block of [0, 2, 3, 7]) {
    expected.set(pattern(MIB, block), block * MIB);
    await disk.write(block * 2048, pattern(MIB, block));
  }
  await disk.flush();
  const dirty = base.copy();
  await disk.close();

  const parent = await openVhdx(base.copy(), { readOnly: true });
  const child = new CopyStore(false);
  await createDifferencing(child, parent, { relativePath: ".\\base.vhdx", blockSize: MIB });
  const resolveParent: ParentResolver = async () => ({ store: base.copy(), resolveParent });
  const overlay = await openVhdx(child, { resolveParent });
  const changed = expected.slice();
  for (const lba of [100, 2048, 3 * 2048 + 990]) {
    changed.set(pattern(10 * 512, lba), lba * 512);
    await overlay.write(lba, pattern(10 * 512, lba));
  }
  await overlay.trim(7 * 2048, 2048);
  changed.fill(0, 7 * MIB, 8 * MIB);
  await overlay.flush();
  const dirtyChild = child.copy();
  await overlay.close();
  return [
    { name: "clean", store: base, resolveParent: undefined, expected },
    { name: "with a log", store: dirty, resolveParent: undefined, expected },
    { name: "differencing", store: child, resolveParent, expected: changed },
    { name: "differencing, with a log", store: dirtyChild, resolveParent, expected: changed },
  ];
}

/** Where the structures lie in files of ours: header section, log, metadata (its table, its items), BAT. */
const AREAS = [
  { name: "identifier", offset: 0, length: 16, checked: false },
  ...HEADER_OFFSETS.map((offset) => ({ name: "header", offset, length: 80, checked: true })),
  ...REGION_TABLE_OFFSETS.map((offset) => ({ name: "region table", offset, length: 80, checked: true })),
  { name: "log", offset: MIB, length: 64 + 4 * 32, checked: true },
  { name: "log sectors", offset: MIB + 4096, length: 3 * 4096, checked: true },
  { name: "metadata table", offset: 2 * MIB, length: 32 + 6 * 32, checked: false },
  { name: "metadata items", offset: 2 * MIB + 65536, length: 240, checked: false },
  { name: "BAT", offset: 3 * MIB, length: 9 * 8, checked: false },
  { name: "sector bitmap entry", offset: 3 * MIB + 4096 * 8, length: 8, checked: false },
];

const VALUES = [0, 1, 2, 5, 7, 0x7f, 0x80, 0xff];

/** Damages a few bytes of one area. Says whether the file is now as a writer with bad intent would leave it. */
async function mutate(store: CopyStore, random: (below: number) => number): Promise<string> {
  const area = AREAS[random(AREAS.length)]!;
  let what = area.name;
  for (let count = 1 + random(3); count > 0; count--) {
    const width = [1, 1, 2, 4, 8][random(5)]!;
    const offset = area.offset + Math.min(random(area.length), area.length - width);
    const bytes = new Uint8Array(width);
    const value = random(3) === 0 ? undefined : VALUES[random(VALUES.length)]!;
    for (let index = 0; index < width; index++) bytes[index] = value ?? random(256);
    store.put(offset, bytes);
    what += ` ${offset}=${[...bytes].join(",")}`;
  }
  if (area.checked && random(4) !== 0) {
    await seal(store);
    what += " sealed";
  }
  return what;
}

/** Makes the checksums right again, so that what lies behind them is reached. */
async function seal(store: CopyStore): Promise<void> {
  const sealAt = async (offset: number, length: number): Promise<void> => {
    const bytes = new Uint8Array(length);
    await store.read(offset, bytes);
    bytes.fill(0, 4, 8);
    new DataView(bytes.buffer).setUint32(4, crc32c(bytes), true);
    store.put(offset, bytes);
  };
  for (const offset of HEADER_OFFSETS) await sealAt(offset, 4096);
  for (const offset of REGION_TABLE_OFFSETS) await sealAt(offset, 65536);
  const entry = new Uint8Array(12);
  await store.read(MIB, entry);
  const length = new DataView(entry.buffer).getUint32(8, true);
  const isEntry = String.fromCharCode(...entry.subarray(0, 4)) === LOG_ENTRY_SIGNATURE;
  if (isEntry && length % 4096 === 0 && length > 0 && length <= MIB) await sealAt(MIB, length);
}

describe("damaged VHDX files", () => {
  let images: Sample[];
  beforeAll(async () => {
    images = await samples();
  });

  test("the samples themselves are read right", async () => {
    for (const { store, resolveParent, expected, name } of images) {
      const disk = await openVhdx(store.copy(), { resolveParent });
      const content = new Uint8Array(DISK_SIZE);
      await disk.read(0, content);
      expect({ name, same: Buffer.compare(content, expected) === 0 }).toEqual({ name, same: true });
    }
  });

  test(`${MUTATIONS} mutations: a clear error or a read, and no write`, { timeout: 300_000 }, async () => {
    const random = randomNumbers(4711);
    const seen = { refused: 0, opened: 0, right: 0 };
    const messages = new Set<string>();
    for (let round = 0; round < MUTATIONS; round++) {
      const sample = images[round % images.length]!;
      const store = sample.store.copy();
      const what = `${sample.name}: ${await mutate(store, random)}`;
      const readOnly = random(2) === 0;
      store.writes = 0;
      const begin = performance.now();
      let outcome: unknown;
      try {
        const disk = await openVhdx(store, { readOnly, resolveParent: sample.resolveParent });
        outcome = disk;
        if (readOnly) expect({ what, writes: store.writes }).toEqual({ what, writes: 0 });
        seen.opened++;
        let right = disk.size === DISK_SIZE && disk.sectorSize === 512;
        for (const lba of PLACES) {
          const sector = new Uint8Array(disk.sectorSize);
          if ((lba + 1) * disk.sectorSize > disk.size) continue;
          await disk.read(lba, sector);
          right &&= Buffer.compare(sector, sample.expected.subarray(lba * 512, lba * 512 + sector.length)) === 0;
        }
        if (right) seen.right++;
        // What bears a checksum is either right or refused.
        const protectedArea = /^[^:]*: (identifier|header|region table|log)/.test(what) && !what.endsWith("sealed");
        if (protectedArea && !right) expect.fail(`read wrong: ${what}`);
      } catch (error) {
        if (!(error instanceof ConfigurationError)) throw new Error(what, { cause: error });
        outcome = error;
        seen.refused++;
        messages.add(error.message.replace(/\d+|[0-9a-f]{8}-[0-9a-f-]{27}/g, "#"));
        expect(error.message).toMatch(/^\P{C}+$/u);
        expect({ what, writes: store.writes }).toEqual({ what, writes: 0 });
      }
      const milliseconds = performance.now() - begin;
      if (milliseconds > PATIENCE) expect.fail(`took ${Math.round(milliseconds)} ms: ${what}: ${String(outcome)}`);
    }
    // The mutations reached both sides, and many different checks.
    expect(seen.refused).toBeGreaterThan(MUTATIONS / 10);
    expect(seen.right).toBeGreaterThan(MUTATIONS / 10);
    expect(messages.size).toBeGreaterThan(25);
  });
});
