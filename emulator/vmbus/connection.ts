import type { GuestMemory } from "../cpu/guest-memory";
import type { VmbusChannel } from "./channel-state";
import { readContact, type Contact } from "./contact";
import { type Gpadl, type GpadlProgress, GpadlTable } from "./gpadl";
import * as protocol from "./protocol";

/** What the connection asks of the bus. */
export interface ConnectionHost {
  readonly memory: GuestMemory;
  log(message: string): void;
  /** Posts a message to the guest, padded already. */
  post(contact: Contact, message: Uint8Array): void;
  channel(relid: number): VmbusChannel | undefined;
  /** All channels, by relid. */
  allChannels(): Iterable<VmbusChannel>;
  /** The guest is gone or comes anew: all of its channels are closed, and rescinded ones are released. */
  disconnected(): void;
  connected(contact: Contact): void;
  opened(channel: VmbusChannel): void;
  closed(channel: VmbusChannel): void;
  released(channel: VmbusChannel): void;
  gpadlChanged(change: "established" | "ended", gpadl: Gpadl): void;
  changed(): void;
}

const VP_COUNT = 1;

/** The guest's conversation with the host about channels: one message at a time, each checked before it counts. */
export class VmbusConnection {
  readonly gpadls: GpadlTable;
  private contact: Contact | undefined;
  private offersRequested = false;

  constructor(private readonly host: ConnectionHost) {
    this.gpadls = new GpadlTable(host.memory, (change, gpadl) => host.gpadlChanged(change, gpadl));
  }

  get version(): number | undefined {
    return this.contact?.version;
  }
  get current(): Contact | undefined {
    return this.contact;
  }
  get offersAreWanted(): boolean {
    return this.offersRequested;
  }

  /** Forgets the guest. */
  reset(): void {
    this.contact = undefined;
    this.offersRequested = false;
    this.host.disconnected();
    this.gpadls.clear();
  }

  /** Tells the guest of a channel. */
  offer(channel: VmbusChannel): void {
    if (channel.state === "closed") channel.state = "offered";
    const { device, relid, connectionId, monitorId } = channel;
    this.send(protocol.encodeOffer(device.offer, relid, connectionId, monitorId));
  }

  /** Tells the guest that a channel's device is gone. */
  rescind(channel: VmbusChannel): void {
    this.send(protocol.encodeFields(protocol.CHANNELMSG_RESCIND_CHANNELOFFER, channel.relid));
  }

  /** A ring's GPADL is no longer in use: a teardown that waited for that is answered. */
  ringReleased(gpadl: Gpadl): void {
    if (gpadl.users > 0 || !gpadl.tearDownWhenFree) return;
    this.gpadls.remove(gpadl.id);
    this.send(protocol.encodeFields(protocol.CHANNELMSG_GPADL_TORNDOWN, gpadl.id));
  }

