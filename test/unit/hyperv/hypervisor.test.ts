import { describe, expect, it } from "vitest";
import { FakeGuest } from "../vmbus/fake-guest";
import { APIC_FREQUENCY, FakeMachine } from "../vmbus/fake-machine";

const SIMP = 0x40000083;
const SIEFP = 0x40000082;
const SINT0 = 0x40000090;
const EOM = 0x40000084;
const SCONTROL = 0x40000080;
const STIMER0_CONFIG = 0x400000b0;
const STIMER0_COUNT = 0x400000b1;

function started(sint2?: bigint): { machine: FakeMachine; guest: FakeGuest } {
  const machine = new FakeMachine();
  const guest = new FakeGuest(machine);
  guest.start(sint2);
  return { machine, guest };
}

function text(...words: number[]): string {
  const bytes = new Uint8Array(4 * words.length);
  words.forEach((word, index) => new DataView(bytes.buffer).setUint32(4 * index, word, true));
  return new TextDecoder().decode(bytes);
}

describe("CPUID", () => {
  const { hypervisor } = new FakeMachine();
  const leaf = (number: number) => hypervisor.cpuid(number, 0) ?? [0, 0, 0, 0];

  it("names Hyper-V and its interface", () => {
    const [eax, ebx, ecx, edx] = leaf(0x40000000);
    expect(eax).toBe(0x40000006);
    expect(text(ebx, ecx, edx)).toBe("Microsoft Hv");
    expect(text(leaf(0x40000001)[0])).toBe("Hv#1");
  });

  it("answers its own leaves only", () => {
    expect(hypervisor.cpuid(0x40000007, 0)).toBeUndefined();
    expect(hypervisor.cpuid(0x40000100, 0)).toBeUndefined();
    expect(hypervisor.cpuid(0x3fffffff, 0)).toBeUndefined();
    expect(hypervisor.cpuid(0, 0)).toBeUndefined();
  });

  it("never claims the root partition's privileges, isolation or hypercalls that do not exist", () => {
    const [, ebx] = leaf(0x40000003);
    expect(ebx).toBe((1 << 4) | (1 << 5));
    const hints = leaf(0x40000004)[0];
    expect(hints & ((1 << 2) | (1 << 10) | (1 << 11) | (1 << 12) | (1 << 14))).toBe(0);
  });

  it("keeps each promise: an announced MSR group can be read, one not announced faults", () => {
    const [eax, , , edx] = leaf(0x40000003);
    const groups: [bit: number, msr: number][] = [
      [0, 0x40000010],
      [1, 0x40000020],
      [2, SCONTROL],
      [3, STIMER0_CONFIG],
      [4, 0x40000072],
      [5, 0x40000000],
      [6, 0x40000002],
      [7, 0x40000003],
      [9, 0x40000021],
      [10, 0x400000f0],
      [11, 0x40000022],
      [13, 0x40000106],
      [15, 0x40000118],
    ];
    for (const [bit, msr] of groups) {
      expect([msr.toString(16), hypervisor.msrRead(msr) !== undefined]).toEqual([
        msr.toString(16),
        ((eax >>> bit) & 1) === 1,
      ]);
    }
    expect(((edx >>> 10) & 1) === 1).toBe(hypervisor.msrRead(0x40000105) !== undefined);
    expect((edx >>> 8) & 1).toBe(1);
    expect(hypervisor.msrRead(0x40000022)).toBe(1_000_000_000n);
    expect(hypervisor.msrRead(0x40000023)).toBe(BigInt(APIC_FREQUENCY));
  });
});

