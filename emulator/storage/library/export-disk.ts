import { fileStream, type ImageSource, type ImageStream, rawStream, vhdxStream } from "../image-stream";
import { type VhdxDisk } from "../vhdx/vhdx-disk";
import { formatOfBase } from "./checkpoints";
import { type DiskLibrary } from "./disk-library";
import { type Job, progressOf } from "./job";
import { type MachineDisk } from "./machine-disk";

/** What a disk is exported as: a VHDX file that needs no other one, or the bytes that its guest sees. */
export type ExportFormat = "vhdx" | "raw";

type Write = (stream: ImageStream) => Promise<void>;

const STEP = "Exporting";

/** Hands what a disk holds now to `write`. */
export async function exportDisk(
  library: DiskLibrary,
  name: string,
  format: ExportFormat,
  write: Write,
  job: Job,
): Promise<void> {
  await library.owning(name, async () => {
    // Replays a log that a crash left.
    await (await library.openFile(name)).close();
    const asItIs = format === "vhdx" && (await library.checkpoints(name)).length === 0;
    if (asItIs) {
      const store = await library.files.open(name, { readOnly: true });
      try {
        await write(fileStream(store, progressOf(job, STEP)));
      } finally {
        await store.close();
      }
      return;
    }
    const disk = await library.openFile(name, { readOnly: true });
    try {
      await write(await streamOf(disk, disk, format, job));
    } finally {
      await disk.close();
    }
  });
}

/** The same for a disk that a machine has, and goes on with. */
export async function exportAttached(disk: MachineDisk, format: ExportFormat, write: Write, job: Job): Promise<void> {
  await disk.withSnapshot(async (snapshot, image) => write(await streamOf(snapshot, image, format, job)));
}

/** An image of `source`, which is a view of a disk of the library. */
async function streamOf(source: ImageSource, disk: VhdxDisk, format: ExportFormat, job: Job): Promise<ImageStream> {
  const progress = progressOf(job, STEP);
  if (format === "raw") return rawStream(source, progress);
  const { virtualDiskId, logicalSectorSize, physicalSectorSize } = disk.image.metadata;
  return vhdxStream(source, { ...formatOfBase(disk), virtualDiskId, logicalSectorSize, physicalSectorSize }, progress);
}
