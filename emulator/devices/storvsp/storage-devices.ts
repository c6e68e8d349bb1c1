import type { Log } from "../../log";
import { ConfigurationError, type DriveAttachment, type DriveLocation } from "../../machine-types";
import type { Disk } from "../../storage/disk";
import type { HostWork } from "../../time/host-work";
import { guidToBytes } from "../../vmbus/guid";
import type { Vmbus } from "../../vmbus/vmbus";
import { LUNS_PER_TARGET, type ScsiAddress } from "../scsi/bus";
import type { LogicalUnit } from "../scsi/command";
import { ScsiDisk } from "../scsi/disk";
import { DVD_SECTOR_SIZE, IDE_DVD_PRODUCT, SCSI_DVD_PRODUCT, ScsiDvd } from "../scsi/dvd";
import { createIdeChannel, createScsiController, type StorageController } from "./controller";

/** Names the SCSI controller of every machine: guests keep what they know of a controller by it. */
const SCSI_INSTANCE_ID = "6f2d5b1e-8c3a-4d97-9e41-3b7a0c5d2e84";

/** The emulated IDE controllers, as far as drives are attached there. */
export interface EmulatedIde {
  attach(channel: 0 | 1, drive: 0 | 1, unit: ScsiDisk | ScsiDvd): void;
}

export interface StorageOptions {
  readonly vmbus: Vmbus;
  readonly work: HostWork;
  readonly log: Log;
  readonly ide: EmulatedIde;
  /** The guest ejected a disc. */
  onEjected(location: DriveLocation, image: Disk): void;
}

/** As users know a place: "IDE 0:1", "SCSI 0". */
export function locationText(location: DriveLocation): string {
  return location.controller === "ide" ? `IDE ${location.channel}:${location.drive}` : `SCSI ${location.lun}`;
}

function addressOf(location: DriveLocation): ScsiAddress {
  return location.controller === "ide"
    ? { path: location.channel, target: location.drive, lun: 0 }
    : { path: 0, target: 0, lun: location.lun };
}

/**
 * A machine's drives: a SCSI controller that is always there, and what is at the IDE controllers when the machine is
 * made. Each IDE disk has an accelerator channel beside the emulated registers, as on Hyper-V; it is up to the guest to
 * use one of both, and Linux's ata_piix leaves the disks alone when DMI tells it of Hyper-V. CD and DVD drives at IDE
 * have no channel.
 */
export class StorageDevices {
  private readonly scsi: StorageController;
  /** By place, as locationText. */
  private readonly ide = new Map<string, StorageController>();
  private readonly ideDvds = new Map<string, ScsiDvd>();
  private started = false;

  constructor(private readonly options: StorageOptions) {
    this.scsi = createScsiController(SCSI_INSTANCE_ID, options.work, options.vmbus);
  }

  /** Offers the controllers; IDE first, where a machine boots from. */
  start(): void {
    this.started = true;
    for (const key of [...this.ide.keys()].sort()) this.options.vmbus.add(this.ide.get(key)!);
    this.options.vmbus.add(this.scsi);
  }

  /** Throws ConfigurationError if the place is taken, or cannot have such a drive. */
  attach(attachment: DriveAttachment): void {
    const { location, kind, image, persistentReservations } = attachment;
    const place = locationText(location);
    this.check(attachment);
    if (this.find(location)) throw new ConfigurationError(`there is a drive at ${place} already`);
    const unit =
      kind === "disk" ? this.createDisk(location, image!, persistentReservations) : this.createDvd(location, image);
    if (location.controller === "ide") this.options.ide.attach(location.channel, location.drive, unit);
    if (location.controller === "ide" && unit instanceof ScsiDvd) {
      this.ideDvds.set(place, unit);
      return;
    }
    const controller = this.controllerAt(location) ?? this.addIde(location);
    controller.bus.attach(addressOf(location), unit);
    controller.announceChange();
  }

  /** Throws ConfigurationError if there is no such drive. @returns what was in it */
  detach(location: DriveLocation): Disk | undefined {
    const unit = this.unitAt(location);
    if (location.controller === "ide") throw new ConfigurationError("a drive of an IDE controller stays where it is");
    this.scsi.bus.detach(addressOf(location));
    this.scsi.announceChange();
    return unit instanceof ScsiDisk ? unit.disk : (unit as ScsiDvd).loaded;
  }

  /** Throws ConfigurationError if there is no such drive, or the image is no disc. @returns the disc before */
  insertDisc(location: DriveLocation, image: Disk): Disk | undefined {
    checkDisc(image, locationText(location));
    return this.dvdAt(location).insert(image);
  }

