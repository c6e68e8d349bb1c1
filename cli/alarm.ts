import type { Machine } from "../emulator/machine";
import type { TimeMode } from "../emulator/machine-types";

/** How often, in ms of the host, a virtual-time alarm looks at the guest's clock; it decides nothing else. */
const POLL_MS = 20;

/** Fires once after some seconds: of the host's in real time, of the guest's in virtual time. */
export class Alarm {
  private deadline = Infinity;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly machine: Pick<Machine, "status">,
    private readonly time: TimeMode,
    private readonly onDue: () => void,
  ) {}

  set(seconds: number): void {
    this.cancel();
    if (this.time === "real") {
      this.timer = setTimeout(() => this.fire(), seconds * 1000);
      return;
    }
    this.deadline = this.machine.status().guestSeconds + seconds;
    this.timer = setInterval(() => this.isDue(), POLL_MS);
  }

  /** Whether the guest's clock has passed the alarm's time; fires the alarm if so. Always false in real time. */
  isDue(): boolean {
    if (this.deadline === Infinity || this.machine.status().guestSeconds < this.deadline) return false;
    this.fire();
    return true;
  }

  cancel(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.deadline = Infinity;
  }

  private fire(): void {
    this.cancel();
    this.onDue();
  }
}
