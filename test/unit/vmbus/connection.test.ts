import { describe, expect, it } from "vitest";
import type { DeviceChannel, VmbusDevice } from "../../../emulator/vmbus/channel";
import type { Packet } from "../../../emulator/vmbus/packets";
import type { OfferDescription } from "../../../emulator/vmbus/protocol";
import { type FakeChannel, FakeGuest, type GuestMessage, words } from "./fake-guest";
import { FakeMachine } from "./fake-machine";

const INTERFACE = "57164f39-9115-4e78-ab55-382f3bd5422d";
const WIN8_1 = 0x30000;

/** Sends back what it gets, as a completion if one is asked for. */
class EchoDevice implements VmbusDevice {
  readonly name = "Echo";
  readonly offer: OfferDescription;
  channel: DeviceChannel | undefined;
  opens = 0;
  closes = 0;
  ready?: () => void;
  readonly packets: Packet[] = [];
  readonly tornDown: number[] = [];

  constructor(instance = 1, more: Partial<OfferDescription> = {}) {
    const instanceId = `00000000-0000-0000-0000-${instance.toString(16).padStart(12, "0")}`;
    this.offer = { interfaceId: INTERFACE, instanceId, ...more };
  }
  open(channel: DeviceChannel): void {
    this.channel = channel;
    this.opens++;
  }
  close(): void {
    this.channel = undefined;
    this.closes++;
  }
  receive(packet: Packet): void {
    this.packets.push(packet);
    if (packet.completionRequested) this.channel?.complete(packet.transactionId, packet.payload);
    else this.channel?.send({ payload: packet.payload, transactionId: packet.transactionId });
  }
  gpadlTornDown(id: number): void {
    this.tornDown.push(id);
  }
}

interface Setup {
  machine: FakeMachine;
  guest: FakeGuest;
  device: EchoDevice;
  offer: GuestMessage;
}

function connected(version = WIN8_1, more: Partial<OfferDescription> = {}): Setup {
  const machine = new FakeMachine();
  const device = new EchoDevice(1, more);
  machine.vmbus.add(device);
  const guest = new FakeGuest(machine);
  guest.start();
  expect(guest.contact(version)).toBe(true);
  const [offer] = guest.offers();
  if (!offer) throw new Error("no offer");
  return { machine, guest, device, offer };
}

function opened(version = WIN8_1, pages = 4, featureBits = 1): Setup & { channel: FakeChannel } {
  const setup = connected(version);
  return { ...setup, channel: setup.guest.openChannel(setup.offer, pages, featureBits) };
}

