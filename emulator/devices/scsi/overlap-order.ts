import type { BlockRange } from "./block-command";

interface Entry extends BlockRange {
  readonly writes: boolean;
  readonly ended: Promise<unknown>;
}

function conflict(a: Omit<Entry, "ended">, b: Entry): boolean {
  return (a.writes || b.writes) && a.lba < b.lba + b.count && b.lba < a.lba + a.count;
}

/**
 * Keeps requests to the same blocks in the order in which they came, so that their result does not depend on how fast
 * the host is. Others run side by side.
 */
export class OverlapOrder {
  private readonly entries = new Set<Entry>();

  /** Whether a request would wait for none. */
  isFree(range: BlockRange, writes: boolean): boolean {
    if (this.entries.size === 0) return true;
    const request = { ...range, writes };
    for (const entry of this.entries) if (conflict(request, entry)) return false;
    return true;
  }

  /** Runs `action` when every earlier request that it conflicts with has ended. */
  run<T>(range: BlockRange, writes: boolean, action: () => Promise<T>): Promise<T> {
    const request = { ...range, writes };
    const before = [...this.entries].filter((entry) => conflict(request, entry)).map((entry) => entry.ended);
    const result = before.length === 0 ? action() : Promise.all(before).then(action);
    const entry: Entry = {
      ...request,
      ended: result.then(
        () => this.entries.delete(entry),
        () => this.entries.delete(entry),
      ),
    };
    this.entries.add(entry);
    return result;
  }
}
