import { PortBus } from "../../../emulator/chipset/bus";
import { PciHost } from "../../../emulator/chipset/pci";
import { IdeController } from "../../../emulator/devices/ide/controller";
import { ScsiDisk } from "../../../emulator/devices/scsi/disk";
import { IDE_DVD_PRODUCT, ScsiDvd } from "../../../emulator/devices/scsi/dvd";
import { MemoryStore } from "../../../emulator/storage/block/memory-store";
import type { Disk } from "../../../emulator/storage/disk";
import { RawDisk } from "../../../emulator/storage/raw-disk";
import { HostWork } from "../../../emulator/time/host-work";
import { FakeMachine } from "../vmbus/fake-machine";
import { settle } from "../storvsp/fake-storvsc";

export const PRIMARY = { command: 0x1f0, control: 0x3f6, busMaster: 0xffa0, irq: 14 };
export const SECONDARY = { command: 0x170, control: 0x376, busMaster: 0xffa8, irq: 15 };

export const BSY = 0x80;
export const DRDY = 0x40;
export const DSC = 0x10;
export const DRQ = 0x08;
export const ERR = 0x01;
/** Status of a disk that has nothing to do and no complaint. */
export const READY = DRDY | DSC;

export const ID = Uint8Array.from({ length: 16 }, (_, index) => 0xa0 + index);

export function pattern(length: number, seed = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = (seed + index * 13 + (index >> 9) * 7) & 0xff;
  return bytes;
}

/** A command as a driver writes it to the command block; each field may have its high half for 48-bit commands. */
export interface Command {
  readonly command: number;
  readonly features?: number;
  readonly count?: number;
  readonly lba?: number;
  /** Device register without the LBA's bits; LBA addressing of drive 0 unless given. */
  readonly device?: number;
  readonly extended?: boolean;
}

/** A controller on buses of its own, with the driver's side of it. */
export class FakeIde {
  readonly machine = new FakeMachine(8 << 20);
  readonly ports = new PortBus();
  readonly work = new HostWork(this.machine.timers, true);
  readonly levels = new Map<number, boolean>();
  readonly ejected: Disk[] = [];
  readonly errors: unknown[] = [];
  readonly pci = new PciHost(this.ports, () => undefined);
  readonly controller = new IdeController({
    ports: this.ports,
    pci: this.pci,
    memory: this.machine.memory,
    work: this.work,
    irqLine: (irq) => ({ setLevel: (asserted) => void this.levels.set(irq, asserted) }),
  });
  at = PRIMARY;

  attachDisk(image: Disk, channel: 0 | 1 = 0, drive: 0 | 1 = 0): ScsiDisk {
    const unit = new ScsiDisk(image, ID, (error) => void this.errors.push(error));
    this.controller.attach(channel, drive, unit);
    return unit;
  }

  attachDvd(image: Disk | undefined, channel: 0 | 1 = 1, drive: 0 | 1 = 0): ScsiDvd {
    const onEjected = (disc: Disk): void => void this.ejected.push(disc);
    const unit = new ScsiDvd(image, ID, (error) => void this.errors.push(error), onEjected, IDE_DVD_PRODUCT);
    this.controller.attach(channel, drive, unit);
    return unit;
  }

  in(register: number): number {
    return this.ports.read(this.at.command + register, 1);
  }
  out(register: number, value: number): void {
    this.ports.write(this.at.command + register, 1, value);
  }
  /** Reads the status register, which acknowledges the interrupt. */
  get status(): number {
    return this.in(7);
  }
  get alternate(): number {
    return this.ports.read(this.at.control, 1);
  }
  control(value: number): void {
    this.ports.write(this.at.control, 1, value);
  }
  get interrupt(): boolean {
    return this.levels.get(this.at.irq) === true;
  }

  issue({ command, features = 0, count = 1, lba = 0, device = 0xe0, extended = false }: Command): void {
    const low = [features, count, lba % 0x100, Math.floor(lba / 0x100), Math.floor(lba / 0x10000)];
    const high = [0, count >>> 8, lba / 2 ** 24, lba / 2 ** 32, lba / 2 ** 40].map(Math.floor);
    this.out(6, extended ? device : device | (Math.floor(lba / 2 ** 24) & 0x0f));
    if (extended) high.forEach((value, index) => this.out(index + 1, value & 0xff));
    low.forEach((value, index) => this.out(index + 1, value & 0xff));
    this.out(7, command);
  }

