import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { eisaId, integer, nameString, pkgLength } from "../../../emulator/boot/acpi/aml";
import { irqNoFlags, memoryWindow64 } from "../../../emulator/boot/acpi/resources";
import { buildAcpi, dsdt } from "../../../emulator/boot/acpi/tables";

const acpi = buildAcpi();
const bytesAt = (gpa: number, length: number): Uint8Array =>
  acpi.bytes.subarray(gpa - acpi.base, gpa - acpi.base + length);
const viewAt = (gpa: number): DataView => new DataView(acpi.bytes.buffer, gpa - acpi.base);
const text = (bytes: Uint8Array): string => new TextDecoder("latin1").decode(bytes);
const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => (total + byte) & 0xff, 0);
const tableAt = (gpa: number): { signature: string; bytes: Uint8Array } => {
  const bytes = bytesAt(gpa, viewAt(gpa).getUint32(4, true));
  return { signature: text(bytes.subarray(0, 4)), bytes };
};
const listed = (): Map<string, number> => {
  const xsdt = Number(viewAt(acpi.rsdp).getBigUint64(24, true));
  const length = viewAt(xsdt).getUint32(4, true);
  const addresses = Array.from({ length: (length - 36) / 8 }, (_, index) =>
    Number(viewAt(xsdt).getBigUint64(36 + index * 8, true)),
  );
  return new Map(addresses.map((gpa) => [tableAt(gpa).signature, gpa]));
};

describe("AML encoding", () => {
  test("package lengths at their limits", () => {
    expect(pkgLength(0)).toEqual([1]);
    expect(pkgLength(62)).toEqual([63]);
    expect(pkgLength(63)).toEqual([0x41, 0x04]);
    expect(pkgLength(4093)).toEqual([0x4f, 0xff]);
    expect(pkgLength(4094)).toEqual([0x81, 0x00, 0x01]);
  });

  test("names, integers and ids", () => {
    expect(text(Uint8Array.from(nameString("\\_SB.PCI0")))).toBe("\\._SB_PCI0");
    expect(nameString("^STA")).toEqual([0x5e, 0x53, 0x54, 0x41, 0x5f]);
    expect(nameString("A.B.C").slice(0, 2)).toEqual([0x2f, 3]);
    expect([integer(0), integer(1), integer(0xff), integer(0x100), integer(0x1_0000)]).toEqual([
      [0],
      [1],
      [0x0a, 0xff],
      [0x0b, 0, 1],
      [0x0c, 0, 0, 1, 0],
    ]);
    expect(integer(0x1_0000_0000n)).toEqual([0x0e, 0, 0, 0, 0, 1, 0, 0, 0]);
    expect(eisaId("PNP0A03")).toEqual([0x0c, 0x41, 0xd0, 0x0a, 0x03]);
  });

  test("resource descriptors", () => {
    expect(irqNoFlags(5)).toEqual([0x22, 0x20, 0x00]);
    const window = memoryWindow64(0xf_e000_0000n, 0xf_ffff_ffffn);
    expect(window.slice(0, 6)).toEqual([0x8a, 43, 0, 0, 0x0c, 1]);
    expect(window.length).toBe(46);
  });
});

