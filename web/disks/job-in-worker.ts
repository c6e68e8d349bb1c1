import { type ImageStream, wholeBytes } from "../../emulator/storage/image-stream";
import type { Job } from "../../emulator/storage/library/job";
import type { JobProgress } from "./protocol";

const PROGRESS_INTERVAL_MS = 100;

/** Work that a worker does for the page; `send` hears how far it is, not too often. */
export function jobOf(signal: AbortSignal, send: (progress: JobProgress) => void): Job {
  let last = -Infinity;
  let lastStep = "";
  const progress = (step: string, done: number, total: number): void => {
    const now = performance.now();
    if (now - last < PROGRESS_INTERVAL_MS && step === lastStep) return;
    [last, lastStep] = [now, step];
    send({ step, done, total });
  };
  return { signal, progress };
}

/** Writes an image to the file that the user chose; without one, the browser keeps it for a download. */
export async function writeImage(
  image: ImageStream,
  target: FileSystemFileHandle | undefined,
  signal: AbortSignal,
): Promise<Blob | undefined> {
  if (!target) return new Response(wholeBytes(image)).blob();
  // The browser replaces the file only once all is written.
  await image.pipeTo(await target.createWritable(), { signal });
  return undefined;
}
