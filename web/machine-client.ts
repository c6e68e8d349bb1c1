import type { DriveCommand } from "./disks/protocol";
import type { Command, CreateRequest, PageMessage, WorkerMessage } from "./protocol";

/** The page's side of one machine: a worker that makes it, runs it and ends with it. */
export class MachineClient {
  private readonly worker = new Worker(new URL("./machine-worker.ts", import.meta.url), { type: "module" });
  private readonly waiting = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();
  private lastId = 0;

  constructor(request: Omit<CreateRequest, "type">, onMessage: (message: WorkerMessage) => void) {
    this.worker.addEventListener("message", ({ data }: MessageEvent<WorkerMessage>) => {
      if (data.type === "drive-done") this.settle(data.id, data.error);
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
  drive(command: DriveCommand): Promise<void> {
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.post({ type: "drive", id, command });
    });
  }

  /** Ends the worker, and the machine with it, at once. */
  dispose(): void {
    this.worker.terminate();
    for (const id of [...this.waiting.keys()]) this.settle(id, "the machine was turned off before that was done");
  }

  private settle(id: number, error: string | undefined): void {
    const caller = this.waiting.get(id);
    this.waiting.delete(id);
    if (error === undefined) caller?.resolve();
    else caller?.reject(new Error(error));
  }

  private post(message: PageMessage): void {
    this.worker.postMessage(message);
  }
}
