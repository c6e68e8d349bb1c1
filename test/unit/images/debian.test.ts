import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readCpio } from "../../../images/archive/cpio";
import { getGuest } from "../../../images/catalog";
import { makeModule } from "./packages";

// Scripts named apt-get, apt-cache and dpkg-deb stand in for Debian's tools and a mirror.

const VERSION = "6.1.0-99-cloud-amd64";
let folder: string;
let cacheDir: string;
let path: string | undefined;

async function program(name: string, script: string): Promise<void> {
  const file = join(folder, "bin", name);
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hypertab-test-"));
  cacheDir = join(folder, "cache");
  path = process.env["PATH"];
  for (const name of ["bin", "kernel/boot", `kernel/lib/modules/${VERSION}/kernel/hv`, "busybox/bin"]) {
    await mkdir(join(folder, name), { recursive: true });
  }
  await writeFile(join(folder, "kernel/boot", `vmlinuz-${VERSION}`), "the kernel");
  await writeFile(join(folder, "busybox/bin/busybox"), "box");
  const modules = join(folder, `kernel/lib/modules/${VERSION}/kernel/hv`);
  await writeFile(join(modules, "hv_vmbus.ko"), makeModule(["depends="]));
  await writeFile(join(modules, "hv_utils.ko"), makeModule(["depends=hv_vmbus"]));
});

afterEach(async () => {
  process.env["PATH"] = path;
  await rm(folder, { recursive: true });
});

const useOnly = (): void => void (process.env["PATH"] = join(folder, "bin"));
const useFirst = (): void => void (process.env["PATH"] = `${join(folder, "bin")}:${path}`);

async function tools(): Promise<void> {
  await program("apt-cache", `echo "$3"; echo "  Depends: linux-image-${VERSION}"`);
  // The configuration must keep apt away from the system's state.
  await program(
    "apt-get",
    `cp "$APT_CONFIG" "${folder}/seen.conf"\nif [ "$1" = download ]; then : >"$3_1_amd64.deb"; fi`,
  );
  await program(
    "dpkg-deb",
    `case "$2" in *linux-image*) from=kernel ;; *) from=busybox ;; esac\ncp -r "${folder}/$from/." "$3"`,
  );
}

describe("Debian by apt", () => {
  test("the newest kernel, its Hyper-V modules and busybox become a guest", async () => {
    await tools();
    useFirst();
    const guest = await getGuest("debian", { cacheDir });
    expect(guest.why).toBe(`built now from Debian's linux-image-${VERSION} and busybox-static`);
    expect(await readFile(guest.kernel, "utf8")).toBe("the kernel");
    const entries = readCpio(gunzipSync(await readFile(guest.initrd)), "initrd");
    const list = entries.find((entry) => entry.name === "etc/modules-to-load")!;
    const base = `/lib/modules/${VERSION}/kernel/hv`;
    expect(new TextDecoder().decode(list.data)).toBe(`${base}/hv_vmbus.ko\n${base}/hv_utils.ko\n`);
    const configuration = await readFile(join(folder, "seen.conf"), "utf8");
    expect(configuration).toMatch(/Dir::State ".*hypertab-apt-/);
    expect(configuration).toMatch(/Dir::Cache ".*hypertab-apt-/);
    expect((await getGuest("debian", { cacheDir })).why).toContain("built earlier");
  });

  test("without apt, without a list, without a package: one line, and nothing left", async () => {
    useOnly();
    await expect(getGuest("debian", { cacheDir })).rejects.toThrow(/need apt and dpkg; apt-get cannot be run/);
    await tools();
    await program("apt-cache", "exit 100");
    await expect(getGuest("debian-686", { cacheDir })).rejects.toThrow(/list no linux-image-686 for i386/);
    await tools();
    await program("apt-get", "exit 100");
    useFirst();
    await expect(getGuest("debian", { cacheDir })).rejects.toThrow(`package linux-image-${VERSION} cannot be fetched`);
    expect(await readdir(cacheDir).catch(() => [])).toEqual([]);
  });

  test("a cache that cannot be written", async () => {
    await tools();
    useFirst();
    await writeFile(cacheDir, "a file");
    await expect(getGuest("debian", { cacheDir })).rejects.toThrow(/cannot be written .*HYPERTAB_CACHE/);
  });
});
