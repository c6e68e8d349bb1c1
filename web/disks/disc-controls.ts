import type { KeptDisc } from "../../emulator/storage/library/kept-discs";
import { discName } from "../../emulator/storage/library/names";
import { readable } from "../../emulator/storage/size-text";
import { element } from "../dom";
import { ask } from "./ask";
import type { PanelServices } from "./panel-services";
import type { Disc } from "./protocol";

/**
 * The DVD drive: an ISO image of the user's computer, or one that the browser keeps, goes in, now or at the next start,
 * and comes out. A kept one is in the drive again after the page was loaded anew.
 */
export class DiscControls {
  private readonly text = element("disc", HTMLElement);
  private readonly list = element("disc-list", HTMLUListElement);
  private readonly insertButton = element("insert-disc", HTMLButtonElement);
  private readonly ejectButton = element("eject-disc", HTMLButtonElement);
  private readonly keepButton = element("keep-disc", HTMLButtonElement);
  private current: Disc | undefined;
  private kept: readonly KeptDisc[] = [];
  private painted = "";
  /** The guest holds the disc and was asked once. */
  private asked = false;

  constructor(private readonly panel: PanelServices) {
    const input = element("disc-file", HTMLInputElement);
    this.insertButton.addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      const file = input.files?.[0];
      input.value = "";
      if (file) void this.insert({ kind: "file", name: file.name, file });
    });
    this.ejectButton.addEventListener("click", () => void this.eject());
    this.keepButton.addEventListener("click", () => void this.keep());
    this.paint();
  }

  /** The user's file that is in the drive; undefined for a kept disc too. */
  get file(): File | undefined {
    return this.current?.kind === "file" ? this.current.file : undefined;
  }

  /** What the machine has in its drive; the guest can eject it too. */
  show(name: string | undefined): void {
    if (name === undefined && this.current) void this.setCurrent(undefined).catch(() => undefined);
    // A machine that started before the page knew what is kept has it all the same.
    if (name !== undefined && !this.current) this.current = { kind: "kept", name };
    this.paint();
  }

  /** What the browser keeps. While no machine is on, the drive has what any tab put there. */
  showKept(kept: readonly KeptDisc[]): void {
    this.kept = kept;
    const inserted = kept.find((disc) => disc.inserted);
    if (!this.panel.machine && this.current?.kind !== "file") {
      this.current = inserted && { kind: "kept", name: inserted.name };
    }
    this.paint();
  }

  private insert(disc: Disc): Promise<void> {
    return this.panel.run(async () => {
      await this.panel.machine?.drive({ kind: "insert", disc });
      await this.setCurrent(disc);
      return this.panel.machine
        ? `${disc.name} is in the DVD drive.`
        : `${disc.name} will be in the DVD drive at the next start.`;
    });
  }

  private eject(): Promise<void> {
    return this.panel.run(async () => {
      const force = this.asked;
      this.asked = true;
      await this.panel.machine?.drive({ kind: "eject", force });
      await this.setCurrent(undefined);
      return "The DVD drive is empty.";
    });
  }

  private async keep(): Promise<void> {
    if (this.current?.kind !== "file") return;
    const { file } = this.current;
    const name = discName(file.name);
    await this.panel.runJob(name, `${name} is kept, and will be in the DVD drive at every start.`, (progress) => {
      const job = this.panel.client.start({ kind: "keep-disc", name, file }, progress);
      const result = job.result.then((value) => {
        // A machine that is on goes on with the file of the computer.
        if (this.current?.kind === "file" && this.current.file === file) this.current = { kind: "kept", name };
        return value;
      });
      return { ...job, result };
    });
    void navigator.storage.persist().catch(() => false);
  }

  private async remove(name: string): Promise<void> {
    const text = `Delete the disc '${name}' from this browser? The file that it was made of stays where it is.`;
    if ((await ask({ text, action: "Delete" })) === undefined) return;
    await this.panel.run(async () => {
      await this.panel.client.do({ kind: "remove-disc", name });
      return `Deleted the disc '${name}'.`;
    });
  }

  /** What is in the drive from now on; which of the kept discs that is outlives the page. */
  private async setCurrent(disc: Disc | undefined): Promise<void> {
    const [before, after] = [this.current, disc].map((one) => (one?.kind === "kept" ? one.name : undefined));
    try {
      if (before !== undefined || after !== undefined) await this.panel.client.do({ kind: "insert-disc", name: after });
    } finally {
      this.current = disc;
      this.asked = false;
      this.paint();
    }
  }

  private paint(): void {
    const { current } = this;
    const size = current?.kind === "file" ? `, ${readable(current.file.size)}, not kept` : "";
    this.text.textContent = current ? `DVD drive: ${current.name}${size}` : "DVD drive: empty";
    this.ejectButton.disabled = current === undefined;
    this.keepButton.hidden = current?.kind !== "file";
    const inDrive = current?.kind === "kept" ? current.name : undefined;
    // What it is noted as is not shown: what is in the drive is.
    const shown = this.kept.map(({ name, size, used }) => ({ name, size, used }));
    const key = JSON.stringify([shown, inDrive]);
    if (key === this.painted) return;
    this.painted = key;
    const focused = this.list.contains(document.activeElement) ? document.activeElement : null;
    this.list.replaceChildren(...this.kept.map((disc) => this.createRow(disc, disc.name === inDrive)));
    if (!focused) return;
    const buttons = [...this.list.querySelectorAll<HTMLElement>("button:enabled")];
    const label = focused.getAttribute("aria-label");
    const same = buttons.find((button) => button.getAttribute("aria-label") === label);
    (same ?? buttons[0] ?? (this.ejectButton.disabled ? this.insertButton : this.ejectButton)).focus();
  }

  private createRow({ name, size, used }: KeptDisc, inDrive: boolean): HTMLLIElement {
    const row = document.createElement("li");
    row.className = "line";
    row.dataset["disc"] = name;
    const part = (kind: string, text: string): HTMLElement => {
      const span = document.createElement("span");
      span.className = kind;
      span.textContent = text;
      return span;
    };
    const button = (label: string, disabled: boolean, onClick: () => void): HTMLButtonElement => {
      const made = document.createElement("button");
      made.type = "button";
      made.textContent = label;
      made.setAttribute("aria-label", `${label}: ${name}`);
      made.disabled = disabled;
      if (disabled) made.title = "It is in the DVD drive";
      made.addEventListener("click", onClick);
      return made;
    };
    const buttons = part("buttons", "");
    buttons.append(
      button("Insert", inDrive, () => void this.insert({ kind: "kept", name })),
      button("Delete", inDrive, () => void this.remove(name)),
    );
    const place = part("place", inDrive ? "in the DVD drive" : "");
    place.dataset["attached"] = String(inDrive);
    row.append(part("name", name), part("facts", `disc · ${readable(size)} · ${readable(used)} used`), place, buttons);
    return row;
  }
}
