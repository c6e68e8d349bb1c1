// What the page and the machine's worker say to each other. The page sends input and paints; the worker does the rest.
import type {
  ChannelStatus,
  MachineState,
  MachineStatistics,
  MachineStatus,
  StopReason,
} from "../emulator/machine-types";
import type { DriveCommand, DriveStatus, JobProgress } from "./disks/protocol";

/** What to boot: addresses that the worker fetches. */
export interface GuestAddress {
  /** Answers with a GuestDescription, or with a failure and `{ error }`; the server gets the guest first if it must. */
  readonly description: string;
  readonly kernel: string;
  readonly initrd: string;
}

export interface GuestDescription {
  readonly name: string;
  readonly commandLine: string;
}

export interface CreateRequest {
  readonly type: "create";
  readonly guest: GuestAddress;
  readonly memoryMiB: number;
  /** Added to the guest's own kernel command line. */
  readonly extraCommandLine: string;
  /** An ISO image that is in the DVD drive from the beginning, in place of the one that the browser keeps there. */
  readonly disc: File | undefined;
}

export type Command = "pause" | "resume" | "reset" | "shut-down" | "turn-off";

export type PageMessage =
  | CreateRequest
  | { readonly type: "command"; readonly command: Command }
  | { readonly type: "input"; readonly data: Uint8Array }
  /** Answered by one "drive-done" with the same id. */
  | { readonly type: "drive"; readonly id: number; readonly command: DriveCommand }
  | { readonly type: "cancel-drive"; readonly id: number };

export type WorkerMessage =
  /** The machine is being made; `text` says what is going on. */
  | { readonly type: "progress"; readonly text: string }
  | { readonly type: "serial"; readonly data: Uint8Array }
  | { readonly type: "state"; readonly state: MachineState }
  | { readonly type: "reset" }
  | { readonly type: "channels"; readonly channels: readonly ChannelStatus[] }
  | {
      readonly type: "status";
      readonly status: MachineStatus;
      readonly statistics: MachineStatistics;
      readonly instructionsPerSecond: number;
    }
  | { readonly type: "drives"; readonly drives: DriveStatus }
  /** A disk that the machine should have, and starts without. */
  | { readonly type: "drive-missing"; readonly name: string; readonly message: string }
  | { readonly type: "drive-progress"; readonly id: number; readonly progress: JobProgress }
  /** With the file, where one was exported that the browser keeps. */
  | {
      readonly type: "drive-done";
      readonly id: number;
      readonly error: string | undefined;
      readonly file: Blob | undefined;
    }
  | { readonly type: "log"; readonly source: string; readonly message: string }
  /** The guest cannot be asked to shut down: it has not connected the integration component. */
  | { readonly type: "shut-down-refused" }
  | { readonly type: "stopped"; readonly reason: StopReason }
  /** The machine could not be made; `advice` says what to do next. */
  | { readonly type: "error"; readonly message: string; readonly advice: string };
