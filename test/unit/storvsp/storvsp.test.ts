import { describe, expect, it } from "vitest";
import { ScsiDisk } from "../../../emulator/devices/scsi/disk";
import { createScsiController } from "../../../emulator/devices/storvsp/controller";
import type { DriveAttachment } from "../../../emulator/machine-types";
import { StorageError } from "../../../emulator/storage/block/block-store";
import { MemoryStore } from "../../../emulator/storage/block/memory-store";
import type { Disk } from "../../../emulator/storage/disk";
import { RawDisk } from "../../../emulator/storage/raw-disk";
import { FakeHost, FakeStorvsc, NEW, OLD, type Generation, SCSI_INTERFACE, settle, toHex } from "./fake-storvsc";

const SECTORS = 2048;
const SUCCESS = { srbStatus: 1, scsiStatus: 0, sense: undefined };

function memoryDisk(sectors = SECTORS): RawDisk {
  return new RawDisk(new MemoryStore(sectors * 512));
}

function scsi(lun: number, image: Disk): DriveAttachment {
  return { location: { controller: "scsi", lun }, kind: "disk", image };
}

/** A host with these SCSI drives, and a guest whose driver is ready. */
function scsiGuest(
  drives: readonly DriveAttachment[],
  generation: Generation = NEW,
  time: "real" | "virtual" = "virtual",
) {
  const host = new FakeHost(drives, time);
  const offers = host.guest.offers();
  const offer = offers.find(({ bytes }) => toHex(bytes.subarray(8, 24)) === SCSI_INTERFACE);
  if (!offer) throw new Error("no SCSI controller");
  return { host, offer, driver: FakeStorvsc.start(host, offer, generation) };
}

function pattern(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + (index >>> 8) + seed) & 0xff);
}

const read10 = (lba: number, count: number): number[] => [
  0x28,
  0,
  0,
  0,
  lba >>> 8,
  lba & 0xff,
  0,
  count >>> 8,
  count & 0xff,
  0,
];
const write10 = (lba: number, count: number): number[] => [0x2a, ...read10(lba, count).slice(1)];
const TEST_UNIT_READY = [0, 0, 0, 0, 0, 0];

describe("initialization", () => {
  it.each([0x0200, 0x0402, 0x0501, 0x0600, 0x0602])("accepts version 0x%s and tells its properties", (version) => {
    const generation = version < 0x0501 ? { ...OLD, version } : { ...NEW, version };
    const host = new FakeHost();
    const [offer] = host.guest.offers();
    const driver = new FakeStorvsc(host, offer!, generation);
    expect(driver.operation(7).status).toBe(0);
    const answer = driver.operation(9, [version & 0xff, version >>> 8]);
    expect(answer.status).toBe(0);
    expect(answer.body.getUint16(0, true)).toBe(version);
    const properties = driver.operation(10);
    expect(properties.status).toBe(0);
    expect(properties.operation).toBe(1);
    expect(properties.length).toBe(12 + generation.requestSize);
    expect(properties.body.getUint16(4, true)).toBe(0);
    expect(properties.body.getUint32(8, true)).toBe(version < 0x0501 ? 0 : 1);
    expect(properties.body.getUint32(12, true)).toBe(512 * 1024);
    expect(driver.operation(8).status).toBe(0);
  });

  it("lets a guest ask again after a version that is not known, and insists on the order", () => {
    const host = new FakeHost();
    const [offer] = host.guest.offers();
    const driver = new FakeStorvsc(host, offer!, NEW);
    const INVALID_DEVICE_STATE = 0xc0000184;
    for (const operation of [8, 9, 10, 13, 3, 6]) expect(driver.operation(operation).status).toBe(INVALID_DEVICE_STATE);
    expect(driver.operation(7).status).toBe(0);
    expect(driver.operation(7).status).toBe(INVALID_DEVICE_STATE);
    const refused = driver.operation(9, [0x03, 0x06]);
    expect(refused.status).toBe(0xc0000059);
    expect(driver.operation(10).status).toBe(INVALID_DEVICE_STATE);
    expect(driver.operation(9, [0x00, 0x06]).status).toBe(0);
    expect(driver.operation(10).status).toBe(0);
    expect(driver.operation(3).status).toBe(INVALID_DEVICE_STATE);
    expect(driver.operation(8).status).toBe(0);
    expect(driver.operation(8).status).toBe(INVALID_DEVICE_STATE);
    for (const operation of [4, 5, 6]) expect(driver.operation(operation).status).toBe(0);
    // No sub-channels with one processor: a request for none is fine.
    expect(driver.operation(13, [0, 0]).status).toBe(0);
    expect(driver.operation(13, [1, 0]).status).toBe(0xc000000d);
    expect(driver.operation(99).status).toBe(INVALID_DEVICE_STATE);
  });

  it("starts anew when the channel is opened again", async () => {
    const { host, driver, offer } = scsiGuest([scsi(0, memoryDisk())]);
    const pending = driver.submit(read10(0, 8), { read: 4096 });
    host.guest.post(Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0, driver.channel.relid, 0, 0, 0));
    await host.run();
    expect(pending()).toBeUndefined();
    const again = FakeStorvsc.start(host, offer, OLD);
    expect(await again.execute(TEST_UNIT_READY)).toMatchObject(SUCCESS);
  });
});

