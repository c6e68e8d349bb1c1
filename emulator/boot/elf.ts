import { ConfigurationError } from "../machine-types";
import { viewOf } from "./bytes";

// Executable and Linkable Format: System V ABI, chapters 4 and 5; psABI of i386 and x86-64 for the machines.

export const ELFCLASS32 = 1;
export const ELFCLASS64 = 2;
const ELFDATA2LSB = 1;
export const ET_EXEC = 2;
export const EM_386 = 3;
export const EM_X86_64 = 62;
const PT_LOAD = 1;

/** A PT_LOAD segment. Addresses are those of the file; `bytes` is its p_filesz bytes, checked to lie in the file. */
export interface ElfSegment {
  readonly physicalAddress: number;
  readonly virtualAddress: bigint;
  readonly bytes: Uint8Array;
  /** p_memsz; never below bytes.length. What is beyond the file's bytes is zero. */
  readonly memorySize: number;
}

export interface ElfFile {
  readonly elfClass: typeof ELFCLASS32 | typeof ELFCLASS64;
  readonly type: number;
  readonly machine: number;
  readonly entry: bigint;
  /** In the file's order, empty ones left out. */
  readonly segments: readonly ElfSegment[];
}

export function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

function bad(what: string): never {
  throw new ConfigurationError(`The ELF image is not usable: ${what}.`);
}

/**
 * Reads an ELF32 or ELF64 file's header and loadable segments.
 * @throws ConfigurationError if anything that it names lies outside the file or the first 4 GiB of physical memory
 */
export function parseElf(bytes: Uint8Array): ElfFile {
  if (!isElf(bytes)) bad("it does not start with the ELF magic number");
  const elfClass = bytes[4];
  if (elfClass !== ELFCLASS32 && elfClass !== ELFCLASS64) bad(`class ${elfClass} is neither 32-bit nor 64-bit`);
  if (bytes[5] !== ELFDATA2LSB) bad("it is not little-endian");
  const wide = elfClass === ELFCLASS64;
  if (bytes.length < (wide ? 64 : 52)) bad("its header is truncated");
  const view = viewOf(bytes);
  const word = (offset: number): bigint =>
    wide ? view.getBigUint64(offset, true) : BigInt(view.getUint32(offset, true));

  const programHeaders = word(wide ? 32 : 28);
  const entrySize = view.getUint16(wide ? 54 : 42, true);
  const count = view.getUint16(wide ? 56 : 44, true);
  const minimum = wide ? 56 : 32;
  if (count > 0 && entrySize < minimum) bad(`program headers of ${entrySize} bytes are shorter than ${minimum}`);
  if (programHeaders + BigInt(entrySize * count) > BigInt(bytes.length))
    bad("its program headers lie outside the file");

  const segments: ElfSegment[] = [];
  for (let index = 0; index < count; index++) {
    const header = Number(programHeaders) + index * entrySize;
    if (view.getUint32(header, true) !== PT_LOAD) continue;
    const offset = word(header + (wide ? 8 : 4));
    const virtualAddress = word(header + (wide ? 16 : 8));
    const physicalAddress = word(header + (wide ? 24 : 12));
    const fileSize = word(header + (wide ? 32 : 16));
    const memorySize = word(header + (wide ? 40 : 20));
    if (memorySize === 0n) continue;
    if (fileSize > memorySize) bad(`segment ${index} has more bytes in the file than in memory`);
    if (offset + fileSize > BigInt(bytes.length)) bad(`segment ${index} lies outside the file, which seems truncated`);
    if (physicalAddress + memorySize > 0x1_0000_0000n) bad(`segment ${index} lies beyond 4 GiB of physical memory`);
    segments.push({
      physicalAddress: Number(physicalAddress),
      virtualAddress,
      bytes: bytes.subarray(Number(offset), Number(offset + fileSize)),
      memorySize: Number(memorySize),
    });
  }
  return {
    elfClass,
    type: view.getUint16(16, true),
    machine: view.getUint16(18, true),
    entry: word(24),
    segments,
  };
}

/**
 * The physical address of the entry point: e_entry itself if it lies in a segment by physical address, as in a Linux
 * kernel, else translated by the segment that holds it by virtual address; undefined if no segment holds it.
 */
export function physicalEntry(elf: ElfFile): number | undefined {
  for (const segment of elf.segments) {
    const offset = elf.entry - BigInt(segment.physicalAddress);
    if (offset >= 0n && offset < BigInt(segment.bytes.length)) return Number(elf.entry);
  }
  for (const segment of elf.segments) {
    const offset = elf.entry - segment.virtualAddress;
    if (offset >= 0n && offset < BigInt(segment.bytes.length)) return segment.physicalAddress + Number(offset);
  }
  return undefined;
}

/** First and last + 1 byte of physical memory that the segments take; undefined if there are none. */
export function physicalExtent(elf: ElfFile): { start: number; end: number } | undefined {
  if (elf.segments.length === 0) return undefined;
  return {
    start: Math.min(...elf.segments.map((segment) => segment.physicalAddress)),
    end: Math.max(...elf.segments.map((segment) => segment.physicalAddress + segment.memorySize)),
  };
}
