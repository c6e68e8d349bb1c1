const CTRL_A = 0x01;
const LEAVE = "x".charCodeAt(0);

/** Takes Ctrl-A x out of what a person types: the way out of a console that sends every other key to the guest. */
export class EscapeFilter {
  private escaped = false;

  /** The bytes for the guest, and whether the person leaves. After Ctrl-A only x is special; Ctrl-A sends itself. */
  feed(bytes: Uint8Array): { readonly data: Uint8Array; readonly leave: boolean } {
    const data: number[] = [];
    for (const byte of bytes) {
      if (this.escaped) {
        this.escaped = false;
        if (byte === LEAVE) return { data: Uint8Array.from(data), leave: true };
        data.push(...(byte === CTRL_A ? [CTRL_A] : [CTRL_A, byte]));
      } else if (byte === CTRL_A) {
        this.escaped = true;
      } else {
        data.push(byte);
      }
    }
    return { data: Uint8Array.from(data), leave: false };
  }
}
