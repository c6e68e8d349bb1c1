import type { HypercallRegisters } from "../../../emulator/hyperv/hypercalls";
import type { FakeMachine } from "./fake-machine";

// A guest's VMBus driver as far as tests need it, built from the sheet's layouts on its own: it shares no code with the
// host's side, so that a wrong offset there does not cancel out here.

export const SINT2_AUTO_EOI = 0x200e9n;
const PAGE = 4096;
const HYPERCALL_POST = 0x5cn;
const HYPERCALL_SIGNAL = 0x5dn;

export interface GuestMessage {
  readonly type: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
}

export function zeroRegisters(): HypercallRegisters {
  return { rax: 0n, rbx: 0n, rcx: 0n, rdx: 0n, rsi: 0n, rdi: 0n, r8: 0n };
}

/** A message of a type and u32 fields from offset 8 on. */
export function words(type: number, ...fields: number[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8 + 4 * fields.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  fields.forEach((field, index) => view.setUint32(8 + 4 * index, field, true));
  return bytes;
}

export class FakeGuest {
  readonly simp = 0x10000;
  readonly siefp = 0x11000;
  readonly hypercallPage = 0x12000;
  readonly interruptPage = 0x13000;
  readonly monitorPages = [0x14000, 0x15000] as const;
  private readonly input = 0x16000;
  private nextPage = 0x20000;
  private nextGpadl = 0xe1e10;

  constructor(readonly machine: FakeMachine) {}

  /** hv_init and hv_synic_init. */
  start(sint2 = SINT2_AUTO_EOI): void {
    const write = (index: number, value: bigint) => {
      if (!this.machine.hypervisor.msrWrite(index, value)) throw new Error(`#GP at MSR ${index.toString(16)}`);
    };
    write(0x40000000, 0x8120000206200000n);
    write(0x40000001, BigInt(this.hypercallPage) | 1n);
    write(0x40000083, BigInt(this.simp) | 1n);
    write(0x40000082, BigInt(this.siefp) | 1n);
    write(0x40000092, sint2);
    write(0x40000080, 1n);
  }

  allocate(pages: number): number {
    const gpa = this.nextPage;
    this.nextPage += pages * PAGE;
    return gpa;
  }

  /** HvCallPostMessage as EL6 does it: slow, by GPA. @returns HV_STATUS */
  post(message: Uint8Array, connectionId = 1, messageType = 1): number {
    const bytes = new Uint8Array(256);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, connectionId, true);
    view.setUint32(8, messageType, true);
    view.setUint32(12, message.length, true);
    bytes.set(message, 16);
    this.machine.memory.write(this.input, bytes);
    return this.call(HYPERCALL_POST, BigInt(this.input));
  }

  /** HvCallSignalEvent by GPA, or fast as newer kernels. @returns HV_STATUS */
  signal(connectionId: number, fast = false, flag = 0): number {
    const word = BigInt(connectionId) | (BigInt(flag) << 32n);
    if (fast) return this.call(HYPERCALL_SIGNAL | (1n << 16n), word);
    this.machine.memory.writeU64(this.input, word);
    return this.call(HYPERCALL_SIGNAL, BigInt(this.input));
  }

  call(control: bigint, input: bigint, output = 0n): number {
    const registers = { ...zeroRegisters(), rcx: control, rdx: input, r8: output };
    if (!this.machine.hypervisor.hypercall(registers, true)) throw new Error("#UD");
    return Number(registers.rax);
  }

  /** Takes every message out of SINT 2's slot, with EOM whenever the pending flag asks for it. */
  messages(): GuestMessage[] {
    const { memory, hypervisor } = this.machine;
    const slot = this.simp + 2 * 256;
    const taken: GuestMessage[] = [];
    while (memory.readU32(slot) === 1) {
      const bytes = memory.read(slot + 16, memory.readU8(slot + 4) ?? 0) ?? new Uint8Array(0);
      const view = new DataView(bytes.buffer);
      taken.push({ type: view.getUint32(0, true), bytes, view });
      memory.writeU32(slot, 0);
      if ((memory.readU8(slot + 5) ?? 0) & 1) hypervisor.msrWrite(0x40000084, 0n);
    }
    return taken;
  }

  /** The one message that is expected now. */
  message(type: number): GuestMessage {
    const all = this.messages();
    const [first] = all;
    if (all.length !== 1 || first?.type !== type) {
      throw new Error(`expected message ${type}, got [${all.map((each) => each.type).join()}]`);
    }
    return first;
  }

  /** INITIATE_CONTACT. @returns true if the host accepted the version */
  contact(version: number): boolean {
    const bytes = new Uint8Array(40);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 14, true);
    view.setUint32(8, version, true);
    const newer = version >= 0x50000;
    if (newer) bytes[16] = 2;
    else view.setBigUint64(16, BigInt(this.interruptPage), true);
    view.setBigUint64(24, BigInt(this.monitorPages[0]), true);
    view.setBigUint64(32, BigInt(this.monitorPages[1]), true);
    if (this.post(bytes, newer ? 4 : 1) !== 0) throw new Error("contact message refused");
    return this.message(15).bytes[8] === 1;
  }

  /** REQUESTOFFERS. @returns the offers; throws if ALLOFFERS_DELIVERED does not end them */
  offers(): GuestMessage[] {
    this.post(words(3));
    const all = this.messages();
    if (all.pop()?.type !== 4) throw new Error("offers do not end with ALLOFFERS_DELIVERED");
    return all;
  }

  /** Shares a page-aligned range in a header and as many bodies as it needs. @returns its handle, not yet confirmed */
  shareGpadl(relid: number, gpas: readonly number[]): number {
    const id = this.nextGpadl++;
    const pfns = gpas.map((gpa) => BigInt(gpa / PAGE));
    const first = pfns.slice(0, 26);
    const header = new Uint8Array(28 + 8 * first.length);
    const view = new DataView(header.buffer);
    view.setUint32(0, 8, true);
    view.setUint32(8, relid, true);
    view.setUint32(12, id, true);
    view.setUint16(16, 8 + 8 * pfns.length, true);
    view.setUint16(18, 1, true);
    view.setUint32(20, PAGE * pfns.length, true);
    first.forEach((pfn, index) => view.setBigUint64(28 + 8 * index, pfn, true));
    if (this.post(header) !== 0) throw new Error("GPADL header refused");
    for (let at = 26, number = 1; at < pfns.length; at += 28, number++) {
      const part = pfns.slice(at, at + 28);
      const body = new Uint8Array(16 + 8 * part.length);
      const bodyView = new DataView(body.buffer);
      bodyView.setUint32(0, 9, true);
      bodyView.setUint32(8, number, true);
      bodyView.setUint32(12, id, true);
      part.forEach((pfn, index) => bodyView.setBigUint64(16 + 8 * index, pfn, true));
      if (this.post(body) !== 0) throw new Error("GPADL body refused");
    }
    return id;
  }

  /** OPENCHANNEL. @returns the status in OPENCHANNEL_RESULT */
  openMessage(relid: number, gpadl: number, downstreamPage: number, targetVp = 0): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(148);
    bytes.set(words(5, relid, relid, gpadl, targetVp, downstreamPage));
    return bytes;
  }

  /** vmbus_open: rings of `pages` pages each, header included. Throws unless the host agrees at every step. */
  openChannel(offer: GuestMessage, pages = 4, featureBits = 1): FakeChannel {
    const relid = offer.view.getUint32(184, true);
    // Ring pages lie in descending order: nothing may rely on their being contiguous.
    const gpas = Array.from({ length: 2 * pages }, () => this.allocate(1)).reverse();
    const channel = new FakeChannel(this, relid, offer.view.getUint32(192, true), gpas, pages, featureBits);
    const gpadl = this.shareGpadl(relid, gpas);
    const created = this.message(10);
    if (created.view.getUint32(12, true) !== gpadl || created.view.getUint32(16, true) !== 0)
      throw new Error("no GPADL");
    channel.gpadl = gpadl;
    this.post(this.openMessage(relid, gpadl, pages));
    const result = this.message(6);
    if (result.view.getUint32(8, true) !== relid || result.view.getUint32(16, true) !== 0)
      throw new Error("not opened");
    return channel;
  }

  /** Takes and clears the event flags of SINT 2. */
  events(): number[] {
    const { memory } = this.machine;
    const area = memory.read(this.siefp + 2 * 256, 256) ?? new Uint8Array(0);
    memory.fill(this.siefp + 2 * 256, 256, 0);
    return [...Array(2048).keys()].filter((flag) => ((area[flag >>> 3] ?? 0) >>> (flag & 7)) & 1);
  }
}

