/** Numbers from a seed, the same on every host: a 32-bit state that is stepped and mixed. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bf03635) >>> 0;
  }

  /** u32 */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** 0 up to `end` less 1. */
  below(end: number): number {
    return this.next() % end;
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  /** A value of `bits` bits, corners of every width more often than chance has them. */
  value(bits: number): bigint {
    const random = (BigInt(this.next()) << 32n) | BigInt(this.next());
    const shift = BigInt(this.below(64));
    switch (this.below(8)) {
      case 0:
        return BigInt.asUintN(bits, 1n << shift);
      case 1:
        return BigInt.asUintN(bits, (1n << shift) - 1n);
      case 2:
        return BigInt.asUintN(bits, -(1n << shift));
      case 3:
        return BigInt.asUintN(bits, random & 0xffn);
      case 4:
        return BigInt.asUintN(bits, BigInt.asIntN(8, random));
      default:
        return BigInt.asUintN(bits, random);
    }
  }
}
