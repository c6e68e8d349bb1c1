import type { MachineScreen } from "../../emulator/machine-types";
import type { BootedGuest } from "./booted-guest";

/** Linux's console font at these resolutions, pixels. */
const CELL = { width: 8, height: 16 };
/** Characters that are told apart: all printable ASCII. */
const CHARACTERS = String.fromCharCode(...Array.from({ length: 95 }, (_, index) => 0x20 + index));

/** Reads text off the frame buffer console, by the pictures of characters that it has seen there before. */
export class ConsoleScreen {
  private readonly pictures = new Map<string, string>();

  private constructor(private readonly screen: MachineScreen) {}

  /** Clears the console, hides its cursor, and learns its font. */
  static async learn(guest: BootedGuest): Promise<ConsoleScreen> {
    const console = new ConsoleScreen(guest.machine.screen);
    // Octal: no character means anything to printf or the shell.
    const text = [...CHARACTERS].map((each) => `\\${each.charCodeAt(0).toString(8).padStart(3, "0")}`).join("");
    await guest.shell(`printf '\\033[H\\033[J\\033[?25l${text}' >/dev/tty1; sleep 0.3`);
    [...CHARACTERS].forEach((each, column) => console.pictures.set(console.cell(column, 0), each));
    return console;
  }

  /** How many characters look different. */
  get size(): number {
    return this.pictures.size;
  }

  /** The text of a row, without the spaces at its end. Unknown pictures are U+FFFD. */
  row(row: number): string {
    const columns = Math.floor(this.screen.mode!.width / CELL.width);
    const text = Array.from({ length: columns }, (_, column) => this.pictures.get(this.cell(column, row)) ?? "\ufffd");
    return text.join("").trimEnd();
  }

  private cell(column: number, row: number): string {
    const { width, height } = CELL;
    return this.screen.readPixels({ x: column * width, y: row * height, width, height }).join();
  }
}
