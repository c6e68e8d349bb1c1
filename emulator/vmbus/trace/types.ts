// What a trace of the bus is made of: events as the bus sees them, and entries as a reader does.

/** Bytes of a ring that wait to be read, and bytes it has; `used` is undefined while the guest's index is nonsense. */
export interface RingFill {
  readonly used: number | undefined;
  readonly size: number;
}

/** Both rings of an open channel. */
export interface RingFills {
  readonly toHost: RingFill;
  readonly toGuest: RingFill;
}

/** The channel that an event is about. */
export interface TracedChannel {
  readonly relid: number;
  /** As Hyper-V calls the device. */
  readonly name: string;
  readonly interfaceId: string;
  readonly instanceId: string;
}

/** Bytes of a packet that a trace keeps, its descriptor included; the longest message that decoders know is shorter. */
export const TRACED_PACKET_BYTES = 4096;

/** Something that went over the bus, as it lay there. `time` is ns of guest time since the machine's creation. */
export type VmbusTraceEvent =
  /** A control message. */
  | { readonly kind: "message"; readonly time: number; readonly toGuest: boolean; readonly bytes: Uint8Array }
  /** A packet, just put into a ring (to guest) or taken out of it (to host). */
  | {
      readonly kind: "packet";
      readonly time: number;
      readonly toGuest: boolean;
      readonly channel: TracedChannel;
      /** Right after that. */
      readonly rings: RingFills | undefined;
      /** At most TRACED_PACKET_BYTES of it. */
      readonly bytes: Uint8Array;
      readonly length: number;
    }
  /** One side told the other to look into its ring: an interrupt (to guest), or a hypercall or monitor bit (to host). */
  | {
      readonly kind: "signal";
      readonly time: number;
      readonly toGuest: boolean;
      readonly channel: TracedChannel;
      readonly rings: RingFills | undefined;
    }
  /** A GPADL came to be or ended, be it by a message or because the guest went away. */
  | {
      readonly kind: "gpadl";
      readonly time: number;
      readonly change: "established" | "ended";
      readonly id: number;
      readonly relid: number;
      readonly pages: number;
    };

/** A field of a message by its specification's name, its value written for people. */
export interface TraceField {
  readonly name: string;
  readonly value: string;
}

/** A message taken apart. */
export interface DecodedMessage {
  /** As the specification or the drivers call it. */
  readonly name: string;
  readonly fields: readonly TraceField[];
  /** One sentence: what this message is for in the conversation. */
  readonly meaning: string;
}

/** One line of a trace: an event, taken apart. */
export interface VmbusTraceEntry extends DecodedMessage {
  readonly event: VmbusTraceEvent;
}

/** A packet as a device's decoder gets it. */
export interface TracedPacket {
  /** VM_PKT_*. */
  readonly type: number;
  readonly toGuest: boolean;
  readonly transactionId: bigint;
  readonly completionRequested: boolean;
  /** Its beginning, at most. */
  readonly payload: Uint8Array;
}

/** Takes apart what goes over one channel, from its opening on. Whatever the bytes are, it must not throw. */
export interface ChannelDecoder {
  /** @returns undefined for what is not its protocol */
  decode(packet: TracedPacket): DecodedMessage | undefined;
}

/** What a device's folder brings so that its messages can be read. */
export interface DeviceDecoder {
  /** What it is for: a device's name for each interface type, as text in lower case, that an offer may have. */
  readonly interfaces: Readonly<Record<string, string>>;
  /** A decoder for a channel that was just opened. */
  open(): ChannelDecoder;
}
