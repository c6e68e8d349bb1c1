import type { VmbusDevice } from "../../../emulator/vmbus/channel";
import { type FakeChannel, FakeGuest } from "../vmbus/fake-guest";
import { FakeMachine } from "../vmbus/fake-machine";

// The guest's side of the synthetic keyboard and mouse, from the layouts in hyperv-keyboard.c and hid-hyperv.c.

const IN_BAND = 6;

/** Bytes of little-endian u32 words. */
export function bytesOf(...words: number[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 * words.length);
  words.forEach((word, index) => new DataView(bytes.buffer).setUint32(4 * index, word, true));
  return bytes;
}

/** A driver that has opened the channel of a device, the only one on its bus. */
export class FakeDriver {
  readonly machine = new FakeMachine();
  readonly guest = new FakeGuest(this.machine);
  channel: FakeChannel;
  private readonly offer;

  constructor(device: VmbusDevice) {
    this.machine.vmbus.add(device);
    this.guest.start();
    this.guest.contact(0x30000);
    this.offer = this.guest.offers()[0]!;
    this.channel = this.guest.openChannel(this.offer);
  }

  /** Interface type, flags and first user-defined word of the offer. */
  get offered(): { readonly interfaceId: string; readonly flags: number; readonly pipeMode: number } {
    const { bytes, view } = this.offer;
    return {
      interfaceId: Buffer.from(bytes.subarray(8, 24)).toString("hex"),
      flags: view.getUint16(56, true),
      pipeMode: view.getUint32(60, true),
    };
  }

  send(payload: Uint8Array, type = IN_BAND): void {
    if (!this.channel.send(type, payload, { completion: true, transactionId: 7n })) throw new Error("ring is full");
  }

  /** Payloads of what the host sent, as hexadecimal text. */
  receive(): string[] {
    return this.channel.receiveAll().map((packet) => {
      if (packet.type !== IN_BAND) throw new Error(`packet of type ${packet.type}`);
      return Buffer.from(packet.payload).toString("hex");
    });
  }

  /** CLOSECHANNEL. */
  close(): void {
    const bytes = new Uint8Array(12);
    new DataView(bytes.buffer).setUint32(0, 7, true);
    new DataView(bytes.buffer).setUint32(8, this.channel.relid, true);
    this.guest.post(bytes);
  }
}
