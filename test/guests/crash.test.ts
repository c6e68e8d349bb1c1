import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createVhdx } from "../../emulator/storage/vhdx/create";
import { openVhdx } from "../../emulator/storage/vhdx/open";
import { CopyStore, CutStore } from "../unit/storage/cut-store";
import { MIB, qemuImgIsThere, randomNumbers } from "../unit/storage/helpers";
import { BootedGuest } from "./booted-guest";
import { checkCrashedDisk, e2fsprogsIsThere } from "./check-disk";
import { CRASH_WORK, CrashConsole } from "./crash-guest";
import { ext4CommandLine, ext4Overlay } from "./ext4-guest";
import { enterpriseLinux6 } from "./guest-names";

/** HYPERTAB_CUTS=2000 for the long test. */
const CUTS = Number(process.env["HYPERTAB_CUTS"] ?? 60);
const DISK_MIB = 24;
/** A guest that takes longer hangs, and is turned off. */
const RUN_MS = 240_000;

/**
 * Guests with a jbd2 from before Linux 3.5, which frees room in its journal without having flushed what it has brought to
 * its place: when the host itself goes down, the medium may then have the one without the other. Their writes are cut
 * off in their order, as they are when the program is killed.
 */
const FORGETS_FLUSHES = ["el6", "centos6"];

interface Acknowledgement {
  readonly operations: number;
  readonly record: number;
}

/** A guest's run on a disk whose store remembers all that was done to it, and what the guest had reported when. */
async function recordRun(
  name: string,
  records: number,
): Promise<{ store: CutStore; acknowledgements: Acknowledgement[] }> {
  const empty = new CopyStore(false);
  await createVhdx(empty, { size: DISK_MIB * MIB, type: "dynamic", blockSize: MIB });
  const store = new CutStore(empty, false);
  const image = await openVhdx(store);
  const guest = await BootedGuest.boot(name, {
    time: "virtual",
    drives: [{ location: { controller: "scsi", lun: 0 }, kind: "disk", image }],
    overlay: await ext4Overlay(name, CRASH_WORK),
    append: ext4CommandLine({ mkfs: 1, round: 1, last: 0, records }),
  });
  const report = new CrashConsole();
  const acknowledgements: Acknowledgement[] = [];
  guest.machine.on("serial", (bytes) => {
    const before = report.acknowledged;
    report.feed(Buffer.from(bytes).toString("latin1"));
    if (report.acknowledged !== before) {
      acknowledgements.push({ operations: store.operations.length, record: report.acknowledged });
    }
  });
  const tooLong = setTimeout(() => guest.turnOff(), RUN_MS);
  await guest.expect("#done#");
  clearTimeout(tooLong);
  guest.turnOff();
  await guest.machine.stopped;
  expect(report.failures).toEqual([]);
  expect(report.acknowledged).toBe(records);
  return { store, acknowledgements };
}

const el6 = await enterpriseLinux6();
const names = ["debian", ...(el6 === undefined ? [] : [el6])];

describe.skipIf(!qemuImgIsThere || !e2fsprogsIsThere).each(names)("a disk that %s writes with fsync", (name) => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "hypertab-crash-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it(
    "keeps every record that was acknowledged, wherever the file's writes are cut off",
    { timeout: 3_600_000 },
    async () => {
      const inOrder = FORGETS_FLUSHES.includes(name);
      const cuts = Math.ceil(CUTS / names.length);
      const { store, acknowledgements } = await recordRun(name, Math.max(40, 2 * Math.ceil(cuts / 8)));
      const first = acknowledgements[0]!.operations;
      const points = store.operations.length - first + 1;
      // Spread over the run, and all of them where that is what it takes.
      const every = Math.max(1, Math.floor(points / cuts));
      let operations = 0;
      let checked = 0;
      const wrong: string[] = [];
      for (const medium of store.media(randomNumbers(1), { inOrder })) {
        if (operations >= first && (operations - first) % every === 0 && checked < cuts) {
          const acknowledged = acknowledgements.findLast((known) => known.operations <= operations)!.record;
          for (const line of await checkCrashedDisk(medium, join(folder, "cut"), 1, acknowledged)) {
            wrong.push(`cut ${operations} of ${store.operations.length}: ${line}`);
          }
          checked++;
        }
        operations++;
      }
      process.stdout.write(
        `${name}: ${checked} cuts of ${points} points, ${acknowledgements.length} records, ${wrong.length} wrong\n`,
      );
      expect(wrong).toEqual([]);
      expect(checked).toBe(cuts);
      // The check would have noticed.
      const [after] = [...store.media(randomNumbers(1))].slice(-1);
      const beyond = acknowledgements.length + 1;
      expect(await checkCrashedDisk(after!, join(folder, "cut"), 1, beyond)).toEqual([
        `record ${beyond} of round 1 is lost`,
      ]);
    },
  );
});
