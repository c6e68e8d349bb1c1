import { ConfigurationError } from "../../machine-types";

const NAME_MAX = 60;
/** No user's disk has a "/" in its name: what has one belongs to a disk, or to work that is under way. */
const TEMPORARY = "temporary/";
/** Whole, for a disk may be called "temporary" and have checkpoints. */
const TEMPORARY_NAME = /^temporary\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const CHECKPOINT = "/checkpoint-";
/** Before it no disk has a name, so that no disk's checkpoint is taken for a disc. */
const DISC = "/disc/";

/** Throws ConfigurationError for what cannot name a disk. */
export function verifyName(name: string): void {
  const good = name.length > 0 && name.length <= NAME_MAX && name === name.trim() && !/[\p{C}/\\]/u.test(name);
  if (good) return;
  throw new ConfigurationError(
    `a disk's name must have 1 to ${NAME_MAX} characters, no slashes, and no space at its ends; choose another one`,
  );
}

/** A name for a disk, from that of the file which it comes from. */
export function nameFromFile(file: string): string {
  const stem = file.replace(/\.[^.]{1,8}$/, "");
  const clean = stem
    .replace(/[\p{C}/\\]/gu, " ")
    .trim()
    .slice(0, NAME_MAX)
    .trim();
  return clean || "disk";
}

export function isUserName(file: string): boolean {
  return !file.includes("/");
}

/** A file that work is under way on; it gets its name when it is whole. */
export function newTemporaryName(): string {
  return `${TEMPORARY}${crypto.randomUUID()}`;
}

export function isTemporaryName(file: string): boolean {
  return TEMPORARY_NAME.test(file);
}

/** Checkpoints count from 1; each is the parent of the next, and the last one the parent of the disk. */
export function checkpointName(disk: string, number: number): string {
  return `${disk}${CHECKPOINT}${number}`;
}

/** The numbers of a disk's checkpoints among all files, in their order. Some may be missing: they were deleted. */
export function checkpointNumbers(files: readonly string[], disk: string): number[] {
  const prefix = `${disk}${CHECKPOINT}`;
  const numbers = files.flatMap((file) => (file.startsWith(prefix) ? [Number(file.slice(prefix.length))] : []));
  return numbers.filter((number) => Number.isSafeInteger(number) && number > 0).sort((a, b) => a - b);
}

/** A disk's checkpoints among all files, in their order. */
export function checkpointsAmong(files: readonly string[], disk: string): string[] {
  return checkpointNumbers(files, disk).map((number) => checkpointName(disk, number));
}

/** What a user calls a checkpoint, as one line that is not too long; without one, its number. */
export function checkpointLabel(text: unknown, number: number): string {
  const label = typeof text === "string" ? text.replace(/\p{C}/gu, " ").trim().slice(0, NAME_MAX).trim() : "";
  return label || `Checkpoint ${number}`;
}

/** The file of a disc that the browser keeps. */
export function discFile(disc: string): string {
  return `${DISC}${disc}`;
}

/** The disc's name, of its file's; undefined for other files. */
export function discOf(file: string): string | undefined {
  return file.startsWith(DISC) ? file.slice(DISC.length) : undefined;
}

/** A disc's name, from that of the file which it comes from. */
export function discName(file: string): string {
  return (
    file
      .replace(/[\p{C}/\\]/gu, " ")
      .trim()
      .slice(0, NAME_MAX)
      .trim() || "disc.iso"
  );
}
