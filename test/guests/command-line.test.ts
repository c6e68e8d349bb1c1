import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { getGuest, guestOptions } from "../../images/catalog";
import { enterpriseLinux6 } from "./guest-names";
import { Hypertab } from "./hypertab";
import { multibootImage } from "./multiboot-image";

const name = await enterpriseLinux6();

describe.skipIf(name === undefined)("hypertab run", () => {
  let hypertab: Hypertab;
  afterEach(() => hypertab.kill());

  async function bootEl6(...args: string[]): Promise<void> {
    hypertab = new Hypertab("run", "--guest", name as string, ...args);
    await hypertab.expect("=== guest ready");
  }

  it("boots el6 to a shell with Hyper-V under it; poweroff ends it with 0", async () => {
    await bootEl6("--stats");
    expect(hypertab.stdout).toContain("Hypervisor detected: Microsoft HyperV");
    expect(hypertab.stdout).toContain("module hv_vmbus loaded");
    expect(hypertab.stdout).toContain("module hv_utils loaded");
    expect((await hypertab.shell("ls /sys/bus/vmbus/devices")).trim().split(/\s+/).length).toBeGreaterThanOrEqual(4);
    expect(await hypertab.shell("cat /sys/devices/system/clocksource/clocksource0/available_clocksource")).toContain(
      "hyperv_clocksource",
    );
    expect(await hypertab.shell("dmesg")).not.toMatch(/Oops|BUG:|soft lockup|lost interrupt|irq \d+: nobody cared/i);
    hypertab.type("poweroff -f\n");
    const { code, stderr } = await hypertab.ended;
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/s guest time, \d+ instructions, /);
  });

  it("ends with 4 when the guest panics, after the rest of its text", async () => {
    await bootEl6();
    hypertab.type("echo c > /proc/sysrq-trigger\n");
    const { code, stdout, stderr } = await hypertab.ended;
    expect(code, stderr).toBe(4);
    expect(stdout).toContain("Kernel panic - not syncing");
  });

  it("asks the guest to shut down at SIGINT, and the guest does", async () => {
    await bootEl6();
    hypertab.interrupt();
    const { code, stderr } = await hypertab.ended;
    expect(stderr).toContain("asked the guest to shut down");
    expect(code, stderr).toBe(0);
  });

  it("turns the machine off at a second SIGINT", async () => {
    hypertab = new Hypertab("run", "--guest", name as string);
    await hypertab.expect("Linux version");
    hypertab.interrupt();
    await expect.poll(() => hypertab.stderr, { timeout: 20_000 }).toContain("interrupt again");
    hypertab.interrupt();
    expect((await hypertab.ended).code).toBe(130);
  });

  it("ends with 3 at the time-out, in virtual time at the very same place each time", async () => {
    const runs = [];
    for (let run = 0; run < 2; run++) {
      hypertab = new Hypertab("run", "--guest", name as string, "--time", "virtual", "--timeout", "0.3", "--stats");
      runs.push(await hypertab.ended);
    }
    const [first, second] = runs;
    expect(first?.code, first?.stderr).toBe(3);
    expect(first?.stderr).toContain("time-out after 0.3 s");
    expect(first?.stderr).toMatch(/0\.300 s guest time/);
    expect(first?.stdout).toContain("Linux version");
    expect(second?.stdout).toBe(first?.stdout);
    const instructions = (stderr = ""): string | undefined => /(\d+) instructions,/.exec(stderr)?.[1];
    expect(instructions(second?.stderr)).toBe(instructions(first?.stderr));
  });
});

