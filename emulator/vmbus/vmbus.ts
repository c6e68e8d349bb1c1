import type { GuestMemory } from "../cpu/guest-memory";
import type { ConnectionTable, Synic } from "../hyperv/interfaces";
import { HV_STATUS_INVALID_PARAMETER, HV_STATUS_SUCCESS } from "../hyperv/status";
import type { Log } from "../log";
import { ConfigurationError, type ChannelStatus } from "../machine-types";
import type { Clock, TimerQueue } from "../time/clock";
import type { VmbusDevice } from "./channel";
import { type ChannelHost, VmbusChannel } from "./channel-state";
import { type ConnectionHost, VmbusConnection } from "./connection";
import { INTERRUPT_PAGE_HALF, type Contact } from "./contact";
import { type Gpadl, pageTotal } from "./gpadl";
import { MonitorPage } from "./monitor";
import * as protocol from "./protocol";
import type { VmbusSnapshot } from "./trace/snapshot";
import { TRACED_PACKET_BYTES, type TracedChannel, type VmbusTraceEvent } from "./trace/types";

export interface VmbusOptions {
  readonly hypervisor: Synic & ConnectionTable;
  readonly memory: GuestMemory;
  readonly log: Log;
  readonly clock: Clock;
  readonly timers: TimerQueue;
}

/** Complaints about a guest, at most, until the machine is reset: a hostile guest shall not fill the user's log. */
const COMPLAINT_LIMIT = 200;

/** Channel connection ids: relid, and the SINT above it, as Hyper-V makes them. */
const CHANNEL_CONNECTION_BASE = protocol.VMBUS_MESSAGE_SINT << 12;

/** The bus: devices on one side, the guest's driver on the other. */
export class Vmbus {
  /** Called when a channel or the connection changed. */
  onChange: (() => void) | undefined;
  /** Called for all that goes over the bus, in order. While nobody listens, nothing is made for it. */
  onTrace: ((event: VmbusTraceEvent) => void) | undefined;

  private readonly channelsByRelid = new Map<number, VmbusChannel>();
  private readonly connection: VmbusConnection;
  private readonly monitor: MonitorPage;
  private readonly channelHost: ChannelHost;
  private complaints = 0;

  constructor(private readonly options: VmbusOptions) {
    const { memory, timers, hypervisor } = options;
    this.monitor = new MonitorPage(memory, timers);
    this.connection = new VmbusConnection(this.connectionHost());
    this.channelHost = {
      memory,
      timers,
      gpadls: this.connection.gpadls,
      log: (message) => this.complain(message),
      signalGuest: (channel) => this.signalGuest(channel),
      tracePacket: (channel, toGuest, bytes) =>
        this.onTrace?.({
          kind: "packet",
          time: options.clock.now(),
          toGuest,
          channel: traced(channel),
          rings: channel.rings,
          bytes: bytes.slice(0, TRACED_PACKET_BYTES),
          length: bytes.length,
        }),
      ringReleased: (gpadl) => this.connection.ringReleased(gpadl),
      changed: () => this.onChange?.(),
    };
    const messages = { postMessage: (type: number, payload: Uint8Array) => this.receive(type, payload) };
    hypervisor.connect(protocol.VMBUS_MESSAGE_CONNECTION_ID, messages);
    hypervisor.connect(protocol.VMBUS_MESSAGE_CONNECTION_ID_4, messages);
    hypervisor.connect(protocol.VMBUS_EVENT_CONNECTION_ID, { signalEvent: (flag) => this.sharedEvent(flag) });
  }

  /** The version in use as "major.minor"; undefined before contact. */
  get version(): string | undefined {
    const { version } = this.connection;
    return version === undefined ? undefined : protocol.versionText(version);
  }

  /** The version in use, major << 16 | minor. */
  get versionNumber(): number | undefined {
    return this.connection.version;
  }

  channels(): ChannelStatus[] {
    return [...this.channelsByRelid.values()].map((channel) => channel.status);
  }

  /** How the bus stands. */
  snapshot(): VmbusSnapshot {
    return {
      version: this.version,
      channels: [...this.channelsByRelid.values()].map((channel) => ({
        ...traced(channel),
        state: channel.state,
        connectionId: channel.connectionId,
        monitorId: channel.monitorId,
        targetVp: channel.targetVp,
        subchannelIndex: channel.device.offer.subchannelIndex ?? 0,
        rings: channel.rings,
      })),
      gpadls: this.connection.gpadls.all().map((gpadl) => ({
        id: gpadl.id,
        relid: gpadl.relid,
        pages: pageTotal(gpadl),
        holdsRings: gpadl.users > 0,
      })),
    };
  }

  /** Offers a device to the guest, now or when it asks. Throws ConfigurationError when all relids are taken. */
  add(device: VmbusDevice): void {
    let relid = 1;
    while (this.channelsByRelid.has(relid)) relid++;
    if (relid > protocol.MAX_RELID) throw new ConfigurationError(`at most ${protocol.MAX_RELID} VMBus channels`);
    const connectionId = CHANNEL_CONNECTION_BASE | relid;
    const latency = device.offer.monitorLatency;
    const monitorId =
      latency === undefined ? undefined : this.monitor.allocate(latency, connectionId, () => this.signalled(channel));
    const channel = new VmbusChannel(this.channelHost, device, relid, connectionId, monitorId);
    this.channelsByRelid.set(relid, channel);
    this.options.hypervisor.connect(connectionId, {
      signalEvent: (flag) => {
        if (flag !== 0) return HV_STATUS_INVALID_PARAMETER;
        this.signalled(channel);
        return HV_STATUS_SUCCESS;
      },
    });
    if (this.connection.offersAreWanted) this.connection.offer(channel);
    this.onChange?.();
  }