describe("MSRs", () => {
  it("fault where they do not exist or go the wrong way", () => {
    const { hypervisor } = new FakeMachine();
    expect(hypervisor.msrRead(0x40000004)).toBeUndefined();
    expect(hypervisor.msrWrite(0x4fffffff, 0n)).toBe(false);
    expect(hypervisor.msrWrite(0x40000002, 0n)).toBe(false);
    expect(hypervisor.msrWrite(0x40000020, 0n)).toBe(false);
    expect(hypervisor.msrWrite(0x40000081, 0n)).toBe(false);
    expect(hypervisor.msrRead(0x40000081)).toBe(1n);
    expect(hypervisor.msrRead(0x40000070)).toBeUndefined();
  });

  it("reach the local APIC", () => {
    const { hypervisor, apic } = new FakeMachine();
    expect(hypervisor.msrWrite(0x40000070, 0n)).toBe(true);
    expect(apic.eois).toBe(1);
    expect(hypervisor.msrWrite(0x40000071, 0x01000000_000040fdn)).toBe(true);
    expect(hypervisor.msrRead(0x40000071)).toBe(0x01000000_000040fdn);
    expect(hypervisor.msrWrite(0x40000072, 0x30n)).toBe(true);
    expect(apic.tpr).toBe(0x30);
    expect(hypervisor.msrWrite(0x40000072, 0x100n)).toBe(false);
  });

  it("reset the machine and report a crash with its message", () => {
    const { hypervisor, memory, crashes, ...machine } = new FakeMachine();
    void machine;
    memory.write(0x5000, new TextEncoder().encode("Kernel panic - not syncing"));
    for (let i = 0; i < 5; i++) hypervisor.msrWrite(0x40000100 + i, [0x11n, 0x22n, 0x33n, 0x5000n, 12n][i] ?? 0n);
    hypervisor.msrWrite(0x40000105, 1n << 63n);
    hypervisor.msrWrite(0x40000105, 3n << 62n);
    expect(crashes).toEqual([
      { parameters: [0x11n, 0x22n, 0x33n, 0x5000n, 12n], message: undefined },
      { parameters: [0x11n, 0x22n, 0x33n, 0x5000n, 12n], message: "Kernel panic" },
    ]);
    hypervisor.msrWrite(0x40000103, 0xffff_ffff_ffff_ffffn);
    hypervisor.msrWrite(0x40000105, 3n << 62n);
    expect(crashes[2]?.message).toBeUndefined();
  });

  it("ask for a reset only with bit 0", () => {
    const machine = new FakeMachine();
    machine.hypervisor.msrWrite(0x40000003, 2n);
    expect(machine.resets).toBe(0);
    machine.hypervisor.msrWrite(0x40000003, 1n);
    expect(machine.resets).toBe(1);
  });
});

describe("hypercall page", () => {
  const OS = 0x40000000;
  const PAGE = 0x40000001;

  it("needs a guest OS id and is an overlay that gives back what it hid", () => {
    const { hypervisor, memory } = new FakeMachine();
    memory.fill(0x7000, 0x3000, 0x5a);
    expect(hypervisor.msrWrite(PAGE, 0x7001n)).toBe(true);
    expect(hypervisor.msrRead(PAGE)).toBe(0x7000n);
    hypervisor.msrWrite(OS, 0x8100000000000000n);
    hypervisor.msrWrite(PAGE, 0x7001n);
    expect(memory.read(0x7000, 5)).toEqual(Uint8Array.of(0x0f, 0x01, 0xc1, 0xc3, 0));
    hypervisor.msrWrite(PAGE, 0x8001n);
    expect(memory.read(0x7000, 4096)?.every((byte) => byte === 0x5a)).toBe(true);
    expect(memory.readU32(0x8000)).toBe(0xc3c1010f);
    hypervisor.msrWrite(OS, 0n);
    expect(hypervisor.msrRead(PAGE)).toBe(0x8000n);
    expect(memory.read(0x8000, 4096)?.every((byte) => byte === 0x5a)).toBe(true);
  });

  it("faults outside RAM and no longer changes once locked", () => {
    const { hypervisor, memory } = new FakeMachine();
    hypervisor.msrWrite(OS, 1n);
    expect(hypervisor.msrWrite(PAGE, BigInt(memory.size) | 1n)).toBe(false);
    expect(hypervisor.msrWrite(PAGE, 0xffff_ffff_ffff_f001n)).toBe(false);
    expect(hypervisor.msrWrite(PAGE, BigInt(memory.size - 4096) | 3n)).toBe(true);
    hypervisor.msrWrite(PAGE, 0n);
    expect(hypervisor.msrRead(PAGE)).toBe(BigInt(memory.size - 4096) | 3n);
  });

  it("is where hypercalls come from: without it the instruction is undefined", () => {
    const { hypervisor } = new FakeMachine();
    const registers = { rax: 7n, rbx: 0n, rcx: 8n, rdx: 0n, rsi: 0n, rdi: 0n, r8: 0n };
    expect(hypervisor.hypercall(registers, true)).toBe(false);
    expect(registers.rax).toBe(7n);
  });
});

