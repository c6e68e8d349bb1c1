/** CRC-32 of RFC 1952 (reflected polynomial 0xedb88320), four tables deep. */
const TABLES = buildTables();

function buildTables(): Uint32Array {
  const tables = new Uint32Array(4 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1;
    tables[byte] = value;
  }
  for (let index = 256; index < tables.length; index++) {
    const previous = tables[index - 256]!;
    tables[index] = (previous >>> 8) ^ tables[previous & 0xff]!;
  }
  return tables;
}

/** The CRC-32 that gzip and cpio users expect, as an unsigned number. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  let index = 0;
  for (const end = bytes.length - 3; index < end; index += 4) {
    crc ^= bytes[index]! | (bytes[index + 1]! << 8) | (bytes[index + 2]! << 16) | (bytes[index + 3]! << 24);
    crc =
      TABLES[768 + (crc & 0xff)]! ^
      TABLES[512 + ((crc >>> 8) & 0xff)]! ^
      TABLES[256 + ((crc >>> 16) & 0xff)]! ^
      TABLES[crc >>> 24]!;
  }
  for (; index < bytes.length; index++) crc = (crc >>> 8) ^ TABLES[(crc ^ bytes[index]!) & 0xff]!;
  return (crc ^ 0xffff_ffff) >>> 0;
}
