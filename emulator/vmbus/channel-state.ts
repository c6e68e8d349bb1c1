import type { ChannelStatus } from "../machine-types";
import type { GuestMemory } from "../cpu/guest-memory";
import type { Timer, TimerQueue } from "../time/clock";
import type { DeviceChannel, VmbusDevice } from "./channel";
import { type GuestBuffer, PAGE_SIZE } from "./guest-buffer";
import type { Gpadl, GpadlTable } from "./gpadl";
import { decodePacket, encodeCompletion, encodePacket, LARGEST_PACKET, type OutgoingPacket } from "./packets";
import { createRings, type InboundRing, type OutboundRing } from "./ring";
import type { RingFills } from "./trace/types";

/** Packets that wait for room in the guest's ring; above the first number no more requests are taken from the guest. */
const QUEUE_STOPS_READING = 64;
const QUEUE_LIMIT = 1024;
/** How often a full ring is looked at (ns): old guests do not tell when they have made room. */
const FULL_RING_POLL = 1_000_000;

/** What a channel asks of the bus it is on. */
export interface ChannelHost {
  readonly memory: GuestMemory;
  readonly timers: TimerQueue;
  readonly gpadls: GpadlTable;
  log(message: string): void;
  /** Interrupts the guest on behalf of a channel. */
  signalGuest(channel: VmbusChannel): void;
  /** A packet as it lies in the ring, for a trace. */
  tracePacket(channel: VmbusChannel, toGuest: boolean, bytes: Uint8Array): void;
  /** The ring's GPADL is no longer in use. */
  ringReleased(gpadl: Gpadl): void;
  changed(): void;
}

interface OpenState {
  readonly inbound: InboundRing;
  readonly outbound: OutboundRing;
  readonly gpadl: Gpadl;
  readonly queue: Uint8Array<ArrayBuffer>[];
  /** A device heard false from `send` and waits for `ready`. */
  deviceWaits: boolean;
}

/** One offered channel: its life from offer to release, its rings while it is open, and the device behind it. */
export class VmbusChannel implements DeviceChannel {
  state: ChannelStatus["state"] = "closed";
  /** Virtual processor that the guest wants interrupted. */
  targetVp = 0;
  openData: Uint8Array = new Uint8Array(0);
  private opened: OpenState | undefined;
  /** The ring was spoiled or the device gave up; the guest may close and open again. */
  private failed: Gpadl | undefined;
  private processing = false;
  private readonly poll: Timer;

  constructor(
    private readonly host: ChannelHost,
    readonly device: VmbusDevice,
    readonly relid: number,
    readonly connectionId: number,
    readonly monitorId: number | undefined,
  ) {
    this.poll = host.timers.create(() => this.process());
  }

  get status(): ChannelStatus {
    return {
      name: this.device.name,
      instanceId: this.device.offer.instanceId,
      state: this.state,
      relid: this.relid,
    };
  }

  /** How full both rings are; undefined unless they are in use. */
  get rings(): RingFills | undefined {
    return this.opened && { toHost: this.opened.inbound.fill, toGuest: this.opened.outbound.fill };
  }

  /** True between a successful open and the guest's close, even if the channel failed meanwhile. */
  get isOpen(): boolean {
    return this.opened !== undefined || this.failed !== undefined;
  }

  /**
   * CHANNELMSG_OPENCHANNEL.
   * @returns what is wrong with the request, or undefined if the channel is open now
   */
  open(gpadl: Gpadl | undefined, downstreamPage: number, targetVp: number, openData: Uint8Array): string | undefined {
    if (this.state === "rescinded") return "channel is rescinded";
    if (this.isOpen) return "channel is open already";
    if (gpadl?.relid !== this.relid) return "ring GPADL is unknown, or another channel's";
    const [range, more] = gpadl.ranges;
    if (!range || more || range.byteOffset !== 0 || range.length % PAGE_SIZE !== 0)
      return "ring GPADL is no range of pages";
    const rings = createRings(this.host.memory, range.pages, downstreamPage);
    if (!rings) return `downstream ring at page ${downstreamPage} of ${range.pages.length}`;
    gpadl.users++;
    this.opened = { ...rings, gpadl, queue: [], deviceWaits: false };
    this.targetVp = targetVp;
    this.openData = openData;
    this.state = "open";
    return undefined;
  }

