import { type DriveAttachment, type DriveLocation } from "../../emulator/machine-types";
import type { Machine } from "../../emulator/machine";
import { BlobStore } from "../../emulator/storage/block/blob-store";
import type { ImageStream } from "../../emulator/storage/image-stream";
import { DiskLibrary } from "../../emulator/storage/library/disk-library";
import { exportAttached } from "../../emulator/storage/library/export-disk";
import type { Job } from "../../emulator/storage/library/job";
import { DISC_SECTOR_SIZE, KeptDiscs } from "../../emulator/storage/library/kept-discs";
import { type MachineDisk } from "../../emulator/storage/library/machine-disk";
import { RawDisk } from "../../emulator/storage/raw-disk";
import { writeImage } from "./job-in-worker";
import type { Disc, DriveCommand, DriveStatus, DriveWork, ExportCommand } from "./protocol";

const DVD_DRIVE = { controller: "scsi", lun: 63 } as const satisfies DriveLocation;

function placeOf(lun: number): DriveLocation {
  return { controller: "scsi", lun };
}

/** The drives of the machine in this worker: disks of the library, and a DVD drive once there was a disc. */
export class MachineDrives {
  private readonly library = new DiskLibrary();
  private readonly disks = new Map<number, MachineDisk>();
  private hasDvdDrive = false;
  private disc: { readonly name: string; readonly image: RawDisk } | undefined;
  private machine: Machine | undefined;
  private readonly discs = new KeptDiscs(this.library);
  private readonly begun: Promise<void>;
  /** Commands come one after the other, and not before the machine is there. */
  private last: Promise<unknown>;
  private begin!: () => void;

  constructor(
    private readonly report: {
      changed(status: DriveStatus): void;
      /** A disk that the machine should have, and starts without. */
      missing(name: string, message: string): void;
      /** Something that the guest wrote cannot be kept for now. */
      failed(message: string): void;
    },
  ) {
    this.last = this.begun = new Promise<void>((resolve) => (this.begin = resolve));
  }

  /**
   * Opens what machines have; a disc of the user's takes the place of a kept one. What cannot be opened is reported, and
   * left out. Throws for a bad disc of the user's.
   */
  async open(file: File | undefined): Promise<DriveAttachment[]> {
    const drives: DriveAttachment[] = [];
    for (const { name, lun: noted } of await this.attached()) {
      try {
        // Two tabs that attached a disk each at the same moment may have chosen the same place for both.
        const lun = this.disks.has(noted) ? await this.library.attach(name, [...this.disks.keys()]) : noted;
        const image = await this.openDisk(name);
        this.disks.set(lun, image);
        drives.push({ location: placeOf(lun), kind: "disk", image });
      } catch (error) {
        this.report.missing(name, error instanceof Error ? error.message : String(error));
      }
    }
    const disc = file ? ({ kind: "file", name: file.name, file } as const) : await this.keptDisc();
    const image = disc && (await this.openDisc(disc));
    if (image) {
      drives.push({ location: DVD_DRIVE, kind: "dvd", image });
      this.hasDvdDrive = true;
      this.disc = { name: disc.name, image };
    }
    return drives;
  }

  connect(machine: Machine): void {
    this.machine = machine;
    machine.on("discEjected", () => {
      this.leaveDisc();
      this.tell();
    });
    this.tell();
    this.begin();
  }

  /** Closes all images; the machine must have stopped. */
  async close(): Promise<void> {
    for (const disk of this.disks.values()) {
      // What the guest was told is durable all the same.
      await disk.close().catch(() => undefined);
    }
    this.disks.clear();
    this.leaveDisc();
  }

  /** Rejects with one line that says why it cannot be done. */
  obey(command: DriveCommand, job: Job): Promise<Blob | undefined> {
    if (command.kind === "export") return this.begun.then(() => this.export(command, job));
    if (command.kind === "delete-checkpoint") {
      return this.begun.then(async () => {
        await this.find(command.name)[1].deleteCheckpoint(command.number, job);
        return undefined;
      });
    }
    const done = this.last.then(() => this.act(this.machine!, command)).finally(() => this.tell());
    this.last = done.catch(() => undefined);
    return done.then(() => undefined);
  }

