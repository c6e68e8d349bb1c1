import type { ScreenRectangle } from "../machine-types";
import type { SurfaceFormat } from "./surface";

/** Collects which pixels of each row changed, as the span from the first to the last one. */
export class ChangedRows {
  private readonly from: Int32Array;
  private readonly to: Int32Array;

  constructor(private readonly format: SurfaceFormat) {
    this.from = new Int32Array(format.height).fill(format.width);
    this.to = new Int32Array(format.height);
  }

  /**
   * Compares two states of a piece of memory.
   * @param start the piece's offset in memory, bytes
   */
  compare(start: number, before: Uint32Array, now: Uint32Array): void {
    const { offset, pitch, height } = this.format;
    const length = now.length * 4;
    const firstRow = Math.max(0, Math.floor((start - offset) / pitch));
    for (let y = firstRow; y < height && offset + y * pitch < start + length; y++) {
      const row = offset + y * pitch - start;
      // A word at a row's end may belong to two rows of 16-bit pixels: both then count as changed.
      let first = Math.max(0, row) >>> 2;
      let end = (Math.min(length, row + pitch) + 3) >>> 2;
      while (first < end && before[first] === now[first]) first++;
      if (first >= end) continue;
      while (before[end - 1] === now[end - 1]) end--;
      this.add(y, first * 4 - row, end * 4 - row);
    }
  }

  /** Neighbouring rows that changed become one rectangle. */
  rectangles(): ScreenRectangle[] {
    const { height, width } = this.format;
    const result: ScreenRectangle[] = [];
    for (let y = 0; y < height; y++) {
      const top = y;
      let left = width;
      let right = 0;
      for (; y < height && this.to[y]! > this.from[y]!; y++) {
        left = Math.min(left, this.from[y]!);
        right = Math.max(right, this.to[y]!);
      }
      if (y > top) result.push({ x: left, y: top, width: right - left, height: y - top });
    }
    return result;
  }

  /** @param first, end bytes from the row's start */
  private add(y: number, first: number, end: number): void {
    const { depth, width } = this.format;
    const pixel = depth / 8;
    const left = Math.max(0, Math.floor(first / pixel));
    const right = Math.min(width, Math.ceil(end / pixel));
    // What lies between a row's end and the next row is no pixel.
    if (left >= right) return;
    this.from[y] = Math.min(this.from[y]!, left);
    this.to[y] = Math.max(this.to[y]!, right);
  }
}
