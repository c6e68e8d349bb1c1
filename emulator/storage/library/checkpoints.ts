import { ConfigurationError } from "../../machine-types";
import { type BlockStore } from "../block/block-store";
import { copyStore } from "../block/transfer";
import { copyDisk } from "../copy-disk";
import { emptyCopy } from "../empty-copy";
import { createDifferencing } from "../vhdx/create";
import { mergeVhdx } from "../vhdx/merge";
import { besideIt, parentsAmong } from "../vhdx/parents-by-name";
import { type VhdxDisk } from "../vhdx/vhdx-disk";
import { type DiskLibrary } from "./disk-library";
import { type Job, progressOf } from "./job";
import { checkpointLabel, checkpointName, checkpointNumbers } from "./names";

/** Hyper-V's limit for a machine, and well below the longest chain that can be opened. */
const MAX_CHECKPOINTS = 50;

/** A state that a disk can go back to. */
export interface Checkpoint {
  /** Names it among its disk's; stays while others come and go. */
  readonly number: number;
  readonly label: string;
  /** When it was made, in milliseconds since 1970; undefined when that is not known. */
  readonly created: number | undefined;
  /** Bytes that its file takes in the browser: what was written between the checkpoint before and this one. */
  readonly used: number;
}

/** What is left as a note with a checkpoint's file. */
interface CheckpointNote {
  readonly label: string;
  readonly created: number;
}

/** A note comes from the browser's storage, where an older or newer page may have left something else. */
export function readCheckpointNote(note: unknown, number: number): Pick<Checkpoint, "label" | "created"> {
  const { label, created } = (Object(note) ?? {}) as Partial<Record<keyof CheckpointNote, unknown>>;
  const isDate = typeof created === "number" && Number.isFinite(new Date(created).getTime());
  return { label: checkpointLabel(label, number), created: isDate ? created : undefined };
}

/**
 * Keeps what the disk holds now, to go back to. The disk must be closed, and owned. The disk's name passes to a
 * differencing file; what it was made of gets the checkpoint's name.
 */
export async function makeCheckpoint(library: DiskLibrary, name: string, label?: string): Promise<void> {
  const numbers = checkpointNumbers(await library.fileNames(), name);
  if (numbers.length >= MAX_CHECKPOINTS) {
    throw new ConfigurationError(`a disk has at most ${MAX_CHECKPOINTS} checkpoints; delete one of '${name}' first`);
  }
  const number = (numbers.at(-1) ?? 0) + 1;
  const checkpoint = checkpointName(name, number);
  const note: CheckpointNote = { label: checkpointLabel(label, number), created: Date.now() };
  // A log that waits for its replay would be replayed again each time that the child is opened.
  await (await library.openFile(name)).close();
  await library.throughTemporary(
    (store) => fillChild(library, store, name, checkpoint),
    (child) =>
      library.files.rearrange({
        rename: [
          [name, checkpoint],
          [child, name],
        ],
        notes: [[checkpoint, note]],
      }),
  );
}

/** Drops what was written since a checkpoint, and the checkpoints since; the checkpoint itself stays. */
export async function goBack(library: DiskLibrary, name: string, number: number): Promise<void> {
  await library.owning(name, async () => {
    const { checkpoints, index } = await find(library, name, number);
    const checkpoint = checkpoints[index]!;
    await library.throughTemporary(
      (store) => fillChild(library, store, checkpoint, checkpoint),
      (child) => library.files.rearrange({ remove: [name, ...checkpoints.slice(index + 1)], rename: [[child, name]] }),
    );
  });
}

/** Gives up one state to go back to; the disk and its other checkpoints keep what they hold. */
export async function deleteCheckpoint(library: DiskLibrary, name: string, number: number, job: Job): Promise<void> {
  await library.owning(name, async () => {
    const { checkpoints, index } = await find(library, name, number);
    const files = [checkpoints[index]!, checkpoints[index + 1] ?? name] as const;
    await mergeFiles(library, files, job, (settle) => settle());
  });
}

