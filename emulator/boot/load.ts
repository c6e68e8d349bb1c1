import { ConfigurationError, type BootSource } from "../machine-types";
import { buildAcpi } from "./acpi/tables";
import { Structure } from "./bytes";
import { buildE820 } from "./e820";
import { isElf } from "./elf";
import { EBDA_BASE } from "./layout";
import { loadLinux } from "./linux";
import { isMultiboot, loadMultiboot } from "./multiboot";
import { isBzImage } from "./setup-header";
import { buildSmbios } from "./smbios";
import type { BootImage, BootRegion } from "./types";

const BDA_BASE = 0x400;
const BDA_COM1 = 0x00;
const BDA_EBDA_SEGMENT = 0x0e;
const BDA_BASE_MEMORY = 0x13;

/** What Linux reads of the BIOS data area: COM1's port, the EBDA's segment, KiB of conventional memory. */
function biosDataArea(): BootRegion[] {
  const bda = new Structure(0x100);
  bda
    .u16(BDA_COM1, 0x3f8)
    .u16(BDA_EBDA_SEGMENT, EBDA_BASE >>> 4)
    .u16(BDA_BASE_MEMORY, EBDA_BASE >>> 10);
  // The EBDA's first byte is its size in KiB.
  return [
    { name: "BIOS data area", gpa: BDA_BASE, bytes: bda.bytes },
    { name: "EBDA", gpa: EBDA_BASE, bytes: new Uint8Array([1]) },
  ];
}

/**
 * Turns a kernel with its initrd and command line into bytes for guest RAM and a processor state. Tells a Linux
 * bzImage and a multiboot 1 kernel apart by content. Pure: nothing is kept, the same input gives the same image.
 * Regions refer to the source's bytes where they can. Guest RAM must be zero before the regions are copied.
 * @param memorySize bytes of guest RAM from guest physical address 0
 * @throws ConfigurationError with one line that says what would be right
 */
export async function loadBoot(source: BootSource, memorySize: number): Promise<BootImage> {
  const { kernel } = source;
  if (kernel.length === 0)
    throw new ConfigurationError("The kernel is empty; give a Linux bzImage or a multiboot kernel.");
  const e820 = buildE820(memorySize);
  const acpi = buildAcpi();
  const acpiRegion = { name: "ACPI tables", gpa: acpi.base, bytes: acpi.bytes };
  const smbios = buildSmbios();
  const smbiosRegion = { name: "SMBIOS tables", gpa: smbios.base, bytes: smbios.bytes };
  const firmware = [...biosDataArea(), acpiRegion, smbiosRegion];
  const described = { e820, acpi: { rsdp: acpi.rsdp, tables: acpi.tables } };

  if (isBzImage(kernel)) {
    const { method, why, regions, entry } = await loadLinux(source, memorySize, e820, acpi.rsdp);
    return {
      method,
      why,
      regions: [...firmware, ...entry.regions, ...regions],
      processor: entry.processor,
      ...described,
    };
  }
  if (isMultiboot(kernel)) {
    const { regions, entry } = loadMultiboot(source, memorySize, e820);
    return {
      method: "multiboot",
      why: "the kernel has a multiboot header",
      regions: [...firmware, ...entry.regions, ...regions],
      processor: entry.processor,
      ...described,
    };
  }
  throw new ConfigurationError(
    isElf(kernel)
      ? "The kernel is an ELF file without a multiboot header; give the bzImage (vmlinuz) that was built from it."
      : `The kernel of ${kernel.length} bytes is neither a Linux bzImage nor a multiboot kernel; give a vmlinuz file.`,
  );
}
