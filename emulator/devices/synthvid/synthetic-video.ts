import type { GuestMemory } from "../../cpu/guest-memory";
import type { Screen } from "../../display/screen";
import { formatFits, type PixelMemory, RamPixels, Surface, type SurfaceFormat } from "../../display/surface";
import type { Log } from "../../log";
import type { DeviceChannel, VmbusDevice } from "../../vmbus/channel";
import type { Packet } from "../../vmbus/packets";
import { PIPE_OFFER } from "../../vmbus/pipe";
import type { OfferDescription } from "../../vmbus/protocol";
import { createEdid } from "./edid";
import { PointerAssembly } from "./pointer";
import * as protocol from "./protocol";
import type { Request, ShapePart, Situation } from "./protocol";
import { OLD_LIMIT, RESOLUTIONS, VIDEO_MEMORY_SIZE } from "./resolutions";
import type { VgaAdapter } from "./vga-adapter";

export interface SyntheticVideoOptions {
  readonly memory: GuestMemory;
  readonly adapter: VgaAdapter;
  readonly screen: Screen;
  readonly log: Log;
}

/** Complaints, at most, while a channel is open. */
const COMPLAINT_LIMIT = 8;

/** The synthetic video device: the guest's driver says where its picture is and what it painted. */
export class SyntheticVideo implements VmbusDevice {
  readonly name = "Video";
  readonly offer: OfferDescription;
  private channel: DeviceChannel | undefined;
  /** Undefined before one is settled. */
  private version: protocol.SynthvidVersion | undefined;
  private pixels: PixelMemory;
  private surface: Surface | undefined;
  private situation: Situation | undefined;
  private readonly pointer = new PointerAssembly();
  private featuresTold = false;
  private complaints = 0;

  constructor(private readonly options: SyntheticVideoOptions) {
    this.pixels = options.adapter.memory;
    this.offer = {
      interfaceId: protocol.SYNTHVID_INTERFACE,
      instanceId: "5620e0c7-8062-4dce-aeb7-520c7ef76171",
      mmioMegabytes: VIDEO_MEMORY_SIZE >>> 20,
      ...PIPE_OFFER,
    };
    options.screen.onWatched = () => {
      if (this.featuresTold) this.tellFeatures();
    };
  }

  /** "major.minor" of the protocol in use. */
  get protocolVersion(): string | undefined {
    return this.version === undefined ? undefined : protocol.versionText(this.version);
  }

  open(channel: DeviceChannel): void {
    this.channel = channel;
    this.complaints = 0;
    this.start();
  }

  close(): void {
    this.channel = undefined;
    this.start();
  }

  receive(packet: Packet): void {
    const request = protocol.decodeRequest(packet.payload);
    if (typeof request === "string") this.channel?.fail(request);
    else if (request.kind === "version") this.negotiate(request.version);
    else if (this.version === undefined) this.channel?.fail(`video ${request.kind} message before a version`);
    else this.handle(request);
  }

  /** Everything as after the channel's opening; the guest's picture is gone. */
  private start(): void {
    this.version = undefined;
    this.featuresTold = false;
    this.situation = undefined;
    this.pointer.clear();
    this.options.adapter.release();
    this.pixels = this.options.adapter.memory;
    this.update();
    const { pointer } = this.options.screen;
    if (pointer.visible || pointer.shape) this.options.screen.setPointer({ visible: false, x: 0, y: 0 });
  }

  private negotiate(version: protocol.SynthvidVersion): void {
    this.start();
    const accepted = protocol.isKnownVersion(version);
    if (accepted) this.version = version;
    this.send(protocol.encodeVersionResponse(version, accepted));
  }

