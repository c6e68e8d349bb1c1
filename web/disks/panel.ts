import type { LibraryDisk } from "../../emulator/storage/library/disk-library";
import { nameFromFile } from "../../emulator/storage/library/names";
import { parseSize, readable, SIZE_EXAMPLE } from "../../emulator/storage/size-text";
import { element } from "../dom";
import type { MachineClient } from "../machine-client";
import { ask } from "./ask";
import { DiscControls } from "./disc-controls";
import { DiskClient, type DiskJob } from "./disk-client";
import { JobLine } from "./job-line";
import type { DriveStatus, JobProgress } from "./protocol";
import { createRow, replaceRows, type RowAction } from "./row";
import { chooseTarget, download } from "./save-file";
import { sentence, useText } from "./texts";

const NO_DRIVES: DriveStatus = { disks: [], disc: undefined };
/** What a guest writes makes its disk larger. */
const REFRESH_INTERVAL_MS = 5000;

/** The panel of disks: what the browser keeps, and what of it the machine has. */
export class DiskPanel {
  private readonly client = new DiskClient();
  private readonly panel = element("disks", HTMLDetailsElement);
  private readonly summary = element("disks-summary", HTMLElement);
  private readonly list = element("disk-list", HTMLUListElement);
  private readonly message = element("disk-message", HTMLElement);
  private readonly use = element("storage-use", HTMLElement);
  private readonly jobLine = new JobLine();
  private readonly discControls = new DiscControls((action) => this.run(action));
  /** Tells other tabs that something has changed. */
  private readonly others = new BroadcastChannel("hypertab-disks");
  private disks: readonly LibraryDisk[] = [];
  private drives = NO_DRIVES;
  private machine: MachineClient | undefined;
  /** The disk that long work is at. */
  private busy: string | undefined;
  private painted = "";
  private lastTurn = 0;
  private paintedTurn = 0;

