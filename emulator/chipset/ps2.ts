// PS/2 keyboard and mouse as the 8042 hears them (IBM PS/2 Hardware Interface Technical Reference).

const ACK = 0xfa;
const RESEND = 0xfe;
const SELF_TEST_PASSED = 0xaa;
/** Bytes of events that a device keeps while nobody reads; more are dropped, answers never. */
const EVENT_LIMIT = 256;

/** What both devices share: a queue of bytes to the controller, and commands with one parameter. */
abstract class Ps2Device {
  private readonly queue: number[] = [];
  private events = 0;
  private last = 0;
  private parameterOf = 0;

  constructor(private readonly onData: () => void) {}

  /** The controller sends a byte to the device. */
  receive(byte: number): void {
    const command = this.parameterOf;
    this.parameterOf = 0;
    if (command !== 0 && this.parameter(command, byte)) return;
    if (byte === 0xfe) this.answer(this.last);
    else if (!this.command(byte)) this.answer(RESEND);
  }

  get hasData(): boolean {
    return this.queue.length > 0;
  }

  /** The next byte to the controller. */
  take(): number {
    this.last = this.queue.shift() ?? 0;
    this.events = Math.min(this.events, this.queue.length);
    return this.last;
  }

  protected clear(): void {
    this.queue.length = 0;
    this.events = 0;
    this.parameterOf = 0;
  }

  protected answer(...bytes: number[]): void {
    this.queue.push(...bytes);
    this.onData();
  }

  /** Queues the bytes of one event, all or none. */
  protected event(bytes: readonly number[]): void {
    if (this.events + bytes.length > EVENT_LIMIT) return;
    this.events += bytes.length;
    this.queue.push(...bytes);
    this.onData();
  }

  protected expectParameter(command: number): void {
    this.parameterOf = command;
    this.answer(ACK);
  }

  /** False if the device does not know the command. */
  protected abstract command(byte: number): boolean;
  /** False if the byte is no parameter of that command but a command itself. */
  protected abstract parameter(command: number, byte: number): boolean;
}

/** MF II keyboard, scan code set 2. */
export class Ps2Keyboard extends Ps2Device {
  private scanning = true;
  private scanCodeSet = 2;
  /** Bits 0 scroll lock, 1 num lock, 2 caps lock. */
  leds = 0;

  reset(): void {
    this.clear();
    this.setDefaults();
  }

  /** Set 2 scan codes of one key event, e.g. [0xe0, 0xf0, 0x75]. */
  press(codes: readonly number[]): void {
    if (this.scanning) this.event(codes);
  }

  private setDefaults(): void {
    this.scanning = true;
    this.scanCodeSet = 2;
    this.leds = 0;
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
    if (command === 0xed) this.leds = byte & 7;
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

/** Mouse with the wheel extension ("IntelliMouse", id 3). */
export class Ps2Mouse extends Ps2Device {
  private reporting = false;
  private remote = false;
  private wrap = false;
  private wheel = false;
  private scaling = 1;
  private resolution = 2;
  private sampleRate = 100;
  private buttons = 0;
  /** The last three sample rates: 200, 100, 80 turns the wheel on. */
  private rates: number[] = [];

  reset(): void {
    this.clear();
    this.setDefaults();
    this.wheel = this.wrap = false;
    this.buttons = 0;
  }

  /** Moves by dx (right), dy (up), dz (wheel towards the user) and sets the buttons: 0 left, 1 right, 2 middle. */
  move(dx: number, dy: number, dz: number, buttons: number): void {
    this.buttons = buttons & 7;
    if (this.reporting && !this.remote) this.event(this.packet(dx, dy, dz));
  }

  private packet(dx: number, dy: number, dz: number): number[] {
    const clamp = (value: number, limit: number): number => Math.max(-limit, Math.min(limit - 1, Math.trunc(value)));
    const x = clamp(dx, 256);
    const y = clamp(dy, 256);
    const first = 0x08 | this.buttons | (x < 0 ? 0x10 : 0) | (y < 0 ? 0x20 : 0);
    const bytes = [first, x & 0xff, y & 0xff];
    if (this.wheel) bytes.push(clamp(dz, 8) & 0xff);
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
        this.answer(ACK, ...this.packet(0, 0, 0));
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
