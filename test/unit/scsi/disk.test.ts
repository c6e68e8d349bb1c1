import { describe, expect, it } from "vitest";
import { ScsiDisk } from "../../../emulator/devices/scsi/disk";
import { StorageError, StorageFullError } from "../../../emulator/storage/block/block-store";
import { MemoryStore } from "../../../emulator/storage/block/memory-store";
import { RawDisk } from "../../../emulator/storage/raw-disk";
import { send, text, u32be, view } from "./initiator";

const SECTORS = 4096;
const ID = Uint8Array.from({ length: 16 }, (_, index) => 0xa0 + index);

function create({ sectors = SECTORS, sectorSize = 512 as 512 | 4096, readOnly = false } = {}) {
  const store = new MemoryStore(sectors * sectorSize);
  const image = new RawDisk(store, sectorSize, readOnly);
  const errors: unknown[] = [];
  return { store, image, errors, unit: new ScsiDisk(image, ID, (error) => void errors.push(error)) };
}

const pattern = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 13 + (index >> 9)) & 0xff);
const u64be = (value: number): number[] => [...u32be(Math.floor(value / 2 ** 32)), ...u32be(value % 2 ** 32)];
const u16be = (value: number): number[] => [value >>> 8, value & 0xff];
const u24be = (value: number): number[] => u32be(value).slice(1);

/** READ and WRITE of each size: LBA, blocks and flags where the standard puts them. */
const FORMS: readonly [string, (write: boolean, lba: number, count: number) => number[]][] = [
  ["6", (write, lba, count) => [write ? 0x0a : 0x08, ...u24be(lba), count, 0]],
  ["10", (write, lba, count) => [write ? 0x2a : 0x28, 0, ...u32be(lba), 0, ...u16be(count), 0]],
  ["12", (write, lba, count) => [write ? 0xaa : 0xa8, 0, ...u32be(lba), ...u32be(count), 0, 0]],
  ["16", (write, lba, count) => [write ? 0x8a : 0x88, 0, ...u64be(lba), ...u32be(count), 0, 0]],
];

