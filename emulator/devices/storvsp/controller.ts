import type { HostWork } from "../../time/host-work";
import type { VmbusDevice } from "../../vmbus/channel";
import type { Packet } from "../../vmbus/packets";
import type { OfferDescription } from "../../vmbus/protocol";
import { ScsiBus } from "../scsi/bus";
import {
  encodeProperties,
  encodeVersion,
  HEADER_SIZE,
  IDE_INTERFACE_ID,
  type Request,
  SCSI_INTERFACE_ID,
  type Srb,
} from "./protocol";
import * as protocol from "./protocol";
import { StorageChannel, type StorageChannelContext } from "./storage-channel";

/** The largest transfer that guests are told of, bytes; those that ask split what is larger. */
const MAX_TRANSFER_BYTES = 512 << 10;

/** Where a controller's further channels are offered. */
export interface SubChannelHost {
  add(device: VmbusDevice): void;
  remove(device: VmbusDevice): void;
}

/** How far the guest has come with the initialization that it starts after opening the channel. */
type State = "begin" | "version" | "properties" | "end" | "ready";

/** A sub-channel: nothing but I/O, and that only while the primary channel is ready. */
class SubChannel extends StorageChannel {
  constructor(
    context: StorageChannelContext,
    primary: StorageChannel,
    index: number,
    private readonly primaryServes: () => boolean,
  ) {
    super(context, { ...primary.offer, subchannelIndex: index }, primary.name);
  }

  protected override get serving(): boolean {
    return this.primaryServes();
  }
  protected override onRequest(packet: Packet): void {
    this.answer(packet, protocol.STATUS_INVALID_DEVICE_STATE);
  }
  protected override onOpen(): void {
    // All that there is to know was settled on the primary channel.
  }
  protected override onClose(): void {
    // The primary channel goes on.
  }
}

/** The primary channel of a storage controller: agrees on a version with the guest's storvsc, then serves its I/O. */
export class StorageController extends StorageChannel {
  private state: State = "begin";
  private version = 0;
  private subChannels: SubChannel[] = [];

  /** @param maxSubChannels further channels that the guest may ask for */
  constructor(
    offer: OfferDescription,
    name: string,
    context: StorageChannelContext,
    private readonly host: SubChannelHost,
    private readonly maxSubChannels = 0,
  ) {
    super(context, offer, name);
  }

  get bus(): ScsiBus {
    return this.context.bus;
  }

  /** VMSTOR_PROTO_VERSION_* in use; undefined before the guest's driver is there. */
  get protocolVersion(): number | undefined {
    return this.state === "ready" ? this.version : undefined;
  }

  /** A logical unit came, went, or changed its size: has the guest look. Windows Server 2008's guests do not know it. */
  announceChange(): void {
    if (this.state !== "ready" || this.version < protocol.VMSTOR_PROTO_VERSION_WIN7) return;
    this.notify(protocol.VSTOR_OPERATION_ENUMERATE_BUS, HEADER_SIZE + this.requestSize);
  }

  protected override get serving(): boolean {
    return this.state === "ready";
  }

  protected override onOpen(): void {
    this.state = "begin";
  }

  protected override onClose(): void {
    this.state = "begin";
    this.bus.reset();
    const channels = this.subChannels;
    this.subChannels = [];
    for (const channel of channels) this.host.remove(channel);
  }

  protected override onRequest(packet: Packet, request: Request): void {
    const { state } = this;
    if (request.kind === "begin-initialization" && state === "begin") {
      this.state = "version";
      this.answer(packet, protocol.STATUS_SUCCESS);
    } else if (request.kind === "query-protocol-version" && state === "version") {
      this.queryVersion(packet, request.version);
    } else if (request.kind === "query-properties" && state === "properties") {
      this.state = "end";
      this.answer(packet, protocol.STATUS_SUCCESS, this.properties());
    } else if (request.kind === "end-initialization" && state === "end") {
      this.state = "ready";
      this.answer(packet, protocol.STATUS_SUCCESS);
    } else if (request.kind === "create-sub-channels" && (state === "end" || state === "ready")) {
      this.createSubChannels(packet, request.count);
    } else if (request.kind === "reset" && state === "ready") {
      // Requests that are under way end by themselves, as on Hyper-V.
      this.bus.reset();
      this.answer(packet, protocol.STATUS_SUCCESS);
    } else {
      this.answer(packet, protocol.STATUS_INVALID_DEVICE_STATE);
    }
  }

