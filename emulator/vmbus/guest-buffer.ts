import type { GuestMemory } from "../cpu/guest-memory";

export const PAGE_SIZE = 4096;

interface Segment {
  readonly gpa: number;
  readonly length: number;
}

/**
 * A range of guest memory given as page numbers, an offset into the first page and a length (GPA_RANGE); checked once,
 * at its making, to lie in guest RAM. Offsets are bytes from the range's start.
 */
export class GuestBuffer {
  readonly length: number;
  private readonly segments: readonly Segment[];

  private constructor(
    private readonly memory: GuestMemory,
    readonly pages: readonly number[],
    readonly byteOffset: number,
    length: number,
  ) {
    this.length = length;
    const segments: Segment[] = [];
    let offset = byteOffset;
    let left = length;
    for (const page of pages) {
      const part = Math.min(PAGE_SIZE - offset, left);
      const last = segments[segments.length - 1];
      if (last && last.gpa + last.length === page + offset) {
        segments[segments.length - 1] = { gpa: last.gpa, length: last.length + part };
      } else {
        segments.push({ gpa: page + offset, length: part });
      }
      left -= part;
      offset = 0;
    }
    this.segments = segments;
  }

  /** How many pages a range touches. */
  static pageCount(byteOffset: number, byteCount: number): number {
    return Math.ceil((byteOffset + byteCount) / PAGE_SIZE);
  }

  /**
   * @param pfns guest page numbers, as many as the range touches
   * @returns undefined if a page lies outside guest RAM or the numbers do not fit together
   */
  static create(
    memory: GuestMemory,
    pfns: readonly bigint[],
    byteOffset: number,
    byteCount: number,
  ): GuestBuffer | undefined {
    if (byteOffset >= PAGE_SIZE || pfns.length !== GuestBuffer.pageCount(byteOffset, byteCount)) return undefined;
    const limit = BigInt(Math.floor(memory.size / PAGE_SIZE));
    const pages: number[] = [];
    for (const pfn of pfns) {
      if (pfn < 0n || pfn >= limit) return undefined;
      pages.push(Number(pfn) * PAGE_SIZE);
    }
    return new GuestBuffer(memory, pages, byteOffset, byteCount);
  }

  /** Fills `target` from `offset`; false, with nothing read, if the range is shorter. */
  read(offset: number, target: Uint8Array): boolean {
    return this.walk(offset, target.length, (gpa, start, end) =>
      this.memory.readInto(gpa, target.subarray(start, end)),
    );
  }

  /** Writes `source` at `offset`; false, with nothing written, if the range is shorter. */
  write(offset: number, source: Uint8Array): boolean {
    return this.walk(offset, source.length, (gpa, start, end) => this.memory.write(gpa, source.subarray(start, end)));
  }

  private walk(offset: number, length: number, visit: (gpa: number, start: number, end: number) => boolean): boolean {
    if (!Number.isInteger(offset) || offset < 0 || offset + length > this.length) return false;
    let done = 0;
    let skip = offset;
    for (const segment of this.segments) {
      if (done === length) break;
      if (skip >= segment.length) {
        skip -= segment.length;
        continue;
      }
      const part = Math.min(segment.length - skip, length - done);
      if (!visit(segment.gpa + skip, done, done + part)) return false;
      done += part;
      skip = 0;
    }
    return done === length;
  }
}

/**
 * Reads `count` GPA_RANGE structures one after another: u32 byte count, u32 byte offset, then u64 page numbers.
 * @returns undefined if they are malformed, longer than `bytes`, or outside guest RAM
 */
export function parseGpaRanges(memory: GuestMemory, bytes: Uint8Array, count: number): GuestBuffer[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ranges: GuestBuffer[] = [];
  let at = 0;
  for (let index = 0; index < count; index++) {
    if (at + 8 > bytes.length) return undefined;
    const byteCount = view.getUint32(at, true);
    const byteOffset = view.getUint32(at + 4, true);
    at += 8;
    if (byteOffset >= PAGE_SIZE) return undefined;
    const pageCount = GuestBuffer.pageCount(byteOffset, byteCount);
    if (at + 8 * pageCount > bytes.length) return undefined;
    const pfns: bigint[] = [];
    for (let page = 0; page < pageCount; page++) pfns.push(view.getBigUint64(at + 8 * page, true));
    at += 8 * pageCount;
    const range = GuestBuffer.create(memory, pfns, byteOffset, byteCount);
    if (!range) return undefined;
    ranges.push(range);
  }
  return ranges;
}
