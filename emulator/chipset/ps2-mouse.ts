import type { RelativePointer } from "../input/pointer-input";
import { ACK, Ps2Device, SELF_TEST_PASSED } from "./ps2-device";

/** Motions that the mouse keeps while nobody reads. */
const MOTION_LIMIT = 64;

/** Mouse with the wheel extension ("IntelliMouse", id 3). */
export class Ps2Mouse extends Ps2Device implements RelativePointer {
  private reporting = false;
  private remote = false;
  private wrap = false;
  private wheel = false;
  private scaling = 1;
  private resolution = 2;
  private sampleRate = 100;
  private buttons = 0;
  /** Motion that was not sent yet, oldest first. */
  private waiting: { dx: number; dy: number; dz: number; readonly buttons: number }[] = [];
  /** The last three sample rates: 200, 100, 80 turns the wheel on. */
  private rates: number[] = [];

  reset(): void {
    this.clear();
    this.setDefaults();
    this.wheel = this.wrap = false;
    this.buttons = 0;
  }

  move(dx: number, dy: number, dz: number, buttons: number): void {
    this.buttons = buttons & 7;
    if (!this.reporting || this.remote) return;
    const last = this.waiting.at(-1);
    if (last?.buttons === this.buttons) {
      last.dx += dx;
      last.dy += dy;
      last.dz += dz;
    } else {
      this.waiting.push({ dx, dy, dz, buttons: this.buttons });
      // The newest has the buttons as they are.
      if (this.waiting.length > MOTION_LIMIT) this.waiting.shift();
    }
    this.onData();
  }

  protected get hasEvent(): boolean {
    return this.waiting.length > 0;
  }

  /** As much of the oldest motion as a packet has room for. */
  protected takeEvent(): readonly number[] {
    const motion = this.waiting[0];
    if (!motion) return [];
    const x = clamp(motion.dx, 255);
    const y = clamp(motion.dy, 255);
    const z = clamp(motion.dz, 7);
    motion.dx -= x;
    motion.dy -= y;
    motion.dz = this.wheel ? motion.dz - z : 0;
    if (motion.dx === 0 && motion.dy === 0 && motion.dz === 0) this.waiting.shift();
    return this.packet(x, y, z, motion.buttons);
  }

  protected clearEvents(): void {
    this.waiting = [];
  }

  /** x and y are -255..255, z is -7..7. */
  private packet(x: number, y: number, z: number, buttons: number): number[] {
    const first = 0x08 | buttons | (x < 0 ? 0x10 : 0) | (y < 0 ? 0x20 : 0);
    const bytes = [first, x & 0xff, y & 0xff];
    if (this.wheel) bytes.push(z & 0xff);
    return bytes;
  }

  private setDefaults(): void {
    this.reporting = this.remote = false;
    this.scaling = 1;
    this.resolution = 2;
    this.sampleRate = 100;
    this.rates = [];
  }

  protected command(byte: number): boolean {
    if (this.wrap && byte !== 0xff && byte !== 0xec) {
      this.answer(byte);
      return true;
    }
    switch (byte) {
      case 0xe6:
      case 0xe7:
        this.scaling = byte === 0xe7 ? 2 : 1;
        break;
      case 0xe8: // resolution
      case 0xf3: // sample rate
        this.expectParameter(byte);
        return true;
      case 0xe9: {
        const mode = (this.remote ? 0x40 : 0) | (this.reporting ? 0x20 : 0) | (this.scaling === 2 ? 0x10 : 0);
        const held = ((this.buttons & 1) << 2) | ((this.buttons & 4) >>> 1) | ((this.buttons & 2) >>> 1);
        this.answer(ACK, mode | held, this.resolution, this.sampleRate);
        return true;
      }
      case 0xea:
        this.remote = false;
        break;
      case 0xeb:
        this.answer(ACK, ...this.packet(0, 0, 0, this.buttons));
        return true;
      case 0xec:
      case 0xee:
        this.wrap = byte === 0xee;
        break;
      case 0xf0:
        this.remote = true;
        break;
      case 0xf2:
        this.answer(ACK, this.wheel ? 3 : 0);
        return true;
      case 0xf4:
      case 0xf5:
        this.reporting = byte === 0xf4;
        break;
      case 0xf6:
        this.setDefaults();
        break;
      case 0xff:
        this.reset();
        this.answer(ACK, SELF_TEST_PASSED, 0x00);
        return true;
      default:
        return false;
    }
    this.answer(ACK);
    return true;
  }

  protected parameter(command: number, byte: number): boolean {
    if (command === 0xe8) {
      if (byte > 3) return false;
      this.resolution = byte;
    } else {
      this.sampleRate = byte;
      this.rates = [...this.rates.slice(-2), byte];
      if (this.rates.join() === "200,100,80") this.wheel = true;
    }
    this.answer(ACK);
    return true;
  }
}

function clamp(value: number, limit: number): number {
  return Math.max(-limit, Math.min(limit, Math.trunc(value)));
}
