import { gunzipSync } from "node:zlib";
import { decompress as zstdDecompress } from "fzstd";
import { XzReadableStream } from "xz-decompress";
import { ConfigurationError } from "../../emulator/machine-types";
import { readCpio, type CpioEntry } from "./cpio";

// RPM package files, version 3 format: Linux Standard Base 5.0, Core, chapter 25.

const LEAD_SIZE = 96;
const LEAD_MAGIC = 0xedab_eedb;
const HEADER_MAGIC = 0x8ead_e801;
const INDEX_ENTRY_SIZE = 16;

const RPMTAG_NAME = 1000;
const RPMTAG_VERSION = 1001;
const RPMTAG_RELEASE = 1002;
const RPMTAG_ARCH = 1022;
const RPMTAG_PAYLOADFORMAT = 1124;
const RPMTAG_PAYLOADCOMPRESSOR = 1125;
const RPM_STRING_TYPE = 6;

interface Header {
  readonly strings: ReadonlyMap<number, string>;
  readonly end: number;
}

export interface RpmPackage {
  readonly name: string;
  readonly version: string;
  readonly release: string;
  readonly architecture: string;
  readonly files: readonly CpioEntry[];
}

/**
 * Reads a package: its names, and its files unpacked.
 * @param what the file's name, for messages
 * @throws ConfigurationError if it is not an RPM, truncated, or packed in a way that is not known
 */
export async function readRpm(bytes: Uint8Array, what: string): Promise<RpmPackage> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < LEAD_SIZE || view.getUint32(0) !== LEAD_MAGIC)
    throw new ConfigurationError(`${what}: not an RPM package.`);
  const signature = readHeader(bytes, view, LEAD_SIZE, what);
  // The signature is padded to 8 bytes; the header behind it is not.
  const header = readHeader(bytes, view, (signature.end + 7) & ~7, what);
  const format = header.strings.get(RPMTAG_PAYLOADFORMAT) ?? "cpio";
  if (format !== "cpio") throw new ConfigurationError(`${what}: a payload of format ${format}, not cpio.`);
  const compressor = header.strings.get(RPMTAG_PAYLOADCOMPRESSOR) ?? "gzip";
  const archive = await decompress(bytes.subarray(header.end), compressor, what);
  return {
    name: header.strings.get(RPMTAG_NAME) ?? "",
    version: header.strings.get(RPMTAG_VERSION) ?? "",
    release: header.strings.get(RPMTAG_RELEASE) ?? "",
    architecture: header.strings.get(RPMTAG_ARCH) ?? "",
    files: readCpio(archive, what),
  };
}

function readHeader(bytes: Uint8Array, view: DataView, start: number, what: string): Header {
  const truncated = (): ConfigurationError => new ConfigurationError(`${what}: the RPM package is truncated.`);
  if (start + 16 > bytes.length) throw truncated();
  if (view.getUint32(start) !== HEADER_MAGIC)
    throw new ConfigurationError(`${what}: the RPM package is damaged: no header.`);
  const count = view.getUint32(start + 8);
  const storeSize = view.getUint32(start + 12);
  const store = start + 16 + count * INDEX_ENTRY_SIZE;
  const end = store + storeSize;
  if (end > bytes.length) throw truncated();
  const strings = new Map<number, string>();
  for (let index = 0; index < count; index++) {
    const entry = start + 16 + index * INDEX_ENTRY_SIZE;
    const offset = view.getUint32(entry + 8);
    if (view.getUint32(entry + 4) !== RPM_STRING_TYPE || offset >= storeSize) continue;
    const zero = bytes.indexOf(0, store + offset);
    if (zero < 0 || zero >= end) continue;
    strings.set(view.getUint32(entry), new TextDecoder().decode(bytes.subarray(store + offset, zero)));
  }
  return { strings, end };
}

async function decompress(payload: Uint8Array, compressor: string, what: string): Promise<Uint8Array> {
  try {
    switch (compressor) {
      case "gzip":
        return gunzipSync(payload);
      case "xz":
        return await unxz(payload);
      case "zstd":
        return zstdDecompress(payload);
    }
  } catch {
    throw new ConfigurationError(`${what}: the ${compressor} payload is truncated or damaged.`);
  }
  throw new ConfigurationError(`${what}: a payload packed with ${compressor}; gzip, xz or zstd would be right.`);
}

/** Unpacks an .xz file. */
export async function unxz(compressed: Uint8Array): Promise<Uint8Array> {
  const copy = new Uint8Array(compressed);
  const stream = new XzReadableStream(new Blob([copy]).stream());
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
