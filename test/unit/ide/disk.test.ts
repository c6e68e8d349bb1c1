import { describe, expect, it } from "vitest";
import { StorageError, StorageFullError } from "../../../emulator/storage/block/block-store";
import { MemoryStore } from "../../../emulator/storage/block/memory-store";
import { RawDisk } from "../../../emulator/storage/raw-disk";
import { BSY, DRDY, DRQ, DSC, ERR, FakeIde, LoggedDisk, pattern, READY } from "./fake-ide";

const SECTORS = 8192;
const ABRT = 0x04;
const IDNF = 0x10;
const UNC = 0x40;

async function create(sectors = SECTORS): Promise<{ ide: FakeIde; disk: LoggedDisk }> {
  const ide = new FakeIde();
  const disk = await LoggedDisk.create(sectors);
  ide.attachDisk(disk);
  return { ide, disk };
}

async function identify(ide: FakeIde): Promise<(word: number) => number> {
  ide.issue({ command: 0xec });
  await ide.settle();
  expect(ide.status).toBe(READY | DRQ);
  const bytes = ide.read(512);
  expect(ide.status).toBe(READY);
  expect(bytes.reduce((sum, byte) => (sum + byte) & 0xff, 0)).toBe(0);
  return (word) => bytes[2 * word]! | (bytes[2 * word + 1]! << 8);
}

/** Runs a command without data; the status and error registers after it. */
async function run(ide: FakeIde, command: Parameters<FakeIde["issue"]>[0]): Promise<[number, number]> {
  ide.issue(command);
  await ide.settle();
  expect(ide.interrupt).toBe(true);
  const result: [number, number] = [ide.status, ide.in(1)];
  expect(ide.interrupt).toBe(false);
  return result;
}

describe("IDENTIFY DEVICE", () => {
  it("tells names, size and modes", async () => {
    const { ide } = await create();
    const word = await identify(ide);
    const text = (from: number, words: number): string =>
      Array.from({ length: words }, (_, index) =>
        String.fromCharCode(word(from + index) >>> 8, word(from + index) & 0xff),
      )
        .join("")
        .trim();
    expect([text(27, 20), text(23, 4), text(10, 10)]).toEqual(["Virtual HD", "1.1.0", "a0a1a2a3a4a5a6a7a8a9"]);
    expect(word(60) | (word(61) << 16)).toBe(SECTORS);
    expect(word(100) | (word(101) << 16)).toBe(SECTORS);
    expect([word(1), word(3), word(6)]).toEqual([Math.floor(SECTORS / 16 / 63), 16, 63]);
    // LBA and DMA; LBA48, FLUSH CACHE and FLUSH CACHE EXT.
    expect(word(49) & 0x0300).toBe(0x0300);
    expect(word(83)).toBe(0x7400);
    expect(word(59)).toBe(0);
  });

  it("shows what SET FEATURES and SET MULTIPLE MODE chose, until the power goes", async () => {
    const { ide } = await create();
    expect(await run(ide, { command: 0xef, features: 3, count: 0x22 })).toEqual([READY, 0]);
    expect(await run(ide, { command: 0xef, features: 0x82 })).toEqual([READY, 0]);
    expect(await run(ide, { command: 0xc6, count: 16 })).toEqual([READY, 0]);
    let word = await identify(ide);
    expect([word(63), word(59), word(85) & 0x20]).toEqual([0x0407, 0x0110, 0]);
    expect(await run(ide, { command: 0xef, features: 0x02 })).toEqual([READY, 0]);
    word = await identify(ide);
    expect(word(85) & 0x20).toBe(0x20);
    ide.controller.reset();
    word = await identify(ide);
    expect([word(63), word(59), word(85) & 0x20]).toEqual([0x0007, 0, 0x20]);
  });

  it("tells of sectors of 4096 bytes, and moves them", async () => {
    const ide = new FakeIde();
    const disk = await LoggedDisk.create(64, 4096);
    ide.attachDisk(disk);
    const word = await identify(ide);
    expect([word(106) & 0x1000, word(117), word(118), word(60)]).toEqual([0x1000, 2048, 0, 64]);
    ide.issue({ command: 0x20, lba: 5 });
    await ide.settle();
    expect(ide.read(4096)).toEqual(await disk.content(5, 1));
    expect(ide.status).toBe(READY);
  });
});

