import type { PortBus, PortDevice } from "./bus";

/** An 8-bit device on the ISA bus: the bus splits wider accesses into bytes at consecutive ports. */
export class BytePorts implements PortDevice {
  constructor(
    private readonly bus: PortBus,
    private readonly readByte: (port: number) => number,
    private readonly writeByte: (port: number, value: number) => void,
  ) {}

  portRead(port: number, size: number): number {
    if (size === 1) return this.readByte(port) & 0xff;
    let value = 0;
    for (let i = 0; i < size; i++) value |= this.bus.read((port + i) & 0xffff, 1) << (8 * i);
    return value >>> 0;
  }

  portWrite(port: number, size: number, value: number): void {
    if (size === 1) {
      this.writeByte(port, value & 0xff);
      return;
    }
    for (let i = 0; i < size; i++) this.bus.write((port + i) & 0xffff, 1, (value >>> (8 * i)) & 0xff);
  }
}
