/** Code at known addresses, with labels for relative jumps. */
export class Assembler {
  private readonly code: number[] = [];
  private readonly labels = new Map<string, number>();
  private readonly fixups: { at: number; size: 1 | 4; label: string }[] = [];

  constructor(readonly address: number) {}

  get here(): number {
    return this.address + this.code.length;
  }

  bytes(...values: number[]): this {
    this.code.push(...values);
    return this;
  }

  u32(value: number): this {
    return this.bytes(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff);
  }

  label(name: string): this {
    this.labels.set(name, this.here);
    return this;
  }

  /** The bytes of a jump's opcode, then the distance to a label in `size` bytes. */
  jump(label: string, size: 1 | 4, ...opcode: number[]): this {
    this.bytes(...opcode);
    this.fixups.push({ at: this.code.length, size, label });
    return size === 4 ? this.u32(0) : this.bytes(0);
  }

  pad(address: number): this {
    while (this.here < address) this.code.push(0x90);
    return this;
  }

  finish(): Uint8Array {
    const result = Uint8Array.from(this.code);
    const view = new DataView(result.buffer);
    for (const { at, size, label } of this.fixups) {
      const target = this.labels.get(label);
      if (target === undefined) throw new Error(`no label ${label}`);
      const distance = target - (this.address + at + size);
      if (size === 4) view.setInt32(at, distance, true);
      else if (distance >= -128 && distance < 128) view.setInt8(at, distance);
      else throw new Error(`${label} is too far`);
    }
    return result;
  }
}
