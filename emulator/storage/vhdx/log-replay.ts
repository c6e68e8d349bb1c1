import { type BlockStore } from "../block/block-store";
import { verify, VhdxError } from "./errors";
import { NO_GUID } from "./fields";
import { LOG_SECTOR_SIZE, MAX_FILE_SIZE, MIB, REGION_TABLE_OFFSETS, roundUp } from "./format";
import { type Header, verifyLog } from "./header";
import { type LogEntry, type LogUpdate } from "./log-entry";
import { findActiveSequence } from "./log-search";

/** What the log still has to say to the file, oldest first; empty when the file is clean. */
export interface PendingLog {
  readonly updates: readonly LogUpdate[];
  /** Bytes that the file must at least have after the replay. */
  readonly fileSize: number;
  readonly entries: number;
}

/** Reads the log. Throws VhdxError when it is damaged, or would write where no log may. */
export async function readLog(store: BlockStore, header: Header): Promise<PendingLog | undefined> {
  verifyLog(header, store.size);
  if (header.logGuid === NO_GUID) return undefined;
  const bytes = new Uint8Array(header.logLength);
  await store.read(header.logOffset, bytes);
  const entries = findActiveSequence(bytes, header.logGuid);
  if (entries.length === 0) throw new VhdxError("damaged VHDX file: its log is in use, but has no valid entry");
  entries.forEach((entry) => verifyEntry(entry, header, store.size));
  const newest = entries.at(-1)!;
  const zeros = entries.flatMap(({ updates }) => updates.filter(({ content }) => !content));
  const zeroed = zeros.reduce((sum, { length }) => sum + length, 0);
  verify(zeroed <= 4 * store.size, "damaged VHDX file: its log clears more than the whole file, several times over");
  return {
    updates: entries.flatMap(({ updates }) => updates),
    fileSize: Math.max(store.size, roundUp(newest.lastFileOffset, MIB)),
    entries: entries.length,
  };
}

function verifyEntry({ updates, flushedFileOffset, lastFileOffset }: LogEntry, header: Header, fileSize: number): void {
  verify(
    flushedFileOffset <= fileSize,
    `damaged VHDX file: it has ${fileSize} bytes, but had at least ${flushedFileOffset} when its log was written`,
  );
  verify(lastFileOffset <= MAX_FILE_SIZE, "damaged VHDX file: its log speaks of a file of more than 128 TiB");
  const logEnd = header.logOffset + header.logLength;
  for (const { offset, length } of updates) {
    const outside = offset + length > Math.max(lastFileOffset, fileSize);
    // The headers are never logged: they say where the log is ([MS-VHDX] 2.2.2).
    const forbidden = offset < REGION_TABLE_OFFSETS[0] || (offset < logEnd && offset + length > header.logOffset);
    verify(!outside && !forbidden, `damaged VHDX file: its log writes ${length} bytes at ${offset}, where none may go`);
  }
}

/** The file as it will be after the replay, for reading only; nothing is written. */
export class ReplayedStore implements BlockStore {
  readonly readOnly = true;
  readonly atomic = true;
  readonly sparse = false;
  private readonly sectors = new Map<number, Uint8Array>();
  private zeros: LogUpdate[] = [];

  constructor(
    private readonly store: BlockStore,
    private readonly log: PendingLog,
  ) {
    for (const update of log.updates) {
      if (update.content) this.sectors.set(update.offset, update.content);
      else this.putZeros(update);
    }
  }

  get size(): number {
    return this.log.fileSize;
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    const stored = Math.max(0, Math.min(target.length, this.store.size - offset));
    if (stored > 0) await this.store.read(offset, target.subarray(0, stored));
    target.fill(0, stored);
    const end = offset + target.length;
    for (const zeros of this.zeros) {
      const from = Math.max(offset, zeros.offset);
      const to = Math.min(end, zeros.offset + zeros.length);
      if (from < to) target.fill(0, from - offset, to - offset);
    }
    const first = Math.floor(offset / LOG_SECTOR_SIZE) * LOG_SECTOR_SIZE;
    for (let sector = first; sector < end; sector += LOG_SECTOR_SIZE) {
      const content = this.sectors.get(sector);
      if (!content) continue;
      const from = Math.max(offset, sector);
      const to = Math.min(end, sector + LOG_SECTOR_SIZE);
      target.set(content.subarray(from - sector, to - sector), from - offset);
    }
  }

  async write(): Promise<void> {
    throw new VhdxError("the file has a log that must be replayed before it is written");
  }
  zero = this.write;
  resize = this.write;
  async barrier(): Promise<void> {
    // Nothing is ever written.
  }
  commit = this.barrier;

  async close(): Promise<void> {
    await this.store.close();
  }

  private putZeros(update: LogUpdate): void {
    const end = update.offset + update.length;
    if (update.length / LOG_SECTOR_SIZE < this.sectors.size) {
      for (let sector = update.offset; sector < end; sector += LOG_SECTOR_SIZE) this.sectors.delete(sector);
    } else {
      for (const sector of [...this.sectors.keys()]) {
        if (sector >= update.offset && sector < end) this.sectors.delete(sector);
      }
    }
    this.zeros.push(update);
  }
}

/** Brings the log's updates to their places. To repeat it after a crash does no harm. */
export async function replay(store: BlockStore, log: PendingLog): Promise<void> {
  if (log.fileSize > store.size) await store.resize(log.fileSize);
  for (const { offset, length, content } of log.updates) {
    if (content) await store.write(offset, content);
    else await store.zero(offset, length);
  }
  await store.barrier();
}
