import { type BlockStore } from "../block/block-store";
import { newGuid, NO_GUID } from "./fields";
import { HEADER_OFFSETS } from "./format";
import { type CurrentHeader, encodeHeader, type Header } from "./header";
import { encodeLogEntry, entryLength, MAX_PAGES_PER_ENTRY } from "./log-entry";

/** 4 KiB of metadata, and where they lie in the file. */
export interface MetadataPage {
  readonly offset: number;
  readonly content: Uint8Array;
}

/**
 * Brings metadata to the file through the log, and keeps the headers.
 *
 * One entry is alive at a time: what an entry said is written to its place right after the entry is durable, and the
 * barrier that every entry begins with makes that durable too, before the next entry takes over. The next entry never
 * overlaps the one before, so that a torn one leaves its predecessor to be replayed.
 */
export class Journal {
  private header: Header;
  private slot: 0 | 1;
  private head = 0;
  private sequenceNumber = 0n;
  private logGuid = NO_GUID;
  private begun = false;

  constructor(
    private readonly store: BlockStore,
    current: CurrentHeader,
  ) {
    this.header = current.header;
    this.slot = current.slot;
  }

  get dataWriteGuid(): string {
    return this.header.dataWriteGuid;
  }

  /** Whether the log is in use, so that the file needs `finish`. */
  get active(): boolean {
    return this.header.logGuid !== NO_GUID;
  }

  /**
   * Before the first change of an open file ([MS-VHDX] 2.2.2): new FileWriteGuid and, when the change can be seen on the
   * disk, new DataWriteGuid.
   */
  async begin({ visible = true } = {}): Promise<void> {
    if (this.begun) return;
    const dataWriteGuid = visible ? newGuid() : this.header.dataWriteGuid;
    await this.updateHeader({ fileWriteGuid: newGuid(), dataWriteGuid });
    await this.store.barrier();
    this.begun = true;
  }

  /**
   * Writes pages of metadata, at most MAX_PAGES_PER_ENTRY: all or none of them are in the file after a crash. Whatever
   * was written to the store before is durable before them; when this resolves, they are durable.
   */
  async write(pages: readonly MetadataPage[]): Promise<void> {
    if (pages.length > MAX_PAGES_PER_ENTRY) throw new RangeError(`${pages.length} pages do not fit a log entry`);
    const { store } = this;
    await store.barrier();
    if (!this.active) {
      this.logGuid = newGuid();
      this.head = 0;
    }
    const entry = encodeLogEntry(
      {
        tail: this.head,
        sequenceNumber: this.sequenceNumber + 1n,
        logGuid: this.logGuid,
        flushedFileOffset: store.size,
        lastFileOffset: store.size,
      },
      pages,
    );
    await this.writeRing(entry);
    if (!this.active) {
      // A header that names a log always finds an entry in it.
      await store.barrier();
      await this.updateHeader({ logGuid: this.logGuid });
    }
    await store.commit();
    this.head = (this.head + entryLength(pages.length)) % this.header.logLength;
    this.sequenceNumber++;
    for (const { offset, content } of pages) await store.write(offset, content);
  }

  /** Everything is in its place: the log is empty. Durable when this resolves. */
  async finish(): Promise<void> {
    if (!this.active) return;
    await this.store.barrier();
    await this.updateHeader({ logGuid: NO_GUID });
    await this.store.commit();
  }

  /** Names the disk's content anew. Durable when this resolves. */
  async setDataWriteGuid(dataWriteGuid: string): Promise<void> {
    await this.store.barrier();
    await this.updateHeader({ dataWriteGuid });
    await this.store.commit();
  }

  private async updateHeader(changes: Partial<Header>): Promise<void> {
    const header = { ...this.header, ...changes, sequenceNumber: this.header.sequenceNumber + 1n };
    const slot = this.slot === 0 ? 1 : 0;
    await this.store.write(HEADER_OFFSETS[slot], encodeHeader(header));
    this.header = header;
    this.slot = slot;
  }

  private async writeRing(entry: Uint8Array): Promise<void> {
    const { logOffset, logLength } = this.header;
    const first = Math.min(entry.length, logLength - this.head);
    await this.store.write(logOffset + this.head, entry.subarray(0, first));
    if (first < entry.length) await this.store.write(logOffset, entry.subarray(first));
  }
}
