import type { KeyEvent } from "./scan-codes";

/** More than there are keys, so that each one's release has room. */
const LIMIT = 160;

/**
 * Key events that wait for a guest to read them. When there are too many, the oldest are dropped; but only that a key
 * went down is ever lost, never that it came up: a guest that wakes up late must not see keys held for ever.
 */
export class KeyEventQueue {
  private readonly events: KeyEvent[] = [];

  get length(): number {
    return this.events.length;
  }

  push(event: KeyEvent): void {
    this.events.push(event);
    if (this.events.length > LIMIT) this.dropOldestPress();
  }

  shift(): KeyEvent | undefined {
    return this.events.shift();
  }

  clear(): void {
    this.events.length = 0;
  }

  private dropOldestPress(): void {
    const { events } = this;
    // There is one: of each key there is at most one release that no press follows, and the limit is above the keys.
    const at = Math.max(
      events.findIndex(({ release }) => !release),
      0,
    );
    const key = events.splice(at, 1)[0]?.key;
    const before = events.findLastIndex((other, index) => index < at && other.key === key);
    const after = events.find((other, index) => index >= at && other.key === key);
    // It came up before and after: once is enough.
    if (before >= 0 && after?.release) events.splice(before, 1);
  }
}
