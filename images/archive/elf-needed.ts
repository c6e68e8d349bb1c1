import { ConfigurationError } from "../../emulator/machine-types";

// ELF-64 as the System V ABI's generic part (chapters 4 and 5) lays it out.

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NULL = 0;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const PROGRAM_HEADER_SIZE = 56;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/** What a program or a library must find at run time. */
export interface Needed {
  /** Path of the dynamic linker; a library, and a static program, has none. */
  readonly interpreter: string | undefined;
  /** Names of libraries. */
  readonly libraries: readonly string[];
}

/**
 * Reads what a little-endian ELF-64 file needs.
 * @throws ConfigurationError if it is not one, or damaged
 */
export function readNeeded(file: Uint8Array, what: string): Needed {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const bad = (): ConfigurationError => new ConfigurationError(`${what}: not a program for 64 bits.`);
  if (file.length < 64 || view.getUint32(0) !== 0x7f45_4c46 || file[4] !== 2 || file[5] !== 1) throw bad();
  const number = (offset: number): number => {
    if (offset + 8 > file.length) throw bad();
    return Number(view.getBigUint64(offset, true));
  };
  const string = (offset: number): string => {
    const end = file.indexOf(0, offset);
    if (end < 0) throw bad();
    return new TextDecoder().decode(file.subarray(offset, end));
  };
  const headers = number(32);
  const segments: Segment[] = Array.from({ length: view.getUint16(56, true) }, (_, index) => {
    const at = headers + index * PROGRAM_HEADER_SIZE;
    if (at + PROGRAM_HEADER_SIZE > file.length) throw bad();
    const type = view.getUint32(at, true);
    return { type, offset: number(at + 8), address: number(at + 16), size: number(at + 32) };
  });
  const interpreter = segments.find(({ type }) => type === PT_INTERP);
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
  const entries: { tag: number; value: number }[] = [];
  for (let at = 0; dynamic && at + 16 <= dynamic.size; at += 16) {
    const tag = number(dynamic.offset + at);
    if (tag === DT_NULL) break;
    entries.push({ tag, value: number(dynamic.offset + at + 8) });
  }
  const strings = entries.find(({ tag }) => tag === DT_STRTAB)?.value ?? 0;
  const load = segments.find(
    ({ type, address, size }) => type === PT_LOAD && address <= strings && strings < address + size,
  );
  const needed = entries.filter(({ tag }) => tag === DT_NEEDED);
  if (needed.length > 0 && !load) throw bad();
  return {
    interpreter: interpreter && string(interpreter.offset),
    libraries: needed.map(({ value }) => string(strings - load!.address + load!.offset + value)),
  };
}
