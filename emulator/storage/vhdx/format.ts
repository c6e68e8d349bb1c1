/** Constants of the VHDX file format: [MS-VHDX], sections 2.2 to 2.6. All numbers in a file are little-endian. */

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const TIB = 1024 * 1024 * MIB;

/** Section 2.2: where the parts of the header section lie. */
export const FILE_TYPE_IDENTIFIER_OFFSET = 0;
export const HEADER_OFFSETS = [64 * KIB, 128 * KIB] as const;
export const REGION_TABLE_OFFSETS = [192 * KIB, 256 * KIB] as const;
export const HEADER_SECTION_SIZE = MIB;
export const HEADER_SIZE = 4 * KIB;
export const REGION_TABLE_SIZE = 64 * KIB;

export const FILE_TYPE_SIGNATURE = "vhdxfile";
export const HEADER_SIGNATURE = "head";
export const REGION_SIGNATURE = "regi";
export const METADATA_SIGNATURE = "metadata";
export const LOG_ENTRY_SIGNATURE = "loge";
export const ZERO_DESCRIPTOR_SIGNATURE = "zero";
export const DATA_DESCRIPTOR_SIGNATURE = "desc";
export const DATA_SECTOR_SIGNATURE = "data";

export const VHDX_VERSION = 1;
export const LOG_VERSION = 0;

/** Section 2.2.3.2 */
export const MAX_REGION_ENTRIES = 2047;
export const BAT_REGION = "2dc27766-f623-4200-9d64-115e9bfd4a08";
export const METADATA_REGION = "8b7ca206-4790-4b9a-b8fe-575f050f886e";

/** Section 2.3: the log is made of sectors of 4 KiB, and its length is a multiple of 1 MiB. */
export const LOG_SECTOR_SIZE = 4 * KIB;
export const LOG_HEADER_SIZE = 64;
export const LOG_DESCRIPTOR_SIZE = 32;
/** Not of the specification: the largest log that we take. Hyper-V and qemu-img make logs of 1 MiB. */
export const MAX_LOG_LENGTH = 64 * MIB;

/** Section 2.5 */
export const BAT_ENTRY_SIZE = 8;
export const SECTORS_PER_BITMAP_BLOCK = 2 ** 23;
export const BITMAP_BLOCK_SIZE = MIB;

export const PAYLOAD_BLOCK_NOT_PRESENT = 0;
export const PAYLOAD_BLOCK_UNDEFINED = 1;
export const PAYLOAD_BLOCK_ZERO = 2;
export const PAYLOAD_BLOCK_UNMAPPED = 3;
/** What version 0.95 of the specification called PAYLOAD_BLOCK_UNMAPPED; a reserved value today. */
export const PAYLOAD_BLOCK_UNMAPPED_V095 = 5;
export const PAYLOAD_BLOCK_FULLY_PRESENT = 6;
export const PAYLOAD_BLOCK_PARTIALLY_PRESENT = 7;
export const SB_BLOCK_NOT_PRESENT = 0;
export const SB_BLOCK_PRESENT = 6;

/** Section 2.6 */
export const METADATA_TABLE_SIZE = 64 * KIB;
export const MAX_METADATA_ENTRIES = 2047;
export const MAX_METADATA_ITEM_LENGTH = MIB;
export const FILE_PARAMETERS = "caa16737-fa36-4d43-b3b6-33f0aa44e76b";
export const VIRTUAL_DISK_SIZE = "2fa54224-cd1b-4876-b211-5dbed83bf4b8";
export const VIRTUAL_DISK_ID = "beca12ab-b2e6-4523-93ef-c309e000c746";
export const LOGICAL_SECTOR_SIZE = "8141bf1d-a96f-4709-ba47-f233a8faab5f";
export const PHYSICAL_SECTOR_SIZE = "cda348c7-445d-4471-9cc9-e9885251c556";
export const PARENT_LOCATOR = "a8d35f2d-b30b-454d-abf7-d3d84834ab0c";
/** Section 2.6.2.6.3 */
export const VHDX_PARENT_LOCATOR_TYPE = "b04aefb7-d19e-4a81-b789-25b8e9445913";

export const MIN_BLOCK_SIZE = MIB;
export const MAX_BLOCK_SIZE = 256 * MIB;
export const MAX_VIRTUAL_DISK_SIZE = 64 * TIB;
/** Not of the specification: no file that holds 64 TiB needs more; it bounds what a damaged file can make us do. */
export const MAX_FILE_SIZE = 128 * TIB;

export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
