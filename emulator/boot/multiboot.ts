import { ConfigurationError, type BootSource } from "../machine-types";
import { Structure, viewOf } from "./bytes";
import { E820_RAM, type E820Entry } from "./e820";
import { isElf, parseElf, physicalEntry } from "./elf";
import {
  alignUp,
  BOOT_PARAMS_BASE,
  COMMAND_LINE_BASE,
  COMMAND_LINE_ROOM,
  EBDA_BASE,
  HIGH_MEMORY_BASE,
  PAGE_SIZE,
  toMiB,
} from "./layout";
import { enterProtected, type Entry } from "./processor";
import type { BootRegion } from "./types";

// Multiboot Specification 0.6.96: header 3.1, machine state 3.2, boot information 3.3.

const HEADER_SEARCH = 8192;
const MULTIBOOT_HEADER_MAGIC = 0x1bad_b002;
const MULTIBOOT_BOOTLOADER_MAGIC = 0x2bad_b002;
const MULTIBOOT_VIDEO_MODE = 1 << 2;
const MULTIBOOT_AOUT_KLUDGE = 1 << 16;
/** Requirements (bits 15:0) that this loader meets: aligned modules, memory information. */
const REQUIREMENTS_MET = 3;

const INFO_MEMORY = 1 << 0;
const INFO_CMDLINE = 1 << 2;
const INFO_MODS = 1 << 3;
const INFO_MEM_MAP = 1 << 6;
const INFO_BOOT_LOADER_NAME = 1 << 9;
const INFO_SIZE = 120;
const MODULE_SIZE = 16;
const MMAP_ENTRY_SIZE = 24;
const LOADER_NAME = "Hypertab";
/** The command line's first word stands for the kernel's file, as boot loaders give it. */
const KERNEL_NAME = "kernel";
const MODULE_NAME = "initrd";

interface Header {
  readonly offset: number;
  readonly flags: number;
}

function findHeader(kernel: Uint8Array): Header | undefined {
  const view = viewOf(kernel);
  const last = Math.min(kernel.length, HEADER_SEARCH) - 12;
  for (let offset = 0; offset <= last; offset += 4) {
    if (view.getUint32(offset, true) !== MULTIBOOT_HEADER_MAGIC) continue;
    const flags = view.getUint32(offset + 4, true);
    const sum = MULTIBOOT_HEADER_MAGIC + flags + view.getUint32(offset + 8, true);
    if (sum % 0x1_0000_0000 === 0) return { offset, flags };
  }
  return undefined;
}

export function isMultiboot(kernel: Uint8Array): boolean {
  return findHeader(kernel) !== undefined;
}

export interface LoadedMultiboot {
  readonly regions: readonly BootRegion[];
  readonly entry: Entry;
}

/**
 * Lays out a multiboot 1 kernel, ELF or with load addresses in its header; the initrd becomes its one module.
 * @param memorySize bytes of guest RAM
 * @throws ConfigurationError if the kernel cannot be used or something does not fit in memory
 */
export function loadMultiboot(source: BootSource, memorySize: number, e820: readonly E820Entry[]): LoadedMultiboot {
  const header = findHeader(source.kernel);
  if (!header) throw new ConfigurationError("The kernel has no multiboot header in its first 8 KiB.");
  const unmet = header.flags & 0xffff & ~REQUIREMENTS_MET;
  if (unmet & MULTIBOOT_VIDEO_MODE)
    throw new ConfigurationError("The multiboot kernel wants a video mode set; there is none.");
  if (unmet)
    throw new ConfigurationError(`The multiboot kernel has requirements 0x${unmet.toString(16)} that are not known.`);

  const kernel = header.flags & MULTIBOOT_AOUT_KLUDGE ? placeByHeader(source.kernel, header) : placeElf(source.kernel);
  if (kernel.regions.some((region) => region.gpa < HIGH_MEMORY_BASE)) {
    throw new ConfigurationError("The multiboot kernel loads below 1 MiB, where the loader keeps its tables.");
  }
  if (kernel.end > memorySize) {
    throw new ConfigurationError(
      `The kernel needs ${toMiB(kernel.end)} MiB of memory to start, and the machine has ${toMiB(memorySize)} MiB.`,
    );
  }
  const module = source.initrd;
  const moduleStart = alignUp(kernel.end, PAGE_SIZE);
  if (module && moduleStart + module.length > memorySize) {
    throw new ConfigurationError(
      `The initrd of ${toMiB(module.length)} MiB does not fit beside the kernel: the machine needs at least ` +
        `${toMiB(moduleStart + module.length)} MiB of memory and has ${toMiB(memorySize)} MiB.`,
    );
  }
  const strings = layOutStrings(source.commandLine ?? "");
  const information = buildInformation(
    e820,
    memorySize,
    strings,
    module && { start: moduleStart, end: moduleStart + module.length },
  );
  return {
    entry: enterProtected(kernel.entry, { rax: MULTIBOOT_BOOTLOADER_MAGIC, rbx: BOOT_PARAMS_BASE }),
    regions: [
      { name: "multiboot information", gpa: BOOT_PARAMS_BASE, bytes: information },
      { name: "command line", gpa: COMMAND_LINE_BASE, bytes: strings.bytes },
      ...kernel.regions,
      ...(module ? [{ name: "module", gpa: moduleStart, bytes: module }] : []),
    ],
  };
}

