import { ConfigurationError } from "../../machine-types";
import { BlobStore } from "../block/blob-store";
import { type BlockStore } from "../block/block-store";
import { copyStore, streamOf } from "../block/transfer";
import { copyDisk, type Progress } from "../copy-disk";
import { emptyCopy } from "../empty-copy";
import { RawDisk } from "../raw-disk";
import { openVhdx } from "../vhdx/open";
import { readImage } from "../vhdx/read-image";
import { isVhdx } from "../vhdx/read-metadata";
import { type DiskLibrary } from "./disk-library";
import { refuseForeignImage } from "./foreign-image";

/** Work that takes its time. */
export interface Job {
  /** Ends the work; nothing of it is left. */
  readonly signal: AbortSignal;
  /** What is being done, and how many bytes of it are done of all. */
  progress(step: string, done: number, total: number): void;
}

function progressOf({ signal, progress }: Job, step: string): Progress {
  return (done, total) => {
    signal.throwIfAborted();
    progress(step, done, total);
  };
}

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

/**
 * Hands a disk to `write` as the stream of a VHDX file that needs no other one; a disk with checkpoints is copied
 * together for that first.
 */
export async function exportDisk(
  library: DiskLibrary,
  name: string,
  write: (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => Promise<void>,
  job: Job,
): Promise<void> {
  const send = async (file: string): Promise<void> => {
    const store = await library.files.open(file, { readOnly: true });
    try {
      await write(streamOf(store, progressOf(job, "Exporting")));
    } finally {
      await store.close();
    }
  };
  await library.owning(name, async () => {
    if ((await library.checkpoints(name)).length > 0) return flattened(library, name, job, send);
    // Replays a log that a crash left.
    await (await library.openFile(name)).close();
    return send(name);
  });
}

/** Keeps what the disk holds now, and drops its checkpoints: there is nothing to go back to any more. */
export async function forgetCheckpoints(library: DiskLibrary, name: string, job: Job): Promise<void> {
  await library.owning(name, async () => {
    const checkpoints = await library.checkpoints(name);
    if (checkpoints.length === 0) throw new ConfigurationError(`the disk '${name}' has no checkpoints`);
    await flattened(library, name, job, async (copy) => {
      await library.files.rearrange({ remove: [name, ...checkpoints], rename: [[copy, name]] });
    });
  });
}

/** Has `use` do something with a copy, in one file, of a disk that is made of several. */
async function flattened(
  library: DiskLibrary,
  name: string,
  job: Job,
  use: (copy: string) => Promise<void>,
): Promise<void> {
  await library.throughTemporary(async (store) => {
    const source = await library.openFile(name, { readOnly: true });
    try {
      const { virtualDiskId } = source.image.metadata;
      const target = await emptyCopy(store, source, { type: "dynamic", virtualDiskId });
      await copyDisk(source, target, progressOf(job, "Putting checkpoints together"));
      await target.close();
    } finally {
      await source.close();
    }
  }, use);
}
