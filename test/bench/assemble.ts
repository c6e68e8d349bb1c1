// What the benchmark's programs for guests are assembled with: static ELF files without a library.

/** Machine code. */
export type Code = readonly number[];

/** Immediates, little-endian. */
export const dword = (value: number): Code => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
export const word = (value: number): Code => dword(value).slice(0, 2);
export const qword = (value: number): Code => [...dword(value), 0, 0, 0, 0];
/** The displacement of a short jump back over `body` and the jump itself. */
export const back = (body: Code): number => -(body.length + 2) & 0xff;

/** Ends the process, on Linux for i386: EAX has a system call's number. */
export const exit32 = (status: number): Code => [
  ...[0xbb, ...dword(status)], // mov ebx, status
  ...[0xb8, ...dword(1)], // mov eax, exit
  ...[0xcd, 0x80],
];

/** Ends the process, on Linux for x86-64: RAX has a system call's number. */
export const exit64 = (status: number): Code => [
  ...[0xbf, ...dword(status)], // mov edi, status
  ...[0xb8, ...dword(60)], // mov eax, exit
  ...[0x0f, 0x05],
];

const BASE = 0x400000;
const IDENT_SIZE = 16;
const PT_LOAD = 1;
const PF_R_X = 5;
const ET_EXEC = 2;
const EM_386 = 3;
const EM_X86_64 = 62;

/**
 * A static ELF file that begins to run at the begin of `code`. ELF header and one program header as the System V ABI's
 * generic part lays them out.
 */
export function program(bits: 32 | 64, code: Code): Uint8Array {
  const is64 = bits === 64;
  const address = is64 ? qword : dword;
  const headerSize = is64 ? 64 : 52;
  const programHeaderSize = is64 ? 56 : 32;
  const start = headerSize + programHeaderSize;
  const size = start + code.length;
  const ident = [0x7f, 0x45, 0x4c, 0x46, is64 ? 2 : 1, 1, 1];
  const header: Code = [
    ...ident,
    ...new Array<number>(IDENT_SIZE - ident.length).fill(0),
    ...word(ET_EXEC),
    ...word(is64 ? EM_X86_64 : EM_386),
    ...dword(1),
    ...address(BASE + start),
    ...address(headerSize),
    ...address(0),
    ...dword(0),
    ...word(headerSize),
    ...word(programHeaderSize),
    ...word(1),
    // No sections.
    ...word(0),
    ...word(0),
    ...word(0),
  ];
  const extent: Code = [...address(0), ...address(BASE), ...address(BASE), ...address(size), ...address(size)];
  const programHeader: Code = is64
    ? [...dword(PT_LOAD), ...dword(PF_R_X), ...extent, ...qword(0x1000)]
    : [...dword(PT_LOAD), ...extent, ...dword(PF_R_X), ...dword(0x1000)];
  return Uint8Array.from([...header, ...programHeader, ...code]);
}
