import { describe, expect, it } from "vitest";
import { ScsiDvd } from "../../../emulator/devices/scsi/dvd";
import { MemoryStore } from "../../../emulator/storage/block/memory-store";
import type { Disk } from "../../../emulator/storage/disk";
import { RawDisk } from "../../../emulator/storage/raw-disk";
import { send, text, u32be, view } from "./initiator";

const BLOCKS = 1000;

function disc(mark: number, sectorSize: 512 | 2048 = 2048): RawDisk {
  const store = new MemoryStore(BLOCKS * 2048);
  void store.write(7 * 2048, new Uint8Array(2048).fill(mark));
  return new RawDisk(store, sectorSize, true);
}

function drive(medium?: Disk) {
  const ejected: Disk[] = [];
  const unit = new ScsiDvd(
    medium,
    new Uint8Array(16),
    () => undefined,
    (image) => void ejected.push(image),
  );
  return { unit, ejected };
}

const READ = [0x28, 0, ...u32be(7), 0, 0, 1, 0];
/** GESN: polled, media class, 8 bytes. */
const GET_EVENT = [0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0];
const ALLOW = [0x1e, 0, 0, 0, 0, 0];
const PREVENT = [0x1e, 0, 0, 0, 1, 0];
const EJECT = [0x1b, 0, 0, 0, 2, 0];
const CLOSE = [0x1b, 0, 0, 0, 3, 0];