describe.each([
  ["before Windows Server 2012", OLD],
  ["Windows Server 2016", NEW],
])("I/O of a driver for %s", (_, generation) => {
  it("writes and reads what it wrote, over pages that do not touch, from any offset", async () => {
    const image = memoryDisk();
    const { driver } = scsiGuest([scsi(0, image)], generation);
    const data = pattern(16 * 512);
    expect(await driver.execute(write10(3, 16), { write: data, offset: 0x123 })).toMatchObject({
      ...SUCCESS,
      transferred: data.length,
    });
    const onDisk = new Uint8Array(data.length);
    await image.read(3, onDisk);
    expect(toHex(onDisk)).toBe(toHex(data));
    const result = await driver.execute(read10(3, 16), { read: data.length, offset: 0xff8 });
    expect(result).toMatchObject({ ...SUCCESS, transferred: data.length });
    expect(toHex(result.data)).toBe(toHex(data));
  });

  it("answers what lies outside the disk with sense data", async () => {
    const { driver } = scsiGuest([scsi(0, memoryDisk())], generation);
    expect(await driver.execute(read10(SECTORS - 1, 2), { read: 1024 })).toMatchObject({
      srbStatus: 0x86,
      scsiStatus: 2,
      transferred: 0,
      sense: "5/21/0",
    });
    expect(await driver.execute(read10(SECTORS - 1, 1), { read: 512 })).toMatchObject(SUCCESS);
  });

  it("tells absent units by INVALID LUN without a flag, and by INQUIRY", async () => {
    const { driver } = scsiGuest([scsi(3, memoryDisk())], generation);
    expect(await driver.execute(TEST_UNIT_READY)).toMatchObject({ srbStatus: 0x20, scsiStatus: 2 });
    expect(await driver.execute(TEST_UNIT_READY, { lun: 3 })).toMatchObject(SUCCESS);
    expect(await driver.execute(TEST_UNIT_READY, { lun: 3, target: 1 })).toMatchObject({ srbStatus: 0x20 });
    const nobody = await driver.execute([0x12, 0, 0, 0, 36, 0], { read: 36 });
    expect(nobody).toMatchObject({ ...SUCCESS, transferred: 36 });
    expect(nobody.data[0]).toBe(0x7f);
    expect(nobody.data[2]).toBe(5);
    expect((await driver.execute([0x12, 0, 0, 0, 36, 0], { read: 36, lun: 3 })).data[0]).toBe(0);
    const luns = await driver.execute([0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], { read: 256 });
    expect(toHex(luns.data.subarray(0, luns.transferred))).toBe("0000000800000000" + "0003000000000000");
  });
});

