import type { DriveAttachment } from "../emulator/machine-types";
import { openDiskFile } from "./disk/files";
import { type DriveOption, placeDrives } from "./drive-place";

/** Drives of a machine, with their images open. */
export interface OpenDrives {
  readonly attachments: readonly DriveAttachment[];
  /** Flushes and closes all images; the machine must have stopped. */
  close(): Promise<void>;
}

/**
 * Opens the images that `run` is to have, each at its place. Throws UsageError for a file or place that cannot be used;
 * then none stays open.
 */
export async function openDrives(disks: readonly DriveOption[], iso: DriveOption | undefined): Promise<OpenDrives> {
  const drives = [
    ...disks.map((option) => ({ kind: "disk" as const, option })),
    ...(iso ? [{ kind: "dvd" as const, option: iso }] : []),
  ];
  const locations = placeDrives(drives);
  const attachments: DriveAttachment[] = [];
  const close = async (): Promise<void> => {
    for (const { image } of attachments) await image?.close();
  };
  try {
    for (const [index, { kind, option }] of drives.entries()) {
      const image = await openDiskFile(option.path, kind === "dvd" ? { readOnly: true, sectorSize: 2048 } : {});
      attachments.push({ location: locations[index]!, kind, image });
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { attachments, close };
}
