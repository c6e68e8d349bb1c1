// What the page says to the workers about disks: one keeps them all, and the machine's own has those that are attached.
import type { StorageUse } from "../../emulator/storage/block/quota";
import type { LibraryDisk } from "../../emulator/storage/library/disk-library";
import type { ExportFormat } from "../../emulator/storage/library/export-disk";
import type { KeptDisc } from "../../emulator/storage/library/kept-discs";
import type { CreateOptions } from "../../emulator/storage/vhdx/create";

export interface DiskOverview {
  readonly disks: readonly LibraryDisk[];
  readonly discs: readonly KeptDisc[];
  /** Undefined where the browser does not say. */
  readonly use: StorageUse | undefined;
}

/** What the disks' worker does, and what each of it results in. Sizes are in bytes. */
export interface DiskResults {
  list: DiskOverview;
  create: undefined;
  remove: undefined;
  attach: undefined;
  detach: undefined;
  resize: undefined;
  checkpoint: undefined;
  "go-back": undefined;
  "delete-checkpoint": undefined;
  merge: undefined;
  import: undefined;
  /** The file, where none was given to write to. */
  export: Blob | undefined;
  "keep-disc": undefined;
  "insert-disc": undefined;
  "remove-disc": undefined;
}

export interface ExportCommand {
  readonly kind: "export";
  readonly name: string;
  readonly format: ExportFormat;
  readonly target: FileSystemFileHandle | undefined;
}

/** Gives up one state to go back to. */
export interface DeleteCheckpointCommand {
  readonly kind: "delete-checkpoint";
  readonly name: string;
  readonly number: number;
}

export type DiskCommand =
  | { readonly kind: "list" }
  | { readonly kind: "create"; readonly name: string; readonly options: CreateOptions }
  | { readonly kind: "resize"; readonly name: string; readonly size: number }
  | { readonly kind: "remove" | "attach" | "detach" | "merge" | "remove-disc"; readonly name: string }
  | { readonly kind: "checkpoint"; readonly name: string; readonly label: string }
  | { readonly kind: "go-back"; readonly name: string; readonly number: number }
  | { readonly kind: "import" | "keep-disc"; readonly name: string; readonly file: File }
  /** Which of the discs that the browser keeps is in the drive from now on; undefined for none of them. */
  | { readonly kind: "insert-disc"; readonly name: string | undefined }
  | DeleteCheckpointCommand
  | ExportCommand;

export type DiskPageMessage =
  | { readonly type: "do"; readonly id: number; readonly command: DiskCommand }
  | { readonly type: "cancel"; readonly id: number };

export interface JobProgress {
  readonly step: string;
  /** Bytes that are done, of all. */
  readonly done: number;
  readonly total: number;
}

export type DiskWorkerMessage =
  | { readonly type: "progress"; readonly id: number; readonly progress: JobProgress }
  | { readonly type: "done"; readonly id: number; readonly value: DiskResults[keyof DiskResults] }
  | { readonly type: "failed"; readonly id: number; readonly message: string };

/** Work that is under way. */
export interface DiskJob<Result> {
  /** Rejects with one line that says why it cannot be done. */
  readonly result: Promise<Result>;
  cancel(): void;
}

/** An ISO image for the DVD drive: of the user's computer, or one that the browser keeps. */
export type Disc =
  | { readonly kind: "file"; readonly name: string; readonly file: File }
  | { readonly kind: "kept"; readonly name: string };

/** What a machine's worker does with its drives while the machine is on. */
export type DriveCommand =
  | { readonly kind: "attach" | "detach"; readonly name: string }
  | { readonly kind: "checkpoint"; readonly name: string; readonly label: string }
  | { readonly kind: "resize"; readonly name: string; readonly size: number }
  | { readonly kind: "insert"; readonly disc: Disc }
  /** With `force`, whatever the guest does with the disc. */
  | { readonly kind: "eject"; readonly force: boolean }
  | DriveWork;

/** What takes its time, and keeps no other command waiting. */
export type DriveWork = DeleteCheckpointCommand | ExportCommand;

export interface DriveStatus {
  readonly disks: readonly { readonly name: string; readonly lun: number; readonly size: number }[];
  /** The name of the disc in the DVD drive. */
  readonly disc: string | undefined;
}
