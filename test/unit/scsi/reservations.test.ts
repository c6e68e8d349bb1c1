import { describe, expect, it } from "vitest";
import { ScsiDisk } from "../../../emulator/devices/scsi/disk";
import { MemoryStore } from "../../../emulator/storage/block/memory-store";
import { RawDisk } from "../../../emulator/storage/raw-disk";
import { send } from "./initiator";

const GOOD = 0;
const CONFLICT = 0x18;
const KEY = 0x1122334455667788n;
const OTHER = 0x99n;

function disk(persistentReservations?: boolean): ScsiDisk {
  return new ScsiDisk(new RawDisk(new MemoryStore(1 << 20)), new Uint8Array(16), () => undefined, {
    persistentReservations,
  });
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const reserveIn = async (unit: ScsiDisk, action: number, length = 255): Promise<string> => {
  const { status, data } = await send(unit, [0x5e, action, 0, 0, 0, 0, 0, length >>> 8, length & 0xff, 0], {
    read: length,
  });
  expect(status).toBe(GOOD);
  return hex(data);
};

interface Out {
  readonly key?: bigint;
  readonly actionKey?: bigint;
  readonly scopeType?: number;
  readonly flags?: number;
  readonly length?: number;
}

async function reserveOut(unit: ScsiDisk, action: number, out: Out = {}): Promise<number | string> {
  const { key = 0n, actionKey = 0n, scopeType = 0, flags = 0, length = 24 } = out;
  const list = new DataView(new ArrayBuffer(24));
  list.setBigUint64(0, key);
  list.setBigUint64(8, actionKey);
  list.setUint8(20, flags);
  const { status, sense } = await send(unit, [0x5f, action, scopeType, 0, 0, 0, 0, 0, length, 0], {
    write: new Uint8Array(list.buffer),
  });
  return sense ?? status;
}

async function registered(): Promise<ScsiDisk> {
  const unit = disk(true);
  expect(await reserveOut(unit, 0, { actionKey: KEY })).toBe(GOOD);
  return unit;
}

describe("PERSISTENT RESERVE", () => {
  it("is unknown to a disk that was attached without it", async () => {
    const unit = disk();
    expect((await send(unit, [0x5e, 0, 0, 0, 0, 0, 0, 0, 8, 0], { read: 8 })).sense).toBe("5/20/0");
    expect(await reserveOut(unit, 0, { actionKey: KEY })).toBe("5/20/0");
    expect((await send(unit, [0x16, 0, 0, 0, 0, 0])).status).toBe(GOOD);
  });

  it("tells what it can", async () => {
    // All target ports; all six types; not through a power loss.
    expect(await reserveIn(disk(true), 2)).toBe("00080480ea010000");
  });

  it("registers, changes and takes back a key", async () => {
    const unit = disk(true);
    expect(await reserveIn(unit, 0)).toBe("0000000000000000");
    expect(await reserveOut(unit, 0, { key: KEY, actionKey: KEY })).toBe(CONFLICT);
    expect(await reserveOut(unit, 0)).toBe(GOOD);
    expect(await reserveIn(unit, 0)).toBe("0000000000000000");
    expect(await reserveOut(unit, 0, { actionKey: KEY })).toBe(GOOD);
    expect(await reserveIn(unit, 0)).toBe("00000001000000081122334455667788");
    expect(await reserveOut(unit, 0, { actionKey: OTHER })).toBe(CONFLICT);
    expect(await reserveOut(unit, 6, { key: 5n, actionKey: OTHER })).toBe(GOOD);
    expect(await reserveIn(unit, 0)).toBe("00000002000000080000000000000099");
    // A bus reset changes nothing.
    unit.reset();
    expect(await reserveOut(unit, 0, { key: OTHER })).toBe(GOOD);
    expect(await reserveIn(unit, 0)).toBe("0000000300000000");
  });

  it("reserves for who is registered, and releases by the same type", async () => {
    expect(await reserveOut(disk(true), 1, { scopeType: 1 })).toBe(CONFLICT);
    const unit = await registered();
    expect(await reserveOut(unit, 1, { key: OTHER, scopeType: 1 })).toBe(CONFLICT);
    expect(await reserveOut(unit, 1, { key: KEY, scopeType: 5 })).toBe(GOOD);
    expect(await reserveOut(unit, 1, { key: KEY, scopeType: 5 })).toBe(GOOD);
    expect(await reserveOut(unit, 1, { key: KEY, scopeType: 3 })).toBe(CONFLICT);
    expect(await reserveIn(unit, 1)).toBe("0000000100000010" + "1122334455667788" + "0000000000050000");
    expect(await reserveIn(unit, 3)).toBe(
      "0000000100000020" + "1122334455667788" + "000000000305" + "000000000000" + "00000008" + "0000000000000000",
    );
    // The holder reads and writes.
    expect((await send(unit, [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0], { read: 512 })).status).toBe(GOOD);
    expect(await reserveOut(unit, 2, { key: KEY, scopeType: 1 })).toBe("5/26/4");
    expect(await reserveOut(unit, 2, { key: OTHER, scopeType: 5 })).toBe(CONFLICT);
    expect(await reserveOut(unit, 2, { key: KEY, scopeType: 5 })).toBe(GOOD);
    expect(await reserveOut(unit, 2, { key: KEY, scopeType: 5 })).toBe(GOOD);
    expect(await reserveIn(unit, 1)).toBe("0000000100000000");
  });

  it("shows no holder's key for a reservation of all registrants, and ends it with the last of them", async () => {
    const unit = await registered();
    expect(await reserveOut(unit, 1, { key: KEY, scopeType: 8 })).toBe(GOOD);
    expect(await reserveIn(unit, 1)).toBe("0000000100000010" + "0000000000000000" + "0000000000080000");
    expect(await reserveOut(unit, 0, { key: KEY })).toBe(GOOD);
    expect(await reserveIn(unit, 1)).toBe("0000000200000000");
  });

  it("clears, and preempts itself", async () => {
    const unit = await registered();
    expect(await reserveOut(unit, 4, { key: KEY, actionKey: OTHER, scopeType: 1 })).toBe(CONFLICT);
    expect(await reserveOut(unit, 4, { key: KEY, scopeType: 1 })).toBe("5/26/0");
    expect(await reserveOut(unit, 1, { key: KEY, scopeType: 1 })).toBe(GOOD);
    expect(await reserveOut(unit, 5, { key: KEY, actionKey: KEY, scopeType: 3 })).toBe(GOOD);
    expect(await reserveIn(unit, 1)).toBe("0000000200000010" + "1122334455667788" + "0000000000030000");
    expect(await reserveOut(unit, 3, { key: OTHER })).toBe(CONFLICT);
    expect(await reserveOut(unit, 3, { key: KEY })).toBe(GOOD);
    expect([await reserveIn(unit, 0), await reserveIn(unit, 1)]).toEqual(["0000000300000000", "0000000300000000"]);
    // Without a reservation, it is the registration that goes.
    expect(await reserveOut(unit, 0, { actionKey: KEY })).toBe(GOOD);
    expect(await reserveOut(unit, 4, { key: KEY, actionKey: KEY, scopeType: 1 })).toBe(GOOD);
    expect(await reserveIn(unit, 0)).toBe("0000000500000000");
  });

  it("refuses what it does not know", async () => {
    const unit = await registered();
    expect((await send(unit, [0x5e, 4, 0, 0, 0, 0, 0, 0, 8, 0], { read: 8 })).sense).toBe("5/24/0");
    expect(await reserveOut(unit, 7, { key: KEY })).toBe("5/24/0");
    expect(await reserveOut(unit, 1, { key: KEY, scopeType: 0x11 })).toBe("5/24/0");
    expect(await reserveOut(unit, 1, { key: KEY, scopeType: 2 })).toBe("5/24/0");
    expect(await reserveOut(unit, 0, { key: KEY, length: 23 })).toBe("5/1a/0");
    expect(await reserveOut(unit, 0, { key: KEY, length: 25 })).toBe("5/1a/0");
    expect(await reserveOut(unit, 0, { key: KEY, flags: 8 })).toBe("5/26/0");
    // It would not survive a loss of power.
    expect(await reserveOut(unit, 0, { key: KEY, actionKey: OTHER, flags: 1 })).toBe("5/26/0");
    expect(await reserveIn(unit, 0)).toBe("00000001000000081122334455667788");
    expect(await reserveIn(unit, 0, 9)).toBe("000000010000000811");
  });

  it("does not go together with RESERVE and RELEASE", async () => {
    const unit = await registered();
    for (const opcode of [0x16, 0x17]) expect((await send(unit, [opcode, 0, 0, 0, 0, 0])).status).toBe(CONFLICT);
    expect(await reserveOut(unit, 3, { key: KEY })).toBe(GOOD);
    for (const opcode of [0x16, 0x17]) expect((await send(unit, [opcode, 0, 0, 0, 0, 0])).status).toBe(GOOD);
  });
});
