import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `hypertab` as a user runs it, with a person's patience at its console. */
export class Hypertab {
  private readonly child: ChildProcessWithoutNullStreams;
  private waiting: (() => void)[] = [];
  stdout = "";
  stderr = "";
  readonly ended: Promise<Ended>;

  constructor(...args: string[]) {
    this.child = spawn(process.execPath, ["cli/hypertab.js", ...args], { cwd: root });
    this.child.stdout.on("data", (bytes: Buffer) => this.read(() => (this.stdout += bytes.toString("latin1"))));
    this.child.stderr.on("data", (bytes: Buffer) => this.read(() => (this.stderr += bytes.toString())));
    this.ended = new Promise((resolve) =>
      this.child.on("close", (code) => this.read(() => resolve({ code, stdout: this.stdout, stderr: this.stderr }))),
    );
  }

  private read(change: () => void): void {
    change();
    const { waiting } = this;
    this.waiting = [];
    for (const wake of waiting) wake();
  }

  type(text: string): void {
    this.child.stdin.write(text);
  }

  interrupt(): void {
    this.child.kill("SIGINT");
  }

  /** As a service manager or a shutdown of the host ends it. */
  terminate(): void {
    this.child.kill("SIGTERM");
  }

  /** Ends it at once, whatever it does; for the end of a test. */
  kill(): void {
    this.child.kill("SIGKILL");
  }

  /** Waits until stdout, from `from` on, has `text`. @returns stdout from `from` on */
  async expect(text: string | RegExp, from = 0): Promise<string> {
    const found = (): boolean => {
      const since = this.stdout.slice(from);
      return typeof text === "string" ? since.includes(text) : text.test(since);
    };
    while (!found()) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`hypertab ended before it printed ${text}:\n${this.stdout.slice(-2000)}\n${this.stderr}`);
      }
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
    return this.stdout.slice(from);
  }

  /** Types a shell command and waits for its exit status. @returns what it printed */
  async shell(command: string): Promise<string> {
    const from = this.stdout.length;
    this.type(`${command}; echo "<$?>"\n`);
    // The echo of the line shows "<$?>"; only the shell itself prints a number there.
    const output = await this.expect(/<\d+>/, from);
    return output.slice(output.indexOf("\n") + 1, output.search(/<\d+>/));
  }
}
