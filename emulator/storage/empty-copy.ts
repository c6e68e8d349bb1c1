import { type BlockStore } from "./block/block-store";
import { type Disk } from "./disk";
import { RawDisk } from "./raw-disk";
import { createVhdx } from "./vhdx/create";
import { openVhdx } from "./vhdx/open";

export interface CopyFormat {
  readonly type: "fixed" | "dynamic" | "raw";
  /** Bytes; unset, what suits the type. */
  readonly blockSize?: number;
  /** Unset, as the source has them. */
  readonly sectorSize?: 512 | 4096;
  /** Unset, 4096. */
  readonly physicalSectorSize?: 512 | 4096;
  /** Unset, the copy is another disk to its guest. */
  readonly virtualDiskId?: string;
}

/** Makes a disk in an empty store that `copyDisk` can fill from the source. Throws VhdxError for a bad format. */
export async function emptyCopy(store: BlockStore, source: Disk, format: CopyFormat): Promise<Disk> {
  const { type, blockSize, physicalSectorSize, virtualDiskId } = format;
  const logicalSectorSize = format.sectorSize ?? (source.sectorSize === 4096 ? 4096 : 512);
  if (type === "raw") {
    await store.resize(source.size);
    return new RawDisk(store, logicalSectorSize);
  }
  await createVhdx(store, { size: source.size, type, blockSize, logicalSectorSize, physicalSectorSize, virtualDiskId });
  return openVhdx(store);
}
