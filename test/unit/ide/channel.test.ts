import { describe, expect, it } from "vitest";
import { BSY, DRQ, ERR, FakeIde, LoggedDisk, pattern, READY, SECONDARY } from "./fake-ide";

const SECTORS = 256;
const signature = (ide: FakeIde): number[] => [1, 2, 3, 4, 5].map((register) => ide.in(register));
const DISK_SIGNATURE = [1, 1, 1, 0, 0];

async function twoDisks(): Promise<{ ide: FakeIde; disks: LoggedDisk[] }> {
  const ide = new FakeIde();
  const disks = [await LoggedDisk.create(SECTORS), await LoggedDisk.create(SECTORS / 2)];
  disks.forEach((disk, drive) => ide.attachDisk(disk, 0, drive as 0 | 1));
  return { ide, disks };
}

describe("a channel", () => {
  it("without drives floats, and swallows what is written", () => {
    const ide = new FakeIde();
    for (let register = 1; register < 8; register++) {
      ide.out(register, 0x55);
      expect(ide.in(register)).toBe(0x7f);
    }
    expect(ide.alternate).toBe(0x7f);
    ide.control(4);
    ide.control(0);
    ide.out(7, 0x90);
    expect(ide.ports.read(0x1f0, 4)).toBe(0);
    expect(ide.interrupt).toBe(false);
  });

  it("has a drive 0 that answers for a drive 1 that is not there", async () => {
    const ide = new FakeIde();
    ide.attachDisk(await LoggedDisk.create(SECTORS));
    ide.out(6, 0xb0);
    expect([ide.status, ide.in(2)]).toEqual([0, 0]);
    ide.issue({ command: 0xec, device: 0xb0 });
    await ide.settle();
    expect([ide.status, ide.interrupt]).toEqual([0, false]);
    ide.out(6, 0xa0);
    expect(ide.status).toBe(READY);
  });

  it("gives each drive its own commands, and the interrupt of the selected one", async () => {
    const { ide, disks } = await twoDisks();
    ide.issue({ command: 0x20, lba: 3, device: 0xe0 });
    await ide.settle();
    expect(ide.interrupt).toBe(true);
    ide.out(6, 0xf0);
    expect(ide.interrupt).toBe(false);
    ide.issue({ command: 0x20, lba: 3, device: 0xf0 });
    await ide.settle();
    expect(ide.status).toBe(READY | DRQ);
    expect(ide.read(512)).toEqual(await disks[1]!.content(3, 1));
    ide.out(6, 0xe0);
    expect(ide.interrupt).toBe(true);
    expect(ide.read(512)).toEqual(await disks[0]!.content(3, 1));
    expect(ide.status).toBe(READY);
    // The second disk is half as large.
    ide.issue({ command: 0x20, lba: SECTORS / 2, device: 0xf0 });
    await ide.settle();
    expect([ide.status, ide.in(1)]).toEqual([READY | ERR, 0x10]);
  });

  it("nIEN holds the interrupt back, not the status", async () => {
    const { ide } = await twoDisks();
    ide.control(2);
    ide.issue({ command: 0xe1 });
    expect(ide.interrupt).toBe(false);
    expect(ide.busMaster(2) & 4).toBe(0);
    expect(ide.alternate).toBe(READY);
    ide.control(0);
    expect(ide.interrupt).toBe(true);
    // The alternate status leaves it.
    expect(ide.alternate).toBe(READY);
    expect(ide.interrupt).toBe(true);
    expect(ide.busMaster(2) & 4).toBe(4);
    expect(ide.status).toBe(READY);
    expect(ide.interrupt).toBe(false);
  });

  it("HOB shows what was written before", async () => {
    const { ide } = await twoDisks();
    ide.out(2, 0x12);
    ide.out(2, 0x34);
    ide.out(3, 0x56);
    expect([ide.in(2), ide.in(3)]).toEqual([0x34, 0x56]);
    ide.control(0x80);
    expect([ide.in(2), ide.in(3)]).toEqual([0x12, 0x01]);
    ide.out(3, 0x78);
    expect(ide.in(2)).toBe(0x34);
  });

  it("a software reset lasts as long as its bit, ends what runs and drops its answer", async () => {
    const { ide, disks } = await twoDisks();
    ide.issue({ command: 0x20, lba: 5, device: 0xf0 });
    ide.control(4);
    expect(ide.alternate & BSY).toBe(BSY);
    ide.control(0);
    // Drive 0 is there at once; drive 1 still has the host's read to wait for.
    expect(ide.status).toBe(READY);
    expect(signature(ide)).toEqual(DISK_SIGNATURE);
    ide.out(6, 0xb0);
    expect(ide.alternate & BSY).toBe(BSY);
    ide.out(7, 0xec);
    await ide.settle();
    expect(ide.alternate).toBe(READY);
    expect(ide.interrupt).toBe(false);
    ide.out(6, 0xb0);
    expect(signature(ide)).toEqual(DISK_SIGNATURE);
    expect(disks[1]!.log).toEqual(["read 5+1"]);
  });

  it("EXECUTE DEVICE DIAGNOSTIC is for both, and drive 0 tells", async () => {
    const { ide } = await twoDisks();
    ide.out(6, 0xb0);
    ide.out(7, 0x90);
    await ide.settle();
    expect(ide.interrupt).toBe(true);
    expect(ide.status).toBe(READY);
    expect(ide.in(6)).toBe(0);
    expect(signature(ide)).toEqual(DISK_SIGNATURE);
  });

  it("no command ends a software reset before its bit does", async () => {
    const { ide } = await twoDisks();
    for (const command of [0x90, 0x08, 0xe1]) {
      ide.control(4);
      ide.out(7, command);
      ide.out(6, 0xb0);
      ide.out(7, command);
      expect([ide.alternate & BSY, ide.interrupt]).toEqual([BSY, false]);
      ide.control(0);
      ide.out(6, 0xa0);
      expect(ide.status).toBe(READY);
    }
  });

  it("listens neither to registers nor to commands while busy, or with data to move", async () => {
    const { ide, disks } = await twoDisks();
    ide.issue({ command: 0x20, lba: 9 });
    ide.out(3, 0x77);
    ide.out(7, 0x20);
    await ide.settle();
    expect(ide.in(3)).toBe(9);
    ide.out(7, 0x20);
    expect(ide.read(512)).toEqual(await disks[0]!.content(9, 1));
    expect(ide.status).toBe(READY);
    expect(disks[0]!.log).toEqual(["read 9+1"]);
  });

  it("takes data of every size, in halves and beyond the end", async () => {
    const { ide, disks } = await twoDisks();
    for (const size of [1, 2, 4]) {
      ide.issue({ command: 0x20, lba: 1 });
      await ide.settle();
      expect(ide.read(512, size)).toEqual(await disks[0]!.content(1, 1));
      // Nothing is left: reads give nothing, writes go nowhere.
      expect(ide.ports.read(0x1f0, size)).toBe(0);
      ide.ports.write(0x1f0, size, 0xffffffff);
      expect(ide.status).toBe(READY);
    }
    const data = pattern(512, 50);
    ide.issue({ command: 0x30, lba: 1 });
    ide.write(data.subarray(0, 511), 1);
    ide.ports.write(0x1f0, 4, 0xffffff00 | data[511]!);
    await ide.settle();
    expect(await disks[0]!.content(1, 1)).toEqual(data);
    expect(await disks[0]!.content(2, 1)).toEqual(pattern(SECTORS * 512).subarray(1024, 1536));
  });

  it("the second one has ports, interrupt and bus master of its own", async () => {
    const ide = new FakeIde();
    const disk = await LoggedDisk.create(SECTORS);
    ide.attachDisk(disk, 1, 1);
    ide.at = SECONDARY;
    ide.prepareDma([[0x10000, 512]], true);
    ide.issue({ command: 0xc8, lba: 2, device: 0xf0 });
    ide.startDma();
    await ide.settle();
    expect(ide.levels.get(15)).toBe(true);
    expect(ide.levels.get(14)).not.toBe(true);
    expect(ide.ports.read(0xffa2, 1)).toBe(0);
    expect(ide.machine.memory.read(0x10000, 512)).toEqual(await disk.content(2, 1));
  });
});

