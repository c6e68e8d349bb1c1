import { type BlockStore } from "../block/block-store";
import { readFileTypeIdentifier } from "./header";
import { type Metadata, readMetadata } from "./metadata";
import { readRegionTable } from "./region-table";

const SIGNATURE = "vhdxfile";

/** Whether a file is a VHDX file, by its first bytes. */
export async function isVhdx(store: BlockStore): Promise<boolean> {
  if (store.size < SIGNATURE.length) return false;
  const bytes = new Uint8Array(SIGNATURE.length);
  await store.read(0, bytes);
  return String.fromCharCode(...bytes) === SIGNATURE;
}

/**
 * Size and kind of the disk in a VHDX file, without its log and its blocks: enough to list it, and quick. Throws
 * VhdxError.
 */
export async function peekMetadata(store: BlockStore): Promise<Metadata> {
  await readFileTypeIdentifier(store);
  return (await readMetadata(store, (await readRegionTable(store)).metadata)).metadata;
}