describe("READ and WRITE", () => {
  it.each(FORMS)("(%s) moves the blocks that it names", async (_, cdb) => {
    const { unit, store } = create();
    const data = pattern(3 * 512);
    expect(await send(unit, cdb(true, 777, 3), { write: data })).toMatchObject({ status: 0, transferred: 1536 });
    const raw = new Uint8Array(5 * 512);
    await store.read(776 * 512, raw);
    expect(raw.subarray(512, 2048)).toEqual(data);
    expect(raw.subarray(0, 512).some(Boolean) || raw.subarray(2048).some(Boolean)).toBe(false);
    const back = await send(unit, cdb(false, 777, 3), { read: 1536 });
    expect(back.status).toBe(0);
    expect(back.data).toEqual(data);
  });

  it.each(FORMS)("(%s) ends at the last block", async (_, cdb) => {
    const { unit } = create();
    expect((await send(unit, cdb(false, SECTORS - 2, 2), { read: 1024 })).status).toBe(0);
    expect((await send(unit, cdb(false, SECTORS - 1, 2), { read: 1024 })).sense).toBe("5/21/0");
    expect((await send(unit, cdb(true, SECTORS, 1), { write: pattern(512) })).sense).toBe("5/21/0");
  });

  it("(6) means 256 blocks by 0, the others none", async () => {
    const { unit } = create();
    expect((await send(unit, [0x08, 0, 0, 0, 0, 0], { read: 256 * 512 })).data.length).toBe(256 * 512);
    for (const [, cdb] of FORMS.slice(1)) {
      expect(await send(unit, cdb(false, 5, 0), { read: 512 })).toMatchObject({ status: 0, transferred: 0 });
    }
  });

  it("(16) takes LBAs beyond 32 bits as they are", async () => {
    const { unit } = create();
    const cdb = [0x88, 0, ...u64be(2 ** 32), ...u32be(1), 0, 0];
    expect((await send(unit, cdb, { read: 512 })).sense).toBe("5/21/0");
    expect((await send(unit, [0x88, 0, ...Array<number>(8).fill(0xff), ...u32be(1)], { read: 512 })).sense).toBe(
      "5/21/0",
    );
  });

  it("works with blocks of 4096 bytes", async () => {
    const { unit, store } = create({ sectorSize: 4096, sectors: 16 });
    await send(unit, FORMS[1]![1](true, 2, 1), { write: pattern(4096) });
    const raw = new Uint8Array(4096);
    await store.read(8192, raw);
    expect(raw).toEqual(pattern(4096));
  });

  it("refuses to move more than VPD page B0h allows", async () => {
    const { unit } = create({ sectors: 65536 });
    expect((await send(unit, FORMS[3]![1](false, 0, 16385), { read: 16385 * 512 })).sense).toBe("5/24/0");
    expect((await send(unit, FORMS[3]![1](false, 0, 16384), { read: 16384 * 512 })).status).toBe(0);
  });

  it("is durable before it ends with FUA, and by SYNCHRONIZE CACHE", async () => {
    const { unit, store } = create();
    let commits = 0;
    store.commit = async () => void commits++;
    await send(unit, [0x2a, 0, ...u32be(0), 0, 0, 1, 0], { write: pattern(512) });
    expect(commits).toBe(0);
    await send(unit, [0x2a, 0x08, ...u32be(0), 0, 0, 1, 0], { write: pattern(512) });
    expect(commits).toBe(1);
    for (const opcode of [0x35, 0x91]) expect((await send(unit, [opcode])).status).toBe(0);
    expect(commits).toBe(3);
    // START STOP UNIT: a disk that is stopped has all that was written.
    await send(unit, [0x1b, 0, 0, 0, 1, 0]);
    expect(commits).toBe(3);
    await send(unit, [0x1b, 0, 0, 0, 0, 0]);
    expect(commits).toBe(4);
  });

  it("tells what went wrong on the host by sense data, and the host by name", async () => {
    const { unit, store, errors } = create();
    store.write = () => Promise.reject(new StorageFullError("quota"));
    expect((await send(unit, FORMS[1]![1](true, 0, 1), { write: pattern(512) })).sense).toBe("7/27/7");
    store.write = () => Promise.reject(new StorageError("broken"));
    expect((await send(unit, FORMS[1]![1](true, 0, 1), { write: pattern(512) })).sense).toBe("3/c/0");
    store.read = () => Promise.reject(new StorageError("broken"));
    expect((await send(unit, FORMS[1]![1](false, 0, 1), { read: 512 })).sense).toBe("3/11/0");
    store.commit = () => Promise.reject(new Error("a defect"));
    expect((await send(unit, [0x35])).sense).toBe("4/44/0");
    expect(errors.map((error) => (error as Error).message)).toEqual(["quota", "broken", "broken", "a defect"]);
  });

  it("does not write to a medium that is read only, and MODE SENSE says so", async () => {
    const { unit } = create({ readOnly: true });
    for (const [, cdb] of FORMS)
      expect((await send(unit, cdb(true, 0, 1), { write: pattern(512) })).sense).toBe("7/27/0");
    expect((await send(unit, [0x41, 0, 0, 0, 0, 0, 0, 0, 1, 0], { write: pattern(512) })).sense).toBe("7/27/0");
    expect((await send(unit, [0x1a, 0, 0x3f, 0, 192, 0], { read: 192 })).data[2]).toBe(0x90);
  });
});

