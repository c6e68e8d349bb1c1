// What the page says to the workers about disks: one keeps them all, and the machine's own has those that are attached.
import type { StorageUse } from "../../emulator/storage/block/quota";
import type { LibraryDisk } from "../../emulator/storage/library/disk-library";

export interface DiskOverview {
  readonly disks: readonly LibraryDisk[];
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
  merge: undefined;
  import: undefined;
  /** The file, where none was given to write to. */
  export: Blob | undefined;
}

export type DiskCommand =
  | { readonly kind: "list" }
  | { readonly kind: "create" | "resize"; readonly name: string; readonly size: number }
  | {
      readonly kind: "remove" | "attach" | "detach" | "checkpoint" | "go-back" | "merge";
      readonly name: string;
    }
  | { readonly kind: "import"; readonly name: string; readonly file: File }
  | { readonly kind: "export"; readonly name: string; readonly target: FileSystemFileHandle | undefined };

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

/** What a machine's worker does with its drives while the machine is on. */
export type DriveCommand =
  | { readonly kind: "attach" | "detach" | "checkpoint"; readonly name: string }
  | { readonly kind: "resize"; readonly name: string; readonly size: number }
  | { readonly kind: "insert"; readonly disc: File }
  /** With `force`, whatever the guest does with the disc. */
  | { readonly kind: "eject"; readonly force: boolean };

export interface DriveStatus {
  readonly disks: readonly { readonly name: string; readonly lun: number; readonly size: number }[];
  /** The name of the disc in the DVD drive. */
  readonly disc: string | undefined;
}
