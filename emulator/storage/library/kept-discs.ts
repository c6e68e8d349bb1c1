import { ConfigurationError } from "../../machine-types";
import { BlobStore } from "../block/blob-store";
import { StorageBusyError } from "../block/block-store";
import { copyStore } from "../block/transfer";
import { RawDisk } from "../raw-disk";
import { type DiskLibrary } from "./disk-library";
import { type Job, progressOf } from "./job";
import { discFile, discOf } from "./names";

/** Bytes in a sector of a disc. */
export const DISC_SECTOR_SIZE = 2048;

/** An ISO image that the browser keeps. */
export interface KeptDisc {
  readonly name: string;
  /** Bytes of the image. */
  readonly size: number;
  /** Bytes that it takes in the browser. */
  readonly used: number;
  /** Machines have it in their DVD drive from the start. */
  readonly inserted: boolean;
}

interface DiscNote {
  readonly inserted: boolean;
}

/** The discs of a library, and which of them is in the DVD drive. */
export class KeptDiscs {
  constructor(private readonly library: DiskLibrary) {}

  async list(): Promise<KeptDisc[]> {
    const { files } = this.library;
    const notes = await files.notes();
    const discs = (await files.list()).flatMap(({ name: file, size }) => {
      const name = discOf(file);
      return name === undefined ? [] : [{ name, file, size, inserted: isInserted(notes.get(file)) }];
    });
    return Promise.all(
      discs.map(async ({ name, file, size, inserted }) => ({
        name,
        size,
        used: await files.usedBytes(file).catch(() => 0),
        inserted,
      })),
    );
  }

  /** Keeps an image, as the one that is in the drive; it is there at the end or not at all. */
  async keep(name: string, image: Blob, job: Job): Promise<void> {
    const source = new BlobStore(image);
    // Throws for what cannot be a disc, before anything is copied.
    new RawDisk(source, DISC_SECTOR_SIZE);
    const file = discFile(name);
    await this.library.owning(file, async () => {
      const all = await this.library.fileNames();
      if (all.includes(file)) throw new ConfigurationError(`there is a disc '${name}' already; delete it first`);
      await this.library.throughTemporary(
        async (store) => {
          await copyStore(source, store, progressOf(job, "Keeping the disc"));
          job.signal.throwIfAborted();
        },
        async (copy) =>
          this.library.files.rearrange({ rename: [[copy, file]], notes: await this.insertionNotes(name) }),
      );
    });
  }

  /** Says which disc machines have in their drive from now on, or that they have none of these. */
  async setInserted(name: string | undefined): Promise<void> {
    await this.library.files.rearrange({ notes: await this.insertionNotes(name) });
  }

  async remove(name: string): Promise<void> {
    await this.library.files.remove(discFile(name)).catch((error: unknown) => {
      if (!(error instanceof StorageBusyError)) throw error;
      throw new StorageBusyError(`a machine has the disc '${name}' in its drive; eject it there first`);
    });
  }

  /** Opens a disc for a drive; any number of drives may have it. */
  async open(name: string): Promise<RawDisk> {
    const store = await this.library.files.open(discFile(name), { readOnly: true });
    try {
      return new RawDisk(store, DISC_SECTOR_SIZE);
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /** The notes that change when a disc goes in, and the one before it out. */
  private async insertionNotes(name: string | undefined): Promise<[file: string, note: DiscNote | undefined][]> {
    const files = (await this.library.fileNames()).filter((file) => discOf(file) !== undefined);
    const notes: [string, DiscNote | undefined][] = files.map((file) => [file, undefined]);
    return name === undefined ? notes : [...notes, [discFile(name), { inserted: true }]];
  }
}

function isInserted(note: unknown): boolean {
  return (note as Partial<DiscNote> | undefined)?.inserted === true;
}
