import { type Progress } from "../copy-disk";

/** Work that takes its time. */
export interface Job {
  /** Ends the work; nothing of it is left. */
  readonly signal: AbortSignal;
  /** What is being done, and how many bytes of it are done of all. */
  progress(step: string, done: number, total: number): void;
}

/** Reports one step of a job, and ends it once it is cancelled. */
export function progressOf({ signal, progress }: Job, step: string): Progress {
  return (done, total) => {
    signal.throwIfAborted();
    progress(step, done, total);
  };
}