describe("version negotiation", () => {
  it("agrees on EL6's first try, and with 6.1 on 5.3 through connection 4", () => {
    for (const [orders, chosen] of [
      [[0x30000, 0x20004, 0x10001, 0xd], "3.0"],
      [[0x50003, 0x50002, 0x50001, 0x50000, 0x40001, 0x40000, 0x30000, 0x20004], "5.3"],
    ] as const) {
      const machine = new FakeMachine();
      const guest = new FakeGuest(machine);
      guest.start();
      expect(machine.vmbus.version).toBeUndefined();
      orders.find((version) => guest.contact(version));
      expect(machine.vmbus.version).toBe(chosen);
    }
  });

  it.each([0xd, 0x10001, 0x20004, 0x30000, 0x40000, 0x40001, 0x50000, 0x50001, 0x50002, 0x50003])(
    "opens a channel and echoes with version 0x%x",
    (version) => {
      const { guest, channel, machine } = opened(version);
      guest.events();
      if (version === 0xd) {
        channel.send(6, Uint8Array.of(1, 2, 3), { signal: false });
        machine.memory.writeU8(guest.interruptPage + 2048, 1 << channel.relid);
        expect(guest.signal(2)).toBe(0);
        expect(machine.memory.readU8(guest.interruptPage + 2048)).toBe(0);
      } else {
        channel.send(6, Uint8Array.of(1, 2, 3));
      }
      expect(channel.receive()?.payload).toEqual(Uint8Array.of(1, 2, 3, 0, 0, 0, 0, 0));
      if (version <= 0x10001) {
        expect(machine.memory.readU8(guest.interruptPage)).toBe(1 << channel.relid);
        expect(guest.events()).toEqual([0]);
      } else {
        expect(guest.events()).toEqual([channel.relid]);
      }
    },
  );

  it("refuses every other version in words, never by silence", () => {
    const machine = new FakeMachine();
    const guest = new FakeGuest(machine);
    guest.start();
    for (const version of [0, 0x20001, 0x50004, 0x60000, 0xffffffff]) expect(guest.contact(version)).toBe(false);
    expect(machine.vmbus.version).toBeUndefined();
  });

  it("answers with the version, or from 5.0 on with the message connection id", () => {
    for (const [version, field] of [
      [0x40001, 0x40001],
      [0x50000, 4],
    ] as const) {
      const machine = new FakeMachine();
      const guest = new FakeGuest(machine);
      guest.start();
      const contact = words(14, version, 0, version >= 0x50000 ? 2 : 0x13000, 0, 0, 0, 0, 0);
      expect(guest.post(contact)).toBe(0);
      const answer = guest.message(15);
      expect([answer.bytes[8], answer.bytes[9], answer.view.getUint32(12, true)]).toEqual([1, 0, field]);
    }
  });

  it("starts anew at each contact: channels close, GPADLs go, rescinded ones are released", () => {
    const { machine, guest, device, channel } = opened();
    const other = new EchoDevice(2);
    machine.vmbus.add(other);
    guest.message(1);
    machine.vmbus.remove(other);
    guest.message(2);
    expect(guest.contact(0x20004)).toBe(true);
    expect(device.closes).toBe(1);
    expect(machine.vmbus.channels().map((each) => [each.name, each.state])).toEqual([["Echo", "closed"]]);
    expect(guest.offers().length).toBe(1);
    // The old ring's handle is unknown now.
    guest.post(guest.openMessage(channel.relid, channel.gpadl, 4));
    expect(guest.message(6).view.getUint32(16, true)).not.toBe(0);
    expect(guest.signal(channel.connectionId)).toBe(0);
  });
});

describe("offers", () => {
  it("lay out the fields where Linux reads them", () => {
    const { offer } = connected(WIN8_1, { userDefined: Uint8Array.of(4, 0, 0, 0), flags: 0x10, mmioMegabytes: 8 });
    expect(offer.bytes.length).toBe(200);
    // First three fields of a GUID are little-endian.
    expect([...offer.bytes.slice(8, 24)]).toEqual([
      0x39, 0x4f, 0x16, 0x57, 0x15, 0x91, 0x78, 0x4e, 0xab, 0x55, 0x38, 0x2f, 0x3b, 0xd5, 0x42, 0x2d,
    ]);
    expect(offer.bytes[39]).toBe(1);
    expect(offer.view.getUint16(56, true)).toBe(0x11);
    expect(offer.view.getUint16(58, true)).toBe(8);
    expect(offer.view.getUint32(60, true)).toBe(4);
    expect(offer.view.getUint16(180, true)).toBe(0);
    expect(offer.view.getUint32(184, true)).toBe(1);
    expect(offer.bytes[189]).toBe(0);
    expect(offer.view.getUint16(190, true)).toBe(1);
    expect(offer.view.getUint32(192, true)).toBe(0x2001);
  });

  it("come at once for devices added later; a rescinded relid is free only when the guest lets go", () => {
    const { machine, guest, device, channel } = opened();
    const second = new EchoDevice(2);
    machine.vmbus.add(second);
    expect(guest.message(1).view.getUint32(184, true)).toBe(2);
    machine.vmbus.remove(device);
    expect(device.closes).toBe(1);
    expect(guest.message(2).view.getUint32(8, true)).toBe(1);
    machine.vmbus.add(new EchoDevice(3));
    expect(guest.message(1).view.getUint32(184, true)).toBe(3);
    expect(machine.vmbus.channels()[0]?.state).toBe("rescinded");
    // Linux closes and tears down, then releases.
    guest.post(words(7, 1));
    guest.post(words(11, 1, channel.gpadl));
    expect(guest.message(12).view.getUint32(8, true)).toBe(channel.gpadl);
    guest.post(words(13, 1));
    expect(device.closes).toBe(1);
    expect(guest.signal(channel.connectionId)).toBe(0x12);
    machine.vmbus.add(new EchoDevice(4));
    expect(guest.message(1).view.getUint32(184, true)).toBe(1);
  });

  it("vanish silently when no guest was told", () => {
    const machine = new FakeMachine();
    const device = new EchoDevice();
    machine.vmbus.add(device);
    machine.vmbus.remove(device);
    expect(machine.vmbus.channels()).toEqual([]);
  });
});

