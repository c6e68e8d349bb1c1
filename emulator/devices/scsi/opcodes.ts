// SCSI operation codes, status codes and device types (SPC-4, SBC-3, MMC-6), as far as our devices know them.

export const TEST_UNIT_READY = 0x00;
export const REQUEST_SENSE = 0x03;
export const FORMAT_UNIT = 0x04;
export const READ_6 = 0x08;
export const WRITE_6 = 0x0a;
export const INQUIRY = 0x12;
export const MODE_SELECT_6 = 0x15;
export const RESERVE_6 = 0x16;
export const RELEASE_6 = 0x17;
export const MODE_SENSE_6 = 0x1a;
export const START_STOP_UNIT = 0x1b;
export const SEND_DIAGNOSTIC = 0x1d;
export const PREVENT_ALLOW_MEDIUM_REMOVAL = 0x1e;
export const READ_CAPACITY_10 = 0x25;
export const READ_10 = 0x28;
export const WRITE_10 = 0x2a;
export const WRITE_AND_VERIFY_10 = 0x2e;
export const VERIFY_10 = 0x2f;
export const SYNCHRONIZE_CACHE_10 = 0x35;
export const WRITE_SAME_10 = 0x41;
export const UNMAP = 0x42;
export const READ_TOC = 0x43;
export const GET_CONFIGURATION = 0x46;
export const GET_EVENT_STATUS_NOTIFICATION = 0x4a;
export const READ_DISC_INFORMATION = 0x51;
export const READ_TRACK_INFORMATION = 0x52;
export const MODE_SELECT_10 = 0x55;
export const MODE_SENSE_10 = 0x5a;
export const READ_BUFFER_CAPACITY = 0x5c;
export const PERSISTENT_RESERVE_IN = 0x5e;
export const PERSISTENT_RESERVE_OUT = 0x5f;
export const READ_16 = 0x88;
export const WRITE_16 = 0x8a;
export const WRITE_AND_VERIFY_16 = 0x8e;
export const VERIFY_16 = 0x8f;
export const SYNCHRONIZE_CACHE_16 = 0x91;
export const WRITE_SAME_16 = 0x93;
export const SERVICE_ACTION_IN_16 = 0x9e;
export const REPORT_LUNS = 0xa0;
export const READ_12 = 0xa8;
export const WRITE_12 = 0xaa;
export const GET_PERFORMANCE = 0xac;
export const READ_DVD_STRUCTURE = 0xad;
export const WRITE_AND_VERIFY_12 = 0xae;
export const VERIFY_12 = 0xaf;
export const SET_STREAMING = 0xb6;
export const MECHANISM_STATUS = 0xbd;

/** Service action of SERVICE ACTION IN (16). */
export const READ_CAPACITY_16 = 0x10;

/** SAM-5, table of status codes. */
export const STATUS_GOOD = 0x00;
export const STATUS_CHECK_CONDITION = 0x02;
export const STATUS_RESERVATION_CONFLICT = 0x18;
export const STATUS_TASK_SET_FULL = 0x28;

/** Peripheral device types. */
export const TYPE_DISK = 0x00;
export const TYPE_CD_DVD = 0x05;
/** Peripheral qualifier 011b with type 1Fh: no device can be at this logical unit number. */
export const NO_LOGICAL_UNIT = 0x7f;

/** Vital product data pages. */
export const VPD_SUPPORTED_PAGES = 0x00;
export const VPD_UNIT_SERIAL_NUMBER = 0x80;
export const VPD_DEVICE_IDENTIFICATION = 0x83;
export const VPD_BLOCK_LIMITS = 0xb0;
export const VPD_BLOCK_DEVICE_CHARACTERISTICS = 0xb1;
export const VPD_LOGICAL_BLOCK_PROVISIONING = 0xb2;
