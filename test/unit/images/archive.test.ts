import { spawnSync } from "node:child_process";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { ConfigurationError } from "../../../emulator/machine-types";
import { readCpio, S_IFCHR, S_IFDIR, S_IFLNK, writeCpio, type CpioEntry } from "../../../images/archive/cpio";
import { readModinfo } from "../../../images/archive/modinfo";
import { readRpm } from "../../../images/archive/rpm";
import { buildInitramfs } from "../../../images/initramfs";
import { indexModules, orderModules } from "../../../images/modules";
import { file, makeModule, makeRpm } from "./packages";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (content: string): Uint8Array => new TextEncoder().encode(content);

describe("cpio", () => {
  const entries: CpioEntry[] = [
    { name: "dev", mode: S_IFDIR | 0o755, data: new Uint8Array(0) },
    { name: "dev/console", mode: S_IFCHR | 0o600, data: new Uint8Array(0), device: { major: 5, minor: 1 } },
    { name: "sh", mode: S_IFLNK | 0o777, data: bytes("busybox") },
    ...[0, 1, 2, 3, 4, 5].map((size) => file("n".repeat(size + 1), "x".repeat(size))),
  ];

  test("what is written is read back, whatever its padding", () => {
    const read = readCpio(writeCpio(entries), "test");
    expect(read.map(({ name, mode, data }) => ({ name, mode, data: text(data) }))).toEqual(
      entries.map(({ name, mode, data }) => ({ name, mode, data: text(data) })),
    );
    expect(read[1]!.device).toEqual({ major: 5, minor: 1 });
  });

  test("a header is as cpio(5) lays it out", () => {
    const archive = text(writeCpio([file("ab", "xyz")]));
    expect(archive.slice(0, 22)).toBe("070701" + "00000001" + "000081a4");
    expect(archive.slice(54, 62)).toBe("00000003");
    expect(archive.slice(94, 102)).toBe("00000003");
    expect(archive.slice(110, 120)).toBe("ab\0\0\0\0xyz\0".slice(0, 10));
  });

  test("truncated or foreign archives are refused", () => {
    const archive = writeCpio(entries);
    for (let length = 0; length < archive.length - 14; length += 3) {
      expect(() => readCpio(archive.subarray(0, length), "test")).toThrow(ConfigurationError);
    }
    expect(() => readCpio(bytes("x".repeat(200)), "test")).toThrow(/offset 0/);
  });

  test.skipIf(spawnSync("cpio", ["--version"]).error !== undefined)(
    "cpio itself lists it (skipped without cpio)",
    () => {
      const listed = spawnSync("cpio", ["-t", "--quiet"], { input: writeCpio(entries), encoding: "utf8" });
      expect(listed.stdout.trim().split("\n")).toEqual(entries.map((entry) => entry.name));
    },
  );
});

describe("RPM", () => {
  const rpm = makeRpm({
    name: "kernel",
    version: "2.6.32",
    release: "504.el6",
    files: [file("boot/vmlinuz", "kernel")],
  });

  test("names and files", async () => {
    const read = await readRpm(rpm, "test");
    expect(read).toMatchObject({ name: "kernel", version: "2.6.32", release: "504.el6", architecture: "x86_64" });
    expect(read.files.map((entry) => [entry.name, text(entry.data)])).toEqual([["boot/vmlinuz", "kernel"]]);
  });

  test("every truncation is refused in one line", async () => {
    for (let length = 0; length < rpm.length; length += 5) {
      const error: unknown = await readRpm(rpm.subarray(0, length), "test.rpm").catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(ConfigurationError);
      expect((error as Error).message).toMatch(/^test\.rpm: [^\n]*$/);
    }
  });

  test("an unknown compression is named", async () => {
    const odd = makeRpm({ name: "a", version: "1", release: "1", files: [], compressor: "lrzip", payload: bytes("?") });
    await expect(readRpm(odd, "test")).rejects.toThrow(/lrzip/);
  });

  test.skipIf(spawnSync("xz", ["--version"]).error !== undefined)(
    "a payload packed by xz (skipped without xz)",
    async () => {
      const archive = writeCpio([file("sbin/busybox", "box".repeat(100_000))]);
      const { stdout } = spawnSync("xz", ["-c"], { input: archive, maxBuffer: 1 << 24 });
      const packed = makeRpm({ name: "b", version: "1", release: "1", files: [], compressor: "xz", payload: stdout });
      const [entry] = (await readRpm(packed, "test")).files;
      expect([entry!.name, entry!.data.length]).toEqual(["sbin/busybox", 300_000]);
      const short = makeRpm({
        name: "b",
        version: "1",
        release: "1",
        files: [],
        compressor: "xz",
        payload: stdout.subarray(0, 60),
      });
      await expect(readRpm(short, "test")).rejects.toThrow(/xz payload is truncated/);
    },
  );
});