describe("GPADLs", () => {
  it("come in a header and many bodies: 16 MB in one burst", () => {
    const { guest, device } = opened();
    const pages = Array.from({ length: 4096 }, (_, index) => (index % 1024) * 4096);
    const id = guest.shareGpadl(1, pages);
    expect(guest.message(10).view.getUint32(16, true)).toBe(0);
    const [range] = device.channel?.gpadl(id) ?? [];
    expect(range?.length).toBe(16 << 20);
    expect(range?.pages.slice(1024, 1027)).toEqual([0, 4096, 8192]);
    guest.post(words(11, 1, id));
    expect(guest.message(12).view.getUint32(8, true)).toBe(id);
    expect(device.tornDown).toEqual([id]);
    expect(device.channel?.gpadl(id)).toBeUndefined();
  });

  it("carry several ranges with offsets and tails", () => {
    const { machine, guest, device } = opened();
    const header = new Uint8Array(20 + 16 + 24);
    header.set(words(8, 1, 77, (2 << 16) | 40));
    const view = new DataView(header.buffer);
    [0x10, 0xff0].forEach((value, index) => view.setUint32(20 + 4 * index, value, true));
    view.setBigUint64(28, 0x100n, true);
    [0x20, 0xff0].forEach((value, index) => view.setUint32(36 + 4 * index, value, true));
    view.setBigUint64(44, 0x102n, true);
    view.setBigUint64(52, 0x101n, true);
    guest.post(header);
    expect(guest.message(10).view.getUint32(16, true)).toBe(0);
    const ranges = device.channel?.gpadl(77) ?? [];
    expect(ranges.map((range) => range.length)).toEqual([0x10, 0x20]);
    expect(ranges[1]?.write(0xf, Uint8Array.of(1, 2))).toBe(true);
    expect([machine.memory.readU8(0x102fff), machine.memory.readU8(0x101000)]).toEqual([1, 2]);
    expect(ranges[1]?.write(0x1f, Uint8Array.of(1, 2))).toBe(false);
    expect(ranges[1]?.read(-1, new Uint8Array(1))).toBe(false);
  });

  it("may be followed by padding in their last message", () => {
    const { guest, device } = opened();
    guest.post(words(8, 1, 78, (1 << 16) | 16, 4096, 0, 5, 0, 0xdead, 0xbeef));
    expect(guest.message(10).view.getUint32(16, true)).toBe(0);
    expect(device.channel?.gpadl(78)?.map((range) => range.pages)).toEqual([[0x5000]]);
  });

  it("are refused with a status: outside RAM, unknown channel, handle in use, no pages, wrong counts", () => {
    const { machine, guest } = opened();
    const status = () => guest.message(10).view.getUint32(16, true);
    guest.shareGpadl(1, [machine.memory.size]);
    expect(status()).not.toBe(0);
    guest.shareGpadl(9, [0]);
    expect(status()).not.toBe(0);
    guest.post(words(8, 1, 0xe1e10, (1 << 16) | 16, 4096, 0, 5, 0));
    expect(status()).not.toBe(0);
    guest.post(words(8, 1, 5, (0 << 16) | 16, 4096, 0, 5, 0));
    expect(status()).not.toBe(0);
    guest.post(words(8, 1, 6, (2 << 16) | 32, 8192, 0, 5, 0, 4096, 0, 5, 0));
    expect(status()).not.toBe(0);
    guest.post(words(8, 1, 7, (1 << 16) | 16, 4096, 4096, 5, 0));
    expect(status()).not.toBe(0);
    guest.post(words(9, 1, 0x1234, 5, 0));
    expect(guest.messages()).toEqual([]);
  });

  it("in use by an open ring are torn down at its close", () => {
    const { guest, channel, device } = opened();
    expect(device.channel?.gpadl(channel.gpadl)?.length).toBe(1);
    guest.post(words(11, 1, channel.gpadl));
    expect(device.channel?.gpadl(channel.gpadl)).toBeUndefined();
    expect(guest.messages()).toEqual([]);
    guest.post(words(7, 1));
    expect(guest.message(12).view.getUint32(8, true)).toBe(channel.gpadl);
  });
});

