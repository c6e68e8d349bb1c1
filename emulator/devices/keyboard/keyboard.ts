import { KeyEventQueue } from "../../input/key-event-queue";
import type { KeyboardDevice } from "../../input/keyboard-input";
import type { KeyEvent, Keystroke } from "../../input/scan-codes";
import type { DeviceChannel, VmbusDevice } from "../../vmbus/channel";
import { VM_PKT_COMP, VM_PKT_DATA_INBAND, type Packet } from "../../vmbus/packets";
import {
  decodeKeyboardRequest,
  encodeKeystroke,
  encodeProtocolResponse,
  KEYBOARD_INSTANCE,
  KEYBOARD_INTERFACE,
} from "./protocol";

/** Hyper-V's keyboard: scan codes as messages, once the guest's driver has agreed on the protocol. */
export class SyntheticKeyboard implements VmbusDevice, KeyboardDevice {
  readonly offer = { interfaceId: KEYBOARD_INTERFACE, instanceId: KEYBOARD_INSTANCE };
  readonly name = "Keyboard";
  onLeds: ((flags: number) => void) | undefined;
  private channel: DeviceChannel | undefined;
  private agreed = false;
  private readonly waiting = new KeyEventQueue();
  /** The rest of an event that went out in part. */
  private started: readonly Keystroke[] = [];

  /** The guest's driver listens. */
  get active(): boolean {
    return this.agreed;
  }

  get backlog(): number {
    return this.waiting.length + this.started.length;
  }

  key(event: KeyEvent): void {
    if (!this.agreed) return;
    this.waiting.push(event);
    this.flush();
  }

  open(channel: DeviceChannel): void {
    this.channel = channel;
  }

  close(): void {
    this.channel = undefined;
    this.agreed = false;
    this.started = [];
    this.waiting.clear();
  }

  receive(packet: Packet): void {
    // The host asks for no completions, so one means nothing.
    if (packet.type === VM_PKT_COMP) return;
    const request =
      packet.type === VM_PKT_DATA_INBAND ? decodeKeyboardRequest(packet.payload) : `packet of type ${packet.type}`;
    if (typeof request === "string") this.channel?.fail(request);
    else if (request.kind === "leds") this.onLeds?.(request.flags);
    else {
      this.agreed = request.accepted;
      this.channel?.send({ payload: encodeProtocolResponse(request.accepted) });
    }
  }

  ready(): void {
    this.flush();
  }

  private flush(): void {
    for (;;) {
      const [stroke, ...rest] = this.started;
      if (stroke) {
        const { channel } = this;
        // A ring that turns out to be spoiled ends the channel while we send.
        if (!channel?.send({ payload: encodeKeystroke(stroke) }) || this.channel !== channel) return;
        this.started = rest;
      } else {
        const next = this.waiting.shift();
        if (!next) return;
        this.started = next.strokes;
      }
    }
  }
}
