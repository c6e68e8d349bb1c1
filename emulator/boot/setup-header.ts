import { ConfigurationError } from "../machine-types";
import { viewOf } from "./bytes";

// The Linux/x86 boot protocol: Documentation/arch/x86/boot.rst and zero-page.rst in the kernel's sources.

const SETUP_SECTS = 0x1f1;
const SYSSIZE = 0x1f4;
const BOOT_FLAG = 0x1fe;
const JUMP_OFFSET = 0x201;
const HEADER = 0x202;
const VERSION = 0x206;
const LOADFLAGS = 0x211;
const INITRD_ADDR_MAX = 0x22c;
const XLOADFLAGS = 0x236;
const CMDLINE_SIZE = 0x238;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
const PREF_ADDRESS = 0x258;
const INIT_SIZE = 0x260;

const BOOT_FLAG_MAGIC = 0xaa55;
/** "HdrS" */
const HEADER_MAGIC = 0x5372_6448;
const LOADED_HIGH = 1;
const XLF_KERNEL_64 = 1;
/** Setup sectors when the header says 0, for the sake of old kernels. */
const DEFAULT_SETUP_SECTS = 4;
const SECTOR = 512;
/** Where initrd must end below when the protocol has no initrd_addr_max. */
const OLD_INITRD_ADDR_MAX = 0x37ff_ffff;
const OLD_CMDLINE_SIZE = 255;

/** What a bzImage's setup header says, checked against the file's length. */
export interface SetupHeader {
  /** Protocol version, major << 8 | minor. */
  readonly version: number;
  /** Bytes 0x1f1 up to the header's end, as boot_params takes them. */
  readonly bytes: Uint8Array;
  /** The protected-mode part: what lies at 1 MiB. */
  readonly protectedMode: Uint8Array;
  readonly initrdAddressMax: number;
  /** Bytes of command line without the terminating zero. */
  readonly commandLineSize: number;
  /** Has the 64-bit entry point at 0x200. */
  readonly kernel64: boolean;
  /** The compressed kernel, from protocol 2.08. */
  readonly payload?: Uint8Array;
  /** Preferred load address and bytes needed from there until the kernel knows its memory, from protocol 2.10. */
  readonly preferredAddress?: number;
  readonly initSize?: number;
}

export function isBzImage(kernel: Uint8Array): boolean {
  if (kernel.length < HEADER + 4) return false;
  const view = viewOf(kernel);
  return view.getUint16(BOOT_FLAG, true) === BOOT_FLAG_MAGIC && view.getUint32(HEADER, true) === HEADER_MAGIC;
}

/**
 * Reads and checks the setup header of a bzImage.
 * @throws ConfigurationError for a truncated image, a zImage, or a protocol older than 2.02
 */
export function parseSetupHeader(kernel: Uint8Array): SetupHeader {
  const view = viewOf(kernel);
  if (kernel.length < INIT_SIZE + 4)
    throw new ConfigurationError("The kernel image is truncated within its setup header.");
  const version = view.getUint16(VERSION, true);
  if (version < 0x202) {
    throw new ConfigurationError(
      `The kernel speaks boot protocol ${version >>> 8}.${version & 0xff}; 2.02 (Linux 2.4) or later is needed.`,
    );
  }
  if (!((view.getUint8(LOADFLAGS) & LOADED_HIGH) !== 0)) {
    throw new ConfigurationError("The kernel is a zImage, which loads below 1 MiB; a bzImage is needed.");
  }
  const setupSectors = view.getUint8(SETUP_SECTS) || DEFAULT_SETUP_SECTS;
  const setupSize = (setupSectors + 1) * SECTOR;
  // Before 2.04 only 16 bits of syssize were valid for bzImages.
  const size = (version >= 0x204 ? view.getUint32(SYSSIZE, true) : view.getUint16(SYSSIZE, true)) * 16;
  if (kernel.length <= setupSize)
    throw new ConfigurationError("The kernel image is truncated: it has no protected-mode part.");
  const protectedMode = kernel.subarray(setupSize);
  // The last paragraph need not be whole.
  if (version >= 0x204 && protectedMode.length + 15 < size) {
    throw new ConfigurationError(
      `The kernel image is truncated: it has ${kernel.length} bytes, and its header names ${setupSize + size}.`,
    );
  }
  const headerEnd = Math.min(HEADER + view.getUint8(JUMP_OFFSET), setupSize, 0x290);

  let payload: Uint8Array | undefined;
  if (version >= 0x208) {
    const offset = view.getUint32(PAYLOAD_OFFSET, true);
    const length = view.getUint32(PAYLOAD_LENGTH, true);
    if (length > 0 && offset + length <= protectedMode.length)
      payload = protectedMode.subarray(offset, offset + length);
  }
  return {
    version,
    bytes: kernel.subarray(SETUP_SECTS, headerEnd),
    protectedMode,
    initrdAddressMax: version >= 0x203 ? view.getUint32(INITRD_ADDR_MAX, true) : OLD_INITRD_ADDR_MAX,
    commandLineSize: version >= 0x206 ? view.getUint32(CMDLINE_SIZE, true) : OLD_CMDLINE_SIZE,
    kernel64: version >= 0x20c && (view.getUint16(XLOADFLAGS, true) & XLF_KERNEL_64) !== 0,
    payload,
    preferredAddress: version >= 0x20a ? Number(view.getBigUint64(PREF_ADDRESS, true)) : undefined,
    initSize: version >= 0x20a ? view.getUint32(INIT_SIZE, true) : undefined,
  };
}
