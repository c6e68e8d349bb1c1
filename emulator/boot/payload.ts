import { Gunzip } from "fflate";
import { decompress as zstdDecompress } from "fzstd";
import { ConfigurationError } from "../machine-types";
import { viewOf } from "./bytes";
import { crc32 } from "../crc";
import { unlz4Legacy } from "./lz4";
import { unxz } from "./xz";

/** A payload unpacked, or why it is left to the kernel's own decompressor. */
export type Unpacked = { readonly bytes: Uint8Array } | { readonly reason: string };

/** An unpacked kernel beyond this is not believed. */
const MAXIMUM_SIZE = 256 * 1024 * 1024;

const MAGICS: readonly { readonly name: string; readonly magic: readonly number[] }[] = [
  { name: "gzip", magic: [0x1f, 0x8b] },
  { name: "xz", magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { name: "zstd", magic: [0x28, 0xb5, 0x2f, 0xfd] },
  { name: "bzip2", magic: [0x42, 0x5a, 0x68] },
  { name: "lz4", magic: [0x02, 0x21, 0x4c, 0x18] },
  { name: "lzo", magic: [0x89, 0x4c, 0x5a, 0x4f] },
  { name: "lzma", magic: [0x5d, 0x00, 0x00] },
];

/** The compression that bytes begin with, by its magic number. */
export function compressionOf(bytes: Uint8Array): string | undefined {
  return MAGICS.find(({ magic }) => magic.every((value, index) => bytes[index] === value))?.name;
}

/**
 * Unpacks a bzImage's payload where its format allows that on the host: gzip, xz, zstd, lz4. To all but gzip the kernel's
 * build appends the unpacked size in four bytes, which are no part of the compressed stream.
 * @throws ConfigurationError if a gzip payload is damaged; other failures are left to the kernel's own decompressor
 */
export async function unpackPayload(payload: Uint8Array): Promise<Unpacked> {
  const compression = compressionOf(payload);
  try {
    switch (compression) {
      case "gzip":
        return { bytes: gunzipChecked(payload) };
      case "xz":
        return { bytes: await unxz(payload.subarray(0, payload.length - 4), sizeAtEnd(payload)) };
      case "zstd":
        return { bytes: checkSize(zstdDecompress(payload.subarray(0, payload.length - 4)), sizeAtEnd(payload)) };
      case "lz4":
        return { bytes: unlz4Legacy(payload.subarray(0, payload.length - 4), sizeAtEnd(payload)) };
      default:
        return { reason: `its payload is ${compression ?? "of unknown"} compression` };
    }
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    return { reason: `its ${compression} payload did not unpack on the host (${String(error).split("\n")[0]})` };
  }
}

function sizeAtEnd(payload: Uint8Array): number {
  const size = viewOf(payload).getUint32(payload.length - 4, true);
  if (size > MAXIMUM_SIZE) throw new RangeError(`unpacked size of ${size} bytes`);
  return size;
}

function checkSize(bytes: Uint8Array, size: number): Uint8Array {
  if (bytes.length !== size) throw new RangeError(`${bytes.length} bytes instead of ${size}`);
  return bytes;
}

/** Inflates one gzip member, checking its size and CRC (RFC 1952), which fflate leaves unchecked. */
export function gunzipChecked(compressed: Uint8Array): Uint8Array {
  const damaged = (): ConfigurationError =>
    new ConfigurationError("The kernel image is damaged: its gzip payload does not unpack.");
  if (compressed.length < 18) throw damaged();
  const trailer = viewOf(compressed.subarray(compressed.length - 8));
  const size = trailer.getUint32(4, true);
  if (size > MAXIMUM_SIZE) throw damaged();
  const result = new Uint8Array(size);
  let length = 0;
  const gunzip = new Gunzip((chunk) => {
    if (length + chunk.length > size) throw damaged();
    result.set(chunk, length);
    length += chunk.length;
  });
  try {
    gunzip.push(compressed, true);
  } catch {
    throw damaged();
  }
  if (length !== size || crc32(result) !== trailer.getUint32(0, true)) throw damaged();
  return result;
}
