import { guidToText } from "../guid";
import type { TraceField } from "./types";
import { hexBytes, quoted } from "./text";

type Format<T> = (value: T) => string;

/**
 * Reads little-endian fields one after another and keeps them with their names. Where the bytes end, reads give
 * undefined, no field comes of them, and `truncated` tells so; nothing throws.
 */
export class FieldReader {
  private readonly list: TraceField[] = [];
  private readonly view: DataView;
  private at = 0;
  private short = false;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** What was read so far; the last one says so if the bytes ended too early. */
  get fields(): readonly TraceField[] {
    return this.short ? [...this.list, { name: "truncated", value: `after ${this.bytes.length} bytes` }] : this.list;
  }
  get truncated(): boolean {
    return this.short;
  }
  get left(): number {
    return this.bytes.length - this.at;
  }

  /** Adds a field that was not read but worked out. */
  add(name: string, value: string | number | bigint): void {
    this.list.push({ name, value: String(value) });
  }

  u8(name: string, format: Format<number> = String): number | undefined {
    return this.field(name, 1, (at) => this.view.getUint8(at), format);
  }
  u16(name: string, format: Format<number> = String): number | undefined {
    return this.field(name, 2, (at) => this.view.getUint16(at, true), format);
  }
  u32(name: string, format: Format<number> = String): number | undefined {
    return this.field(name, 4, (at) => this.view.getUint32(at, true), format);
  }
  u64(name: string, format: Format<bigint> = String): bigint | undefined {
    return this.field(name, 8, (at) => this.view.getBigUint64(at, true), format);
  }
  guid(name: string): string | undefined {
    return this.field(name, 16, (at) => guidToText(this.bytes.subarray(at, at + 16)), String);
  }

  /** Zero-terminated UTF-16 in a place of `size` bytes. */
  utf16(name: string, size: number): string | undefined {
    return this.field(name, size, (at) => utf16Text(this.view, at, size), quoted);
  }

  hex(name: string, size: number): Uint8Array | undefined {
    return this.field(name, size, (at) => this.bytes.subarray(at, at + size), hexBytes);
  }

  /** All that is left, if anything is. */
  rest(name: string): void {
    if (this.left > 0) this.hex(name, this.left);
  }

  skip(size: number): void {
    if (this.left < size) this.end();
    else this.at += size;
  }

  private field<T>(name: string, size: number, read: (at: number) => T, format: Format<T>): T | undefined {
    if (this.left < size) {
      this.end();
      return undefined;
    }
    const value = read(this.at);
    this.at += size;
    this.list.push({ name, value: format(value) });
    return value;
  }

  private end(): void {
    this.short = true;
    this.at = this.bytes.length;
  }
}

function utf16Text(view: DataView, at: number, size: number): string {
  let text = "";
  for (let offset = 0; offset + 1 < size; offset += 2) {
    const unit = view.getUint16(at + offset, true);
    if (unit === 0) break;
    text += String.fromCharCode(unit);
  }
  return text;
}