describe("transfers through the data register", () => {
  it.each([
    ["READ SECTORS", { command: 0x20 }],
    ["READ SECTORS EXT", { command: 0x24, extended: true }],
  ])("%s gives a sector for each interrupt", async (_, form) => {
    const { ide, disk } = await create();
    ide.issue({ ...form, lba: 4321, count: 3 });
    expect(ide.alternate & BSY).toBe(BSY);
    expect(ide.interrupt).toBe(false);
    await ide.settle();
    const expected = await disk.content(4321, 3);
    for (let sector = 0; sector < 3; sector++) {
      expect(ide.interrupt).toBe(true);
      expect(ide.status).toBe(READY | DRQ);
      expect(ide.read(512)).toEqual(expected.subarray(512 * sector, 512 * (sector + 1)));
    }
    expect(ide.interrupt).toBe(false);
    expect(ide.status).toBe(READY);
    expect([ide.in(2), ide.in(3), ide.in(4)]).toEqual([0, 4323 & 0xff, 4323 >>> 8]);
  });

  it("takes 0 for 256 sectors, or for 65,536 in 48-bit commands", async () => {
    const { ide, disk } = await create();
    ide.issue({ command: 0x20, lba: 1, count: 0 });
    await ide.settle();
    const data = new Uint8Array(256 * 512);
    for (let sector = 0; sector < 256; sector++) data.set(ide.read(512, 4), 512 * sector);
    expect(Buffer.compare(data, await disk.content(1, 256))).toBe(0);
    expect(ide.status).toBe(READY);
    ide.issue({ command: 0x24, extended: true, lba: 0, count: 0 });
    await ide.settle();
    expect([ide.status, ide.in(1)]).toEqual([READY | ERR, IDNF]);
  });

  it("READ and WRITE MULTIPLE have one interrupt for a block, the last one shorter", async () => {
    const { ide, disk } = await create();
    expect(await run(ide, { command: 0xc4 })).toEqual([READY | ERR, ABRT]);
    expect(await run(ide, { command: 0xc6, count: 4 })).toEqual([READY, 0]);
    ide.issue({ command: 0xc4, lba: 7, count: 6 });
    await ide.settle();
    expect(ide.status).toBe(READY | DRQ);
    expect(ide.read(4 * 512)).toEqual(await disk.content(7, 4));
    expect(ide.interrupt).toBe(true);
    expect(ide.status).toBe(READY | DRQ);
    expect(ide.read(2 * 512)).toEqual(await disk.content(11, 2));
    expect(ide.status).toBe(READY);

    const data = pattern(6 * 512, 99);
    ide.issue({ command: 0x39, extended: true, lba: 7, count: 6 });
    // The first block comes without an interrupt.
    expect(ide.interrupt).toBe(false);
    expect(ide.status).toBe(READY | DRQ);
    ide.write(data.subarray(0, 2048));
    expect(ide.interrupt).toBe(true);
    expect(ide.status).toBe(READY | DRQ);
    ide.write(data.subarray(2048), 4);
    expect(ide.alternate & BSY).toBe(BSY);
    await ide.settle();
    expect(ide.interrupt).toBe(true);
    expect(ide.status).toBe(READY);
    expect(await disk.content(7, 6)).toEqual(data);
  });

  it("goes by cylinder, head and sector, as INITIALIZE DEVICE PARAMETERS shapes the disk", async () => {
    const { ide, disk } = await create();
    // 4 heads, 10 sectors: cylinder 3, head 2, sector 10 is LBA (3 * 4 + 2) * 10 + 9.
    expect(await run(ide, { command: 0x91, count: 10, device: 0xa3 })).toEqual([READY, 0]);
    const chs = (cylinder: number, head: number, sector: number) => ({
      lba: sector | (cylinder << 8),
      device: 0xa0 | head,
    });
    ide.issue({ command: 0x20, ...chs(3, 2, 10) });
    await ide.settle();
    expect(ide.read(512)).toEqual(await disk.content(149, 1));
    for (const [cylinder, head, sector] of [
      [0, 0, 0],
      [0, 0, 11],
      [0, 4, 1],
      [0xffff, 0, 1],
    ] as const) {
      expect(await run(ide, { command: 0x20, ...chs(cylinder, head, sector) })).toEqual([READY | ERR, IDNF]);
    }
    // 48-bit commands know no cylinders.
    expect(await run(ide, { command: 0x24, extended: true, device: 0xa0 })).toEqual([READY | ERR, IDNF]);
  });
});

