import type { TimerQueue } from "../../time/clock";
import { IntegrationComponent } from "./integration-component";
import { HV_S_OK, ICMSGTYPE_SHUTDOWN, icVersion } from "./protocol";

export const SHUTDOWN_INTERFACE_ID = "0e0b6031-5213-4934-818b-38d90ced39db";

/** shutdown_msg_data: u32 reason code, u32 timeout in seconds, u32 flags, 2048 bytes of UTF-16 text. */
const MESSAGE_SIZE = 12 + 2048;
const TEXT = 12;
/** Text, without its final zero, in UTF-16 units. */
const TEXT_LIMIT = 1023;

const SHTDN_REASON_FLAG_PLANNED = 0x80000000;

const FLAG_FORCE = 1;
const FLAG_RESTART = 2;
const FLAG_HIBERNATE = 4;
export const SHUTDOWN_FLAGS = { [FLAG_FORCE]: "FORCE", [FLAG_RESTART]: "RESTART", [FLAG_HIBERNATE]: "HIBERNATE" };

/** Restart came with message version 3.1, hibernation with 3.2; an older service would refuse the flag. */
const RESTART_VERSION = icVersion(3, 1);
const HIBERNATE_VERSION = icVersion(3, 2);

export interface ShutdownRequest {
  /** "power-off" if not given. */
  readonly action?: "power-off" | "restart" | "hibernate";
  /** Do not wait for applications. */
  readonly force?: boolean;
  /** Shown to users of the guest. */
  readonly reason?: string;
  /** Seconds that the guest may take; 0, the default, for its own rule. */
  readonly timeoutSeconds?: number;
}

/** Asks the guest to shut down in good order. */
export class Shutdown extends IntegrationComponent {
  private pending: ShutdownRequest | undefined;
  /** The guest answered: it will shut down, or it refused. */
  onAnswer: ((accepted: boolean) => void) | undefined;

  constructor(timers: TimerQueue) {
    super(timers, {
      name: "Shutdown",
      interfaceId: SHUTDOWN_INTERFACE_ID,
      instanceId: "b6650ff7-33bc-4840-8048-e0676786f393",
      messageType: ICMSGTYPE_SHUTDOWN,
      messageVersions: [icVersion(1, 0), icVersion(3, 0), RESTART_VERSION, HIBERNATE_VERSION],
    });
  }

  /** True if the guest's service is there and takes requests. */
  get available(): boolean {
    return this.idle;
  }

  /**
   * Asks for a shutdown, now or as soon as the guest's service has answered what it was asked before.
   * @returns false if there is no service, or it is too old for the action
   */
  shutdown(request: ShutdownRequest = {}): boolean {
    const version = this.versions?.message;
    if (version === undefined) return false;
    if (request.action === "restart" && version < RESTART_VERSION) return false;
    if (request.action === "hibernate" && version < HIBERNATE_VERSION) return false;
    this.pending = request;
    this.sendPending();
    return true;
  }

  protected onReady(): void {
    this.sendPending();
  }

  protected onResponse(status: number): void {
    this.onAnswer?.(status === HV_S_OK);
    this.sendPending();
  }

  protected onClosed(): void {
    this.pending = undefined;
  }

  private sendPending(): void {
    if (!this.pending || !this.idle) return;
    const { action, force, reason, timeoutSeconds } = this.pending;
    this.pending = undefined;
    const body = new Uint8Array(MESSAGE_SIZE);
    const view = new DataView(body.buffer);
    view.setUint32(0, SHTDN_REASON_FLAG_PLANNED, true);
    view.setUint32(4, timeoutSeconds ?? 0, true);
    const what = action === "restart" ? FLAG_RESTART : action === "hibernate" ? FLAG_HIBERNATE : 0;
    view.setUint32(8, what | (force ? FLAG_FORCE : 0), true);
    const text = (reason ?? "").slice(0, TEXT_LIMIT);
    for (let i = 0; i < text.length; i++) view.setUint16(TEXT + 2 * i, text.charCodeAt(i), true);
    this.request(body);
  }
}
