import { EBDA_BASE } from "./layout";

/** Address range types: ACPI specification 6.5, table 15.4. */
export const E820_RAM = 1;
export const E820_RESERVED = 2;

/** A range of the system address map, in bytes from guest physical address 0. */
export interface E820Entry {
  readonly address: number;
  readonly size: number;
  readonly type: number;
}

/** Size of one entry in boot_params: u64 address, u64 size, u32 type. */
export const E820_ENTRY_SIZE = 20;

const range = (start: number, end: number, type: number): E820Entry => ({ address: start, size: end - start, type });

/**
 * The system address map of a machine with `memorySize` bytes of RAM from address 0: conventional memory to the EBDA,
 * the VGA and BIOS areas left out or reserved, all of the rest RAM. ACPI tables lie in the reserved BIOS area.
 */
export function buildE820(memorySize: number): E820Entry[] {
  return [
    range(0, EBDA_BASE, E820_RAM),
    range(EBDA_BASE, 0xa0000, E820_RESERVED),
    range(0xe0000, 0x100000, E820_RESERVED),
    range(0x100000, memorySize, E820_RAM),
  ];
}
