import {
  and,
  device,
  eisaId,
  integer,
  method,
  name,
  or,
  packageOf,
  processor,
  reference,
  returns,
  scope,
  string,
} from "./aml";
import type { Aml } from "./aml";
import {
  PCI_WINDOW_BASE,
  PCI_WINDOW_END,
  PM1A_EVT_BLK,
  SLP_TYP_S5,
  VMBUS_IRQ,
  VMBUS_WINDOW_BASE,
  VMBUS_WINDOW_END,
} from "./platform";
import {
  busNumbers,
  dma8,
  ioPorts,
  ioWindow,
  irqNoFlags,
  memoryWindow32,
  memoryWindow64,
  resourceTemplate,
} from "./resources";

/** Present, enabled, shown, functioning: ACPI specification 6.5, section 6.3.7. */
const STA_ALL = 0x0f;
const STA_ENABLED = 0x02;

const hid = (id: string): Aml => name("_HID", eisaId(id));
const crs = (...descriptors: Aml[]): Aml => name("_CRS", resourceTemplate(...descriptors));

/** The VMBus device as Hyper-V presents it, with the interrupt line that EL6's driver asks for. */
function vmbusDevice(): Aml {
  return device(
    "VMBS",
    name("STA", integer(STA_ALL)),
    name("_ADR", integer(0)),
    name("_DDN", string("VMBUS")),
    name("_HID", string("VMBus")),
    name("_UID", integer(0)),
    method("_DIS", and(reference("STA"), integer(STA_ALL & ~STA_ENABLED), "STA")),
    method("_PS0", or(reference("STA"), integer(STA_ALL), "STA")),
    method("_PS3"),
    method("_STA", returns(reference("STA"))),
    crs(irqNoFlags(VMBUS_IRQ)),
  );
}

function isaBridge(): Aml {
  return device(
    "ISA",
    name("_ADR", integer(0x0007_0000)),
    device("PIC", hid("PNP0000"), crs(ioPorts(0x20, 2), ioPorts(0xa0, 2), irqNoFlags(2))),
    device("TMR", hid("PNP0100"), crs(ioPorts(0x40, 4), irqNoFlags(0))),
    device("DMA", hid("PNP0200"), crs(ioPorts(0x00, 16), ioPorts(0x80, 16), ioPorts(0xc0, 32), dma8(4))),
    device("RTC", hid("PNP0B00"), crs(ioPorts(0x70, 2), irqNoFlags(8))),
    device("KBD", hid("PNP0303"), crs(ioPorts(0x60, 1), ioPorts(0x64, 1), irqNoFlags(1))),
    device("MOU", hid("PNP0F13"), crs(irqNoFlags(12))),
    device("COM1", hid("PNP0501"), name("_UID", integer(1)), crs(ioPorts(0x3f8, 8), irqNoFlags(4))),
    // Ports that no other device names: the power-management block.
    device("MISC", hid("PNP0C02"), crs(ioPorts(PM1A_EVT_BLK, 0x10))),
  );
}

const PCI_SLOTS = 32;

/** _PRT: INTA of every slot, by ISA line 10 or 11. No function of this machine raises one so far. */
function interruptRouting(): Aml {
  const entries = Array.from({ length: PCI_SLOTS }, (_, slot) =>
    packageOf(integer(((slot << 16) | 0xffff) >>> 0), integer(0), integer(0), integer(slot % 2 === 0 ? 10 : 11)),
  );
  return name("_PRT", packageOf(...entries));
}

/** The DSDT's definition block: the machine as Linux finds it on a Generation 1 Hyper-V. */
export function dsdtBody(): Aml {
  return [
    ...scope("\\_PR", processor("CPU0", 0)),
    ...name("\\_S5", packageOf(integer(SLP_TYP_S5), integer(0), integer(0), integer(0))),
    ...scope(
      "\\_SB",
      device(
        "PCI0",
        hid("PNP0A03"),
        name("_ADR", integer(0)),
        name("_UID", integer(0)),
        crs(
          busNumbers(0, 0xff),
          ioPorts(0xcf8, 8),
          ioWindow(0x0000, 0x0cf7),
          ioWindow(0x0d00, 0xffff),
          memoryWindow32(0x000a_0000, 0x000b_ffff),
          memoryWindow32(PCI_WINDOW_BASE, PCI_WINDOW_END),
          memoryWindow64(VMBUS_WINDOW_BASE, VMBUS_WINDOW_END),
        ),
        interruptRouting(),
        isaBridge(),
        vmbusDevice(),
      ),
    ),
  ];
}
