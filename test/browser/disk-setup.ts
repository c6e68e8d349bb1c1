import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BrowserContext } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { MIB, pattern, qemuImg, qemuImgIsThere } from "../unit/storage/helpers";
import { DiskPanelPage } from "./disk-panel";
import { chromiumIsThere, openProfile, Playground, PlaygroundServer } from "./playground";

export const canTestDisks = chromiumIsThere && qemuImgIsThere;

/** A test's own folder, and a browser with a profile in it that has the page open. */
export class DiskTest {
  server!: PlaygroundServer;
  folder!: string;
  browser!: BrowserContext;
  playground!: Playground;
  disks!: DiskPanelPage;

  /** Call it where tests are described: each of them finds a new folder and an open page. */
  constructor() {
    beforeAll(async () => {
      this.server = await PlaygroundServer.start();
    });
    afterAll(() => this.server?.stop());
    beforeEach(async () => {
      this.folder = mkdtempSync(join(tmpdir(), "hypertab-page-disks-"));
      await this.openTab();
    });
    afterEach(async () => {
      await this.browser?.close();
      rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
    });
  }

  /** A browser with the profile of this test, and the page in it. */
  async openTab(query = ""): Promise<void> {
    this.browser = await openProfile(join(this.folder, "profile"));
    this.playground = new Playground(await this.browser.newPage());
    this.disks = new DiskPanelPage(this.playground.page);
    await this.playground.page.goto(`${this.server.address}${query}`);
    await this.disks.open();
  }
}

/** What qemu-img says the size of the disk in a VHDX file is, in bytes. */
export function virtualSize(path: string): number {
  return (JSON.parse(qemuImg("info", "--output=json", "-f", "vhdx", path)) as { "virtual-size": number })[
    "virtual-size"
  ];
}

/** 24 MiB with gaps of zeros, as a raw image. */
export function rawImage(path: string): string {
  const content = new Uint8Array(24 * MIB);
  for (const at of [0, 3, 4, 15, 23]) content.set(pattern(MIB / 2 + 512 * at, at), at * MIB);
  writeFileSync(path, content);
  return path;
}