describe("several requests", () => {
  /** A disk whose reads end when the test says so. */
  class SlowDisk extends RawDisk {
    readonly gates: { lba: number; open: () => void }[] = [];
    override async read(lba: number, target: Uint8Array): Promise<void> {
      await new Promise<void>((resolve) => this.gates.push({ lba, open: resolve }));
      await super.read(lba, target);
    }
  }

  it("run at once; in virtual time their results come at instants that the host's speed does not change", async () => {
    const instants: number[][] = [];
    for (const order of [
      [0, 1, 2],
      [2, 0, 1],
    ]) {
      const image = new SlowDisk(new MemoryStore(SECTORS * 512));
      const { host, driver } = scsiGuest([scsi(0, image)]);
      const lengths = [64, 8, 1];
      const results = lengths.map((count, index) => driver.submit(read10(100 * index, count), { read: 512 * count }));
      await settle();
      expect(image.gates.map(({ lba }) => lba)).toEqual([0, 100, 200]);
      expect(host.work.stalled).toBe(false);
      host.machine.clock.time += 1_000_000;
      expect(host.work.stalled).toBe(true);
      for (const index of order) {
        image.gates[index]!.open();
        await settle();
      }
      expect(host.work.stalled).toBe(false);
      host.machine.clock.time -= 1_000_000;
      // The shortest is first: it was submitted last.
      const seen: number[] = [];
      for (const index of [2, 1, 0]) {
        host.machine.clock.time = host.machine.timers.nextDeadline;
        host.machine.timers.runDue();
        expect(results[index]!()).toMatchObject(SUCCESS);
        seen.push(host.machine.clock.time);
      }
      instants.push(seen);
    }
    expect(instants[0]).toEqual(instants[1]);
    expect(instants[0]![0]).toBeLessThan(instants[0]![1]!);
  });

  it("that touch the same sectors keep their order", async () => {
    const image = new SlowDisk(new MemoryStore(SECTORS * 512));
    const { host, driver } = scsiGuest([scsi(0, image)]);
    const read = driver.submit(read10(0, 8), { read: 4096 });
    driver.submit(write10(4, 8), { write: pattern(4096) });
    await settle();
    image.gates[0]!.open();
    await host.run();
    expect(toHex(read()!.data)).toBe("00".repeat(4096));
  });

  it("beyond what the host takes are refused as busy, and all others end", async () => {
    const image = new SlowDisk(new MemoryStore(SECTORS * 512));
    const { host, driver } = scsiGuest([scsi(0, image)]);
    const results = [];
    for (let index = 0; index < 700; index++) results.push(driver.submit(read10(index, 1), { read: 512 }));
    await settle();
    expect(image.gates.length).toBe(64);
    // 64 run and 512 wait.
    const statuses: number[] = [];
    for (let done = 0; done < 700;) {
      for (const gate of image.gates.splice(0)) gate.open();
      await host.run();
      for (let packet = driver.receive(); packet; packet = driver.receive(), done++) {
        statuses.push((packet.body.getUint8(2) << 8) | packet.body.getUint8(3));
      }
    }
    expect(statuses.filter((status) => status === 0x100).length).toBe(576);
    expect(statuses.filter((status) => status === 0x528).length).toBe(124);
  });
});

