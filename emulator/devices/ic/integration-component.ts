import type { Timer, TimerQueue } from "../../time/clock";
import type { DeviceChannel, VmbusDevice } from "../../vmbus/channel";
import type { Packet } from "../../vmbus/packets";
import { PIPE_OFFER } from "../../vmbus/pipe";
import type { OfferDescription } from "../../vmbus/protocol";
import { decodeNegotiation, encodeNegotiation, type IcVersions } from "./negotiate";
import {
  decodeIcMessage,
  encodeIcRequest,
  ICMSGHDRFLAG_RESPONSE,
  ICMSGTYPE_NEGOTIATE,
  type IcVersion,
} from "./protocol";

export interface IcDescription {
  readonly name: string;
  readonly interfaceId: string;
  readonly instanceId: string;
  /** ICMSGTYPE_* of its requests. */
  readonly messageType: number;
  /** Oldest first. */
  readonly messageVersions: readonly IcVersion[];
}

/**
 * From a channel's opening to the first message, ns. EL6's hv_utils opens the channel first and only then sets the
 * versions it will accept (util_probe), so a host that talks at once is refused; a real one takes its time too.
 */
const NEGOTIATION_DELAY = 20_000_000;
/** A guest that was too slow even so answers that it has no version in common; it is asked again, so often, this later. */
const NEGOTIATION_ATTEMPTS = 5;
const NEGOTIATION_RETRY = 500_000_000;

/**
 * What all integration components share: a pipe channel, version negotiation at its opening, and then requests by the
 * host of which one at a time is under way until the guest answers it.
 */
export abstract class IntegrationComponent implements VmbusDevice {
  readonly offer: OfferDescription;
  readonly name: string;
  private channel: DeviceChannel | undefined;
  private negotiated: IcVersions | undefined;
  private waiting = false;
  private readonly negotiation: Timer;
  private attempts = 0;
  private asked = false;

  constructor(
    protected readonly timers: TimerQueue,
    private readonly description: IcDescription,
  ) {
    this.negotiation = timers.create(() => this.negotiate());
    const { interfaceId, instanceId } = description;
    this.offer = { interfaceId, instanceId, ...PIPE_OFFER };
    this.name = description.name;
  }

  /** The version that the guest's service and we speak; undefined until it is settled. */
  get versions(): IcVersions | undefined {
    return this.negotiated;
  }

  open(channel: DeviceChannel): void {
    this.channel = channel;
    this.negotiated = undefined;
    this.waiting = false;
    this.asked = false;
    this.attempts = 0;
    this.negotiation.arm(this.timers.clock.now() + NEGOTIATION_DELAY);
  }

  close(): void {
    this.negotiation.cancel();
    this.channel = undefined;
    this.negotiated = undefined;
    this.waiting = false;
    this.onClosed();
  }

  receive(packet: Packet): void {
    const message = decodeIcMessage(packet.payload);
    if (!message) {
      this.channel?.fail("malformed integration component message");
      return;
    }
    // Guests only answer; anything else is noise.
    if ((message.flags & ICMSGHDRFLAG_RESPONSE) === 0) return;
    if (message.type === ICMSGTYPE_NEGOTIATE) {
      this.negotiationAnswered(message.body);
    } else if (message.type === this.description.messageType && this.waiting) {
      this.waiting = false;
      this.onResponse(message.status, message.body);
    }
  }

  private negotiate(): void {
    const body = encodeNegotiation(this.description.messageVersions);
    const payload = encodeIcRequest(ICMSGTYPE_NEGOTIATE, { framework: 0, message: 0 }, body);
    this.asked = this.channel?.send({ payload }) ?? false;
  }

  private negotiationAnswered(body: Uint8Array<ArrayBuffer>): void {
    if (!this.asked) return;
    this.asked = false;
    this.attempts++;
    this.negotiated = decodeNegotiation(body, this.description.messageVersions);
    if (this.negotiated) this.onReady(this.negotiated.message);
    else if (this.attempts < NEGOTIATION_ATTEMPTS) this.negotiation.arm(this.timers.clock.now() + NEGOTIATION_RETRY);
    else this.channel?.fail("the guest speaks none of our versions");
  }

  /** True while the guest's service is there and owes no answer. */
  protected get idle(): boolean {
    return this.negotiated !== undefined && !this.waiting;
  }

  /** Sends a request. @returns false if the service is not there or still owes an answer */
  protected request(body: Uint8Array): boolean {
    if (!this.channel || !this.negotiated || this.waiting) return false;
    this.waiting = this.channel.send({ payload: encodeIcRequest(this.description.messageType, this.negotiated, body) });
    return this.waiting;
  }

  protected fail(reason: string): void {
    this.channel?.fail(reason);
  }

  /** Versions are settled. */
  protected abstract onReady(messageVersion: IcVersion): void;
  /** The guest answered a request. */
  protected abstract onResponse(status: number, body: Uint8Array<ArrayBuffer>): void;
  protected abstract onClosed(): void;
}
