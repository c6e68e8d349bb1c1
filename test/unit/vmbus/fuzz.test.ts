import { describe, expect, it } from "vitest";
import { Heartbeat } from "../../../emulator/devices/ic/heartbeat";
import { KeyValuePairExchange } from "../../../emulator/devices/ic/kvp";
import { Shutdown } from "../../../emulator/devices/ic/shutdown";
import { TimeSync } from "../../../emulator/devices/ic/time-sync";
import type { DeviceChannel, VmbusDevice } from "../../../emulator/vmbus/channel";
import type { Packet } from "../../../emulator/vmbus/packets";
import { type FakeChannel, FakeGuest, words, zeroRegisters } from "./fake-guest";
import { FakeMachine } from "./fake-machine";

// A hostile guest: well-formed traffic, spoiled at random, and random words everywhere a guest can write one. The host
// must not throw, must not touch a byte outside guest RAM, and must serve the next kernel as if nothing had been.

/** mulberry32. */
class Random {
  constructor(private state: number) {}
  /** 0 .. 2^32 - 1. */
  word(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }
  below(limit: number): number {
    return this.word() % limit;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
  /** Numbers that are more often at an edge than in between. */
  tricky(): number {
    const edges = [0, 1, 2, 7, 8, 15, 16, 255, 4095, 4096, 65535, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff];
    return this.below(2) ? this.pick(edges) : this.below(2) ? this.below(64) : this.word();
  }
  wide(): bigint {
    return (BigInt(this.tricky()) << 32n) | BigInt(this.tricky());
  }
  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.word());
  }
}

/** Uses everything that a packet brings, and answers. */
class GreedyDevice implements VmbusDevice {
  readonly name = "Greedy";
  readonly offer = {
    interfaceId: "f8615163-df3e-46c5-913f-f2d2f965ed0e",
    instanceId: "00000000-0000-0000-0000-00000000000f",
    monitorLatency: 1000,
  };
  private channel: DeviceChannel | undefined;
  echoed = 0;
  open(channel: DeviceChannel): void {
    this.channel = channel;
  }
  close(): void {
    this.channel = undefined;
  }
  receive(packet: Packet): void {
    for (const buffer of packet.buffers) {
      buffer.read(0, new Uint8Array(Math.min(buffer.length, 65536)));
      buffer.write(Math.max(0, buffer.length - 16), new Uint8Array(Math.min(16, buffer.length)).fill(0x5c));
    }
    const id = packet.payload.length >= 4 ? new DataView(packet.payload.buffer).getUint32(0, true) : 0;
    for (const range of this.channel?.gpadl(id) ?? []) range.write(0, Uint8Array.of(1));
    this.echoed++;
    this.channel?.complete(packet.transactionId, packet.payload);
  }
}

function build(): { machine: FakeMachine; guest: FakeGuest; greedy: GreedyDevice; shutdown: Shutdown } {
  const machine = new FakeMachine(1 << 20);
  const greedy = new GreedyDevice();
  const shutdown = new Shutdown(machine.timers);
  machine.vmbus.add(greedy);
  machine.vmbus.add(shutdown);
  machine.vmbus.add(new Heartbeat(machine.timers));
  machine.vmbus.add(new TimeSync(machine.timers, () => machine.hypervisor.referenceTime()));
  machine.vmbus.add(new KeyValuePairExchange(machine.timers));
  return { machine, guest: new FakeGuest(machine), greedy, shutdown };
}

const VERSIONS = [0xd, 0x10001, 0x20004, 0x30000, 0x40001, 0x50003];

/** Posts without expecting anything; the hypercall page may be off. */
function postRaw(machine: FakeMachine, guest: FakeGuest, message: Uint8Array, connection: number): void {
  const input = 0x16000;
  const block = new Uint8Array(256);
  block.set(words(connection, 1, message.length).subarray(0, 4));
  new DataView(block.buffer).setUint32(8, 1, true);
  new DataView(block.buffer).setUint32(12, message.length, true);
  block.set(message.subarray(0, 240), 16);
  machine.memory.write(input, block);
  machine.hypervisor.hypercall({ ...zeroRegisters(), rcx: 0x5cn, rdx: BigInt(input) }, true);
  if (machine.memory.readU32(guest.simp + 512) !== 0) machine.memory.writeU32(guest.simp + 512, 0);
  machine.hypervisor.msrWrite(0x40000084, 0n);
}