describe("a DVD drive", () => {
  it("is Microsoft's virtual one", async () => {
    const { data } = await send(drive().unit, [0x12, 0, 0, 0, 96, 0], { read: 96 });
    expect([data[0], data[1]]).toEqual([5, 0x80]);
    expect(text(data, 8, 32)).toBe("Msft    Virtual DVD-ROM ");
  });

  it.each([512, 2048] as const)("reads an image with sectors of %i bytes in blocks of 2048", async (sectorSize) => {
    const { unit } = drive(disc(0x42, sectorSize));
    const { data } = await send(unit, READ, { read: 2048 });
    expect(data).toEqual(new Uint8Array(2048).fill(0x42));
    const capacity = view((await send(unit, [0x25], { read: 8 })).data);
    expect([capacity.getUint32(0), capacity.getUint32(4)]).toEqual([BLOCKS - 1, 2048]);
    expect((await send(unit, [0xa8, 0, ...u32be(BLOCKS - 1), ...u32be(2)], { read: 4096 })).sense).toBe("5/21/0");
    expect((await send(unit, [0x2a, 0, ...u32be(7), 0, 0, 1], { write: new Uint8Array(2048) })).sense).toBe("5/20/0");
  });

  it("without a disc is not ready, and says whether its tray is open", async () => {
    const { unit } = drive();
    for (const cdb of [[0], READ, [0x25], [0x43, 0, 0, 0, 0, 0, 0, 0, 20, 0], [0x51], [0xad]]) {
      expect((await send(unit, cdb, { read: 2048 })).sense).toBe("2/3a/1");
    }
    await send(unit, EJECT);
    expect((await send(unit, [0])).sense).toBe("2/3a/2");
    await send(unit, CLOSE);
    expect((await send(unit, [0])).sense).toBe("2/3a/1");
  });

  it("tells of a new disc once by unit attention, and once by an event", async () => {
    const { unit } = drive();
    unit.insert(disc(1));
    // INQUIRY and the event poll leave the unit attention alone.
    expect((await send(unit, [0x12, 0, 0, 0, 36, 0], { read: 36 })).status).toBe(0);
    expect([...(await send(unit, GET_EVENT, { read: 8 })).data]).toEqual([0, 6, 4, 0x10, 2, 2, 0, 0]);
    expect((await send(unit, GET_EVENT, { read: 8 })).data[4]).toBe(0);
    expect((await send(unit, [0])).sense).toBe("6/28/0");
    expect((await send(unit, [0])).status).toBe(0);
    const second = disc(2);
    expect(unit.insert(second)).toBeInstanceOf(RawDisk);
    expect((await send(unit, READ, { read: 2048 })).sense).toBe("6/28/0");
    expect((await send(unit, READ, { read: 2048 })).data[0]).toBe(2);
    expect(unit.eject()).toBe(second);
    expect([...(await send(unit, GET_EVENT, { read: 8 })).data]).toEqual([0, 6, 4, 0x10, 3, 0, 0, 0]);
  });

  it("gives its disc to the guest's eject, unless that has locked it", async () => {
    const medium = disc(1);
    const { unit, ejected } = drive(medium);
    await send(unit, PREVENT);
    expect((await send(unit, EJECT)).sense).toBe("5/53/2");
    // The host's button only asks then; the paper clip works.
    expect(unit.requestEject()).toBeUndefined();
    expect((await send(unit, GET_EVENT, { read: 8 })).data[4]).toBe(1);
    expect(unit.loaded).toBe(medium);
    await send(unit, ALLOW);
    expect((await send(unit, EJECT)).status).toBe(0);
    expect(ejected).toEqual([medium]);
    expect(unit.loaded).toBeUndefined();
    expect([...(await send(unit, GET_EVENT, { read: 8 })).data].slice(4, 6)).toEqual([3, 1]);
  });

  it("is unlocked when the guest is gone", async () => {
    const { unit } = drive(disc(1));
    await send(unit, PREVENT);
    unit.reset();
    expect(unit.requestEject()).toBeInstanceOf(RawDisk);
  });

  it("polls only, and says so of classes that it does not know", async () => {
    const { unit } = drive();
    expect((await send(unit, [0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8, 0], { read: 8 })).sense).toBe("5/24/0");
    expect([...(await send(unit, [0x4a, 1, 0, 0, 0x02, 0, 0, 0, 8, 0], { read: 8 })).data]).toEqual([0, 2, 0x80, 0x10]);
  });

  it("has one data track, by blocks and by time", async () => {
    const { unit } = drive(disc(1));
    const byBlocks = (await send(unit, [0x43, 0, 0, 0, 0, 0, 0, 0, 100, 0], { read: 100 })).data;
    expect([...byBlocks]).toEqual([0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x14, 0xaa, 0, 0, 0, 0x03, 0xe8]);
    const byTime = (await send(unit, [0x43, 2, 0, 0, 0, 0, 0xaa, 0, 100, 0], { read: 100 })).data;
    // 1000 + 150 frames: 15 seconds, 25 frames.
    expect([...byTime]).toEqual([0, 10, 1, 1, 0, 0x14, 0xaa, 0, 0, 0, 15, 25]);
    expect([...(await send(unit, [0x43, 0, 1, 0, 0, 0, 0, 0, 100, 0], { read: 100 })).data].slice(0, 4)).toEqual([
      0, 10, 1, 1,
    ]);
    expect((await send(unit, [0x43, 0, 0, 0, 0, 0, 2, 0, 100, 0], { read: 100 })).sense).toBe("5/24/0");
    expect((await send(unit, [0x43, 0, 2, 0, 0, 0, 1, 0, 100, 0], { read: 100 })).sense).toBe("5/24/0");
  });

  it("lists its features, whole and one by one", async () => {
    const { unit } = drive(disc(1));
    const all = (await send(unit, [0x46, 0, 0, 0, 0, 0, 0, 1, 0, 0], { read: 256 })).data;
    expect(view(all).getUint32(0)).toBe(all.length - 4);
    expect(view(all).getUint16(6)).toBe(0x10);
    const codes: number[] = [];
    for (let at = 8; at < all.length; at += 4 + all[at + 3]!) codes.push(view(all).getUint16(at));
    expect(codes).toEqual([0, 1, 2, 3, 0x10, 0x1e, 0x1f, 0x100]);
    const one = (await send(unit, [0x46, 2, 0, 0x1f, 0, 0, 0, 1, 0, 0], { read: 256 })).data;
    expect(one.length).toBe(16);
    expect(view(one).getUint16(8)).toBe(0x1f);
    const cut = await send(unit, [0x46, 0, 0, 0, 0, 0, 0, 0, 8, 0], { read: 256 });
    expect(view(cut.data).getUint32(0)).toBe(all.length - 4);
    expect(cut.data.length).toBe(8);
    const empty = (await send(drive().unit, [0x46, 1, 0, 0, 0, 0, 0, 1, 0, 0], { read: 256 })).data;
    expect(view(empty).getUint16(6)).toBe(0);
    expect(empty.length).toBeLessThan(all.length);
  });

  it("tells its capabilities and its disc to those who ask in other ways", async () => {
    const { unit } = drive(disc(1));
    const page = (await send(unit, [0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 128, 0], { read: 128 })).data;
    expect([page[8], page[9], page.length]).toEqual([0x2a, 20, 30]);
    expect((await send(unit, [0x51, 0, 0, 0, 0, 0, 0, 0, 34, 0], { read: 34 })).data[2]).toBe(0x0e);
    const track = view((await send(unit, [0x52, 1, 0, 0, 0, 1, 0, 0, 36, 0], { read: 36 })).data);
    expect(track.getUint32(24)).toBe(BLOCKS);
    expect((await send(unit, [0x52, 1, 0, 0, 0, 2, 0, 0, 36, 0], { read: 36 })).sense).toBe("5/24/0");
    expect((await send(unit, [0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8], { read: 8 })).data.length).toBe(8);
  });
});