describe("the PCI function", () => {
  it("is a PIIX4's, with the channels that have drives enabled", async () => {
    const ide = new FakeIde();
    expect(ide.configRead(0, 4)).toBe(0x71118086);
    expect(ide.configRead(8, 4)).toBe(0x01018001);
    expect(ide.configRead(0x20, 4)).toBe(0xffa1);
    expect(ide.configRead(0x40, 4)).toBe(0);
    ide.attachDisk(await LoggedDisk.create(SECTORS), 1, 0);
    expect(ide.configRead(0x40, 4)).toBe(0x80000000);
  });

  it("moves the bus master registers where the guest says, but over no other ports", () => {
    const ide = new FakeIde();
    const mapped = (port: number): boolean => ide.ports.read(port, 4) === 0;
    expect(mapped(0xffa0)).toBe(true);
    ide.configWrite(0x20, 4, 0xffffffff);
    expect(ide.configRead(0x20, 4)).toBe(0xfffffff1);
    ide.configWrite(0x20, 4, 0xc001);
    expect([mapped(0xffa0), mapped(0xc000), mapped(0xc00c)]).toEqual([false, true, true]);
    ide.configWrite(4, 2, 4);
    expect(mapped(0xc000)).toBe(false);
    ide.configWrite(4, 2, 5);
    expect(mapped(0xc000)).toBe(true);
    ide.configWrite(0x20, 4, 0x1f1);
    expect(ide.ports.read(0x1f7, 1)).toBe(0x7f);
    ide.configWrite(0x20, 4, 0x12340001);
    expect([mapped(0x1f0), mapped(0xc000)]).toEqual([true, false]);
    ide.pci.reset();
    ide.controller.reset();
    expect(mapped(0xffa0)).toBe(true);
  });
});
