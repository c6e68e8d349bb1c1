import type { PortBus } from "./bus";
import { BytePorts } from "./byte-ports";

// ICW1
const ICW1_IC4 = 0x01;
const ICW1_SNGL = 0x02;
const ICW1_SELECT = 0x10;
// ICW4
const ICW4_AEOI = 0x02;
const ICW4_SFNM = 0x10;
// OCW3
const OCW3_SELECT = 0x08;
const OCW3_RIS = 0x01;
const OCW3_RR = 0x02;
const OCW3_POLL = 0x04;
const OCW3_SMM = 0x20;
const OCW3_ESMM = 0x40;

const CASCADE = 2;

/** One 8259A (Intel 8259A data sheet, order 231468). */
export class Pic8259 {
  private irr = 0;
  private isr = 0;
  private imr = 0;
  private lines = 0;
  /** Edge/level control register: 1 bits are level-triggered. ICW1.LTIM has no function on a PIIX. */
  private elcr = 0;
  private vectorBase = 0;
  /** Next initialisation word that port A0=1 takes (2..4), 0 when operational. */
  private expectedIcw: 0 | 2 | 3 | 4 = 0;
  private icw1 = 0;
  private autoEoi = false;
  private rotateOnAutoEoi = false;
  private specialFullyNested = false;
  private specialMask = false;
  private readIsr = false;
  private poll = false;
  /** The input that has the lowest priority; the one after it has the highest. */
  private lowest = 7;

  constructor(
    /** Inputs whose request follows the line whatever ELCR says: the cascade. */
    private readonly followed: number,
    private readonly changed: () => void,
  ) {}

  /** As firmware leaves it: everything masked, vectors from `vectorBase`. */
  reset(elcr: number, vectorBase: number): void {
    this.irr = this.isr = this.lines = 0;
    this.imr = 0xff;
    this.elcr = elcr;
    this.vectorBase = vectorBase;
    this.expectedIcw = 0;
    this.icw1 = 0;
    this.autoEoi = this.rotateOnAutoEoi = this.specialFullyNested = this.specialMask = false;
    this.readIsr = this.poll = false;
    this.lowest = 7;
  }

  /** An edge stays latched in IRR until it is acknowledged, even if the line falls: no edge is lost. */
  setLine(input: number, asserted: boolean): void {
    const bit = 1 << input;
    const before = this.lines;
    this.lines = asserted ? before | bit : before & ~bit;
    if ((this.elcr | this.followed) & bit) this.irr = asserted ? this.irr | bit : this.irr & ~bit;
    else if (asserted && !(before & bit)) this.irr |= bit;
    else return;
    this.changed();
  }

  /** True while INT is asserted. */
  get output(): boolean {
    return this.highest() >= 0;
  }

  /** INTA: the input that is now in service. Without a request it is the spurious 7, which does not enter ISR. */
  acknowledge(): { readonly input: number; readonly spurious: boolean } {
    const input = this.highest();
    if (input < 0) return { input: 7, spurious: true };
    const bit = 1 << input;
    if (!((this.elcr | this.followed) & bit)) this.irr &= ~bit;
    if (!this.autoEoi) this.isr |= bit;
    else if (this.rotateOnAutoEoi) this.lowest = input;
    this.changed();
    return { input, spurious: false };
  }

  vector(input: number): number {
    return this.vectorBase | input;
  }

  get edgeLevelControl(): number {
    return this.elcr;
  }

  set edgeLevelControl(value: number) {
    const toLevel = value & ~this.elcr;
    this.elcr = value;
    this.irr = (this.irr & ~toLevel) | (this.lines & toLevel);
    this.changed();
  }

  read(a0: number): number {
    if (this.poll) {
      this.poll = false;
      const { input, spurious } = this.acknowledge();
      return spurious ? 0 : 0x80 | input;
    }
    if (a0) return this.imr;
    return this.readIsr ? this.isr : this.irr;
  }

  write(a0: number, value: number): void {
    if (a0) this.writeData(value);
    else if (value & ICW1_SELECT) this.initialize(value);
    else if (value & OCW3_SELECT) this.writeOcw3(value);
    else this.writeOcw2(value);
    this.changed();
  }

  private initialize(icw1: number): void {
    this.icw1 = icw1;
    this.expectedIcw = 2;
    // A line that is high already must fall and rise to be seen again, unless it is level-triggered.
    this.irr = this.lines & (this.elcr | this.followed);
    this.isr = this.imr = 0;
    this.lowest = 7;
    this.specialMask = this.readIsr = this.poll = false;
    if (!(icw1 & ICW1_IC4)) this.writeIcw4(0);
    this.rotateOnAutoEoi = false;
  }