describe("transfers by the bus master", () => {
  const regions = [
    [0x10000, 512],
    [0x20002, 1024],
    [0x30000, 0],
  ] as const;

  it.each([
    ["READ DMA", { command: 0xc8 }],
    ["READ DMA EXT", { command: 0x25, extended: true }],
  ])("%s scatters, whether the host starts before or after", async (_, form) => {
    for (const early of [true, false]) {
      const { ide, disk } = await create();
      const { memory } = ide.machine;
      ide.prepareDma(regions, true);
      ide.issue({ ...form, lba: 100, count: 131 });
      if (early) ide.startDma();
      await ide.settle();
      if (!early) {
        expect(ide.alternate).toBe(READY | DRQ);
        expect(ide.interrupt).toBe(false);
        ide.startDma();
      }
      expect(ide.interrupt).toBe(true);
      // The table is used up: no longer active.
      expect(ide.busMaster(2)).toBe(0x04);
      expect(ide.status).toBe(READY);
      const expected = await disk.content(100, 131);
      expect(memory.read(0x10000, 512)).toEqual(expected.subarray(0, 512));
      expect(memory.read(0x20002, 1024)).toEqual(expected.subarray(512, 1536));
      expect(Buffer.compare(memory.read(0x30000, 65536)!, expected.subarray(1536))).toBe(0);
      expect(memory.readU32(0x10200)).toBe(0);
      ide.ports.write(ide.at.busMaster + 2, 1, 0x04);
      expect(ide.busMaster(2)).toBe(0);
    }
  });

  it("WRITE DMA gathers; more than a piece at once", async () => {
    const { ide, disk } = await create();
    const sectors = 3000;
    const data = pattern(sectors * 512, 17);
    const { memory } = ide.machine;
    memory.write(0x100000, data);
    const parts = Array.from({ length: Math.ceil(data.length / 65536) }, (_, index): [number, number] => [
      0x100000 + 65536 * index,
      Math.min(65536, data.length - 65536 * index),
    ]);
    ide.prepareDma(parts, false);
    ide.issue({ command: 0x35, extended: true, lba: 5000, count: sectors });
    ide.startDma();
    await ide.settle();
    expect(ide.status).toBe(READY);
    expect(Buffer.compare(await disk.content(5000, sectors), data)).toBe(0);
    expect(disk.log).toEqual(["write 5000+2048", "write 7048+952"]);
  });

  it("leaves active what the table has beyond the transfer", async () => {
    const { ide } = await create();
    ide.prepareDma([[0x10000, 4096]], true);
    ide.issue({ command: 0xc8, count: 2 });
    ide.startDma();
    await ide.settle();
    expect(ide.busMaster(2)).toBe(0x05);
    ide.stopDma();
    expect(ide.busMaster(2)).toBe(0x04);
  });

  it.each([
    ["too short", [[0x10000, 512]], 0x00],
    ["outside RAM", [[0x7ffe00, 1024]], 0x02],
    ["at the end of the address space", [[0xfffffffe, 0]], 0x02],
    [
      "partly outside RAM",
      [
        [0x10000, 512],
        [0x900000, 512],
      ],
      0x02,
    ],
  ] as [string, [number, number][], number][])(
    "stands still when the table is %s, until a reset",
    async (_, table, status) => {
      const { ide, disk } = await create();
      const before = await disk.content(0, 64);
      for (const toMemory of [true, false]) {
        ide.prepareDma(table, toMemory);
        ide.issue({ command: toMemory ? 0xc8 : 0xca, count: 2 });
        ide.startDma();
        await ide.settle();
        expect(ide.interrupt).toBe(false);
        expect(ide.busMaster(2)).toBe(status);
        expect(ide.alternate).toBe(READY | DRQ);
        ide.stopDma();
        ide.control(0x04);
        expect(ide.alternate & BSY).toBe(BSY);
        ide.control(0);
        expect(ide.status).toBe(READY);
      }
      expect(await disk.content(0, 64)).toEqual(before);
      expect(ide.machine.guardsIntact()).toBe(true);
      await identify(ide);
    },
  );

  it("needs a table in RAM, bus mastering enabled, and the right direction", async () => {
    const { ide } = await create();
    for (const prepare of [
      () => ide.ports.write(ide.at.busMaster + 4, 4, 0xfffffffc),
      () => ide.ports.write(ide.at.busMaster, 1, 0),
      () => ide.configWrite(4, 2, 1),
    ]) {
      ide.prepareDma([[0x10000, 512]], true);
      prepare();
      ide.issue({ command: 0xc8 });
      ide.startDma();
      await ide.settle();
      expect(ide.interrupt).toBe(false);
      expect(ide.machine.memory.readU32(0x10000)).toBe(0);
      if (ide.configRead(4, 2) === 5) ide.controller.reset();
    }
    // Enabled late, the transfer goes on.
    ide.configWrite(4, 2, 5);
    expect(ide.interrupt).toBe(true);
    expect(ide.status).toBe(READY);
    expect(ide.machine.memory.readU32(0x10000)).not.toBe(0);
  });
});

