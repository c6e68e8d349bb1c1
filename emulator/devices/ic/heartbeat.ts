import type { Timer, TimerQueue } from "../../time/clock";
import { IntegrationComponent } from "./integration-component";
import { HV_S_OK, ICMSGTYPE_HEARTBEAT, icVersion } from "./protocol";

export const HEARTBEAT_INTERFACE_ID = "57164f39-9115-4e78-ab55-382f3bd5422d";

/** Hyper-V asks every two seconds (ns). */
const PERIOD = 2_000_000_000;
/** heartbeat_msg_data: u64 sequence number, eight u32 reserved, of which the first is the application state. */
const MESSAGE_SIZE = 40;

/** "ok" while the guest answers within two periods, "lost" when it stopped to, "no contact" without a service. */
export type HeartbeatStatus = "no contact" | "ok" | "lost";

/** Asks the guest's heartbeat service over and over whether it is alive. */
export class Heartbeat extends IntegrationComponent {
  private readonly timer: Timer;
  private sequence = 0n;
  private lastAnswer: number | undefined;

  constructor(timers: TimerQueue) {
    super(timers, {
      name: "Heartbeat",
      interfaceId: HEARTBEAT_INTERFACE_ID,
      instanceId: "fd149e91-82e0-4a7d-afa6-2a4166cbd7c0",
      messageType: ICMSGTYPE_HEARTBEAT,
      messageVersions: [icVersion(1, 0), icVersion(3, 0)],
    });
    this.timer = timers.create(() => this.beat());
  }

  get status(): HeartbeatStatus {
    if (this.lastAnswer === undefined) return "no contact";
    return this.timers.clock.now() - this.lastAnswer <= 2 * PERIOD ? "ok" : "lost";
  }

  /** The number in the guest's last answer; it counts each request once. */
  get lastSequence(): bigint {
    return this.sequence;
  }

  protected onReady(): void {
    this.sequence = 0n;
    this.beat();
  }

  protected onResponse(status: number, body: Uint8Array<ArrayBuffer>): void {
    if (status !== HV_S_OK || body.length < 8) return;
    this.sequence = new DataView(body.buffer).getBigUint64(0, true);
    this.lastAnswer = this.timers.clock.now();
  }

  protected onClosed(): void {
    this.timer.cancel();
    this.lastAnswer = undefined;
  }

  private beat(): void {
    const body = new Uint8Array(MESSAGE_SIZE);
    new DataView(body.buffer).setBigUint64(0, this.sequence, true);
    // A guest that still owes an answer is not asked again; its answer may come late.
    this.request(body);
    this.timer.arm(this.timers.clock.now() + PERIOD);
  }
}
