import type { ScreenMode } from "../../machine-types";

// The monitor's description, VESA E-EDID 1.4: what a guest that asks for resolutions gets too.

const SIZE = 128;
const HEADER = [0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00];
/** Hyper-V's vendor and product: "MSH", 0x062e. */
const VENDOR = "MSH";
const PRODUCT = 0x062e;
const NAME = "HyperVMonitor";
const YEAR = 2011;
const DIGITAL_INPUT = 0x80;
/** 2.2, as (gamma - 1) * 100. */
const GAMMA = 120;
/** RGB, and the first timing is the preferred one. */
const FEATURES = 0x0a;
/** Colour primaries and white point of sRGB. */
const CHROMATICITY = [0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54];
const STANDARD_TIMINGS = 38;
const STANDARD_TIMINGS_END = 54;
const UNUSED_TIMING = 0x01;
const DESCRIPTORS = 54;
const DESCRIPTOR_SIZE = 18;
const TAG_NAME = 0xfc;
const TAG_DUMMY = 0x10;
const REFRESH_HZ = 60;

// Reduced blanking, in pixels and rows (VESA CVT).
const H_BLANK = 160;
const H_FRONT = 48;
const H_SYNC = 32;
const V_BLANK = 31;
const V_FRONT = 3;
const V_SYNC = 6;
/** Digital separate syncs, horizontal positive. */
const SYNC_FLAGS = 0x1a;

/** Detailed timing descriptor. */
function timing({ width, height }: ScreenMode): number[] {
  const clock = Math.round(((width + H_BLANK) * (height + V_BLANK) * REFRESH_HZ) / 10_000);
  return [
    clock & 0xff,
    clock >>> 8,
    width & 0xff,
    H_BLANK & 0xff,
    ((width >>> 8) << 4) | (H_BLANK >>> 8),
    height & 0xff,
    V_BLANK & 0xff,
    ((height >>> 8) << 4) | (V_BLANK >>> 8),
    H_FRONT,
    H_SYNC,
    (V_FRONT << 4) | V_SYNC,
    ...[0, 0, 0, 0, 0, 0],
    SYNC_FLAGS,
  ];
}

/** @param preferred the mode of the monitor's only detailed timing. @returns 128 bytes */
export function createEdid(preferred: ScreenMode): Uint8Array {
  const bytes = new Uint8Array(SIZE);
  bytes.set(HEADER);
  const letters = [...VENDOR].reduce((value, letter) => (value << 5) | (letter.charCodeAt(0) & 31), 0);
  bytes.set([letters >>> 8, letters & 0xff, PRODUCT & 0xff, PRODUCT >>> 8], 8);
  bytes.set([0xff, YEAR - 1990, 1, 4, DIGITAL_INPUT, 0, 0, GAMMA, FEATURES, ...CHROMATICITY], 16);
  bytes.fill(UNUSED_TIMING, STANDARD_TIMINGS, STANDARD_TIMINGS_END);
  bytes.set(timing(preferred), DESCRIPTORS);
  bytes.set([0, 0, 0, TAG_NAME, 0, ...new TextEncoder().encode(NAME)], DESCRIPTORS + DESCRIPTOR_SIZE);
  for (const descriptor of [2, 3]) bytes[DESCRIPTORS + descriptor * DESCRIPTOR_SIZE + 3] = TAG_DUMMY;
  // All bytes together are 0 modulo 256.
  bytes[SIZE - 1] = -bytes.reduce((sum, byte) => sum + byte, 0);
  return bytes;
}