function randomMessage(random: Random): Uint8Array {
  const message = random.bytes(random.below(241));
  const view = new DataView(message.buffer);
  if (message.length >= 4) view.setUint32(0, random.below(8) ? random.below(30) : random.word(), true);
  for (let at = 8; at + 4 <= message.length; at += 4)
    view.setUint32(at, random.below(3) ? random.tricky() : random.below(6), true);
  return message;
}

/** A GPADL header whose fields nearly fit together. */
function randomGpadl(random: Random): Uint8Array {
  const pages = random.below(26);
  const message = new Uint8Array(28 + 8 * pages);
  const view = new DataView(message.buffer);
  message.set(words(8, 1 + random.below(5), 100 + random.below(20)));
  view.setUint16(16, random.below(4) ? 8 + 8 * pages : random.word(), true);
  view.setUint16(18, random.below(4) ? 1 : random.below(5), true);
  view.setUint32(20, random.below(4) ? 4096 * pages : random.tricky(), true);
  view.setUint32(24, random.below(4) ? 0 : random.tricky(), true);
  for (let page = 0; page < pages; page++)
    view.setBigUint64(28 + 8 * page, random.below(50) ? BigInt(random.below(256)) : random.wide(), true);
  return message;
}

function abuseRing(random: Random, channel: FakeChannel, guest: FakeGuest): void {
  const { size } = channel;
  const header = random.below(2) ? channel.up : channel.down;
  if (random.below(4) === 0) {
    channel.set(header, random.pick([0, 4, 8, 12, 64]), random.below(2) ? 8 * random.below(size / 8) : random.tricky());
  } else {
    const extra = random.below(2) ? new Uint8Array(0) : random.bytes(8 * random.below(8));
    if (extra.length >= 8) new DataView(extra.buffer).setUint32(4, random.below(4), true);
    for (let at = 8; at + 4 <= extra.length; at += 4) new DataView(extra.buffer).setUint32(at, random.tricky(), true);
    const type = random.below(3) ? random.pick([6, 7, 9, 0xb]) : random.word() & 0xffff;
    const payload = random.bytes(random.below(300));
    // Integration component messages that get past the first checks.
    if (payload.length > 40 && random.below(2)) {
      const view = new DataView(payload.buffer);
      view.setUint32(4, payload.length - 8, true);
      view.setUint16(12, random.below(6), true);
      view.setUint16(18, random.below(payload.length - 27), true);
      view.setUint8(25, 5);
    }
    // The guest's own bookkeeping may be spoiled; then it writes where it can.
    if (channel.get(channel.up, 0) < size && channel.get(channel.up, 4) < size) {
      channel.send(type, payload, {
        extra,
        transactionId: random.wide(),
        completion: random.below(2) === 0,
        signal: false,
      });
    }
  }
  guest.machine.hypervisor.hypercall(
    {
      ...zeroRegisters(),
      rcx: 0x1005dn,
      rdx: BigInt(channel.connectionId) | (BigInt(random.below(9) ? 0 : random.tricky()) << 32n),
    },
    true,
  );
  if (random.below(2)) {
    const write = channel.get(channel.down, 0);
    if (write < size) channel.set(channel.down, 4, write);
  }
}

/** After all of that, the next kernel finds a host as new. */
function stillServes(machine: FakeMachine, greedy: GreedyDevice): void {
  machine.vmbus.reset();
  machine.hypervisor.reset();
  machine.memory.fill(0, machine.memory.size, 0);
  const guest = new FakeGuest(machine);
  guest.start();
  expect(guest.contact(0x50003)).toBe(true);
  const offer = guest.offers().find((each) => each.bytes[39] === 0x0f);
  const channel = guest.openChannel(offer!);
  const before = greedy.echoed;
  channel.send(6, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), { completion: true, transactionId: 9n });
  expect(channel.receive()?.payload).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  expect(greedy.echoed).toBe(before + 1);
}