describe("hypercalls", () => {
  it("answer with the specification's status codes", () => {
    const { guest, machine } = started();
    const at = 0x30000;
    const post = (connection: number, type: number, size: number, gpa = at) => {
      const words = [connection, 0, type, size];
      words.forEach((word, index) => machine.memory.writeU32(gpa + 4 * index, word));
      return guest.call(0x5cn, BigInt(gpa));
    };
    expect(guest.call(0x4321n, 0n)).toBe(2);
    expect(guest.call(8n | (1n << 16n), 1n)).toBe(0);
    expect(guest.call(0x5dn | (1n << 17n), BigInt(at))).toBe(3);
    expect(guest.call(0x5dn | (1n << 32n), BigInt(at))).toBe(3);
    expect(guest.call(0x5dn | (1n << 48n), BigInt(at))).toBe(3);
    expect(guest.call(0x5dn | (1n << 63n), BigInt(at))).toBe(3);
    expect(guest.call(0x5cn | (1n << 16n), 1n)).toBe(3);
    expect(guest.call(0x5dn, BigInt(at + 4))).toBe(4);
    expect(guest.call(0x5cn, 0x30f08n)).toBe(4);
    expect(guest.call(0x5cn, BigInt(machine.memory.size))).toBe(5);
    expect(guest.call(0x5dn, 0xffff_ffff_ffff_fff8n)).toBe(5);
    expect(post(1, 1, 241)).toBe(5);
    expect(post(1, 0, 8)).toBe(5);
    expect(post(1, 0x80000010, 8)).toBe(5);
    expect(post(0x77, 1, 8)).toBe(0x12);
    expect(post(2, 1, 8)).toBe(0x11);
    expect(guest.signal(0x77)).toBe(0x12);
    expect(guest.signal(1)).toBe(0x11);
    expect(guest.signal(2, true, 2048)).toBe(5);
    // The last place in a page that holds the whole input.
    expect(post(1, 1, 8, 0x30f00)).toBe(0);
  });

  it("take the 32-bit convention: EDX:EAX, EBX:ECX, result in EDX:EAX", () => {
    const { machine } = started();
    const seen: number[] = [];
    machine.hypervisor.connect(0x123456, { signalEvent: (flag) => (seen.push(flag), 0x13) });
    const fast = { rax: 0x1005dn, rdx: 0n, rbx: 9n, rcx: 0x123456n, rsi: 0n, rdi: 0n, r8: 0xdeadn };
    machine.hypervisor.hypercall(fast, false);
    expect(seen).toEqual([9]);
    expect([fast.rax, fast.rdx, fast.rbx, fast.rcx]).toEqual([0x13n, 0n, 9n, 0x123456n]);
    machine.memory.writeU64(0x30008, 0x3_00123456n);
    const slow = { rax: 0x5dn, rdx: 0n, rbx: 0n, rcx: 0x30008n, rsi: 0n, rdi: 0n, r8: 0n };
    machine.hypervisor.hypercall(slow, false);
    expect(seen).toEqual([9, 3]);
    const upper = { rax: 0x5dn, rdx: 1n, rbx: 0n, rcx: 0x30008n, rsi: 0n, rdi: 0n, r8: 0n };
    machine.hypervisor.hypercall(upper, false);
    expect(upper.rax).toBe(3n);
  });

  it("count bits 23:0 of a connection id only", () => {
    const { machine, guest } = started();
    machine.hypervisor.connect(0x2001, { signalEvent: () => 0 });
    expect(guest.signal(0xff002001 >>> 0)).toBe(0);
    machine.hypervisor.disconnect(0x2001);
    expect(guest.signal(0x2001)).toBe(0x12);
  });
});

