import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, truncate, writeFile, mkdir } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigurationError } from "../../../emulator/machine-types";
import { readCpio } from "../../../images/archive/cpio";
import { getDefaultGuest, getGuest, guestOptions, listGuests } from "../../../images/catalog";
import { file, makeModule, makeRpm } from "./packages";

const REPOSITORY = "/6.6/os/x86_64/";
const MODULES = "lib/modules/2.6.32-504.el6.x86_64/kernel/drivers";
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const kernelRpm = makeRpm({
  name: "kernel",
  version: "2.6.32",
  release: "504.el6",
  files: [
    file("boot/vmlinuz-2.6.32-504.el6.x86_64", "the kernel"),
    file(`${MODULES}/hv/hv_vmbus.ko`, makeModule(["depends="])),
    file(`${MODULES}/hv/hv_utils.ko`, makeModule(["depends=hv_vmbus"])),
    file(`${MODULES}/scsi/hv_storvsc.ko`, makeModule(["depends=hv_vmbus"])),
  ],
});
const busyboxRpm = makeRpm({
  name: "busybox",
  version: "1.15.1",
  release: "20.el6",
  files: [file("sbin/busybox", "box")],
});

/** The files of a mirror: packages, their list, the list's index. */
function repository(packages: Record<string, { rpm: Uint8Array; version: string; release: string; sha256?: string }>) {
  const list = Object.entries(packages).map(
    ([name, { rpm, version, release, sha256: checksum = sha256(rpm) }]) =>
      `<package type="rpm"><name>${name}</name><arch>x86_64</arch><version epoch="0" ver="${version}" rel="${release}"/>` +
      `<checksum type="sha256" pkgid="YES">${checksum}</checksum><location href="Packages/${name}.rpm"/></package>`,
  );
  const primary = gzipSync(`<?xml version="1.0"?><metadata>${list.join("\n")}</metadata>`);
  const index =
    `<repomd><data type="other"><checksum type="sha256">${"0".repeat(64)}</checksum><location href="x"/></data>` +
    `<data type="primary"><checksum type="sha256">${sha256(primary)}</checksum><location href="repodata/primary.xml.gz"/></data></repomd>`;
  return new Map<string, Uint8Array>([
    ["repodata/repomd.xml", Buffer.from(index)],
    ["repodata/primary.xml.gz", primary],
    ...Object.entries(packages).map(([name, { rpm }]) => [`Packages/${name}.rpm`, rpm] as const),
  ]);
}

const good = {
  kernel: { rpm: kernelRpm, version: "2.6.32", release: "504.el6" },
  busybox: { rpm: busyboxRpm, version: "1.15.1", release: "20.el6" },
};

let cacheDir: string;
let server: Server;
let mirror: string;
let files: Map<string, Uint8Array>;
let requests: string[];

beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), "hypertab-test-"));
  files = repository(good);
  requests = [];
  server = createServer((request, response) => {
    requests.push(request.url!);
    const found = request.url!.startsWith(REPOSITORY) ? files.get(request.url!.slice(REPOSITORY.length)) : undefined;
    if (!found) response.writeHead(404).end();
    else response.end(found);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  await rm(cacheDir, { recursive: true });
});

async function failure(name: string, options: { mirror?: string; guestsDir?: string } = {}): Promise<string> {
  const error: unknown = await getGuest(name, { cacheDir, mirror, ...options }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ConfigurationError);
  expect((error as Error).message).not.toContain("\n");
  return (error as Error).message;
}

const leftovers = async (): Promise<string[]> => readdir(join(cacheDir, "guests")).catch(() => []);

