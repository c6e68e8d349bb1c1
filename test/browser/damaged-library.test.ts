import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BrowserContext } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DiskPanelPage } from "./disk-panel";
import { chromiumIsThere, openProfile, Playground, PlaygroundServer } from "./playground";

/** What the browser's storage holds may come from another version of the page, from two tabs at once, or be damaged. */
describe.skipIf(!chromiumIsThere)("a library of disks in disorder", () => {
  let server: PlaygroundServer;
  let profile: string;
  let browser: BrowserContext;
  let playground: Playground;
  let disks: DiskPanelPage;
  beforeAll(async () => {
    server = await PlaygroundServer.start();
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    profile = mkdtempSync(join(tmpdir(), "hypertab-disorder-"));
    browser = await openProfile(profile);
    playground = new Playground(await browser.newPage());
    disks = new DiskPanelPage(playground.page);
    await playground.page.goto(server.address);
    await disks.open();
    for (const name of ["one", "two"]) {
      await disks.create(name, "8M");
      await disks.row(name).waitFor();
    }
  });
  afterEach(async () => {
    await browser?.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  });

  /** Puts a value into the database behind the page's back, and loads the page again. */
  async function put(key: readonly string[], value: unknown): Promise<void> {
    await playground.page.evaluate(
      ([place, content]) =>
        new Promise<void>((resolve, reject) => {
          const opening = indexedDB.open("hypertab-disks");
          opening.onerror = () => reject(opening.error as DOMException);
          opening.onsuccess = () => {
            const transaction = opening.result.transaction("chunks", "readwrite");
            transaction.objectStore("chunks").put(content, place as string[]);
            transaction.oncomplete = () => {
              opening.result.close();
              resolve();
            };
          };
        }),
      [key, value] as const,
    );
  }

  async function reload(): Promise<void> {
    await playground.page.reload();
    await disks.open();
  }

  async function start(): Promise<void> {
    await playground.page.getByTestId("start").click();
    await expect.poll(() => playground.text("state"), { timeout: 60_000 }).toBe("running");
  }

  it("shows the other disks beside one whose description makes no sense, and deletes that one", async () => {
    await put(["disk", "one"], { size: -1, chunkSize: "many" });
    await reload();
    await disks.row("two").waitFor({ timeout: 10_000 });
    expect(await disks.facts("one")).toContain("damaged");
    expect(await disks.facts("two")).toMatch(/^8 MiB/);
    await disks.press("one", "Delete");
    await disks.answer("Delete");
    await expect.poll(() => disks.row("one").count()).toBe(0);
  });

  it("starts a machine with both of two disks that have the same place", async () => {
    await put(["note", "one"], { lun: 0 });
    await put(["note", "two"], { lun: 0 });
    await reload();
    await start();
    const place = (name: string): Promise<string | null> => disks.row(name).locator(".place").textContent();
    await expect.poll(() => place("one")).toBe("attached: SCSI 0");
    await expect.poll(() => place("two")).toBe("attached: SCSI 1");
  });

  it("starts a machine without a word about a disk that there is not any more", async () => {
    await put(["note", "gone"], { lun: 0 });
    await reload();
    await start();
    expect(await disks.message()).not.toContain("gone");
  });
});
