import { COPY_UNIT } from "../disk";
import { type Progress } from "../copy-disk";
import { isZero } from "../zeros";
import { type BlockStore } from "./block-store";

/** Bytes that are left out at once when all of them are zeros. */
const HOLE = 32 << 10;

/** Copies a file as it is to an empty store, leaving out zeros; durable when this resolves. */
export async function copyStore(source: BlockStore, target: BlockStore, progress?: Progress): Promise<void> {
  const buffer = new Uint8Array(COPY_UNIT);
  await target.resize(source.size);
  for (let at = 0; at < source.size; at += buffer.length) {
    const part = buffer.subarray(0, Math.min(buffer.length, source.size - at));
    await source.read(at, part);
    await writeContent(target, at, part);
    progress?.(at + part.length, source.size);
  }
  await target.commit();
}

/** Writes what is not zeros, in as few writes as that takes. */
async function writeContent(target: BlockStore, offset: number, bytes: Uint8Array): Promise<void> {
  const isHole = (at: number): boolean => isZero(bytes.subarray(at, at + HOLE));
  for (let begin = 0; begin < bytes.length;) {
    let end = begin;
    while (end < bytes.length && !isHole(end)) end += HOLE;
    if (end > begin) await target.write(offset + begin, bytes.subarray(begin, end));
    begin = end + HOLE;
  }
}
