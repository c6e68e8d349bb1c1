import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigurationError } from "../../emulator/machine-types";
import { withApt, type Apt, type Architecture } from "../apt";
import { unxz } from "../archive/rpm";
import { cachedGuest, sha256, storeGuest, type BuiltGuest } from "../cache";
import { buildInitramfs } from "../initramfs";
import { indexModules, orderModules } from "../modules";
import type { GuestOptions, Recipe } from "../types";
import { readInit, SERIAL_CONSOLE, WANTED_MODULES } from "./common";

interface Variant {
  readonly name: string;
  readonly description: string;
  readonly architecture: Architecture;
  /** The package that depends on the newest kernel of this kind. */
  readonly metapackage: string;
}

async function findKernelPackage(apt: Apt, variant: Variant): Promise<string> {
  const depends = await apt.depends(variant.metapackage);
  const kernel = /Depends: (linux-image-\d[\w.+-]*)/.exec(depends)?.[1];
  if (!kernel) {
    throw new ConfigurationError(
      `Guest ${variant.name}: apt's sources list no ${variant.metapackage} for ${variant.architecture}; ` +
        "Debian 12's would, if its mirror can be reached.",
    );
  }
  return kernel;
}

async function readModule(path: string): Promise<Uint8Array> {
  const bytes = await readFile(path);
  return path.endsWith(".xz") ? unxz(bytes) : bytes;
}

async function build(variant: Variant, options: GuestOptions): Promise<BuiltGuest> {
  const { log } = options;
  return withApt(variant.architecture, log, async (apt) => {
    const kernelPackage = await findKernelPackage(apt, variant);
    log?.(`fetching ${kernelPackage} and busybox-static`);
    const kernelRoot = await apt.unpack(kernelPackage);
    const busyboxRoot = await apt.unpack("busybox-static");

    log?.("building the initramfs");
    const version = kernelPackage.replace(/^linux-image-/, "").replace(/-unsigned$/, "");
    // Debian 13 on keeps modules below usr/lib.
    const under = await readdir(join(kernelRoot, "lib", "modules", version)).then(
      () => kernelRoot,
      () => join(kernelRoot, "usr"),
    );
    const paths = await readdir(join(under, "lib", "modules", version), { recursive: true });
    const index = indexModules(paths);
    const { modules, missing } = await orderModules(WANTED_MODULES, async (key) => {
      const path = index.get(key);
      if (path === undefined) return undefined;
      const data = await readModule(join(under, "lib", "modules", version, path));
      return { path: `lib/modules/${version}/${path.replace(/\.xz$/, "")}`, data };
    });
    if (missing.length > 0) log?.(`not modules of this kernel: ${missing.join(", ")}`);
    const busybox = await readFile(join(busyboxRoot, "bin", "busybox")).catch(() =>
      readFile(join(busyboxRoot, "usr", "bin", "busybox")),
    );
    return {
      kernel: await readFile(join(kernelRoot, "boot", `vmlinuz-${version}`)),
      initrd: buildInitramfs({ busybox, init: await readInit(), modules }),
      recipe: await recipeId(variant),
      source: `Debian's ${kernelPackage} and busybox-static`,
      commandLine: SERIAL_CONSOLE,
    };
  });
}

async function recipeId(variant: Variant): Promise<string> {
  return sha256(JSON.stringify([variant.metapackage, WANTED_MODULES, await readInit()]));
}

function debianRecipe(variant: Variant): Recipe {
  return {
    name: variant.name,
    description: variant.description,
    async availability(options) {
      const cached = await cachedGuest(options.cacheDir, variant.name, await recipeId(variant));
      return cached ? { available: true, from: cached.why } : { available: false, from: "Debian's packages, by apt" };
    },
    async get(options) {
      const cached = await cachedGuest(options.cacheDir, variant.name, await recipeId(variant));
      return cached ?? storeGuest(options.cacheDir, variant.name, await build(variant, options));
    },
  };
}

export const debian = debianRecipe({
  name: "debian",
  description: "Debian's cloud kernel for amd64 with its Hyper-V modules, and busybox, by apt without root",
  architecture: "amd64",
  metapackage: "linux-image-cloud-amd64",
});

export const debian686 = debianRecipe({
  name: "debian-686",
  description: "Debian's 32-bit kernel without PAE, and busybox, by apt without root",
  architecture: "i386",
  metapackage: "linux-image-686",
});

export const debian686Pae = debianRecipe({
  name: "debian-686-pae",
  description: "Debian's 32-bit kernel with PAE, and busybox, by apt without root",
  architecture: "i386",
  metapackage: "linux-image-686-pae",
});
