import { CHANNELMSG_OPENCHANNEL } from "../protocol";
import { ControlDecoder } from "./control-decoder";
import { decodeTracedPacket } from "./packet-decoder";
import { hex } from "./text";
import type {
  ChannelDecoder,
  DecodedMessage,
  DeviceDecoder,
  TracedChannel,
  VmbusTraceEntry,
  VmbusTraceEvent,
} from "./types";

const CHILD_RELID = 8;

/** Turns events of the bus, in their order, into what people read. It knows only what the events told it. */
export class VmbusTrace {
  private readonly control: ControlDecoder;
  /** By interface type. */
  private readonly devices = new Map<string, { readonly name: string; readonly decoder: DeviceDecoder }>();
  /** By relid; made anew when a channel is opened. At most as many as there can be channels. */
  private readonly channels = new Map<number, { readonly instanceId: string; readonly decoder?: ChannelDecoder }>();

  /** @param version that the guest and the host have agreed on already */
  constructor(devices: readonly DeviceDecoder[], version = 0) {
    for (const decoder of devices) {
      for (const [id, name] of Object.entries(decoder.interfaces)) this.devices.set(id, { name, decoder });
    }
    this.control = new ControlDecoder(version, (interfaceId) => this.devices.get(interfaceId)?.name);
  }

  decode(event: VmbusTraceEvent): VmbusTraceEntry {
    return { event, ...this.message(event) };
  }

  private message(event: VmbusTraceEvent): DecodedMessage {
    switch (event.kind) {
      case "message":
        this.forgetOpened(event.bytes);
        return this.control.decode(event.bytes);
      case "packet":
        return decodeTracedPacket(event.bytes, event.toGuest, this.decoderOf(event.channel));
      case "signal":
        return event.toGuest
          ? { name: "interrupt", fields: [], meaning: "The host tells the guest to look into the channel's ring." }
          : { name: "signal", fields: [], meaning: "The guest tells the host to look into the channel's ring." };
      case "gpadl":
        return {
          name: `GPADL ${event.change}`,
          fields: [
            { name: "gpadl", value: hex(event.id) },
            { name: "child_relid", value: String(event.relid) },
            { name: "pages", value: String(event.pages) },
          ],
          meaning:
            event.change === "established"
              ? "The host reaches these pages of the guest's from now on."
              : "The host has let go of these pages.",
        };
    }
  }

  private decoderOf({ relid, instanceId, interfaceId }: TracedChannel): ChannelDecoder | undefined {
    const known = this.channels.get(relid);
    if (known?.instanceId === instanceId) return known.decoder;
    const decoder = this.devices.get(interfaceId.toLowerCase())?.decoder.open();
    this.channels.set(relid, { instanceId, decoder });
    return decoder;
  }

  /** A channel that is opened anew begins its conversation anew. */
  private forgetOpened(bytes: Uint8Array): void {
    if (bytes.length < CHILD_RELID + 4) return;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (view.getUint32(0, true) === CHANNELMSG_OPENCHANNEL) this.channels.delete(view.getUint32(CHILD_RELID, true));
  }
}