describe("open and close", () => {
  it("refuses a bad request with a status and stays usable", () => {
    const { guest, offer, device } = connected();
    const refused = (relid: number, gpadl: number, downstream: number, vp = 0) => {
      guest.post(guest.openMessage(relid, gpadl, downstream, vp));
      return guest.message(6).view.getUint32(16, true) !== 0;
    };
    const gpadl = guest.shareGpadl(1, [0x40000, 0x41000, 0x42000, 0x43000]);
    guest.message(10);
    expect(refused(1, gpadl + 1, 2)).toBe(true);
    expect(refused(7, gpadl, 2)).toBe(true);
    expect(refused(1, gpadl, 1)).toBe(true);
    expect(refused(1, gpadl, 3)).toBe(true);
    expect(refused(1, gpadl, 0xffffffff)).toBe(true);
    expect(refused(1, gpadl, 2, 1)).toBe(true);
    expect(device.opens).toBe(0);
    expect(refused(1, gpadl, 2)).toBe(false);
    expect(refused(1, gpadl, 2)).toBe(true);
    expect(device.opens).toBe(1);
    guest.post(words(7, 1));
    expect(device.closes).toBe(1);
    guest.openChannel(offer);
    expect(device.opens).toBe(2);
  });

  it("tells its states and changes", () => {
    const machine = new FakeMachine();
    let changes = 0;
    machine.vmbus.onChange = () => changes++;
    machine.vmbus.add(new EchoDevice());
    const guest = new FakeGuest(machine);
    guest.start();
    guest.contact(WIN8_1);
    const states = [machine.vmbus.channels()[0]?.state];
    const [offer] = guest.offers();
    states.push(machine.vmbus.channels()[0]?.state);
    guest.openChannel(offer!);
    states.push(machine.vmbus.channels()[0]?.state);
    guest.post(words(7, 1));
    states.push(machine.vmbus.channels()[0]?.state);
    expect(states).toEqual(["closed", "offered", "open", "closed"]);
    expect(changes).toBe(5);
    machine.vmbus.reset();
    expect(machine.vmbus.version).toBeUndefined();
  });

  it("unload closes everything and answers", () => {
    const { machine, guest, device } = opened(0x50003);
    guest.post(words(16), 4);
    guest.message(17);
    expect(device.closes).toBe(1);
    expect(machine.vmbus.version).toBeUndefined();
    // Whatever comes after that, but for a new contact, is ignored.
    guest.post(words(3), 4);
    expect(guest.messages()).toEqual([]);
    expect(guest.contact(0x50003)).toBe(true);
  });

  it("modifies a channel's processor, with an answer from 5.3 on", () => {
    const old = opened(0x40001);
    old.guest.post(words(22, 1, 0));
    expect(old.guest.messages()).toEqual([]);
    const { guest } = opened(0x50003);
    guest.post(words(22, 1, 0), 4);
    expect(guest.message(24).view.getUint32(12, true)).toBe(0);
    guest.post(words(22, 1, 3), 4);
    expect(guest.message(24).view.getUint32(12, true)).not.toBe(0);
  });

  it("refuses socket connections, echoing their ids", () => {
    const { guest } = connected(0x50003);
    const request = words(21, 1, 2, 3, 4, 5, 6, 7, 8);
    guest.post(request, 4);
    const answer = guest.message(23);
    expect(answer.bytes.slice(8, 40)).toEqual(request.slice(8));
    expect(answer.view.getUint32(40, true)).toBe(0xc0000236);
  });

  it("complains about nonsense, but only so often", () => {
    const { machine, guest } = connected();
    for (const bad of [
      new Uint8Array(4),
      words(99),
      words(5, 1),
      words(7, 1),
      words(13, 1),
      words(11, 1, 2),
      words(3),
    ]) {
      expect(guest.post(bad)).toBe(0);
    }
    expect(machine.log.length).toBe(7);
    for (let i = 0; i < 1000; i++) guest.post(words(99));
    expect(machine.log.length).toBe(200);
    expect(guest.messages()).toEqual([]);
  });
});