interface Placed {
  readonly regions: readonly BootRegion[];
  readonly entry: number;
  readonly end: number;
}

function placeElf(kernel: Uint8Array): Placed {
  if (!isElf(kernel)) {
    throw new ConfigurationError("The multiboot kernel is neither an ELF file nor has load addresses in its header.");
  }
  const elf = parseElf(kernel);
  const entry = physicalEntry(elf);
  if (entry === undefined)
    throw new ConfigurationError("The multiboot kernel's entry point lies in none of its segments.");
  const sorted = [...elf.segments].sort((a, b) => a.physicalAddress - b.physicalAddress);
  sorted.forEach((segment, index) => {
    const next = sorted[index + 1];
    if (next && segment.physicalAddress + segment.bytes.length > next.physicalAddress) {
      throw new ConfigurationError("The multiboot kernel's ELF segments overlap.");
    }
  });
  return {
    entry,
    end: Math.max(...elf.segments.map((segment) => segment.physicalAddress + segment.memorySize)),
    regions: elf.segments
      .filter((segment) => segment.bytes.length > 0)
      .map((segment, index) => ({
        name: `kernel segment ${index}`,
        gpa: segment.physicalAddress,
        bytes: segment.bytes,
      })),
  };
}

function placeByHeader(kernel: Uint8Array, header: Header): Placed {
  const view = viewOf(kernel);
  if (header.offset + 32 > kernel.length) throw new ConfigurationError("The multiboot header is truncated.");
  const field = (offset: number): number => view.getUint32(header.offset + offset, true);
  const headerAddress = field(12);
  const loadAddress = field(16);
  const loadEnd = field(20);
  const bssEnd = field(24);
  const entry = field(28);
  const fileStart = header.offset - (headerAddress - loadAddress);
  const length = loadEnd === 0 ? kernel.length - fileStart : loadEnd - loadAddress;
  if (loadAddress > headerAddress || fileStart < 0 || length <= 0) {
    throw new ConfigurationError("The multiboot header's load addresses contradict each other.");
  }
  if (fileStart + length > kernel.length) throw new ConfigurationError("The multiboot kernel is truncated.");
  if (entry < loadAddress || entry >= loadAddress + length) {
    throw new ConfigurationError("The multiboot kernel's entry point lies outside what it loads.");
  }
  return {
    entry,
    end: Math.max(loadAddress + length, bssEnd),
    regions: [{ name: "kernel", gpa: loadAddress, bytes: kernel.subarray(fileStart, fileStart + length) }],
  };
}

interface Strings {
  readonly bytes: Uint8Array;
  readonly commandLine: number;
  readonly loaderName: number;
  readonly moduleName: number;
}

function layOutStrings(commandLine: string): Strings {
  const full = commandLine ? `${KERNEL_NAME} ${commandLine}` : KERNEL_NAME;
  if (full.includes("\0")) throw new ConfigurationError("The command line must not contain a zero byte.");
  const line = new TextEncoder().encode(full);
  const rest = new TextEncoder().encode(`\0${LOADER_NAME}\0${MODULE_NAME}\0`);
  const most = COMMAND_LINE_ROOM - rest.length;
  if (line.length > most) {
    throw new ConfigurationError(
      `The command line has ${line.length} bytes; a multiboot kernel takes at most ${most} here.`,
    );
  }
  const bytes = new Uint8Array(line.length + rest.length);
  bytes.set(line);
  bytes.set(rest, line.length);
  const loaderName = COMMAND_LINE_BASE + line.length + 1;
  return { bytes, commandLine: COMMAND_LINE_BASE, loaderName, moduleName: loaderName + LOADER_NAME.length + 1 };
}

function buildInformation(
  e820: readonly E820Entry[],
  memorySize: number,
  strings: Strings,
  module: { start: number; end: number } | undefined,
): Uint8Array {
  const modules = INFO_SIZE;
  const map = modules + (module ? MODULE_SIZE : 0);
  const information = new Structure(map + e820.length * MMAP_ENTRY_SIZE);
  const flags = INFO_MEMORY | INFO_CMDLINE | INFO_MEM_MAP | INFO_BOOT_LOADER_NAME | INFO_MODS;
  information
    .u32(0, flags)
    .u32(4, EBDA_BASE / 1024)
    .u32(8, (memorySize - HIGH_MEMORY_BASE) / 1024)
    .u32(16, strings.commandLine)
    .u32(20, module ? 1 : 0)
    .u32(24, BOOT_PARAMS_BASE + modules)
    .u32(44, e820.length * MMAP_ENTRY_SIZE)
    .u32(48, BOOT_PARAMS_BASE + map)
    .u32(64, strings.loaderName);
  if (module)
    information
      .u32(modules, module.start)
      .u32(modules + 4, module.end)
      .u32(modules + 8, strings.moduleName);
  e820.forEach((entry, index) => {
    const offset = map + index * MMAP_ENTRY_SIZE;
    // `size` counts what follows it; types other than RAM are the same numbers as e820's.
    information
      .u32(offset, MMAP_ENTRY_SIZE - 4)
      .u64(offset + 4, entry.address)
      .u64(offset + 12, entry.size)
      .u32(offset + 20, entry.type === E820_RAM ? 1 : entry.type);
  });
  return information.bytes;
}
