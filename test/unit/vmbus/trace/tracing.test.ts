import { describe, expect, it } from "vitest";
import { deviceDecoders } from "../../../../emulator/devices/decoders";
import { Heartbeat } from "../../../../emulator/devices/ic/heartbeat";
import { describeTraceEntry } from "../../../../emulator/vmbus/trace/describe";
import { VmbusTrace } from "../../../../emulator/vmbus/trace/trace";
import { VmbusTracing } from "../../../../emulator/vmbus/trace/tracing";
import type { VmbusTraceEntry } from "../../../../emulator/vmbus/trace/types";
import { type FakeChannel, FakeGuest } from "../fake-guest";
import { FakeMachine } from "../fake-machine";

interface Setup {
  readonly machine: FakeMachine;
  readonly guest: FakeGuest;
  readonly tracing: VmbusTracing;
}

function setUp(): Setup {
  const machine = new FakeMachine();
  machine.vmbus.add(new Heartbeat(machine.timers));
  const guest = new FakeGuest(machine);
  const tracing = new VmbusTracing(machine.vmbus, () => new VmbusTrace(deviceDecoders, machine.vmbus.versionNumber));
  return { machine, guest, tracing };
}

function open({ machine, guest }: Setup): FakeChannel {
  guest.start();
  guest.contact(0x30000);
  const [offer] = guest.offers();
  const channel = guest.openChannel(offer!);
  machine.advance(25_000_000);
  return channel;
}

describe("tracing a bus", () => {
  it("costs nothing while nobody listens", () => {
    const { machine, tracing } = setUp();
    expect(machine.vmbus.onTrace).toBeUndefined();
    const [first, second] = [tracing.add(() => undefined), tracing.add(() => undefined)];
    expect(machine.vmbus.onTrace).toBeDefined();
    first();
    expect(machine.vmbus.onTrace).toBeDefined();
    second();
    expect(machine.vmbus.onTrace).toBeUndefined();
  });

  it("tells the whole conversation in order, with the rings' fill and guest time", () => {
    const setup = setUp();
    const entries: VmbusTraceEntry[] = [];
    setup.tracing.add((entry) => entries.push(entry));
    open(setup);
    expect(entries).toEqual([]);
    setup.tracing.deliver();
    expect(entries.map(({ name }) => name)).toEqual([
      "INITIATE_CONTACT",
      "VERSION_RESPONSE",
      "REQUESTOFFERS",
      "OFFERCHANNEL",
      "ALLOFFERS_DELIVERED",
      "GPADL_HEADER",
      "GPADL established",
      "GPADL_CREATED",
      "OPENCHANNEL",
      "OPENCHANNEL_RESULT",
      "ICMSGTYPE_NEGOTIATE request",
      "interrupt",
    ]);
    const last = describeTraceEntry(entries[10]!);
    expect(last).toMatch(/^0\.020000000 -> channel 1 Heartbeat: ICMSGTYPE_NEGOTIATE request .*icmsg_vercnt=2/);
    expect(last).toContain("[rings <- 0/12288, -> 80/12288]");
    expect(describeTraceEntry(entries[6]!)).toBe(
      "0.000000000 -- control: GPADL established gpadl=0xe1e10 child_relid=1 pages=8",
    );
  });

  it("forgets what was not delivered when the last listener goes", () => {
    const setup = setUp();
    const entries: VmbusTraceEntry[] = [];
    const end = setup.tracing.add((entry) => entries.push(entry));
    open(setup);
    end();
    setup.tracing.add((entry) => entries.push(entry));
    setup.tracing.deliver();
    expect(entries).toEqual([]);
  });
});

describe("a snapshot", () => {
  it("has channels with their rings, and GPADLs", () => {
    const setup = setUp();
    const { machine } = setup;
    expect(machine.vmbus.snapshot()).toMatchObject({
      version: undefined,
      channels: [{ relid: 1, name: "Heartbeat", state: "closed", rings: undefined }],
      gpadls: [],
    });
    const channel = open(setup);
    const { version, channels, gpadls } = machine.vmbus.snapshot();
    expect(version).toBe("3.0");
    expect(channels).toMatchObject([{ state: "open", targetVp: 0, connectionId: channel.connectionId }]);
    expect(channels[0]?.rings).toEqual({ toHost: { used: 0, size: 12288 }, toGuest: { used: 80, size: 12288 } });
    expect(gpadls).toEqual([{ id: channel.gpadl, relid: 1, pages: 8, holdsRings: true }]);
    // An index that points nowhere, as only a hostile guest has it.
    channel.set(channel.down, 4, 0xfffffff1);
    expect(machine.vmbus.snapshot().channels[0]?.rings?.toGuest.used).toBeUndefined();
  });

  it("has the SynIC and the MSRs by name, and changes nothing", () => {
    const setup = setUp();
    const { hypervisor } = setup.machine;
    open(setup);
    const synic = hypervisor.synicState();
    expect(synic).toMatchObject({ enabled: true, messagePage: setup.guest.simp, eventFlagsPage: setup.guest.siefp });
    expect(synic.sints).toHaveLength(16);
    expect(synic.sints[2]).toEqual({
      sint: 2,
      vector: 0xe9,
      masked: false,
      autoEoi: true,
      polling: false,
      messageType: 0,
      queued: 0,
      eventFlags: [0x1],
    });
    expect(synic.sints[3]).toMatchObject({ masked: true, eventFlags: [] });
    const msrs = hypervisor.namedMsrs();
    const byName = new Map(msrs.map(({ name, value }) => [name, value]));
    expect(byName.get("HV_X64_MSR_GUEST_OS_ID")).toBe(0x8120000206200000n);
    expect(byName.get("HV_X64_MSR_SIMP")).toBe(BigInt(setup.guest.simp) | 1n);
    expect(byName.get("HV_X64_MSR_SINT2")).toBe(0x200e9n);
    expect([...byName.keys()]).toEqual(expect.arrayContaining(["HV_X64_MSR_SINT15", "HV_X64_MSR_STIMER3_COUNT"]));
    expect(byName.has("HV_X64_MSR_EOI")).toBe(false);
    expect(msrs.map(({ index }) => index)).toEqual(msrs.map(({ index }) => index).sort((a, b) => a - b));
    expect(hypervisor.namedMsrs()).toEqual(msrs);
    expect(hypervisor.synicState()).toEqual(synic);
    expect(setup.machine.resets).toBe(0);
    expect(setup.machine.crashes).toEqual([]);
  });
});
