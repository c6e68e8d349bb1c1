import type { GuestMemory } from "../cpu/guest-memory";
import { PAGE_SIZE } from "./guest-buffer";
import type { RingFill } from "./trace/types";

// The two rings of a channel (struct hv_ring_buffer): a header page and data pages each. Indices in guest memory are
// the guest's to spoil, so the host keeps its own and checks the other side's at every use.

const WRITE_INDEX = 0;
const READ_INDEX = 4;
const INTERRUPT_MASK = 8;
const PENDING_SEND_SIZE = 12;
const FEATURE_BITS = 64;
const FEATURE_PENDING_SEND_SIZE = 1;

/** Packets are a multiple of this, and so are indices. */
const ALIGNMENT = 8;
/** vmpacket_descriptor. */
export const DESCRIPTOR_SIZE = 16;
/** After each packet: the write index at its start, in the high half. */
const TRAILER_SIZE = 8;

/** One ring's memory: GPAs of its pages, the header first; all in guest RAM, two at least. */
class RingMemory {
  readonly size: number;
  private readonly headerGpa: number;
  private readonly dataPages: readonly number[];

  constructor(
    private readonly memory: GuestMemory,
    pages: readonly number[],
  ) {
    this.headerGpa = pages[0] ?? 0;
    this.dataPages = pages.slice(1);
    this.size = this.dataPages.length * PAGE_SIZE;
  }

  get(field: number): number {
    return this.memory.readU32(this.headerGpa + field) ?? 0;
  }
  set(field: number, value: number): void {
    this.memory.writeU32(this.headerGpa + field, value);
  }

  /** An index as the guest left it, or undefined if it points nowhere. */
  index(field: number): number | undefined {
    const value = this.get(field);
    return value < this.size && value % ALIGNMENT === 0 ? value : undefined;
  }

  /** Bytes from the read index to the write index. */
  distance(readIndex: number | undefined, writeIndex: number | undefined): number | undefined {
    if (readIndex === undefined || writeIndex === undefined) return undefined;
    return (writeIndex - readIndex + this.size) % this.size;
  }

  read(from: number, target: Uint8Array): void {
    this.walk(from, target.length, (gpa, start, end) => this.memory.readInto(gpa, target.subarray(start, end)));
  }

  write(to: number, source: Uint8Array): void {
    this.walk(to, source.length, (gpa, start, end) => this.memory.write(gpa, source.subarray(start, end)));
  }

  private walk(from: number, length: number, visit: (gpa: number, start: number, end: number) => void): void {
    let done = 0;
    while (done < length) {
      const at = (from + done) % this.size;
      const part = Math.min(PAGE_SIZE - (at % PAGE_SIZE), length - done);
      const page = this.dataPages[Math.floor(at / PAGE_SIZE)];
      if (page !== undefined) visit(page + (at % PAGE_SIZE), done, done + part);
      done += part;
    }
  }
}

export type InboundResult =
  | { readonly kind: "empty" }
  /** `bytes`: descriptor and payload, without the trailer. `signal`: the guest waits for the space that this freed. */
  | { readonly kind: "packet"; readonly bytes: Uint8Array<ArrayBuffer>; readonly signal: boolean }
  | { readonly kind: "broken"; readonly reason: string };

/** Guest to host; the host reads. */
export class InboundRing {
  private readonly ring: RingMemory;
  private readIndex: number;

  constructor(memory: GuestMemory, pages: readonly number[]) {
    this.ring = new RingMemory(memory, pages);
    this.readIndex = this.ring.index(READ_INDEX) ?? 0;
  }

  get fill(): RingFill {
    return { used: this.ring.distance(this.readIndex, this.ring.index(WRITE_INDEX)), size: this.ring.size };
  }

