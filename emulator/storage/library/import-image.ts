import { ConfigurationError } from "../../machine-types";
import { BlobStore } from "../block/blob-store";
import { type BlockStore } from "../block/block-store";
import { copyStore } from "../block/transfer";
import { copyDisk } from "../copy-disk";
import { emptyCopy } from "../empty-copy";
import { RawDisk } from "../raw-disk";
import { openVhdx } from "../vhdx/open";
import { readImage } from "../vhdx/read-image";
import { isVhdx } from "../vhdx/read-metadata";
import { type DiskLibrary } from "./disk-library";
import { refuseForeignImage } from "./foreign-image";
import { type Job, progressOf } from "./job";

/** Makes a disk from a VHDX file, as it is, or from a raw image, as a dynamic VHDX file. */
export async function importImage(library: DiskLibrary, name: string, file: Blob, job: Job): Promise<void> {
  const source = new BlobStore(file);
  const vhdx = await isVhdx(source);
  if (vhdx) await verifyWhole(source);
  else await refuseForeignImage(source);
  const raw = vhdx ? undefined : new RawDisk(source);
  await library.newDisk(name, async (store) => {
    const progress = progressOf(job, "Importing");
    if (raw) {
      const target = await emptyCopy(store, raw, { type: "dynamic" });
      await copyDisk(raw, target, progress);
      await target.close();
    } else {
      await copyStore(source, store, progress);
      // Once the log is replayed there is nothing that could fail at the first use.
      await (await openVhdx(store)).close();
    }
    job.signal.throwIfAborted();
  });
}

/** Before anything is copied. */
async function verifyWhole(source: BlockStore): Promise<void> {
  const { metadata } = await readImage(source);
  if (!metadata.hasParent) return;
  throw new ConfigurationError(
    "the file is a differencing one and needs its parent; merge the two first (hypertab disk merge), or import the parent",
  );
}
