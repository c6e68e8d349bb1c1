import { ConfigurationError, type BootSource } from "../machine-types";
import { Structure } from "./bytes";
import { E820_ENTRY_SIZE, type E820Entry } from "./e820";
import {
  EM_386,
  EM_X86_64,
  ELFCLASS32,
  ELFCLASS64,
  ET_EXEC,
  isElf,
  parseElf,
  physicalEntry,
  physicalExtent,
} from "./elf";
import type { ElfFile } from "./elf";
import {
  alignDown,
  alignUp,
  BOOT_PARAMS_BASE,
  COMMAND_LINE_BASE,
  COMMAND_LINE_ROOM,
  HIGH_MEMORY_BASE,
  PAGE_SIZE,
  toMiB,
} from "./layout";
import { unpackPayload } from "./payload";
import { enterLong, enterProtected, type Entry } from "./processor";
import { parseSetupHeader, type SetupHeader } from "./setup-header";
import type { BootMethod, BootRegion } from "./types";

// struct boot_params: Documentation/arch/x86/zero-page.rst.
const BOOT_PARAMS_SIZE = 4096;
const ACPI_RSDP_ADDR = 0x070;
const E820_ENTRIES = 0x1e8;
const SETUP_HEADER = 0x1f1;
const VID_MODE = 0x1fa;
const TYPE_OF_LOADER = 0x210;
const CODE32_START = 0x214;
const RAMDISK_IMAGE = 0x218;
const RAMDISK_SIZE = 0x21c;
const CMD_LINE_PTR = 0x228;
const E820_TABLE = 0x2d0;
/** A boot loader without an assigned number. */
const LOADER_UNDEFINED = 0xff;
const VID_MODE_NORMAL = 0xffff;
const ENTRY_64_OFFSET = 0x200;
/** Without init_size (before protocol 2.10): room beyond the image for the kernel that unpacks itself. */
const UNPACKING_ROOM = 32 * 0x100000;

/** The kernel as it lies in memory before it runs. */
interface PlacedKernel {
  readonly method: BootMethod;
  readonly why: string;
  readonly regions: readonly BootRegion[];
  readonly entry: number;
  /** First byte after all that the kernel uses before it knows its memory. */
  readonly end: number;
}

export interface LoadedLinux {
  readonly method: BootMethod;
  readonly why: string;
  readonly regions: readonly BootRegion[];
  readonly entry: Entry;
}

/**
 * Lays out a Linux bzImage with its command line and initrd by the Linux/x86 boot protocol.
 * @param memorySize bytes of guest RAM
 * @param rsdp guest physical address of the ACPI root pointer
 * @throws ConfigurationError if the kernel cannot be used or something does not fit in memory
 */
export async function loadLinux(
  source: BootSource,
  memorySize: number,
  e820: readonly E820Entry[],
  rsdp: number,
): Promise<LoadedLinux> {
  const header = parseSetupHeader(source.kernel);
  const commandLine = encodeCommandLine(source.commandLine ?? "", header);
  const kernel = await placeKernel(header);
  if (kernel.end > memorySize) {
    throw new ConfigurationError(
      `The kernel needs ${toMiB(kernel.end)} MiB of memory to start, and the machine has ${toMiB(memorySize)} MiB.`,
    );
  }
  const initrd = placeInitrd(source.initrd, header, kernel.end, memorySize);

  const parameters = new Structure(BOOT_PARAMS_SIZE).put(SETUP_HEADER, header.bytes);
  parameters
    .u8(TYPE_OF_LOADER, LOADER_UNDEFINED)
    .u16(VID_MODE, VID_MODE_NORMAL)
    .u32(CODE32_START, HIGH_MEMORY_BASE)
    .u32(CMD_LINE_PTR, COMMAND_LINE_BASE)
    .u32(RAMDISK_IMAGE, initrd?.gpa ?? 0)
    .u32(RAMDISK_SIZE, initrd?.bytes.length ?? 0)
    .u8(E820_ENTRIES, e820.length);
  if (header.version >= 0x20e) parameters.u64(ACPI_RSDP_ADDR, rsdp);
  e820.forEach((entry, index) => {
    const offset = E820_TABLE + index * E820_ENTRY_SIZE;
    parameters
      .u64(offset, entry.address)
      .u64(offset + 8, entry.size)
      .u32(offset + 16, entry.type);
  });

  const long = kernel.method === "vmlinux-64" || kernel.method === "bzImage-64";
  const entry = (long ? enterLong : enterProtected)(kernel.entry, { rsi: BOOT_PARAMS_BASE });
  return {
    method: kernel.method,
    why: kernel.why,
    entry,
    regions: [
      { name: "boot_params", gpa: BOOT_PARAMS_BASE, bytes: parameters.bytes },
      { name: "command line", gpa: COMMAND_LINE_BASE, bytes: commandLine },
      ...kernel.regions,
      ...(initrd ? [initrd] : []),
    ],
  };
}

function encodeCommandLine(commandLine: string, header: SetupHeader): Uint8Array {
  const bytes = new TextEncoder().encode(commandLine);
  const most = Math.min(header.commandLineSize, COMMAND_LINE_ROOM - 1);
  if (bytes.length > most) {
    throw new ConfigurationError(`The command line has ${bytes.length} bytes; this kernel takes at most ${most}.`);
  }
  if (bytes.includes(0)) throw new ConfigurationError("The command line must not contain a zero byte.");
  const terminated = new Uint8Array(bytes.length + 1);
  terminated.set(bytes);
  return terminated;
}

