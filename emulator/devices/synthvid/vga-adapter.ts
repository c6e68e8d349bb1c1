import { PCI_WINDOW_BASE, PCI_WINDOW_END } from "../../boot/acpi/platform";
import { PciFunction, type PciHost } from "../../chipset/pci";
import type { VideoMemory } from "../../cpu/video-memory";

const PCI_DEVICE = 8;
const BAR = 0;
/** As Hyper-V's. The video memory may be anywhere in it; the rest answers nothing. */
const BAR_SIZE = 64 << 20;
const COMMAND = 0x04;
const IO_AND_MEMORY = 3;
const INTERRUPT_LINE = 0x3c;
/** As _PRT has it for this slot; it is never raised. */
const LINE = 10;

/**
 * The VGA adapter of a Generation 1 machine, PCI 00:08.0. What guests need of it is its memory, which they find by this
 * function's base address register.
 */
export class VgaAdapter {
  private readonly pciFunction: PciFunction;
  /** Where the guest's driver wants the memory: from the BAR's start, or a guest physical address elsewhere. */
  private place: { readonly offset: number } | { readonly gpa: number } = { offset: 0 };

  constructor(
    pci: PciHost,
    readonly memory: VideoMemory,
  ) {
    this.pciFunction = new PciFunction({
      ...{ vendor: 0x1414, device: 0x5353, revision: 0, classCode: 0x030000 },
      interruptPin: 1,
    });
    this.pciFunction.declareBar(BAR, "memory", BAR_SIZE);
    this.pciFunction.setBarAddress(BAR, PCI_WINDOW_BASE);
    this.pciFunction.set16(COMMAND, IO_AND_MEMORY);
    this.pciFunction.config[INTERRUPT_LINE] = LINE;
    pci.add(PCI_DEVICE, 0, this.pciFunction);
    this.pciFunction.onWrite = () => this.update();
    this.update();
  }

  /**
   * Shows the memory at a guest physical address, until release(); in the BAR it moves with that.
   * @returns false, with nothing changed, if there is no place for it
   */
  claim(gpa: number): boolean {
    const base = this.pciFunction.barAddress(BAR);
    const inBar = gpa >= base && gpa + this.memory.size <= base + BAR_SIZE;
    if (inBar && !this.pciFunction.memoryEnabled) return false;
    if (!isFree(gpa, this.memory.size) || !this.memory.map(gpa)) return false;
    this.place = inBar ? { offset: gpa - base } : { gpa };
    return true;
  }

  /** Shows the memory at the BAR's start again. */
  release(): void {
    this.place = { offset: 0 };
    this.update();
  }

  /** After the PCI functions' own reset. */
  reset(): void {
    this.release();
    this.memory.clear();
  }

  private update(): void {
    const { place, pciFunction } = this;
    let gpa: number | undefined;
    if ("gpa" in place) gpa = place.gpa;
    else if (pciFunction.memoryEnabled) gpa = pciFunction.barAddress(BAR) + place.offset;
    // Where there is no room for it nobody sees it.
    if (gpa === undefined || !isFree(gpa, this.memory.size) || !this.memory.map(gpa)) this.memory.map(undefined);
  }
}

/** Above the window for PCI are the APICs. */
function isFree(gpa: number, size: number): boolean {
  return gpa + size <= PCI_WINDOW_END + 1;
}
