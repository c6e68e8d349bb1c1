// A static ELF program without a library, assembled here: what it does is the same for 32 and 64 bits. It maps 64 MiB,
// fills them, copies the lower half to the upper one 4 times by REP MOVS and 4 times by loads and stores, then reads
// and writes 4 million dwords at random places. Exit status 0, or 1 if there is no memory.

import { back, type Code, dword, exit32, exit64, program } from "./assemble";

const MIB = 1 << 20;
const RANDOM_STEPS = 4_000_000;

/** EBX or RBX holds the mapping's address from here on; the code has no absolute addresses. */
function work(bits: 32 | 64): Code {
  const wide: Code = bits === 64 ? [0x48] : [];
  const copyLoop: Code = [
    ...[0x8b, 0x06], // mov eax, [esi]
    ...[0x8b, 0x56, 0x04], // mov edx, [esi + 4]
    ...[0x89, 0x07], // mov [edi], eax
    ...[0x89, 0x57, 0x04], // mov [edi + 4], edx
    ...[...wide, 0x83, 0xc6, 0x08], // add esi, 8
    ...[...wide, 0x83, 0xc7, 0x08], // add edi, 8
    ...[0x83, 0xe9, 0x02], // sub ecx, 2
  ];
  const pointers: Code = [
    ...[...wide, 0x89, 0xde], // mov esi, ebx
    ...[...wide, 0x8d, 0xbb, ...dword(32 * MIB)], // lea edi, [ebx + 32 MiB]
    ...[0xb9, ...dword((32 * MIB) / 4)], // mov ecx, 8 Mi
  ];
  const copyByString: Code = [...pointers, 0xf3, 0xa5]; // rep movsd
  const copyByLoop: Code = [...pointers, ...copyLoop, 0x75, back(copyLoop)]; // jnz
  const copies: Code = [...copyByString, ...copyByLoop];
  const counted: Code = [...copies, 0x83, 0xed, 0x01]; // sub ebp, 1
  const random: Code = [
    ...[0x69, 0xc0, ...dword(1664525)], // imul eax, eax, 1664525
    ...[0x05, ...dword(1013904223)], // add eax, 1013904223
    ...[0x89, 0xc2], // mov edx, eax
    ...[0xc1, 0xea, 0x08], // shr edx, 8
    ...[0x31, 0x04, 0x93], // xor [ebx + edx * 4], eax
    ...[0x83, 0xe9, 0x01], // sub ecx, 1
  ];
  return [
    ...[...wide, 0x89, 0xdf], // mov edi, ebx
    ...[0xb8, ...dword(0x5a5a5a5a)], // mov eax, 5a5a5a5ah
    ...[0xb9, ...dword((64 * MIB) / 4)], // mov ecx, 16 Mi
    ...[0xf3, 0xab], // rep stosd
    ...[0xbd, ...dword(4)], // mov ebp, 4
    ...[...counted, 0x75, back(counted)], // jnz
    ...[0xb8, ...dword(1)], // mov eax, 1
    ...[0xb9, ...dword(RANDOM_STEPS)], // mov ecx, RANDOM_STEPS
    ...[...random, 0x75, back(random)], // jnz
  ];
}

/** Linux, i386: EAX has the number, arguments in EBX, ECX, EDX, ESI, EDI, EBP. */
function code32(): Code {
  return [
    ...[0xb8, ...dword(192)], // mov eax, mmap2
    ...[0x31, 0xdb], // xor ebx, ebx
    ...[0xb9, ...dword(64 * MIB)], // mov ecx, 64 MiB
    ...[0xba, ...dword(3)], // mov edx, PROT_READ | PROT_WRITE
    ...[0xbe, ...dword(0x22)], // mov esi, MAP_PRIVATE | MAP_ANONYMOUS
    ...[0xbf, ...dword(0xffffffff)], // mov edi, -1
    ...[0x31, 0xed], // xor ebp, ebp
    ...[0xcd, 0x80],
    ...[0x3d, ...dword(0xfffff000)], // cmp eax, -4096
    ...[0x76, exit32(1).length], // jbe
    ...exit32(1),
    ...[0x89, 0xc3], // mov ebx, eax
    ...work(32),
    ...exit32(0),
  ];
}

/** Linux, x86-64: RAX has the number, arguments in RDI, RSI, RDX, R10, R8, R9. */
function code64(): Code {
  return [
    ...[0xb8, ...dword(9)], // mov eax, mmap
    ...[0x31, 0xff], // xor edi, edi
    ...[0xbe, ...dword(64 * MIB)], // mov esi, 64 MiB
    ...[0xba, ...dword(3)], // mov edx, PROT_READ | PROT_WRITE
    ...[0x41, 0xba, ...dword(0x22)], // mov r10d, MAP_PRIVATE | MAP_ANONYMOUS
    ...[0x49, 0xc7, 0xc0, ...dword(0xffffffff)], // mov r8, -1
    ...[0x45, 0x31, 0xc9], // xor r9d, r9d
    ...[0x0f, 0x05],
    ...[0x48, 0x3d, ...dword(0xfffff000)], // cmp rax, -4096
    ...[0x76, exit64(1).length], // jbe
    ...exit64(1),
    ...[0x48, 0x89, 0xc3], // mov rbx, rax
    ...work(64),
    ...exit64(0),
  ];
}

/** The program as a file. */
export function memoryProgram(bits: 32 | 64): Uint8Array {
  return program(bits, bits === 64 ? code64() : code32());
}