describe("CentOS from a mirror", () => {
  test("is built from its packages, and found in the cache afterwards", async () => {
    const log: string[] = [];
    const guest = await getGuest("centos6", { cacheDir, mirror, log: (line) => log.push(line) });
    expect(guest).toMatchObject({ name: "centos6", commandLine: "console=ttyS0" });
    expect(guest.why).toContain("kernel-2.6.32-504.el6");
    expect(await readFile(guest.kernel, "utf8")).toBe("the kernel");
    const entries = readCpio(gunzipSync(await readFile(guest.initrd)), "initrd");
    const content = (name: string) => new TextDecoder().decode(entries.find((entry) => entry.name === name)!.data);
    expect(content("bin/busybox")).toBe("box");
    expect(content("etc/modules-to-load").split("\n")).toEqual([
      `/${MODULES}/hv/hv_vmbus.ko`,
      `/${MODULES}/hv/hv_utils.ko`,
      `/${MODULES}/scsi/hv_storvsc.ko`,
      "",
    ]);
    expect(log.some((line) => line.includes("Packages/kernel.rpm"))).toBe(true);
    expect(await leftovers()).toEqual(["centos6"]);

    const before = requests.length;
    const again = await getGuest("centos6", { cacheDir, mirror });
    expect(requests.length).toBe(before);
    expect(again.kernel).toBe(guest.kernel);
    expect((await listGuests({ cacheDir, mirror })).find(({ name }) => name === "centos6")!.available).toBe(true);

    await truncate(guest.initrd, 10);
    await getGuest("centos6", { cacheDir, mirror });
    expect(requests.length).toBe(2 * before);
    expect((await readFile(guest.initrd)).length).toBeGreaterThan(10);
  });

  test("a wrong checksum names both, and nothing is left", async () => {
    files.set("Packages/kernel.rpm", Buffer.concat([kernelRpm, Buffer.from("!")]));
    expect(await failure("centos6")).toMatch(
      new RegExp(`kernel\\.rpm: wrong checksum.*${sha256(kernelRpm)} would be right`),
    );
    files = repository(good);
    files.set("repodata/primary.xml.gz", gzipSync("<metadata/>"));
    expect(await failure("centos6")).toMatch(/primary\.xml\.gz: wrong checksum/);
    expect(await leftovers()).toEqual([]);
  });

  test("a truncated package whose checksum is right", async () => {
    files = repository({ ...good, kernel: { ...good.kernel, rpm: kernelRpm.subarray(0, kernelRpm.length - 40) } });
    expect(await failure("centos6")).toMatch(/kernel\.rpm: .*truncated/);
    expect(await leftovers()).toEqual([]);
  });

  test("another kernel, a missing file, an index without a list", async () => {
    files = repository({ ...good, kernel: { ...good.kernel, release: "573.el6" } });
    expect(await failure("centos6")).toMatch(/no package kernel-2\.6\.32-504\.el6/);
    files = repository(good);
    files.delete("Packages/busybox.rpm");
    expect(await failure("centos6")).toMatch(/busybox\.rpm: the mirror answered 404/);
    files.set("repodata/repomd.xml", Buffer.from("<html>not here</html>"));
    expect(await failure("centos6")).toMatch(/names no primary list/);
    const outside = `<data type="primary"><checksum type="sha256">${"a".repeat(64)}</checksum><location href="../../x"/></data>`;
    files.set("repodata/repomd.xml", Buffer.from(outside));
    expect(await failure("centos6")).toMatch(/names no primary list/);
  });

  test("an unreachable mirror", async () => {
    expect(await failure("centos6", { mirror: "http://127.0.0.1:1" })).toMatch(
      /cannot be reached \(.+\); another can be named/,
    );
    expect(await failure("centos6", { mirror: "no address" })).toMatch(/cannot be reached/);
    expect(await leftovers()).toEqual([]);
  });
});

describe("the catalogue", () => {
  test("an unknown guest lists the known ones", async () => {
    expect(await failure("windows")).toMatch(
      /no guest "windows"; known are el6, centos6, debian, debian-686, debian-686-pae/,
    );
  });

  test("el6's files must be there and have the right checksums", async () => {
    expect(await failure("el6", { guestsDir: cacheDir })).toMatch(/vmlinuz is missing; HYPERTAB_GUESTS/);
    await mkdir(join(cacheDir, "el6"));
    await writeFile(join(cacheDir, "el6", "vmlinuz"), "something else");
    expect(await failure("el6", { guestsDir: cacheDir })).toMatch(/has sha256 .* would be right/);
  });

  test("the default is the first that can be had; why others cannot is told", async () => {
    const log: string[] = [];
    await getGuest("centos6", { cacheDir, mirror });
    const guest = await getDefaultGuest({ cacheDir, mirror, guestsDir: cacheDir, log: (line) => log.push(line) });
    expect(guest.name).toBe("centos6");
  });

  test("options come from the environment, and arguments go before it", () => {
    const environment = { HYPERTAB_CACHE: "/c", HYPERTAB_MIRROR: "https://m", HYPERTAB_GUESTS: "/g" };
    expect(guestOptions(environment)).toMatchObject({ cacheDir: "/c", mirror: "https://m", guestsDir: "/g" });
    expect(guestOptions(environment, { mirror: "https://n" }).mirror).toBe("https://n");
    expect(guestOptions({}).cacheDir).toMatch(/\.cache$/);
  });
});
