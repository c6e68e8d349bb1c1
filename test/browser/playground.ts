import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  chromium,
  type Browser,
  type BrowserContext,
  type LaunchOptions,
  type Locator,
  type Page,
} from "playwright-core";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const executablePath = process.env["HYPERTAB_CHROMIUM"] ?? "/usr/bin/chromium";

export const chromiumIsThere = existsSync(executablePath);

/** `npm start`, as a user runs it. */
export class PlaygroundServer {
  private constructor(
    private readonly child: ChildProcess,
    /** The page's address, without a query. */
    readonly address: string,
  ) {}

  /** Resolves when the server says its address; rejects with its output when it ends before. */
  static async start(): Promise<PlaygroundServer> {
    // What npm would start, without npm between us and the process: it does not hand on signals.
    const build = spawn(process.execPath, ["tools/prepare.mjs"], { cwd: root, stdio: "inherit" });
    await once(build, "exit");
    const child = spawn(process.execPath, ["dist/start.mjs", "--port", "0"], { cwd: root });
    let output = "";
    const address = await new Promise<string>((resolve, reject) => {
      const read = (bytes: Buffer): void => {
        output += bytes.toString();
        const found = /Hypertab is at (http:[^?\s]+)/.exec(output);
        if (found) resolve(found[1] as string);
      };
      child.stdout.on("data", read);
      child.stderr.on("data", read);
      child.on("exit", (code) => reject(new Error(`npm start ended with ${code}: ${output}`)));
    });
    return new PlaygroundServer(child, address);
  }

  async stop(): Promise<void> {
    const ended = once(this.child, "exit");
    this.child.kill();
    await ended;
  }
}

const LAUNCH: LaunchOptions = {
  executablePath,
  args: [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
};

export async function openBrowser(): Promise<Browser> {
  return chromium.launch(LAUNCH);
}

/** A browser whose storage is in a folder, and outlives it. */
export async function openProfile(
  folder: string,
  options: { colorScheme?: "light" | "dark" } = {},
): Promise<BrowserContext> {
  return chromium.launchPersistentContext(folder, {
    ...LAUNCH,
    ...options,
    viewport: { width: 1100, height: 900 },
    acceptDownloads: true,
  });
}

/** The playground's page as its user sees it. */
export class Playground {
  readonly console: Locator;

  constructor(readonly page: Page) {
    this.console = page.getByTestId("console");
  }

  /** The lines that the terminal shows, without the blanks that pad them. */
  async consoleText(): Promise<string> {
    const rows = await this.console.locator(".xterm-rows > div").allTextContents();
    return rows.map((row) => row.replaceAll("\u00a0", " ").trimEnd()).join("\n");
  }

  async type(line: string): Promise<void> {
    await this.console.getByRole("textbox").focus();
    await this.page.keyboard.type(`${line}\n`);
  }

  private commands = 0;

  /** Types a command at the guest's shell, and waits for its end, up to `seconds`. @returns what it printed */
  async shell(command: string, seconds = 60): Promise<string> {
    const id = `c${++this.commands}x`;
    // What is typed is echoed, and has the sum; only the shell prints its result.
    await this.type(`${command}; echo ${id}$((7*6))`);
    for (let tries = 0; tries < 10 * seconds; tries++) {
      const text = (await this.consoleText()).replaceAll("\n", "\u0001");
      const end = text.lastIndexOf(`${id}42`);
      if (end >= 0)
        return text
          .slice(text.lastIndexOf("((7*6))") + 7, end)
          .replaceAll("\u0001", "\n")
          .trim();
      await this.page.waitForTimeout(100);
    }
    throw new Error(`'${command}' did not end in ${seconds} s:\n${await this.consoleText()}`);
  }

  async booted(): Promise<void> {
    const end = Date.now() + 240_000;
    while (!(await this.consoleText()).includes("=== guest ready")) {
      if (Date.now() > end) throw new Error(`the guest did not boot:\n${await this.consoleText()}`);
      await this.page.waitForTimeout(300);
    }
  }

  async text(testId: string): Promise<string> {
    return (await this.page.getByTestId(testId).textContent()) ?? "";
  }

  async screenshot(name: string): Promise<void> {
    const folder = join(root, "test-results");
    mkdirSync(folder, { recursive: true });
    await this.page.screenshot({ path: join(folder, `${name}.png`) });
  }
}
