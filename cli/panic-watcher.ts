const NEEDLE = new TextEncoder().encode("Kernel panic - not syncing");

/** Finds Linux's panic message in a serial console's bytes, however they are cut into pieces. */
export class PanicWatcher {
  private matched = 0;
  /** Whether the message has been seen. */
  seen = false;

  feed(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (this.seen) return;
      // The message's first letter stands nowhere else in it, so a failed match can only begin again at this byte.
      if (byte === NEEDLE[this.matched]) this.matched++;
      else this.matched = byte === NEEDLE[0] ? 1 : 0;
      if (this.matched === NEEDLE.length) this.seen = true;
    }
  }
}
