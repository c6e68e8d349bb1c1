import type { GuestMemory } from "../cpu/guest-memory";
import type { Log } from "../log";
import type { VectorSink } from "./interfaces";
import { OverlayPage } from "./overlay";
import type { SintState, SynicState } from "./synic-state";

// The synthetic interrupt controller of one virtual processor (TLFS 6.0b, chapter 11).

export const HV_SYNIC_SINT_COUNT = 16;
export const HV_EVENT_FLAGS_COUNT = 2048;
export const HV_MESSAGE_PAYLOAD_BYTE_COUNT = 240;
/** Bytes of a slot in the message page and of an area in the event flags page. */
const SLOT_SIZE = 256;

/** Offsets in HV_MESSAGE_HEADER. */
const MESSAGE_TYPE = 0;
const PAYLOAD_SIZE = 4;
const MESSAGE_FLAGS = 5;
const SENDER = 8;
const PAYLOAD = 16;

const HvMessageTypeNone = 0;
const MESSAGE_PENDING = 1;

/** Bits of HV_X64_MSR_SINTx. */
const SINT_VECTOR = 0xffn;
const SINT_MASKED = 1n << 16n;
const SINT_AUTO_EOI = 1n << 17n;
const SINT_POLLING = 1n << 18n;
const SINT_DEFINED = SINT_VECTOR | SINT_MASKED | SINT_AUTO_EOI | SINT_POLLING;
const LOWEST_VECTOR = 16n;

const SCONTROL_ENABLE = 1n;

/** Messages that wait for one processor's slots, at most: a guest that posts and never reads must not eat the host. */
export const MESSAGE_QUEUE_LIMIT = 4096;

interface Message {
  readonly type: number;
  readonly payload: Uint8Array;
}

export class SynicController {
  private scontrolValue = 0n;
  private siefpValue = 0n;
  private simpValue = 0n;
  private readonly sints = new BigUint64Array(HV_SYNIC_SINT_COUNT).fill(SINT_MASKED);
  private readonly simp: OverlayPage;
  private readonly siefp: OverlayPage;
  private readonly queues: Message[][] = Array.from({ length: HV_SYNIC_SINT_COUNT }, () => []);
  private queued = 0;
  private dropping = false;
  /** Called for a SINT whose slot may have become free after its queue was served: synthetic timers wait for that. */
  onSlotScan: ((sint: number) => void) | undefined;

  constructor(
    private readonly vp: number,
    private readonly memory: GuestMemory,
    private readonly vectors: VectorSink,
    private readonly log: Log,
  ) {
    this.simp = new OverlayPage(memory);
    this.siefp = new OverlayPage(memory);
  }

  get queueIsFull(): boolean {
    return this.queued >= MESSAGE_QUEUE_LIMIT;
  }

  get scontrol(): bigint {
    return this.scontrolValue;
  }
  set scontrol(value: bigint) {
    this.scontrolValue = value;
    this.scanAll();
  }

  get siefpMsr(): bigint {
    return this.siefpValue;
  }
  /** @returns false for a page outside guest RAM */
  writeSiefp(value: bigint): boolean {
    if (!this.siefp.program(value)) return false;
    this.siefpValue = value;
    return true;
  }

  get simpMsr(): bigint {
    return this.simpValue;
  }
  /** @returns false for a page outside guest RAM */
  writeSimp(value: bigint): boolean {
    if (!this.simp.program(value)) return false;
    this.simpValue = value;
    // What waits for a kernel that took its page away is not for the kernel that comes after it (kexec, kdump).
    if (!this.simp.enabled) this.dropMessages();
    this.scanAll();
    return true;
  }

  readSint(sint: number): bigint {
    return this.sints[sint] ?? SINT_MASKED;
  }
  /** @returns false for an unmasked SINT with a reserved vector, which is a general protection fault */
  writeSint(sint: number, value: bigint): boolean {
    const masked = (value & (SINT_MASKED | SINT_POLLING)) !== 0n;
    if (!masked && (value & SINT_VECTOR) < LOWEST_VECTOR) return false;
    this.sints[sint] = value & SINT_DEFINED;
    this.scan(sint);
    return true;
  }

  /** HV_X64_MSR_EOM, whatever its value: slots may be free again. */
  endOfMessage(): void {
    this.scanAll();
  }

  /** The guest ended an interrupt at its local APIC; messages of SINTs with that vector may go on (TLFS 11.10.3). */
  apicEoi(vector: number): void {
    for (let sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++) {
      if (Number(this.readSint(sint) & SINT_VECTOR) === vector) this.scan(sint);
    }
  }

  /** Queues a message and delivers what can be delivered. */
  post(sint: number, type: number, payload: Uint8Array): void {
    const queue = this.queues[sint];
    if (!queue) return;
    if (this.queueIsFull) {
      if (!this.dropping) this.log("synic", `guest leaves ${MESSAGE_QUEUE_LIMIT} messages unread; dropping more`);
      this.dropping = true;
      return;
    }
    queue.push({ type, payload: payload.slice(0, HV_MESSAGE_PAYLOAD_BYTE_COUNT) });
    this.queued++;
    this.scan(sint);
  }

