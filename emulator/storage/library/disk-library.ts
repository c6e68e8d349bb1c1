import { ConfigurationError } from "../../machine-types";
import { type BlockStore } from "../block/block-store";
import { IndexedDbFiles } from "../block/indexeddb";
import { createVhdx, type CreateOptions } from "../vhdx/create";
import { type Metadata } from "../vhdx/metadata";
import { openVhdx } from "../vhdx/open";
import { parentsAmong } from "../vhdx/parents-by-name";
import { peekMetadata } from "../vhdx/read-metadata";
import { type VhdxDisk } from "../vhdx/vhdx-disk";
import { type Checkpoint, makeCheckpoint, readCheckpointNote } from "./checkpoints";
import { MachineDisk } from "./machine-disk";
import {
  checkpointName,
  checkpointNumbers,
  checkpointsAmong,
  isTemporaryName,
  isUserName,
  newTemporaryName,
  verifyName,
} from "./names";

/** Disks are at the SCSI controller, by LUN; the last one is the DVD drive's. */
const DISK_LUNS = 63;

/** How a disk's file is made. */
export interface DiskFormat {
  readonly kind: "fixed" | "dynamic" | "differencing";
  /** What it was made as, before it had checkpoints. */
  readonly base: "fixed" | "dynamic";
  /** Bytes in a logical sector. */
  readonly sectorSize: 512 | 4096;
  /** Bytes in a block of the file. */
  readonly blockSize: number;
}

export interface LibraryDisk {
  readonly name: string;
  /** Bytes that its guest sees; undefined when the file cannot be read. */
  readonly size: number | undefined;
  /** Undefined when the file cannot be read. */
  readonly format: DiskFormat | undefined;
  /** Bytes that it takes in the browser, with its checkpoints. */
  readonly used: number;
  /** The oldest first: each is what the next one was written upon. */
  readonly checkpoints: readonly Checkpoint[];
  /** Where machines have it, or undefined. */
  readonly lun: number | undefined;
  /** A tab works with it now, this one or another. */
  readonly open: boolean;
  /** Why it cannot be used. */
  readonly problem: string | undefined;
}

/**
 * The disks that a browser keeps: VHDX files in IndexedDB. A checkpoint is a differencing file: the disk's name passes
 * to it, and what it was made of gets a checkpoint's name. Every change is one transaction at its end; what was cut off
 * before leaves temporary files only, which `cleanUp` removes.
 *
 * All methods throw ConfigurationError for what cannot be, StorageBusyError when another tab has the disk, and
 * StorageError when the browser's storage fails.
 */
export class DiskLibrary {
  constructor(readonly files = new IndexedDbFiles()) {}

  async list(): Promise<LibraryDisk[]> {
    const files = (await this.files.list()).map(({ name }) => name);
    const names = files.filter(isUserName);
    const [notes, owned] = [await this.files.notes(), await this.files.owned(names)];
    return Promise.all(
      names.map(async (name) => {
        const numbers = checkpointNumbers(files, name);
        const disk = { name, lun: lunOf(notes.get(name)), open: owned.has(name) };
        return { ...disk, ...(await this.look(name, numbers, notes)) };
      }),
    );
  }

  /** Removes what tabs that are gone left behind. */
  async cleanUp(): Promise<void> {
    for (const { name } of await this.files.list()) {
      if (!isTemporaryName(name)) continue;
      // Another tab may still be at it.
      await this.owning(name, () => this.files.remove(name)).catch(() => undefined);
    }
  }

  /** Makes a disk that is all zeros. */
  async create(name: string, options: CreateOptions): Promise<void> {
    await this.newDisk(name, (store) => createVhdx(store, options));
  }

  async remove(name: string): Promise<void> {
    await this.owning(name, async () => this.files.rearrange({ remove: [name, ...(await this.checkpoints(name))] }));
  }

  async resize(name: string, size: number): Promise<void> {
    await this.owning(name, async () => {
      const disk = await this.openFile(name);
      try {
        await disk.resize(size);
      } finally {
        await disk.close();
      }
    });
  }

  /** Keeps what the disk holds now, to go back to. */
  async checkpoint(name: string, label?: string): Promise<void> {
    await this.owning(name, () => makeCheckpoint(this, name, label));
  }

