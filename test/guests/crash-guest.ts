import { createHash } from "node:crypto";

/** Bytes of a record in the log of a round. */
const LOG_RECORD = 512;

/**
 * What a guest does with its disk, in rounds: a record with an odd number is a file of its own, the others are appended
 * to the round's log, and each is reported on the console when its fsync has returned.
 *
 * Before that it looks at the round before, which was cut off: prints the hashes of what is there of its records up to
 * `last`, then has the file system checked, without any repair. Journal and orphans were settled by the mount.
 */
export const CRASH_WORK = `
before=/disk/$((round - 1))
if [ $round -gt 1 ]; then
  sha256sum $before/[0-9]* | sed "s|^\\([0-9a-f]*\\) .*/|#hash \\1 |; s|$|#|"
  head -c $((last / 2 * ${LOG_RECORD})) $before/log | sha256sum | sed 's|^\\([0-9a-f]*\\) .*|#hash \\1 log#|'
  umount /disk
  /sbin/e2fsck -fn /dev/sda >/tmp/fsck 2>&1
  status=$?
  [ $status = 0 ] || cat /tmp/fsck
  echo "#checked $status#"
  mount_disk
fi
here=/disk/$round
mkdir $here
rm -rf /disk/$((round - 2))
n=0
while [ $n -lt $records ]; do
  n=$((n + 1))
  if [ $((n % 2)) = 0 ]; then
    printf '%-${LOG_RECORD - 1}s\\n' "record $round $n" |
      dd of=$here/log bs=${LOG_RECORD} seek=$((n / 2 - 1)) conv=notrunc,fsync 2>/dev/null
  else
    printf "%-$((100 + n * 613 % 9000))s\\n" "record $round $n" | dd of=$here/$n bs=64k conv=fsync 2>/dev/null
  fi && echo "#record $round $n#" || echo "#failed: record $round $n#"
done
echo '#done#'
while true; do sleep 1000; done
`;

/** The content of the file of a record with an odd number. */
export function recordFile(round: number, number: number): string {
  return `${`record ${round} ${number}`.padEnd(100 + ((number * 613) % 9000))}\n`;
}

/** A round's log up to a record. */
export function recordLog(round: number, last: number): string {
  let log = "";
  for (let number = 2; number <= last; number += 2) log += `${`record ${round} ${number}`.padEnd(LOG_RECORD - 1)}\n`;
  return log;
}

/** The numbers of a round's odd records up to `last`. */
export function fileRecords(last: number): number[] {
  return Array.from({ length: Math.ceil(last / 2) }, (_, index) => 2 * index + 1);
}

/** What CRASH_WORK says about itself, read from the console. */
export class CrashConsole {
  private rest = "";
  /** The console's last text. */
  recent = "";
  /** The last record of this round that the guest was told is on the disk. */
  acknowledged = 0;
  /** Exit status of the check of the round before; undefined until it is there. */
  checked: number | undefined;
  done = false;
  readonly failures: string[] = [];
  private readonly hashes = new Map<string, string>();

  feed(text: string): void {
    this.rest += text;
    this.recent = (this.recent + text).slice(-3000);
    const pattern = /#(record|hash|checked|failed|done)([^#\n]*)#/g;
    let end = 0;
    for (let match = pattern.exec(this.rest); match; match = pattern.exec(this.rest)) {
      const [, kind, values] = match;
      const words = values!.trim().split(" ");
      if (kind === "record") this.acknowledged = Number(words[1]);
      else if (kind === "hash") this.hashes.set(words[1]!, words[0]!);
      else if (kind === "checked") this.checked = Number(words[0]);
      else if (kind === "failed") this.failures.push(match[0]);
      else this.done = true;
      end = pattern.lastIndex;
    }
    this.rest = this.rest.slice(end);
  }

  /** The records of a round up to `last` that the guest did not find as they must be. */
  missing(round: number, last: number): string[] {
    const wanted = fileRecords(last).map((number) => [String(number), recordFile(round, number)] as const);
    return [...wanted, ["log", recordLog(round, last)] as const]
      .filter(([name, content]) => this.hashes.get(name) !== createHash("sha256").update(content).digest("hex"))
      .map(([name]) => name);
  }
}
