import type { DiskJob, DriveCommand, JobProgress } from "./disks/protocol";
import type { Command, CreateRequest, PageMessage, WorkerMessage } from "./protocol";

interface Caller {
  resolve(file: Blob | undefined): void;
  reject(error: Error): void;
  readonly progress: ((progress: JobProgress) => void) | undefined;
}

/** The page's side of one machine: a worker that makes it, runs it and ends with it. */
export class MachineClient {
  private readonly worker = new Worker(new URL("./machine-worker.ts", import.meta.url), { type: "module" });
  private readonly waiting = new Map<number, Caller>();
  private lastId = 0;

  constructor(request: Omit<CreateRequest, "type">, onMessage: (message: WorkerMessage) => void) {
    this.worker.addEventListener("message", ({ data }: MessageEvent<WorkerMessage>) => {
      if (data.type === "drive-done") this.settle(data.id, data.error, data.file);
      else if (data.type === "drive-progress") this.waiting.get(data.id)?.progress?.(data.progress);
      else onMessage(data);
    });
    this.worker.addEventListener("error", (event) => {
      event.preventDefault();
      onMessage({
        type: "error",
        message: event.message || "The machine's worker did not load",
        advice: "Reload the page to start afresh.",
      });
    });
    this.post({ type: "create", ...request });
  }

  command(command: Command): void {
    this.post({ type: "command", command });
  }

  input(data: Uint8Array): void {
    this.post({ type: "input", data });
  }

  /** Does something with the machine's drives; rejects with one line that says why it cannot be done. */
  async drive(command: DriveCommand): Promise<void> {
    await this.startDrive(command).result;
  }

  /** The same for work that takes its time; it results in the file, where one was exported that the browser keeps. */
  startDrive(command: DriveCommand, progress?: (progress: JobProgress) => void): DiskJob<Blob | undefined> {
    const id = ++this.lastId;
    const result = new Promise<Blob | undefined>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject, progress });
    });
    this.post({ type: "drive", id, command });
    return { result, cancel: () => this.post({ type: "cancel-drive", id }) };
  }

  /** Ends the worker, and the machine with it, at once. */
  dispose(): void {
    this.worker.terminate();
    for (const id of [...this.waiting.keys()]) this.settle(id, "the machine was turned off before that was done");
  }

  private settle(id: number, error: string | undefined, file?: Blob): void {
    const caller = this.waiting.get(id);
    this.waiting.delete(id);
    if (error === undefined) caller?.resolve(file);
    else caller?.reject(new Error(error));
  }

  private post(message: PageMessage): void {
    this.worker.postMessage(message);
  }
}
