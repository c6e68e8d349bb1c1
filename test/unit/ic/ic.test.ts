import { describe, expect, it } from "vitest";
import { Heartbeat } from "../../../emulator/devices/ic/heartbeat";
import {
  KVP_POOL_AUTO,
  KVP_POOL_EXTERNAL,
  KeyValuePairExchange,
  type KvpResult,
} from "../../../emulator/devices/ic/kvp";
import { Shutdown } from "../../../emulator/devices/ic/shutdown";
import { TimeSync } from "../../../emulator/devices/ic/time-sync";
import type { VmbusDevice } from "../../../emulator/vmbus/channel";
import { type FakeChannel, FakeGuest } from "../vmbus/fake-guest";
import { EPOCH_MS, FakeMachine } from "../vmbus/fake-machine";

const SECOND = 1_000_000_000;
/** The host waits this long after the channel's opening: the guest's driver may not be ready for it before. */
const NEGOTIATION_DELAY = 20_000_000;
const PIPE_AND_HEADER = 28;
/** Frame and message versions in order of preference, as hv_utils of the two kernels has them. */
const EL6_FRAMEWORKS = ["3.0", "1.0"];
const FAIL = 0x80004005;

interface IcPacket {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  readonly type: number;
  readonly body: DataView<ArrayBuffer>;
}

/** A guest's IC service in the manner of hv_utils: it changes what it got and sends it back. */
class FakeService {
  readonly channel: FakeChannel;
  readonly machine = new FakeMachine();
  readonly guest = new FakeGuest(this.machine);

  constructor(make: (machine: FakeMachine) => VmbusDevice) {
    this.machine.vmbus.add(make(this.machine));
    this.guest.start();
    this.guest.contact(0x30000);
    const [offer] = this.guest.offers();
    if (!offer) throw new Error("no offer");
    // A pipe in message mode.
    expect(offer.view.getUint16(56, true) & 0x10).toBe(0x10);
    expect(offer.view.getUint32(60, true)).toBe(4);
    this.channel = this.guest.openChannel(offer);
    expect(this.channel.receive()).toBeUndefined();
    this.machine.advance(NEGOTIATION_DELAY);
  }

  take(): IcPacket | undefined {
    const packet = this.channel.receive();
    if (!packet) return undefined;
    expect(packet.type).toBe(6);
    const bytes = packet.payload;
    const view = new DataView(bytes.buffer);
    expect(view.getUint32(0, true)).toBe(1);
    const size = view.getUint16(18, true);
    expect(view.getUint32(4, true)).toBe(20 + size);
    expect(view.getUint8(25)).toBe(3);
    return { bytes, view, type: view.getUint16(12, true), body: new DataView(bytes.buffer, PIPE_AND_HEADER, size) };
  }

  answer(packet: IcPacket, status = 0): void {
    packet.view.setUint32(20, status, true);
    packet.view.setUint8(25, 5);
    this.channel.send(6, packet.bytes);
  }

  /** vmbus_prep_negotiate_resp. @returns what the host offered */
  negotiate(messages: readonly string[], frameworks: readonly string[] = EL6_FRAMEWORKS): string[] {
    const packet = this.take();
    if (packet?.type !== 0) throw new Error("no negotiation");
    const counts = [packet.body.getUint16(0, true), packet.body.getUint16(2, true)] as const;
    const offered = Array.from({ length: counts[0] + counts[1] }, (_, index) => {
      const at = 8 + 4 * index;
      return `${packet.body.getUint16(at, true)}.${packet.body.getUint16(at + 2, true)}`;
    });
    const framework = frameworks.find((version) => offered.slice(0, counts[0]).includes(version));
    const message = messages.find((version) => offered.slice(counts[0]).includes(version));
    const found = framework !== undefined && message !== undefined;
    packet.view.setUint16(18, 16, true);
    packet.body.setUint16(0, found ? 1 : 0, true);
    packet.body.setUint16(2, found ? 1 : 0, true);
    [framework ?? "0.0", message ?? "0.0"].forEach((version, index) => {
      const [major = 0, minor = 0] = version.split(".").map(Number);
      packet.body.setUint16(8 + 4 * index, major, true);
      packet.body.setUint16(10 + 4 * index, minor, true);
    });
    this.answer(packet);
    return offered;
  }
}