  private async act(machine: Machine, command: Exclude<DriveCommand, DriveWork>): Promise<void> {
    switch (command.kind) {
      case "attach":
        return this.attach(machine, command.name);
      case "detach":
        return this.detach(machine, command.name);
      case "checkpoint":
        return this.find(command.name)[1].checkpoint(command.label);
      case "resize":
        await this.find(command.name)[1].resize(command.size);
        machine.announceResize();
        return;
      case "insert":
        return this.insert(machine, command.disc);
      case "eject":
        return this.eject(machine, command.force);
    }
  }

  private async attach(machine: Machine, name: string): Promise<void> {
    const image = await this.openDisk(name);
    try {
      const lun = await this.library.attach(name, [...this.disks.keys()]);
      machine.attachDrive({ location: placeOf(lun), kind: "disk", image });
      this.disks.set(lun, image);
    } catch (error) {
      await image.close();
      throw error;
    }
  }

  private async openDisk(name: string): Promise<MachineDisk> {
    const disk = await this.library.open(name);
    disk.onWriteOutFailed = (error) => {
      this.report.failed(`the disk '${name}' cannot keep what is written: ${(error as Error).message}`);
    };
    return disk;
  }

  private async detach(machine: Machine, name: string): Promise<void> {
    const [lun, disk] = this.find(name);
    machine.detachDrive(placeOf(lun));
    this.disks.delete(lun);
    try {
      await disk.close();
    } finally {
      await this.library.detach(name);
    }
  }

  private async export({ name, format, target }: ExportCommand, job: Job): Promise<Blob | undefined> {
    let blob: Blob | undefined;
    const write = async (image: ImageStream): Promise<void> => {
      blob = await writeImage(image, target, job.signal);
    };
    await exportAttached(this.find(name)[1], format, write, job);
    return blob;
  }

  private async insert(machine: Machine, disc: Disc): Promise<void> {
    const image = await this.imageOf(disc);
    try {
      if (this.hasDvdDrive) machine.insertDisc(DVD_DRIVE, image);
      else machine.attachDrive({ location: DVD_DRIVE, kind: "dvd", image });
    } catch (error) {
      await image.close();
      throw error;
    }
    this.leaveDisc();
    this.hasDvdDrive = true;
    this.disc = { name: disc.name, image };
  }

  private eject(machine: Machine, force: boolean): void {
    if (!this.disc) return;
    if (!machine.ejectDisc(DVD_DRIVE, { force })) {
      throw new Error("the guest holds the disc and was asked to let go of it; to take it out anyway, eject again");
    }
    this.leaveDisc();
  }

  /** The drive does not have the disc any more; what the browser keeps of it is free for others. */
  private leaveDisc(): void {
    void this.disc?.image.close().catch(() => undefined);
    this.disc = undefined;
  }

  /** The kept disc that is in the drive at every start. */
  private async keptDisc(): Promise<Disc | undefined> {
    const kept = await this.discs.list().catch(() => []);
    const inserted = kept.find((disc) => disc.inserted);
    return inserted && { kind: "kept", name: inserted.name };
  }

  private async openDisc(disc: Disc): Promise<RawDisk | undefined> {
    if (disc.kind === "file") return this.imageOf(disc);
    try {
      return await this.imageOf(disc);
    } catch (error) {
      this.report.missing(disc.name, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  private async imageOf(disc: Disc): Promise<RawDisk> {
    if (disc.kind === "kept") return this.discs.open(disc.name);
    return new RawDisk(new BlobStore(disc.file), DISC_SECTOR_SIZE);
  }

  private find(name: string): [lun: number, disk: MachineDisk] {
    for (const entry of this.disks) if (entry[1].name === name) return entry;
    throw new Error(`the machine does not have the disk '${name}'; attach it first`);
  }

  private async attached(): Promise<{ readonly name: string; readonly lun: number }[]> {
    try {
      return await this.library.attached();
    } catch {
      // A browser without storage, in a private window perhaps: the panel says so.
      return [];
    }
  }

  private tell(): void {
    const disks = [...this.disks].map(([lun, { name, size }]) => ({ name, lun, size }));
    this.report.changed({ disks, disc: this.disc?.name });
  }
}
