// Where the loader puts its own structures in guest RAM. All below 1 MiB, where no kernel that it starts is loaded,
// and above the real-mode vectors and BIOS data.

/** Global descriptor table that the processor starts with. */
export const GDT_BASE = 0x1000;
/** The zero page (struct boot_params), or the multiboot information. */
export const BOOT_PARAMS_BASE = 0x2000;
/** Identity page tables for 64-bit entry: PML4, PDPT, four page directories. */
export const PAGE_TABLES_BASE = 0x3000;
/** Kernel command line, with its terminating zero. */
export const COMMAND_LINE_BASE = 0x20000;
/** Room for the command line; the longest that any kernel takes here. */
export const COMMAND_LINE_ROOM = 0x10000;
/** Extended BIOS data area, 1 KiB; conventional memory ends here. */
export const EBDA_BASE = 0x9fc00;
/** ACPI tables: from the root pointer, which Linux looks for in 0xe0000..0xfffff. */
export const ACPI_BASE = 0xe0000;
export const ACPI_END = 0xf0000;
/** SMBIOS entry point, which Linux looks for in 0xf0000..0xfffff, and its structures. */
export const SMBIOS_BASE = 0xf0000;
export const PAGE_SIZE = 0x1000;
export const HIGH_MEMORY_BASE = 0x100000;

export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}

export function alignDown(value: number, alignment: number): number {
  return Math.floor(value / alignment) * alignment;
}

/** Bytes as MiB, rounded up, for messages. */
export function toMiB(bytes: number): number {
  return Math.ceil(bytes / 0x100000);
}
