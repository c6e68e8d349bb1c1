import { PM1A_EVT_BLK, SCI_INT } from "../boot/acpi/platform";
import { PciFunction, type PciHost } from "./pci";

const INTEL = 0x8086;

/** The functions of a Hyper-V Generation 1 machine's chipset: 440BX host bridge, PIIX4 ISA bridge and power management. */
export function addPiix4(pci: PciHost): void {
  pci.add(0, 0, new PciFunction({ vendor: INTEL, device: 0x7192, revision: 3, classCode: 0x060000 }));

  const isa = new PciFunction({ vendor: INTEL, device: 0x7110, revision: 1, classCode: 0x060100, headerType: 0x80 });
  isa.set16(0x06, 0x0200);
  // PIRQRCA..D: which IRQ each PCI interrupt goes to; 0x80 is none.
  for (let offset = 0x60; offset <= 0x63; offset++) {
    isa.config[offset] = 0x80;
    isa.allow(offset, 0x8f);
  }
  pci.add(7, 0, isa);

  const power = new PciFunction({ vendor: INTEL, device: 0x7113, revision: 2, classCode: 0x068000 });
  power.set16(0x06, 0x0280);
  power.config[0x3c] = SCI_INT;
  // PMBASE and PMREGMISC.PMIOSE: where the power management registers are, fixed here as in the FADT.
  power.set16(0x40, PM1A_EVT_BLK | 1);
  power.config[0x80] = 1;
  pci.add(7, 3, power);
}
