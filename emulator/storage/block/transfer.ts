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

/** A file's bytes from begin to end, for a download; read as fast as they are taken. Closes the store at the end. */
export function streamOf(store: BlockStore, progress?: Progress): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        const part = new Uint8Array(Math.min(COPY_UNIT, store.size - at));
        await store.read(at, part);
        if (part.length > 0) controller.enqueue(part);
        at += part.length;
        progress?.(at, store.size);
        if (at < store.size) return;
        await store.close();
        controller.close();
      },
      cancel: () => store.close(),
    },
    { highWaterMark: 1 },
  );
}