describe("modules", () => {
  test("modinfo of both ELF classes; other files are refused", () => {
    for (const wide of [true, false]) {
      const module = makeModule(["license=GPL", "depends=hv_vmbus,hid", "vermagic=1 SMP"], wide);
      expect(readModinfo(module, "m").get("depends")).toBe("hv_vmbus,hid");
      for (let length = 0; length < module.length; length += 7) {
        expect(() => readModinfo(module.subarray(0, length), "m")).toThrow(ConfigurationError);
      }
    }
  });

  test("dependencies go first, once; dashes and underscores are the same; missing ones are told", async () => {
    const depends: Record<string, string> = {
      "k/hid-hyperv.ko": "hid,hv_vmbus",
      "k/hid.ko": "",
      "k/hv_vmbus.ko": "",
      "k/hv_storvsc.ko.xz": "hv_vmbus,scsi-mod",
    };
    const index = indexModules([...Object.keys(depends), "k/modules.order"]);
    const { modules, missing } = await orderModules(["hid_hyperv", "hv_storvsc", "hv_vmbus"], async (key) => {
      const path = index.get(key);
      return path === undefined ? undefined : { path, data: makeModule([`depends=${depends[path]}`]) };
    });
    expect(modules.map((module) => module.path)).toEqual([
      "k/hid.ko",
      "k/hv_vmbus.ko",
      "k/hid-hyperv.ko",
      "k/hv_storvsc.ko.xz",
    ]);
    expect(missing).toEqual(["scsi-mod"]);
  });
});

describe("initramfs", () => {
  const content = {
    busybox: bytes("static binary"),
    init: "#!/bin/sh\n",
    modules: [
      { path: "lib/modules/1/kernel/a.ko", data: bytes("a") },
      { path: "lib/modules/1/kernel/b.ko", data: bytes("b") },
    ],
  };

  test("has init, busybox, modules in order, and every folder before what is in it", () => {
    const entries = readCpio(gunzipSync(buildInitramfs(content)), "initramfs");
    const find = (name: string) => entries.find((entry) => entry.name === name)!;
    expect(find("init").mode).toBe(0o100755);
    expect(text(find("bin/busybox").data)).toBe("static binary");
    expect([find("bin/sh").mode, text(find("bin/sh").data)]).toEqual([0o120777, "busybox"]);
    expect(find("dev/console").device).toEqual({ major: 5, minor: 1 });
    expect(text(find("sbin/poweroff").data)).toContain("poweroff -f");
    expect(text(find("etc/modules-to-load").data)).toBe("/lib/modules/1/kernel/a.ko\n/lib/modules/1/kernel/b.ko\n");
    const seen = new Set<string>();
    for (const { name } of entries) {
      const slash = name.lastIndexOf("/");
      if (slash > 0) expect(seen).toContain(name.slice(0, slash));
      seen.add(name);
    }
  });

  test("the same content gives the same bytes", () => {
    expect(buildInitramfs(content)).toEqual(buildInitramfs(content));
  });
});