describe("ACPI tables", () => {
  test("the root pointer is where Linux looks, with both checksums", () => {
    expect(acpi.rsdp).toBeGreaterThanOrEqual(0xe_0000);
    expect(acpi.rsdp % 16).toBe(0);
    expect(acpi.base + acpi.bytes.length).toBeLessThanOrEqual(0x10_0000);
    expect(text(bytesAt(acpi.rsdp, 8))).toBe("RSD PTR ");
    expect([sum(bytesAt(acpi.rsdp, 20)), sum(bytesAt(acpi.rsdp, 36))]).toEqual([0, 0]);
  });

  test("RSDT and XSDT list the same tables, and every table's checksum is right", () => {
    const rsdt = viewAt(acpi.rsdp).getUint32(16, true);
    const short = tableAt(rsdt);
    expect([short.signature, sum(short.bytes)]).toEqual(["RSDT", 0]);
    const addresses = [...listed().values()];
    expect(addresses.map((_, index) => viewAt(rsdt).getUint32(36 + 4 * index, true))).toEqual(addresses);
    expect([...listed().keys()]).toEqual(["FACP", "APIC", "WAET"]);
    for (const gpa of addresses) expect(sum(tableAt(gpa).bytes)).toBe(0);
  });

  test("the FADT names the ports, the SCI, the reset register and the DSDT", () => {
    const fadt = viewAt(listed().get("FACP")!);
    expect(fadt.getUint32(4, true)).toBe(244);
    expect([fadt.getUint32(56, true), fadt.getUint32(64, true), fadt.getUint32(76, true)]).toEqual([
      0x400, 0x404, 0x408,
    ]);
    expect([fadt.getUint16(46, true), fadt.getUint32(48, true)]).toEqual([9, 0]);
    expect(fadt.getUint32(112, true) & 0x500).toBe(0x500);
    expect([fadt.getUint8(116), fadt.getUint8(117), Number(fadt.getBigUint64(120, true)), fadt.getUint8(128)]).toEqual([
      1, 8, 0xcf9, 6,
    ]);
    const dsdtAddress = fadt.getUint32(40, true);
    expect(Number(fadt.getBigUint64(140, true))).toBe(dsdtAddress);
    const table = tableAt(dsdtAddress);
    expect([table.signature, sum(table.bytes)]).toEqual(["DSDT", 0]);
    const facs = fadt.getUint32(36, true);
    expect([facs % 64, text(bytesAt(facs, 4))]).toEqual([0, "FACS"]);
  });

  test("the MADT has one local APIC, one I/O APIC, IRQ 0 on input 2, the SCI level and active high", () => {
    const madt = tableAt(listed().get("APIC")!).bytes;
    const view = new DataView(madt.buffer, madt.byteOffset);
    expect([view.getUint32(36, true), view.getUint32(40, true)]).toEqual([0xfee0_0000, 1]);
    const entries: number[][] = [];
    for (let offset = 44; offset < madt.length; offset += madt[offset + 1]!) {
      entries.push([...madt.subarray(offset, offset + madt[offset + 1]!)]);
    }
    expect(entries).toEqual([
      [0, 8, 0, 0, 1, 0, 0, 0],
      [1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0],
      [2, 10, 0, 0, 2, 0, 0, 0, 0, 0],
      [2, 10, 0, 9, 9, 0, 0, 0, 13, 0],
      [4, 6, 0xff, 0, 0, 1],
    ]);
  });
});

const haveIasl = spawnSync("iasl", ["-v"]).error === undefined;

test.skipIf(!haveIasl)("iasl reads the DSDT as meant (skipped without acpica-tools)", () => {
  const folder = mkdtempSync(join(tmpdir(), "hypertab-dsdt-"));
  try {
    writeFileSync(join(folder, "dsdt.aml"), dsdt());
    execFileSync("iasl", ["-d", "dsdt.aml"], { cwd: folder, stdio: "pipe" });
    const source = readFileSync(join(folder, "dsdt.dsl"), "latin1")
      .replace(/\/[/*].*$/gm, "")
      .replace(/\s+/g, " ");
    expect(source).toContain("Processor (CPU0, 0x00, 0x00000000, 0x00)");
    expect(source).toContain("Name (\\_S5, Package (0x04)");
    const vmbs = source.slice(source.indexOf("Device (VMBS)"));
    for (const term of [
      'Name (_HID, "VMBus")',
      'Name (_DDN, "VMBUS")',
      "Name (_UID, Zero)",
      "IRQNoFlags () {5}",
      "STA &= 0x0D",
      "STA |= 0x0F",
      "Return (STA)",
    ]) {
      expect(vmbs).toContain(term);
    }
    for (const id of ["PNP0A03", "PNP0501", "PNP0B00", "PNP0303", "PNP0F13", "PNP0100", "PNP0000", "PNP0200"]) {
      expect(source).toContain(`EisaId ("${id}")`);
    }
    // EL6 takes the last QWordMemory window of VMBS's parent; there must be one only.
    expect(source.split("QWordMemory").length).toBe(2);
    expect(source).toMatch(/QWordMemory [^{}]*0x0000000FE0000000, 0x0000000FFFFFFFFF/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