describe("UNMAP and WRITE SAME", () => {
  async function filled() {
    const disk = create();
    await disk.store.write(0, new Uint8Array(SECTORS * 512).fill(0xee));
    const kinds = async (): Promise<string> => {
      const all = new Uint8Array(SECTORS * 512);
      await disk.store.read(0, all);
      return Array.from({ length: 64 }, (_, lba) => all[lba * 512]!.toString(16)).join(" ");
    };
    return { ...disk, kinds };
  }
  const unmap = (...ranges: [number, number][]): number[] => [
    ...u16be(6 + 16 * ranges.length),
    ...u16be(16 * ranges.length),
    ...[0, 0, 0, 0],
    ...ranges.flatMap(([lba, count]) => [...u64be(lba), ...u32be(count), 0, 0, 0, 0]),
  ];

  it("UNMAP releases each range of its list", async () => {
    const { unit, kinds } = await filled();
    const list = unmap([8, 8], [32, 0], [40, 16]);
    expect((await send(unit, [0x42, 0, 0, 0, 0, 0, 0, ...u16be(list.length), 0], { write: list })).status).toBe(0);
    const expected = Array.from({ length: 64 }, (_, lba) =>
      (lba >= 8 && lba < 16) || (lba >= 40 && lba < 56) ? "0" : "ee",
    );
    expect(await kinds()).toBe(expected.join(" "));
  });

  it("UNMAP changes nothing if one range is wrong", async () => {
    const { unit, kinds } = await filled();
    const before = await kinds();
    const list = unmap([0, 8], [SECTORS - 1, 2]);
    const cdb = [0x42, 0, 0, 0, 0, 0, 0, ...u16be(list.length), 0];
    expect((await send(unit, cdb, { write: list })).sense).toBe("5/21/0");
    expect((await send(unit, cdb, { write: list.slice(0, 20) })).sense).toBe("5/1a/0");
    expect((await send(unit, [0x42, 0, 0, 0, 0, 0, 0, 0, 7, 0], { write: list })).sense).toBe("5/1a/0");
    expect((await send(unit, [0x42, 1, ...cdb.slice(2)], { write: list })).sense).toBe("5/24/0");
    const many = unmap(...Array.from({ length: 257 }, (): [number, number] => [0, 1]));
    expect((await send(unit, [0x42, 0, 0, 0, 0, 0, 0, ...u16be(many.length), 0], { write: many })).sense).toBe(
      "5/26/0",
    );
    expect(await kinds()).toBe(before);
  });

  it("WRITE SAME repeats a block, and clears by zeros or NDOB", async () => {
    const { unit, kinds, store } = await filled();
    const block = new Uint8Array(512).fill(0x5a);
    block[511] = 1;
    expect((await send(unit, [0x41, 0, ...u32be(3), 0, ...u16be(2), 0], { write: block })).status).toBe(0);
    expect(
      (await send(unit, [0x93, 0x08, ...u64be(10), ...u32be(3), 0, 0], { write: new Uint8Array(512) })).status,
    ).toBe(0);
    expect((await send(unit, [0x93, 0x01, ...u64be(20), ...u32be(2), 0, 0])).status).toBe(0);
    const expected = Array.from({ length: 64 }, (_, lba) =>
      lba === 3 || lba === 4 ? "5a" : (lba >= 10 && lba < 13) || lba === 20 || lba === 21 ? "0" : "ee",
    );
    expect(await kinds()).toBe(expected.join(" "));
    const raw = new Uint8Array(512);
    await store.read(4 * 512, raw);
    expect(raw).toEqual(block);
  });

  it("WRITE SAME of more than a piece has each block right", async () => {
    const { unit, store } = create({ sectors: 8192 });
    const block = pattern(512);
    expect((await send(unit, [0x93, 0, ...u64be(1), ...u32be(5000), 0, 0], { write: block })).status).toBe(0);
    const raw = new Uint8Array(8192 * 512);
    await store.read(0, raw);
    for (const lba of [1, 2047, 2048, 2049, 4096, 5000])
      expect(raw.subarray(lba * 512, lba * 512 + 512)).toEqual(block);
    expect(raw[0]! + raw[5001 * 512 + 1]!).toBe(0);
  });

  it("WRITE SAME refuses no blocks, too many, and no data", async () => {
    const { unit } = create({ sectors: 200_000 });
    const block = pattern(512);
    expect((await send(unit, [0x41, 0, ...u32be(0), 0, 0, 0, 0], { write: block })).sense).toBe("5/24/0");
    expect((await send(unit, [0x93, 0, ...u64be(0), ...u32be(131_073), 0, 0], { write: block })).sense).toBe("5/24/0");
    expect((await send(unit, [0x41, 0, ...u32be(0), 0, 0, 1, 0], { write: block.subarray(0, 511) })).sense).toBe(
      "5/24/0",
    );
    expect((await send(unit, [0x41, 0, ...u32be(199_999), 0, 0, 2, 0], { write: block })).sense).toBe("5/21/0");
  });
});

