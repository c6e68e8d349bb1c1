import { element } from "../dom";
import type { MachineClient } from "../machine-client";

/** The DVD drive: an ISO image of the user's computer goes in, now or at the next start, and comes out. */
export class DiscControls {
  private readonly text = element("disc", HTMLElement);
  private readonly ejectButton = element("eject-disc", HTMLButtonElement);
  private file: File | undefined;
  /** The guest holds the disc and was asked once. */
  private asked = false;
  machine: MachineClient | undefined;

  constructor(run: (action: () => Promise<string | undefined>) => Promise<void>) {
    const input = element("disc-file", HTMLInputElement);
    element("insert-disc", HTMLButtonElement).addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      const disc = input.files?.[0];
      input.value = "";
      if (disc) void run(() => this.insert(disc));
    });
    this.ejectButton.addEventListener("click", () => void run(() => this.eject()));
    this.paint();
  }

  get disc(): File | undefined {
    return this.file;
  }

  /** What the machine has in its drive; the guest can eject it too. */
  show(name: string | undefined): void {
    if (name === undefined) this.file = undefined;
    this.paint();
  }

  private async insert(disc: File): Promise<string> {
    await this.machine?.drive({ kind: "insert", disc });
    this.file = disc;
    this.asked = false;
    this.paint();
    return this.machine
      ? `${disc.name} is in the DVD drive.`
      : `${disc.name} will be in the DVD drive at the next start.`;
  }

  private async eject(): Promise<string> {
    const force = this.asked;
    this.asked = true;
    await this.machine?.drive({ kind: "eject", force });
    this.asked = false;
    this.file = undefined;
    this.paint();
    return "The DVD drive is empty.";
  }

  private paint(): void {
    this.text.textContent = this.file ? `DVD drive: ${this.file.name}` : "DVD drive: empty";
    this.ejectButton.disabled = this.file === undefined;
  }
}