  private handle(request: Exclude<Request, { kind: "version" }>): void {
    const { screen } = this.options;
    switch (request.kind) {
      case "vram-location":
        if (!this.locate(request.gpa)) return;
        this.send(protocol.encodeAcknowledgement(protocol.SYNTHVID_VRAM_LOCATION_ACK, request.context));
        return;
      case "situation":
        this.situation = request.output;
        this.update();
        this.send(protocol.encodeAcknowledgement(protocol.SYNTHVID_SITUATION_UPDATE_ACK, request.context));
        if (!this.featuresTold) this.tellFeatures();
        return;
      case "pointer-position":
        screen.setPointer({ ...screen.pointer, visible: request.visible, x: request.x, y: request.y });
        return;
      case "pointer-shape":
        this.addShape(request);
        return;
      case "dirt":
        for (const { left, top, right, bottom } of request.rectangles) {
          screen.paint({ x: left, y: top, width: right - left, height: bottom - top });
        }
        return;
      case "bios-info":
        this.send(protocol.encodeBiosInfo());
        return;
      case "resolutions": {
        const resolutions = RESOLUTIONS.slice(0, request.maximum);
        this.send(protocol.encodeResolutions(createEdid(RESOLUTIONS[0]!), resolutions, 0));
        return;
      }
      case "capability":
        this.send(protocol.encodeCapability());
    }
  }

  /** The guest says where the video memory shall be, or which part of its RAM it uses instead. */
  private locate(gpa: bigint | undefined): boolean {
    const { adapter, memory } = this.options;
    if (gpa === undefined) {
      adapter.release();
      this.pixels = adapter.memory;
    } else if (gpa < BigInt(memory.size)) {
      const start = Number(gpa);
      adapter.release();
      this.pixels = new RamPixels(memory, start, Math.min(VIDEO_MEMORY_SIZE, memory.size - start));
    } else if (gpa <= BigInt(Number.MAX_SAFE_INTEGER) && adapter.claim(Number(gpa))) {
      this.pixels = adapter.memory;
    } else {
      this.complain(`the guest wants video memory at 0x${gpa.toString(16)}, where none can be`);
      return false;
    }
    this.surface = undefined;
    this.update();
    return true;
  }

  /** Shows what the guest's last situation says. */
  private update(): void {
    const format = this.situation && this.formatOf(this.situation);
    if (!format) this.surface = undefined;
    else if (!this.surface || !isSame(format, this.surface.format)) this.surface = new Surface(this.pixels, format);
    this.options.screen.show(this.surface);
  }

  /** @returns undefined for a picture that is off or can't be */
  private formatOf({ active, width, height, depthBits, pitch, vramOffset }: Situation): SurfaceFormat | undefined {
    if (!active) return undefined;
    const old = protocol.versionMinor(this.version ?? 0) < protocol.HIGH_RESOLUTIONS_MINOR;
    const allowed = !old || (width <= OLD_LIMIT.width && height <= OLD_LIMIT.height);
    if (allowed && (depthBits === 16 || depthBits === 32)) {
      const format: SurfaceFormat = { width, height, depth: depthBits, pitch, offset: vramOffset };
      if (formatFits(format, this.pixels.size)) return format;
    }
    this.complain(
      `the guest shows ${width} x ${height} pixels of ${depthBits} bits, ${pitch} bytes a row, ` +
        `from byte ${vramOffset} on, which can't be`,
    );
    return undefined;
  }

  private addShape(part: ShapePart): void {
    const { screen } = this.options;
    const shape = this.pointer.add(part);
    if (typeof shape === "string") this.complain(`the guest gave ${shape}`);
    else if (shape) screen.setPointer({ ...screen.pointer, shape });
  }

  private tellFeatures(): void {
    this.featuresTold = true;
    this.send(protocol.encodeFeatureChange(this.options.screen.watched));
  }

  private send(payload: Uint8Array): void {
    const { channel } = this;
    if (channel && !channel.send({ payload })) channel.fail("the guest takes no video messages");
  }

  private complain(message: string): void {
    this.complaints++;
    if (this.complaints <= COMPLAINT_LIMIT) this.options.log("synthvid", message);
  }
}

function isSame(a: SurfaceFormat, b: SurfaceFormat): boolean {
  return (
    a.width === b.width && a.height === b.height && a.offset === b.offset && a.pitch === b.pitch && a.depth === b.depth
  );
}
