/** Bytes of a buffer that is kept for later requests; what needs more gets one of its own. */
const BUFFER_SIZE = 512 << 10;
/** Buffers that are kept. */
const KEPT = 8;

/** Host memory for the data of requests, used again: new memory is cleared, and costs more than the copy through it. */
export class TransferBuffers {
  private readonly free: Uint8Array<ArrayBuffer>[] = [];

  /** @returns `length` bytes; what is in them is left from others */
  take(length: number): Uint8Array<ArrayBuffer> {
    if (length > BUFFER_SIZE) return new Uint8Array(length);
    return (this.free.pop() ?? new Uint8Array(BUFFER_SIZE)).subarray(0, length);
  }

  /** Gives back what `take` gave, when nobody reads or writes it any more. */
  give(buffer: Uint8Array<ArrayBuffer>): void {
    if (buffer.buffer.byteLength !== BUFFER_SIZE || this.free.length >= KEPT) return;
    this.free.push(new Uint8Array(buffer.buffer));
  }
}