describe("requests that need not wait", () => {
  /** A disk of which some sectors must be waited for. */
  class MixedDisk extends RawDisk {
    slowFrom = SECTORS;
    failing = false;
    readonly late: (() => void)[] = [];
    override readNow(lba: number, target: Uint8Array): boolean {
      if (this.failing) {
        target.fill(0xee);
        throw new StorageError("broken");
      }
      return lba < this.slowFrom && super.readNow(lba, target);
    }
    override async read(lba: number, target: Uint8Array): Promise<void> {
      if (this.failing) throw new StorageError("broken");
      if (lba >= this.slowFrom) await new Promise<void>((resolve) => this.late.push(resolve));
      await super.read(lba, target);
    }
  }

  function realGuest() {
    const image = new MixedDisk(new MemoryStore(SECTORS * 512));
    return { image, ...scsiGuest([scsi(0, image)], NEW, "real") };
  }

  it("are answered within the guest's signal in real time, each with its own data", () => {
    const { driver } = realGuest();
    for (const [seed, lba, count] of [
      [1, 0, 64],
      [2, 100, 1],
      [3, 200, 8],
    ] as const) {
      const data = pattern(count * 512, seed);
      expect(driver.submit(write10(lba, count), { write: data, offset: 0x40 })()).toMatchObject(SUCCESS);
    }
    for (const [seed, lba, count] of [
      [3, 200, 8],
      [1, 0, 64],
      [2, 100, 1],
    ] as const) {
      const result = driver.submit(read10(lba, count), { read: count * 512, offset: 0x10 })();
      expect(result).toMatchObject({ ...SUCCESS, transferred: count * 512 });
      expect(toHex(result!.data)).toBe(toHex(pattern(count * 512, seed)));
    }
  });

  it("take their time in virtual time all the same", async () => {
    const { host, driver } = scsiGuest([scsi(0, memoryDisk())]);
    const result = driver.submit(read10(0, 8), { read: 4096 });
    await settle();
    expect(result()).toBeUndefined();
    await host.run();
    expect(result()).toMatchObject(SUCCESS);
  });

  it("wait for others to the same sectors that do", async () => {
    const { host, driver, image } = realGuest();
    image.slowFrom = 8;
    const slow = driver.submit(read10(8, 8), { read: 4096 });
    driver.submit(write10(12, 8), { write: pattern(4096, 5) });
    expect(driver.receive()).toBeUndefined();
    const fast = driver.submit(read10(0, 8), { read: 4096 });
    expect(fast()).toMatchObject(SUCCESS);
    await settle();
    image.late[0]!();
    await host.run();
    expect(toHex(slow()!.data)).toBe("00".repeat(4096));
    await host.run();
    const written = new Uint8Array(4096);
    image.slowFrom = SECTORS;
    expect(driver.receive()).toMatchObject({ operation: 1, status: 0 });
    await image.read(12, written);
    expect(toHex(written)).toBe(toHex(pattern(4096, 5)));
  });

  it("that fail are answered with sense data, once, and leave nothing in later ones", async () => {
    const { host, driver, image } = realGuest();
    image.failing = true;
    const failed = driver.submit(read10(0, 8), { read: 4096 });
    await host.run();
    expect(failed()).toMatchObject({ srbStatus: 0x84, sense: "3/11/0" });
    expect(host.machine.log.filter((line) => line.includes("broken"))).toEqual(["storage: SCSI 0: broken"]);
    image.failing = false;
    expect(toHex(driver.submit(read10(0, 8), { read: 4096 })()!.data)).toBe("00".repeat(4096));
    // Outside the disk, and longer than the buffer says.
    expect(driver.submit(read10(SECTORS - 1, 2), { read: 1024 })()).toMatchObject({ sense: "5/21/0" });
    expect(driver.submit(write10(0, 2), { write: pattern(512), claimedLength: 1024 })()).toMatchObject({
      srbStatus: 0x12,
    });
  });
});

