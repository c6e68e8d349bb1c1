/** One synthetic interrupt source, for people. */
export interface SintState {
  readonly sint: number;
  readonly vector: number;
  readonly masked: boolean;
  readonly autoEoi: boolean;
  readonly polling: boolean;
  /** The type of the message in its slot; 0 if that is free, or there is no message page. */
  readonly messageType: number;
  /** Messages that wait for the slot. */
  readonly queued: number;
  /** Event flags that are set: channels, by relid. */
  readonly eventFlags: readonly number[];
}

export interface SynicState {
  readonly enabled: boolean;
  /** GPAs of the message page and of the event flags page, if the guest has enabled them. */
  readonly messagePage: number | undefined;
  readonly eventFlagsPage: number | undefined;
  readonly sints: readonly SintState[];
}