describe("hypertab with wrong input", () => {
  let folder: string;
  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "hypertab-"))));
  afterAll(() => rmSync(folder, { recursive: true }));

  function file(name: string, content: string | Uint8Array): string {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  }

  /** A file of this length that takes no room. */
  function sparseFile(name: string, length: number): string {
    const path = file(name, "");
    truncateSync(path, length);
    return path;
  }

  /** A Linux kernel of any of the guests that these tests boot. */
  let kernel: Uint8Array;
  beforeAll(async () => {
    kernel = readFileSync((await getGuest(name ?? "debian", guestOptions(process.env))).kernel);
  });

  it.each([
    ["no command", () => [], "no command given"],
    ["an unknown command", () => ["walk"], "unknown command 'walk'"],
    ["an unknown option", () => ["run", "--kernal", "x"], "unknown option --kernal"],
    ["a missing kernel", () => ["run", "--kernel", join(folder, "none")], "there is no such file"],
    ["a folder as kernel", () => ["run", "--kernel", folder], "is a folder"],
    ["an empty kernel", () => ["run", "--kernel", file("empty", "")], "is empty"],
    ["a text as kernel", () => ["run", "--kernel", file("text", "not a kernel\n".repeat(1000))], ""],
    ["a kernel of zeros", () => ["run", "--kernel", sparseFile("zeros", 1 << 20)], ""],
    ["a truncated kernel", () => ["run", "--kernel", file("short", kernel.subarray(0, 100_000))], ""],
    [
      "an initrd larger than memory",
      () => ["run", "--kernel", file("k", kernel), "--initrd", sparseFile("big", 65 << 20), "--memory", "64"],
      "initrd",
    ],
    ["memory out of range", () => ["run", "--guest", "debian", "--memory", "8"], "from 16 to 2048"],
    ["an unknown guest", () => ["run", "--guest", "nonesuch"], "nonesuch"],
    ["an unknown guest to get", () => ["guest", "get", "nonesuch"], "nonesuch"],
  ])("says in one line what is wrong with %s, and ends with 2", async (_name, args, message) => {
    const hypertab = new Hypertab(...args());
    const { code, stdout, stderr } = await hypertab.ended;
    expect(code, stderr).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^hypertab: [^\n]+\n$/);
    expect(stderr).toContain(message);
  });

  it("ends with twice the status plus 1 when the guest writes to debug-exit", async () => {
    // mov al, 21; out 0xf4, al; hlt
    const image = file("debug-exit", multibootImage(Uint8Array.of(0xb0, 21, 0xe6, 0xf4, 0xf4)));
    const { code, stderr } = await new Hypertab("run", "--kernel", image).ended;
    expect(code, stderr).toBe(43);
    expect(stderr).toContain("wrote 21 to the debug-exit port");
  });

  it("says that a mirror cannot be reached, and leaves nothing half-written", async () => {
    const cache = mkdtempSync(join(folder, "cache-"));
    // Nothing listens at the discard port.
    const { code, stdout, stderr } = await new Hypertab(
      ...["guest", "get", "centos6", "--cache", cache, "--mirror", "http://127.0.0.1:9"],
    ).ended;
    expect(code, stderr).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/\nhypertab: [^\n]+cannot be reached[^\n]*\n$/);
    expect(readdirSync(cache)).toEqual([]);
  });

  it("refuses what a mirror gives with a wrong checksum, and leaves nothing half-written", async () => {
    const index =
      `<repomd><data type="primary"><checksum type="sha256">${"0".repeat(64)}</checksum>` +
      `<location href="repodata/primary.xml.gz"/></data></repomd>`;
    const server = createServer((request, response) =>
      response.end(request.url?.endsWith("repomd.xml") ? index : "something else"),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const cache = mkdtempSync(join(folder, "cache-"));
      const mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const { code, stderr } = await new Hypertab("guest", "get", "centos6", "--cache", cache, "--mirror", mirror)
        .ended;
      expect(code, stderr).toBe(2);
      expect(stderr).toMatch(/\nhypertab: [^\n]+wrong checksum[^\n]+\n$/);
      expect(readdirSync(cache)).toEqual([]);
    } finally {
      server.close();
    }
  });

  it("prints help for itself and each command", async () => {
    for (const args of [["--help"], ["run", "--help"], ["guest", "--help"]]) {
      const { code, stdout, stderr } = await new Hypertab(...args).ended;
      expect(code).toBe(0);
      expect(stdout).toMatch(/^usage: hypertab /);
      expect(stderr).toBe("");
    }
  });
});
