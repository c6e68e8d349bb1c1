import type { InterruptLine, PortBus } from "../../chipset/bus";
import { BytePorts } from "../../chipset/byte-ports";
import { PciFunction, type PciHost } from "../../chipset/pci";
import type { GuestMemory } from "../../cpu/guest-memory";
import type { HostWork } from "../../time/host-work";
import { ScsiDisk } from "../scsi/disk";
import type { ScsiDvd } from "../scsi/dvd";
import { AtaDisk } from "./ata-disk";
import { AtapiDrive } from "./atapi-drive";
import { BUS_MASTER_PORTS } from "./bus-master";
import { IdeChannel } from "./channel";
import { REGISTER_DATA, REGISTER_ERROR_FEATURES, REGISTER_STATUS_COMMAND } from "./task-file";

/** First port of the command block, port of the control block, and ISA interrupt of each channel. */
const CHANNELS = [
  { command: 0x1f0, control: 0x3f6, irq: 14 },
  { command: 0x170, control: 0x376, irq: 15 },
] as const;

const PCI_DEVICE = 7;
const PCI_FUNCTION = 1;
const PCI_COMMAND = 0x04;
const IO_ENABLE = 0x01;
const BUS_MASTER_ENABLE = 0x04;
const BUS_MASTER_BAR = 4;
/** Where Hyper-V's firmware puts the bus master registers. */
const BUS_MASTER_BASE = 0xffa0;
/** IDETIM: timing of a channel, 16 bits each; bit 15 says that the channel is decoded. */
const TIMING = 0x40;
const TIMING_END = 0x44;
const DECODE_ENABLE = 0x80;

export interface IdeOptions {
  readonly ports: PortBus;
  readonly pci: PciHost;
  readonly memory: GuestMemory;
  readonly work: HostWork;
  irqLine(irq: number): InterruptLine;
}

/**
 * The IDE function of the PIIX4, PCI 00:07.1, in its compatible mode: two channels at the ports and interrupts of old,
 * and a bus master. Guests without Hyper-V's storage driver find their disks here, and all guests the CD and DVD drives.
 */
export class IdeController {
  private readonly channels: readonly IdeChannel[];
  private readonly pciFunction: PciFunction;
  private readonly busMasterPorts: BytePorts;
  /** Where the bus master registers are now. */
  private mapped: number | undefined;

  constructor(private readonly options: IdeOptions) {
    const { ports, memory, work } = options;
    this.pciFunction = createFunction();
    this.channels = CHANNELS.map(({ command, control, irq }) => {
      const channel = new IdeChannel({
        ...{ memory, work, line: options.irqLine(irq) },
        busMasterEnabled: () => (this.pciFunction.read(PCI_COMMAND, 1) & BUS_MASTER_ENABLE) !== 0,
      });
      registerPorts(ports, channel, command, control);
      return channel;
    });
    this.busMasterPorts = new BytePorts(
      ports,
      (port) => this.busMasterOf(port).readByte(port % BUS_MASTER_PORTS),
      (port, value) => this.busMasterOf(port).writeByte(port % BUS_MASTER_PORTS, value),
    );
    options.pci.add(PCI_DEVICE, PCI_FUNCTION, this.pciFunction);
    this.pciFunction.onWrite = () => {
      this.mapBusMaster();
      for (const channel of this.channels) channel.serviceDma();
    };
    this.mapBusMaster();
  }

  /** Connects a drive before the machine starts. Channels without one are switched off, as firmware leaves them. */
  attach(channel: 0 | 1, drive: 0 | 1, unit: ScsiDisk | ScsiDvd): void {
    this.channels[channel]!.attach(drive, (host) =>
      unit instanceof ScsiDisk ? new AtaDisk(host, unit) : new AtapiDrive(host, unit),
    );
    this.pciFunction.config[TIMING + 2 * channel + 1] = DECODE_ENABLE;
    this.pciFunction.seal();
  }

  /** After the PCI functions' own reset. */
  reset(): void {
    this.mapBusMaster();
    for (const channel of this.channels) channel.reset();
  }

  private busMasterOf(port: number): IdeChannel["busMaster"] {
    return this.channels[port & BUS_MASTER_PORTS ? 1 : 0]!.busMaster;
  }

  /** Puts the bus master registers where the guest wants them; where other ports are, they stay away. */
  private mapBusMaster(): void {
    const { ports } = this.options;
    const enabled = (this.pciFunction.read(PCI_COMMAND, 1) & IO_ENABLE) !== 0;
    const base = this.pciFunction.barAddress(BUS_MASTER_BAR);
    const wanted = enabled && base !== 0 && base <= 0xfff0 ? base : undefined;
    if (wanted === this.mapped) return;
    const last = 2 * BUS_MASTER_PORTS - 1;
    if (this.mapped !== undefined) ports.unregister(this.mapped, this.mapped + last, this.busMasterPorts);
    this.mapped = undefined;
    if (wanted === undefined || !ports.isFree(wanted, wanted + last)) return;
    ports.register(wanted, wanted + last, this.busMasterPorts);
    this.mapped = wanted;
  }
}

function createFunction(): PciFunction {
  const pciFunction = new PciFunction({ vendor: 0x8086, device: 0x7111, revision: 1, classCode: 0x010180 });
  pciFunction.set16(PCI_COMMAND, IO_ENABLE | BUS_MASTER_ENABLE);
  pciFunction.set16(0x06, 0x0280);
  pciFunction.declareBar(BUS_MASTER_BAR, "io", 2 * BUS_MASTER_PORTS);
  pciFunction.setBarAddress(BUS_MASTER_BAR, BUS_MASTER_BASE);
  for (let offset = TIMING; offset < TIMING_END; offset++) pciFunction.allow(offset, 0xff);
  // SIDETIM, UDMACTL and UDMATIM: timings, which drivers write and read back.
  for (const offset of [0x44, 0x48, 0x4a, 0x4b]) pciFunction.allow(offset, 0xff);
  return pciFunction;
}

function registerPorts(ports: PortBus, channel: IdeChannel, command: number, control: number): void {
  ports.register(command + REGISTER_DATA, command + REGISTER_DATA, {
    portRead: (_, size) => channel.readData(size),
    portWrite: (_, size, value) => channel.writeData(size, value),
  });
  const registers = new BytePorts(
    ports,
    (port) => channel.readRegister(port - command),
    (port, value) => channel.writeRegister(port - command, value),
  );
  ports.register(command + REGISTER_ERROR_FEATURES, command + REGISTER_STATUS_COMMAND, registers);
  const controlPort = new BytePorts(
    ports,
    () => channel.alternateStatus,
    (_, value) => channel.writeControl(value),
  );
  ports.register(control, control, controlPort);
}
