import { Structure } from "../bytes";
import { ACPI_BASE, ACPI_END, alignUp } from "../layout";
import { dsdtBody } from "./dsdt";
import {
  IO_APIC_BASE,
  IO_APIC_ID,
  LOCAL_APIC_BASE,
  PM1A_CNT_BLK,
  PM1A_EVT_BLK,
  PM_TMR_BLK,
  RESET_REG,
  RESET_VALUE,
  RTC_CENTURY,
  SCI_INT,
} from "./platform";

// ACPI specification 6.5: RSDP 5.2.5.3, table header 5.2.6, RSDT 5.2.7, XSDT 5.2.8, FADT 5.2.9, FACS 5.2.10, MADT 5.2.12.

const HEADER_SIZE = 36;
const RSDP_SIZE = 36;
const FACS_SIZE = 64;
const FADT_SIZE = 244;
/** Revision 4: ACPI 4.0, which 2.6.32 knows and later kernels read as it is. */
const FADT_REVISION = 4;
const OEM_ID = "HYPTAB";
const OEM_TABLE_ID = "HYPERTAB";
const CREATOR_ID = "HTAB";

function setChecksum(bytes: Uint8Array, offset: number, length: number): void {
  bytes[offset] = 0;
  let sum = 0;
  for (let index = 0; index < length; index++) sum += bytes[index]!;
  bytes[offset] = -sum & 0xff;
}

/** A table with its header; `body` lies behind the header's 36 bytes. */
function table(signature: string, revision: number, body: Uint8Array): Uint8Array {
  const whole = new Structure(HEADER_SIZE + body.length);
  whole
    .ascii(0, signature)
    .u32(4, whole.bytes.length)
    .u8(8, revision)
    .ascii(10, OEM_ID)
    .ascii(16, OEM_TABLE_ID)
    .u32(24, 1)
    .ascii(28, CREATOR_ID)
    .u32(32, 1)
    .put(HEADER_SIZE, body);
  setChecksum(whole.bytes, 9, whole.bytes.length);
  return whole.bytes;
}

/** Generic address structure (5.2.3.2) for an I/O port; size in bits, access size as bytes 1, 2, 3 for 1, 2, 4. */
function ioAddress(target: Structure, offset: number, port: number, bits: number, accessSize: number): void {
  target
    .u8(offset, 1)
    .u8(offset + 1, bits)
    .u8(offset + 2, 0)
    .u8(offset + 3, accessSize)
    .u64(offset + 4, port);
}

const FADT_WBINVD = 1 << 0;
const FADT_PROC_C1 = 1 << 2;
const FADT_SLP_BUTTON = 1 << 5;
const FADT_TMR_VAL_EXT = 1 << 8;
const FADT_RESET_REG_SUP = 1 << 10;
const BOOT_ARCH_LEGACY_DEVICES = 1 << 0;
const BOOT_ARCH_8042 = 1 << 1;

/** Offsets are from the table's start, as the specification gives them. */
function fadt(dsdt: number, facs: number): Uint8Array {
  const fields = new Structure(FADT_SIZE);
  fields
    .u32(36, facs)
    .u32(40, dsdt)
    .u16(46, SCI_INT)
    // SMI_CMD, ACPI_ENABLE and ACPI_DISABLE stay 0: the machine is always in ACPI mode.
    .u32(56, PM1A_EVT_BLK)
    .u32(64, PM1A_CNT_BLK)
    .u32(76, PM_TMR_BLK)
    .u8(88, 4)
    .u8(89, 2)
    .u8(91, 4)
    // Latencies above 100 and 1000 us: no C2, no C3.
    .u16(96, 0xfff)
    .u16(98, 0xfff)
    .u8(108, RTC_CENTURY)
    .u16(109, BOOT_ARCH_LEGACY_DEVICES | BOOT_ARCH_8042)
    .u32(112, FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_TMR_VAL_EXT | FADT_RESET_REG_SUP)
    .u8(128, RESET_VALUE)
    .u64(132, facs)
    .u64(140, dsdt);
  ioAddress(fields, 116, RESET_REG, 8, 1);
  ioAddress(fields, 148, PM1A_EVT_BLK, 32, 2);
  ioAddress(fields, 172, PM1A_CNT_BLK, 16, 2);
  ioAddress(fields, 208, PM_TMR_BLK, 32, 3);
  return table("FACP", FADT_REVISION, fields.bytes.subarray(HEADER_SIZE));
}

function facs(): Uint8Array {
  return new Structure(FACS_SIZE).ascii(0, "FACS").u32(4, FACS_SIZE).u8(32, 1).bytes;
}

