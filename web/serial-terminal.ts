import { FitAddon } from "@xterm/addon-fit";
import { Terminal, type ITheme } from "@xterm/xterm";

const dark: ITheme = {
  background: "#0f1215",
  foreground: "#e6e9ed",
  cursor: "#6ea1ff",
  selectionBackground: "#35507f",
};
const light: ITheme = {
  background: "#ffffff",
  foreground: "#1b1f24",
  cursor: "#1f5fd0",
  selectionBackground: "#b8d0ff",
  // The standard palette's yellow, white and bright colours cannot be read on white.
  yellow: "#8a6100",
  white: "#56606b",
  brightYellow: "#8a6100",
  brightGreen: "#1a7f37",
  brightCyan: "#0b7285",
  brightWhite: "#1b1f24",
};

/** The guest's serial console: an xterm.js terminal that fills its element. */
export class SerialTerminal {
  private readonly terminal: Terminal;

  constructor(
    private readonly parent: HTMLElement,
    { input, leave }: { input: (data: Uint8Array) => void; leave: () => void },
  ) {
    const darkScheme = matchMedia("(prefers-color-scheme: dark)");
    this.terminal = new Terminal({
      fontFamily: "ui-monospace, 'Cascadia Mono', Menlo, 'DejaVu Sans Mono', monospace",
      fontSize: 13,
      scrollback: 20_000,
      theme: darkScheme.matches ? dark : light,
    });
    darkScheme.addEventListener("change", ({ matches }) => (this.terminal.options.theme = matches ? dark : light));

    const encoder = new TextEncoder();
    this.terminal.onData((text) => input(encoder.encode(text)));
    this.terminal.onBinary((text) => input(Uint8Array.from(text, (character) => character.charCodeAt(0))));
    // Every key but this one goes to the guest, Tab too: the keyboard needs a way out.
    this.terminal.attachCustomKeyEventHandler((event) => {
      if (!(event.key === "F6" && event.shiftKey)) return true;
      if (event.type === "keydown") leave();
      event.preventDefault();
      return false;
    });

    const fit = new FitAddon();
    this.terminal.loadAddon(fit);
    this.terminal.open(parent);
    new ResizeObserver(() => fit.fit()).observe(parent);
  }

  write(data: Uint8Array): void {
    this.terminal.write(data);
  }

  /** A new machine begins with an empty console. */
  clear(): void {
    this.terminal.reset();
  }

  focus(): void {
    this.terminal.focus();
  }

  /** Whether the console's text is kept in a live region for screen readers; it costs time with much output. */
  set screenReader(on: boolean) {
    this.terminal.options.screenReaderMode = on;
    this.parent.querySelector("textarea")?.setAttribute("aria-label", "Serial console input");
  }
}
