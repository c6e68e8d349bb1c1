import type { Timer, TimerQueue } from "../../time/clock";
import { IntegrationComponent } from "./integration-component";
import { ICMSGTYPE_TIMESYNC, icVersion, type IcVersion } from "./protocol";

export const TIME_SYNC_INTERFACE_ID = "9527e630-d0ae-497b-adce-e80ab0175caf";

/** Version 4.0 tells the partition's reference time with the sample, so that delivery delay does not count. */
export const REFERENCE_TIME_VERSION = icVersion(4, 0);

/** ictimesync_data: u64 parent time, child time, round trip time; u8 flags; 3 reserved. */
const MESSAGE_SIZE = 28;
const FLAGS = 24;
/** ictimesync_ref_data: u64 parent time, VM reference time; u8 flags, leap indicator, stratum; 5 reserved. */
const REFERENCE_MESSAGE_SIZE = 24;
const REFERENCE_FLAGS = 16;

const ICTIMESYNCFLAG_SYNC = 1;
const ICTIMESYNCFLAG_SAMPLE = 2;
export const TIME_SYNC_FLAGS = { [ICTIMESYNCFLAG_SYNC]: "SYNC", [ICTIMESYNCFLAG_SAMPLE]: "SAMPLE" };

/** Time between samples (ns). */
const SAMPLE_PERIOD = 5_000_000_000;

/** 1970-01-01 in units of 100 ns since 1601-01-01, which is how Windows counts. */
const UNIX_EPOCH = 116_444_736_000_000_000n;
const UNITS_PER_MS = 10_000n;

/** Sets the guest's clock when its service starts, and sends it samples of the host's time from then on. */
export class TimeSync extends IntegrationComponent {
  private readonly timer: Timer;
  private messageVersion: IcVersion = 0;

  /** @param referenceTime the partition reference time in units of 100 ns */
  constructor(
    timers: TimerQueue,
    private readonly referenceTime: () => bigint,
  ) {
    super(timers, {
      name: "Time Synchronization",
      interfaceId: TIME_SYNC_INTERFACE_ID,
      instanceId: "2dd1ce17-079e-403c-b352-a1921ee207ee",
      messageType: ICMSGTYPE_TIMESYNC,
      messageVersions: [icVersion(1, 0), icVersion(3, 0), REFERENCE_TIME_VERSION],
    });
    this.timer = timers.create(() => this.sample(ICTIMESYNCFLAG_SAMPLE));
  }

  /** Makes the guest set its clock, as after a pause of the machine. @returns false if it cannot be asked now */
  synchronize(): boolean {
    return this.idle && this.sample(ICTIMESYNCFLAG_SYNC);
  }

  protected onReady(messageVersion: IcVersion): void {
    this.messageVersion = messageVersion;
    this.sample(ICTIMESYNCFLAG_SYNC);
  }

  protected onResponse(): void {
    this.timer.arm(this.timers.clock.now() + SAMPLE_PERIOD);
  }

  protected onClosed(): void {
    this.timer.cancel();
  }

  private sample(flag: number): boolean {
    const reference = this.referenceTime();
    const epoch = UNIX_EPOCH + BigInt(Math.round(this.timers.clock.epochMs)) * UNITS_PER_MS;
    const referenced = this.messageVersion >= REFERENCE_TIME_VERSION;
    const body = new Uint8Array(referenced ? REFERENCE_MESSAGE_SIZE : MESSAGE_SIZE);
    const view = new DataView(body.buffer);
    // The reference counter starts with the machine, as epochMs does, so both times are of one moment.
    view.setBigUint64(0, epoch + reference, true);
    if (referenced) view.setBigUint64(8, reference, true);
    view.setUint8(referenced ? REFERENCE_FLAGS : FLAGS, flag);
    return this.request(body);
  }
}