describe("durability", () => {
  it.each([0xe7, 0xea, 0xe0])("command %i answers when all is on the medium, not before", async (command) => {
    const { ide, disk } = await create();
    let open = (): void => undefined;
    disk.gate = new Promise((resolve) => (open = resolve));
    ide.issue({ command });
    await ide.settle();
    expect(ide.alternate & BSY).toBe(BSY);
    expect(ide.interrupt).toBe(false);
    expect(disk.log).toEqual(["flush"]);
    open();
    await ide.settle();
    expect(disk.log).toEqual(["flush", "flushed"]);
    expect(ide.interrupt).toBe(true);
    expect(ide.status).toBe(READY);
  });

  it("writes go through with the cache off, and by WRITE DMA FUA EXT", async () => {
    const { ide, disk } = await create();
    const write = async (command: number): Promise<void> => {
      disk.log.length = 0;
      ide.prepareDma([[0x10000, 512]], false);
      ide.issue({ command, extended: true });
      ide.startDma();
      await ide.settle();
      expect(ide.status).toBe(READY);
    };
    await write(0x35);
    expect(disk.log).toEqual(["write 0+1"]);
    await write(0x3d);
    expect(disk.log).toEqual(["write 0+1", "flush", "flushed"]);
    expect(await run(ide, { command: 0xef, features: 0x82 })).toEqual([READY, 0]);
    await write(0x35);
    expect(disk.log).toEqual(["write 0+1", "flush", "flushed"]);
  });
});