  /** Opens a disk for a machine; it belongs to this page until it is closed. */
  async open(name: string): Promise<MachineDisk> {
    const release = await this.files.own(name);
    try {
      return new MachineDisk(await this.openFile(name), name, this, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  /** The disks that machines have, by LUN. */
  async attached(): Promise<{ readonly name: string; readonly lun: number }[]> {
    // A tab may have left a note with a disk that another one deleted at that moment.
    const files = new Set(await this.fileNames());
    const notes = [...(await this.files.notes())].filter(([name]) => files.has(name));
    const disks = notes.map(([name, note]) => ({ name, lun: lunOf(note) }));
    return disks.flatMap(({ name, lun }) => (lun === undefined ? [] : [{ name, lun }])).sort((a, b) => a.lun - b.lun);
  }

  /** Gives a disk a place at machines, from now on; one that has a place keeps it. @returns its LUN */
  async attach(name: string, taken: readonly number[] = []): Promise<number> {
    if (!(await this.fileNames()).includes(name)) {
      throw new ConfigurationError(`there is no disk '${name}' in this browser any more`);
    }
    const attached = await this.attached();
    const known = attached.find((disk) => disk.name === name);
    if (known && !taken.includes(known.lun)) return known.lun;
    const luns = new Set([...taken, ...attached.map(({ lun }) => lun)]);
    const lun = Array.from({ length: DISK_LUNS }, (_, index) => index).find((index) => !luns.has(index));
    if (lun === undefined) throw new ConfigurationError(`a machine has at most ${DISK_LUNS} disks; detach one first`);
    await this.files.setNote(name, { lun });
    return lun;
  }

  async detach(name: string): Promise<void> {
    await this.files.setNote(name, undefined);
  }

  /** Runs an action that nobody else comes between, by this name. */
  async owning<T>(name: string, action: () => Promise<T>): Promise<T> {
    const release = await this.files.own(name);
    try {
      return await action();
    } finally {
      release();
    }
  }

  /** Makes a disk by `fill`, which makes a whole file and may close it; the disk is there at the end or not at all. */
  async newDisk(name: string, fill: (store: BlockStore) => Promise<void>): Promise<void> {
    verifyName(name);
    await this.owning(name, async () => {
      if ((await this.fileNames()).includes(name)) {
        throw new ConfigurationError(`there is a disk '${name}' already; choose another name`);
      }
      await this.throughTemporary(fill, (temporary) => this.files.rearrange({ rename: [[temporary, name]] }));
    });
  }

  /** Makes a file under a temporary name by `fill`, and has `use` do something with it; what is left of it goes. */
  async throughTemporary<T>(
    fill: (store: BlockStore) => Promise<void>,
    use: (temporary: string) => Promise<T>,
  ): Promise<T> {
    const temporary = newTemporaryName();
    return this.owning(temporary, async () => {
      try {
        const store = await this.files.create(temporary);
        try {
          await fill(store);
        } finally {
          await store.close();
        }
        return await use(temporary);
      } finally {
        // What cannot be removed now is removed at the next start.
        if ((await this.fileNames()).includes(temporary)) await this.files.remove(temporary).catch(() => undefined);
      }
    });
  }

  /** The disk's file, open for its owner. */
  async openFile(name: string, { readOnly = false } = {}): Promise<VhdxDisk> {
    return openVhdx(await this.files.open(name, { readOnly }), { resolveParent: parentsAmong(this.files) });
  }

  async checkpoints(name: string): Promise<string[]> {
    return checkpointsAmong(await this.fileNames(), name);
  }

  async fileNames(): Promise<string[]> {
    return (await this.files.list()).map(({ name }) => name);
  }

  /** What is wrong with one disk must not hide the others. */
  private async look(
    name: string,
    numbers: readonly number[],
    notes: ReadonlyMap<string, unknown>,
  ): Promise<Pick<LibraryDisk, "size" | "format" | "used" | "checkpoints" | "problem">> {
    const checkpoints: Checkpoint[] = [];
    let used = 0;
    try {
      for (const number of numbers) {
        const file = checkpointName(name, number);
        const checkpoint = { number, used: await this.files.usedBytes(file) };
        checkpoints.push({ ...checkpoint, ...readCheckpointNote(notes.get(file), number) });
        used += checkpoint.used;
      }
      used += await this.files.usedBytes(name);
      const metadata = await this.peek(name);
      const base = numbers[0] === undefined ? metadata : await this.peek(checkpointName(name, numbers[0]));
      return {
        size: metadata.virtualDiskSize,
        format: formatOf(metadata, base),
        used,
        checkpoints,
        problem: undefined,
      };
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      return { size: undefined, format: undefined, used, checkpoints, problem };
    }
  }

  private async peek(file: string): Promise<Metadata> {
    return peekMetadata(await this.files.peek(file));
  }
}

function formatOf(
  { hasParent, logicalSectorSize, blockSize }: Metadata,
  { leaveBlockAllocated }: Metadata,
): DiskFormat {
  const base = leaveBlockAllocated ? "fixed" : "dynamic";
  return { kind: hasParent ? "differencing" : base, base, sectorSize: logicalSectorSize, blockSize };
}

/** A note comes from the browser's storage, where an older or newer page may have left something else. */
function lunOf(note: unknown): number | undefined {
  const lun = (note as { lun?: unknown } | undefined)?.lun;
  return Number.isInteger(lun) && (lun as number) >= 0 && (lun as number) < DISK_LUNS ? (lun as number) : undefined;
}
