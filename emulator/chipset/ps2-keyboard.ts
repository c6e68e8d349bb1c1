import { KeyEventQueue } from "../input/key-event-queue";
import type { KeyboardDevice } from "../input/keyboard-input";
import type { KeyEvent } from "../input/scan-codes";
import { ACK, Ps2Device, RESEND, SELF_TEST_PASSED } from "./ps2-device";
import { set2Bytes } from "./scancode-translation";

/** MF II keyboard, scan code set 2. */
export class Ps2Keyboard extends Ps2Device implements KeyboardDevice {
  onLeds: ((flags: number) => void) | undefined;
  private scanning = true;
  private scanCodeSet = 2;
  private lamps = 0;
  private readonly waiting = new KeyEventQueue();

  /** Bits 0 scroll lock, 1 num lock, 2 caps lock. */
  get leds(): number {
    return this.lamps;
  }

  get backlog(): number {
    return this.waiting.length;
  }

  reset(): void {
    this.clear();
    this.setDefaults();
  }

  key(event: KeyEvent): void {
    if (!this.scanning) return;
    this.waiting.push(event);
    this.onData();
  }

  protected get hasEvent(): boolean {
    return this.waiting.length > 0;
  }

  protected takeEvent(): readonly number[] {
    return set2Bytes(this.waiting.shift()?.strokes ?? []);
  }

  protected clearEvents(): void {
    this.waiting.clear();
  }

  private setLeds(flags: number): void {
    this.lamps = flags;
    this.onLeds?.(flags);
  }

  private setDefaults(): void {
    this.scanning = true;
    this.scanCodeSet = 2;
    this.setLeds(0);
  }

  protected command(byte: number): boolean {
    switch (byte) {
      case 0xed: // LEDs
      case 0xf0: // scan code set
      case 0xf3: // typematic rate
        this.expectParameter(byte);
        return true;
      case 0xee: // echo
        this.answer(0xee);
        return true;
      case 0xf2: // identify
        this.answer(ACK, 0xab, 0x83);
        return true;
      case 0xf4:
        this.clear();
        this.scanning = true;
        break;
      case 0xf5:
      case 0xf6:
        this.clear();
        this.setDefaults();
        this.scanning = byte === 0xf6;
        break;
      case 0xf7: // set 3 only: all keys typematic, make/break ...
      case 0xf8:
      case 0xf9:
      case 0xfa:
        break;
      case 0xff:
        this.reset();
        this.answer(ACK, SELF_TEST_PASSED);
        return true;
      default:
        return false;
    }
    this.answer(ACK);
    return true;
  }

  protected parameter(command: number, byte: number): boolean {
    if (byte >= 0xed) return false;
    if (command === 0xed) this.setLeds(byte & 7);
    else if (command === 0xf0 && byte === 0) {
      this.answer(ACK, this.scanCodeSet);
      return true;
    } else if (command === 0xf0) {
      // Keys are injected in set 2; a driver that asks for another hears no.
      if (byte !== 2) {
        this.answer(RESEND);
        return true;
      }
      this.scanCodeSet = byte;
    }
    this.answer(ACK);
    return true;
  }
}