const MADT_PCAT_COMPAT = 1;
const MPS_ACTIVE_HIGH = 1;
const MPS_LEVEL = 3 << 2;

function madt(): Uint8Array {
  const localApic = new Structure(8).u8(0, 0).u8(1, 8).u8(2, 0).u8(3, 0).u32(4, 1);
  const ioApic = new Structure(12).u8(0, 1).u8(1, 12).u8(2, IO_APIC_ID).u32(4, IO_APIC_BASE).u32(8, 0);
  const override = (irq: number, gsi: number, flags: number): Structure =>
    new Structure(10).u8(0, 2).u8(1, 10).u8(2, 0).u8(3, irq).u32(4, gsi).u16(8, flags);
  const nmi = new Structure(6).u8(0, 4).u8(1, 6).u8(2, 0xff).u16(3, 0).u8(5, 1);
  // The 8254 is wired to input 2 of the I/O APIC; the SCI is level, active high.
  const entries = [localApic, ioApic, override(0, 2, 0), override(SCI_INT, SCI_INT, MPS_ACTIVE_HIGH | MPS_LEVEL), nmi];
  const size = entries.reduce((sum, entry) => sum + entry.bytes.length, 8);
  const body = new Structure(size).u32(0, LOCAL_APIC_BASE).u32(4, MADT_PCAT_COMPAT);
  let offset = 8;
  for (const { bytes } of entries) {
    body.put(offset, bytes);
    offset += bytes.length;
  }
  return table("APIC", 2, body.bytes);
}

/** Windows ACPI emulated devices table: the RTC and the PM timer need no workarounds for real hardware's faults. */
function waet(): Uint8Array {
  return table("WAET", 1, new Structure(4).u32(0, 3).bytes);
}

/** The DSDT as a table. Revision 2: integers have 64 bits. */
export function dsdt(): Uint8Array {
  return table("DSDT", 2, Uint8Array.from(dsdtBody()));
}

function rootTable(signature: "RSDT" | "XSDT", addresses: readonly number[]): Uint8Array {
  const width = signature === "RSDT" ? 4 : 8;
  const body = new Structure(width * addresses.length);
  addresses.forEach((address, index) => {
    if (width === 4) body.u32(index * 4, address);
    else body.u64(index * 8, address);
  });
  return table(signature, 1, body.bytes);
}

function rsdp(rsdt: number, xsdt: number): Uint8Array {
  const pointer = new Structure(RSDP_SIZE);
  pointer.ascii(0, "RSD PTR ").ascii(9, OEM_ID).u8(15, 2).u32(16, rsdt).u32(20, RSDP_SIZE).u64(24, xsdt);
  setChecksum(pointer.bytes, 8, 20);
  setChecksum(pointer.bytes, 32, RSDP_SIZE);
  return pointer.bytes;
}

/** All ACPI tables as one block of bytes for guest physical address `base`. */
export interface AcpiTables {
  readonly base: number;
  readonly bytes: Uint8Array;
  /** Guest physical address of the root system description pointer. */
  readonly rsdp: number;
  /** Signatures of the tables, in the order in which they lie. */
  readonly tables: readonly string[];
}

/** Builds the tables of a machine with one processor. */
export function buildAcpi(base = ACPI_BASE): AcpiTables {
  const placed: { signature: string; gpa: number; bytes: Uint8Array }[] = [];
  let next = alignUp(base + RSDP_SIZE, 64);
  const place = (signature: string, bytes: Uint8Array): number => {
    const gpa = next;
    placed.push({ signature, gpa, bytes });
    // 64 is what FACS needs; the others are content with less.
    next = alignUp(gpa + bytes.length, 64);
    return gpa;
  };
  const facsAddress = place("FACS", facs());
  const dsdtAddress = place("DSDT", dsdt());
  const listed = [place("FACP", fadt(dsdtAddress, facsAddress)), place("APIC", madt()), place("WAET", waet())];
  const rsdt = place("RSDT", rootTable("RSDT", listed));
  const xsdt = place("XSDT", rootTable("XSDT", listed));
  if (next > base + (ACPI_END - ACPI_BASE)) throw new RangeError("the ACPI tables outgrow their place");
  const block = new Structure(next - base).put(0, rsdp(rsdt, xsdt));
  for (const { gpa, bytes } of placed) block.put(gpa - base, bytes);
  return { base, bytes: block.bytes, rsdp: base, tables: placed.map(({ signature }) => signature) };
}
