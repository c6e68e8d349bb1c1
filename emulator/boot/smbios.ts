// SMBIOS 2.3 as a Generation 1 machine's firmware leaves it (System Management BIOS Reference Specification, DSP0134: entry
// point 5.2.1, structures 7.1 to 7.4). Linux calls it DMI. Drivers tell Hyper-V by "Microsoft Corporation" and "Virtual
// Machine": ata_piix for one leaves hard disks to hv_storvsc then.

import { Structure } from "./bytes";
import { SMBIOS_BASE } from "./layout";

const ENTRY_SIZE = 0x1f;
/** The entry point lies on a paragraph; the structures follow on the next one. */
const TABLE_OFFSET = 0x20;

const BIOS_INFORMATION = 0;
const SYSTEM_INFORMATION = 1;
const BASE_BOARD = 2;
const CHASSIS = 3;
const END_OF_TABLE = 127;

const MANUFACTURER = "Microsoft Corporation";
const PRODUCT = "Virtual Machine";
const VERSION = "7.0";
/** BIOS characteristics: PCI is supported; ACPI is, in the first extension byte. */
const SUPPORTS_PCI = 1 << 7;
const SUPPORTS_ACPI = 1;
const WAKE_UP_BY_POWER_SWITCH = 6;
const CHASSIS_DESKTOP = 3;
const STATE_SAFE = 3;
const SECURITY_NONE = 3;
/** Real-mode segment of the BIOS, and its size as a number of 64 KiB less one. */
const BIOS_SEGMENT = 0xf000;

/** A structure: its formatted part, then its strings, which fields refer to by number from 1. */
function structure(
  type: number,
  length: number,
  strings: readonly string[],
  fill: (fields: Structure) => void,
): Uint8Array {
  const text = strings.map((each) => `${each}\0`).join("") || "\0";
  const whole = new Structure(length + text.length + 1).u8(0, type).u8(1, length).u16(2, type);
  fill(whole);
  return whole.ascii(length, text).bytes;
}

function structures(): Uint8Array[] {
  return [
    structure(BIOS_INFORMATION, 0x14, ["Hypertab", "1.0", "01/01/2026"], (fields) =>
      fields.u8(4, 1).u8(5, 2).u16(6, BIOS_SEGMENT).u8(8, 3).u64(0x0a, SUPPORTS_PCI).u8(0x12, SUPPORTS_ACPI),
    ),
    // A UUID of zeros is one that is not there.
    structure(SYSTEM_INFORMATION, 0x19, [MANUFACTURER, PRODUCT, VERSION], (fields) =>
      fields.u8(4, 1).u8(5, 2).u8(6, 3).u8(0x18, WAKE_UP_BY_POWER_SWITCH),
    ),
    structure(BASE_BOARD, 0x08, [MANUFACTURER, PRODUCT, VERSION], (fields) => fields.u8(4, 1).u8(5, 2).u8(6, 3)),
    structure(CHASSIS, 0x0d, [MANUFACTURER, VERSION], (fields) =>
      fields
        .u8(4, 1)
        .u8(5, CHASSIS_DESKTOP)
        .u8(6, 2)
        .u8(9, STATE_SAFE)
        .u8(0x0a, STATE_SAFE)
        .u8(0x0b, STATE_SAFE)
        .u8(0x0c, SECURITY_NONE),
    ),
    structure(END_OF_TABLE, 4, [], () => undefined),
  ];
}

function setChecksum(bytes: Uint8Array, offset: number, start: number, length: number): void {
  bytes[offset] = 0;
  bytes[offset] = -bytes.subarray(start, start + length).reduce((sum, byte) => sum + byte, 0) & 0xff;
}

/** The entry point and all structures as one block of bytes for guest physical address `base`, in 0xf0000..0xfffff. */
export function buildSmbios(base = SMBIOS_BASE): { readonly base: number; readonly bytes: Uint8Array } {
  const parts = structures();
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const block = new Structure(TABLE_OFFSET + size)
    .ascii(0, "_SM_")
    .u8(5, ENTRY_SIZE)
    .u8(6, 2)
    .u8(7, 3)
    .u16(8, Math.max(...parts.map((part) => part.length)))
    .ascii(0x10, "_DMI_")
    .u16(0x16, size)
    .u32(0x18, base + TABLE_OFFSET)
    .u16(0x1c, parts.length)
    .u8(0x1e, 0x23);
  let offset = TABLE_OFFSET;
  for (const part of parts) {
    block.put(offset, part);
    offset += part.length;
  }
  setChecksum(block.bytes, 0x15, 0x10, 0x0f);
  setChecksum(block.bytes, 4, 0, ENTRY_SIZE);
  return { base, bytes: block.bytes };
}
