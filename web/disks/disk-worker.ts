// The worker that keeps the disks: all that is done with them while no machine has them.
import { storageUse } from "../../emulator/storage/block/quota";
import { DiskLibrary } from "../../emulator/storage/library/disk-library";
import { exportDisk, forgetCheckpoints, importImage, type Job } from "../../emulator/storage/library/transfers";
import type { DiskCommand, DiskPageMessage, DiskResults, DiskWorkerMessage, JobProgress } from "./protocol";

const PROGRESS_INTERVAL_MS = 100;

const library = new DiskLibrary();
const jobs = new Map<number, AbortController>();
const ready = library.cleanUp().catch(() => undefined);

addEventListener("message", ({ data: message }: MessageEvent<DiskPageMessage>) => {
  if (message.type === "cancel") jobs.get(message.id)?.abort(new Error("cancelled"));
  else void answer(message.id, message.command);
});

function send(message: DiskWorkerMessage): void {
  postMessage(message);
}

async function answer(id: number, command: DiskCommand): Promise<void> {
  const controller = new AbortController();
  jobs.set(id, controller);
  try {
    await ready;
    send({ type: "done", id, value: await act(command, jobOf(id, controller.signal)) });
  } catch (error) {
    send({ type: "failed", id, message: error instanceof Error ? error.message : String(error) });
  } finally {
    jobs.delete(id);
  }
}

function jobOf(id: number, signal: AbortSignal): Job {
  let last = -Infinity;
  let lastStep = "";
  const progress = (step: string, done: number, total: number): void => {
    const now = performance.now();
    if (now - last < PROGRESS_INTERVAL_MS && step === lastStep) return;
    [last, lastStep] = [now, step];
    send({ type: "progress", id, progress: { step, done, total } satisfies JobProgress });
  };
  return { signal, progress };
}

async function act(command: DiskCommand, job: Job): Promise<DiskResults[keyof DiskResults]> {
  switch (command.kind) {
    case "list":
      return { disks: await library.list(), use: await storageUse() };
    case "create":
      await library.create(command.name, command.size);
      return undefined;
    case "remove":
      await library.remove(command.name);
      return undefined;
    case "attach":
      await library.attach(command.name);
      return undefined;
    case "detach":
      await library.detach(command.name);
      return undefined;
    case "resize":
      await library.resize(command.name, command.size);
      return undefined;
    case "checkpoint":
      await library.checkpoint(command.name);
      return undefined;
    case "go-back":
      await library.goBack(command.name);
      return undefined;
    case "merge":
      await forgetCheckpoints(library, command.name, job);
      return undefined;
    case "import":
      await importImage(library, command.name, command.file, job);
      return undefined;
    case "export":
      return exportTo(command.name, command.target, job);
  }
}

/** Writes a disk to the file that the user chose; without one, the browser keeps it for a download. */
async function exportTo(name: string, target: FileSystemFileHandle | undefined, job: Job): Promise<Blob | undefined> {
  let blob: Blob | undefined;
  await exportDisk(
    library,
    name,
    async (stream) => {
      // The browser replaces the file only once all is written.
      if (target) await stream.pipeTo(await target.createWritable(), { signal: job.signal });
      else blob = await new Response(stream).blob();
    },
    job,
  );
  return blob;
}
