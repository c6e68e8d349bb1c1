import type { Command, CreateRequest, PageMessage, WorkerMessage } from "./protocol";

/** The page's side of one machine: a worker that makes it, runs it and ends with it. */
export class MachineClient {
  private readonly worker = new Worker(new URL("./machine-worker.ts", import.meta.url), { type: "module" });

  constructor(request: Omit<CreateRequest, "type">, onMessage: (message: WorkerMessage) => void) {
    this.worker.addEventListener("message", ({ data }: MessageEvent<WorkerMessage>) => onMessage(data));
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

  /** Ends the worker, and the machine with it, at once. */
  dispose(): void {
    this.worker.terminate();
  }

  private post(message: PageMessage): void {
    this.worker.postMessage(message);
  }
}