  /**
   * Delivers a message now if the slot is free and nothing waits for it.
   * @returns false if the slot is busy (its pending flag is set) or the SynIC is off: try again in onSlotScan
   */
  tryPost(sint: number, type: number, payload: Uint8Array): boolean {
    if ((this.queues[sint]?.length ?? 0) > 0) return false;
    return this.deliver(sint, { type, payload });
  }

  /** Sets an event flag; the interrupt comes only if it was clear. Off or masked, the event is lost (TLFS 11.11). */
  signal(sint: number, flag: number): void {
    const page = this.siefp.gpa;
    if (page === undefined || (this.scontrolValue & SCONTROL_ENABLE) === 0n) return;
    if (!(flag >= 0 && flag < HV_EVENT_FLAGS_COUNT) || !(sint >= 0 && sint < HV_SYNIC_SINT_COUNT)) return;
    if ((this.readSint(sint) & SINT_MASKED) !== 0n) return;
    const gpa = page + sint * SLOT_SIZE + (flag >>> 3);
    const bit = 1 << (flag & 7);
    const old = this.memory.readU8(gpa) ?? 0xff;
    if ((old & bit) !== 0) return;
    this.memory.writeU8(gpa, old | bit);
    this.interrupt(sint);
  }

  /** How it stands; reading changes nothing. */
  state(): SynicState {
    return {
      enabled: (this.scontrolValue & SCONTROL_ENABLE) !== 0n,
      messagePage: this.simp.gpa,
      eventFlagsPage: this.siefp.gpa,
      sints: Array.from({ length: HV_SYNIC_SINT_COUNT }, (_, sint) => this.sintState(sint)),
    };
  }

  private sintState(sint: number): SintState {
    const value = this.readSint(sint);
    const messages = this.simp.gpa;
    const slot = messages === undefined ? undefined : this.memory.readU32(messages + sint * SLOT_SIZE + MESSAGE_TYPE);
    return {
      sint,
      vector: Number(value & SINT_VECTOR),
      masked: (value & SINT_MASKED) !== 0n,
      autoEoi: (value & SINT_AUTO_EOI) !== 0n,
      polling: (value & SINT_POLLING) !== 0n,
      messageType: slot ?? HvMessageTypeNone,
      queued: this.queues[sint]?.length ?? 0,
      eventFlags: this.eventFlags(sint),
    };
  }

  private eventFlags(sint: number): number[] {
    const page = this.siefp.gpa;
    const area = page === undefined ? undefined : this.memory.read(page + sint * SLOT_SIZE, SLOT_SIZE);
    const flags: number[] = [];
    area?.forEach((byte, index) => {
      for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) flags.push(8 * index + bit);
    });
    return flags;
  }

  reset(): void {
    this.scontrolValue = 0n;
    this.siefpValue = 0n;
    this.simpValue = 0n;
    this.sints.fill(SINT_MASKED);
    this.simp.forget();
    this.siefp.forget();
    this.dropMessages();
  }

  private dropMessages(): void {
    for (const queue of this.queues) queue.length = 0;
    this.queued = 0;
    this.dropping = false;
  }

  private scanAll(): void {
    for (let sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++) this.scan(sint);
  }

  private scan(sint: number): void {
    const queue = this.queues[sint];
    const first = queue?.[0];
    // One slot, so one delivery at most; the second message finds it busy and only sets the pending flag.
    if (queue && first && this.deliver(sint, first)) {
      queue.shift();
      this.queued--;
      this.dropping = false;
      if (queue.length > 0) this.markPending(sint);
    }
    if (queue?.length === 0) this.onSlotScan?.(sint);
  }

  private deliver(sint: number, message: Message): boolean {
    const page = this.simp.gpa;
    if (page === undefined || (this.scontrolValue & SCONTROL_ENABLE) === 0n) return false;
    const slot = page + sint * SLOT_SIZE;
    if (this.memory.readU32(slot + MESSAGE_TYPE) !== HvMessageTypeNone) {
      this.markPending(sint);
      return false;
    }
    this.memory.write(slot + PAYLOAD, message.payload);
    this.memory.writeU8(slot + PAYLOAD_SIZE, message.payload.length);
    this.memory.writeU8(slot + MESSAGE_FLAGS, 0);
    this.memory.writeU16(slot + MESSAGE_FLAGS + 1, 0);
    this.memory.writeU64(slot + SENDER, 0n);
    this.memory.writeU32(slot + MESSAGE_TYPE, message.type);
    this.interrupt(sint);
    return true;
  }

  private markPending(sint: number): void {
    const page = this.simp.gpa;
    if (page === undefined) return;
    const gpa = page + sint * SLOT_SIZE + MESSAGE_FLAGS;
    this.memory.writeU8(gpa, (this.memory.readU8(gpa) ?? 0) | MESSAGE_PENDING);
  }

  private interrupt(sint: number): void {
    const value = this.readSint(sint);
    if ((value & (SINT_MASKED | SINT_POLLING)) !== 0n) return;
    this.vectors.injectVector(this.vp, Number(value & SINT_VECTOR), (value & SINT_AUTO_EOI) !== 0n);
  }
}
