import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkVhdx } from "../../../emulator/storage/vhdx/check";
import { createDifferencing, createVhdx } from "../../../emulator/storage/vhdx/create";
import { openVhdx, type ParentResolver } from "../../../emulator/storage/vhdx/open";
import { type VhdxDisk } from "../../../emulator/storage/vhdx/vhdx-disk";
import { CopyStore, CutStore } from "./cut-store";
import { inFolder, MIB, qemuImgIsThere, randomNumbers, writeSoon } from "./helpers";

const SECTOR = 512;
const SECTORS_PER_MIB = MIB / SECTOR;
const DISK_MIB = 6;

/** What the guest did, and after how many operations of the store. */
type Event =
  | {
      readonly at: number;
      readonly kind: "write";
      readonly sector: number;
      readonly count: number;
      readonly id: number;
    }
  | { readonly at: number; readonly kind: "resize"; readonly size: number }
  | { readonly at: number; readonly kind: "acknowledged" };

/** Sectors full of the write's number and their own. */
function content(sector: number, count: number, id: number): Uint8Array {
  const words = new Uint32Array((count * SECTOR) / 4);
  for (let index = 0; index < words.length; index++) {
    words[index] = id === 0 ? 0 : (index % 2 === 0 ? id : sector + Math.floor((index * 4) / SECTOR)) >>> 0;
  }
  return new Uint8Array(words.buffer);
}

/** Writes, trims, flushes and grows; returns what happened when. */
async function work(disk: VhdxDisk, store: CutStore, seed: number): Promise<Event[]> {
  const random = randomNumbers(seed);
  const events: Event[] = [];
  const now = (): number => store.operations.length;
  let id = seed * 1000;
  for (let step = 0; step < 80; step++) {
    const sectors = disk.size / SECTOR;
    const kind = random(20);
    if (kind < 11) {
      // Some at once, in places of their own.
      const base = random(sectors - 3 * 64);
      const parts = [0, 1, 2]
        .slice(0, 1 + random(3))
        .map((part) => ({ sector: base + part * 64, count: 1 + random(64) }));
      await Promise.all(
        parts.map(({ sector, count }) => {
          events.push({ at: now(), kind: "write", sector, count, id: ++id });
          return writeSoon(disk, sector, content(sector, count, id));
        }),
      );
    } else if (kind < 12) {
      const block = random(sectors / SECTORS_PER_MIB - 1);
      events.push({ at: now(), kind: "write", sector: block * SECTORS_PER_MIB, count: SECTORS_PER_MIB, id: ++id });
      await disk.write(block * SECTORS_PER_MIB, content(block * SECTORS_PER_MIB, SECTORS_PER_MIB, id));
    } else if (kind < 14) {
      const [block, blocks] = [random(sectors / SECTORS_PER_MIB - 2), 1 + random(2)];
      const [sector, count] = [block * SECTORS_PER_MIB, blocks * SECTORS_PER_MIB];
      events.push({ at: now(), kind: "write", sector, count, id: 0 });
      await disk.trim(sector, count);
    } else if (kind < 15 && disk.size < 9 * MIB) {
      const size = disk.size + MIB;
      events.push({ at: now(), kind: "resize", size });
      await disk.resize(size);
      events.push({ at: now(), kind: "acknowledged" });
    } else {
      await disk.flush();
      events.push({ at: now(), kind: "acknowledged" });
    }
  }
  await disk.close();
  events.push({ at: now(), kind: "acknowledged" });
  return events;
}

/** What each sector may hold, as far as the guest knows. */
class Expectation {
  /** Numbers of the writes that a sector may show: the last acknowledged one first. */
  private readonly sectors = new Map<number, number[]>();
  private sizes: number[];
  private next = 0;

  constructor(
    private readonly events: readonly Event[],
    size: number,
    private readonly parentId: (sector: number) => number,
  ) {
    this.sizes = [size];
  }

  advance(operations: number): void {
    for (; this.next < this.events.length && this.events[this.next]!.at <= operations; this.next++) {
      const event = this.events[this.next]!;
      if (event.kind === "resize") this.sizes.push(event.size);
      else if (event.kind === "write") {
        for (let sector = event.sector; sector < event.sector + event.count; sector++) {
          this.sectors.set(sector, [...(this.sectors.get(sector) ?? [this.parentId(sector)]), event.id]);
        }
      } else {
        this.sizes = [this.sizes.at(-1)!];
        for (const [sector, ids] of this.sectors) if (ids.length > 1) this.sectors.set(sector, [ids.at(-1)!]);
      }
    }
  }

