import { type BlockStore } from "../block/block-store";
import { MIB, PAYLOAD_BLOCK_FULLY_PRESENT, PAYLOAD_BLOCK_PARTIALLY_PRESENT, REGION_TABLE_OFFSETS } from "./format";
import { openVhdx, type OpenOptions } from "./open";
import { type ImageContent, readImage } from "./read-image";
import { encodeRegionTable } from "./region-table";
import { VhdxError } from "./errors";

/** What a check found. A file with errors cannot be used; notes are what a repair, or the next use, sets right. */
export interface CheckReport {
  readonly errors: readonly string[];
  readonly notes: readonly string[];
  /** Undefined when there are errors. */
  readonly content: ImageContent | undefined;
}

/** Checks a VHDX file without writing to it, and does not look at its parents. */
export async function checkVhdx(store: BlockStore): Promise<CheckReport> {
  try {
    const content = await readImage(store);
    return { errors: [], notes: notesOf(content), content };
  } catch (error) {
    if (!(error instanceof VhdxError)) throw error;
    return { errors: [error.message], notes: [], content: undefined };
  }
}

/**
 * Replays the log, and writes both headers anew, and a region table that is damaged. Throws VhdxError when the file has errors; it
 * is then not written to. Closes the store.
 */
export async function repairVhdx(store: BlockStore, options: OpenOptions): Promise<void> {
  const disk = await openVhdx(store, options);
  const { journal, regionTable } = disk.image;
  const table = encodeRegionTable(regionTable.regions);
  for (const [index, offset] of REGION_TABLE_OFFSETS.entries()) {
    if (!regionTable.validCopies[index]) await store.write(offset, table);
  }
  await journal.setDataWriteGuid(journal.dataWriteGuid);
  await journal.setDataWriteGuid(journal.dataWriteGuid);
  await disk.close();
}

/** Blocks of the disk that have room in the file. */
export function presentBlocks({ bat, geometry }: ImageContent): number {
  let count = 0;
  bat.forEachSet(geometry.entries, (entry) => {
    const state = bat.state(entry);
    const present = state === PAYLOAD_BLOCK_FULLY_PRESENT || state === PAYLOAD_BLOCK_PARTIALLY_PRESENT;
    if (present && geometry.meaning(entry).kind === "payload") count++;
  });
  return count;
}

function notesOf({ current, regionTable, pendingLog, space, items }: ImageContent): string[] {
  const notes: string[] = [];
  if (current.valid < 2) notes.push("one of the two headers is not valid");
  if (regionTable.validCopies.includes(false)) notes.push("one of the two region tables is not valid");
  if (pendingLog) notes.push(`the log waits for its replay: ${pendingLog.updates.length} updates`);
  if (space.freeMib > 0) notes.push(`${space.freeMib} MiB of the file (${space.freeMib * MIB} bytes) are not in use`);
  const user = items.filter(({ isUser }) => isUser).length;
  if (user > 0) notes.push(`${user} items of metadata belong to other programs`);
  return notes;
}
