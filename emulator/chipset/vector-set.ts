/** A set of interrupt vectors as the local APIC keeps them: 256 bits in eight 32-bit words (IRR, ISR, TMR). */
export class VectorSet {
  private readonly words = new Uint32Array(8);

  add(vector: number): void {
    this.words[vector >>> 5] = (this.words[vector >>> 5] as number) | (1 << (vector & 31));
  }

  remove(vector: number): void {
    this.words[vector >>> 5] = (this.words[vector >>> 5] as number) & ~(1 << (vector & 31));
  }

  assign(vector: number, present: boolean): void {
    if (present) this.add(vector);
    else this.remove(vector);
  }

  has(vector: number): boolean {
    return (((this.words[vector >>> 5] as number) >>> (vector & 31)) & 1) !== 0;
  }

  /** The highest vector in the set, -1 if it is empty. */
  highest(): number {
    for (let i = 7; i >= 0; i--) {
      const word = this.words[i] as number;
      if (word !== 0) return i * 32 + 31 - Math.clz32(word);
    }
    return -1;
  }

  word(index: number): number {
    return this.words[index] as number;
  }

  clearAll(): void {
    this.words.fill(0);
  }
}