export interface GuestPacket {
  readonly type: number;
  readonly transactionId: bigint;
  readonly flags: number;
  readonly payload: Uint8Array<ArrayBuffer>;
  readonly raw: Uint8Array<ArrayBuffer>;
}

/** The guest's end of a channel; `up` is guest to host, `down` host to guest. */
export class FakeChannel {
  gpadl = 0;
  readonly size: number;

  constructor(
    private readonly guest: FakeGuest,
    readonly relid: number,
    readonly connectionId: number,
    private readonly gpas: readonly number[],
    private readonly half: number,
    featureBits: number,
  ) {
    this.size = (half - 1) * PAGE;
    for (const gpa of [this.up, this.down]) this.guest.machine.memory.writeU32(gpa + 64, featureBits);
  }

  /** GPAs of the header pages. */
  get up(): number {
    return this.gpas[0] ?? 0;
  }
  get down(): number {
    return this.gpas[this.half] ?? 0;
  }

  /** Writes a packet and signals as Linux does: only if the ring was empty. @returns false if it does not fit */
  send(
    type: number,
    payload: Uint8Array,
    { transactionId = 0n, completion = false, extra = new Uint8Array(0), signal = true } = {},
  ): boolean {
    const header = 16 + extra.length;
    const length = (header + payload.length + 7) & ~7;
    const bytes = new Uint8Array(length + 8);
    const view = new DataView(bytes.buffer);
    const write = this.get(this.up, 0);
    view.setUint16(0, type, true);
    view.setUint16(2, header / 8, true);
    view.setUint16(4, length / 8, true);
    view.setUint16(6, completion ? 1 : 0, true);
    view.setBigUint64(8, transactionId, true);
    bytes.set(extra, 16);
    bytes.set(payload, header);
    view.setUint32(length + 4, write, true);
    const read = this.get(this.up, 4);
    const free = this.size - ((write - read + this.size) % this.size);
    if (free <= bytes.length) return false;
    bytes.forEach((byte, index) => this.guest.machine.memory.writeU8(this.address(0, write + index), byte));
    this.set(this.up, 0, (write + bytes.length) % this.size);
    if (signal && this.get(this.up, 8) === 0 && write === read) this.guest.signal(this.connectionId, true);
    return true;
  }

