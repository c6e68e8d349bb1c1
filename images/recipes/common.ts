import { readFile } from "node:fs/promises";
import { initScript } from "../checkout";

/** Console on COM1. */
export const SERIAL_CONSOLE = "console=ttyS0";

/** The Hyper-V drivers of a guest and what a disk, a CD, emulated IDE, a screen, keys and a mouse need; a kernel may have some built in. */
export const WANTED_MODULES: readonly string[] = [
  "sd_mod",
  "sr_mod",
  "ext4",
  "hv_vmbus",
  "hv_utils",
  "hv_balloon",
  "hv_storvsc",
  "ata_piix",
  "hv_netvsc",
  "hyperv_fb",
  "atkbd",
  "evdev",
  "hid-hyperv",
  "hyperv-keyboard",
];

export async function readInit(): Promise<string> {
  return readFile(initScript(), "utf8");
}