describe("rings", () => {
  it("echo across many wraps, byte for byte, in both directions", () => {
    const { channel, device } = opened(WIN8_1, 2);
    let sequence = 0;
    for (let round = 0; round < 300; round++) {
      const sent: Uint8Array[] = [];
      for (let i = 0; i < 3; i++) {
        const payload = Uint8Array.from({ length: 8 * (1 + ((round * 7 + i) % 90)) }, () => sequence++ & 0xff);
        expect(channel.send(6, payload, { transactionId: BigInt(sequence), completion: i === 1 })).toBe(true);
        sent.push(payload);
      }
      const back = channel.receiveAll();
      expect(back.map((packet) => packet.payload)).toEqual(sent);
      expect(back.map((packet) => packet.type)).toEqual([6, 0xb, 6]);
      expect(back[1]?.flags).toBe(0);
    }
    expect(device.packets.length).toBe(900);
  });

  it("signals only into an empty ring with a clear mask", () => {
    const { guest, channel, device } = opened();
    guest.events();
    const send = () => device.channel?.send({ payload: new Uint8Array(8) });
    send();
    expect(guest.events()).toEqual([1]);
    send();
    expect(guest.events()).toEqual([]);
    channel.receiveAll();
    channel.set(channel.down, 8, 1);
    send();
    expect(guest.events()).toEqual([]);
    channel.receiveAll();
    channel.set(channel.down, 8, 0);
    send();
    expect(guest.events()).toEqual([1]);
  });

  it("keeps packets in order while the guest's ring is full, then goes on when the guest signals", () => {
    const { machine, guest, channel, device } = opened(WIN8_1, 2);
    let count = 0;
    for (; count < 200; count++) device.channel?.send({ payload: new Uint8Array(200), transactionId: BigInt(count) });
    expect(channel.get(channel.down, 12)).toBe(16 + 200 + 8);
    const seen: bigint[] = [];
    // Guest reads all there is, and signals because the host waits for space.
    for (let round = 0; round < 20; round++) {
      seen.push(...channel.receiveAll().map((packet) => packet.transactionId));
      guest.signal(channel.connectionId, true);
    }
    expect(seen).toEqual(Array.from({ length: 200 }, (_, index) => BigInt(index)));
    expect(channel.get(channel.down, 12)).toBe(0);
    expect(machine.timers.nextDeadline).toBe(Infinity);
  });

  it("polls a full ring of a guest that does not tell", () => {
    const { machine, channel, device } = opened(WIN8_1, 2, 0);
    for (let i = 0; i < 30; i++) device.channel?.send({ payload: new Uint8Array(200), transactionId: BigInt(i) });
    expect(channel.get(channel.down, 12)).toBe(0);
    const first = channel.receiveAll().length;
    expect(first).toBe(18);
    machine.advance(1_000_000);
    expect(channel.receiveAll().length).toBe(12);
    machine.advance(10_000_000);
    expect(machine.timers.nextDeadline).toBe(Infinity);
  });

  it("stops taking requests while answers pile up, so that a guest that never reads stalls itself alone", () => {
    const { machine, channel, device } = opened(WIN8_1, 2);
    let sent = 0;
    for (let i = 0; i < 400; i++) {
      if (channel.send(6, new Uint8Array(100))) sent++;
    }
    expect(sent).toBeLessThan(200);
    const taken = device.packets.length;
    expect(taken).toBeLessThan(sent);
    machine.advance(50_000_000);
    expect(device.packets.length).toBe(taken);
    let received = 0;
    for (let round = 0; round < 20; round++) {
      received += channel.receiveAll().length;
      machine.advance(1_000_000);
    }
    expect(received).toBe(sent);
    expect(device.packets.length).toBe(sent);
  });

  it("bounds the queue and tells the device when there is room", () => {
    const { machine, channel, device } = opened(WIN8_1, 2);
    let readies = 0;
    device.ready = () => void readies++;
    let accepted = 0;
    while (device.channel?.send({ payload: new Uint8Array(400) })) accepted++;
    expect(accepted).toBe(1024 + 9);
    let received = 0;
    while (readies === 0) {
      received += channel.receiveAll().length;
      machine.advance(1_000_000);
    }
    expect(received + channel.receiveAll().length).toBe(accepted);
    expect(device.channel?.send({ payload: new Uint8Array(5000) })).toBe(false);
  });

  it("tells a guest that waits for space when it is there, and no sooner", () => {
    const { guest, channel } = opened(WIN8_1, 2);
    // Two packets unseen by the host, then a guest that waits for more room than the first one gives.
    channel.send(6, new Uint8Array(2000), { signal: false });
    channel.send(6, new Uint8Array(1000), { signal: false });
    channel.set(channel.down, 8, 1);
    channel.set(channel.up, 12, 4096 - 1000);
    guest.events();
    guest.signal(channel.connectionId);
    expect(guest.events()).toEqual([1]);
    channel.receiveAll();
    channel.send(6, new Uint8Array(2000), { signal: false });
    channel.set(channel.up, 12, 100);
    guest.signal(channel.connectionId);
    expect(guest.events()).toEqual([]);
  });

  it("reads GPA direct buffers and transfer pages", () => {
    const { machine, channel, device } = opened();
    machine.memory.write(0x100ffc, Uint8Array.of(1, 2, 3, 4));
    machine.memory.write(0x180000, Uint8Array.of(5, 6, 7, 8));
    const extra = new Uint8Array(8 + 24);
    const view = new DataView(extra.buffer);
    view.setUint32(4, 1, true);
    view.setUint32(8, 8, true);
    view.setUint32(12, 0xffc, true);
    view.setBigUint64(16, 0x100n, true);
    view.setBigUint64(24, 0x180n, true);
    channel.send(9, Uint8Array.of(9), { extra, transactionId: 0xffff_ffff_ffff_fff0n, completion: true });
    const [packet] = device.packets;
    const data = new Uint8Array(8);
    expect(packet?.buffers[0]?.read(0, data)).toBe(true);
    expect(data).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    expect(packet?.payload[0]).toBe(9);
    expect(channel.receive()?.transactionId).toBe(0xffff_ffff_ffff_fff0n);
    const pages = {
      setId: 0xcafe,
      ranges: [
        { byteOffset: 4096, byteCount: 60 },
        { byteOffset: 0, byteCount: 1 },
      ],
    };
    device.channel?.send({
      payload: Uint8Array.of(1),
      transferPages: pages,
      transactionId: 5n,
      completionRequested: true,
    });
    const sent = channel.receive();
    expect([sent?.type, sent?.flags, sent?.payload[0]]).toEqual([7, 1, 1]);
    const raw = new DataView(sent!.raw.buffer);
    expect([16, 20, 24, 28, 32, 36].map((at) => raw.getUint32(at, true))).toEqual([0xcafe, 2, 60, 4096, 1, 0]);
    channel.send(7, new Uint8Array(8), { extra: sent!.raw.slice(16, 40) });
    expect(device.packets[1]?.transferPages).toEqual(pages);
  });

  it.each([
    ["write index outside", (channel: FakeChannel) => channel.set(channel.up, 0, channel.size)],
    ["write index unaligned", (channel: FakeChannel) => channel.set(channel.up, 0, 12)],
    ["less than a packet", (channel: FakeChannel) => channel.set(channel.up, 0, 16)],
    ["packet of length 0", (channel: FakeChannel) => channel.set(channel.up, 0, 64)],
    [
      "packet without room for its trailer",
      (channel: FakeChannel) => {
        channel.send(6, new Uint8Array(0), { signal: false });
        channel.set(channel.up, 0, 24);
        channel.spoil(4, 3);
      },
    ],
    ["unknown packet type", (channel: FakeChannel) => void channel.send(99, new Uint8Array(8))],
    [
      "GPA range outside RAM",
      (channel: FakeChannel) =>
        void channel.send(9, new Uint8Array(8), {
          extra: Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0),
        }),
    ],
    [
      "more GPA ranges than there are",
      (channel: FakeChannel) =>
        void channel.send(9, new Uint8Array(8), { extra: Uint8Array.of(0, 0, 0, 0, 255, 255, 255, 255) }),
    ],
    [
      "more transfer ranges than there are",
      (channel: FakeChannel) =>
        void channel.send(7, new Uint8Array(8), { extra: Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0) }),
    ],
    [
      "read index outside",
      (channel: FakeChannel) => {
        channel.set(channel.down, 4, 0xfffffff8);
        channel.send(6, new Uint8Array(8));
      },
    ],
  ])("ends the channel, and it alone, at a %s", (what, spoil) => {
    const { machine, guest, device, channel, offer } = opened();
    machine.log.length = 0;
    spoil(channel);
    guest.signal(channel.connectionId);
    guest.signal(channel.connectionId);
    expect(machine.log.length).toBe(1);
    expect(machine.log[0]).toMatch(/^vmbus: Echo: channel 1 ended: /);
    if (what === "packet without room for its trailer") expect(device.packets).toEqual([]);
    expect([device.opens, device.closes]).toEqual([1, 1]);
    expect(machine.vmbus.channels()[0]?.state).toBe("closed");
    // The guest may close and open it again.
    guest.post(words(7, 1));
    expect(device.closes).toBe(1);
    const again = guest.openChannel(offer);
    again.send(6, Uint8Array.of(42));
    expect(again.receive()?.payload[0]).toBe(42);
    expect(machine.guardsIntact()).toBe(true);
  });
});

