import { PAGE_CODE, RAM_BASE } from "../../assembly/state";

/**
 * Guest RAM as the host sees it: every access is by guest physical address (GPA) and checked. Addresses and lengths
 * come from guests, so an access outside RAM is an answer (undefined, false), never an exception.
 * A GPA is a number: exact up to 2^53.
 */
export class GuestMemory {
  readonly size: number;
  private readonly bytes: Uint8Array<ArrayBuffer>;
  private readonly view: DataView;
  private readonly codeMap: BigUint64Array;

  /**
   * @param memory the core's linear memory
   * @param size bytes of guest RAM, a multiple of 4096, from guest physical address 0
   * @param invalidateCode tells the core that host writes touched decoded code in [gpa, gpa + length)
   */
  constructor(
    memory: WebAssembly.Memory,
    size: number,
    private readonly invalidateCode: (gpa: number, length: number) => void,
  ) {
    this.size = size;
    this.bytes = new Uint8Array(memory.buffer as ArrayBuffer, RAM_BASE, size);
    this.view = new DataView(memory.buffer, RAM_BASE, size);
    this.codeMap = new BigUint64Array(memory.buffer, PAGE_CODE, size >>> 12);
  }

  /** True if [gpa, gpa + length) lies in RAM. */
  contains(gpa: number, length: number): boolean {
    return Number.isInteger(gpa) && Number.isInteger(length) && gpa >= 0 && length >= 0 && gpa + length <= this.size;
  }

  /** A copy of guest bytes, or undefined if they are not all in RAM. */
  read(gpa: number, length: number): Uint8Array<ArrayBuffer> | undefined {
    return this.contains(gpa, length) ? this.bytes.slice(gpa, gpa + length) : undefined;
  }

  /** Copies guest bytes into `target`; false if they are not all in RAM. */
  readInto(gpa: number, target: Uint8Array): boolean {
    if (!this.contains(gpa, target.length)) return false;
    target.set(this.bytes.subarray(gpa, gpa + target.length));
    return true;
  }

  /** Writes bytes; false, with nothing written, if they do not all fit in RAM. */
  write(gpa: number, source: Uint8Array): boolean {
    if (!this.contains(gpa, source.length)) return false;
    this.bytes.set(source, gpa);
    this.written(gpa, source.length);
    return true;
  }

  /** Sets bytes to one value; false, with nothing written, if they do not all fit in RAM. */
  fill(gpa: number, length: number, value: number): boolean {
    if (!this.contains(gpa, length)) return false;
    this.bytes.fill(value, gpa, gpa + length);
    this.written(gpa, length);
    return true;
  }

  /** Little-endian reads; undefined outside RAM. */
  readU8(gpa: number): number | undefined {
    return this.contains(gpa, 1) ? this.view.getUint8(gpa) : undefined;
  }
  readU16(gpa: number): number | undefined {
    return this.contains(gpa, 2) ? this.view.getUint16(gpa, true) : undefined;
  }
  readU32(gpa: number): number | undefined {
    return this.contains(gpa, 4) ? this.view.getUint32(gpa, true) : undefined;
  }
  readU64(gpa: number): bigint | undefined {
    return this.contains(gpa, 8) ? this.view.getBigUint64(gpa, true) : undefined;
  }

  /** Little-endian writes; false outside RAM. */
  writeU8(gpa: number, value: number): boolean {
    if (!this.contains(gpa, 1)) return false;
    this.view.setUint8(gpa, value);
    this.written(gpa, 1);
    return true;
  }
  writeU16(gpa: number, value: number): boolean {
    if (!this.contains(gpa, 2)) return false;
    this.view.setUint16(gpa, value, true);
    this.written(gpa, 2);
    return true;
  }
  writeU32(gpa: number, value: number): boolean {
    if (!this.contains(gpa, 4)) return false;
    this.view.setUint32(gpa, value, true);
    this.written(gpa, 4);
    return true;
  }
  writeU64(gpa: number, value: bigint): boolean {
    if (!this.contains(gpa, 8)) return false;
    this.view.setBigUint64(gpa, value, true);
    this.written(gpa, 8);
    return true;
  }

  private written(gpa: number, length: number): void {
    if (length === 0) return;
    const last = (gpa + length - 1) >>> 12;
    for (let page = gpa >>> 12; page <= last; page++) {
      if (this.codeMap[page] !== 0n) {
        this.invalidateCode(gpa, length);
        return;
      }
    }
  }
}
