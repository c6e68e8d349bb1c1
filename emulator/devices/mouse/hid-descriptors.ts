// The synthetic mouse as a HID device: an absolute pointer with five buttons and a wheel, as Hyper-V's is. Items are
// those of the Device Class Definition for HID 1.11, section 6.2.2.

/** One item: its prefix without the size, and its data, little-endian. */
function item(prefix: number, ...data: number[]): number[] {
  return [prefix | data.length, ...data];
}

const USAGE_PAGE = 0x04;
const USAGE = 0x08;
const USAGE_MINIMUM = 0x18;
const USAGE_MAXIMUM = 0x28;
const LOGICAL_MINIMUM = 0x14;
const LOGICAL_MAXIMUM = 0x24;
const REPORT_SIZE = 0x74;
const REPORT_COUNT = 0x94;
const INPUT = 0x80;
const COLLECTION = 0xa0;
const END_COLLECTION = 0xc0;

const GENERIC_DESKTOP = 0x01;
const BUTTON = 0x09;

const DATA_VARIABLE_ABSOLUTE = 0x02;
const DATA_VARIABLE_RELATIVE = 0x06;
const CONSTANT = 0x01;

/** Largest coordinate; the screen's right and bottom edge. */
export const AXIS_MAXIMUM = 0x7fff;

/** What a report consists of: a byte of buttons, u16 x, u16 y, i16 wheel. */
export const REPORT_DESCRIPTOR = Uint8Array.from([
  ...item(USAGE_PAGE, GENERIC_DESKTOP),
  ...item(USAGE, 0x02), // mouse
  ...item(COLLECTION, 0x01), // application
  ...item(USAGE, 0x01), // pointer
  ...item(COLLECTION, 0x00), // physical
  ...item(USAGE_PAGE, BUTTON),
  ...item(USAGE_MINIMUM, 1),
  ...item(USAGE_MAXIMUM, 5),
  ...item(LOGICAL_MINIMUM, 0),
  ...item(LOGICAL_MAXIMUM, 1),
  ...item(REPORT_COUNT, 5),
  ...item(REPORT_SIZE, 1),
  ...item(INPUT, DATA_VARIABLE_ABSOLUTE),
  ...item(REPORT_COUNT, 1),
  ...item(REPORT_SIZE, 3),
  ...item(INPUT, CONSTANT),
  ...item(USAGE_PAGE, GENERIC_DESKTOP),
  ...item(USAGE, 0x30), // X
  ...item(USAGE, 0x31), // Y
  ...item(LOGICAL_MINIMUM, 0),
  ...item(LOGICAL_MAXIMUM, AXIS_MAXIMUM & 0xff, AXIS_MAXIMUM >>> 8),
  ...item(REPORT_SIZE, 16),
  ...item(REPORT_COUNT, 2),
  ...item(INPUT, DATA_VARIABLE_ABSOLUTE),
  ...item(USAGE_PAGE, GENERIC_DESKTOP),
  ...item(USAGE, 0x38), // wheel
  ...item(LOGICAL_MINIMUM, 0x01, 0x80), // -32767
  ...item(LOGICAL_MAXIMUM, 0xff, 0x7f),
  ...item(REPORT_SIZE, 16),
  ...item(REPORT_COUNT, 1),
  ...item(INPUT, DATA_VARIABLE_RELATIVE),
  ...item(END_COLLECTION),
  ...item(END_COLLECTION),
]);

/** Of the HID descriptor (HID 1.11, section 6.2.1): HID 1.01, no country, and one report descriptor. */
export const HID_DESCRIPTOR = Uint8Array.from([
  ...[9, 0x21, 0x01, 0x01, 0x00, 1],
  ...[0x22, REPORT_DESCRIPTOR.length & 0xff, REPORT_DESCRIPTOR.length >>> 8],
]);