describe("negotiation", () => {
  it("settles what EL6's and 6.1's hv_utils ask for", () => {
    const cases: [(machine: FakeMachine) => VmbusDevice & { versions: unknown }, string[], number][] = [
      [(machine) => new Shutdown(machine.timers), ["3.0", "1.0"], 0x30000],
      [(machine) => new Shutdown(machine.timers), ["3.2", "3.1", "3.0", "1.0"], 0x30002],
      [(machine) => new Heartbeat(machine.timers), ["3.0", "1.0"], 0x30000],
      [(machine) => new TimeSync(machine.timers, () => 0n), ["3.0"], 0x30000],
      [(machine) => new TimeSync(machine.timers, () => 0n), ["4.0", "3.0", "1.0"], 0x40000],
      [(machine) => new KeyValuePairExchange(machine.timers), ["4.0"], 0x40000],
      [(machine) => new KeyValuePairExchange(machine.timers), ["5.0", "4.0", "3.0", "1.0"], 0x50000],
      [(machine) => new Shutdown(machine.timers), ["1.0"], 0x10000],
    ];
    for (const [make, messages, chosen] of cases) {
      let device: (VmbusDevice & { versions: unknown }) | undefined;
      const service = new FakeService((machine) => (device = make(machine)));
      expect(device?.versions).toBeUndefined();
      service.negotiate(messages);
      expect(device?.versions).toEqual({ framework: 0x30000, message: chosen });
    }
  });

  it("asks a guest that finds no version again, and ends the channel in the end", () => {
    const service = new FakeService((machine) => new Heartbeat(machine.timers));
    for (let attempt = 1; attempt <= 5; attempt++) {
      expect(service.machine.log).toEqual([]);
      service.negotiate(["9.0"]);
      expect(service.take()).toBeUndefined();
      service.machine.advance(SECOND / 2);
    }
    expect(service.machine.log).toEqual(["vmbus: Heartbeat: channel 1 ended: the guest speaks none of our versions"]);
    expect(service.take()).toBeUndefined();
  });

  it("goes on with a guest that knows its versions a little late, as EL6's hv_utils may", () => {
    let heartbeat: Heartbeat | undefined;
    const service = new FakeService((machine) => (heartbeat = new Heartbeat(machine.timers)));
    service.negotiate([]);
    expect(heartbeat?.versions).toBeUndefined();
    service.machine.advance(SECOND / 2);
    service.negotiate(["3.0"]);
    expect(heartbeat?.versions).toEqual({ framework: 0x30000, message: 0x30000 });
    expect(service.take()?.type).toBe(1);
    expect(service.machine.log).toEqual([]);
  });

  it("takes no version that was not on offer", () => {
    let shutdown: Shutdown | undefined;
    const service = new FakeService((machine) => (shutdown = new Shutdown(machine.timers)));
    const packet = service.take()!;
    packet.view.setUint16(18, 16, true);
    [1, 1, 0, 0, 3, 0, 7, 7].forEach((word, index) => packet.body.setUint16(2 * index, word, true));
    service.answer(packet);
    expect(shutdown?.versions).toBeUndefined();
    expect(shutdown?.available).toBe(false);
  });

  it("ends the channel at a message whose sizes lie", () => {
    for (const spoil of [
      (view: DataView) => view.setUint32(4, 0xffffffff, true),
      (view: DataView) => view.setUint16(18, 0xffff, true),
    ]) {
      const service = new FakeService((machine) => new Shutdown(machine.timers));
      const packet = service.take()!;
      spoil(packet.view);
      service.answer(packet);
      expect(service.machine.log.length).toBe(1);
      expect(service.machine.vmbus.channels()[0]?.state).toBe("closed");
    }
    const service = new FakeService((machine) => new Shutdown(machine.timers));
    service.channel.send(6, new Uint8Array(8));
    expect(service.machine.vmbus.channels()[0]?.state).toBe("closed");
  });

  it("happens anew when the guest opens the channel again", () => {
    let made: Shutdown | undefined;
    const service = new FakeService((machine) => (made = new Shutdown(machine.timers)));
    const shutdown = made as unknown as Shutdown;
    service.negotiate(["3.0"]);
    expect(shutdown.available).toBe(true);
    service.guest.contact(0x30000);
    expect(shutdown.available).toBe(false);
    const [offer] = service.guest.offers();
    const again = service.guest.openChannel(offer!);
    service.machine.advance(NEGOTIATION_DELAY);
    expect(again.receiveAll().length).toBe(1);
  });
});

