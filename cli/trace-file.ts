import { closeSync, openSync, writeSync } from "node:fs";
import { oneLine, UsageError } from "./errors";

/** Bytes that are gathered before they are written. */
const BUFFER_SIZE = 64 << 10;

/**
 * A file that grows by whole blocks and is never left with half a one, except by a full disk. It is written as it goes,
 * from a buffer of bounded size.
 */
export class TraceFile {
  private readonly buffer = Buffer.alloc(BUFFER_SIZE);
  private used = 0;
  private descriptor: number | undefined;

  /**
   * @param onFailure gets one line when the file cannot be written further; it is closed then
   * @throws UsageError if the file cannot be made
   */
  constructor(
    option: string,
    private readonly path: string,
    private readonly onFailure: (line: string) => void,
  ) {
    try {
      this.descriptor = openSync(path, "w");
    } catch (error) {
      throw new UsageError(`${option} ${path} cannot be written: ${oneLine(error)}`);
    }
  }

  /** False after a failure or close(). */
  get isOpen(): boolean {
    return this.descriptor !== undefined;
  }

  write(block: Uint8Array): void {
    if (this.used + block.length > BUFFER_SIZE) this.flush();
    if (block.length > BUFFER_SIZE) {
      this.writeAll(block);
      return;
    }
    this.buffer.set(block, this.used);
    this.used += block.length;
  }

  flush(): void {
    const { used } = this;
    this.used = 0;
    this.writeAll(this.buffer.subarray(0, used));
  }

  close(): void {
    this.flush();
    if (this.descriptor !== undefined) closeSync(this.descriptor);
    this.descriptor = undefined;
  }

  private writeAll(bytes: Uint8Array): void {
    try {
      for (let done = 0; this.descriptor !== undefined && done < bytes.length;) {
        done += writeSync(this.descriptor, bytes, done);
      }
    } catch (error) {
      const { descriptor } = this;
      this.descriptor = undefined;
      if (descriptor !== undefined) closeSync(descriptor);
      this.onFailure(`${this.path} cannot be written any more: ${oneLine(error)}; the run goes on without it`);
    }
  }
}