describe("errors", () => {
  class BrokenDisk extends RawDisk {
    override read(): Promise<void> {
      return Promise.reject(new StorageError("no such luck"));
    }
    override write(): Promise<void> {
      return Promise.reject(new StorageFullError("full"));
    }
    override flush(): Promise<void> {
      return Promise.reject(new Error("a defect"));
    }
  }

  it("of the host come as UNC, ABRT and DF", async () => {
    const ide = new FakeIde();
    ide.attachDisk(new BrokenDisk(new MemoryStore(SECTORS * 512)));
    expect(await run(ide, { command: 0x20, lba: 77 })).toEqual([READY | ERR, UNC]);
    expect(ide.in(3)).toBe(77);
    ide.issue({ command: 0x30 });
    ide.write(pattern(512));
    await ide.settle();
    expect([ide.status, ide.in(1)]).toEqual([READY | ERR, ABRT]);
    expect(await run(ide, { command: 0xe7 })).toEqual([READY | 0x20 | ERR, ABRT]);
    expect(ide.errors.length).toBe(3);
    // The next command starts afresh.
    expect(await run(ide, { command: 0xe1 })).toEqual([READY, 0]);
  });

  it("answers writes to a read-only image with ABRT", async () => {
    const ide = new FakeIde();
    ide.attachDisk(new LoggedDisk(new MemoryStore(SECTORS * 512), 512, true));
    ide.issue({ command: 0x30 });
    ide.write(pattern(512));
    await ide.settle();
    expect([ide.status, ide.in(1)]).toEqual([READY | ERR, ABRT]);
  });

  it.each([
    ["READ SECTORS at the end", { command: 0x20, lba: SECTORS - 1, count: 2 }, IDNF],
    ["READ DMA EXT far beyond", { command: 0x25, extended: true, lba: 2 ** 48 - 1, count: 1 }, IDNF],
    ["WRITE DMA beyond", { command: 0xca, lba: 2 ** 28 - 1, count: 0 }, IDNF],
    ["READ VERIFY beyond", { command: 0x40, lba: SECTORS }, IDNF],
    ["SEEK beyond", { command: 0x70, lba: SECTORS }, IDNF],
    ["SET MULTIPLE MODE of 3", { command: 0xc6, count: 3 }, ABRT],
    ["SET MULTIPLE MODE beyond the most", { command: 0xc6, count: 255 }, ABRT],
    ["an Ultra DMA mode", { command: 0xef, features: 3, count: 0x42 }, ABRT],
    ["an unknown feature", { command: 0xef, features: 0x99 }, ABRT],
    ["tracks without sectors", { command: 0x91, count: 0 }, ABRT],
    ["PACKET", { command: 0xa0 }, ABRT],
    ["IDENTIFY PACKET DEVICE", { command: 0xa1 }, ABRT],
    ["DEVICE RESET", { command: 0x08 }, ABRT],
    ["SMART", { command: 0xb0 }, ABRT],
    ["NOP", { command: 0x00 }, ABRT],
  ])("%s is refused", async (_, command, error) => {
    const { ide, disk } = await create();
    expect(await run(ide, command)).toEqual([READY | ERR, error]);
    expect(disk.log).toEqual([]);
  });

  it("READ VERIFY, RECALIBRATE, SEEK and power commands succeed", async () => {
    const { ide } = await create();
    for (const command of [0x40, 0x41, 0x10, 0x70, 0xe0, 0xe1, 0xe2, 0xe3, 0xe6]) {
      expect(await run(ide, { command })).toEqual([READY, 0]);
    }
    expect(await run(ide, { command: 0xe5 })).toEqual([DRDY | DSC, 0]);
    expect(ide.in(2)).toBe(0xff);
  });

  it("a disk that has grown is as large as it says", async () => {
    const ide = new FakeIde();
    const disk = new RawDisk(new MemoryStore(2 * SECTORS * 512));
    Object.assign(disk, { size: SECTORS * 512 });
    ide.attachDisk(disk);
    expect(await run(ide, { command: 0x20, lba: SECTORS })).toEqual([READY | ERR, IDNF]);
    Object.assign(disk, { size: 2 * SECTORS * 512 });
    ide.issue({ command: 0x20, lba: SECTORS });
    await ide.settle();
    expect(ide.status).toBe(READY | DRQ);
    expect(ide.read(512)).toEqual(new Uint8Array(512));
  });
});
