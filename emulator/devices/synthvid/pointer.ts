import type { PointerShape } from "../../machine-types";
import { CURSOR_COMPLETE, type ShapePart } from "./protocol";

/** Pixels, each way. */
const SIZE_MAX = 96;
const BYTES_MAX = SIZE_MAX * SIZE_MAX * 4;

/** Puts the parts of a pointer's shape together. */
export class PointerAssembly {
  private parts: Uint8Array[] = [];

  /** @returns the shape when its last part has come, or a text that says what is wrong */
  add(part: ShapePart): PointerShape | string | undefined {
    const number = this.parts.length;
    if (part.part !== CURSOR_COMPLETE && part.part !== number) {
      this.clear();
      return `part ${part.part} of a pointer's shape where ${number} was due`;
    }
    this.parts.push(part.data);
    const length = this.parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
    // The pipe pads its messages, the last one's shape too.
    if (length > BYTES_MAX + 8) {
      this.clear();
      return "a pointer's shape that is too long";
    }
    if (part.part !== CURSOR_COMPLETE) return undefined;
    const data = new Uint8Array(length);
    let at = 0;
    for (const each of this.parts) {
      data.set(each, at);
      at += each.byteLength;
    }
    this.clear();
    return createShape(part, data);
  }

  clear(): void {
    this.parts = [];
  }
}

function createShape(part: ShapePart, data: Uint8Array): PointerShape | string {
  const { argb, width, height, hotX, hotY } = part;
  if (width < 1 || height < 1 || width > SIZE_MAX || height > SIZE_MAX) {
    return `a pointer of ${width} x ${height} pixels`;
  }
  if (hotX >= width || hotY >= height) return `a pointer that points outside itself, at ${hotX}, ${hotY}`;
  const stride = (width + 7) >>> 3;
  const needed = argb ? width * height * 4 : stride * height * 2;
  if (data.length < needed) return `a pointer's shape of ${data.length} bytes instead of ${needed}`;
  const pixels = new Uint8ClampedArray(width * height * 4);
  if (argb) fromArgb(data, pixels);
  else fromMasks(data, pixels, width, height);
  return { width, height, hotX, hotY, pixels };
}

function fromArgb(data: Uint8Array, pixels: Uint8ClampedArray): void {
  for (let i = 0; i < pixels.length; i += 4) {
    pixels[i] = data[i + 2]!;
    pixels[i + 1] = data[i + 1]!;
    pixels[i + 2] = data[i]!;
    pixels[i + 3] = data[i + 3]!;
  }
}

/**
 * An AND mask and below it an XOR mask, a bit a pixel: 0 0 is black, 0 1 white, 1 0 the picture. 1 1, the picture
 * inverted, can't be told in RGBA; black shows on what most pictures are.
 */
function fromMasks(data: Uint8Array, pixels: Uint8ClampedArray, width: number, height: number): void {
  const stride = (width + 7) >>> 3;
  const bit = (x: number, y: number): number => (data[y * stride + (x >>> 3)]! >>> (7 - (x & 7))) & 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const and = bit(x, y);
      const xor = bit(x, height + y);
      const at = (y * width + x) * 4;
      pixels.fill(xor && !and ? 255 : 0, at, at + 3);
      pixels[at + 3] = and && !xor ? 0 : 255;
    }
  }
}
