import { type BlockStore } from "../block/block-store";
import { verify } from "./errors";
import { newGuid, NO_GUID } from "./fields";
import { HEADER_OFFSETS } from "./format";
import { encodeHeader } from "./header";
import { VhdxImage } from "./image";
import { replay } from "./log-replay";
import { type ParentLocator, parentName } from "./parent-locator";
import { type ImageContent, readImage } from "./read-image";
import { VhdxDisk } from "./vhdx-disk";

/** Hyper-V allows fewer checkpoints; a chain that is longer has come round. */
const MAX_CHAIN = 64;

/** A parent's file, opened for reading, and how to find the parent's own parent. */
export interface ParentFile {
  readonly store: BlockStore;
  readonly resolveParent: ParentResolver;
}

/** Finds the file that a differencing image names as its parent; throws ConfigurationError when there is none. */
export type ParentResolver = (locator: ParentLocator) => Promise<ParentFile>;

export interface OpenOptions {
  readonly readOnly?: boolean;
  /** Needed by differencing images only. */
  readonly resolveParent?: ParentResolver;
}

/**
 * Opens the VHDX file in a store, and the parents of a differencing one. A log is replayed: in memory when opened for
 * reading only. Nothing is written before the whole file was found sound, and nothing at all to a clean file before the
 * first change. The disk owns the store; when this throws VhdxError, all stores are closed.
 */
export async function openVhdx(store: BlockStore, options: OpenOptions = {}): Promise<VhdxDisk> {
  return openAt(store, options, 1);
}

async function openAt(store: BlockStore, options: OpenOptions, depth: number): Promise<VhdxDisk> {
  let parent: VhdxDisk | undefined;
  try {
    const readOnly = options.readOnly ?? store.readOnly;
    const content = await readImage(store);
    parent = await openParent(content, options, depth);
    return new VhdxDisk(await openImage(store, content, readOnly, parent), parent, readOnly);
  } catch (error) {
    await parent?.close();
    await store.close();
    throw error;
  }
}

/** The image of a file that was read: after this it is clean, unless it is for reading only. */
export async function openImage(
  store: BlockStore,
  content: ImageContent,
  readOnly: boolean,
  parent: VhdxDisk | undefined,
): Promise<VhdxImage> {
  if (readOnly) return new VhdxImage(content.store, content, parent?.size);
  return new VhdxImage(store, content.pendingLog ? await replayLog(store, content) : content, parent?.size);
}

/** [MS-VHDX] 2.2.2 and 2.3.3: FileWriteGuid changes before the replay, and the log is empty after it. */
async function replayLog(store: BlockStore, content: ImageContent): Promise<ImageContent> {
  let { header, slot } = content.current;
  const update = async (changes: Partial<typeof header>): Promise<void> => {
    header = { ...header, ...changes, sequenceNumber: header.sequenceNumber + 1n };
    slot = slot === 0 ? 1 : 0;
    await store.write(HEADER_OFFSETS[slot], encodeHeader(header));
  };
  await update({ fileWriteGuid: newGuid() });
  await store.barrier();
  await replay(store, content.pendingLog!);
  await update({ logGuid: NO_GUID });
  await store.commit();
  return { ...content, store, current: { ...content.current, header, slot }, pendingLog: undefined };
}

async function openParent(
  { metadata }: ImageContent,
  { resolveParent }: OpenOptions,
  depth: number,
): Promise<VhdxDisk | undefined> {
  const { parentLocator, logicalSectorSize } = metadata;
  if (!parentLocator) return undefined;
  const name = parentName(parentLocator);
  verify(resolveParent !== undefined, `the VHDX file is a differencing one; its parent '${name}' is needed too`);
  verify(depth < MAX_CHAIN, `the VHDX file has more than ${MAX_CHAIN} parents, or is among them itself`);
  const file = await resolveParent(parentLocator);
  const parent = await openAt(file.store, { readOnly: true, resolveParent: file.resolveParent }, depth + 1);
  try {
    verify(
      parentLocator.linkage.includes(parent.image.journal.dataWriteGuid),
      `the parent '${name}' was written to after the differencing file was made; it no longer fits it`,
    );
    verify(
      parent.sectorSize === logicalSectorSize,
      `the parent '${name}' has sectors of ${parent.sectorSize} bytes, its child of ${logicalSectorSize}`,
    );
    return parent;
  } catch (error) {
    await parent.close();
    throw error;
  }
}