describe("what a disk tells about itself", () => {
  it("INQUIRY: Microsoft's virtual disk, SPC-3, cut to the allocation length", async () => {
    const { unit } = create();
    const { data } = await send(unit, [0x12, 0, 0, 0, 96, 0], { read: 255 });
    expect(data.length).toBe(96);
    expect([...data.subarray(0, 5)]).toEqual([0, 0, 5, 2, 91]);
    expect(text(data, 8, 36)).toBe("Msft    Virtual Disk    1.0 ");
    expect((await send(unit, [0x12, 0, 0, 0, 36, 0], { read: 255 })).transferred).toBe(36);
    expect((await send(unit, [0x12, 0, 0x80, 0, 36, 0], { read: 255 })).sense).toBe("5/24/0");
    expect((await send(unit, [0x12, 2, 0, 0, 36, 0], { read: 255 })).sense).toBe("5/24/0");
  });

  it("VPD pages, each with its code and length", async () => {
    const { unit } = create();
    const page = async (code: number): Promise<Uint8Array> => {
      const { data } = await send(unit, [0x12, 1, code, 0, 255, 0], { read: 255 });
      expect([data[0], data[1], view(data).getUint16(2)]).toEqual([0, code, data.length - 4]);
      return data;
    };
    expect([...(await page(0)).subarray(4)]).toEqual([0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2]);
    expect(text(await page(0x80), 4, 36)).toBe("a0a1a2a3a4a5a6a7a8a9aaabacadaeaf");
    const ids = await page(0x83);
    // T10 vendor, 24 bytes; NAA 6 with Microsoft's company id, 16 bytes.
    expect([...ids.subarray(4, 8)]).toEqual([1, 1, 0, 24]);
    expect(text(ids, 8, 16)).toBe("Msft    ");
    expect(ids.subarray(16, 32)).toEqual(ID);
    expect([...ids.subarray(32, 40)]).toEqual([1, 3, 0, 16, 0x60, 0x02, 0x24, 0x80]);
    expect(ids.length).toBe(52);
    const limits = view(await page(0xb0));
    expect(limits.byteLength).toBe(64);
    expect(limits.getUint32(8)).toBe(16384);
    expect(limits.getUint32(20)).toBe(0xffffffff);
    expect(limits.getUint32(24)).toBe(256);
    expect(limits.getBigUint64(36)).toBe(131072n);
    expect(view(await page(0xb1)).getUint16(4)).toBe(1);
    expect([...(await page(0xb2)).subarray(4)]).toEqual([0, 0xe0, 2, 0]);
    expect((await send(unit, [0x12, 1, 0xc7, 0, 255, 0], { read: 255 })).sense).toBe("5/24/0");
  });

  it("VPD page B2h and UNMAP are not there without trim", async () => {
    const { unit } = create({ readOnly: true });
    expect((await send(unit, [0x12, 1, 0xb2, 0, 255, 0], { read: 255 })).sense).toBe("5/24/0");
    expect([...(await send(unit, [0x12, 1, 0, 0, 255, 0], { read: 255 })).data]).not.toContain(0xb2);
  });

  it("READ CAPACITY (10) and (16)", async () => {
    const { unit } = create();
    const ten = view((await send(unit, [0x25], { read: 8 })).data);
    expect([ten.getUint32(0), ten.getUint32(4)]).toEqual([SECTORS - 1, 512]);
    const sixteen = (await send(unit, [0x9e, 0x10, ...u64be(0), ...u32be(32), 0, 0], { read: 32 })).data;
    expect(view(sixteen).getBigUint64(0)).toBe(BigInt(SECTORS - 1));
    expect(view(sixteen).getUint32(8)).toBe(512);
    expect([sixteen[13], sixteen[14]]).toEqual([3, 0x80]);
    expect((await send(unit, [0x9e, 0x12], { read: 32 })).sense).toBe("5/24/0");
  });

  it("READ CAPACITY (10) says FFFFFFFFh for what it cannot say", async () => {
    const { image, unit } = create();
    Object.defineProperty(image, "size", { value: 3 * 2 ** 40 });
    unit.reset();
    expect(view((await send(unit, [0x25], { read: 8 })).data).getUint32(0)).toBe(0xffffffff);
    const { data } = await send(unit, [0x9e, 0x10, ...u64be(0), ...u32be(32), 0, 0], { read: 32 });
    expect(view(data).getBigUint64(0)).toBe(6442450943n);
  });

  it("MODE SENSE (6) and (10): write cache on, FUA known, nothing changeable", async () => {
    const { unit } = create();
    const six = (await send(unit, [0x1a, 0, 0x08, 0, 192, 0], { read: 192 })).data;
    expect([...six.subarray(0, 7)]).toEqual([23, 0, 0x10, 0, 0x08, 0x12, 0x04]);
    expect(six.length).toBe(24);
    const ten = (await send(unit, [0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 192, 0], { read: 192 })).data;
    expect([...ten.subarray(0, 11)]).toEqual([0, 26, 0, 0x10, 0, 0, 0, 0, 0x08, 0x12, 0x04]);
    expect((await send(unit, [0x1a, 0, 0x48, 0, 192, 0], { read: 192 })).data[6]).toBe(0);
    expect((await send(unit, [0x1a, 0, 0xc8, 0, 192, 0], { read: 192 })).sense).toBe("5/39/0");
    expect((await send(unit, [0x1a, 0, 0x1c, 0, 192, 0], { read: 192 })).sense).toBe("5/24/0");
  });

  it("MODE SELECT takes what is so already, and refuses to switch the cache off", async () => {
    const { unit } = create();
    const page = (await send(unit, [0x1a, 0, 0x08, 0, 192, 0], { read: 192 })).data.slice(4);
    const list = (cache: number): number[] => [0, 0, 0, 0, page[0]!, page[1]!, cache, ...page.subarray(3)];
    const cdb = [0x15, 0x10, 0, 0, 24, 0];
    expect((await send(unit, cdb, { write: list(4) })).status).toBe(0);
    expect((await send(unit, cdb, { write: list(0) })).sense).toBe("5/26/0");
    expect((await send(unit, [0x15, 0x11, 0, 0, 24, 0], { write: list(4) })).sense).toBe("5/24/0");
    expect((await send(unit, cdb, { write: list(4).slice(0, 20) })).sense).toBe("5/1a/0");
  });

  it("answers what is not there as Hyper-V does: PERSISTENT RESERVE is unknown, RESERVE (6) a formality", async () => {
    const { unit } = create();
    for (const opcode of [0x5e, 0x5f, 0xa3, 0x4d])
      expect((await send(unit, [opcode], { read: 64 })).sense).toBe("5/20/0");
    for (const opcode of [0x00, 0x16, 0x17, 0x1e]) expect((await send(unit, [opcode])).status).toBe(0);
    const sense = (await send(unit, [0x03, 0, 0, 0, 18, 0], { read: 18 })).data;
    expect([sense[0], sense[2], sense[7], sense[12]]).toEqual([0x70, 0, 10, 0]);
  });

  it("VERIFY checks the range, and compares nothing", async () => {
    const { unit } = create();
    expect((await send(unit, [0x2f, 0, ...u32be(SECTORS - 1), 0, 0, 1, 0])).status).toBe(0);
    expect((await send(unit, [0x2f, 0, ...u32be(SECTORS - 1), 0, 0, 2, 0])).sense).toBe("5/21/0");
    expect((await send(unit, [0x2f, 2, ...u32be(0), 0, 0, 1, 0], { write: pattern(512) })).sense).toBe("5/24/0");
  });
});
