import type { DriveLocation } from "../emulator/machine-types";
import { UsageError } from "./errors";

/** Where a drive is to be: at a place, at the first free one of a controller, or where it suits (undefined). */
export type WantedPlace = DriveLocation | "ide" | "scsi" | undefined;

/** A file that `--disk` or `--iso` names, with its place. */
export interface DriveOption {
  readonly path: string;
  readonly place: WantedPlace;
}

/** Drives that a SCSI controller has; places beyond that are refused when the drive is attached. */
const LUNS = 64;

const ideLocation = (channel: 0 | 1, drive: 0 | 1): DriveLocation => ({ controller: "ide", channel, drive });
const IDE_LOCATIONS = [ideLocation(0, 0), ideLocation(0, 1), ideLocation(1, 0), ideLocation(1, 1)];
const SCSI_LOCATIONS = Array.from({ length: LUNS }, (_, lun): DriveLocation => ({ controller: "scsi", lun }));

/** Reads FILE[,PLACE]: the place is ide, ide0:0 to ide1:1, scsi, or scsi0 to scsi63. Throws UsageError. */
export function parseDrive(option: string, text: string): DriveOption {
  const match = /^(.+),(ide|scsi)([\d:]*)$/.exec(text);
  if (!match) return { path: text, place: undefined };
  const [, path = "", controller = "", at = ""] = match;
  if (at === "") return { path, place: controller === "ide" ? "ide" : "scsi" };
  const place =
    controller === "ide"
      ? IDE_LOCATIONS.find(
          (location) => location.controller === "ide" && `${location.channel}:${location.drive}` === at,
        )
      : SCSI_LOCATIONS.find((location) => location.controller === "scsi" && String(location.lun) === at);
  if (place) return { path, place };
  throw new UsageError(
    `--${option} has the place '${controller}${at}'; it must be ide0:0 to ide1:1 or scsi0 to scsi63`,
  );
}

/**
 * Finds a place for each drive. Those that name one have it; the first of the other disks is at IDE 0:0, from where a
 * Generation 1 machine boots, and all else at the SCSI controller. Throws UsageError if two want the same.
 */
export function placeDrives(
  drives: readonly { readonly kind: "disk" | "dvd"; readonly option: DriveOption }[],
): readonly DriveLocation[] {
  const taken = new Set<DriveLocation>();
  const places = new Map<number, DriveLocation>();
  const put = (index: number, location: DriveLocation | undefined): void => {
    const { path } = drives[index]!.option;
    if (!location) throw new UsageError(`'${path}': no place is left at its controller`);
    if (taken.has(location)) throw new UsageError(`'${path}': another drive is at its place already`);
    taken.add(location);
    places.set(index, location);
  };
  const free = (locations: readonly DriveLocation[]): DriveLocation | undefined =>
    locations.find((location) => !taken.has(location));

  drives.forEach(({ option: { place } }, index) => {
    if (typeof place === "object") put(index, place);
  });
  const boot = drives.findIndex(({ kind, option }) => kind === "disk" && option.place === undefined);
  if (boot >= 0 && !taken.has(IDE_LOCATIONS[0]!)) put(boot, IDE_LOCATIONS[0]);
  drives.forEach(({ option: { place } }, index) => {
    if (!places.has(index)) put(index, free(place === "ide" ? IDE_LOCATIONS : SCSI_LOCATIONS));
  });
  return drives.map((_, index) => places.get(index)!);
}