describe("drives that come and go", () => {
  it("are announced to a guest that knows the notification", async () => {
    const { host, driver } = scsiGuest([]);
    host.storage.attach(scsi(1, memoryDisk()));
    const notice = driver.receive();
    expect(notice).toMatchObject({ operation: 11, transactionId: 0n, length: 64 });
    expect(await driver.execute(TEST_UNIT_READY, { lun: 1 })).toMatchObject(SUCCESS);
    host.storage.detach({ controller: "scsi", lun: 1 });
    expect(driver.receive()).toMatchObject({ operation: 11 });
    expect(await driver.execute(TEST_UNIT_READY, { lun: 1 })).toMatchObject({ srbStatus: 0x20 });
  });

  it("are not announced by Windows Server 2008's protocol", () => {
    const { host, driver } = scsiGuest([], { ...OLD, version: 0x0200 });
    host.storage.attach(scsi(1, memoryDisk()));
    expect(driver.receive()).toBeUndefined();
  });

  it("tell a changed capacity once, by the status that makes Linux look", async () => {
    const store = new MemoryStore(SECTORS * 512);
    const image = new RawDisk(store);
    const { host, driver } = scsiGuest([scsi(0, image)]);
    Object.defineProperty(image, "size", { value: 2 * SECTORS * 512 });
    await store.resize(2 * SECTORS * 512);
    host.storage.announceChange();
    expect(driver.receive()).toMatchObject({ operation: 11 });
    expect(await driver.execute(TEST_UNIT_READY)).toMatchObject({ srbStatus: 0x82, scsiStatus: 2, sense: "6/2a/9" });
    const capacity = await driver.execute([0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], { read: 8 });
    expect(toHex(capacity.data)).toBe("00000fff00000200");
  });

  it("are refused where they cannot be", () => {
    const { host } = scsiGuest([scsi(0, memoryDisk())]);
    expect(() => host.storage.attach(scsi(0, memoryDisk()))).toThrow("there is a drive at SCSI 0 already");
    expect(() => host.storage.attach(scsi(64, memoryDisk()))).toThrow("0 to 63");
    expect(() =>
      host.storage.attach({ location: { controller: "ide", channel: 0, drive: 0 }, kind: "disk", image: memoryDisk() }),
    ).toThrow("by SCSI only");
    expect(() => host.storage.detach({ controller: "scsi", lun: 5 })).toThrow("no drive at SCSI 5");
    expect(() => host.storage.ejectDisc({ controller: "scsi", lun: 0 }, true)).toThrow("is a disk");
  });
});

describe("IDE accelerator", () => {
  it("is one channel a drive, offered first and named by its place", async () => {
    const image = memoryDisk();
    const host = new FakeHost([
      scsi(0, memoryDisk(4096)),
      { location: { controller: "ide", channel: 1, drive: 1 }, kind: "disk", image: memoryDisk(4) },
      { location: { controller: "ide", channel: 0, drive: 1 }, kind: "disk", image },
    ]);
    const offers = host.guest.offers();
    expect(offers.map(({ bytes }) => toHex(bytes.subarray(8, 12)))).toEqual(["32264132", "32264132", "d96361ba"]);
    expect(offers.slice(0, 2).map(({ bytes }) => toHex(bytes.subarray(24, 40)))).toEqual([
      "00000000010099880000000000000000",
      "01000000010099880000000000000000",
    ]);
    // Linux gives path 0 and the drive as target.
    const driver = FakeStorvsc.start(host, offers[1]!, NEW);
    const capacity = await driver.execute([0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], { read: 8, target: 1 });
    expect(toHex(capacity.data)).toBe("0000000300000200");
    expect(await driver.execute(TEST_UNIT_READY, { target: 0 })).toMatchObject({ srbStatus: 0x20 });
  });
});

