import { gzipSync } from "node:zlib";
import { writeCpio, type CpioEntry } from "../../../images/archive/cpio";

// Packages and modules made for the tests, in the real formats.

const encoder = new TextEncoder();

/** An RPM header structure: string tags and their store. */
function header(tags: readonly (readonly [number, string])[]): Uint8Array {
  const store = encoder.encode(tags.map(([, value]) => `${value}\0`).join(""));
  const bytes = new Uint8Array(16 + 16 * tags.length + store.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x8ead_e801);
  view.setUint32(8, tags.length);
  view.setUint32(12, store.length);
  let offset = 0;
  tags.forEach(([tag, value], index) => {
    [tag, 6, offset, 1].forEach((field, position) => view.setUint32(16 + index * 16 + position * 4, field));
    offset += value.length + 1;
  });
  bytes.set(store, 16 + 16 * tags.length);
  return bytes;
}

export interface TestRpm {
  readonly name: string;
  readonly version: string;
  readonly release: string;
  readonly files: readonly CpioEntry[];
  /** The payload as packed, and how; gzip of the files unless given. */
  readonly compressor?: string;
  readonly payload?: Uint8Array;
}

export function makeRpm({ name, version, release, files, compressor = "gzip", payload }: TestRpm): Uint8Array {
  const lead = new Uint8Array(96);
  lead.set([0xed, 0xab, 0xee, 0xdb, 3, 0]);
  const signature = header([[1000, "not looked at, of odd length"]]);
  const tags = header([
    [1000, name],
    [1001, version],
    [1002, release],
    [1022, "x86_64"],
    [1124, "cpio"],
    [1125, compressor],
  ]);
  const archive = payload ?? gzipSync(writeCpio(files.map((file) => ({ ...file, name: `./${file.name}` }))));
  return Buffer.concat([lead, signature, new Uint8Array(-signature.length & 7), tags, archive]);
}

/** An ELF64 or ELF32 relocatable file with a .modinfo section. */
export function makeModule(information: readonly string[], wide = true): Uint8Array {
  const modinfo = encoder.encode(information.map((line) => `${line}\0`).join(""));
  const names = encoder.encode("\0.modinfo\0.shstrtab\0");
  const headerSize = wide ? 64 : 52;
  const entrySize = wide ? 64 : 40;
  const table = (headerSize + modinfo.length + names.length + 7) & ~7;
  const bytes = new Uint8Array(table + 3 * entrySize);
  const view = new DataView(bytes.buffer);
  const word = (at: number, value: number): void =>
    wide ? view.setBigUint64(at, BigInt(value), true) : view.setUint32(at, value, true);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, 1, 1]);
  word(wide ? 40 : 32, table);
  view.setUint16(wide ? 58 : 46, entrySize, true);
  view.setUint16(wide ? 60 : 48, 3, true);
  view.setUint16(wide ? 62 : 50, 2, true);
  bytes.set(modinfo, headerSize);
  bytes.set(names, headerSize + modinfo.length);
  const section = (index: number, name: number, offset: number, size: number): void => {
    const at = table + index * entrySize;
    view.setUint32(at, name, true);
    word(at + (wide ? 24 : 16), offset);
    word(at + (wide ? 32 : 20), size);
  };
  section(1, 1, headerSize, modinfo.length);
  section(2, 10, headerSize + modinfo.length, names.length);
  return bytes;
}

export const file = (name: string, data: Uint8Array | string): CpioEntry => ({
  name,
  mode: 0o100644,
  data: typeof data === "string" ? encoder.encode(data) : data,
});