async function placeKernel(header: SetupHeader): Promise<PlacedKernel> {
  if (!header.payload) return placeCompressed(header, "its header does not say where the payload is");
  const unpacked = await unpackPayload(header.payload);
  if ("reason" in unpacked) return placeCompressed(header, unpacked.reason);
  return placeUnpacked(header, unpacked.bytes);
}

/**
 * Places the ELF kernel at the addresses that it was linked for. There it needs no relocation, so the table that
 * relocatable kernels carry behind the ELF file is left alone.
 */
function placeUnpacked(header: SetupHeader, bytes: Uint8Array): PlacedKernel {
  if (!isElf(bytes)) return placeCompressed(header, "its payload is not an ELF file");
  const elf = parseElf(bytes);
  const extent = physicalExtent(elf);
  const entry = physicalEntry(elf);
  const odd = oddity(elf, header, extent, entry);
  if (odd !== undefined || !extent || entry === undefined) return placeCompressed(header, odd ?? "it has no entry");
  const end = Math.max(extent.end, (header.preferredAddress ?? 0) + (header.initSize ?? 0));
  return {
    method: elf.elfClass === ELFCLASS64 ? "vmlinux-64" : "vmlinux-32",
    why: `the host unpacked the kernel, ${toMiB(bytes.length)} MiB`,
    regions: elf.segments
      .filter((segment) => segment.bytes.length > 0)
      .map((segment, index) => ({
        name: `kernel segment ${index}`,
        gpa: segment.physicalAddress,
        bytes: segment.bytes,
      })),
    entry,
    end: alignUp(end, PAGE_SIZE),
  };
}

/** What keeps an unpacked kernel from being entered directly, if anything. */
function oddity(
  elf: ElfFile,
  header: SetupHeader,
  extent: { start: number; end: number } | undefined,
  entry: number | undefined,
): string | undefined {
  if (elf.type !== ET_EXEC) return "its ELF file is not an executable";
  const known =
    (elf.elfClass === ELFCLASS64 && elf.machine === EM_X86_64) ||
    (elf.elfClass === ELFCLASS32 && elf.machine === EM_386);
  if (!known) return `its ELF file is for machine ${elf.machine}`;
  if (!extent || entry === undefined) return "its ELF file has no segment with the entry point";
  if (extent.start < HIGH_MEMORY_BASE) return "a segment lies below 1 MiB";
  if (header.preferredAddress !== undefined && extent.start !== header.preferredAddress) {
    return "its ELF file is not linked for the preferred address";
  }
  const sorted = [...elf.segments].sort((a, b) => a.physicalAddress - b.physicalAddress);
  const overlap = sorted.some((segment, index) => {
    const next = sorted[index + 1];
    return next !== undefined && segment.physicalAddress + segment.bytes.length > next.physicalAddress;
  });
  return overlap ? "its segments overlap" : undefined;
}

/** Places the protected-mode part as it is at 1 MiB, to unpack itself. */
function placeCompressed(header: SetupHeader, reason: string): PlacedKernel {
  const imageEnd = HIGH_MEMORY_BASE + header.protectedMode.length;
  const start = Math.max(header.preferredAddress ?? 0, HIGH_MEMORY_BASE);
  // The decompressor moves the packed image to the end of init_size first.
  const end = header.initSize ? Math.max(start + header.initSize, imageEnd) : imageEnd + UNPACKING_ROOM;
  return {
    method: header.kernel64 ? "bzImage-64" : "bzImage-32",
    why: `the kernel unpacks itself, because ${reason}`,
    regions: [{ name: "kernel", gpa: HIGH_MEMORY_BASE, bytes: header.protectedMode }],
    entry: HIGH_MEMORY_BASE + (header.kernel64 ? ENTRY_64_OFFSET : 0),
    end: alignUp(end, PAGE_SIZE),
  };
}

/** As high as the kernel allows, on a page boundary. */
function placeInitrd(
  initrd: Uint8Array | undefined,
  header: SetupHeader,
  kernelEnd: number,
  memorySize: number,
): BootRegion | undefined {
  if (!initrd) return undefined;
  if (initrd.length === 0) throw new ConfigurationError("The initrd is empty; give a cpio archive, or none.");
  const ceiling = Math.min(memorySize, header.initrdAddressMax + 1);
  const gpa = alignDown(ceiling - initrd.length, PAGE_SIZE);
  if (gpa < kernelEnd) {
    const needed = kernelEnd + alignUp(initrd.length, PAGE_SIZE);
    const advice =
      needed <= header.initrdAddressMax + 1
        ? `the machine needs at least ${toMiB(needed)} MiB of memory and has ${toMiB(memorySize)} MiB`
        : `this kernel takes an initrd only below ${toMiB(header.initrdAddressMax + 1)} MiB`;
    throw new ConfigurationError(
      `The initrd of ${toMiB(initrd.length)} MiB does not fit beside the kernel: ${advice}.`,
    );
  }
  return { name: "initrd", gpa, bytes: initrd };
}
