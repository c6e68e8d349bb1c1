import type { GuestMemory } from "../../cpu/guest-memory";
import type { InterruptLine } from "../../chipset/bus";
import type { HostWork } from "../../time/host-work";
import * as ata from "./ata";
import { BusMaster, type DmaRequest } from "./bus-master";
import type { DriveHost, IdeDrive } from "./drive";
import { REGISTER_DEVICE, REGISTER_STATUS_COMMAND } from "./task-file";

/** With no drive at the cable nobody drives the bus; bit 7 has a pull-down so that nothing looks busy. */
const FLOATING = 0x7f;

export interface ChannelOptions {
  readonly memory: GuestMemory;
  readonly work: HostWork;
  readonly line: InterruptLine;
  /** PCI command register, bus master enable. */
  busMasterEnabled(): boolean;
}

/** One cable with up to two drives: the registers that they share, and the interrupt of the one that is selected. */
export class IdeChannel {
  readonly busMaster: BusMaster;
  private readonly drives: [IdeDrive | undefined, IdeDrive | undefined] = [undefined, undefined];
  private selected: 0 | 1 = 0;
  private control = 0;
  private asserted = false;

  constructor(private readonly options: ChannelOptions) {
    this.busMaster = new BusMaster(options.memory, () => options.busMasterEnabled());
    this.busMaster.onStart = () => this.serviceDma();
  }

  get empty(): boolean {
    return !this.drives[0] && !this.drives[1];
  }

  /** Connects a drive, while the machine is off. @param create makes it, given what it has of the channel */
  attach(place: 0 | 1, create: (host: DriveHost) => IdeDrive): void {
    if (this.drives[place]) throw new RangeError(`IDE drive ${place} is taken`);
    this.drives[place] = create({
      work: this.options.work,
      interruptChanged: () => this.updateLine(),
      move: (request) => this.move(place, request),
    });
  }

  reset(): void {
    this.selected = 0;
    this.control = 0;
    this.busMaster.reset();
    for (const drive of this.drives) drive?.reset(true);
    this.updateLine();
  }

  /** The guest may have let the bus master go. */
  serviceDma(): void {
    this.drives[this.selected]?.serviceDma();
  }

  readData(size: number): number {
    return this.drives[this.selected]?.readData(size) ?? 0;
  }

  writeData(size: number, value: number): void {
    this.drives[this.selected]?.writeData(size, value);
  }

  /** A byte of the command block other than data; `register` is its offset. */
  readRegister(register: number): number {
    const drive = this.drives[this.selected];
    if (register === REGISTER_STATUS_COMMAND) {
      const status = this.alternateStatus;
      drive?.acknowledge();
      return status;
    }
    if (this.empty) return FLOATING;
    // A drive that is alone answers for the missing one, with nothing.
    return drive?.registers.read(register, (this.control & ata.CONTROL_HOB) !== 0) ?? 0;
  }

  writeRegister(register: number, value: number): void {
    this.control &= ~ata.CONTROL_HOB;
    if (register === REGISTER_STATUS_COMMAND) {
      this.writeCommand(value);
      return;
    }
    // Both drives hear every write; one that is busy does not listen.
    for (const drive of this.drives) if (drive?.idle) drive.registers.write(register, value);
    if (register !== REGISTER_DEVICE) return;
    this.selected = value & ata.DEVICE_SELECT ? 1 : 0;
    this.updateLine();
  }

  /** The status of the selected drive, without acknowledging its interrupt. */
  get alternateStatus(): number {
    if (this.empty) return FLOATING;
    return this.drives[this.selected]?.status ?? 0;
  }

  writeControl(value: number): void {
    this.control = value;
    const held = (value & ata.CONTROL_SRST) !== 0;
    if (held) this.selected = 0;
    for (const drive of this.drives) drive?.holdReset(held);
    this.updateLine();
  }

  private writeCommand(command: number): void {
    if (command !== ata.EXECUTE_DEVICE_DIAGNOSTIC) {
      this.drives[this.selected]?.writeCommand(command);
      return;
    }
    if (this.drives[this.selected]?.idle === false) return;
    this.selected = 0;
    this.drives.forEach((drive, place) => drive?.diagnose(place === 0));
  }

  private move(place: number, request: DmaRequest): boolean {
    return place === this.selected && this.busMaster.move(request);
  }

  private updateLine(): void {
    const enabled = (this.control & ata.CONTROL_NIEN) === 0;
    const asserted = enabled && this.drives[this.selected]?.interrupt === true;
    if (asserted === this.asserted) return;
    this.asserted = asserted;
    if (asserted) this.busMaster.interrupted();
    this.options.line.setLevel(asserted);
  }
}