describe("heartbeat", () => {
  it("beats every two seconds, one request at a time, and notices silence", () => {
    let heartbeat: Heartbeat | undefined;
    const service = new FakeService((machine) => (heartbeat = new Heartbeat(machine.timers)));
    expect(heartbeat?.status).toBe("no contact");
    service.negotiate(["3.0"]);
    for (let beat = 0; beat < 5; beat++) {
      const packet = service.take();
      if (!packet) throw new Error("no beat");
      expect([packet.type, packet.body.byteLength]).toEqual([1, 40]);
      expect(packet.view.getUint16(8, true)).toBe(3);
      expect(packet.view.getUint16(14, true)).toBe(3);
      expect(packet.body.getBigUint64(0, true)).toBe(BigInt(beat));
      packet.body.setBigUint64(0, BigInt(beat + 1), true);
      service.answer(packet);
      expect(heartbeat?.status).toBe("ok");
      expect(service.take()).toBeUndefined();
      service.machine.advance(2 * SECOND);
    }
    expect(heartbeat?.lastSequence).toBe(5n);
    const late = service.take();
    service.machine.advance(20 * SECOND);
    expect(heartbeat?.status).toBe("lost");
    expect(service.take()).toBeUndefined();
    service.answer(late!);
    expect(heartbeat?.status).toBe("ok");
    service.guest.post(Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0));
    expect(heartbeat?.status).toBe("no contact");
    expect(service.machine.timers.nextDeadline).toBe(Infinity);
  });
});

describe("shutdown", () => {
  it("asks for what was wanted, and hears the answer", () => {
    let made: Shutdown | undefined;
    const service = new FakeService((machine) => (made = new Shutdown(machine.timers)));
    const shutdown = made as unknown as Shutdown;
    const answers: boolean[] = [];
    shutdown.onAnswer = (accepted) => answers.push(accepted);
    expect(shutdown.shutdown()).toBe(false);
    service.negotiate(["3.2"]);
    expect(shutdown.shutdown({ reason: "Bye", timeoutSeconds: 30 })).toBe(true);
    const first = service.take()!;
    expect([first.type, first.body.byteLength]).toEqual([3, 12 + 2048]);
    expect([0, 4, 8].map((at) => first.body.getUint32(at, true))).toEqual([0x80000000, 30, 0]);
    expect([12, 14, 16, 18].map((at) => first.body.getUint16(at, true))).toEqual([0x42, 0x79, 0x65, 0]);
    // A second wish waits for the answer to the first.
    expect(shutdown.shutdown({ action: "restart", force: true })).toBe(true);
    expect(service.take()).toBeUndefined();
    service.answer(first);
    const second = service.take()!;
    expect(second.body.getUint32(8, true)).toBe(3);
    service.answer(second, FAIL);
    expect(answers).toEqual([true, false]);
    shutdown.shutdown({ action: "hibernate" });
    expect(service.take()?.body.getUint32(8, true)).toBe(4);
  });

  it("does not ask an old service for what it would refuse", () => {
    let made: Shutdown | undefined;
    const service = new FakeService((machine) => (made = new Shutdown(machine.timers)));
    const shutdown = made as unknown as Shutdown;
    service.negotiate(["3.0"]);
    expect(shutdown.shutdown({ action: "restart" })).toBe(false);
    expect(shutdown.shutdown({ action: "hibernate" })).toBe(false);
    expect(service.take()).toBeUndefined();
    expect(shutdown.shutdown()).toBe(true);
  });
});

describe("time synchronization", () => {
  /** 2026-01-01 in units of 100 ns since 1601-01-01. */
  const EPOCH_1601 = BigInt(EPOCH_MS + 11_644_473_600_000) * 10_000n;

  it.each(["1.0", "3.0", "4.0"])("sets the clock once and then sends samples, version %s", (version) => {
    const service = new FakeService(
      (machine) => new TimeSync(machine.timers, () => machine.hypervisor.referenceTime()),
    );
    // From here on whole seconds: what the negotiation waited for is part of the seventh.
    service.machine.advance(7 * SECOND - NEGOTIATION_DELAY);
    service.negotiate([version]);
    const newer = version === "4.0";
    const check = (flag: number, seconds: number) => {
      const packet = service.take();
      if (!packet) throw new Error("no sample");
      expect([packet.type, packet.body.byteLength]).toEqual([4, newer ? 24 : 28]);
      expect(packet.body.getBigUint64(0, true)).toBe(EPOCH_1601 + BigInt(seconds) * 10_000_000n);
      expect(packet.body.getBigUint64(8, true)).toBe(newer ? BigInt(seconds) * 10_000_000n : 0n);
      expect(packet.body.getUint8(newer ? 16 : 24)).toBe(flag);
      return packet;
    };
    const first = check(1, 7);
    service.machine.advance(60 * SECOND);
    expect(service.take()).toBeUndefined();
    service.answer(first);
    service.machine.advance(5 * SECOND);
    service.answer(check(2, 72));
    service.machine.advance(5 * SECOND);
    check(2, 77);
  });

  it("can be made to set the clock again", () => {
    let device: TimeSync | undefined;
    const service = new FakeService((machine) => (device = new TimeSync(machine.timers, () => 0n)));
    expect(device?.synchronize()).toBe(false);
    service.negotiate(["4.0"]);
    service.answer(service.take()!);
    expect(device?.synchronize()).toBe(true);
    expect(service.take()?.body.getUint8(16)).toBe(1);
    expect(device?.synchronize()).toBe(false);
  });
});

