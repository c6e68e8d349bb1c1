import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ConfigurationError } from "../../emulator/machine-types";
import { joinArchives } from "../archive/cpio";
import { cachedGuest, sha256, storeGuest } from "../cache";
import { checkoutDirectory } from "../checkout";
import { powerOverlay } from "../initramfs";
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

/** Reads one of the files, checked. */
async function check(folder: string, file: keyof typeof FILES): Promise<Uint8Array> {
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
  return bytes;
}

/** Changes when what get() makes would. */
const RECIPE = `el6 2 ${FILES["initramfs.gz"]}`;

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
    const kernel = await check(folder, "vmlinuz");
    const initramfs = await check(folder, "initramfs.gz");
    const cached = await cachedGuest(options.cacheDir, "el6", RECIPE);
    if (cached) return cached;
    return storeGuest(options.cacheDir, "el6", {
      kernel,
      // The second one lets `poweroff`, and Hyper-V's shutdown, turn it off.
      initrd: joinArchives([initramfs, powerOverlay()]),
      recipe: RECIPE,
      source: `the files in ${folder}, whose checksums are right`,
      commandLine: SERIAL_CONSOLE,
    });
  },
};
