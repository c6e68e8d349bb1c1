import { ConfigurationError } from "../../machine-types";
import { type BlockStore } from "../block/block-store";
import { IndexedDbFiles } from "../block/indexeddb";
import { createDifferencing, createVhdx } from "../vhdx/create";
import { openVhdx } from "../vhdx/open";
import { besideIt, parentsAmong } from "../vhdx/parents-by-name";
import { peekMetadata } from "../vhdx/read-metadata";
import { type VhdxDisk } from "../vhdx/vhdx-disk";
import { MachineDisk } from "./machine-disk";
import { checkpointName, checkpointsAmong, isTemporaryName, isUserName, newTemporaryName, verifyName } from "./names";

/** Disks are at the SCSI controller, by LUN; the last one is the DVD drive's. */
const DISK_LUNS = 63;

export interface LibraryDisk {
  readonly name: string;
  /** Bytes that its guest sees; undefined when the file cannot be read. */
  readonly size: number | undefined;
  /** Bytes that it takes in the browser, with its checkpoints. */
  readonly used: number;
  readonly checkpoints: number;
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
        const checkpoints = checkpointsAmong(files, name);
        const lun = lunOf(notes.get(name));
        const disk = { name, checkpoints: checkpoints.length, lun, open: owned.has(name) };
        return { ...disk, ...(await this.look(name, checkpoints)) };
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

  /** Makes a disk of `size` bytes, all zeros. */
  async create(name: string, size: number): Promise<void> {
    await this.newDisk(name, (store) => createVhdx(store, { size, type: "dynamic" }));
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
  async checkpoint(name: string): Promise<void> {
    await this.owning(name, () => this.makeCheckpoint(name));
  }

  /** Drops what was written since the last checkpoint; the checkpoint is used up. */
  async goBack(name: string): Promise<void> {
    await this.owning(name, async () => {
      const last = (await this.checkpoints(name)).at(-1);
      if (last === undefined) throw new ConfigurationError(`the disk '${name}' has no checkpoint to go back to`);
      await this.files.rearrange({ remove: [name], rename: [[last, name]] });
    });
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

  /** The disk must be closed, and owned. */
  async makeCheckpoint(name: string): Promise<void> {
    const checkpoint = checkpointName(name, (await this.checkpoints(name)).length + 1);
    // A log that waits for its replay would be replayed again each time that the child is opened.
    await (await this.openFile(name)).close();
    await this.throughTemporary(
      async (store) => {
        const parent = await this.openFile(name, { readOnly: true });
        try {
          await createDifferencing(store, parent, { relativePath: besideIt(checkpoint) });
        } finally {
          await parent.close();
        }
      },
      (child) =>
        this.files.rearrange({
          rename: [
            [name, checkpoint],
            [child, name],
          ],
        }),
    );
  }

  private async fileNames(): Promise<string[]> {
    return (await this.files.list()).map(({ name }) => name);
  }

  /** What is wrong with one disk must not hide the others. */
  private async look(
    name: string,
    checkpoints: readonly string[],
  ): Promise<Pick<LibraryDisk, "size" | "used" | "problem">> {
    let used = 0;
    try {
      for (const file of [name, ...checkpoints]) used += await this.files.usedBytes(file);
      const store = await this.files.peek(name);
      return { size: (await peekMetadata(store)).virtualDiskSize, used, problem: undefined };
    } catch (error) {
      return { size: undefined, used, problem: error instanceof Error ? error.message : String(error) };
    }
  }
}

/** A note comes from the browser's storage, where an older or newer page may have left something else. */
function lunOf(note: unknown): number | undefined {
  const lun = (note as { lun?: unknown } | undefined)?.lun;
  return Number.isInteger(lun) && (lun as number) >= 0 && (lun as number) < DISK_LUNS ? (lun as number) : undefined;
}
