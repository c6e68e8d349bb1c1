import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { chromium, type Browser, type Page } from "playwright-core";
import { build } from "vite";

const here = dirname(fileURLToPath(import.meta.url));
const executablePath = process.env["HYPERTAB_CHROMIUM"] ?? "/usr/bin/chromium";

/** Serves storage-page.ts on an origin of its own. */
export async function servePage(): Promise<{ address: string; stop: () => void }> {
  const bundle = await build({
    configFile: false,
    logLevel: "warn",
    build: { write: false, target: "es2023", lib: { entry: join(here, "storage-page.ts"), formats: ["es"] } },
  });
  const first = Array.isArray(bundle) ? bundle[0] : undefined;
  const code = first && "output" in first ? first.output[0].code : "";
  const server: Server = createServer((request, response) => {
    const script = request.url === "/page.js";
    response.setHeader("content-type", script ? "text/javascript" : "text/html");
    response.end(script ? code : '<!doctype html><title>storage</title><script type="module" src="/page.js"></script>');
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { address: `http://localhost:${(server.address() as AddressInfo).port}/`, stop: () => server.close() };
}

/** A Chromium of our own with a profile that outlives it: one that can be killed. */
export class KillableBrowser {
  private constructor(
    private readonly child: ChildProcess,
    private readonly browser: Browser,
  ) {}

  static async start(profile: string): Promise<KillableBrowser> {
    const portFile = join(profile, "DevToolsActivePort");
    rmSync(portFile, { force: true });
    const child = spawn(
      executablePath,
      [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--remote-debugging-port=0",
        `--user-data-dir=${profile}`,
        "about:blank",
      ],
      // Its own process group, so that a kill takes all of its processes.
      { stdio: "ignore", detached: true },
    );
    for (let tries = 0; tries < 300; tries++) {
      await sleep(100);
      const port = readPort(portFile);
      if (port) return new KillableBrowser(child, await chromium.connectOverCDP(`http://127.0.0.1:${port}`));
    }
    process.kill(-child.pid!, "SIGKILL");
    throw new Error("Chromium did not open its debugging port in 30 s");
  }

  async open(address: string): Promise<Page> {
    const page = await this.browser.contexts()[0]!.newPage();
    await page.goto(address);
    await page.waitForFunction("globalThis.storagePage !== undefined");
    return page;
  }

  /** As if the power of the browser were cut. */
  async kill(): Promise<void> {
    const ended = once(this.child, "exit");
    process.kill(-this.child.pid!, "SIGKILL");
    await ended;
    await this.browser.close().catch(() => undefined);
  }
}

function readPort(file: string): string | undefined {
  try {
    return /^(\d+)\n/.exec(readFileSync(file, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}
