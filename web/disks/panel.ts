import type { LibraryDisk } from "../../emulator/storage/library/disk-library";
import { nameFromFile } from "../../emulator/storage/library/names";
import { readable } from "../../emulator/storage/size-text";
import { element } from "../dom";
import type { MachineClient } from "../machine-client";
import { ask } from "./ask";
import { DiscControls } from "./disc-controls";
import { DiskActions } from "./disk-actions";
import { DiskClient } from "./disk-client";
import { JobLine } from "./job-line";
import { NewDiskForm } from "./new-disk-form";
import type { PanelServices } from "./panel-services";
import type { DiskJob, DiskOverview, DriveStatus, JobProgress } from "./protocol";
import { createRow, replaceRows } from "./row";
import { sentence, useText } from "./texts";

const NO_DRIVES: DriveStatus = { disks: [], disc: undefined };
/** What a guest writes makes its disk larger. */
const REFRESH_INTERVAL_MS = 5000;

/** The panel of disks: what the browser keeps, and what of it the machine has. */
export class DiskPanel implements PanelServices {
  readonly client = new DiskClient();
  private readonly panel = element("disks", HTMLDetailsElement);
  private readonly summary = element("disks-summary", HTMLElement);
  private readonly list = element("disk-list", HTMLUListElement);
  private readonly message = element("disk-message", HTMLElement);
  private readonly use = element("storage-use", HTMLElement);
  private readonly meter = element("storage-meter", HTMLMeterElement);
  private readonly jobLine = new JobLine();
  private readonly newDisk = new NewDiskForm(() => void this.create());
  private readonly discControls: DiscControls;
  private readonly actions: DiskActions;
  /** Tells other tabs that something has changed. */
  private readonly others = new BroadcastChannel("hypertab-disks");
  private disks: readonly LibraryDisk[] = [];
  private drives = NO_DRIVES;
  machine: MachineClient | undefined;
  /** The disk that long work is at. */
  private busy: string | undefined;
  private painted = "";
  private lastTurn = 0;
  private paintedTurn = 0;

  constructor() {
    this.actions = new DiskActions(this);
    this.discControls = new DiscControls(this);
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

  /** The disc that a new machine begins with, unless it is one that the browser keeps. */
  get disc(): File | undefined {
    return this.discControls.file;
  }

  /** The page's machine, being made or on; undefined when it is off. */
  setMachine(machine: MachineClient | undefined): void {
    this.machine = machine;
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
      const { disks, discs, use } = await this.client.do({ kind: "list" });
      // Answers may overtake one another; an older one has nothing to say.
      if (turn < this.paintedTurn) return;
      this.paintedTurn = turn;
      // What the machine's own worker says of its disks is newer than what is in their files.
      this.disks = disks.map((disk) => ({ ...disk, size: this.inMachine(disk.name)?.size ?? disk.size }));
      this.discControls.showKept(discs);
      this.showUse(use);
      this.paint();
    } catch (error) {
      this.complain(error);
    }
  }

  private showUse(use: DiskOverview["use"]): void {
    this.use.textContent = useText(use);
    this.meter.hidden = !use;
    if (!use) return;
    this.meter.max = Math.max(use.quota, 1);
    this.meter.high = 0.9 * this.meter.max;
    this.meter.value = use.used;
  }

  inMachine(name: string): DriveStatus["disks"][number] | undefined {
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
    const rows = states.map((state) =>
      createRow(state, {
        onAction: (action) => void this.actions.act(state.disk, action),
        onCheckpointAction: (action, checkpoint) => void this.actions.actOnCheckpoint(state.disk, action, checkpoint),
      }),
    );
    replaceRows(this.list, rows, this.panel.querySelector("summary")!);
  }

  complain(error: unknown): void {
    this.say(sentence(error), "error");
  }

  async run(action: () => Promise<string | undefined>): Promise<void> {
    try {
      const news = await action();
      this.others.postMessage("changed");
      // First the list: whoever reads the news finds it there.
      await this.refresh();
      if (news !== undefined) this.say(news);
    } catch (error) {
      await this.refresh();
      this.complain(error);
    }
  }

  private async create(): Promise<void> {
    await this.run(async () => {
      const { name, options } = this.newDisk.read();
      await this.client.do({ kind: "create", name, options });
      this.newDisk.clear();
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

  async runJob<Result>(
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