describe("SynIC", () => {
  it("queues behind a busy slot, sets the pending flag and goes on at EOM, in order", () => {
    const { machine, guest } = started();
    for (const n of [1, 2, 3]) machine.hypervisor.postMessage(0, 2, 1, Uint8Array.of(n, 0, 0, 0));
    const slot = guest.simp + 512;
    expect(machine.vectors).toEqual([{ vp: 0, vector: 0xe9, autoEoi: true }]);
    expect(machine.memory.readU8(slot + 5)).toBe(1);
    machine.memory.writeU32(slot, 0);
    expect(machine.vectors.length).toBe(1);
    machine.hypervisor.msrWrite(EOM, 0n);
    expect(machine.memory.readU8(slot + 16)).toBe(2);
    expect(machine.vectors.length).toBe(2);
    // The third waits, and a guest writes EOM only if it is told so.
    expect(machine.memory.readU8(slot + 5)).toBe(1);
    // Still busy: an EOM now changes nothing but the flag.
    machine.hypervisor.msrWrite(EOM, 0n);
    expect(machine.memory.readU8(slot + 16)).toBe(2);
    machine.memory.writeU32(slot, 0);
    machine.hypervisor.msrWrite(EOM, 0n);
    expect(machine.memory.readU8(slot + 16)).toBe(3);
    expect(machine.memory.readU8(slot + 5)).toBe(0);
    expect(machine.memory.readU8(slot + 4)).toBe(4);
  });

  it("goes on at the EOI of the SINT's vector too", () => {
    const { machine, guest } = started(0xf3n);
    machine.hypervisor.postMessage(0, 2, 1, Uint8Array.of(1));
    machine.hypervisor.postMessage(0, 2, 1, Uint8Array.of(2));
    expect(machine.vectors).toEqual([{ vp: 0, vector: 0xf3, autoEoi: false }]);
    machine.memory.writeU32(guest.simp + 512, 0);
    machine.hypervisor.apicEoi(0xf2);
    expect(machine.vectors.length).toBe(1);
    machine.hypervisor.apicEoi(0xf3);
    expect(machine.vectors.length).toBe(2);
  });

  it("delivers without an interrupt when masked or polling", () => {
    for (const bit of [16n, 18n]) {
      const { machine, guest } = started();
      machine.hypervisor.msrWrite(SINT0 + 2, 0xe9n | (1n << bit));
      machine.hypervisor.postMessage(0, 2, 1, Uint8Array.of(1));
      expect(machine.memory.readU32(guest.simp + 512)).toBe(1);
      expect(machine.vectors).toEqual([]);
    }
  });

  it("refuses a reserved vector unless masked", () => {
    const { machine } = started();
    expect(machine.hypervisor.msrRead(SINT0 + 5)).toBe(0x10000n);
    expect(machine.hypervisor.msrWrite(SINT0 + 5, 15n)).toBe(false);
    expect(machine.hypervisor.msrWrite(SINT0 + 5, 15n | (1n << 16n))).toBe(true);
    expect(machine.hypervisor.msrWrite(SINT0 + 5, 16n)).toBe(true);
  });

  it("holds messages until page and control are on, and drops them with the page", () => {
    const machine = new FakeMachine();
    const guest = new FakeGuest(machine);
    machine.hypervisor.postMessage(0, 2, 1, Uint8Array.of(1));
    guest.start();
    expect(machine.memory.readU32(guest.simp + 512)).toBe(1);
    machine.hypervisor.postMessage(0, 2, 1, Uint8Array.of(2));
    machine.hypervisor.msrWrite(SIMP, 0n);
    machine.hypervisor.msrWrite(SIMP, 0x18001n);
    machine.hypervisor.msrWrite(EOM, 0n);
    expect(machine.memory.readU32(0x18000 + 512)).toBe(0);
  });

  it("interrupts for an event flag only when it was clear, and records nothing while masked or off", () => {
    const { machine, guest } = started();
    machine.hypervisor.signalEvent(0, 2, 2047);
    machine.hypervisor.signalEvent(0, 2, 2047);
    expect(machine.memory.readU8(guest.siefp + 512 + 255)).toBe(0x80);
    expect(machine.vectors.length).toBe(1);
    machine.hypervisor.signalEvent(0, 2, 2048);
    machine.hypervisor.signalEvent(1, 2, 5);
    machine.hypervisor.msrWrite(SINT0 + 2, 0x10000n);
    machine.hypervisor.signalEvent(0, 2, 6);
    machine.hypervisor.msrWrite(SINT0 + 2, 0xe9n);
    machine.hypervisor.msrWrite(SCONTROL, 0n);
    machine.hypervisor.signalEvent(0, 2, 7);
    expect(guest.events()).toEqual([2047]);
    expect(machine.vectors.length).toBe(1);
  });

  it("takes messages up to its limit and says once that it drops more; the guest's calls get 0x13", () => {
    const { machine, guest } = started();
    for (let i = 0; i < 5000; i++) machine.hypervisor.postMessage(0, 2, 1, Uint8Array.of(1));
    expect(machine.log.length).toBe(1);
    expect(guest.post(new Uint8Array(8))).toBe(0x13);
    machine.memory.writeU32(guest.simp + 512, 0);
    machine.hypervisor.msrWrite(EOM, 0n);
    expect(guest.post(new Uint8Array(8))).toBe(0);
  });

  it("shows fresh zero pages and gives RAM back", () => {
    const machine = new FakeMachine();
    machine.memory.fill(0x9000, 0x1000, 0x77);
    machine.hypervisor.msrWrite(SIEFP, 0x9001n);
    expect(machine.memory.read(0x9000, 4096)?.every((byte) => byte === 0)).toBe(true);
    machine.hypervisor.msrWrite(SIEFP, 0x9000n);
    expect(machine.memory.read(0x9000, 4096)?.every((byte) => byte === 0x77)).toBe(true);
    expect(machine.hypervisor.msrWrite(SIEFP, (1n << 52n) | 1n)).toBe(false);
    expect(machine.hypervisor.msrRead(SIEFP)).toBe(0x9000n);
  });

  it("starts anew after a reset, and leaves the new RAM alone", () => {
    const { machine, guest } = started();
    machine.hypervisor.postMessage(0, 2, 1, Uint8Array.of(1));
    machine.memory.fill(0, machine.memory.size, 0x33);
    machine.hypervisor.reset();
    machine.hypervisor.postMessage(0, 2, 1, Uint8Array.of(1));
    expect(machine.memory.read(0, machine.memory.size)?.every((byte) => byte === 0x33)).toBe(true);
    for (const msr of [0x40000000, 0x40000001, SIMP, SIEFP, SCONTROL]) expect(machine.hypervisor.msrRead(msr)).toBe(0n);
    expect(machine.hypervisor.msrRead(SINT0 + 2)).toBe(0x10000n);
    expect(() => guest.call(8n, 0n)).toThrow("#UD");
  });
});

