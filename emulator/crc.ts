/** A CRC-32 of some polynomial, as an unsigned number; `previous` is that of the bytes before these. */
export type Crc32 = (bytes: Uint8Array, previous?: number) => number;

/** Tables of a reflected polynomial, four deep: four bytes are taken at once. */
function buildTables(polynomial: number): Uint32Array {
  const tables = new Uint32Array(4 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    tables[byte] = value;
  }
  for (let index = 256; index < tables.length; index++) {
    const previous = tables[index - 256]!;
    tables[index] = (previous >>> 8) ^ tables[previous & 0xff]!;
  }
  return tables;
}

function reflectedCrc32(polynomial: number): Crc32 {
  const tables = buildTables(polynomial);
  return (bytes, previous = 0) => {
    let crc = ~previous;
    let index = 0;
    for (const end = bytes.length - 3; index < end; index += 4) {
      crc ^= bytes[index]! | (bytes[index + 1]! << 8) | (bytes[index + 2]! << 16) | (bytes[index + 3]! << 24);
      crc =
        tables[768 + (crc & 0xff)]! ^
        tables[512 + ((crc >>> 8) & 0xff)]! ^
        tables[256 + ((crc >>> 16) & 0xff)]! ^
        tables[crc >>> 24]!;
    }
    for (; index < bytes.length; index++) crc = (crc >>> 8) ^ tables[(crc ^ bytes[index]!) & 0xff]!;
    return ~crc >>> 0;
  };
}

/** CRC-32 of RFC 1952, as gzip and xz have it: reflected polynomial 0xedb88320. */
export const crc32 = reflectedCrc32(0xedb8_8320);

/** CRC-32C (Castagnoli, RFC 3720 appendix B.4), as VHDX has it: reflected polynomial 0x82f63b78. */
export const crc32c = reflectedCrc32(0x82f6_3b78);