  /** Lets the device start; after the guest was told that the channel is open. */
  start(): void {
    this.device.open(this);
    this.process();
  }

  /** The guest closed the channel, or is gone. */
  close(): void {
    const gpadl = this.stop() ?? this.failed;
    this.failed = undefined;
    if (this.state === "open") this.state = "closed";
    if (gpadl) {
      gpadl.users--;
      this.host.ringReleased(gpadl);
    }
  }

  /** The device is gone; what the guest still has to do with the channel goes on. */
  rescind(): void {
    this.failed = this.stop() ?? this.failed;
    this.state = "rescinded";
  }

  fail(reason: string): void {
    if (!this.opened) return;
    this.host.log(`${this.device.name}: channel ${this.relid} ended: ${reason}`);
    this.failed = this.stop();
    if (this.state === "open") this.state = "closed";
    this.host.changed();
  }

  send(packet: OutgoingPacket): boolean {
    return this.enqueue(encodePacket(packet));
  }

  complete(transactionId: bigint, payload: Uint8Array): boolean {
    return this.enqueue(encodeCompletion(transactionId, payload));
  }

  gpadl(id: number): readonly GuestBuffer[] | undefined {
    const gpadl = this.host.gpadls.get(id);
    return gpadl?.relid === this.relid && !gpadl.tearDownWhenFree ? gpadl.ranges : undefined;
  }

  /** The guest signalled: takes packets until the ring is empty, or until answers pile up. */
  process(): void {
    if (this.processing) return;
    this.processing = true;
    try {
      this.flush();
      this.drain();
    } finally {
      this.processing = false;
    }
  }

  private drain(): void {
    // The state is looked at anew after each packet: a device may close or fail its channel.
    while (this.opened && this.opened.queue.length < QUEUE_STOPS_READING) {
      const result = this.opened.inbound.next();
      if (result.kind === "empty") break;
      if (result.kind === "broken") {
        this.fail(result.reason);
        break;
      }
      this.host.tracePacket(this, false, result.bytes);
      if (result.signal) this.host.signalGuest(this);
      const packet = decodePacket(this.host.memory, result.bytes);
      if (typeof packet === "string") this.fail(packet);
      else this.device.receive(packet);
    }
  }

  private enqueue(bytes: Uint8Array<ArrayBuffer>): boolean {
    const open = this.opened;
    if (!open) return false;
    if (bytes.length > LARGEST_PACKET || !open.outbound.canEverHold(bytes.length)) {
      this.host.log(`${this.device.name}: packet of ${bytes.length} bytes is larger than the guest's ring`);
      return false;
    }
    if (open.queue.length >= QUEUE_LIMIT) {
      open.deviceWaits = true;
      return false;
    }
    open.queue.push(bytes);
    if (open.queue.length === 1) this.flush();
    return true;
  }

  /** Moves waiting packets into the ring as far as they fit. */
  private flush(): void {
    const open = this.opened;
    if (!open) return;
    for (let first = open.queue[0]; first; first = open.queue[0]) {
      const result = open.outbound.write(first);
      if (result.kind === "broken") {
        this.fail(result.reason);
        return;
      }
      if (result.kind === "full") {
        if (!this.poll.armed) this.poll.arm(this.host.timers.clock.now() + FULL_RING_POLL);
        return;
      }
      open.queue.shift();
      this.host.tracePacket(this, true, first);
      if (result.signal) this.host.signalGuest(this);
    }
    this.poll.cancel();
    open.outbound.clearPending();
    if (open.deviceWaits) {
      open.deviceWaits = false;
      this.device.ready?.();
    }
  }

  /** Ends the device's side. @returns the ring's GPADL if the channel was open */
  private stop(): Gpadl | undefined {
    const open = this.opened;
    if (!open) return undefined;
    this.opened = undefined;
    this.poll.cancel();
    this.device.close();
    return open.gpadl;
  }
}