describe("key-value pair exchange", () => {
  const wide = (text: string) => Uint8Array.from([...`${text}\0`].flatMap((char) => [char.charCodeAt(0), 0]));
  function put(view: DataView, at: number, text: string): number {
    const bytes = wide(text);
    bytes.forEach((byte, index) => view.setUint8(at + index, byte));
    return bytes.length;
  }

  function ready(): { kvp: KeyValuePairExchange; service: FakeService; results: KvpResult[] } {
    let kvp: KeyValuePairExchange | undefined;
    const service = new FakeService((machine) => (kvp = new KeyValuePairExchange(machine.timers)));
    return { kvp: kvp as unknown as KeyValuePairExchange, service, results: [] };
  }

  it("waits for the daemon, then asks one thing after another", () => {
    const { kvp, service, results } = ready();
    kvp.get(KVP_POOL_AUTO, "OSName", (result) => results.push(result));
    kvp.set(KVP_POOL_EXTERNAL, { key: "greeting", value: "hello" }, (result) => results.push(result));
    kvp.enumerate(KVP_POOL_AUTO, 3, (result) => results.push(result));
    kvp.enumerate(KVP_POOL_AUTO, 4, (result) => results.push(result));
    kvp.delete(KVP_POOL_EXTERNAL, "greeting", (result) => results.push(result));
    expect(kvp.available).toBe(false);
    service.negotiate(["4.0"]);
    expect(kvp.available).toBe(true);

    const get = service.take()!;
    expect([get.type, get.body.byteLength, get.body.getUint8(0), get.body.getUint8(1)]).toEqual([2, 2580, 0, 2]);
    expect(get.body.getUint32(8, true)).toBe(14);
    expect(new Uint8Array(get.body.buffer, PIPE_AND_HEADER + 16, 14)).toEqual(wide("OSName"));
    expect(service.take()).toBeUndefined();
    get.body.setUint32(4, 1, true);
    get.body.setUint32(12, put(get.body, 528, "Linux"), true);
    service.answer(get);
    expect(results).toEqual([{ kind: "done", pair: { key: "OSName", value: "Linux" } }]);

    const set = service.take()!;
    expect([set.body.getUint8(0), set.body.getUint8(1)]).toEqual([1, 0]);
    expect([4, 8, 12].map((at) => set.body.getUint32(at, true))).toEqual([1, 18, 12]);
    expect(new Uint8Array(set.body.buffer, PIPE_AND_HEADER + 528, 12)).toEqual(wide("hello"));
    service.answer(set);
    expect(results[1]).toEqual({ kind: "done" });

    const list = service.take()!;
    expect([list.body.getUint8(0), list.body.getUint32(4, true)]).toEqual([3, 3]);
    list.body.setUint32(12, put(list.body, 20, "OSVersion"), true);
    list.body.setUint32(16, put(list.body, 532, "2.6.32"), true);
    service.answer(list);
    expect(results[2]).toEqual({ kind: "done", pair: { key: "OSVersion", value: "2.6.32" } });

    service.answer(service.take()!, 0x80070103);
    expect(results[3]).toEqual({ kind: "end" });

    const remove = service.take()!;
    expect([remove.body.getUint8(0), remove.body.getUint32(4, true)]).toEqual([2, 18]);
    expect(new Uint8Array(remove.body.buffer, PIPE_AND_HEADER + 8, 18)).toEqual(wide("greeting"));
    service.answer(remove, FAIL);
    expect(results[4]).toEqual({ kind: "failed", status: FAIL });
  });

  it("believes no size that a guest gives", () => {
    const { kvp, service, results } = ready();
    service.negotiate(["4.0"]);
    kvp.get(KVP_POOL_AUTO, "x".repeat(1000), (result) => results.push(result));
    const packet = service.take()!;
    expect(packet.body.getUint32(8, true)).toBe(512);
    for (let at = 528; at < 2576; at++) packet.body.setUint8(at, 0x41);
    packet.body.setUint32(8, 0xffffffff, true);
    packet.body.setUint32(12, 0xffffffff, true);
    service.answer(packet);
    const [result] = results;
    expect(result?.kind === "done" && [result.pair?.key.length, result.pair?.value.length]).toEqual([255, 1024]);
  });

  it("tells those who wait that the guest went away", () => {
    const { kvp, service, results } = ready();
    service.negotiate(["4.0"]);
    kvp.get(KVP_POOL_AUTO, "a", (result) => results.push(result));
    kvp.get(KVP_POOL_AUTO, "b", (result) => results.push(result));
    service.machine.vmbus.reset();
    expect(results).toEqual([{ kind: "closed" }, { kind: "closed" }]);
  });
});