  /** Throws ConfigurationError if there is no such drive. @returns the disc, if it is out now */
  ejectDisc(location: DriveLocation, force: boolean): Disk | undefined {
    const drive = this.dvdAt(location);
    return force ? drive.eject() : drive.requestEject();
  }

  /** Has guests look at their disks again. */
  announceChange(): void {
    for (const controller of [...this.ide.values(), this.scsi]) controller.announceChange();
  }

  private check({ location, kind, image, persistentReservations }: DriveAttachment): void {
    const place = locationText(location);
    if (location.controller === "ide") {
      if (this.started)
        throw new ConfigurationError(`${place}: a drive can be added to a running machine by SCSI only`);
      if (![0, 1].includes(location.channel) || ![0, 1].includes(location.drive)) {
        throw new ConfigurationError(`${place}: IDE has channels 0 and 1 with drives 0 and 1`);
      }
    } else if (!Number.isInteger(location.lun) || location.lun < 0 || location.lun >= LUNS_PER_TARGET) {
      throw new ConfigurationError(`${place}: a SCSI controller has drives 0 to ${LUNS_PER_TARGET - 1}`);
    }
    if (persistentReservations && (kind !== "disk" || location.controller !== "scsi")) {
      throw new ConfigurationError(`${place}: persistent reservations are for disks at the SCSI controller`);
    }
    if (kind === "dvd") {
      if (image) checkDisc(image, place);
    } else if (!image) {
      throw new ConfigurationError(`${place}: a disk drive needs an image`);
    } else if (image.size < image.sectorSize) {
      throw new ConfigurationError(`${place}: the image has no sectors`);
    }
  }

  private addIde(location: DriveLocation): StorageController {
    if (location.controller !== "ide") return this.scsi;
    const { work, vmbus } = this.options;
    const controller = createIdeChannel(location.channel, location.drive, work, vmbus);
    this.ide.set(locationText(location), controller);
    return controller;
  }

  private controllerAt(location: DriveLocation): StorageController | undefined {
    return location.controller === "scsi" ? this.scsi : this.ide.get(locationText(location));
  }

  private find(location: DriveLocation): LogicalUnit | undefined {
    return this.ideDvds.get(locationText(location)) ?? this.controllerAt(location)?.bus.unit(addressOf(location));
  }

  private unitAt(location: DriveLocation): LogicalUnit {
    const unit = this.find(location);
    if (!unit) throw new ConfigurationError(`there is no drive at ${locationText(location)}`);
    return unit;
  }

  private dvdAt(location: DriveLocation): ScsiDvd {
    const unit = this.unitAt(location);
    if (!(unit instanceof ScsiDvd)) throw new ConfigurationError(`the drive at ${locationText(location)} is a disk`);
    return unit;
  }

  private createDisk(location: DriveLocation, image: Disk, persistentReservations?: boolean): ScsiDisk {
    return new ScsiDisk(image, unitId(location), this.errorLog(location), { persistentReservations });
  }

  private createDvd(location: DriveLocation, image: Disk | undefined): ScsiDvd {
    const product = location.controller === "ide" ? IDE_DVD_PRODUCT : SCSI_DVD_PRODUCT;
    const onEjected = (disc: Disk): void => this.options.onEjected(location, disc);
    return new ScsiDvd(image, unitId(location), this.errorLog(location), onEjected, product);
  }

  /** A failure that goes on is told once. */
  private errorLog(location: DriveLocation): (error: unknown) => void {
    let last = "";
    return (error) => {
      const message = error instanceof Error ? error.message : String(error);
      if (message === last) return;
      last = message;
      this.options.log("storage", `${locationText(location)}: ${message}`);
    };
  }
}

function checkDisc(image: Disk, place: string): void {
  if (image.size < DVD_SECTOR_SIZE || DVD_SECTOR_SIZE % image.sectorSize !== 0) {
    throw new ConfigurationError(
      `${place}: the image is no disc; its sectors must have at most ${DVD_SECTOR_SIZE} bytes`,
    );
  }
}

/** The id of a drive whose image has none: the controller's, with the place in its last bytes. */
function unitId(location: DriveLocation): Uint8Array {
  const { path, target, lun } = addressOf(location);
  const id = guidToBytes(SCSI_INSTANCE_ID);
  id.set([location.controller === "ide" ? 1 : 2, path, target, lun], 12);
  return id;
}