  /** Takes the next packet out of the host-to-guest ring. */
  receive(): GuestPacket | undefined {
    const write = this.get(this.down, 0);
    const read = this.get(this.down, 4);
    if (write === read) return undefined;
    const byte = (index: number) => this.guest.machine.memory.readU8(this.address(this.half, read + index)) ?? 0;
    const length = 8 * (byte(4) | (byte(5) << 8));
    const raw = Uint8Array.from({ length }, (_, index) => byte(index));
    const view = new DataView(raw.buffer);
    this.set(this.down, 4, (read + length + 8) % this.size);
    return {
      type: view.getUint16(0, true),
      transactionId: view.getBigUint64(8, true),
      flags: view.getUint16(6, true),
      payload: raw.slice(8 * view.getUint16(2, true)),
      raw,
    };
  }

  receiveAll(): GuestPacket[] {
    const all: GuestPacket[] = [];
    for (let packet = this.receive(); packet; packet = this.receive()) all.push(packet);
    return all;
  }

  get(header: number, field: number): number {
    return this.guest.machine.memory.readU32(header + field) ?? -1;
  }
  set(header: number, field: number, value: number): void {
    this.guest.machine.memory.writeU32(header + field, value);
  }

  /** Overwrites a byte of the guest-to-host ring's data. */
  spoil(index: number, value: number): void {
    this.guest.machine.memory.writeU8(this.address(0, index), value);
  }

  private address(firstPage: number, index: number): number {
    const at = index % this.size;
    return (this.gpas[firstPage + 1 + Math.floor(at / PAGE)] ?? 0) + (at % PAGE);
  }
}
