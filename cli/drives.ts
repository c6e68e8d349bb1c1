import type { Disk } from "../emulator/storage/disk";
import type { DriveAttachment } from "../emulator/machine-types";
import { openDiskFile } from "./disk/files";

/** Drives of a machine, with their images open. */
export interface OpenDrives {
  readonly attachments: readonly DriveAttachment[];
  /** Flushes and closes all images; the machine must have stopped. */
  close(): Promise<void>;
}

/**
 * Opens the images that `run` is to have: the first disk is at IDE 0:0, from where a Generation 1 machine boots, and
 * the other disks and then the disc are at the SCSI controller. Throws UsageError for a file that cannot be used; then
 * none stays open.
 */
export async function openDrives(disks: readonly string[], iso: string | undefined): Promise<OpenDrives> {
  const attachments: DriveAttachment[] = [];
  const images: Disk[] = [];
  const close = async (): Promise<void> => {
    for (const image of images) await image.close();
  };
  const open = async (path: string, options: Parameters<typeof openDiskFile>[1]): Promise<Disk> => {
    const image = await openDiskFile(path, options);
    images.push(image);
    return image;
  };
  try {
    let lun = 0;
    for (const [index, path] of disks.entries()) {
      const image = await open(path, {});
      attachments.push({
        location: index === 0 ? { controller: "ide", channel: 0, drive: 0 } : { controller: "scsi", lun: lun++ },
        kind: "disk",
        image,
      });
    }
    if (iso !== undefined) {
      const image = await open(iso, { readOnly: true, sectorSize: 2048 });
      attachments.push({ location: { controller: "scsi", lun }, kind: "dvd", image });
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { attachments, close };
}
