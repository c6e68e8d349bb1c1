import type { DiskCommand, DiskJob, DiskPageMessage, DiskResults, DiskWorkerMessage, JobProgress } from "./protocol";

interface Caller {
  resolve(value: never): void;
  reject(error: Error): void;
  progress: ((progress: JobProgress) => void) | undefined;
}

/** The page's side of the worker that keeps the disks. */
export class DiskClient {
  private readonly worker = new Worker(new URL("./disk-worker.ts", import.meta.url), { type: "module" });
  private readonly callers = new Map<number, Caller>();
  private lastId = 0;

  constructor() {
    this.worker.addEventListener("message", ({ data }: MessageEvent<DiskWorkerMessage>) => this.receive(data));
    this.worker.addEventListener("error", (event) => {
      event.preventDefault();
      const message = `${event.message || "the disks' worker did not load"}; reload the page`;
      for (const { reject } of this.callers.values()) reject(new Error(message));
      this.callers.clear();
    });
  }

  start<Command extends DiskCommand>(
    command: Command,
    progress?: (progress: JobProgress) => void,
  ): DiskJob<DiskResults[Command["kind"]]> {
    const id = ++this.lastId;
    const result = new Promise<DiskResults[Command["kind"]]>((resolve, reject) => {
      this.callers.set(id, { resolve, reject, progress });
    });
    this.post({ type: "do", id, command });
    return { result, cancel: () => this.post({ type: "cancel", id }) };
  }

  do<Command extends DiskCommand>(command: Command): Promise<DiskResults[Command["kind"]]> {
    return this.start(command).result;
  }

  private post(message: DiskPageMessage): void {
    this.worker.postMessage(message);
  }

  private receive(message: DiskWorkerMessage): void {
    const caller = this.callers.get(message.id);
    if (message.type === "progress") {
      caller?.progress?.(message.progress);
      return;
    }
    this.callers.delete(message.id);
    if (message.type === "done") caller?.resolve(message.value as never);
    else caller?.reject(new Error(message.message));
  }
}
