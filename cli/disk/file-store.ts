import {
  closeSync,
  constants,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import {
  checkRange,
  checkWritable,
  StorageError,
  StorageFullError,
  type BlockStore,
} from "../../emulator/storage/block/block-store";
import { ConfigurationError } from "../../emulator/machine-types";
import { ownFile } from "./ownership";

const ZEROS = new Uint8Array(1 << 20);

/**
 * A store in a file. Reads and writes go to the system's page cache without a detour through a thread, which is much
 * faster than the asynchronous calls; only the wait for the medium is asynchronous.
 */
export class FileStore implements BlockStore {
  readonly atomic = false;
  readonly sparse = false;
  private bytes: number;
  private failure: StorageError | undefined;
  private release: (() => void) | undefined;
  private closed = false;

  private constructor(
    private readonly descriptor: number,
    readonly path: string,
    readonly readOnly: boolean,
  ) {
    this.bytes = fstatSync(descriptor).size;
  }

  /** Opens a file that exists; throws ConfigurationError when that cannot be done. */
  static open(path: string, { readOnly = false } = {}): FileStore {
    return FileStore.attempt(path, "opened", () => {
      const descriptor = openSync(path, readOnly ? constants.O_RDONLY : constants.O_RDWR);
      if (fstatSync(descriptor).isFile()) return new FileStore(descriptor, path, readOnly);
      closeSync(descriptor);
      throw new ConfigurationError(`'${path}' is not a regular file`);
    });
  }

  /** Opens a file for writing that no other hypertab writes to; throws ConfigurationError when one does. */
  static async openOwned(path: string): Promise<FileStore> {
    const release = await ownFile(path);
    try {
      const store = FileStore.open(path);
      store.release = release;
      return store;
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Makes a new, empty file; throws ConfigurationError when there is one already, or it cannot be made. */
  static create(path: string): FileStore {
    return FileStore.attempt(path, "made", () => {
      const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o666);
      syncFolder(path);
      return new FileStore(descriptor, path, false);
    });
  }

  private static attempt(path: string, what: string, open: () => FileStore): FileStore {
    try {
      return open();
    } catch (error) {
      if (error instanceof ConfigurationError) throw error;
      throw new ConfigurationError(`'${path}' cannot be ${what}: ${reasonOf(error)}`);
    }
  }

  get size(): number {
    return this.bytes;
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    this.readNow(offset, target);
  }

  async write(offset: number, source: Uint8Array): Promise<void> {
    this.writeNow(offset, source);
  }

  readNow(offset: number, target: Uint8Array): boolean {
    checkRange(this, offset, target.length);
    for (let done = 0; done < target.length;) {
      const count = this.guard(() => readSync(this.descriptor, target, done, target.length - done, offset + done));
      if (count === 0) throw new StorageError(`'${this.path}' became shorter while it was open`);
      done += count;
    }
    return true;
  }

  writeNow(offset: number, source: Uint8Array): boolean {
    checkWritable(this);
    checkRange(this, offset, source.length);
    if (this.failure) throw this.failure;
    for (let done = 0; done < source.length;) {
      done += this.guard(() => writeSync(this.descriptor, source, done, source.length - done, offset + done));
    }
    return true;
  }

  async zero(offset: number, length: number): Promise<void> {
    for (let done = 0; done < length; done += ZEROS.length) {
      await this.write(offset + done, ZEROS.subarray(0, Math.min(ZEROS.length, length - done)));
    }
  }

  async resize(size: number): Promise<void> {
    checkWritable(this);
    this.guard(() => ftruncateSync(this.descriptor, size));
    this.bytes = size;
  }

  barrier(): Promise<void> {
    return this.commit();
  }

  async commit(): Promise<void> {
    if (this.readOnly) return;
    if (this.failure) throw this.failure;
    const error = await new Promise<unknown>((resolve) => fsync(this.descriptor, resolve));
    // After a failed fsync the system may have dropped what it could not write: nothing later may be called durable.
    if (error) throw (this.failure = translate(this.path, error));
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    closeSync(this.descriptor);
    this.release?.();
  }

  private guard<T>(action: () => T): T {
    if (this.closed) throw new StorageError(`'${this.path}' is closed`);
    try {
      return action();
    } catch (error) {
      throw translate(this.path, error);
    }
  }
}

function translate(path: string, error: unknown): StorageError {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new StorageFullError(`there is no room left for '${path}'; free some space on its file system`);
  }
  return new StorageError(`'${path}': ${reasonOf(error)}`);
}

/** A file's name is durable only when its folder is. */
function syncFolder(path: string): void {
  try {
    const folder = openSync(dirname(path), constants.O_RDONLY);
    fsyncSync(folder);
    closeSync(folder);
  } catch {
    // Not every system lets a folder be opened; it then has its own order.
  }
}

function reasonOf(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case "ENOENT":
    case "ENOTDIR":
      return "there is no such file or folder";
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "EISDIR":
      return "it is a folder";
    case "EEXIST":
      return "there is a file of that name already";
    case "EFBIG":
      return "the file would be larger than its file system allows";
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