describe("drives at the emulated IDE controllers", () => {
  const ide = (channel: 0 | 1, drive: 0 | 1) => ({ controller: "ide", channel, drive }) as const;

  it("are there beside their accelerators; a DVD drive has none", () => {
    const host = new FakeHost([
      { location: ide(0, 0), kind: "disk", image: memoryDisk() },
      { location: ide(1, 0), kind: "dvd" },
      scsi(0, memoryDisk()),
    ]);
    expect(host.emulated).toEqual(["0:0 disk", "1:0 dvd"]);
    expect(host.guest.offers().length).toBe(2);
    const disc = new RawDisk(new MemoryStore(4096), 2048);
    expect(host.storage.insertDisc(ide(1, 0), disc)).toBeUndefined();
    expect(host.storage.ejectDisc(ide(1, 0), false)).toBe(disc);
    expect(() => host.storage.ejectDisc(ide(0, 0), false)).toThrow("is a disk");
    expect(() => host.storage.detach(ide(1, 0))).toThrow("stays where it is");
  });

  it("are refused at a place that is taken, and with persistent reservations", () => {
    const disk: DriveAttachment = { location: ide(0, 0), kind: "disk", image: memoryDisk() };
    expect(() => new FakeHost([disk, { location: ide(0, 0), kind: "dvd" }])).toThrow("there is a drive at IDE 0:0");
    expect(() => new FakeHost([{ location: ide(0, 0), kind: "dvd" }, disk])).toThrow("there is a drive at IDE 0:0");
    expect(() => new FakeHost([{ ...disk, persistentReservations: true }])).toThrow("disks at the SCSI controller");
  });

  it("know PERSISTENT RESERVE at SCSI where they were attached with it", async () => {
    const { driver } = scsiGuest([{ ...scsi(0, memoryDisk()), persistentReservations: true }, scsi(1, memoryDisk())]);
    const readKeys = [0x5e, 0, 0, 0, 0, 0, 0, 0, 8, 0];
    const known = await driver.execute(readKeys, { read: 8 });
    expect([known.srbStatus, toHex(known.data)]).toEqual([0x01, "0000000000000000"]);
    const unknown = await driver.execute(readKeys, { read: 8, lun: 1 });
    expect([unknown.srbStatus & 0x3f, unknown.scsiStatus]).toEqual([0x06, 2]);
  });
});

describe("sub-channels", () => {
  it("are offered when the guest asks, serve I/O like the first, and go with it", async () => {
    const host = new FakeHost();
    const { vmbus } = host.machine;
    const controller = createScsiController("11111111-2222-3333-4444-555555555555", host.work, vmbus, 2);
    controller.bus.attach(
      { path: 0, target: 0, lun: 0 },
      new ScsiDisk(memoryDisk(), new Uint8Array(16), () => undefined),
    );
    vmbus.add(controller);
    const offer = host.guest.offers().at(-1)!;
    const driver = new FakeStorvsc(host, offer, NEW);
    driver.operation(7);
    driver.operation(9, [0x01, 0x05]);
    expect(driver.operation(10).body.getUint16(4, true)).toBe(2);
    expect(driver.operation(13, [3, 0]).status).toBe(0xc000000d);
    expect(host.guest.messages()).toEqual([]);
    expect(driver.operation(13, [2, 0]).status).toBe(0);
    const offers = host.guest.messages();
    expect(offers.map(({ type, view }) => [type, view.getUint16(180, true)])).toEqual([
      [1, 1],
      [1, 2],
    ]);
    for (const { bytes } of offers) expect(toHex(bytes.subarray(8, 40))).toBe(toHex(offer.bytes.subarray(8, 40)));
    const second = new FakeStorvsc(host, offers[1]!, NEW);
    // Not before the first channel's initialization has ended.
    expect(second.operation(3).status).toBe(0xc0000184);
    expect(driver.operation(8).status).toBe(0);
    expect(await second.execute(TEST_UNIT_READY)).toMatchObject(SUCCESS);
    const data = pattern(512);
    expect(await second.execute(write10(9, 1), { write: data })).toMatchObject(SUCCESS);
    expect(toHex((await driver.execute(read10(9, 1), { read: 512 })).data)).toBe(toHex(data));
    expect(second.operation(13, [1, 0]).status).toBe(0xc0000184);
    host.guest.post(Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0, driver.channel.relid, 0, 0, 0));
    expect(host.guest.messages().map(({ type }) => type)).toEqual([2, 2]);
    vmbus.reset();
    expect(vmbus.channels().map(({ name }) => name)).toEqual(["SCSI Controller", "SCSI Controller"]);
  });
});