/**
 * The same while a machine has the disk. `betweenRequests` runs an action while the disk's files are closed. What the
 * machine writes upon cannot be merged meanwhile: throws ConfigurationError for the last checkpoint.
 */
export async function deleteCheckpointBelow(
  library: DiskLibrary,
  name: string,
  number: number,
  job: Job,
  betweenRequests: (action: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const { checkpoints, index } = await find(library, name, number);
  const next = checkpoints[index + 1];
  if (next === undefined) {
    throw new ConfigurationError(
      `the machine writes upon the last checkpoint of '${name}'; to delete it, detach the disk, or turn the machine off`,
    );
  }
  await mergeFiles(library, [checkpoints[index]!, next], job, betweenRequests);
}

/**
 * Makes one file of two that follow each other in a chain, and puts it in the second one's place. That is made beside
 * the two, so that nothing is lost whenever it ends; meanwhile it needs room for both once more.
 */
async function mergeFiles(
  library: DiskLibrary,
  [deleted, next]: readonly [string, string],
  job: Job,
  around: (settle: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const { files } = library;
  await library.throughTemporary(
    async (store) => {
      await copyFile(library, deleted, store, job);
      const child = await files.open(next, { readOnly: true });
      const resolveParent = parentsAmong(files);
      await mergeVhdx({ child, parent: store, resolveParent }, progressOf(job, "Putting the two together"));
      job.signal.throwIfAborted();
    },
    (merged) => around(() => files.rearrange({ remove: [deleted, next], rename: [[merged, next]] })),
  );
}

/** Keeps what the disk holds now, and drops all its checkpoints: there is nothing to go back to any more. */
export async function forgetCheckpoints(library: DiskLibrary, name: string, job: Job): Promise<void> {
  await library.owning(name, async () => {
    const checkpoints = await library.checkpoints(name);
    if (checkpoints.length === 0) throw new ConfigurationError(`the disk '${name}' has no checkpoints`);
    await library.throughTemporary(
      async (store) => {
        const source = await library.openFile(name, { readOnly: true });
        try {
          const { virtualDiskId, physicalSectorSize } = source.image.metadata;
          const format = { ...formatOfBase(source), virtualDiskId, physicalSectorSize };
          const target = await emptyCopy(store, source, format);
          await copyDisk(source, target, progressOf(job, "Putting checkpoints together"));
          await target.close();
        } finally {
          await source.close();
        }
        job.signal.throwIfAborted();
      },
      (copy) => library.files.rearrange({ remove: [name, ...checkpoints], rename: [[copy, name]] }),
    );
  });
}

/** How the disk was made, before it had checkpoints. */
export function formatOfBase(disk: VhdxDisk): { readonly type: "fixed" | "dynamic"; readonly blockSize: number } {
  let base = disk;
  while (base.parent) base = base.parent;
  const { leaveBlockAllocated, blockSize } = base.image.metadata;
  return { type: leaveBlockAllocated ? "fixed" : "dynamic", blockSize };
}

async function find(
  library: DiskLibrary,
  name: string,
  number: number,
): Promise<{ readonly checkpoints: readonly string[]; readonly index: number }> {
  const checkpoints = await library.checkpoints(name);
  const index = checkpoints.indexOf(checkpointName(name, number));
  if (index < 0) throw new ConfigurationError(`the disk '${name}' has no such checkpoint any more`);
  return { checkpoints, index };
}

/** Makes a differencing file over one that is called `parentName` from then on. */
async function fillChild(library: DiskLibrary, store: BlockStore, file: string, parentName: string): Promise<void> {
  const parent = await library.openFile(file, { readOnly: true });
  try {
    await createDifferencing(store, parent, { relativePath: besideIt(parentName) });
  } finally {
    await parent.close();
  }
}

async function copyFile(library: DiskLibrary, name: string, target: BlockStore, job: Job): Promise<void> {
  const source = await library.files.open(name, { readOnly: true });
  try {
    await copyStore(source, target, progressOf(job, "Copying the checkpoint"));
  } finally {
    await source.close();
  }
}