describe("synthetic timers", () => {
  const units = (nanoseconds: number) => BigInt(nanoseconds / 100);

  it("fire once in direct mode at the absolute reference time", () => {
    const { machine } = started();
    machine.hypervisor.msrWrite(STIMER0_CONFIG, (0xedn << 4n) | (1n << 12n) | (1n << 3n));
    machine.hypervisor.msrWrite(STIMER0_COUNT, units(5_000_000));
    expect(machine.hypervisor.msrRead(STIMER0_CONFIG)! & 1n).toBe(1n);
    machine.advance(4_999_999);
    expect(machine.vectors).toEqual([]);
    machine.advance(1);
    expect(machine.vectors).toEqual([{ vp: 0, vector: 0xed, autoEoi: false }]);
    expect(machine.hypervisor.msrRead(STIMER0_CONFIG)! & 1n).toBe(0n);
    machine.advance(100_000_000);
    expect(machine.vectors.length).toBe(1);
    // A time that has passed fires at once.
    machine.hypervisor.msrWrite(STIMER0_COUNT, 1n);
    machine.advance(0);
    expect(machine.vectors.length).toBe(2);
    // Writing 0 stops it.
    machine.hypervisor.msrWrite(STIMER0_COUNT, units(machine.clock.time + 1000));
    machine.hypervisor.msrWrite(STIMER0_COUNT, 0n);
    machine.advance(1_000_000);
    expect(machine.vectors.length).toBe(2);
  });

  it("repeat periodically without drift, and drop missed ticks", () => {
    const { machine } = started();
    machine.hypervisor.msrWrite(STIMER0_COUNT, units(1_000_000));
    machine.hypervisor.msrWrite(STIMER0_CONFIG, (0xedn << 4n) | (1n << 12n) | 3n);
    machine.advance(10_500_000);
    expect(machine.vectors.length).toBe(10);
    machine.clock.time += 5_000_000;
    machine.timers.runDue();
    expect(machine.vectors.length).toBe(11);
    machine.advance(499_999);
    expect(machine.vectors.length).toBe(11);
    machine.advance(1);
    expect(machine.vectors.length).toBe(12);
  });

  it("send a message to their SINT, and wait for a busy slot", () => {
    const { machine, guest } = started();
    machine.hypervisor.postMessage(0, 2, 1, Uint8Array.of(1));
    machine.hypervisor.msrWrite(STIMER0_CONFIG + 2, (2n << 16n) | (1n << 3n));
    machine.hypervisor.msrWrite(STIMER0_COUNT + 2, units(1_000_000));
    machine.advance(3_000_000);
    const slot = guest.simp + 512;
    expect(machine.memory.readU32(slot)).toBe(1);
    expect(machine.memory.readU8(slot + 5)).toBe(1);
    machine.memory.writeU32(slot, 0);
    machine.hypervisor.msrWrite(EOM, 0n);
    expect(machine.memory.readU32(slot)).toBe(0x80000010);
    expect(machine.memory.readU8(slot + 4)).toBe(24);
    expect(machine.memory.readU32(slot + 16)).toBe(1);
    expect(machine.memory.readU64(slot + 24)).toBe(units(1_000_000));
    expect(machine.memory.readU64(slot + 32)).toBe(units(3_000_000));
    machine.memory.writeU32(slot, 0);
    machine.hypervisor.msrWrite(EOM, 0n);
    expect(machine.memory.readU32(slot)).toBe(0);
  });

  it("stay off with SINT 0 and no direct mode, and never fire centuries away", () => {
    const { machine } = started();
    machine.hypervisor.msrWrite(STIMER0_CONFIG, 1n);
    expect(machine.hypervisor.msrRead(STIMER0_CONFIG)).toBe(0n);
    machine.hypervisor.msrWrite(STIMER0_CONFIG, (0xedn << 4n) | (1n << 12n) | (1n << 3n));
    machine.hypervisor.msrWrite(STIMER0_COUNT, 0xffff_ffff_ffff_ffffn);
    expect(machine.timers.nextDeadline).toBe(Infinity);
  });

  it("leave time for others, whatever period a guest asks for", () => {
    const { machine } = started();
    machine.hypervisor.msrWrite(STIMER0_COUNT, 1n);
    machine.hypervisor.msrWrite(STIMER0_CONFIG, (0xedn << 4n) | (1n << 12n) | 3n);
    machine.advance(1_000_000);
    expect(machine.vectors.length).toBe(10);
  });
});

