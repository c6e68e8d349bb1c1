import type { Checkpoint } from "../../emulator/storage/library/checkpoints";
import type { LibraryDisk } from "../../emulator/storage/library/disk-library";
import type { ExportFormat } from "../../emulator/storage/library/export-disk";
import { readable } from "../../emulator/storage/size-text";
import { ask, type Choice } from "./ask";
import { sizeOf } from "./new-disk-form";
import type { PanelServices } from "./panel-services";
import type { CheckpointAction, DiskAction } from "./row";
import { chooseTarget, download } from "./save-file";
import { dateText } from "./texts";

/** What can be done with a disk of the list, with the questions that come before it. */
export class DiskActions {
  constructor(private readonly panel: PanelServices) {}

  async act(disk: LibraryDisk, action: DiskAction): Promise<void> {
    switch (action) {
      case "attach":
      case "detach":
        return this.place(disk, action);
      case "resize":
        return this.resize(disk);
      case "checkpoint":
        return this.checkpoint(disk);
      case "merge":
        return this.merge(disk);
      case "export":
        return this.export(disk);
      case "remove":
        return this.remove(disk);
    }
  }

  async actOnCheckpoint(disk: LibraryDisk, action: CheckpointAction, checkpoint: Checkpoint): Promise<void> {
    if (action === "go-back") await this.goBack(disk, checkpoint);
    else await this.deleteCheckpoint(disk, checkpoint);
  }

  private place({ name }: LibraryDisk, kind: "attach" | "detach"): Promise<void> {
    const { client, machine } = this.panel;
    return this.panel.run(async () => {
      if (machine && (kind === "attach" || this.panel.inMachine(name))) await machine.drive({ kind, name });
      else await client.do({ kind, name });
      return kind === "attach" ? `'${name}' is attached, and will be at every start.` : `'${name}' is detached.`;
    });
  }

  private async resize({ name, size: before = 0 }: LibraryDisk): Promise<void> {
    const text = `Change the size of '${name}'. Its file system does not change with it: make that smaller before, or larger afterwards.`;
    const field = { label: "New size", value: readable(before) };
    const typed = await ask({ text, action: "Resize", field });
    if (typed === undefined || typed === field.value) return;
    await this.panel.run(async () => {
      const command = { kind: "resize", name, size: sizeOf(typed) } as const;
      await (this.machineOf(name)?.drive(command) ?? this.panel.client.do(command));
      return `'${name}' has ${readable(command.size)} now.`;
    });
  }

  private async checkpoint({ name, checkpoints }: LibraryDisk): Promise<void> {
    const text = `Keep what '${name}' holds now, to go back to.`;
    const value = `Checkpoint ${(checkpoints.at(-1)?.number ?? 0) + 1}`;
    const label = await ask({ text, action: "Keep", field: { label: "Name", value } });
    if (label === undefined) return;
    await this.panel.run(async () => {
      const command = { kind: "checkpoint", name, label } as const;
      await (this.machineOf(name)?.drive(command) ?? this.panel.client.do(command));
      return `Kept what '${name}' holds now as '${label}'.`;
    });
  }

  private async goBack({ name, checkpoints }: LibraryDisk, { number, label, created }: Checkpoint): Promise<void> {
    const later = checkpoints.filter((other) => other.number > number).map((other) => `'${other.label}'`);
    const since = created === undefined ? "" : ` (${dateText(created)})`;
    const also =
      later.length === 0
        ? ""
        : later.length === 1
          ? ` So is the later checkpoint ${later[0]}.`
          : ` So are the later checkpoints: ${later.join(", ")}.`;
    const text = `Have '${name}' hold again what it held at '${label}'${since}? What was written to it since is lost.${also} The checkpoint itself stays.`;
    if ((await ask({ text, action: "Go back" })) === undefined) return;
    await this.panel.run(async () => {
      await this.panel.client.do({ kind: "go-back", name, number });
      return `'${name}' is as it was at '${label}'.`;
    });
  }

  private async deleteCheckpoint({ name }: LibraryDisk, { number, label, used }: Checkpoint): Promise<void> {
    const text = `Delete the checkpoint '${label}' of '${name}'? The disk and its other checkpoints keep what they hold, but there is no going back to this one. While that is made, the browser needs room for it once more: ${readable(used)} or above.`;
    if ((await ask({ text, action: "Delete" })) === undefined) return;
    await this.panel.runJob<unknown>(name, `Deleted the checkpoint '${label}' of '${name}'.`, (progress) => {
      const command = { kind: "delete-checkpoint", name, number } as const;
      return this.machineOf(name)?.startDrive(command, progress) ?? this.panel.client.start(command, progress);
    });
  }

  private async merge({ name }: LibraryDisk): Promise<void> {
    const text = `Put all checkpoints of '${name}' together? The disk keeps what it holds now, but there is nothing to go back to any more.`;
    if ((await ask({ text, action: "Merge" })) === undefined) return;
    await this.panel.runJob(name, `'${name}' has no checkpoints any more.`, (progress) =>
      this.panel.client.start({ kind: "merge", name }, progress),
    );
  }

  private async export({ name, size = 0, used, format: made }: LibraryDisk): Promise<void> {
    const extent = made?.base === "fixed" ? `${readable(size)}, as it is fixed` : "the blocks that are written";
    const choices: (Choice & { readonly value: ExportFormat })[] = [
      { value: "vhdx", label: "VHDX file", meaning: `for Hyper-V, QEMU and this page: ${extent}` },
      { value: "raw", label: "Raw image", meaning: `the disk's bytes as they are: ${readable(size)}, zeros and all` },
    ];
    const running = this.machineOf(name)
      ? " The machine goes on; have the guest write out what it holds (sync) before."
      : "";
    const text = `Export '${name}' (${readable(used)} used) as it is now to a file.${running}`;
    const format = (await ask({ text, action: "Export", choices })) as ExportFormat | undefined;
    if (format === undefined) return;
    let target: Awaited<ReturnType<typeof chooseTarget>>;
    try {
      target = await chooseTarget(name, format);
    } catch (error) {
      this.panel.complain(error);
      return;
    }
    if (target === undefined) return;
    const file = target === "download" ? undefined : target;
    const command = { kind: "export", name, format, target: file } as const;
    const blob = await this.panel.runJob<Blob | undefined>(name, `Exported the disk '${name}'.`, (progress) => {
      return this.machineOf(name)?.startDrive(command, progress) ?? this.panel.client.start(command, progress);
    });
    if (blob) download(blob, name, format);
  }

  private async remove({ name }: LibraryDisk): Promise<void> {
    const text = `Delete the disk '${name}' with all that is on it? There is no way back.`;
    if ((await ask({ text, action: "Delete" })) === undefined) return;
    await this.panel.run(async () => {
      await this.panel.client.do({ kind: "remove", name });
      return `Deleted the disk '${name}'.`;
    });
  }

  /** The machine, when it has the disk. */
  private machineOf(name: string): PanelServices["machine"] {
    return this.panel.inMachine(name) && this.panel.machine;
  }
}
