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

/** A script of ours as one module. @param entry path below test/ */
async function bundle(entry: string): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: "warn",
    build: { write: false, target: "es2023", lib: { entry: join(here, "..", entry), formats: ["es"] } },
  });
  const first = Array.isArray(built) ? built[0] : undefined;
  return first && "output" in first ? first.output[0].code : "";
}

/** What a test's page has besides itself, by path of the URL. */
export interface PageContent {
  /** Scripts of ours, as paths below test/. */
  readonly scripts?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, Uint8Array>>;
}

/** Serves a page with a script of ours, a path below test/, on an origin of its own. */
export async function servePage(
  entry: string,
  { scripts = {}, files = {} }: PageContent = {},
): Promise<{ address: string; stop: () => void }> {
  const content = new Map<string | undefined, string | Uint8Array>(Object.entries(files));
  for (const [url, script] of Object.entries({ ...scripts, "/page.js": entry })) content.set(url, await bundle(script));
  const page = '<!doctype html><title>test</title><script type="module" src="/page.js"></script>';
  const server: Server = createServer((request, response) => {
    const found = content.get(request.url) ?? page;
    const type =
      found === page ? "text/html" : typeof found === "string" ? "text/javascript" : "application/octet-stream";
    response.setHeader("content-type", type);
    response.end(found);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const stop = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { address: `http://localhost:${(server.address() as AddressInfo).port}/`, stop };
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

  /** Opens a page, and waits until its script has set a variable of that name. */
  async open(address: string, variable = "storagePage"): Promise<Page> {
    const page = await this.browser.contexts()[0]!.newPage();
    await page.goto(address);
    await page.waitForFunction(`globalThis.${variable} !== undefined`);
    return page;
  }

  /** As a user closes it. */
  async close(): Promise<void> {
    const ended = once(this.child, "exit");
    const session = await this.browser.newBrowserCDPSession();
    await session.send("Browser.close").catch(() => undefined);
    await ended;
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
