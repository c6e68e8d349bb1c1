import { fstatSync, readFileSync } from "node:fs";
import type { Console } from "./session";
import { EscapeFilter } from "./escape-filter";

/** The process's own stdin, stdout and stderr as a machine's console. */
export class HostConsole implements Console {
  private raw = false;

  constructor(private readonly report: (line: string) => void) {}

  open({ input, leave }: { input: (data: Uint8Array) => void; leave: () => void }): void {
    const { stdin, stdout, stderr } = process;
    // Whoever read our output has gone (`| head`): there is nobody to run the machine for.
    stdout.on("error", leave);
    // Without a reader of notices the machine can go on.
    stderr.on("error", () => undefined);
    if (stdin.isTTY) {
      this.notice("Ctrl-A x turns the machine off");
      const filter = new EscapeFilter();
      stdin.setRawMode(true);
      this.raw = true;
      stdin.on("data", (bytes: Buffer) => {
        const typed = filter.feed(bytes);
        if (typed.data.length > 0) input(typed.data);
        if (typed.leave) leave();
      });
    } else if (isFile(stdin.fd)) {
      // All of it before the guest starts, so that a virtual-time run with a file as input repeats exactly.
      const content = readFileSync(stdin.fd);
      if (content.length > 0) input(content);
    } else {
      stdin.on("data", (bytes: Buffer) => input(bytes));
      stdin.on("error", () => undefined);
    }
  }

  write(bytes: Uint8Array): void {
    process.stdout.write(bytes);
  }

  notice(line: string): void {
    this.report(this.raw ? `${line}\r` : line);
  }

  onInterrupt(listener: () => void): () => void {
    process.on("SIGINT", listener);
    return () => process.off("SIGINT", listener);
  }

  close(): void {
    const { stdin } = process;
    if (this.raw) stdin.setRawMode(false);
    this.raw = false;
    // An open stdin would keep the process alive.
    stdin.destroy();
  }
}

function isFile(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isFile();
  } catch {
    return false;
  }
}
