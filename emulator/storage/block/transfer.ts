import { COPY_UNIT } from "../disk";
import { type Progress } from "../copy-disk";
import { isZero } from "../zeros";
import { type BlockStore } from "./block-store";

/** Copies a file as it is to an empty store, leaving out zeros; durable when this resolves. */
export async function copyStore(source: BlockStore, target: BlockStore, progress?: Progress): Promise<void> {
  const buffer = new Uint8Array(COPY_UNIT);
  await target.resize(source.size);
  for (let at = 0; at < source.size; at += buffer.length) {
    const part = buffer.subarray(0, Math.min(buffer.length, source.size - at));
    await source.read(at, part);
    if (!isZero(part)) await target.write(at, part);
    progress?.(at + part.length, source.size);
  }
  await target.commit();
}
