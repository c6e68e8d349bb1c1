import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Page } from "playwright-core";
import { ConfigurationError } from "../../../emulator/machine-types";
import { checkoutDirectory } from "../../../images/checkout";
import { serve, type BrowserServer } from "./browser-server";
import type { HypertabStart } from "./browser-worker";
import type { Emulator, GuestFiles, Listener, Running } from "./emulator";
import { firstLine } from "./process";
import { processorSeconds } from "./processor-time";
import { v86Files } from "./v86-files";
import type { V86Start } from "./v86-start";

const CHROMIUM = process.env["HYPERTAB_CHROMIUM"] ?? "/usr/bin/chromium";
const ARGUMENTS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** How long Chromium may take to start. */
const PATIENCE_MS = 30_000;

/** What browser-page.ts puts into the page. */
interface BenchPage {
  startHypertab(start: HypertabStart): void;
  startV86(start: V86Start): Promise<void>;
}

/** Ours in Chromium. */
export const hypertabChromium: Emulator = {
  name: "hypertab-chromium",
  is64Bit: true,
  describe: async () => `Hypertab in ${await chromiumVersion()}`,
  start: (guest, listener) =>
    startInChromium(guest, {}, listener, async (page) => {
      const { commandLine, memoryMiB } = guest;
      const disk = guest.disk && { name: "bench", size: guest.disk.size };
      const start = { core: "/core.wasm", kernel: "/kernel", initrd: "/initrd", commandLine, memoryMiB, disk };
      await page.evaluate((given) => (globalThis as unknown as BenchPage).startHypertab(given), start);
    }),
};

/** v86 in Chromium. */
export const v86Chromium: Emulator = {
  name: "v86-chromium",
  ours: "hypertab-chromium",
  is64Bit: false,
  describe: async () => `v86 ${v86Files().version} in ${await chromiumVersion()}`,
  start: (guest, listener) => {
    const { module, wasm, bios, vgaBios } = v86Files();
    const files = { "/v86.mjs": module, "/v86.wasm": wasm, "/bios": bios, "/vgabios": vgaBios };
    return startInChromium(guest, files, listener, async (page) => {
      const { commandLine, memoryMiB, disk } = guest;
      const addresses = { module: "/v86.mjs", wasm: "/v86.wasm", bios: "/bios", vgaBios: "/vgabios" };
      const start = { ...addresses, kernel: "/kernel", initrd: "/initrd", commandLine, memoryMiB, disk };
      await page.evaluate((given) => (globalThis as unknown as BenchPage).startV86(given), start);
    });
  },
};

function chromiumVersion(): Promise<string> {
  if (!existsSync(CHROMIUM)) {
    throw new ConfigurationError(`There is no ${CHROMIUM}; HYPERTAB_CHROMIUM names a Chromium that is here.`);
  }
  return firstLine(CHROMIUM, ["--version"]);
}

/** Opens the page in a browser of its own; the boot's clock starts when the page is there and is told to boot. */
async function startInChromium(
  guest: GuestFiles,
  files: Readonly<Record<string, string>>,
  listener: Listener,
  boot: (page: Page) => Promise<void>,
): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), "hypertab-bench-page-"));
  let server: BrowserServer | undefined;
  let chromium: Chromium | undefined;
  const end = async (): Promise<void> => {
    await chromium?.kill();
    server?.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const scripts = await buildScripts(folder);
    const core = join(checkoutDirectory(), "build/core.wasm");
    const guestFiles = { "/core.wasm": core, "/kernel": guest.kernel, "/initrd": guest.initrd };
    server = await serve({ ...files, ...scripts, ...guestFiles });
    chromium = await launchChromium(folder);
    const page = await chromium.newPage();
    page.on("pageerror", (error) => listener.ended(error.message));
    page.on("crash", () => listener.ended("the page crashed"));
    await page.exposeFunction("benchConsole", (text: string) => listener.console(text));
    await page.exposeFunction("benchEnded", (message: string) => listener.ended(message));
    await page.goto(`${server.address}/`);
    await page.waitForFunction("globalThis.startV86 !== undefined");
    const { pid } = chromium;
    const before = processorSeconds(pid) ?? 0;
    listener.begins();
    await boot(page);
    return {
      end,
      cpuSeconds: () => {
        const now = processorSeconds(pid);
        return now === undefined ? undefined : now - before;
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** A Chromium of its own. */
export interface Chromium {
  readonly pid: number;
  newPage(): Promise<Page>;
  kill(): Promise<void>;
}

/**
 * Starts Chromium with a profile in `folder`, and pages that use it: those that Playwright opens by itself are incognito
 * ones, whose IndexedDB is in memory.
 */
export async function launchChromium(folder: string): Promise<Chromium> {
  const profile = join(folder, "profile");
  const child = spawn(CHROMIUM, [...ARGUMENTS, "--remote-debugging-port=0", `--user-data-dir=${profile}`], {
    stdio: "ignore",
    // A process group of its own, so that a kill takes all of its processes.
    detached: true,
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${CHROMIUM} does not start`);
  const gone = new Promise((resolve) => child.on("close", resolve));
  const kill = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-pid, "SIGKILL");
    await gone;
  };
  try {
    const port = await debuggingPort(join(profile, "DevToolsActivePort"), () => child.exitCode !== null);
    const { chromium } = await import("playwright-core");
    const browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`);
    return { pid, newPage: () => browser.contexts()[0]!.newPage(), kill };
  } catch (error) {
    await kill();
    throw error;
  }
}

/** Waits until Chromium has written where it can be reached. */
async function debuggingPort(file: string, ended: () => boolean): Promise<string> {
  for (let waited = 0; waited < PATIENCE_MS && !ended(); waited += 100) {
    await sleep(100);
    const port = existsSync(file) ? /^(\d+)\n/.exec(readFileSync(file, "utf8"))?.[1] : undefined;
    if (port !== undefined) return port;
  }
  throw new Error("Chromium did not open its debugging port");
}

/** Bundles the page's script and the worker's. @returns where they are, by path of the URL */
async function buildScripts(folder: string): Promise<Record<string, string>> {
  const here = join(checkoutDirectory(), "test/bench/emulators");
  const bundle = (name: string): Promise<string> => buildScript(join(here, `browser-${name}.ts`), name, folder);
  return { "/page.mjs": await bundle("page"), "/worker.mjs": await bundle("worker") };
}

/** Bundles a script as one module, NAME.mjs in `folder`. @returns its path */
export async function buildScript(entry: string, name: string, folder: string): Promise<string> {
  const { build } = await import("vite");
  await build({
    configFile: false,
    root: checkoutDirectory(),
    logLevel: "error",
    publicDir: false,
    build: {
      outDir: folder,
      emptyOutDir: false,
      target: "es2023",
      lib: { entry, formats: ["es"], fileName: () => `${name}.mjs` },
    },
  });
  return join(folder, `${name}.mjs`);
}