  constructor() {
    const [form, name] = [element("new-disk", HTMLFormElement), element("new-disk-name", HTMLInputElement)];
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.create(name);
    });
    const file = element("import-file", HTMLInputElement);
    element("import-disk", HTMLButtonElement).addEventListener("click", () => file.click());
    file.addEventListener("change", () => {
      const chosen = file.files?.[0];
      file.value = "";
      if (chosen) void this.import(chosen);
    });
    this.others.addEventListener("message", () => void this.refresh());
    this.panel.addEventListener("toggle", () => void this.refresh());
    document.addEventListener("visibilitychange", () => void this.refresh());
    addEventListener("focus", () => void this.refresh());
    setInterval(() => {
      if (this.panel.open && !document.hidden) void this.refresh();
    }, REFRESH_INTERVAL_MS);
    void this.refresh();
  }

  /** The ISO image that a new machine begins with. */
  get disc(): File | undefined {
    return this.discControls.disc;
  }

  /** The page's machine, being made or on; undefined when it is off. */
  setMachine(machine: MachineClient | undefined): void {
    this.machine = machine;
    this.discControls.machine = machine;
    if (!machine) this.drives = NO_DRIVES;
    void this.refresh();
  }

  showDrives(drives: DriveStatus): void {
    this.drives = drives;
    this.discControls.show(drives.disc);
    void this.refresh();
  }

  /** A disk that the machine should have, and starts without. */
  showMissing(name: string, message: string): void {
    this.panel.open = true;
    const why = this.busy === name ? `work on the disk '${name}' is under way` : message;
    this.say(`${sentence(why)} The machine starts without it; press Attach when it is free.`, "error");
  }

  private say(text: string, kind: "news" | "error" = "news"): void {
    this.message.textContent = text;
    this.message.dataset["kind"] = kind;
  }

  private async refresh(): Promise<void> {
    const turn = ++this.lastTurn;
    try {
      const { disks, use } = await this.client.do({ kind: "list" });
      // Answers may overtake one another; an older one has nothing to say.
      if (turn < this.paintedTurn) return;
      this.paintedTurn = turn;
      // What the machine's own worker says of its disks is newer than what is in their files.
      this.disks = disks.map((disk) => ({ ...disk, size: this.inMachine(disk.name)?.size ?? disk.size }));
      this.use.textContent = useText(use);
      this.paint();
    } catch (error) {
      this.say(sentence(error), "error");
    }
  }

  private inMachine(name: string): DriveStatus["disks"][number] | undefined {
    return this.drives.disks.find((disk) => disk.name === name);
  }

  private paint(): void {
    const states = this.disks.map((disk) => ({
      disk,
      inMachine: this.inMachine(disk.name)?.lun,
      machineOn: this.machine !== undefined,
      busy: this.busy === disk.name,
    }));
    const key = JSON.stringify(states);
    // Painting only what changed keeps a screen reader's place in the list.
    if (key === this.painted) return;
    this.painted = key;
    const attached = states.filter(({ inMachine, machineOn, disk }) =>
      machineOn ? inMachine !== undefined : disk.lun !== undefined,
    ).length;
    this.summary.textContent = states.length === 0 ? "none yet" : `${states.length}, ${attached} attached`;
    const rows = states.map((state) => createRow(state, (action) => void this.act(state.disk, action)));
    replaceRows(this.list, rows, this.panel.querySelector("summary")!);
  }

  /** Does something, says how that went, and shows what has changed. */
  private async run(action: () => Promise<string | undefined>): Promise<void> {
    try {
      const news = await action();
      if (news !== undefined) this.say(news);
      this.others.postMessage("changed");
    } catch (error) {
      this.say(sentence(error), "error");
    }
    await this.refresh();
  }

  private async create(input: HTMLInputElement): Promise<void> {
    await this.run(async () => {
      const name = input.value.trim();
      const size = sizeOf(element("new-disk-size", HTMLInputElement).value);
      await this.client.do({ kind: "create", name, size });
      input.value = "";
      // Some browsers ask the user; whatever the answer is, the disk can be used.
      void navigator.storage.persist().catch(() => false);
      return `Made the disk '${name}'. Attach it to have the machine find it.`;
    });
  }

  private async import(file: File): Promise<void> {
    const field = { label: "Name", value: nameFromFile(file.name) };
    const name = await ask({ text: `Import ${file.name}, ${readable(file.size)}`, action: "Import", field });
    if (name === undefined) return;
    await this.runJob(name, `Imported the disk '${name}'.`, (progress) =>
      this.client.start({ kind: "import", name, file }, progress),
    );
    void navigator.storage.persist().catch(() => false);
  }

  private async act({ name, size, checkpoints }: LibraryDisk, action: RowAction): Promise<void> {
    switch (action) {
      case "attach":
      case "detach":
        return this.run(async () => {
          if (this.machine && (action === "attach" || this.inMachine(name))) {
            await this.machine.drive({ kind: action, name });
          } else await this.client.do({ kind: action, name });
          return action === "attach" ? `'${name}' is attached, and will be at every start.` : `'${name}' is detached.`;
        });
      case "resize":
        return this.resize(name, size ?? 0);
      case "checkpoint":
        return this.run(async () => {
          if (this.machine && this.inMachine(name)) await this.machine.drive({ kind: action, name });
          else await this.client.do({ kind: action, name });
          return `Kept what '${name}' holds now as checkpoint ${checkpoints + 1}.`;
        });
      case "go-back": {
        const text = `Drop all that was written to '${name}' since checkpoint ${checkpoints}? The checkpoint is used up by that.`;
        if ((await ask({ text, action: "Go back" })) === undefined) return;
        return this.run(async () => {
          await this.client.do({ kind: action, name });
          return `'${name}' is as it was at checkpoint ${checkpoints}.`;
        });
      }
      case "merge":
        return this.runJob(name, `'${name}' has no checkpoints any more.`, (progress) =>
          this.client.start({ kind: action, name }, progress),
        );
      case "export":
        return this.export(name);
      case "remove": {
        const text = `Delete the disk '${name}' with all that is on it? There is no way back.`;
        if ((await ask({ text, action: "Delete" })) === undefined) return;
        return this.run(async () => {
          await this.client.do({ kind: action, name });
          return `Deleted the disk '${name}'.`;
        });
      }
    }
  }

  private async resize(name: string, before: number): Promise<void> {
    const text = `Change the size of '${name}'. Its file system does not change with it: make that smaller before, or larger afterwards.`;
    const field = { label: "New size", value: readable(before) };
    const typed = await ask({ text, action: "Resize", field });
    if (typed === undefined || typed === field.value) return;
    await this.run(async () => {
      const size = sizeOf(typed);
      if (this.machine && this.inMachine(name)) await this.machine.drive({ kind: "resize", name, size });
      else await this.client.do({ kind: "resize", name, size });
      return `'${name}' has ${readable(size)} now.`;
    });
  }

  private async export(name: string): Promise<void> {
    let target: Awaited<ReturnType<typeof chooseTarget>>;
    try {
      target = await chooseTarget(name);
    } catch (error) {
      this.say(sentence(error), "error");
      return;
    }
    if (target === undefined) return;
    const file = target === "download" ? undefined : target;
    const blob = await this.runJob(name, `Exported the disk '${name}'.`, (progress) =>
      this.client.start({ kind: "export", name, target: file }, progress),
    );
    if (blob) download(blob, name);
  }

  /** Long work: one at a time, with a line that shows how far it is. */
  private async runJob<Result>(
    name: string,
    news: string,
    start: (progress: (progress: JobProgress) => void) => DiskJob<Result>,
  ): Promise<Result | undefined> {
    if (this.busy !== undefined) {
      this.say(`Work on '${this.busy}' is under way: wait for its end, or cancel it.`, "error");
      return undefined;
    }
    let cancelled = false;
    let result: Result | undefined;
    this.busy = name;
    this.say("");
    this.paint();
    const job = start((progress) => this.jobLine.progress(progress));
    this.jobLine.show(`Working on '${name}'`, () => {
      cancelled = true;
      job.cancel();
    });
    await this.run(async () => {
      try {
        result = await job.result;
        return news;
      } catch (error) {
        if (!cancelled) throw error;
        return "Cancelled; nothing has changed.";
      } finally {
        this.busy = undefined;
        this.jobLine.hide();
      }
    });
    return result;
  }
}

function sizeOf(text: string): number {
  const size = parseSize(text.trim());
  if (size === undefined) throw new Error(`'${text.trim()}' is no size; it must be ${SIZE_EXAMPLE}`);
  return size;
}
