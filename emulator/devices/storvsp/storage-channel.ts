import type { HostWork } from "../../time/host-work";
import type { DeviceChannel, VmbusDevice } from "../../vmbus/channel";
import type { Packet } from "../../vmbus/packets";
import type { OfferDescription } from "../../vmbus/protocol";
import type { ScsiAddress, ScsiBus } from "../scsi/bus";
import { decodeRequest, encodePacket, encodeSrbResult, HEADER_SIZE, type Request, type Srb } from "./protocol";
import * as protocol from "./protocol";
import { RequestQueue } from "./request-queue";

/** What all channels of a controller share. */
export interface StorageChannelContext {
  readonly bus: ScsiBus;
  readonly work: HostWork;
  addressOf(srb: Srb): ScsiAddress;
}

/**
 * One channel of a storage controller: takes requests apart, sends them to the bus, and completes them. What a request
 * other than for I/O means is decided by the controller's channel classes.
 */
export abstract class StorageChannel implements VmbusDevice {
  private channel: DeviceChannel | undefined;
  private queue: RequestQueue | undefined;

  constructor(
    protected readonly context: StorageChannelContext,
    readonly offer: OfferDescription,
    readonly name: string,
  ) {}

  open(channel: DeviceChannel): void {
    this.channel = channel;
    this.queue = new RequestQueue(this.context.bus, this.context.work, (srb) => this.context.addressOf(srb));
    this.onOpen();
  }

  close(): void {
    this.channel = undefined;
    this.queue?.close();
    this.queue = undefined;
    this.onClose();
  }

  receive(packet: Packet): void {
    const request = decodeRequest(packet.payload);
    if (!request) {
      this.channel?.fail(`storage request of ${packet.payload.length} bytes is too short`);
    } else if (packet.buffers.length > 1) {
      this.channel?.fail(`storage request with ${packet.buffers.length} buffers`);
    } else if (request.kind === "execute-srb" && this.serving) {
      this.execute(packet, request.srb);
    } else {
      this.onRequest(packet, request);
    }
  }

  /** Whether I/O is served. */
  protected abstract get serving(): boolean;
  /** Any request but I/O while it is served; each one is to be answered. */
  protected abstract onRequest(packet: Packet, request: Request): void;
  protected abstract onOpen(): void;
  protected abstract onClose(): void;

  /** Completes a request with a status and what belongs to it. */
  protected answer(packet: Packet, status: number, content?: Uint8Array): void {
    const size = Math.min(packet.payload.length, HEADER_SIZE + protocol.VMSCSI_REQUEST_SIZE_WIN8);
    this.send(packet, encodePacket(protocol.VSTOR_OPERATION_COMPLETE_IO, status, size, content));
  }

  /** Tells the guest something unasked. */
  protected notify(operation: number, size: number): void {
    this.channel?.send({ payload: encodePacket(operation, protocol.STATUS_SUCCESS, size) });
  }

  private execute(packet: Packet, srb: Srb): void {
    const { channel } = this;
    this.queue?.submit(srb, packet.buffers[0], (result) => {
      if (channel !== this.channel) return;
      this.answer(packet, result.status, encodeSrbResult(srb, result));
    });
  }

  private send(packet: Packet, bytes: Uint8Array): void {
    // Fewer requests are taken at a time than answers fit into the channel's queue: it has room.
    this.channel?.complete(packet.transactionId, bytes);
  }
}