describe("reference time", () => {
  const PAGE = 0x19000;

  /** The guest's formula (TLFS 12.6.2). */
  function fromPage(machine: FakeMachine): bigint {
    const scale = machine.memory.readU64(PAGE + 8) ?? 0n;
    const offset = BigInt.asIntN(64, machine.memory.readU64(PAGE + 16) ?? 0n);
    return ((machine.tsc() * scale) >> 64n) + offset;
  }

  it("counts 100 ns units", () => {
    const machine = new FakeMachine();
    machine.clock.time = 12_345_678_999;
    expect(machine.hypervisor.msrRead(0x40000020)).toBe(123_456_789n);
  });

  it("is the same through the page and the MSR, to within 100 ns over a week, whatever the TSC's offset", () => {
    for (const offset of [0n, 77n, -123_456_789_012n, 1n << 40n]) {
      const machine = new FakeMachine();
      machine.tscOffset = offset;
      machine.clock.time = 200_000_000_033;
      machine.hypervisor.msrWrite(0x40000021, BigInt(PAGE) | 1n);
      let last = 0n;
      // Steps that are no multiple of 100 ns, so that every phase of both counters comes by; two minutes each.
      for (let step = 0; step < 5000; step++) {
        machine.clock.time += 120_000_000_037;
        const msr = machine.hypervisor.msrRead(0x40000020) ?? 0n;
        const page = fromPage(machine);
        const difference = page - msr;
        expect(difference >= -1n && difference <= 1n).toBe(true);
        expect(page > last).toBe(true);
        last = page;
        if (offset === 0n) expect(difference).toBe(0n);
      }
    }
  });

  it("follows a write to the TSC with a new sequence number, never 0", () => {
    const machine = new FakeMachine();
    machine.clock.time = 5_000_000_000;
    machine.hypervisor.msrWrite(0x40000021, BigInt(PAGE) | 1n);
    const before = machine.memory.readU32(PAGE);
    expect(before).not.toBe(0);
    machine.tscOffset = -machine.tsc();
    machine.hypervisor.tscChanged();
    expect(machine.memory.readU32(PAGE)).not.toBe(before);
    machine.clock.time += 1_000;
    expect(fromPage(machine)).toBe(machine.hypervisor.msrRead(0x40000020));
  });
});
