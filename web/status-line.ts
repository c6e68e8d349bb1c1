import type { ChannelStatus, MachineStatus } from "../emulator/machine-types";

/** The line under the console: what the machine does, and its VMBus channels by name. */
export class StatusLine {
  constructor(
    private readonly values: HTMLElement,
    private readonly channels: HTMLElement,
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

  clear(): void {
    for (const name of ["guest-time", "speed", "vmbus"]) this.show(name, "–");
    this.showChannels([]);
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