  /** A message from the guest; at most 240 bytes. */
  receive(bytes: Uint8Array): void {
    if (bytes.length < protocol.HEADER_SIZE) {
      this.host.log(`message of ${bytes.length} bytes is too short`);
      return;
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const type = view.getUint32(0, true);
    const handler = this.handlers.get(type);
    if (!handler) {
      this.host.log(`message of unknown type ${type}`);
    } else if (bytes.length < handler.size) {
      this.host.log(`message of type ${type} has ${bytes.length} bytes, needs ${handler.size}`);
    } else if (!this.contact && type !== protocol.CHANNELMSG_INITIATE_CONTACT && type !== protocol.CHANNELMSG_UNLOAD) {
      this.host.log(`message of type ${type} before contact`);
    } else {
      handler.handle(view, bytes);
    }
  }

  private readonly handlers: ReadonlyMap<
    number,
    { readonly size: number; readonly handle: (view: DataView, bytes: Uint8Array) => void }
  > = new Map([
    [
      protocol.CHANNELMSG_INITIATE_CONTACT,
      { size: protocol.INITIATE_CONTACT_SIZE, handle: (_: DataView, bytes: Uint8Array) => this.initiateContact(bytes) },
    ],
    [protocol.CHANNELMSG_REQUESTOFFERS, { size: protocol.HEADER_SIZE, handle: () => this.requestOffers() }],
    [
      protocol.CHANNELMSG_OPENCHANNEL,
      { size: protocol.OPENCHANNEL_SIZE, handle: (view, bytes) => this.open(view, bytes) },
    ],
    [protocol.CHANNELMSG_CLOSECHANNEL, { size: protocol.CLOSECHANNEL_SIZE, handle: (view) => this.close(view) }],
    [
      protocol.CHANNELMSG_GPADL_HEADER,
      { size: protocol.GPADL_HEADER_SIZE, handle: (view, bytes) => this.gpadlHeader(view, bytes) },
    ],
    [
      protocol.CHANNELMSG_GPADL_BODY,
      { size: protocol.GPADL_BODY_SIZE, handle: (view, bytes) => this.gpadlBody(view, bytes) },
    ],
    [
      protocol.CHANNELMSG_GPADL_TEARDOWN,
      { size: protocol.GPADL_TEARDOWN_SIZE, handle: (view) => this.gpadlTeardown(view) },
    ],
    [
      protocol.CHANNELMSG_RELID_RELEASED,
      { size: protocol.RELID_RELEASED_SIZE, handle: (view) => this.relidReleased(view) },
    ],
    [protocol.CHANNELMSG_UNLOAD, { size: protocol.HEADER_SIZE, handle: () => this.unload() }],
    [protocol.CHANNELMSG_MODIFYCHANNEL, { size: protocol.MODIFYCHANNEL_SIZE, handle: (view) => this.modify(view) }],
    [
      protocol.CHANNELMSG_TL_CONNECT_REQUEST,
      { size: protocol.TL_CONNECT_REQUEST_SIZE, handle: (_, bytes) => this.connectSocket(bytes) },
    ],
  ]);

  private send(message: Uint8Array<ArrayBuffer>): void {
    if (!this.contact) return;
    const padded = new Uint8Array((message.length + 7) & ~7);
    padded.set(message);
    this.host.post(this.contact, padded);
  }

  /** A new contact ends whatever an earlier kernel left: kexec and kdump do not say goodbye. */
  private initiateContact(bytes: Uint8Array): void {
    this.reset();
    const contact = readContact(this.host.memory, bytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const version = view.getUint32(8, true);
    if (!contact) {
      const refusal = protocol.encodeVersionResponse(false, 0);
      this.host.log(`version ${protocol.versionText(version)} refused`);
      this.host.post(
        { version, messageVp: 0, sint: protocol.VMBUS_MESSAGE_SINT, interruptPage: undefined, monitorPage: undefined },
        refusal,
      );
      return;
    }
    this.contact = contact;
    this.host.connected(contact);
    const answer = version >= protocol.VERSION_WIN10_V5 ? protocol.VMBUS_MESSAGE_CONNECTION_ID_4 : version;
    this.send(protocol.encodeVersionResponse(true, answer));
    this.host.changed();
  }

  private requestOffers(): void {
    if (this.offersRequested) {
      this.host.log("offers requested twice");
      return;
    }
    this.offersRequested = true;
    for (const channel of this.host.allChannels()) this.offer(channel);
    this.send(protocol.encodeFields(protocol.CHANNELMSG_ALLOFFERS_DELIVERED));
    this.host.changed();
  }

  private open(view: DataView, bytes: Uint8Array): void {
    const relid = view.getUint32(8, true);
    const openId = view.getUint32(12, true);
    const gpadl = this.gpadls.get(view.getUint32(16, true));
    // Before version 2.4 the field was no processor but server context.
    const targetVp = (this.version ?? 0) >= protocol.VERSION_WIN8 ? view.getUint32(20, true) : 0;
    const channel = this.usable(relid);
    const reason = !channel
      ? "no such channel"
      : targetVp >= VP_COUNT
        ? `virtual processor ${targetVp} does not exist`
        : channel.open(gpadl, view.getUint32(24, true), targetVp, bytes.slice(28, protocol.OPENCHANNEL_SIZE));
    const status = reason === undefined ? protocol.STATUS_SUCCESS : protocol.STATUS_INVALID_PARAMETER;
    if (reason !== undefined) this.host.log(`channel ${relid} not opened: ${reason}`);
    this.send(protocol.encodeFields(protocol.CHANNELMSG_OPENCHANNEL_RESULT, relid, openId, status));
    if (channel && reason === undefined) {
      this.host.opened(channel);
      channel.start();
      this.host.changed();
    }
  }

  private close(view: DataView): void {
    const channel = this.usable(view.getUint32(8, true));
    if (!channel?.isOpen) {
      this.host.log(`close of channel ${view.getUint32(8, true)}, which is not open`);
      return;
    }
    this.host.closed(channel);
    channel.close();
    this.host.changed();
  }

  private gpadlHeader(view: DataView, bytes: Uint8Array): void {
    const relid = view.getUint32(8, true);
    const id = view.getUint32(12, true);
    if (!this.usable(relid)) {
      this.host.log(`GPADL for channel ${relid}, which does not exist`);
      this.gpadlCreated(relid, id, protocol.STATUS_INVALID_PARAMETER);
      return;
    }
    const part = bytes.subarray(protocol.GPADL_HEADER_SIZE);
    this.gpadlProgress(id, this.gpadls.header(relid, id, view.getUint16(18, true), view.getUint16(16, true), part));
  }

  private gpadlBody(view: DataView, bytes: Uint8Array): void {
    const id = view.getUint32(12, true);
    this.gpadlProgress(id, this.gpadls.body(id, bytes.subarray(protocol.GPADL_BODY_SIZE)));
  }

  private gpadlProgress(id: number, progress: GpadlProgress): void {
    if (progress.kind === "created") {
      this.gpadlCreated(progress.gpadl.relid, id, protocol.STATUS_SUCCESS);
    } else if (progress.kind === "refused") {
      this.host.log(progress.reason);
      if (progress.answer) this.gpadlCreated(progress.relid, id, protocol.STATUS_INVALID_PARAMETER);
    }
  }

  private gpadlCreated(relid: number, id: number, status: number): void {
    this.send(protocol.encodeFields(protocol.CHANNELMSG_GPADL_CREATED, relid, id, status));
  }

  private gpadlTeardown(view: DataView): void {
    const relid = view.getUint32(8, true);
    const id = view.getUint32(12, true);
    if (this.gpadls.relidOf(id) !== relid) {
      this.host.log(`teardown of GPADL 0x${id.toString(16)}, which channel ${relid} does not have`);
      return;
    }
    const gpadl = this.gpadls.get(id);
    const channel = this.host.channel(relid);
    if (gpadl && gpadl.users > 0) {
      gpadl.tearDownWhenFree = true;
      return;
    }
    this.gpadls.remove(id);
    if (channel?.isOpen) channel.device.gpadlTornDown?.(id);
    this.send(protocol.encodeFields(protocol.CHANNELMSG_GPADL_TORNDOWN, id));
  }

  private relidReleased(view: DataView): void {
    const relid = view.getUint32(8, true);
    const channel = this.host.channel(relid);
    if (channel?.state !== "rescinded") {
      this.host.log(`release of channel ${relid}, which is not rescinded`);
      return;
    }
    channel.close();
    this.gpadls.removeChannel(relid);
    this.host.released(channel);
    this.host.changed();
  }

  private unload(): void {
    const contact = this.contact;
    this.reset();
    if (contact) this.host.post(contact, protocol.encodeFields(protocol.CHANNELMSG_UNLOAD_RESPONSE));
    this.host.changed();
  }

  private modify(view: DataView): void {
    const relid = view.getUint32(8, true);
    const targetVp = view.getUint32(12, true);
    const channel = this.usable(relid);
    const good = channel?.state === "open" && targetVp < VP_COUNT;
    if (good) channel.targetVp = targetVp;
    else this.host.log(`channel ${relid} not moved to virtual processor ${targetVp}`);
    if ((this.version ?? 0) >= protocol.VERSION_WIN10_V5_3) {
      const status = good ? protocol.STATUS_SUCCESS : protocol.STATUS_UNSUCCESSFUL;
      this.send(protocol.encodeFields(protocol.CHANNELMSG_MODIFYCHANNEL_RESPONSE, relid, status));
    }
  }

  /** hv_sock: nobody listens on the host. */
  private connectSocket(bytes: Uint8Array): void {
    this.send(protocol.encodeTlConnectResult(bytes, protocol.STATUS_CONNECTION_REFUSED));
  }

  /** A channel that this guest was told of. */
  private usable(relid: number): VmbusChannel | undefined {
    return this.offersRequested ? this.host.channel(relid) : undefined;
  }
}
