import type { ChannelStatus } from "../../machine-types";
import type { RingFills, TracedChannel } from "./types";

/** A channel that is offered, with all that a lesson about it shows. */
export interface ChannelSnapshot extends TracedChannel {
  readonly state: ChannelStatus["state"];
  /** What the guest signals the host with. */
  readonly connectionId: number;
  /** Of a channel whose guest sets bits in the monitor page instead. */
  readonly monitorId: number | undefined;
  /** The processor whose SynIC the host signals. */
  readonly targetVp: number;
  /** 0 for a primary channel. */
  readonly subchannelIndex: number;
  /** While the rings are in use. */
  readonly rings: RingFills | undefined;
}

/** Memory that the guest shares. */
export interface GpadlSnapshot {
  /** The guest's handle. */
  readonly id: number;
  readonly relid: number;
  readonly pages: number;
  /** A channel's rings lie in it. */
  readonly holdsRings: boolean;
}

export interface VmbusSnapshot {
  /** "major.minor"; undefined before contact. */
  readonly version: string | undefined;
  /** By relid. */
  readonly channels: readonly ChannelSnapshot[];
  readonly gpadls: readonly GpadlSnapshot[];
}
