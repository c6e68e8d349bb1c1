import { ConfigurationError } from "../../emulator/machine-types";

// The "new ASCII" cpio format that RPM payloads and initramfs use: cpio(5), and the kernel's
// Documentation/driver-api/early-userspace/buffer-format.rst.

const HEADER_SIZE = 110;
const TRAILER = "TRAILER!!!";

export const S_IFMT = 0o170000;
export const S_IFREG = 0o100000;
export const S_IFDIR = 0o040000;
export const S_IFLNK = 0o120000;
export const S_IFCHR = 0o020000;

export interface CpioEntry {
  /** Path without a leading "./" or "/". */
  readonly name: string;
  /** File type and permissions, as st_mode. */
  readonly mode: number;
  /** Content of a file, target of a symbolic link. */
  readonly data: Uint8Array;
  /** Device number of a device node. */
  readonly device?: { readonly major: number; readonly minor: number };
}

const align4 = (offset: number): number => (offset + 3) & ~3;

/**
 * Reads an archive up to its trailer. Entries' data refer to the archive's bytes.
 * @throws ConfigurationError if it is truncated or not in newc format
 */
export function readCpio(archive: Uint8Array, what: string): CpioEntry[] {
  const decoder = new TextDecoder();
  const entries: CpioEntry[] = [];
  for (let offset = 0; ;) {
    if (offset + HEADER_SIZE > archive.length) throw new ConfigurationError(`${what}: the cpio archive is truncated.`);
    const header = decoder.decode(archive.subarray(offset, offset + HEADER_SIZE));
    // 070702 has checksums, which are not looked at.
    if (!/^07070[12][0-9a-fA-F]{104}$/.test(header)) {
      throw new ConfigurationError(`${what}: no newc cpio header at offset ${offset}.`);
    }
    const field = (index: number): number => parseInt(header.slice(6 + index * 8, 14 + index * 8), 16);
    const size = field(6);
    const nameSize = field(11);
    const dataStart = align4(offset + HEADER_SIZE + nameSize);
    if (nameSize === 0 || dataStart + size > archive.length) {
      throw new ConfigurationError(`${what}: the cpio archive is truncated.`);
    }
    const name = decoder.decode(archive.subarray(offset + HEADER_SIZE, offset + HEADER_SIZE + nameSize - 1));
    if (name === TRAILER) return entries;
    entries.push({
      name: name.replace(/^(\.?\/)+/, ""),
      mode: field(1),
      data: archive.subarray(dataStart, dataStart + size),
      device: { major: field(9), minor: field(10) },
    });
    offset = align4(dataStart + size);
  }
}

/** Writes an archive: owner root, time 0, so that the same entries give the same bytes. */
export function writeCpio(entries: readonly CpioEntry[]): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const parts: { header: Uint8Array; data: Uint8Array }[] = [];
  const add = (entry: CpioEntry, inode: number): void => {
    const name = encoder.encode(`${entry.name}\0`);
    const links = (entry.mode & S_IFMT) === S_IFDIR ? 2 : 1;
    const { major, minor } = entry.device ?? { major: 0, minor: 0 };
    const fields = [inode, entry.mode, 0, 0, links, 0, entry.data.length, 0, 0, major, minor, name.length, 0];
    const text = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
    const header = new Uint8Array(align4(HEADER_SIZE + name.length));
    header.set(encoder.encode(text));
    header.set(name, HEADER_SIZE);
    parts.push({ header, data: entry.data });
  };
  entries.forEach((entry, index) => add(entry, index + 1));
  add({ name: TRAILER, mode: 0, data: new Uint8Array(0) }, 0);

  const size = parts.reduce((sum, part) => sum + part.header.length + align4(part.data.length), 0);
  const archive = new Uint8Array(size);
  let offset = 0;
  for (const { header, data } of parts) {
    archive.set(header, offset);
    archive.set(data, offset + header.length);
    offset += header.length + align4(data.length);
  }
  return archive;
}

/**
 * Archives one behind the other, compressed or not, as one initramfs: the kernel unpacks all of them in their order
 * (Documentation/driver-api/early-userspace/buffer-format.rst). One that is not compressed must begin at a multiple of 4.
 */
export function joinArchives(archives: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(archives.reduce((sum, archive) => align4(sum) + archive.length, 0));
  let offset = 0;
  for (const archive of archives) {
    whole.set(archive, align4(offset));
    offset = align4(offset) + archive.length;
  }
  return whole;
}