  /** Takes a block of data by port reads of `size` bytes. */
  read(length: number, size = 2): Uint8Array {
    const bytes = new Uint8Array(length + 4);
    for (let at = 0; at < length; at += size) {
      const value = this.ports.read(this.at.command, size);
      for (let index = 0; index < size; index++) bytes[at + index] = (value >>> (8 * index)) & 0xff;
    }
    return bytes.subarray(0, length);
  }

  write(bytes: Uint8Array, size = 2): void {
    for (let at = 0; at < bytes.length; at += size) {
      let value = 0;
      for (let index = 0; index < size; index++) value |= (bytes[at + index] ?? 0) << (8 * index);
      this.ports.write(this.at.command, size, value >>> 0);
    }
  }

  /** Lets the host's work end and time pass. */
  async settle(): Promise<void> {
    const { clock, timers } = this.machine;
    for (let turn = 0; turn < 200; turn++) {
      await settle();
      if (timers.nextDeadline === Infinity) return;
      clock.time = Math.max(clock.time, timers.nextDeadline);
      if (!this.work.stalled) timers.runDue();
    }
  }

  busMaster(offset: number): number {
    return this.ports.read(this.at.busMaster + offset, 1);
  }

  /** Writes a table of regions to guest memory, and starts the bus master as libata does. */
  prepareDma(regions: readonly (readonly [number, number])[], toMemory: boolean, table = 0x1000): void {
    regions.forEach(([address, length], index) => {
      const end = index === regions.length - 1 ? 0x80000000 : 0;
      this.machine.memory.writeU32(table + 8 * index, address);
      this.machine.memory.writeU32(table + 8 * index + 4, ((length & 0xffff) | end) >>> 0);
    });
    this.ports.write(this.at.busMaster + 4, 4, table);
    this.ports.write(this.at.busMaster, 1, toMemory ? 8 : 0);
    this.ports.write(this.at.busMaster + 2, 1, 0x06);
  }
  startDma(): void {
    this.ports.write(this.at.busMaster, 1, this.busMaster(0) | 1);
  }
  stopDma(): void {
    this.ports.write(this.at.busMaster, 1, this.busMaster(0) & ~1);
  }

  configRead(offset: number, size: number): number {
    this.ports.write(0xcf8, 4, 0x80000000 | (7 << 11) | (1 << 8) | (offset & 0xfc));
    return this.ports.read(0xcfc + (offset & 3), size);
  }
  configWrite(offset: number, size: number, value: number): void {
    this.ports.write(0xcf8, 4, 0x80000000 | (7 << 11) | (1 << 8) | (offset & 0xfc));
    this.ports.write(0xcfc + (offset & 3), size, value);
  }
}

/** A disk in memory, its bytes, and what was asked of it in order. */
export class LoggedDisk extends RawDisk {
  readonly log: string[] = [];
  /** While set, flushes wait for it. */
  gate: Promise<void> | undefined;

  constructor(
    readonly bytes: MemoryStore,
    sectorSize: 512 | 2048 | 4096 = 512,
    readOnly = false,
  ) {
    super(bytes, sectorSize, readOnly);
  }

  static async create(sectors: number, sectorSize: 512 | 2048 | 4096 = 512): Promise<LoggedDisk> {
    const store = new MemoryStore(sectors * sectorSize);
    await store.write(0, pattern(sectors * sectorSize));
    return new LoggedDisk(store, sectorSize);
  }

  override read(lba: number, target: Uint8Array): Promise<void> {
    this.log.push(`read ${lba}+${target.length / this.sectorSize}`);
    return super.read(lba, target);
  }
  override write(lba: number, source: Uint8Array): Promise<void> {
    this.log.push(`write ${lba}+${source.length / this.sectorSize}`);
    return super.write(lba, source);
  }
  override async flush(): Promise<void> {
    this.log.push("flush");
    await this.gate;
    await super.flush();
    this.log.push("flushed");
  }

  async content(lba: number, sectors: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(sectors * this.sectorSize);
    await this.bytes.read(lba * this.sectorSize, bytes);
    return bytes;
  }
}
