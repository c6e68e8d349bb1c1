// The worker that keeps the disks: all that is done with them while no machine has them.
import { storageUse } from "../../emulator/storage/block/quota";
import { deleteCheckpoint, forgetCheckpoints, goBack } from "../../emulator/storage/library/checkpoints";
import { DiskLibrary } from "../../emulator/storage/library/disk-library";
import { exportDisk } from "../../emulator/storage/library/export-disk";
import { importImage } from "../../emulator/storage/library/import-image";
import type { Job } from "../../emulator/storage/library/job";
import { KeptDiscs } from "../../emulator/storage/library/kept-discs";
import type { ImageStream } from "../../emulator/storage/image-stream";
import { jobOf, writeImage } from "./job-in-worker";
import type { DiskCommand, DiskPageMessage, DiskResults, DiskWorkerMessage, ExportCommand } from "./protocol";

const library = new DiskLibrary();
const discs = new KeptDiscs(library);
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
  const job = jobOf(controller.signal, (progress) => send({ type: "progress", id, progress }));
  jobs.set(id, controller);
  try {
    await ready;
    send({ type: "done", id, value: await act(command, job) });
  } catch (error) {
    send({ type: "failed", id, message: error instanceof Error ? error.message : String(error) });
  } finally {
    jobs.delete(id);
  }
}

async function act(command: DiskCommand, job: Job): Promise<DiskResults[keyof DiskResults]> {
  switch (command.kind) {
    case "list":
      return { disks: await library.list(), discs: await discs.list(), use: await storageUse() };
    case "create":
      await library.create(command.name, command.options);
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
      await library.checkpoint(command.name, command.label);
      return undefined;
    case "go-back":
      await goBack(library, command.name, command.number);
      return undefined;
    case "delete-checkpoint":
      await deleteCheckpoint(library, command.name, command.number, job);
      return undefined;
    case "merge":
      await forgetCheckpoints(library, command.name, job);
      return undefined;
    case "import":
      await importImage(library, command.name, command.file, job);
      return undefined;
    case "export":
      return exportTo(command, job);
    case "keep-disc":
      await discs.keep(command.name, command.file, job);
      return undefined;
    case "insert-disc":
      await discs.setInserted(command.name);
      return undefined;
    case "remove-disc":
      await discs.remove(command.name);
      return undefined;
  }
}

async function exportTo({ name, format, target }: ExportCommand, job: Job): Promise<Blob | undefined> {
  let blob: Blob | undefined;
  const write = async (image: ImageStream): Promise<void> => {
    blob = await writeImage(image, target, job.signal);
  };
  await exportDisk(library, name, format, write, job);
  return blob;
}
