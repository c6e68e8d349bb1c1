import type { MachineClient } from "../machine-client";
import type { DiskClient } from "./disk-client";
import type { DiskJob, DriveStatus, JobProgress } from "./protocol";

/** What the parts of the panel have in common. */
export interface PanelServices {
  readonly client: DiskClient;
  /** The page's machine, being made or on. */
  readonly machine: MachineClient | undefined;
  /** Where the page's machine has the disk. */
  inMachine(name: string): DriveStatus["disks"][number] | undefined;
  /** Does something, says how that went, and shows what has changed. */
  run(action: () => Promise<string | undefined>): Promise<void>;
  /** The same for long work: one at a time, with a line that shows how far it is. @returns undefined when it failed */
  runJob<Result>(
    name: string,
    news: string,
    start: (progress: (progress: JobProgress) => void) => DiskJob<Result>,
  ): Promise<Result | undefined>;
  /** Says what went wrong. */
  complain(error: unknown): void;
}