describe("a hostile guest", () => {
  it.each(Array.from({ length: 12 }, (_, seed) => seed))(
    "finds nothing with random calls and MSRs, seed %i",
    (seed) => {
      const random = new Random(seed);
      const { machine, guest, greedy } = build();
      guest.start();
      for (let step = 0; step < 3000; step++) {
        const registers = {
          rax: random.wide(),
          rbx: random.wide(),
          rcx: random.below(2)
            ? BigInt(random.pick([8, 0x5c, 0x5d])) | (BigInt(random.below(4)) << 16n)
            : random.wide(),
          rdx: random.below(2) ? BigInt(8 * random.below(machine.memory.size / 8)) : random.wide(),
          rsi: random.wide(),
          rdi: random.wide(),
          r8: random.wide(),
        };
        machine.hypervisor.hypercall(registers, random.below(4) !== 0);
        const msr = 0x40000000 + (random.below(8) ? random.below(0x110) : random.word());
        const page = BigInt(random.below(300)) * 4096n + BigInt(random.below(2));
        machine.hypervisor.msrWrite(msr, random.below(2) ? page : random.wide());
        machine.hypervisor.msrRead(msr);
        machine.hypervisor.apicEoi(random.below(256));
        if (random.below(100) === 0) machine.advance(random.below(2_000_000));
        machine.vectors.length = 0;
      }
      expect(machine.guardsIntact()).toBe(true);
      stillServes(machine, greedy);
    },
  );

  it.each(Array.from({ length: 24 }, (_, seed) => seed))("finds nothing with random messages, seed %i", (seed) => {
    const random = new Random(1000 + seed);
    const { machine, guest, greedy } = build();
    guest.start();
    guest.contact(random.pick(VERSIONS));
    guest.offers();
    for (let step = 0; step < 1500; step++) {
      const message = random.below(3) ? randomMessage(random) : randomGpadl(random);
      // Contact and unload only now and then, or nothing else would get anywhere.
      if ((message[0] === 14 || message[0] === 16) && random.below(20)) message[0] = 5;
      postRaw(machine, guest, message, random.pick([1, 4]));
      if (random.below(50) === 0) machine.advance(random.below(3_000_000));
    }
    expect(machine.guardsIntact()).toBe(true);
    expect(machine.log.length).toBeLessThanOrEqual(201);
    stillServes(machine, greedy);
  });

  it.each(Array.from({ length: 12 }, (_, seed) => seed))("finds nothing with spoiled rings, seed %i", (seed) => {
    const random = new Random(2000 + seed);
    const { machine, guest, greedy, shutdown } = build();
    guest.start();
    for (let round = 0; round < 12; round++) {
      machine.memory.fill(0x20000, machine.memory.size - 0x20000, 0);
      const visitor = new FakeGuest(machine);
      expect(visitor.contact(random.pick(VERSIONS))).toBe(true);
      const channels = visitor
        .offers()
        .map((offer) => visitor.openChannel(offer, 2 + random.below(3), random.below(2)));
      for (let step = 0; step < 60; step++) {
        abuseRing(random, random.pick(channels), visitor);
        if (random.below(30) === 0)
          machine.memory.writeU32(guest.monitorPages[1] + 8 + 4 * random.below(8), random.word());
        if (random.below(30) === 0) shutdown.shutdown();
        if (random.below(40) === 0) postRaw(machine, guest, randomMessage(random), 1);
        if (random.below(10) === 0) machine.advance(random.below(300_000_000));
      }
      visitor.messages();
    }
    expect(machine.guardsIntact()).toBe(true);
    stillServes(machine, greedy);
  });

  it("does reach the devices while fuzzing, or the fuzzer would prove nothing", () => {
    const random = new Random(3000);
    const { machine, guest, greedy } = build();
    guest.start();
    guest.contact(0x30000);
    const channels = guest.offers().map((offer) => guest.openChannel(offer));
    for (let step = 0; step < 300; step++) abuseRing(random, channels[0]!, guest);
    expect(greedy.echoed).toBeGreaterThan(0);
    expect(machine.log.length).toBeGreaterThan(0);
  });
});
