import { DEVICE_LBA } from "./ata";

/** Offsets of the command block's registers from its first port. */
export const REGISTER_DATA = 0;
export const REGISTER_ERROR_FEATURES = 1;
export const REGISTER_COUNT = 2;
export const REGISTER_LBA_LOW = 3;
export const REGISTER_LBA_MID = 4;
export const REGISTER_LBA_HIGH = 5;
export const REGISTER_DEVICE = 6;
export const REGISTER_STATUS_COMMAND = 7;

/** The disk's shape for addresses by cylinder, head and sector. */
export interface Geometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectorsPerTrack: number;
}

/**
 * The command block registers of a drive but status and command. Features, count and the LBA registers remember what
 * was in them before the last write: 48-bit commands take their high halves from there.
 */
export class TaskFile {
  error = 0;
  device = 0;
  private readonly current = new Uint8Array(8);
  private readonly previous = new Uint8Array(8);

  /** Reads a register; `previous` is the state of the device control register's HOB bit. */
  read(register: number, previous: boolean): number {
    if (register === REGISTER_ERROR_FEATURES) return this.error;
    if (register === REGISTER_DEVICE) return this.device;
    return (previous ? this.previous : this.current)[register] ?? 0;
  }

  write(register: number, value: number): void {
    if (register === REGISTER_DEVICE) {
      this.device = value;
      return;
    }
    this.previous[register] = this.current[register] ?? 0;
    this.current[register] = value;
  }

  get features(): number {
    return this.current[REGISTER_ERROR_FEATURES] ?? 0;
  }

  /** The low byte of the count, or PACKET's interrupt reason. */
  get count(): number {
    return this.current[REGISTER_COUNT] ?? 0;
  }
  set count(value: number) {
    this.current[REGISTER_COUNT] = value;
  }

  /** LBA middle and high as one number: PACKET's byte count. */
  get byteCount(): number {
    return (this.current[REGISTER_LBA_MID] ?? 0) | ((this.current[REGISTER_LBA_HIGH] ?? 0) << 8);
  }
  set byteCount(value: number) {
    this.current[REGISTER_LBA_MID] = value & 0xff;
    this.current[REGISTER_LBA_HIGH] = value >>> 8;
  }

  /** Sectors of a command; 0 in the registers stands for the largest count. */
  sectors(extended: boolean): number {
    if (!extended) return this.count || 0x100;
    return ((this.previous[REGISTER_COUNT] ?? 0) << 8) | this.count || 0x10000;
  }

  /** The first sector that a command names; undefined if it names none: sector 0 of a track, or CHS in 48-bit commands. */
  lba(extended: boolean, geometry: Geometry): number | undefined {
    const { current, previous } = this;
    const three = (bytes: Uint8Array): number =>
      (bytes[REGISTER_LBA_LOW] ?? 0) | ((bytes[REGISTER_LBA_MID] ?? 0) << 8) | ((bytes[REGISTER_LBA_HIGH] ?? 0) << 16);
    const isLba = (this.device & DEVICE_LBA) !== 0;
    if (extended) return isLba ? three(previous) * 0x1000000 + three(current) : undefined;
    const head = this.device & 0x0f;
    if (isLba) return head * 0x1000000 + three(current);
    const sector = current[REGISTER_LBA_LOW] ?? 0;
    if (sector === 0 || sector > geometry.sectorsPerTrack || head >= geometry.heads) return undefined;
    return (this.byteCount * geometry.heads + head) * geometry.sectorsPerTrack + sector - 1;
  }

  /** Shows where a command stopped, in the form in which it gave its address. */
  setLba(lba: number, extended: boolean, geometry: Geometry): void {
    const put = (bytes: Uint8Array, value: number): void => {
      bytes[REGISTER_LBA_LOW] = value & 0xff;
      bytes[REGISTER_LBA_MID] = (value >>> 8) & 0xff;
      bytes[REGISTER_LBA_HIGH] = (value >>> 16) & 0xff;
    };
    const high = Math.floor(lba / 0x1000000);
    if (extended) {
      put(this.current, lba % 0x1000000);
      put(this.previous, high);
    } else if (this.device & DEVICE_LBA) {
      put(this.current, lba % 0x1000000);
      this.device = (this.device & 0xf0) | (high & 0x0f);
    } else {
      const track = Math.floor(lba / geometry.sectorsPerTrack);
      this.current[REGISTER_LBA_LOW] = (lba % geometry.sectorsPerTrack) + 1;
      this.byteCount = Math.floor(track / geometry.heads) & 0xffff;
      this.device = (this.device & 0xf0) | (track % geometry.heads);
    }
  }

  /** What a reset, or a command that is for the other kind of device, leaves: how hosts tell disks from others. */
  setSignature(mid: number, high: number): void {
    this.previous.fill(0);
    this.current[REGISTER_COUNT] = 1;
    this.current[REGISTER_LBA_LOW] = 1;
    this.current[REGISTER_LBA_MID] = mid;
    this.current[REGISTER_LBA_HIGH] = high;
    this.device = 0;
  }
}