  async verify(disk: VhdxDisk): Promise<void> {
    if (!this.sizes.includes(disk.size)) throw new Error(`size ${disk.size}, not one of ${this.sizes.join(", ")}`);
    const bytes = new Uint8Array(disk.size);
    await disk.read(0, bytes);
    const words = new Uint32Array(bytes.buffer);
    for (let sector = 0; sector < disk.size / SECTOR; sector++) {
      const at = (sector * SECTOR) / 4;
      const id = words[at]!;
      const allowed = this.sectors.get(sector) ?? [this.parentId(sector)];
      const whole =
        words[at + 1] === (id === 0 ? 0 : sector) && words[at + 127] === words[at + 1] && words[at + 126] === id;
      if (!whole || !allowed.includes(id)) {
        throw new Error(`sector ${sector} holds ${id} (whole: ${whole}), not one of ${allowed.join(", ")}`);
      }
    }
  }
}

interface Setting {
  readonly store: CopyStore;
  readonly resolveParent: ParentResolver | undefined;
  readonly parentId: (sector: number) => number;
}

async function dynamicDisk(): Promise<Setting> {
  const store = new CopyStore(false);
  await createVhdx(store, { size: DISK_MIB * MIB, type: "dynamic", blockSize: MIB });
  return { store, resolveParent: undefined, parentId: () => 0 };
}

/** The parent has each odd MiB. */
async function differencingDisk(): Promise<Setting> {
  const { store: base } = await dynamicDisk();
  const parent = await openVhdx(base);
  for (let block = 1; block < DISK_MIB; block += 2) {
    await parent.write(block * SECTORS_PER_MIB, content(block * SECTORS_PER_MIB, SECTORS_PER_MIB, 7));
  }
  await parent.flush();
  const store = new CopyStore(false);
  await createDifferencing(store, parent, { relativePath: ".\\base.vhdx", blockSize: MIB });
  await parent.close();
  const resolveParent: ParentResolver = async () => ({ store: base.copy(), resolveParent });
  const parentId = (sector: number): number =>
    sector < DISK_MIB * SECTORS_PER_MIB && Math.floor(sector / SECTORS_PER_MIB) % 2 === 1 ? 7 : 0;
  return { store, resolveParent, parentId };
}

/** qemu-img's word on one in so many. */
const ASK_QEMU_EVERY = 64;

async function qemuFindsSound(medium: CopyStore, folder: string): Promise<void> {
  const path = join(folder, "medium.vhdx");
  const bytes = new Uint8Array(medium.size);
  await medium.read(0, bytes);
  writeFileSync(path, bytes);
  const { status, stdout } = spawnSync("qemu-img", ["check", "-r", "all", "-f", "vhdx", path], { encoding: "utf8" });
  expect({ status, stdout }).toMatchObject({ status: 0, stdout: expect.stringContaining("No errors were found") });
}

let cuts = 0;

describe("a disk whose store is cut off at every point", () => {
  const runs = [false, true].flatMap((atomic) =>
    [1, 2, 3].flatMap((seed) => [
      { name: "dynamic", make: dynamicDisk, atomic, seed },
      { name: "differencing", make: differencingDisk, atomic, seed: seed + 10 },
    ]),
  );
  test.each(runs)("$name, atomic: $atomic, seed $seed", { timeout: 120_000 }, async ({ name, make, atomic, seed }) => {
    const { store, resolveParent, parentId } = await make();
    const cut = new CutStore(store.copy(), atomic);
    const disk = await openVhdx(cut, { resolveParent });
    const expectation = new Expectation(await work(disk, cut, seed), DISK_MIB * MIB, parentId);
    await inFolder(async (folder) => {
      let operations = 0;
      for (const medium of cut.media(randomNumbers(seed + 100))) {
        expectation.advance(operations);
        const where = `cut ${operations} of ${cut.operations.length}`;
        if (qemuImgIsThere && name === "dynamic" && operations % ASK_QEMU_EVERY === 0) {
          await qemuFindsSound(medium, folder);
        }
        const survivor = await openVhdx(medium, { resolveParent });
        await expectation.verify(survivor).catch((error: Error) => expect.fail(`${where}: ${error.message}`));
        await survivor.close();
        const { errors, notes } = await checkVhdx(medium);
        expect({ where, errors, notes: notes.filter((note) => !/not in use/.test(note)) }).toEqual({
          where,
          errors: [],
          notes: [],
        });
        operations++;
      }
      cuts += operations;
    });
  });

  test("a replay that is cut off is taken up again", async () => {
    const { store, parentId } = await dynamicDisk();
    const cut = new CutStore(store.copy(), false);
    const disk = await openVhdx(cut);
    const events = await work(disk, cut, 42);
    let replays = 0;
    let operations = 0;
    for (const medium of cut.media(randomNumbers(43))) {
      if (operations % 5 === 0 && (await checkVhdx(medium)).notes.some((note) => /replay/.test(note))) {
        replays++;
        const again = new CutStore(medium.copy(), false);
        await openVhdx(again);
        for (const second of again.media(randomNumbers(operations))) {
          const survivor = await openVhdx(second);
          const expectation = new Expectation(events, DISK_MIB * MIB, parentId);
          expectation.advance(operations);
          await expectation.verify(survivor);
        }
      }
      operations++;
    }
    expect(replays).toBeGreaterThan(10);
  });

  test("were enough cuts", () => expect(cuts).toBeGreaterThanOrEqual(2000));
});
