import { describeStatistics, type StatisticLine } from "../emulator/describe-statistics";
import type { MachineStatistics } from "../emulator/machine-types";

const NOTHING: readonly StatisticLine[] = [["machine", "has not run yet"]];

/** How the processor works, in detail, for whoever opens it; what the last machine did stays until the next one. */
export class StatisticsPanel {
  private statistics: MachineStatistics | undefined;
  private readonly list: HTMLElement;

  constructor(private readonly details: HTMLDetailsElement) {
    this.list = details.querySelector("dl")!;
    details.addEventListener("toggle", () => this.paint());
  }

  show(statistics: MachineStatistics | undefined): void {
    this.statistics = statistics;
    this.paint();
  }

  /** Paints only what someone has opened, and in place, so that a selection stays. */
  private paint(): void {
    if (!this.details.open) return;
    const lines = this.statistics ? describeStatistics(this.statistics) : NOTHING;
    while (this.list.children.length > lines.length) this.list.lastElementChild!.remove();
    lines.forEach(([name, value], index) => {
      const item = this.list.children[index] ?? this.list.appendChild(emptyItem());
      setText(item.children[0]!, name);
      // Lines break between values, not amid one.
      setText(item.children[1]!, value.replace(/([^,]) /g, "$1\u00a0"));
    });
  }
}

function emptyItem(): HTMLDivElement {
  const item = document.createElement("div");
  item.append(document.createElement("dt"), document.createElement("dd"));
  return item;
}

function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
