import { existsSync, readFileSync } from "node:fs";
import { Machine } from "../../emulator/machine";
import type { MachineSettings, StopReason, TimeMode } from "../../emulator/machine-types";
import { joinArchives } from "../../images/archive/cpio";
import { getGuest, guestOptions } from "../../images/catalog";

/** build/core.wasm; the test command builds it first. */
export function coreModule(): WebAssembly.Module {
  const path = new URL("../../build/core.wasm", import.meta.url);
  if (!existsSync(path)) throw new Error("build/core.wasm is missing: npm run build:core");
  return new WebAssembly.Module(readFileSync(path));
}

export interface GuestSettings extends Pick<MachineSettings, "drives" | "translateAfter" | "translateAtOnce"> {
  readonly time: TimeMode;
  readonly memoryMiB?: number;
  readonly append?: string;
  /** A further archive for the initramfs. */
  readonly overlay?: Uint8Array;
}

/** A guest of images/ on a machine of its own, and a person's view of its console. */
export class BootedGuest {
  private text = "";
  private waiting: (() => void)[] = [];
  private ended: StopReason | undefined;
  /** What the machine logged, one "source: message" each. */
  readonly log: string[] = [];

  private constructor(readonly machine: Machine) {
    machine.on("serial", (bytes) => {
      // Latin-1 keeps each byte what it is.
      this.text += Buffer.from(bytes).toString("latin1");
      this.wake();
    });
    machine.on("log", ({ source, message }) => this.log.push(`${source}: ${message}`));
    machine.on("stopped", (reason) => {
      this.ended = reason;
      this.wake();
    });
  }

  /** Fetches or builds the guest, and starts it. */
  static async boot(
    name: string,
    { time, memoryMiB = 256, append = "", overlay, ...settings }: GuestSettings,
  ): Promise<BootedGuest> {
    const guest = await getGuest(name, guestOptions(process.env));
    return BootedGuest.start({
      core: coreModule(),
      boot: {
        kernel: new Uint8Array(readFileSync(guest.kernel)),
        initrd: joinArchives([readFileSync(guest.initrd), overlay ?? new Uint8Array(0)]),
        commandLine: `${guest.commandLine} ${append}`.trim(),
      },
      memoryMiB,
      time,
      ...settings,
    });
  }

  static async start(settings: MachineSettings): Promise<BootedGuest> {
    const booted = new BootedGuest(await Machine.create(settings));
    booted.machine.start();
    return booted;
  }

  private wake(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const wake of waiting) wake();
  }

  /** All that the guest wrote to its serial port so far. */
  get console(): string {
    return this.text;
  }

  /** Waits until the console, from `from` on, has `pattern`. @returns the console from `from` on */
  async expect(pattern: string | RegExp, from = 0): Promise<string> {
    for (;;) {
      const since = this.text.slice(from);
      if (typeof pattern === "string" ? since.includes(pattern) : pattern.test(since)) return since;
      if (this.ended) {
        const last = [...this.log.slice(-5), this.text.slice(-2000)].join("\n");
        throw new Error(`the machine stopped (${JSON.stringify(this.ended)}) before it printed ${pattern}:\n${last}`);
      }
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }

  /** Waits for the shell that follows the drivers. */
  async ready(): Promise<void> {
    await this.expect("=== guest ready");
    await this.expect(/\/ # /);
  }

  type(text: string): void {
    this.machine.serialInput(text);
  }

  /** Types a shell command and waits for its exit status. @returns what it printed, with plain line ends */
  async shell(command: string): Promise<string> {
    const from = this.text.length;
    // The echo of what is typed has the quotes, and no number: only the shell itself prints the marks.
    this.type(`echo '<''begin>'; ${command}; echo "<$?>"\n`);
    const output = (await this.expect(/<begin>[^]*<\d+>/, from)).replaceAll("\r", "");
    return output.slice(output.indexOf("<begin>") + "<begin>\n".length, output.search(/<\d+>/));
  }

  /** As shell(), with the output as lines. */
  async lines(command: string): Promise<string[]> {
    return (await this.shell(command)).split("\n").filter((line) => line !== "");
  }

  turnOff(): void {
    this.machine.turnOff();
  }
}

/** What a healthy kernel's log has none of. */
export const COMPLAINTS =
  /\boops\b|\bBUG:|WARNING:|general protection|lost interrupt|lockup|nobody cared|unknown interrupt|spurious interrupt|unstable \(|rcu.*stall|hung_task|call trace|panic|segfault|bad pmd|double fault|unhandled|clocksource.*skew|timed out|ACPI (BIOS )?(Error|Exception|Warning)|ACPI Error|Firmware Error/i;