  private writeData(value: number): void {
    switch (this.expectedIcw) {
      case 0:
        this.imr = value;
        return;
      case 2:
        this.vectorBase = value & 0xf8;
        this.expectedIcw = this.icw1 & ICW1_SNGL ? this.afterCascadeWord() : 3;
        return;
      case 3:
        // The wiring is fixed: slave at input 2, slave identity 2.
        this.expectedIcw = this.afterCascadeWord();
        return;
      case 4:
        this.writeIcw4(value);
        this.expectedIcw = 0;
    }
  }

  private afterCascadeWord(): 0 | 4 {
    return this.icw1 & ICW1_IC4 ? 4 : 0;
  }

  private writeIcw4(value: number): void {
    this.autoEoi = (value & ICW4_AEOI) !== 0;
    this.specialFullyNested = (value & ICW4_SFNM) !== 0;
  }

  private writeOcw2(value: number): void {
    const level = value & 7;
    switch (value >>> 5) {
      case 0:
      case 4:
        this.rotateOnAutoEoi = value >>> 5 === 4;
        return;
      case 1:
      case 5: {
        const input = this.highestOf(this.specialMask ? this.isr & ~this.imr : this.isr);
        if (input < 0) return;
        this.isr &= ~(1 << input);
        if (value >>> 5 === 5) this.lowest = input;
        return;
      }
      case 3:
      case 7:
        this.isr &= ~(1 << level);
        if (value >>> 5 === 7) this.lowest = level;
        return;
      case 6:
        this.lowest = level;
    }
  }

  private writeOcw3(value: number): void {
    if (value & OCW3_ESMM) this.specialMask = (value & OCW3_SMM) !== 0;
    if (value & OCW3_POLL) this.poll = true;
    else if (value & OCW3_RR) this.readIsr = (value & OCW3_RIS) !== 0;
  }

  /** Highest-priority input of a set, -1 if it is empty. */
  private highestOf(set: number): number {
    for (let i = 1; i <= 8; i++) {
      const input = (this.lowest + i) & 7;
      if (set & (1 << input)) return input;
    }
    return -1;
  }

  /** The input to deliver now, -1 if none: unmasked and above all that is in service. */
  private highest(): number {
    const requests = this.irr & ~this.imr;
    if (!requests) return -1;
    let blocking = this.specialMask ? this.isr & ~this.imr : this.isr;
    // In special fully nested mode a slave in service does not block its own higher requests.
    if (this.specialFullyNested) blocking &= ~this.followed;
    const input = this.highestOf(requests);
    const serving = this.highestOf(blocking);
    if (serving < 0) return input;
    const rank = (n: number): number => (n - this.lowest - 1) & 7;
    return rank(input) < rank(serving) ? input : -1;
  }
}

/** The two cascaded 8259As of a PC at 0x20, 0xa0 and their edge/level control at 0x4d0 (PIIX4). */
export class DualPic {
  private readonly master: Pic8259;
  private readonly slave: Pic8259;
  private output = false;

  /** @param onOutput INT of the master: LINT0 of the local APIC and pin 0 of the I/O APIC */
  constructor(
    ports: PortBus,
    private readonly onOutput: (asserted: boolean) => void,
  ) {
    this.master = new Pic8259(1 << CASCADE, () => this.update());
    this.slave = new Pic8259(0, () => this.master.setLine(CASCADE, this.slave.output));
    const registers = new BytePorts(
      ports,
      (port) => this.chip(port).read(port & 1),
      (port, value) => this.chip(port).write(port & 1, value),
    );
    ports.register(0x20, 0x21, registers);
    ports.register(0xa0, 0xa1, registers);
    const control = new BytePorts(
      ports,
      (port) => (port & 1 ? this.slave : this.master).edgeLevelControl,
      (port, value) => {
        // IRQ 0, 1, 2, 8 and 13 are always edges.
        if (port & 1) this.slave.edgeLevelControl = value & 0xde;
        else this.master.edgeLevelControl = value & 0xf8;
      },
    );
    ports.register(0x4d0, 0x4d1, control);
    this.reset();
  }

  /** As firmware leaves them: vectors 0x08 and 0x70, masked; IRQ 9 (ACPI's SCI) and 11 (PCI) level-triggered. */
  reset(): void {
    this.master.reset(0, 0x08);
    this.slave.reset(0x0a, 0x70);
    this.update();
  }

  setLine(irq: number, asserted: boolean): void {
    if (irq < 8) this.master.setLine(irq, asserted);
    else this.slave.setLine(irq - 8, asserted);
  }

  /** INTA cycle: the vector of the interrupt, spurious 7 or 15 if the request has gone. */
  acknowledge(): number {
    const { input } = this.master.acknowledge();
    if (input !== CASCADE) return this.master.vector(input);
    return this.slave.vector(this.slave.acknowledge().input);
  }

  get asserted(): boolean {
    return this.output;
  }

  private chip(port: number): Pic8259 {
    return port & 0x80 ? this.slave : this.master;
  }

  private update(): void {
    const output = this.master.output;
    if (output === this.output) return;
    this.output = output;
    this.onOutput(output);
  }
}