describe("hostile guests", () => {
  it("get an overrun for a buffer that is shorter than the request says", async () => {
    const { driver, host } = scsiGuest([scsi(0, memoryDisk())]);
    const overrun = { srbStatus: 0x12, transferred: 0 };
    expect(await driver.execute(read10(0, 8), { read: 512, claimedLength: 4096 })).toMatchObject(overrun);
    expect(await driver.execute(write10(0, 8), { write: pattern(512), claimedLength: 0xffffffff })).toMatchObject(
      overrun,
    );
    expect(host.machine.guardsIntact()).toBe(true);
  });

  it("get sense data for transfers that do not fit the CDB", async () => {
    const { driver } = scsiGuest([scsi(0, memoryDisk())]);
    const invalid = { srbStatus: 0x86, sense: "5/24/0" };
    expect(await driver.execute(read10(0, 8), { read: 512 })).toMatchObject(invalid);
    expect(await driver.execute(read10(0, 1), {})).toMatchObject(invalid);
    expect(await driver.execute(write10(0, 1), { read: 512 })).toMatchObject(invalid);
    expect(await driver.execute([0xee, 0, 0, 0, 0, 0])).toMatchObject({ srbStatus: 0x86, sense: "5/20/0" });
    // An empty CDB is TEST UNIT READY's zeros.
    expect(await driver.execute([])).toMatchObject(SUCCESS);
  });

  it("lose the channel for what is no storage packet, and nothing else", async () => {
    const cases: ((driver: FakeStorvsc) => void)[] = [
      (driver) => void driver.send(3, new Uint8Array(0), undefined, 8),
      (driver) => void driver.send(3, new Uint8Array(0x1c), undefined, 40),
      // A page outside RAM.
      (driver) => {
        const extra = new Uint8Array(24);
        const view = new DataView(extra.buffer);
        view.setUint32(4, 1, true);
        view.setUint32(8, 512, true);
        view.setBigUint64(16, 0xfffffffffn, true);
        driver.send(3, new Uint8Array(0x34), extra);
      },
      // Two buffers.
      (driver) => {
        const extra = new Uint8Array(40);
        const view = new DataView(extra.buffer);
        view.setUint32(4, 2, true);
        for (const at of [8, 24]) {
          view.setUint32(at, 512, true);
          view.setBigUint64(at + 8, 0x20n, true);
        }
        driver.send(3, new Uint8Array(0x34), extra);
      },
    ];
    for (const spoil of cases) {
      const { host, driver, offer } = scsiGuest([scsi(0, memoryDisk())]);
      const pending = driver.submit(read10(0, 1), { read: 512 });
      spoil(driver);
      await host.run();
      expect(pending()).toBeUndefined();
      expect(host.machine.log.length).toBe(1);
      expect(host.machine.log[0]).toMatch(/^vmbus: SCSI Controller: channel \d+ ended: /);
      host.guest.post(Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0, driver.channel.relid, 0, 0, 0));
      const again = FakeStorvsc.start(host, offer, NEW);
      expect(await again.execute(read10(0, 1), { read: 512 })).toMatchObject(SUCCESS);
      expect(host.machine.guardsIntact()).toBe(true);
    }
  });

  it("cannot make any CDB do worse than fail", async () => {
    const { host, driver } = scsiGuest([
      scsi(0, memoryDisk()),
      { location: { controller: "scsi", lun: 1 }, kind: "dvd", image: new RawDisk(new MemoryStore(64 << 10), 2048) },
    ]);
    let seed = 12345;
    const random = (): number => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) >>> 16;
    for (let round = 0; round < 400; round++) {
      const cdb = Array.from({ length: 16 }, () => random() & 0xff);
      cdb[0] = round & 0xff;
      const length = random() % 5000;
      const lun = random() & 1;
      const options = random() & 1 ? { read: length, lun } : { write: pattern(length, round), lun };
      const { srbStatus, sense, scsiStatus } = await driver.execute(cdb, options);
      expect([0x01, 0x86, 0x84, 0x82]).toContain(srbStatus);
      expect(sense === undefined).toBe(srbStatus === 1);
      expect(scsiStatus).toBe(srbStatus === 1 ? 0 : 2);
      // INTERNAL TARGET FAILURE would be a defect of ours.
      expect(sense).not.toBe("4/44/0");
    }
    expect(host.machine.guardsIntact()).toBe(true);
  });
});