describe("monitor page", () => {
  it("is polled at the channel's latency while it is open", () => {
    const { machine, guest, device, offer } = connected(WIN8_1, { monitorLatency: 10_000 });
    expect([offer.bytes[188], offer.bytes[189]]).toEqual([0, 1]);
    expect(machine.timers.nextDeadline).toBe(Infinity);
    const channel = guest.openChannel(offer);
    const page = guest.monitorPages[1];
    expect(machine.memory.readU16(page + 576)).toBe(10_000);
    expect(machine.memory.readU32(page + 1088)).toBe(channel.connectionId);
    channel.send(6, new Uint8Array(8), { signal: false });
    machine.memory.writeU32(page + 8, 1);
    machine.advance(999_999);
    expect(device.packets.length).toBe(0);
    machine.advance(1);
    expect(device.packets.length).toBe(1);
    expect(machine.memory.readU32(page + 8)).toBe(0);
    guest.post(words(7, 1));
    expect(machine.timers.nextDeadline).toBe(Infinity);
  });
});

describe("trace", () => {
  it("sees each message and packet once, in order", () => {
    const machine = new FakeMachine();
    const seen: string[] = [];
    machine.vmbus.onTrace = (event) => {
      if (event.kind === "gpadl") {
        seen.push(`gpadl-${event.change}`);
        return;
      }
      const arrow = event.toGuest ? ">" : "<";
      seen.push(event.kind === "message" ? `${event.bytes[0]}${arrow}` : `${event.kind}${arrow}${event.channel.relid}`);
    };
    machine.vmbus.add(new EchoDevice());
    const guest = new FakeGuest(machine);
    guest.start();
    guest.contact(WIN8_1);
    const [offer] = guest.offers();
    guest.openChannel(offer!).send(6, new Uint8Array(8));
    machine.vmbus.reset();
    expect(seen.join(" ")).toBe(
      "14< 15> 3< 1> 4> 8< gpadl-established 10> 5< 6> signal<1 packet<1 packet>1 signal>1 gpadl-ended",
    );
  });
});
