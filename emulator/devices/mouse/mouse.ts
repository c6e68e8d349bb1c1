import type { AbsolutePointer, PointerReport } from "../../input/pointer-input";
import type { DeviceChannel, VmbusDevice } from "../../vmbus/channel";
import { VM_PKT_COMP, VM_PKT_DATA_INBAND, type Packet } from "../../vmbus/packets";
import { PIPE_OFFER } from "../../vmbus/pipe";
import { AXIS_MAXIMUM } from "./hid-descriptors";
import {
  decodeMouseRequest,
  encodeDeviceInfo,
  encodeInputReport,
  encodeProtocolResponse,
  MOUSE_INSTANCE,
  MOUSE_INTERFACE,
} from "./protocol";

/** Reports that wait while the channel takes none. */
const LIMIT = 64;
const WHEEL_LIMIT = 0x7fff;

/** Hyper-V's mouse: HID reports of an absolute pointer, once the guest's driver knows the device. */
export class SyntheticMouse implements VmbusDevice, AbsolutePointer {
  readonly offer = { interfaceId: MOUSE_INTERFACE, instanceId: MOUSE_INSTANCE, ...PIPE_OFFER };
  readonly name = "Mouse";
  private channel: DeviceChannel | undefined;
  private state: "closed" | "open" | "described" | "active" = "closed";
  private waiting: PointerReport[] = [];

  /** The guest's driver listens. */
  get active(): boolean {
    return this.state === "active";
  }

  report(report: PointerReport): void {
    if (this.state !== "active") return;
    const last = this.waiting.at(-1);
    // Where the pointer was on its way is nobody's business; what a button did, and how far the wheel went, is.
    if (last?.buttons === report.buttons) {
      this.waiting.pop();
      this.waiting.push({ ...report, wheel: last.wheel + report.wheel });
    } else {
      this.waiting.push(report);
    }
    // The newest report has all buttons as they are.
    if (this.waiting.length > LIMIT) this.waiting.shift();
    this.flush();
  }

  open(channel: DeviceChannel): void {
    this.channel = channel;
    this.state = "open";
  }

  close(): void {
    this.channel = undefined;
    this.state = "closed";
    this.waiting = [];
  }

  receive(packet: Packet): void {
    // The host asks for no completions, so one means nothing.
    if (packet.type === VM_PKT_COMP) return;
    const request =
      packet.type === VM_PKT_DATA_INBAND ? decodeMouseRequest(packet.payload) : `packet of type ${packet.type}`;
    if (typeof request === "string") this.channel?.fail(request);
    else if (request.kind === "protocol") this.negotiate(request.version, request.accepted);
    else if (this.state === "described") this.state = "active";
    else this.channel?.fail("acknowledges device information that it was not sent");
  }

  ready(): void {
    this.flush();
  }

  private negotiate(version: number, accepted: boolean): void {
    this.state = accepted ? "described" : "open";
    this.waiting = [];
    this.channel?.send({ payload: encodeProtocolResponse(version, accepted) });
    if (accepted) this.channel?.send({ payload: encodeDeviceInfo() });
  }

  private flush(): void {
    for (let next = this.waiting[0]; next; next = this.waiting[0]) {
      const wheel = Math.max(-WHEEL_LIMIT, Math.min(WHEEL_LIMIT, -next.wheel));
      const axis = (value: number): number => Math.round(value * AXIS_MAXIMUM);
      if (!this.channel?.send({ payload: encodeInputReport(next.buttons, axis(next.x), axis(next.y), wheel) })) return;
      this.waiting.shift();
    }
  }
}
