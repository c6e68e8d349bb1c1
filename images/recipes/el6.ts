import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { ConfigurationError } from "../../emulator/machine-types";
import { S_IFREG, writeCpio } from "../archive/cpio";
import { cachedGuest, sha256, storeGuest } from "../cache";
import { checkoutDirectory } from "../checkout";
import type { GuestOptions, Recipe } from "../types";
import { SERIAL_CONSOLE } from "./common";

/** sha256 of the two files, as the README beside them gives them. */
const FILES = {
  vmlinuz: "48452b0e29e5000bdd8389669c57b71bf564a46af9d7b5c438572dcea9192e4a",
  "initramfs.gz": "59262e84c0883f62b2e027582fdedf3e838e4014ececfdc505c98769e81a7f94",
} as const;

function folderOf(options: GuestOptions): string {
  return resolve(options.guestsDir ?? join(checkoutDirectory(), "..", "shared", "guests"), "el6");
}

async function check(folder: string, file: keyof typeof FILES): Promise<string> {
  const path = join(folder, file);
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch {
    throw new ConfigurationError(
      `Guest el6: ${path} is missing; HYPERTAB_GUESTS names the folder that has el6/${file}.`,
    );
  }
  const actual = sha256(bytes);
  if (actual !== FILES[file]) {
    throw new ConfigurationError(`Guest el6: ${path} has sha256 ${actual}, and ${FILES[file]} would be right.`);
  }
  return path;
}

/**
 * What the kernel runs when the host asks for a shutdown (its kernel.poweroff_cmd). The guest has no such file, and its
 * init is a shell, which would not hear busybox's own poweroff.
 */
const POWEROFF = "#!/bin/sh\nsync\nexec /bin/poweroff -f\n";

/** An archive that the kernel unpacks over the guest's own, as several may follow one another in an initrd. */
function overlay(): Uint8Array {
  const data = new TextEncoder().encode(POWEROFF);
  return gzipSync(writeCpio([{ name: "sbin/poweroff", mode: S_IFREG | 0o755, data }]));
}

/** The kernel and drivers of Enterprise Linux 6.6, from a folder outside the project. */
export const el6: Recipe = {
  name: "el6",
  description:
    "2.6.32-504.el6.x86_64, the kernel of CentOS 6.6, with its Hyper-V drivers and busybox, from a local folder",
  async availability(options) {
    const from = folderOf(options);
    try {
      for (const file of Object.keys(FILES) as (keyof typeof FILES)[]) await check(from, file);
      return { available: true, from };
    } catch (error) {
      return { available: false, from: error instanceof Error ? error.message : String(error) };
    }
  },
  async get(options) {
    const folder = folderOf(options);
    const kernel = await readFile(await check(folder, "vmlinuz"));
    const initrd = await readFile(await check(folder, "initramfs.gz"));
    const recipe = sha256(JSON.stringify([FILES, POWEROFF]));
    const cached = await cachedGuest(options.cacheDir, "el6", recipe);
    if (cached) return cached;
    return storeGuest(options.cacheDir, "el6", {
      kernel,
      initrd: Buffer.concat([initrd, overlay()]),
      recipe,
      source: `the files in ${folder}, whose checksums are right, with a /sbin/poweroff`,
      commandLine: SERIAL_CONSOLE,
    });
  },
};
