import type { GuestMemory } from "../cpu/guest-memory";
import type { ScreenRectangle } from "../machine-types";
import { ChangedRows } from "./changed-rows";

const PAGE = 4096;

/** Memory that pixels are read from. Offsets are bytes from its start. */
export interface PixelMemory {
  readonly size: number;
  /** Copies bytes from `offset` on; what is asked for lies within `size`. */
  read(offset: number, target: Uint8Array): void;
  /** False if surely nothing was written since takeWritten(). */
  readonly written: boolean;
  /** Sets `marks[n]` to 1 for each page n of 4096 bytes that may have been written since the last call. */
  takeWritten(marks: Uint8Array): void;
}

/** Pixels in guest RAM, of which nobody notes what was written. */
export class RamPixels implements PixelMemory {
  readonly written = true;

  /** [gpa, gpa + size) lies in RAM. */
  constructor(
    private readonly memory: GuestMemory,
    private readonly gpa: number,
    readonly size: number,
  ) {}

  read(offset: number, target: Uint8Array): void {
    this.memory.readInto(this.gpa + offset, target);
  }

  takeWritten(marks: Uint8Array): void {
    marks.fill(1);
  }
}

/** How a picture lies in memory. */
export interface SurfaceFormat {
  readonly width: number;
  readonly height: number;
  /** Bytes from the memory's start to the first pixel. */
  readonly offset: number;
  /** Bytes from one row to the next. */
  readonly pitch: number;
  /** Bits of a pixel: 16 is RGB 5:6:5, 32 is XRGB 8:8:8:8. */
  readonly depth: 16 | 32;
}

/** Pixels, each way, beyond which a picture is none that anybody could show. */
const DIMENSION_MAX = 4096;

/** True if a picture can be shown: every pixel lies in `size` bytes, at a multiple of its own size. */
export function formatFits(format: SurfaceFormat, size: number): boolean {
  const { width, height, offset, pitch, depth } = format;
  const pixel = depth / 8;
  if (width < 1 || height < 1 || width > DIMENSION_MAX || height > DIMENSION_MAX) return false;
  if (pitch < width * pixel || pitch % pixel !== 0 || offset % pixel !== 0) return false;
  return offset + pitch * (height - 1) + width * pixel <= size;
}

/** A picture in memory: what of it changed, and its pixels. */
export class Surface {
  /** What the picture's pages held when changes were last looked for. */
  private shadow: Uint8Array<ArrayBuffer> | undefined;
  /** By page: 1 if it was written since then. */
  private readonly stale: Uint8Array;
  private readonly page = new Uint8Array(PAGE);
  private readonly pageWords = new Uint32Array(this.page.buffer);
  private whole = true;
  /** The picture's first page, and the one after its last. */
  private readonly firstPage: number;
  private readonly endPage: number;

  /** The format fits the memory. */
  constructor(
    private readonly memory: PixelMemory,
    readonly format: SurfaceFormat,
  ) {
    const { offset, pitch, width, height, depth } = format;
    this.firstPage = offset >>> 12;
    this.endPage = Math.ceil((offset + pitch * (height - 1) + (width * depth) / 8) / PAGE);
    this.stale = new Uint8Array(Math.ceil(memory.size / PAGE));
  }

  /** False if surely no pixel changed since takeChanges(). */
  get mayHaveChanged(): boolean {
    return this.whole || this.memory.written || this.stale.includes(1);
  }

  /**
   * What changed since the last call in what the guest says it painted; at first, everything.
   * @param painted in pixels, within the picture
   */
  takeChanges(painted: readonly ScreenRectangle[]): ScreenRectangle[] {
    const { width, height, offset, pitch, depth } = this.format;
    this.memory.takeWritten(this.stale);
    this.stale.fill(0, 0, this.firstPage).fill(0, this.endPage);
    if (this.whole) this.stale.fill(1, this.firstPage, this.endPage);
    const everything = { x: 0, y: 0, width, height };
    const rows = new ChangedRows(this.format);
    const pixel = depth / 8;
    for (const rectangle of this.whole ? [everything] : painted) {
      for (let y = rectangle.y; y < rectangle.y + rectangle.height; y++) {
        const first = offset + y * pitch + rectangle.x * pixel;
        const last = first + rectangle.width * pixel - 1;
        for (let page = first >>> 12; page <= last >>> 12; page++) if (this.stale[page]) this.compare(page, rows);
      }
    }
    const changes = this.whole ? [everything] : rows.rectangles();
    this.whole = false;
    return changes;
  }

  /** @param rectangle within the picture. @returns RGBA, 4 bytes a pixel, rows without gaps, all opaque */
  readPixels(rectangle: ScreenRectangle): Uint8ClampedArray<ArrayBuffer> {
    const { offset, pitch, depth } = this.format;
    const pixel = depth / 8;
    const row = new Uint8Array(rectangle.width * pixel);
    const result = new Uint32Array(rectangle.width * rectangle.height);
    for (let y = 0; y < rectangle.height; y++) {
      this.memory.read(offset + (rectangle.y + y) * pitch + rectangle.x * pixel, row);
      const target = result.subarray(y * rectangle.width, (y + 1) * rectangle.width);
      if (depth === 32) fromXrgb(new Uint32Array(row.buffer), target);
      else fromRgb565(new Uint16Array(row.buffer), target);
    }
    return new Uint8ClampedArray(result.buffer);
  }

  /** Looks where a page differs from what it was. */
  private compare(page: number, rows: ChangedRows): void {
    this.stale[page] = 0;
    const start = page * PAGE;
    const length = Math.min(PAGE, this.memory.size - start);
    this.memory.read(start, this.page.subarray(0, length));
    this.shadow ??= new Uint8Array(this.stale.length * PAGE);
    const before = new Uint32Array(this.shadow.buffer, start, PAGE / 4);
    rows.compare(start, before, this.pageWords);
    before.set(this.pageWords);
  }
}

// RGBA bytes are ABGR in a little-endian word, as every host of WebAssembly reads it here.

function fromXrgb(source: Uint32Array, target: Uint32Array): void {
  for (let i = 0; i < target.length; i++) {
    const value = source[i]!;
    target[i] = 0xff000000 | ((value & 0xff) << 16) | (value & 0xff00) | ((value >>> 16) & 0xff);
  }
}

function fromRgb565(source: Uint16Array, target: Uint32Array): void {
  for (let i = 0; i < target.length; i++) {
    const value = source[i]!;
    const red = (value >>> 11) & 31;
    const green = (value >>> 5) & 63;
    const blue = value & 31;
    // The upper bits again below: full intensity stays full.
    const wide =
      (((blue << 3) | (blue >>> 2)) << 16) | (((green << 2) | (green >>> 4)) << 8) | (red << 3) | (red >>> 2);
    target[i] = 0xff000000 | wide;
  }
}
