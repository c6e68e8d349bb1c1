// A static ELF program, assembled here: reads 4 KiB at random places of the first 256 MiB of /dev/sda, one after the
// other and past the page cache (O_DIRECT). Exit status 0, or 1 if a read was not whole.

import { back, type Code, dword, exit32, exit64, program } from "./assemble";

export const RANDOM_READS = 4000;
const READ_SIZE = 4096;
const O_DIRECT = 0x4000;
const ascii = (text: string): Code => [...text].map((character) => character.charCodeAt(0));

/** Linux, i386: arguments in EBX, ECX, EDX, ESI, EDI, EBP. */
function code32(): Code {
  const loop: Code = [
    ...[0x8b, 0x04, 0x24], // mov eax, [esp]
    ...[0x69, 0xc0, ...dword(1664525)], // imul eax, eax, 1664525
    ...[0x05, ...dword(1013904223)], // add eax, 1013904223
    ...[0x89, 0x04, 0x24], // mov [esp], eax
    ...[0x89, 0xc6], // mov esi, eax
    ...[0xc1, 0xee, 0x10], // shr esi, 16
    ...[0xc1, 0xe6, 0x0c], // shl esi, 12
    ...[0xb8, ...dword(180)], // mov eax, pread64
    ...[0xcd, 0x80],
    ...[0x3d, ...dword(READ_SIZE)], // cmp eax, READ_SIZE
    ...[0x74, exit32(1).length], // je
    ...exit32(1),
    ...[0x83, 0xed, 0x01], // sub ebp, 1
  ];
  return [
    ...[0xb8, ...dword(192)], // mov eax, mmap2
    ...[0x31, 0xdb], // xor ebx, ebx
    ...[0xb9, ...dword(READ_SIZE)], // mov ecx, READ_SIZE
    ...[0xba, ...dword(3)], // mov edx, PROT_READ | PROT_WRITE
    ...[0xbe, ...dword(0x22)], // mov esi, MAP_PRIVATE | MAP_ANONYMOUS
    ...[0xbf, ...dword(0xffffffff)], // mov edi, -1
    ...[0x31, 0xed], // xor ebp, ebp
    ...[0xcd, 0x80],
    ...[0x89, 0xc7], // mov edi, eax
    ...[0x6a, 0x00], // push 0
    ...[0x68, ...ascii("/sda")], // push
    ...[0x68, ...ascii("/dev")], // push
    ...[0x89, 0xe3], // mov ebx, esp
    ...[0xb9, ...dword(O_DIRECT)], // mov ecx, O_DIRECT
    ...[0xb8, ...dword(5)], // mov eax, open
    ...[0xcd, 0x80],
    ...[0x89, 0xc3], // mov ebx, eax
    ...[0x89, 0xf9], // mov ecx, edi
    ...[0x31, 0xff], // xor edi, edi
    ...[0xba, ...dword(READ_SIZE)], // mov edx, READ_SIZE
    ...[0x6a, 0x01], // push 1
    ...[0xbd, ...dword(RANDOM_READS)], // mov ebp, RANDOM_READS
    ...[...loop, 0x75, back(loop)], // jnz
    ...exit32(0),
  ];
}

/** Linux, x86-64: arguments in RDI, RSI, RDX, R10, R8, R9. */
function code64(): Code {
  const loop: Code = [
    ...[0x69, 0xdb, ...dword(1664525)], // imul ebx, ebx, 1664525
    ...[0x81, 0xc3, ...dword(1013904223)], // add ebx, 1013904223
    ...[0x41, 0x89, 0xda], // mov r10d, ebx
    ...[0x41, 0xc1, 0xea, 0x10], // shr r10d, 16
    ...[0x41, 0xc1, 0xe2, 0x0c], // shl r10d, 12
    ...[0x44, 0x89, 0xe7], // mov edi, r12d
    ...[0x4c, 0x89, 0xee], // mov rsi, r13
    ...[0xba, ...dword(READ_SIZE)], // mov edx, READ_SIZE
    ...[0xb8, ...dword(17)], // mov eax, pread64
    ...[0x0f, 0x05],
    ...[0x3d, ...dword(READ_SIZE)], // cmp eax, READ_SIZE
    ...[0x74, exit64(1).length], // je
    ...exit64(1),
    ...[0x83, 0xed, 0x01], // sub ebp, 1
  ];
  return [
    ...[0x6a, 0x00], // push 0
    ...[0x48, 0xb8, ...ascii("/dev/sda")], // mov rax, the path
    0x50, // push rax
    ...[0x48, 0x89, 0xe7], // mov rdi, rsp
    ...[0xbe, ...dword(O_DIRECT)], // mov esi, O_DIRECT
    ...[0xb8, ...dword(2)], // mov eax, open
    ...[0x0f, 0x05],
    ...[0x41, 0x89, 0xc4], // mov r12d, eax
    ...[0xb8, ...dword(9)], // mov eax, mmap
    ...[0x31, 0xff], // xor edi, edi
    ...[0xbe, ...dword(READ_SIZE)], // mov esi, READ_SIZE
    ...[0xba, ...dword(3)], // mov edx, PROT_READ | PROT_WRITE
    ...[0x41, 0xba, ...dword(0x22)], // mov r10d, MAP_PRIVATE | MAP_ANONYMOUS
    ...[0x49, 0xc7, 0xc0, ...dword(0xffffffff)], // mov r8, -1
    ...[0x45, 0x31, 0xc9], // xor r9d, r9d
    ...[0x0f, 0x05],
    ...[0x49, 0x89, 0xc5], // mov r13, rax
    ...[0xbb, ...dword(1)], // mov ebx, 1
    ...[0xbd, ...dword(RANDOM_READS)], // mov ebp, RANDOM_READS
    ...[...loop, 0x75, back(loop)], // jnz
    ...exit64(0),
  ];
}

/** The program as a file. A failed open or mmap shows as a read that is not whole. */
export function randomReadProgram(bits: 32 | 64): Uint8Array {
  return program(bits, bits === 64 ? code64() : code32());
}
