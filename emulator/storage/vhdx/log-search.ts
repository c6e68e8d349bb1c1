import { verify } from "./errors";
import { LOG_SECTOR_SIZE } from "./format";
import { decodeLogEntry, type LogEntry, LogRing } from "./log-entry";

/** Entries that are not valid cost a pass over their bytes; beyond this many passes the log was made to take time. */
const MAX_PASSES = 8;

/**
 * Finds the active sequence of a log ([MS-VHDX] 2.3.3): of all runs of valid entries with consecutive sequence numbers,
 * each beginning where its newest entry's tail points, the one with the highest number. Returns the entries to replay,
 * oldest first, or none. Throws VhdxError for a log that no writer makes.
 */
export function findActiveSequence(bytes: Uint8Array, logGuid: string): LogEntry[] {
  const ring = new LogRing(bytes);
  const entries = new EntryReader(ring, logGuid);
  let active: LogEntry[] = [];
  let start = 0;
  while (start < ring.sectors) {
    const sequence: { readonly at: number; readonly entry: LogEntry }[] = [];
    let head = start;
    let used = 0;
    for (;;) {
      const entry = entries.at(head % ring.sectors);
      const last = sequence.at(-1)?.entry;
      if (!entry || (last && entry.sequenceNumber !== last.sequenceNumber + 1n)) break;
      used += entry.entryLength / LOG_SECTOR_SIZE;
      // A run that would overtake itself has come round.
      if (used > ring.sectors) break;
      sequence.push({ at: head % ring.sectors, entry });
      head += entry.entryLength / LOG_SECTOR_SIZE;
    }
    const newest = sequence.at(-1)?.entry;
    const tail = newest ? sequence.findIndex(({ at }) => at * LOG_SECTOR_SIZE === newest.tail) : -1;
    if (newest && tail >= 0) {
      const best = active.at(-1);
      if (!best || newest.sequenceNumber > best.sequenceNumber) {
        active = sequence.slice(tail).map(({ entry }) => entry);
      }
      start = head;
    } else {
      start++;
    }
  }
  return active;
}

/** Decodes each entry once, however often the search looks at it. */
class EntryReader {
  private readonly known = new Map<number, LogEntry | undefined>();
  private passes = 0;

  constructor(
    private readonly ring: LogRing,
    private readonly logGuid: string,
  ) {}

  at(sector: number): LogEntry | undefined {
    if (!this.known.has(sector)) {
      const entry = decodeLogEntry(this.ring, sector, this.logGuid);
      this.known.set(sector, entry);
      this.passes += (entry?.entryLength ?? LOG_SECTOR_SIZE) / this.ring.bytes.length;
      verify(this.passes <= MAX_PASSES, "damaged VHDX file: the entries of its log overlap each other");
    }
    return this.known.get(sector);
  }
}
