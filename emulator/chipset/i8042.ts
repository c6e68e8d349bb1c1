import type { InterruptLine, PortBus } from "./bus";
import { BytePorts } from "./byte-ports";
import { ANSWER_LIMIT } from "./ps2-device";
import { Ps2Keyboard } from "./ps2-keyboard";
import { Ps2Mouse } from "./ps2-mouse";
import { ScancodeTranslator } from "./scancode-translation";

// Status register, port 0x64
const STATUS_OBF = 0x01;
const STATUS_SYSTEM = 0x04;
const STATUS_COMMAND = 0x08;
const STATUS_UNLOCKED = 0x10;
const STATUS_AUX_OBF = 0x20;

// Command byte, RAM location 0
const CTR_KBDINT = 0x01;
const CTR_AUXINT = 0x02;
const CTR_SYSTEM = 0x04;
const CTR_KBDDIS = 0x10;
const CTR_AUXDIS = 0x20;
const CTR_XLATE = 0x40;

const OUTPUT_RESET = 0x01;
const OUTPUT_A20 = 0x02;

interface OutputByte {
  readonly value: number;
  readonly fromAux: boolean;
}

/** The 8042 keyboard controller at 0x60 and 0x64, with a keyboard (IRQ 1) and a mouse (IRQ 12). */
export class I8042 {
  readonly keyboard = new Ps2Keyboard(() => this.fill());
  readonly mouse = new Ps2Mouse(() => this.fill());
  private readonly translator = new ScancodeTranslator();
  private readonly ram = new Uint8Array(32);
  /** Bytes of the controller itself, ahead of the devices'. */
  private readonly queue: OutputByte[] = [];
  private output: OutputByte | undefined;
  private lastRead = 0;
  private status = 0;
  private outputPort = 0;
  /** The command whose data byte is awaited at port 0x60, 0 if none. */
  private awaiting = 0;

  constructor(
    ports: PortBus,
    private readonly keyboardLine: InterruptLine,
    private readonly auxLine: InterruptLine,
    private readonly resetProcessor: () => void,
  ) {
    const registers = new BytePorts(
      ports,
      (port) => (port & 4 ? this.readStatus() : this.readOutput()),
      (port, value) => (port & 4 ? this.command(value) : this.data(value)),
    );
    ports.register(0x60, 0x60, registers);
    ports.register(0x64, 0x64, registers);
    this.reset();
  }

  /** As firmware leaves it: self-test passed, keyboard on with translation, mouse off. */
  reset(): void {
    this.ram.fill(0);
    this.ram[0] = CTR_KBDINT | CTR_SYSTEM | CTR_AUXDIS | CTR_XLATE;
    this.queue.length = 0;
    this.output = undefined;
    this.lastRead = 0;
    this.status = STATUS_SYSTEM | STATUS_UNLOCKED;
    this.outputPort = OUTPUT_RESET | OUTPUT_A20;
    this.awaiting = 0;
    this.translator.reset();
    this.keyboard.reset();
    this.mouse.reset();
    this.update();
  }

  private get control(): number {
    return this.ram[0] as number;
  }

  private set control(value: number) {
    this.ram[0] = value;
    this.status = value & CTR_SYSTEM ? this.status | STATUS_SYSTEM : this.status & ~STATUS_SYSTEM;
    this.fill();
    this.update();
  }

  private readStatus(): number {
    const buffer = this.output ? STATUS_OBF | (this.output.fromAux ? STATUS_AUX_OBF : 0) : 0;
    return this.status | buffer;
  }

  private readOutput(): number {
    if (this.output) {
      this.lastRead = this.output.value;
      this.output = undefined;
      // The line falls before the next byte raises it: an edge for each byte.
      this.update();
      this.fill();
    }
    return this.lastRead;
  }

  /** Moves the next byte into the output buffer if that is free. */
  private fill(): void {
    while (!this.output) {
      const own = this.queue.shift();
      if (own) this.output = own;
      else if (this.keyboard.hasData && !(this.control & CTR_KBDDIS)) this.takeKeyboardByte();
      else if (this.mouse.hasData && !(this.control & CTR_AUXDIS)) {
        this.output = { value: this.mouse.take(), fromAux: true };
      } else return;
    }
    this.update();
  }

  private takeKeyboardByte(): void {
    const byte = this.keyboard.take();
    const value = this.control & CTR_XLATE ? this.translator.translate(byte) : byte;
    if (value !== undefined) this.output = { value, fromAux: false };
  }

  private answer(value: number, fromAux = false): void {
    this.queue.push({ value, fromAux });
    if (this.queue.length > ANSWER_LIMIT) this.queue.shift();
    this.fill();
  }

  private update(): void {
    const aux = this.output?.fromAux;
    this.keyboardLine.setLevel(aux === false && (this.control & CTR_KBDINT) !== 0);
    this.auxLine.setLevel(aux === true && (this.control & CTR_AUXINT) !== 0);
  }

  private command(command: number): void {
    this.status |= STATUS_COMMAND;
    this.awaiting = 0;
    if (command >= 0x20 && command <= 0x3f) this.answer(this.ram[command & 31] as number);
    else if (command >= 0x60 && command <= 0x7f) this.awaiting = command;
    else if (command >= 0xf0) {
      // Pulses low the output port's lines whose bits are clear: bit 0 is the processor's RESET.
      if (!(command & 1)) this.resetProcessor();
    } else this.otherCommand(command);
  }

  private otherCommand(command: number): void {
    switch (command) {
      case 0xa7:
        this.control |= CTR_AUXDIS;
        return;
      case 0xa8:
        this.control &= ~CTR_AUXDIS;
        return;
      case 0xa9: // test of the mouse's lines: no error
      case 0xab: // test of the keyboard's lines
        this.answer(0x00);
        return;
      case 0xaa:
        this.status |= STATUS_SYSTEM;
        this.answer(0x55);
        return;
      case 0xad:
        this.control |= CTR_KBDDIS;
        return;
      case 0xae:
        this.control &= ~CTR_KBDDIS;
        return;
      case 0xc0: // input port: keyboard not locked
        this.answer(0x80);
        return;
      case 0xd0:
        this.answer(this.outputPort | (this.output ? (this.output.fromAux ? 0x20 : 0x10) : 0));
        return;
      case 0xd1:
      case 0xd2:
      case 0xd3:
      case 0xd4:
        this.awaiting = command;
        return;
      case 0xdd:
        this.outputPort &= ~OUTPUT_A20;
        return;
      case 0xdf:
        this.outputPort |= OUTPUT_A20;
        return;
      case 0xe0: // test inputs: both clock lines idle
        this.answer(0x03);
    }
  }

  private data(value: number): void {
    const command = this.awaiting;
    this.awaiting = 0;
    this.status &= ~STATUS_COMMAND;
    switch (command) {
      case 0:
        // A byte to the keyboard turns its clock on again.
        this.control &= ~CTR_KBDDIS;
        this.keyboard.receive(value);
        return;
      case 0x60:
        this.control = value;
        return;
      case 0xd1:
        this.outputPort = value;
        if (!(value & OUTPUT_RESET)) this.resetProcessor();
        return;
      case 0xd2:
        this.answer(value);
        return;
      case 0xd3:
        this.answer(value, true);
        return;
      case 0xd4:
        this.control &= ~CTR_AUXDIS;
        this.mouse.receive(value);
        return;
      default:
        this.ram[command & 31] = value;
    }
  }
}
