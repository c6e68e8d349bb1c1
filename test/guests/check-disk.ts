import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, openSync, closeSync, ftruncateSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { BlockStore } from "../../emulator/storage/block/block-store";
import { checkVhdx } from "../../emulator/storage/vhdx/check";
import { openVhdx } from "../../emulator/storage/vhdx/open";
import { isZero } from "../../emulator/storage/zeros";
import { qemuCheck, SOUND } from "../unit/storage/helpers";
import { fileRecords, recordFile, recordLog } from "./crash-guest";

const PIECE = 64 << 10;

export const e2fsprogsIsThere = existsSync("/usr/sbin/e2fsck") && existsSync("/usr/sbin/debugfs");

/** Writes what `read` gives to a file with holes where it is zeros. */
async function writeSparse(
  path: string,
  size: number,
  read: (offset: number, target: Uint8Array) => Promise<void>,
): Promise<void> {
  const file = openSync(path, "w");
  ftruncateSync(file, size);
  for (let at = 0; at < size; at += PIECE) {
    const piece = new Uint8Array(Math.min(PIECE, size - at));
    await read(at, piece);
    if (!isZero(piece)) writeSync(file, piece, 0, piece.length, at);
  }
  closeSync(file);
}

function run(program: string, ...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  return { status, output: stdout + stderr };
}

/**
 * Looks at a VHDX file that was cut off while a guest did CRASH_WORK: replays its log by our code, has qemu-img look at
 * the file, e2fsck at the file system, and sees that all records up to `last` are there.
 * @param store writable; it is closed
 * @param folder for files, emptied before
 * @returns what is wrong, one line each
 */
export async function checkCrashedDisk(
  store: BlockStore,
  folder: string,
  round: number,
  last: number,
): Promise<string[]> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const [vhdx, raw, files] = ["disk.vhdx", "disk.img", "files"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const wrong: string[] = [];
  const disk = await openVhdx(store);
  await writeSparse(raw, disk.size, (offset, target) => disk.read(offset / disk.sectorSize, target));
  wrong.push(...(await checkVhdx(store)).errors);
  await writeSparse(vhdx, store.size, (offset, target) => store.read(offset, target));
  await disk.close();
  const image = qemuCheck(vhdx);
  if (image.status !== SOUND.status || image.output !== SOUND.output) wrong.push(`qemu-img check: ${image.output}`);

  // As the kernel's mount would: the journal, and files that were deleted while open; no more than that is repaired.
  const settled = run("/usr/sbin/e2fsck", "-fp", raw);
  if (settled.status !== 0 && settled.status !== 1) wrong.push(`e2fsck -fp: ${settled.output}`);
  const sound = run("/usr/sbin/e2fsck", "-fn", raw);
  if (sound.status !== 0) wrong.push(`e2fsck -fn: ${sound.output}`);
  mkdirSync(files);
  run("/usr/sbin/debugfs", "-R", `rdump /${round} ${files}`, raw);
  const content = (name: string): string => {
    const path = join(files, String(round), name);
    return existsSync(path) ? readFileSync(path, "latin1") : "nothing";
  };
  for (const number of fileRecords(last)) {
    if (content(String(number)) !== recordFile(round, number)) wrong.push(`record ${number} of round ${round} is lost`);
  }
  if (last > 1 && !content("log").startsWith(recordLog(round, last))) wrong.push(`round ${round}: the log is lost`);
  return wrong;
}