  /** Takes a device away: a guest that knows of it is told, and its relid is free when the guest has let go. */
  remove(device: VmbusDevice): void {
    for (const channel of this.channelsByRelid.values()) {
      if (channel.device !== device || channel.state === "rescinded") continue;
      if (this.connection.offersAreWanted) {
        channel.rescind();
        this.connection.rescind(channel);
      } else {
        this.release(channel);
      }
      this.onChange?.();
      return;
    }
  }

  /** The machine was reset: the guest's side is forgotten, the devices stay. */
  reset(): void {
    this.connection.reset();
    this.complaints = 0;
    this.onChange?.();
  }

  private connectionHost(): ConnectionHost {
    return {
      memory: this.options.memory,
      log: (message) => this.complain(message),
      post: (contact, message) => this.post(contact, message),
      channel: (relid) => this.channelsByRelid.get(relid),
      allChannels: () => this.channelsByRelid.values(),
      disconnected: () => this.disconnected(),
      connected: (contact) => this.monitor.setPage(contact.monitorPage),
      opened: (channel) => {
        if (channel.monitorId !== undefined) this.monitor.setActive(channel.monitorId, true);
      },
      closed: (channel) => {
        if (channel.monitorId !== undefined) this.monitor.setActive(channel.monitorId, false);
      },
      released: (channel) => this.release(channel),
      gpadlChanged: (change, gpadl) => this.traceGpadl(change, gpadl),
      changed: () => this.onChange?.(),
    };
  }

  private receive(type: number, payload: Uint8Array): number {
    if (type !== protocol.VMBUS_CHANNEL_MESSAGE_TYPE) return HV_STATUS_INVALID_PARAMETER;
    this.onTrace?.({ kind: "message", time: this.options.clock.now(), toGuest: false, bytes: payload.slice() });
    this.connection.receive(payload);
    return HV_STATUS_SUCCESS;
  }

  private post(contact: Contact, message: Uint8Array): void {
    this.onTrace?.({ kind: "message", time: this.options.clock.now(), toGuest: true, bytes: message.slice() });
    this.options.hypervisor.postMessage(contact.messageVp, contact.sint, protocol.VMBUS_CHANNEL_MESSAGE_TYPE, message);
  }

  private signalGuest(channel: VmbusChannel): void {
    const contact = this.connection.current;
    if (!contact) return;
    this.traceSignal(channel, true);
    const { hypervisor, memory } = this.options;
    if (contact.version > protocol.VERSION_WIN7) {
      hypervisor.signalEvent(channel.targetVp, contact.sint, channel.relid);
      return;
    }
    if (contact.interruptPage === undefined) return;
    const gpa = contact.interruptPage + (channel.relid >>> 3);
    memory.writeU8(gpa, (memory.readU8(gpa) ?? 0) | (1 << (channel.relid & 7)));
    hypervisor.signalEvent(0, contact.sint, 0);
  }

  private signalled(channel: VmbusChannel): void {
    this.traceSignal(channel, false);
    channel.process();
  }

  private traceSignal(channel: VmbusChannel, toGuest: boolean): void {
    this.onTrace?.({
      kind: "signal",
      time: this.options.clock.now(),
      toGuest,
      channel: traced(channel),
      rings: channel.rings,
    });
  }

  private traceGpadl(change: "established" | "ended", gpadl: Gpadl): void {
    const { id, relid } = gpadl;
    this.onTrace?.({
      kind: "gpadl",
      time: this.options.clock.now(),
      change,
      id,
      relid,
      pages: pageTotal(gpadl),
    });
  }

  /** Version 0.13: one connection for all channels, their bits in the second half of the interrupt page. */
  private sharedEvent(flag: number): number {
    if (flag !== 0) return HV_STATUS_INVALID_PARAMETER;
    const page = this.connection.current?.interruptPage;
    if (page === undefined) return HV_STATUS_SUCCESS;
    const { memory } = this.options;
    for (const channel of [...this.channelsByRelid.values()]) {
      const gpa = page + INTERRUPT_PAGE_HALF + (channel.relid >>> 3);
      const bit = 1 << (channel.relid & 7);
      const bits = memory.readU8(gpa) ?? 0;
      if ((bits & bit) === 0) continue;
      memory.writeU8(gpa, bits & ~bit);
      this.signalled(channel);
    }
    return HV_STATUS_SUCCESS;
  }

  private disconnected(): void {
    this.monitor.setPage(undefined);
    for (const channel of [...this.channelsByRelid.values()]) {
      const rescinded = channel.state === "rescinded";
      channel.close();
      channel.targetVp = 0;
      if (rescinded) this.release(channel);
      else channel.state = "closed";
    }
  }

  private release(channel: VmbusChannel): void {
    this.channelsByRelid.delete(channel.relid);
    this.options.hypervisor.disconnect(channel.connectionId);
    if (channel.monitorId !== undefined) this.monitor.release(channel.monitorId);
  }

  private complain(message: string): void {
    this.complaints++;
    if (this.complaints > COMPLAINT_LIMIT) return;
    const last = this.complaints === COMPLAINT_LIMIT ? " (no more complaints until reset)" : "";
    this.options.log("vmbus", message + last);
  }
}

function traced({ relid, device }: VmbusChannel): TracedChannel {
  const { interfaceId, instanceId } = device.offer;
  return { relid, name: device.name, interfaceId, instanceId };
}
