import { beforeEach, describe, expect, it } from "vitest";
import { MemoryStore } from "../../../emulator/storage/block/memory-store";
import { RawDisk } from "../../../emulator/storage/raw-disk";
import type { ScsiDvd } from "../../../emulator/devices/scsi/dvd";
import { BSY, DRQ, ERR, FakeIde, LoggedDisk, READY, SECONDARY } from "./fake-ide";

const BLOCKS = 64;
const SIGNATURE = [1, 1, 1, 0x14, 0xeb];
const READ_10 = (lba: number, blocks: number): number[] => [0x28, 0, 0, 0, 0, lba, 0, 0, blocks, 0];

let ide: FakeIde;
let disc: LoggedDisk;
let drive: ScsiDvd;

beforeEach(async () => {
  ide = new FakeIde();
  disc = await LoggedDisk.create(BLOCKS, 2048);
  drive = ide.attachDvd(disc);
  ide.at = SECONDARY;
});

const byteCount = (): number => ide.in(4) | (ide.in(5) << 8);
const reason = (): number => ide.in(2);

async function packet(cdb: readonly number[], { limit = 0xfffe, dma = false } = {}): Promise<void> {
  ide.issue({ command: 0xa0, features: dma ? 1 : 0, lba: limit * 0x100, device: 0xa0 });
  expect(ide.interrupt).toBe(false);
  expect([ide.status, reason()]).toEqual([READY | DRQ, 1]);
  const bytes = new Uint8Array(12);
  bytes.set(cdb);
  ide.write(bytes);
  await ide.settle();
}

/** Takes all that a packet returns; also the sizes of the blocks. */
async function send(cdb: readonly number[], limit = 0xfffe): Promise<{ data: Buffer; blocks: number[] }> {
  await packet(cdb, { limit });
  const data: Uint8Array[] = [];
  const blocks: number[] = [];
  while (ide.alternate & DRQ) {
    expect(ide.interrupt).toBe(true);
    expect([ide.status, reason()]).toEqual([READY | DRQ, 2]);
    blocks.push(byteCount());
    data.push(ide.read(byteCount()));
  }
  expect([ide.interrupt, reason()]).toEqual([true, 3]);
  return { data: Buffer.concat(data), blocks };
}

