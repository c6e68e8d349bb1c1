import { readFile } from "node:fs/promises";
import type { Page } from "playwright-core";
import { joinArchives } from "../../images/archive/cpio";
import { getGuest, guestOptions } from "../../images/catalog";
import { CopyStore } from "../unit/storage/cut-store";
import { ext4CommandLine, ext4Overlay } from "../guests/ext4-guest";
import type { GuestPage } from "./guest-page";
import { type KillableBrowser, servePage } from "./storage-browser";

declare const guestPage: GuestPage;

const MEMORY_MIB = 128;
const DISK = { name: "guest", size: 32 << 20 };

/** A guest in pages of one origin, with one disk for all of them. */
export class BrowserGuest {
  private constructor(
    private readonly address: string,
    private readonly commandLine: string,
    readonly stop: () => void,
  ) {}

  /** Serves a guest that does `work` on its disk by itself. */
  static async serve(name: string, work: string): Promise<BrowserGuest> {
    const guest = await getGuest(name, guestOptions(process.env));
    const { address, stop } = await servePage("browser/guest-page.ts", {
      scripts: { "/worker.js": "bench/emulators/browser-worker.ts" },
      files: {
        "/core.wasm": await readFile(new URL("../../build/core.wasm", import.meta.url)),
        "/kernel": await readFile(guest.kernel),
        "/initrd": joinArchives([await readFile(guest.initrd), await ext4Overlay(name, work)]),
      },
    });
    return new BrowserGuest(address, guest.commandLine, stop);
  }

  open(browser: KillableBrowser): Promise<Page> {
    return browser.open(this.address, "guestPage");
  }

  /** Boots it; `report` hears its console, and why it ended. */
  async boot(
    page: Page,
    values: Readonly<Record<string, number>>,
    report: (console: string, ended: string | null) => void,
  ): Promise<void> {
    await page.exposeFunction("reportGuest", report);
    const start = {
      core: "/core.wasm",
      kernel: "/kernel",
      initrd: "/initrd",
      commandLine: `${this.commandLine} ${ext4CommandLine(values)}`,
      memoryMiB: MEMORY_MIB,
      disk: DISK,
    };
    await page.evaluate((given) => {
      const { reportGuest } = globalThis as unknown as { reportGuest: (console: string, ended?: string) => void };
      guestPage.boot(given, (console, ended) => reportGuest(console, ended));
    }, start);
  }

  /** The disk's file as it lies in the browser. */
  async disk(page: Page): Promise<CopyStore> {
    const { size, pieces } = await page.evaluate((name) => guestPage.exportDisk(name), DISK.name);
    const store = new CopyStore(true, size);
    for (const [offset, content] of pieces) store.put(offset, Buffer.from(content, "base64"));
    return store;
  }
}
