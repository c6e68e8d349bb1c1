import { ConfigurationError } from "../../machine-types";

const NAME_MAX = 60;
/** No user's disk has a "/" in its name: what has one belongs to a disk, or to work that is under way. */
const TEMPORARY = "temporary/";
const CHECKPOINT = "/checkpoint-";

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
  return file.startsWith(TEMPORARY);
}

/** Checkpoints count from 1; each is the parent of the next, and the last one the parent of the disk. */
export function checkpointName(disk: string, number: number): string {
  return `${disk}${CHECKPOINT}${number}`;
}

/** A disk's checkpoints among all files, in their order. */
export function checkpointsAmong(files: readonly string[], disk: string): string[] {
  const prefix = `${disk}${CHECKPOINT}`;
  const numbers = files.flatMap((file) => (file.startsWith(prefix) ? [Number(file.slice(prefix.length))] : []));
  return numbers.sort((a, b) => a - b).map((number) => checkpointName(disk, number));
}
