import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { chromiumIsThere, openBrowser, Playground, PlaygroundServer } from "./playground";

const BOOT_MS = 240_000;

describe.skipIf(!chromiumIsThere)("the playground", () => {
  let server: PlaygroundServer;
  let browser: Browser;
  let playground: Playground;

  beforeAll(async () => {
    server = await PlaygroundServer.start();
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });
  beforeEach(async () => {
    playground = new Playground(await browser.newPage({ viewport: { width: 1100, height: 760 } }));
  });
  afterEach(() => playground.page.close());

  async function bootEl6(): Promise<void> {
    await playground.page.goto(`${server.address}?guest=el6&autostart=1`);
    await expect.poll(() => playground.consoleText(), { timeout: BOOT_MS, interval: 500 }).toContain("=== guest ready");
  }

  it("boots el6, shows its VMBus channels, takes what is typed, and shuts it down", async () => {
    await bootEl6();
    await playground.type("ls /sys/bus/vmbus/devices");
    await expect.poll(() => playground.consoleText(), { timeout: 30_000 }).toMatch(/devices\s+vmbus_\S+/);
    await playground.screenshot("playground");

    expect(await playground.text("state")).toBe("running");
    expect(await playground.text("vmbus")).toMatch(/^\d+\.\d+$/);
    expect(await playground.text("speed")).toMatch(/^\d+\.\d M instructions\/s$/);
    const channels = await playground.page.getByTestId("channels").getByRole("listitem").allTextContents();
    for (const name of [/heartbeat/i, /shutdown/i, /time/i, /kvp|key/i]) expect(channels.join("\n")).toMatch(name);
    // One device in sysfs for each channel that the page lists.
    const devices = (await playground.consoleText()).match(/\bvmbus_\d+_\d+\b/g) ?? [];
    expect(new Set(devices).size).toBe(channels.length);

    await playground.page.getByTestId("shut-down").click();
    await expect.poll(() => playground.text("message"), { timeout: 60_000 }).toContain("the guest powered off");
    expect(await playground.text("state")).toBe("stopped");
    expect(await playground.page.getByTestId("start").isEnabled()).toBe(true);
  });

  it("pauses, resumes, resets and turns off by keyboard alone", async () => {
    const press = async (testId: string): Promise<void> => {
      await playground.page.getByTestId(testId).focus();
      await playground.page.keyboard.press("Enter");
    };
    await bootEl6();
    await press("pause");
    await expect.poll(() => playground.text("state")).toBe("paused");
    expect(await playground.text("pause")).toBe("Resume");
    // The line is painted twice a second; what was under way when the pause came may still arrive.
    await playground.page.waitForTimeout(700);
    const time = await playground.text("guest-time");
    await playground.type("echo typed-while-paused");
    await playground.page.waitForTimeout(1500);
    expect(await playground.text("guest-time")).toBe(time);
    expect(await playground.consoleText()).not.toContain("typed-while-paused");

    await press("pause");
    await expect.poll(() => playground.text("guest-time"), { timeout: 10_000 }).not.toBe(time);
    await expect.poll(() => playground.consoleText(), { timeout: 30_000 }).toContain("typed-while-paused");

    await playground.console.getByRole("textbox").focus();
    await playground.page.keyboard.press("Shift+F6");
    expect(await playground.page.getByTestId("pause").evaluate((button) => button.matches(":focus"))).toBe(true);

    await press("reset");
    await expect.poll(() => playground.text("message")).toContain("boots again");
    await press("turn-off");
    await expect.poll(() => playground.text("message")).toContain("turned off");
    expect(await playground.text("state")).toBe("stopped");
  });

  it("says what to do about a guest that there is not", async () => {
    await playground.page.goto(`${server.address}?guest=nonesuch&autostart=1`);
    await expect
      .poll(() => playground.text("message"))
      .toBe("There is no guest 'nonesuch'. Pick one from the list, then press Start.");
    expect(await playground.text("state")).toBe("off");
  });

  it("says what to do when the guest's files do not load", async () => {
    await playground.page.route("**/guests/el6/kernel", (route) => route.fulfill({ status: 404 }));
    await playground.page.goto(`${server.address}?guest=el6&autostart=1`);
    await expect
      .poll(() => playground.text("message"), { timeout: 30_000 })
      .toMatch(/The server has no .*kernel.* press Start again/);
    expect(await playground.page.getByTestId("start").isEnabled()).toBe(true);
  });

  it("says what to do when the kernel is none", async () => {
    await playground.page.route("**/guests/el6/kernel", (route) => route.fulfill({ body: "not a kernel" }));
    await playground.page.goto(`${server.address}?guest=el6&autostart=1`);
    await expect
      .poll(() => playground.text("message"), { timeout: 30_000 })
      .toMatch(/Change the settings, then press Start\.$/);
  });
});
