import type { GuestBuffer } from "./guest-buffer";
import type { OutgoingPacket, Packet } from "./packets";
import type { OfferDescription } from "./protocol";

/**
 * A synthetic device: what stands behind a channel. All calls come from its channel, none while another one is at work
 * except answers that `send` and `complete` may bring about later. Nothing that a guest sends may make it throw.
 */
export interface VmbusDevice {
  /** What the guest is told; read once, when the device is added. */
  readonly offer: OfferDescription;
  /** As Hyper-V calls it, for users and logs. */
  readonly name: string;
  /** The guest opened the channel. */
  open(channel: DeviceChannel): void;
  /** The guest closed the channel, went away, was reset, or spoiled the ring. `channel` is dead. */
  close(): void;
  /** One packet. Its payload is the device's own copy; its buffers are guest memory and may change under it. */
  receive(packet: Packet): void;
  /** After `send` or `complete` answered false: there is room again. */
  ready?(): void;
  /** The guest takes a GPADL back; what `DeviceChannel.gpadl` gave for it must not be used any more. */
  gpadlTornDown?(id: number): void;
}

/** What a device sees of its channel while it is open. */
export interface DeviceChannel {
  readonly relid: number;
  /** The 120 bytes that the guest gave with its request to open. */
  readonly openData: Uint8Array;
  /**
   * Sends a packet. It goes into the ring, or waits in a bounded queue while the ring is full.
   * @returns false if the queue is full too (wait for `ready`), the packet can never fit, or the channel is closed
   */
  send(packet: OutgoingPacket): boolean;
  /** Completes a request; otherwise as `send`. */
  complete(transactionId: bigint, payload: Uint8Array): boolean;
  /** Memory that the guest shared with this channel; undefined for a handle that is unknown or another channel's. */
  gpadl(id: number): readonly GuestBuffer[] | undefined;
  /** Ends the channel because the guest broke the device's protocol: one log line, then `close`. */
  fail(reason: string): void;
}
