import type { PortBus, PortDevice } from "./bus";

// Configuration space header, type 0 (PCI Local Bus Specification 3.0, 6.1)
const COMMAND = 0x04;
const STATUS = 0x06;
const BAR0 = 0x10;
const INTERRUPT_LINE = 0x3c;

export interface PciIdentity {
  readonly vendor: number;
  readonly device: number;
  readonly revision: number;
  /** Class, subclass, programming interface: 24 bits. */
  readonly classCode: number;
  /** 0x00, or 0x80 for function 0 of a device with more functions. */
  readonly headerType?: number;
  readonly subsystem?: { readonly vendor: number; readonly device: number };
  /** 1..4 for INTA#..INTD#. */
  readonly interruptPin?: number;
}

/** One PCI function: 256 bytes of configuration space, of which a guest may write what is declared writable. */
export class PciFunction {
  readonly config = new Uint8Array(256);
  private readonly writable = new Uint8Array(256);
  /** Called with the register's offset after a guest's write to it. */
  onWrite: ((offset: number) => void) | undefined;
  private readonly initial = new Uint8Array(256);

  constructor(identity: PciIdentity) {
    this.set16(0x00, identity.vendor);
    this.set16(0x02, identity.device);
    this.config[0x08] = identity.revision;
    this.config[0x09] = identity.classCode & 0xff;
    this.set16(0x0a, identity.classCode >>> 8);
    this.config[0x0e] = identity.headerType ?? 0;
    if (identity.subsystem) {
      this.set16(0x2c, identity.subsystem.vendor);
      this.set16(0x2e, identity.subsystem.device);
    }
    this.config[0x3d] = identity.interruptPin ?? 0;
    // Cache line size, latency timer, interrupt line and what a driver may set in the command register.
    this.allow(COMMAND, 0x47);
    this.allow(COMMAND + 1, 0x05);
    this.allow(0x0c, 0xff);
    this.allow(0x0d, 0xff);
    this.allow(INTERRUPT_LINE, 0xff);
  }

  /** Lets a guest write the bits of `mask` in the byte at `offset`. */
  allow(offset: number, mask: number): void {
    this.writable[offset] = (this.writable[offset] ?? 0) | mask;
  }

  /**
   * Declares base address register `index`: `size` is a power of two, at least 16 for memory and 4 for I/O. A guest
   * that writes all ones reads back the size as the specification says.
   */
  declareBar(index: number, kind: "memory" | "io", size: number, options: { prefetchable?: boolean } = {}): void {
    const offset = BAR0 + 4 * index;
    const mask = ~(size - 1) >>> 0;
    for (let i = 0; i < 4; i++) this.allow(offset + i, (mask >>> (8 * i)) & 0xff);
    this.config[offset] = kind === "io" ? 1 : options.prefetchable ? 8 : 0;
  }

  /** Where the guest or firmware put a BAR; the flags in its low bits are left out. */
  barAddress(index: number): number {
    const value = this.read(BAR0 + 4 * index, 4);
    return value & 1 ? (value & ~3) >>> 0 : (value & ~15) >>> 0;
  }

  setBarAddress(index: number, address: number): void {
    const offset = BAR0 + 4 * index;
    for (let i = 0; i < 4; i++) {
      const mask = this.writable[offset + i] as number;
      this.config[offset + i] = ((this.config[offset + i] as number) & ~mask) | ((address >>> (8 * i)) & mask);
    }
  }

  get memoryEnabled(): boolean {
    return ((this.config[COMMAND] as number) & 2) !== 0;
  }

  get ioEnabled(): boolean {
    return ((this.config[COMMAND] as number) & 1) !== 0;
  }

  set16(offset: number, value: number): void {
    this.config[offset] = value & 0xff;
    this.config[offset + 1] = value >>> 8;
  }

  /** What is set up now is what a reset brings back. */
  seal(): void {
    this.initial.set(this.config);
  }

  reset(): void {
    this.config.set(this.initial);
  }

  read(offset: number, size: number): number {
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = (value << 8) | (this.config[offset + i] ?? 0xff);
    return value >>> 0;
  }

  write(offset: number, size: number, value: number): void {
    for (let i = 0; i < size && offset + i < 256; i++) {
      const byte = (value >>> (8 * i)) & 0xff;
      const at = offset + i;
      const before = this.config[at] as number;
      // The high byte of the status register clears what is written as one.
      if (at === STATUS + 1) this.config[at] = before & ~(byte & 0xf9);
      else this.config[at] = (before & ~(this.writable[at] as number)) | (byte & (this.writable[at] as number));
    }
    this.onWrite?.(offset);
  }
}

/** Configuration mechanism 1 at 0xcf8 and 0xcfc, bus 0; a byte at 0xcf9 is the reset control register. */
export class PciHost implements PortDevice {
  private readonly functions = new Map<number, PciFunction>();
  private address = 0;
  private resetControl = 0;

  constructor(
    ports: PortBus,
    private readonly resetSystem: () => void,
  ) {
    ports.register(0xcf8, 0xcff, this);
  }

  /** Plugs a function in; throws RangeError if the place is taken. */
  add(device: number, fn: number, pciFunction: PciFunction): void {
    const key = (device << 3) | fn;
    if (this.functions.has(key)) throw new RangeError(`PCI 00:${device.toString(16)}.${fn} is taken`);
    pciFunction.seal();
    this.functions.set(key, pciFunction);
  }

  reset(): void {
    this.address = this.resetControl = 0;
    for (const pciFunction of this.functions.values()) pciFunction.reset();
  }

  portRead(port: number, size: number): number {
    if (port < 0xcfc) {
      if (port === 0xcf8 && size === 4) return this.address;
      if (port === 0xcf9 && size === 1) return this.resetControl;
      return ones(size);
    }
    const target = this.target();
    const lane = port & 3;
    if (!target || lane + size > 4) return ones(size);
    return target.read((this.address & 0xfc) + lane, size);
  }

  portWrite(port: number, size: number, value: number): void {
    if (port < 0xcfc) {
      if (port === 0xcf8 && size === 4) this.address = (value & 0x80fffffc) >>> 0;
      else if (port === 0xcf9 && size === 1) this.writeResetControl(value);
      return;
    }
    const lane = port & 3;
    if (lane + size <= 4) this.target()?.write((this.address & 0xfc) + lane, size, value);
  }

  private target(): PciFunction | undefined {
    // Bus 0 only: any other bus number finds nobody.
    if (!(this.address & 0x80000000) || this.address & 0x00ff0000) return undefined;
    return this.functions.get((this.address >>> 8) & 0xff);
  }

  /** Reset control register (PIIX, RC): a rising bit 2 resets, hard or soft as bit 1 says; here both are whole. */
  private writeResetControl(value: number): void {
    const rising = value & ~this.resetControl & 4;
    this.resetControl = value & 0x0e;
    if (rising) this.resetSystem();
  }
}

function ones(size: number): number {
  return size === 4 ? 0xffffffff : size === 2 ? 0xffff : 0xff;
}