  /** Takes the next packet out of the ring. */
  next(): InboundResult {
    const { ring } = this;
    const writeIndex = ring.index(WRITE_INDEX);
    if (writeIndex === undefined) {
      return { kind: "broken", reason: `write index 0x${ring.get(WRITE_INDEX).toString(16)} is outside the ring` };
    }
    const used = (writeIndex - this.readIndex + ring.size) % ring.size;
    if (used === 0) return { kind: "empty" };
    if (used < DESCRIPTOR_SIZE + TRAILER_SIZE) return { kind: "broken", reason: `${used} bytes are no packet` };
    const descriptor = new Uint8Array(DESCRIPTOR_SIZE);
    ring.read(this.readIndex, descriptor);
    const length = ((descriptor[4] ?? 0) | ((descriptor[5] ?? 0) << 8)) * ALIGNMENT;
    if (length < DESCRIPTOR_SIZE || length + TRAILER_SIZE > used) {
      return { kind: "broken", reason: `packet of ${length} bytes, ${used} in the ring` };
    }
    const bytes = new Uint8Array(length);
    ring.read(this.readIndex, bytes);
    this.readIndex = (this.readIndex + length + TRAILER_SIZE) % ring.size;
    ring.set(READ_INDEX, this.readIndex);
    const pending = ring.get(PENDING_SEND_SIZE);
    const freeBefore = ring.size - used;
    const freeAfter = freeBefore + length + TRAILER_SIZE;
    return { kind: "packet", bytes, signal: pending !== 0 && freeBefore <= pending && freeAfter > pending };
  }
}

export type OutboundResult =
  /** `signal`: the ring was empty and the guest wants to hear of it. */
  | { readonly kind: "written"; readonly signal: boolean }
  | { readonly kind: "full" }
  | { readonly kind: "broken"; readonly reason: string };

/** Host to guest; the host writes. */
export class OutboundRing {
  private readonly ring: RingMemory;
  private writeIndex: number;

  constructor(memory: GuestMemory, pages: readonly number[]) {
    this.ring = new RingMemory(memory, pages);
    this.writeIndex = this.ring.index(WRITE_INDEX) ?? 0;
  }

  get fill(): RingFill {
    return { used: this.ring.distance(this.ring.index(READ_INDEX), this.writeIndex), size: this.ring.size };
  }

  /** True if a packet of this length (descriptor and payload, bytes) fits into the ring when it is empty. */
  canEverHold(length: number): boolean {
    return length + TRAILER_SIZE < this.ring.size;
  }

  /** Writes a packet, its length a multiple of 8. A ring is never filled to the last byte: equal indices mean empty. */
  write(packet: Uint8Array): OutboundResult {
    const { ring } = this;
    const readIndex = ring.index(READ_INDEX);
    if (readIndex === undefined) {
      return { kind: "broken", reason: `read index 0x${ring.get(READ_INDEX).toString(16)} is outside the ring` };
    }
    const used = (this.writeIndex - readIndex + ring.size) % ring.size;
    const total = packet.length + TRAILER_SIZE;
    if (ring.size - used <= total) {
      // The guest signals when it has made this much room, if it knows of the field; else the channel polls.
      if ((ring.get(FEATURE_BITS) & FEATURE_PENDING_SEND_SIZE) !== 0) ring.set(PENDING_SEND_SIZE, total);
      return { kind: "full" };
    }
    const trailer = new Uint8Array(TRAILER_SIZE);
    new DataView(trailer.buffer).setUint32(4, this.writeIndex, true);
    ring.write(this.writeIndex, packet);
    ring.write(this.writeIndex + packet.length, trailer);
    this.writeIndex = (this.writeIndex + total) % ring.size;
    ring.set(WRITE_INDEX, this.writeIndex);
    return { kind: "written", signal: used === 0 && ring.get(INTERRUPT_MASK) === 0 };
  }

  /** Nothing waits for room any more. */
  clearPending(): void {
    if (this.ring.get(PENDING_SEND_SIZE) !== 0) this.ring.set(PENDING_SEND_SIZE, 0);
  }
}

/**
 * Cuts a ring GPADL into its two rings.
 * @param pages GPAs of the GPADL's pages
 * @param downstreamPage where the host-to-guest ring starts, in pages
 * @returns undefined if one of them would have no data page
 */
export function createRings(
  memory: GuestMemory,
  pages: readonly number[],
  downstreamPage: number,
): { inbound: InboundRing; outbound: OutboundRing } | undefined {
  if (downstreamPage < 2 || downstreamPage + 2 > pages.length) return undefined;
  return {
    inbound: new InboundRing(memory, pages.slice(0, downstreamPage)),
    outbound: new OutboundRing(memory, pages.slice(downstreamPage)),
  };
}
