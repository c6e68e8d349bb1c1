/** A device's answer to I/O ports. Sizes are 1, 2 or 4 bytes; values unsigned. */
export interface PortDevice {
  portRead(port: number, size: number): number;
  portWrite(port: number, size: number, value: number): void;
}

/** A device's answer to memory-mapped I/O. Offsets are from the start of the range; sizes 1, 2, 4 or 8 bytes. */
export interface MmioDevice {
  mmioRead(offset: number, size: number): bigint | number;
  mmioWrite(offset: number, size: number, value: bigint): void;
}

/** Something that can raise and lower an interrupt request; level is kept, edges are derived by the controller. */
export interface InterruptLine {
  setLevel(asserted: boolean): void;
}

/** The 64 Ki I/O ports. Nobody's port reads as all ones and swallows writes, as on a PC. */
export class PortBus {
  private readonly devices: (PortDevice | undefined)[] = new Array<PortDevice | undefined>(0x10000);

  /** Gives ports first..last to a device. Throws RangeError if one is taken. */
  register(first: number, last: number, device: PortDevice): void {
    for (let port = first; port <= last; port++) {
      if (this.devices[port]) throw new RangeError(`I/O port 0x${port.toString(16)} is taken`);
    }
    this.devices.fill(device, first, last + 1);
  }

  /** Takes ports first..last away from a device that has them. */
  unregister(first: number, last: number, device: PortDevice): void {
    for (let port = first; port <= last; port++) {
      if (this.devices[port] === device) this.devices[port] = undefined;
    }
  }

  isFree(first: number, last: number): boolean {
    return this.devices.slice(first, last + 1).every((device) => !device);
  }

  read(port: number, size: number): number {
    const device = this.devices[port & 0xffff];
    if (!device) return size === 4 ? 0xffffffff : size === 2 ? 0xffff : 0xff;
    return device.portRead(port & 0xffff, size) >>> 0;
  }

  write(port: number, size: number, value: number): void {
    this.devices[port & 0xffff]?.portWrite(port & 0xffff, size, value >>> 0);
  }
}

interface MmioRange {
  readonly start: number;
  readonly end: number;
  readonly device: MmioDevice;
}

/** Memory-mapped I/O by guest physical address. Nobody's address reads as all ones and swallows writes. */
export class MmioBus {
  private readonly ranges: MmioRange[] = [];

  /** Gives [start, start + length) to a device. Throws RangeError on an overlap. */
  register(start: number, length: number, device: MmioDevice): void {
    const end = start + length;
    if (this.ranges.some((range) => start < range.end && range.start < end)) {
      throw new RangeError(`MMIO range at 0x${start.toString(16)} overlaps another`);
    }
    this.ranges.push({ start, end, device });
  }

  read(address: number, size: number): bigint {
    const range = this.find(address, size);
    if (!range) return (1n << BigInt(size * 8)) - 1n;
    return BigInt.asUintN(size * 8, BigInt(range.device.mmioRead(address - range.start, size)));
  }

  write(address: number, size: number, value: bigint): void {
    const range = this.find(address, size);
    range?.device.mmioWrite(address - range.start, size, value);
  }

  private find(address: number, size: number): MmioRange | undefined {
    return this.ranges.find((range) => address >= range.start && address + size <= range.end);
  }
}