describe("a packet device", () => {
  it("has its signature after resets, and shows it to those who take it for a disk", async () => {
    const signature = (): number[] => [1, 2, 3, 4, 5].map((register) => ide.in(register));
    expect([ide.status, signature()]).toEqual([0, SIGNATURE]);
    ide.issue({ command: 0xec, device: 0xa0 });
    expect(ide.interrupt).toBe(true);
    expect([ide.status, signature()]).toEqual([READY | ERR, [4, ...SIGNATURE.slice(1)]]);
    ide.control(4);
    expect(ide.alternate & BSY).toBe(BSY);
    ide.control(0);
    expect([ide.status, signature()]).toEqual([0, SIGNATURE]);
    ide.out(7, 0x08);
    expect([ide.status, signature(), ide.interrupt]).toEqual([0, SIGNATURE, false]);
  });

  it("tells what it is", () => {
    ide.issue({ command: 0xa1, device: 0xa0 });
    expect(ide.status).toBe(READY | DRQ);
    const bytes = ide.read(512);
    expect([bytes[0], bytes[1]]).toEqual([0xc0, 0x85]);
    expect(Buffer.from(bytes.subarray(54, 74)).swap16().toString()).toBe("Virtual CD          ");
    expect(ide.status).toBe(READY);
  });

  it("gives data in blocks of the size that the host asks for", async () => {
    const inquiry = await send([0x12, 0, 0, 0, 36, 0]);
    expect(inquiry.data.toString("latin1", 8, 36)).toBe("Msft    Virtual CD/ROM  1.0 ");
    expect(inquiry.blocks).toEqual([36]);
    const { data, blocks } = await send(READ_10(3, 2), 1500);
    expect(blocks).toEqual([1500, 1500, 1096]);
    expect(Buffer.compare(data, await disc.content(3, 2))).toBe(0);
    expect((await send(READ_10(3, 2), 0xffff)).blocks).toEqual([4096]);
    expect((await send(READ_10(0, 1), 2047)).blocks).toEqual([2046, 2]);
  });

  it("rounds an odd last block up to whole words, and refuses blocks of nothing", async () => {
    const { data, blocks } = await send([0x12, 0, 0, 0, 5, 0]);
    expect([data.length, blocks]).toEqual([5, [5]]);
    await packet([0x12, 0, 0, 0, 36, 0], { limit: 0 });
    expect([ide.status, ide.in(1) & 4]).toEqual([READY | ERR, 4]);
    // Without data no size is needed.
    await packet([0, 0, 0, 0, 0, 0], { limit: 0 });
    expect([ide.status, reason()]).toEqual([READY, 3]);
  });

  it("reads by the bus master", async () => {
    ide.prepareDma(
      [
        [0x10000, 2048],
        [0x20000, 6144],
      ],
      true,
    );
    await packet(READ_10(10, 4), { dma: true });
    expect(ide.interrupt).toBe(false);
    ide.startDma();
    expect(ide.interrupt).toBe(true);
    expect([ide.status, ide.busMaster(2), reason()]).toEqual([READY, 4, 3]);
    const { memory } = ide.machine;
    const read = Buffer.concat([memory.read(0x10000, 2048)!, memory.read(0x20000, 6144)!]);
    expect(Buffer.compare(read, await disc.content(10, 4))).toBe(0);
  });

  it("keeps the sense of a failure until it is asked, once", async () => {
    await packet(READ_10(BLOCKS, 1));
    expect([ide.status, ide.in(1) >>> 4, reason()]).toEqual([READY | ERR, 5, 3]);
    let sense = (await send([0x03, 0, 0, 0, 18, 0])).data;
    expect([sense[0], sense[2], sense[12]]).toEqual([0x70, 5, 0x21]);
    sense = (await send([0x03, 0, 0, 0, 18, 0])).data;
    expect([sense[2], sense[12]]).toEqual([0, 0]);
  });

  it("takes parameter lists", async () => {
    const page = (await send([0x5a, 0, 0x01, 0, 0, 0, 0, 0, 64, 0])).data;
    await packet([0x55, 0x10, 0, 0, 0, 0, 0, 0, page.length, 0]);
    expect([ide.interrupt, ide.status, reason(), byteCount()]).toEqual([true, READY | DRQ, 0, page.length]);
    ide.write(Uint8Array.from([0, 0, ...page.subarray(2)]));
    await ide.settle();
    expect([ide.status, reason()]).toEqual([READY, 3]);
    page[10] = 0x55;
    await packet([0x55, 0x10, 0, 0, 0, 0, 0, 0, page.length, 0]);
    ide.write(page);
    await ide.settle();
    expect([ide.status, ide.in(1) >>> 4]).toEqual([READY | ERR, 5]);
  });

  it("changes discs", async () => {
    await packet([0x1b, 0, 0, 0, 2, 0]);
    expect(ide.ejected).toEqual([disc]);
    await packet(READ_10(0, 1));
    expect(ide.in(1) >>> 4).toBe(2);
    const other = new RawDisk(new MemoryStore(2048), 2048);
    drive.insert(other);
    await packet([0, 0, 0, 0, 0, 0]);
    expect(ide.in(1) >>> 4).toBe(6);
    expect(Buffer.compare((await send(READ_10(0, 1))).data, Buffer.alloc(2048))).toBe(0);
  });

  it("a device reset ends a command that waits for the host", async () => {
    await packet([0x1e, 0, 0, 0, 1, 0]);
    ide.issue({ command: 0xa0, lba: 0xfffe00, device: 0xa0 });
    const bytes = new Uint8Array(12);
    bytes.set(READ_10(0, 1));
    ide.write(bytes);
    expect(ide.alternate & BSY).toBe(BSY);
    ide.out(7, 0x08);
    expect(ide.alternate & BSY).toBe(BSY);
    await ide.settle();
    expect([ide.status, ide.interrupt, ide.in(4)]).toEqual([0, false, 0x14]);
    // The lock is gone, too.
    await packet([0x1b, 0, 0, 0, 2, 0]);
    expect(ide.ejected).toEqual([disc]);
  });

  it.each([0x20, 0x24, 0x30, 0xc8, 0xca, 0xe7, 0x00, 0xff])("refuses command %i", (command) => {
    ide.issue({ command, device: 0xa0 });
    expect([ide.status, ide.in(1)]).toEqual([READY | ERR, 4]);
  });
});
