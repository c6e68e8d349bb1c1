import { describeStatistics, type StatisticLine } from "../emulator/describe-statistics";
import type { ChannelStatus, MachineStatistics, MachineStatus } from "../emulator/machine-types";

/** The line under the console: what the machine does, its processor in detail, and its VMBus channels by name. */
export class StatusLine {
  constructor(
    private readonly values: HTMLElement,
    private readonly channels: HTMLElement,
    private readonly statistics: HTMLDetailsElement,
  ) {}

  showState(state: string): void {
    this.show("state", state);
  }

  showStatus(status: MachineStatus, instructionsPerSecond: number): void {
    this.show("guest-time", `${status.guestSeconds.toFixed(1)} s`);
    this.show("speed", `${(instructionsPerSecond / 1e6).toFixed(1)} M instructions/s`);
    this.show("vmbus", status.vmbusVersion ?? "no contact yet");
    this.showChannels(status.channels);
  }

  showChannels(channels: readonly ChannelStatus[]): void {
    const key = channels.map(({ relid, name, state }) => `${relid} ${name} ${state}`).join("\n");
    // Painting only what changed keeps a screen reader's place in the list.
    if (this.channels.dataset["key"] === key) return;
    this.channels.dataset["key"] = key;
    this.channels.replaceChildren(...channels.map(channelItem));
  }

  /** Paints only what someone has opened. */
  showStatistics(statistics: MachineStatistics): void {
    if (this.statistics.open) this.paintStatistics(describeStatistics(statistics));
    else this.paintStatistics([]);
  }

  clear(): void {
    this.paintStatistics([]);
    for (const name of ["guest-time", "speed", "vmbus"]) this.show(name, "–");
    this.showChannels([]);
  }

  private paintStatistics(lines: readonly StatisticLine[]): void {
    this.statistics.querySelector("dl")?.replaceChildren(...lines.map(statisticItem));
  }

  private show(name: string, text: string): void {
    const value = this.values.querySelector(`[data-value="${name}"]`);
    if (value) value.textContent = text;
  }
}

function channelItem({ name, state, instanceId, relid }: ChannelStatus): HTMLLIElement {
  const item = document.createElement("li");
  item.dataset["state"] = state;
  item.title = `relid ${relid}, instance ${instanceId}`;
  const label = document.createElement("span");
  label.className = "state";
  label.textContent = state;
  item.append(`${name} `, label);
  return item;
}

function statisticItem([name, value]: StatisticLine): HTMLDivElement {
  const item = document.createElement("div");
  const term = document.createElement("dt");
  term.textContent = name;
  const description = document.createElement("dd");
  description.textContent = value;
  item.append(term, description);
  return item;
}
