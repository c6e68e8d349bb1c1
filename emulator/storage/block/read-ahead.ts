/** Notices that reads follow one another, and says what to read before it is asked for. All in chunks. */
export class ReadAhead {
  /** What a sequential reader asks for next. */
  private next = -1;
  /** How far was read for it. */
  private until = 0;

  /**
   * Chunks `first` to `last` are being read.
   * @param reach how far to read ahead
   * @param end the chunk where the store ends
   * @returns the chunks to fetch now, one after the other
   */
  after(first: number, last: number, reach: number, end: number): number[] {
    const sequential = first === this.next || first === this.next - 1;
    this.next = last + 1;
    if (!sequential || reach === 0) {
      this.until = last + 1;
      return [];
    }
    // Half of it is left: time for the next half.
    if (last + (reach >>> 1) < this.until) return [];
    const until = Math.min(last + 1 + reach, end);
    const from = Math.max(this.until, last + 1);
    this.until = Math.max(this.until, until);
    return numbers(from, until - 1);
  }
}

/** The numbers from `first` to `last`; none if `last` is less. */
export function numbers(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}
