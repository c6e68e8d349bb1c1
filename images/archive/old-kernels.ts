import { ConfigurationError } from "../../emulator/machine-types";

const PT_LOAD = 1;
const PF_X = 1;
const PROGRAM_HEADER_SIZE = 56;
const PAGE_SIZE = 4096;

/** mov eax, newfstatat; syscall */
const NEWFSTATAT = [0xb8, 0x06, 0x01, 0x00, 0x00, 0x0f, 0x05];
const JUMP_SIZE = 5;

const jump = (from: number, to: number): number[] => {
  const distance = to - from - JUMP_SIZE;
  return [0xe9, ...[0, 8, 16, 24].map((shift) => (distance >>> shift) & 0xff)];
};

/**
 * A copy of a glibc file for amd64 (the C library, or the dynamic linker) that works on kernels before 2.6.39, too.
 *
 * From 2.33 on glibc has fstat ask newfstatat with AT_EMPTY_PATH, which older kernels refuse: nothing could even be
 * loaded. Each such system call here goes by a piece of code in the padding behind the text, which asks fstat for what
 * has that flag. The functions that these calls are in end right after them, so that nobody misses RSI.
 * @throws ConfigurationError if there is no room
 */
export function forOldKernels(file: Uint8Array, what: string): Uint8Array {
  const patched = file.slice();
  const view = new DataView(patched.buffer);
  const text = textEnd(view);
  // The padding belongs to the last page of the text, which is mapped as a whole.
  let free = Math.ceil(text / 16) * 16;
  const end = Math.ceil(text / PAGE_SIZE) * PAGE_SIZE;
  for (let site = 0; site < text; site++) {
    if (!NEWFSTATAT.every((byte, index) => patched[site + index] === byte)) continue;
    const asksFstat = [
      ...[0x48, 0x89, 0xd6], // mov rsi, rdx
      ...[0xb8, 0x05, 0x00, 0x00, 0x00], // mov eax, fstat
      ...[0xeb, NEWFSTATAT.length - 2], // jmp to the syscall
    ];
    const code = [
      ...[0x41, 0xf7, 0xc2, 0x00, 0x10, 0x00, 0x00], // test r10d, AT_EMPTY_PATH
      ...[0x74, asksFstat.length], // jz
      ...asksFstat,
      ...NEWFSTATAT,
    ];
    const whole = [...code, ...jump(free + code.length, site + NEWFSTATAT.length)];
    if (free + whole.length > end || patched.subarray(free, free + whole.length).some((byte) => byte !== 0)) {
      throw new ConfigurationError(`${what}: there is no room behind its text.`);
    }
    patched.set(whole, free);
    patched.set([...jump(site, free), 0x90, 0x90], site);
    free += Math.ceil(whole.length / 16) * 16;
  }
  return patched;
}

/** Where the file's executable segment ends; offsets in the file and addresses have the same distances in it. */
function textEnd(view: DataView): number {
  const headers = Number(view.getBigUint64(32, true));
  for (let index = 0; index < view.getUint16(56, true); index++) {
    const at = headers + index * PROGRAM_HEADER_SIZE;
    if (view.getUint32(at, true) !== PT_LOAD || (view.getUint32(at + 4, true) & PF_X) === 0) continue;
    return Number(view.getBigUint64(at + 8, true) + view.getBigUint64(at + 32, true));
  }
  return view.byteLength;
}
