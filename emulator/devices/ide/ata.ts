// Register bits and command codes of the AT Attachment interface (ATA8-ACS, ATA/ATAPI-7), as far as our drives know them.

/** Status register. */
export const STATUS_ERR = 0x01;
export const STATUS_DRQ = 0x08;
/** Obsolete "seek complete"; drivers of the time look for it. */
export const STATUS_DSC = 0x10;
export const STATUS_DF = 0x20;
export const STATUS_DRDY = 0x40;
export const STATUS_BSY = 0x80;

/** Error register. */
export const ERROR_ABRT = 0x04;
export const ERROR_IDNF = 0x10;
export const ERROR_UNC = 0x40;
/** Not an error: what a reset leaves when the device passed its diagnostics. */
export const DIAGNOSTIC_PASSED = 0x01;

/** Device register. */
export const DEVICE_SELECT = 0x10;
export const DEVICE_LBA = 0x40;

/** Device control register. */
export const CONTROL_NIEN = 0x02;
export const CONTROL_SRST = 0x04;
export const CONTROL_HOB = 0x80;

export const DEVICE_RESET = 0x08;
export const READ_SECTORS = 0x20;
export const READ_SECTORS_NO_RETRY = 0x21;
export const READ_SECTORS_EXT = 0x24;
export const READ_DMA_EXT = 0x25;
export const READ_MULTIPLE_EXT = 0x29;
export const WRITE_SECTORS = 0x30;
export const WRITE_SECTORS_NO_RETRY = 0x31;
export const WRITE_SECTORS_EXT = 0x34;
export const WRITE_DMA_EXT = 0x35;
export const WRITE_MULTIPLE_EXT = 0x39;
export const WRITE_DMA_FUA_EXT = 0x3d;
export const READ_VERIFY_SECTORS = 0x40;
export const READ_VERIFY_SECTORS_NO_RETRY = 0x41;
export const READ_VERIFY_SECTORS_EXT = 0x42;
export const EXECUTE_DEVICE_DIAGNOSTIC = 0x90;
export const INITIALIZE_DEVICE_PARAMETERS = 0x91;
export const PACKET = 0xa0;
export const IDENTIFY_PACKET_DEVICE = 0xa1;
export const READ_MULTIPLE = 0xc4;
export const WRITE_MULTIPLE = 0xc5;
export const SET_MULTIPLE_MODE = 0xc6;
export const READ_DMA = 0xc8;
export const READ_DMA_NO_RETRY = 0xc9;
export const WRITE_DMA = 0xca;
export const WRITE_DMA_NO_RETRY = 0xcb;
export const WRITE_MULTIPLE_FUA_EXT = 0xce;
export const STANDBY_IMMEDIATE = 0xe0;
export const IDLE_IMMEDIATE = 0xe1;
export const STANDBY = 0xe2;
export const IDLE = 0xe3;
export const CHECK_POWER_MODE = 0xe5;
export const SLEEP = 0xe6;
export const FLUSH_CACHE = 0xe7;
export const FLUSH_CACHE_EXT = 0xea;
export const IDENTIFY_DEVICE = 0xec;
export const SET_FEATURES = 0xef;

/** RECALIBRATE and SEEK take 16 codes each. */
export const RECALIBRATE_FIRST = 0x10;
export const RECALIBRATE_LAST = 0x1f;
export const SEEK_FIRST = 0x70;
export const SEEK_LAST = 0x7f;

/** Subcommands of SET FEATURES. */
export const FEATURE_ENABLE_WRITE_CACHE = 0x02;
export const FEATURE_SET_TRANSFER_MODE = 0x03;
export const FEATURE_DISABLE_READ_LOOK_AHEAD = 0x55;
export const FEATURE_KEEP_SETTINGS_AT_RESET = 0x66;
export const FEATURE_DISABLE_WRITE_CACHE = 0x82;
export const FEATURE_ENABLE_READ_LOOK_AHEAD = 0xaa;
export const FEATURE_DEFAULT_SETTINGS_AT_RESET = 0xcc;

/** CHECK POWER MODE: active or idle. */
export const POWER_ACTIVE = 0xff;

/** PACKET's interrupt reason, in the sector count register. */
export const REASON_COMMAND = 0x01;
export const REASON_TO_HOST = 0x02;
export const REASON_COMPLETE = REASON_COMMAND | REASON_TO_HOST;
/** What a device that takes packets puts into the LBA middle and high registers at reset. */
export const PACKET_SIGNATURE_MID = 0x14;
export const PACKET_SIGNATURE_HIGH = 0xeb;
/** Bytes of a packet. */
export const PACKET_SIZE = 12;
