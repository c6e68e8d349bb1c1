import { crc32c } from "../../crc";

/** The checksum of a structure whose own checksum field, four bytes at `field`, counts as zeros. */
export function checksumWithout(bytes: Uint8Array, field: number): number {
  const before = crc32c(bytes.subarray(0, field));
  return crc32c(bytes.subarray(field + 4), crc32c(new Uint8Array(4), before));
}