  private get requestSize(): number {
    return this.version >= protocol.VMSTOR_PROTO_VERSION_WIN8
      ? protocol.VMSCSI_REQUEST_SIZE_WIN8
      : protocol.VMSCSI_REQUEST_SIZE;
  }

  private get multiChannel(): boolean {
    return this.version >= protocol.VMSTOR_PROTO_VERSION_WIN8;
  }

  private queryVersion(packet: Packet, version: number): void {
    const known = protocol.VERSIONS.includes(version);
    if (known) {
      this.version = version;
      this.state = "properties";
    }
    const status = known ? protocol.STATUS_SUCCESS : protocol.STATUS_REVISION_MISMATCH;
    this.answer(packet, status, encodeVersion(version));
  }

  private properties(): Uint8Array {
    return encodeProperties(
      this.multiChannel ? this.maxSubChannels : 0,
      this.multiChannel ? protocol.STORAGE_CHANNEL_SUPPORTS_MULTI_CHANNEL : 0,
      MAX_TRANSFER_BYTES,
    );
  }

  private createSubChannels(packet: Packet, count: number): void {
    if (!this.multiChannel || count > this.maxSubChannels || this.subChannels.length > 0) {
      this.answer(packet, protocol.STATUS_INVALID_PARAMETER);
      return;
    }
    this.answer(packet, protocol.STATUS_SUCCESS);
    for (let index = 1; index <= count; index++) {
      const channel = new SubChannel(this.context, this, index, () => this.serving);
      this.subChannels.push(channel);
      this.host.add(channel);
    }
  }
}

/** The synthetic SCSI controller. @param instanceId names it among others */
export function createScsiController(
  instanceId: string,
  work: HostWork,
  host: SubChannelHost,
  maxSubChannels = 0,
): StorageController {
  const context: StorageChannelContext = {
    bus: new ScsiBus(),
    work,
    addressOf: ({ pathId, targetId, lun }) => ({ path: pathId, target: targetId, lun }),
  };
  const offer = { interfaceId: SCSI_INTERFACE_ID, instanceId };
  return new StorageController(offer, "SCSI Controller", context, host, maxSubChannels);
}

/** Flag in an IDE channel's offer: STORAGE_CHANNEL_EMULATED_IDE_FLAG. */
const EMULATED_IDE = 0x2;

/**
 * The fast way to a drive of the emulated IDE controllers: one channel a drive, which is at target `drive` and LUN 0
 * whatever path a guest gives.
 * @param channel 0 or 1, the IDE controller
 * @param drive 0 or 1
 */
export function createIdeChannel(
  channel: number,
  drive: number,
  work: HostWork,
  host: SubChannelHost,
): StorageController {
  const context: StorageChannelContext = {
    bus: new ScsiBus(),
    work,
    addressOf: ({ targetId, lun }: Srb) => ({ path: channel, target: targetId, lun }),
  };
  // Linux takes the drive from the instance id, old Windows drivers from the offer's own bytes.
  const userDefined = new Uint8Array(24);
  userDefined[2] = channel;
  userDefined[3] = drive;
  userDefined[8] = EMULATED_IDE;
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
  const instanceId = `${hex(channel, 8)}-${hex(drive, 4)}-8899-0000-000000000000`;
  return new StorageController(
    { interfaceId: IDE_INTERFACE_ID, instanceId, userDefined },
    "IDE Accelerator",
    context,
    host,
  );
}
