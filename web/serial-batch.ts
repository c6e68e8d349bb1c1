import { concatenate } from "./concatenate";

/** Gathers what the guest writes during one run of the event loop, so that it makes one message and not one a byte. */
export class SerialBatch {
  private pieces: Uint8Array[] = [];
  private length = 0;

  constructor(private readonly deliver: (data: Uint8Array<ArrayBuffer>) => void) {}

  add(bytes: Uint8Array): void {
    if (this.length === 0) queueMicrotask(() => this.flush());
    // A copy: the machine may use its buffer again before the batch goes.
    this.pieces.push(bytes.slice());
    this.length += bytes.length;
  }

  flush(): void {
    if (this.length === 0) return;
    const data = concatenate(this.pieces, this.length);
    this.pieces = [];
    this.length = 0;
    this.deliver(data);
  }
}
