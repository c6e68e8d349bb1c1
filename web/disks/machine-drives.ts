import { type DriveAttachment, type DriveLocation } from "../../emulator/machine-types";
import type { Machine } from "../../emulator/machine";
import { BlobStore } from "../../emulator/storage/block/blob-store";
import { DiskLibrary } from "../../emulator/storage/library/disk-library";
import { type MachineDisk } from "../../emulator/storage/library/machine-disk";
import { RawDisk } from "../../emulator/storage/raw-disk";
import type { DriveCommand, DriveStatus } from "./protocol";

const DVD_DRIVE = { controller: "scsi", lun: 63 } as const satisfies DriveLocation;
const DVD_SECTOR_SIZE = 2048;

function placeOf(lun: number): DriveLocation {
  return { controller: "scsi", lun };
}

/** The drives of the machine in this worker: disks of the library, and a DVD drive once there was a disc. */
export class MachineDrives {
  private readonly library = new DiskLibrary();
  private readonly disks = new Map<number, MachineDisk>();
  private hasDvdDrive = false;
  private disc: File | undefined;
  private machine: Machine | undefined;
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
    this.last = new Promise<void>((resolve) => (this.begin = resolve));
  }

  /** Opens what machines have. What cannot be opened is reported, and left out. Throws for a bad disc. */
  async open(disc: File | undefined): Promise<DriveAttachment[]> {
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
    if (disc) {
      drives.push({ location: DVD_DRIVE, kind: "dvd", image: imageOf(disc) });
      this.hasDvdDrive = true;
      this.disc = disc;
    }
    return drives;
  }

  connect(machine: Machine): void {
    this.machine = machine;
    machine.on("discEjected", () => {
      this.disc = undefined;
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
  }

  /** Rejects with one line that says why it cannot be done. */
  obey(command: DriveCommand): Promise<void> {
    const done = this.last.then(() => this.act(this.machine!, command)).finally(() => this.tell());
    this.last = done.catch(() => undefined);
    return done;
  }

  private async act(machine: Machine, command: DriveCommand): Promise<void> {
    switch (command.kind) {
      case "attach":
        return this.attach(machine, command.name);
      case "detach":
        return this.detach(machine, command.name);
      case "checkpoint":
        return this.find(command.name)[1].checkpoint();
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

  private insert(machine: Machine, disc: File): void {
    const image = imageOf(disc);
    if (this.hasDvdDrive) machine.insertDisc(DVD_DRIVE, image);
    else machine.attachDrive({ location: DVD_DRIVE, kind: "dvd", image });
    this.hasDvdDrive = true;
    this.disc = disc;
  }

  private eject(machine: Machine, force: boolean): void {
    if (!this.disc) return;
    if (!machine.ejectDisc(DVD_DRIVE, { force })) {
      throw new Error("the guest holds the disc and was asked to let go of it; to take it out anyway, eject again");
    }
    this.disc = undefined;
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

function imageOf(disc: File): RawDisk {
  return new RawDisk(new BlobStore(disc), DVD_SECTOR_SIZE);
}
