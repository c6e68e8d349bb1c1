import type { StorageUse } from "../../emulator/storage/block/quota";
import type { LibraryDisk } from "../../emulator/storage/library/disk-library";
import { readable } from "../../emulator/storage/size-text";
import type { JobProgress } from "./protocol";

const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** An error's line as a sentence. */
export function sentence(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/** A moment in milliseconds since 1970, as the user's own places write it. */
export function dateText(moment: number): string {
  return DATE.format(moment);
}

export function factsText({ size, used, checkpoints, format, problem }: LibraryDisk): string {
  if (size === undefined || !format) return `damaged: ${problem ?? "it cannot be read"}`;
  const kind = format.kind === "differencing" ? `differencing on ${format.base}` : format.kind;
  const parts = [readable(size), `${readable(used)} used`, kind, `${format.sectorSize}-byte sectors`];
  if (checkpoints.length > 0)
    parts.push(checkpoints.length === 1 ? "1 checkpoint" : `${checkpoints.length} checkpoints`);
  return parts.join(" · ");
}

export function useText(use: StorageUse | undefined): string {
  if (!use) return "This browser does not say how much it keeps.";
  const kept = `The browser keeps ${readable(use.used)} for this page, of at most ${readable(use.quota)}`;
  return use.persistent
    ? `${kept}.`
    : `${kept}; when the computer's disk is full it may delete all of it: export what counts.`;
}

export function progressText({ step, done, total }: JobProgress): string {
  return `${step}: ${readable(done)} of ${readable(total)}`;
}
