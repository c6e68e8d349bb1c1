import { ConfigurationError } from "../machine-types";
import { COPY_UNIT, type Disk } from "./disk";
import { isZero } from "./zeros";

/** Bytes that are done, of all. What it throws ends the work. */
export type Progress = (done: number, total: number) => void;

/** A disk that knows where it holds nothing. */
interface KnowsExtents {
  extent(offset: number, length: number): Promise<{ readonly zeros: boolean; readonly length: number }>;
}

/**
 * Copies a disk to one that is all zeros so far and at least as large, leaving out what is zeros; durable when this
 * resolves. Throws ConfigurationError when the target has no room or cannot hold the last sector.
 */
export async function copyDisk(source: Disk & Partial<KnowsExtents>, target: Disk, progress?: Progress): Promise<void> {
  const total = source.size;
  if (target.size < total || total % target.sectorSize !== 0) {
    throw new ConfigurationError(
      `a disk of ${total} bytes cannot be copied to one of ${target.size} with sectors of ${target.sectorSize}`,
    );
  }
  const buffer = new Uint8Array(COPY_UNIT);
  for (let at = 0; at < total;) {
    const extent = (await source.extent?.(at, total - at)) ?? { zeros: false, length: total - at };
    if (extent.zeros) {
      at += extent.length;
    } else {
      // Units stay aligned, so that a unit of zeros is a block that need not be there.
      const length = Math.min(COPY_UNIT - (at % COPY_UNIT), extent.length);
      const part = buffer.subarray(0, length);
      await source.read(at / source.sectorSize, part);
      if (!isZero(part)) await target.write(at / target.sectorSize, part);
      at += length;
    }
    progress?.(at, total);
  }
  await target.flush();
}
